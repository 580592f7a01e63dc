//! What a command is: arguments that clap reads, and what is done with them.

use super::{Context, Failure};
use crate::transfer::Job;

/// What every command's type does. Its doc comment is its help, its fields are its arguments.
pub trait Run: clap::Args {
    /// Whether it asks the server for anything. A command that does not also runs without a connection.
    const NEEDS_SERVER: bool;

    /// Examples at the end of its help.
    const EXAMPLES: &'static [Example] = &[];

    /// What a missing path is called: `You must specify … after a CMD command.`
    const REQUIRED_PHRASE: &'static str = "a path";

    /// Whether it takes the rest of the line as it stands, for a local shell to read.
    const TAKES_REST_OF_LINE: bool = false;

    /// Whether an unknown flag is refused wherever it is. sftp(1) takes one that follows an operand for another operand, so
    /// only a command that sftp(1) lacks may do so.
    const REFUSES_LATE_FLAGS: bool = false;

    /// Returns what it is for, which decides what happens when nobody reads stdout any more.
    fn purpose(&self) -> Purpose;

    /// Does it.
    ///
    /// # Errors
    /// It was not done, or not all of it.
    fn run(self, cx: &mut Context) -> Result<Outcome, Failure>;
}

/// What a command is for. There is no default, so that every new command decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It only prints. It stops when nobody reads stdout any more.
    Output,
    /// It changes something: files, the session, where we are. Once begun it is finished, whoever reads what it prints.
    Effect,
}

/// A line that may be typed, and what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// The line.
    pub line: &'static str,
    /// What it does, for a person.
    pub does: &'static str,
}

/// What is left to do once a command has run: all that needs the person, the terminal or the end of the process.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing.
    Done,
    /// The session ends.
    End,
    /// Files are being moved: watch this job to its end. The command fails when its report has a failure, or when not all
    /// that was named was found, which was said already.
    Transfer {
        /// What moves them.
        job: Job,
        /// Whether every source was found.
        all_found: bool,
    },
    /// Run this local program in the foreground, its streams being ours, and say so if it fails:
    /// `Shell exited with status N`, which is no failure of the command.
    Local(std::process::Command),
}
