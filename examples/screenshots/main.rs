//! Draws the picture at the top of README: `cargo run --example screenshots` plays its session and writes the file.
//!
//! With arguments it is sftpsh, which runs as a child of this program.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it speaks to the person who started it, and is no part of the program"
)]

mod session;
#[path = "../../src/main.rs"]
mod sftpsh_main;
#[path = "../../tests/support/mod.rs"]
mod support;
mod window;

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().len() > 1 {
        return sftpsh_main::main();
    }
    session::write(&session::play());
    println!("{}", session::file().display());
    ExitCode::SUCCESS
}
