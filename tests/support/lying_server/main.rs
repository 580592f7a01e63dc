//! An SFTP server that is honest except for one lie: `lying-server ROOT LIE`, on stdin and stdout, for `-D` or as the
//! subsystem of a real sshd.
//!
//! It serves the real directory ROOT by protocol version 3. `lie.rs` lists the lies and their purposes. `manners.rs`
//! lists the manners of real servers, of which it may have several: `lying-server ROOT plain+in-order`.
#![allow(clippy::print_stderr, reason = "a program of the tests; its words go to their log")]

mod hashing;
mod honest;
mod lie;
mod listing;
mod manners;
mod wire;

use std::io::{self, BufReader, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let [root, told] = words.as_slice() else {
        eprintln!("usage: lying-server ROOT LIE");
        return ExitCode::FAILURE;
    };
    let Some(manners) = parse(told) else {
        eprintln!("lying-server: no such lie: {told}");
        return ExitCode::FAILURE;
    };
    let served = std::env::set_current_dir(root).and_then(|()| match manners.most_waiting() {
        Some(most) => serve_dropping(manners, most),
        None => serve(manners),
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lying-server: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Parses the words of a server: at most one lie, and any number of manners.
fn parse(told: &str) -> Option<manners::Manners> {
    let (mut told_lie, mut list) = (lie::Lie::None, Vec::new());
    for word in told.split('+') {
        match manners::Manner::parse(word) {
            Some(manner) => list.push(manner),
            None => told_lie = lie::Lie::parse(word)?,
        }
    }
    Some(manners::Manners::new(list, lie::Teller::new(told_lie)))
}

/// How long an answer takes while further requests are dropped.
const WAIT: Duration = Duration::from_millis(20);

/// Answers requests, and drops those that arrive while too many wait.
fn serve_dropping(mut manners: manners::Manners, most: usize) -> io::Result<()> {
    let (sender, requests) = mpsc::channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let taken = Arc::clone(&waiting);
    std::thread::spawn(move || {
        let mut input = BufReader::with_capacity(1 << 20, io::stdin().lock());
        while let Ok(Some(request)) = wire::Request::read(&mut input) {
            if taken.load(Ordering::SeqCst) < most {
                taken.fetch_add(1, Ordering::SeqCst);
                let _ = sender.send((Instant::now() + WAIT, request));
            }
        }
    });
    let mut replies = io::stdout().lock();
    for (at, request) in requests {
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        let bytes = manners.answer(request);
        waiting.fetch_sub(1, Ordering::SeqCst);
        replies.write_all(&bytes)?;
        replies.flush()?;
    }
    Ok(())
}

/// Answers until the client leaves, or until the lie makes the server end.
fn serve(mut manners: manners::Manners) -> io::Result<()> {
    let mut requests = BufReader::with_capacity(1 << 20, io::stdin().lock());
    let mut replies = io::stdout().lock();
    while let Some(request) = wire::Request::read(&mut requests)? {
        let bytes = manners.answer(request);
        // A server that reorders waits until the client has no more requests.
        let bytes = if requests.buffer().is_empty() { [bytes, manners.let_go()].concat() } else { bytes };
        replies.write_all(&bytes)?;
        replies.flush()?;
        if manners.teller().has_left() {
            break;
        }
    }
    Ok(())
}
