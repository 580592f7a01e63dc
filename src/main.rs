//! Parses the command line, connects, runs the shell, and turns its end into an exit code.

use std::process::ExitCode;

// Visible beyond this file because `examples/demo` runs this very function.
pub(crate) fn main() -> ExitCode {
    ExitCode::FAILURE
}
