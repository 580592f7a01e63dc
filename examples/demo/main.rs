//! The demo: a real server, and the real shell connected to it, on a machine that has neither.
//!
//! `cargo run --release --example demo` starts an SSH and SFTP server inside this program. It listens on a free
//! loopback port and serves a temporary directory. Then it opens sftpsh on the server, over real SSH, with a real key
//! and a real check of the host's key. `-- --tour` plays a scripted tour instead, checks its output, and exits with 0
//! only if all checks pass. All files are removed at the end.
//!
//! The shell is sftpsh's own `main`, which this program runs in a child process of itself.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it speaks to the person who started it")]

#[allow(dead_code, unreachable_pub, clippy::expect_used, reason = "the tests' server; they use more of it")]
#[path = "../../tests/support/embedded/mod.rs"]
mod embedded;
#[path = "../../src/main.rs"]
mod sftpsh_main;
mod tour;
mod world;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use std::io;
use std::process::{Child, ExitCode, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use world::World;

/// Set in the child process that runs the shell.
const ROLE: &str = "SFTPSH_DEMO_ROLE";

/// Pause between two checks whether the shell has ended or a signal has arrived.
const GLANCE: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    if std::env::var_os(ROLE).is_some() {
        return sftpsh_main::main();
    }
    let played = match std::env::args().nth(1).as_deref() {
        None => visit(),
        Some("--tour") => tour::play(),
        Some(_) => {
            eprintln!("usage: demo [--tour]");
            return ExitCode::FAILURE;
        }
    };
    played.unwrap_or_else(|error| {
        eprintln!("demo: {error}");
        ExitCode::FAILURE
    })
}

/// Opens the shell on this terminal and waits for it to end.
fn visit() -> io::Result<ExitCode> {
    let told_to_end = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&told_to_end))?;
    }
    // Ctrl-C and Ctrl-\ are for the shell. This program only has to survive them.
    for signal in [SIGINT, SIGQUIT] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    let world = World::build()?;
    eprintln!(
        "A server of this demo's own listens on 127.0.0.1, port {}; what it serves is temporary and goes away with the prompt.",
        world.port()
    );
    eprintln!("Try:  ls -l    get messages.*    get -r tree    cd many    help    bye\n");
    let status = wait(world.shell().spawn()?, &told_to_end)?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn wait(mut shell: Child, told_to_end: &AtomicBool) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = shell.try_wait()? {
            return Ok(status);
        }
        if told_to_end.load(Ordering::SeqCst) {
            shell.kill()?;
        }
        std::thread::sleep(GLANCE);
    }
}
