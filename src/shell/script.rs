//! A script: its lines, and how far it was read, so that a failure can name its line.

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::cli::Batch;
use crate::os_error;
use crate::shell::input::Input;
use crate::shell::lines::Lines;
use crate::shell::run_end::RunEnd;
use crate::shell::signals::Signals;
use crate::sticky;
use crate::terminal::{Output, Printable};

/// The lines of a file, or of a program that writes to stdin.
pub(crate) struct Script {
    lines: Lines,
    name: String,
    /// The number of lines read so far.
    count: u64,
}

impl Script {
    /// Opens a batch, without reading from it.
    ///
    /// # Errors
    /// The file can't be opened. The user has been told why.
    pub(crate) fn open(batch: &Batch, output: &Output) -> Result<Script, RunEnd> {
        let path = match batch {
            Batch::StandardInput => return Ok(Script::of_stdin()),
            Batch::File(path) => path,
        };
        let file = sticky::open(path).map_err(|error| {
            let file = Printable(path.as_os_str().as_bytes());
            // The format of sftp(1)'s line, whatever the reason.
            match sticky::rule_behind(&error) {
                Some(rule) => {
                    output.failure(format_args!("Permission denied ({file})."));
                    output.failure(rule);
                }
                None => output.failure(format_args!("{} ({file}).", os_error::text(&error))),
            }
            RunEnd::ConnectionFailed
        })?;
        Ok(Script::of_file(path, file))
    }

    /// Returns the script on standard input.
    pub(crate) fn of_stdin() -> Script {
        Script { lines: Lines::of_stdin(), name: "stdin".to_owned(), count: 0 }
    }

    /// Returns the script in a file, which messages name as the user did.
    pub(crate) fn of_file(path: &Path, file: File) -> Script {
        let name = Printable(path.as_os_str().as_bytes()).text().into_owned();
        Script { lines: Lines::of_file(file.into()), name, count: 0 }
    }

    /// Returns the next line.
    ///
    /// # Errors
    /// The input can't be read.
    pub(crate) fn next(&mut self, signals: &Signals) -> io::Result<Input> {
        let input = self.lines.next(signals)?;
        self.count += u64::from(matches!(input, Input::Line(_) | Input::TooLong(_)));
        Ok(input)
    }

    /// Returns the script and the number of the last line: `upload.sftp:12`.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.name, self.count)
    }
}
