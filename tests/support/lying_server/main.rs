//! An SFTP server that is honest but for one lie: `lying-server ROOT LIE`, on stdin and stdout, for `-D` or as a real sshd's subsystem.
//!
//! It serves the real directory ROOT by protocol version 3. The lies, and what each is good for, stand in `lie.rs`.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "a program of the tests; its words go to their log")]

mod hashing;
mod honest;
mod lie;
mod listing;
mod wire;

use std::io::{self, BufReader, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let [root, told] = words.as_slice() else {
        eprintln!("usage: lying-server ROOT LIE");
        return ExitCode::FAILURE;
    };
    let Some(lie) = lie::Lie::parse(told) else {
        eprintln!("lying-server: no such lie: {told}");
        return ExitCode::FAILURE;
    };
    match std::env::set_current_dir(root).and_then(|()| serve(lie)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lying-server: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Answers until the client leaves, or the lie is that the server does.
fn serve(lie: lie::Lie) -> io::Result<()> {
    let mut requests = BufReader::with_capacity(1 << 20, io::stdin().lock());
    let mut replies = io::stdout().lock();
    let mut teller = lie::Teller::new(lie);
    while let Some(request) = wire::Request::read(&mut requests)? {
        let bytes = teller.answer(request);
        // A server that reorders waits until the client has nothing more to ask.
        let bytes = if requests.buffer().is_empty() { [bytes, teller.let_go()].concat() } else { bytes };
        replies.write_all(&bytes)?;
        replies.flush()?;
        if teller.has_left() {
            break;
        }
    }
    Ok(())
}
