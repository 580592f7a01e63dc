//! Hands the command line to the shell, and turns the end of the run into an exit code.

use std::process::ExitCode;

use sftpsh::shell::{RunEnd, run_command_line};

// Visible beyond this file because `examples/demo` runs this very function.
pub(crate) fn main() -> ExitCode {
    ExitCode::from(match run_command_line(std::env::args_os()) {
        RunEnd::Done => 0,
        RunEnd::CommandFailed | RunEnd::Usage | RunEnd::Interrupted => 1,
        RunEnd::ConnectionFailed => 255,
    })
}
