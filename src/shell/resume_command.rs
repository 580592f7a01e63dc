//! The command line that continues this one after it was stopped.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use crate::terminal::Printable;

/// Returns the same command line with `-a`, quoted for a shell.
pub(crate) fn resume_command(arguments: &[OsString]) -> String {
    let mut words = arguments.iter().map(|word| word.as_bytes());
    let program = words.next().unwrap_or(b"sftpsh");
    let all = [program, b"-a"].into_iter().chain(words.skip_while(|word| *word == b"-a"));
    let line = shlex::bytes::try_join(all).unwrap_or_default();
    Printable(&line).to_string()
}
