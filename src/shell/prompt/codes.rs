//! Control codes for the terminal at which a person types.

use std::io;

/// Writes control codes to the terminal on stdout.
pub(super) fn write(codes: &[u8]) {
    // If the terminal can't be written, it was closed, which the next read notices too.
    let _ = rustix::io::write(io::stdout(), codes);
}
