//! The trait of all commands: arguments that clap parses, and their execution.

use crate::cli::Destination;
use crate::commands::{Context, Failure, JobRequest};
use crate::transfer::Request;

/// A command's type. Its doc comment is the help, its fields are the arguments.
pub trait Run: clap::Args {
    /// True if the command sends requests to the server. Any other command also runs without a connection.
    const NEEDS_SERVER: bool;

    /// Examples at the end of the help.
    const EXAMPLES: &'static [Example] = &[];

    /// The term for a missing path: `You must specify … after a CMD command.`
    const REQUIRED_PHRASE: &'static str = "a path";

    /// True if the command takes the rest of the line unsplit, for a local shell.
    const TAKES_REST_OF_LINE: bool = false;

    /// True if an unknown flag is refused in any position. sftp(1) treats one after an operand as another operand, so
    /// only a command that sftp(1) lacks may set this.
    const REFUSES_LATE_FLAGS: bool = false;

    /// True if the command transfers files, so that it can run in the background.
    const TRANSFERS: bool = false;

    /// True if the words after the command's name are another command, flags included.
    const TAKES_COMMAND: bool = false;

    /// Returns the command's purpose, which decides what happens when stdout is closed.
    fn purpose(&self) -> Purpose;

    /// Runs the command.
    ///
    /// # Errors
    /// The command failed, at least in part.
    fn run(self, cx: &mut Context) -> Result<Outcome, Failure>;
}

/// The purpose of a command. There is no default, so that each new command must choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It only prints. It stops when stdout is closed.
    Output,
    /// It changes only the session or files on this machine. Once begun, it is completed even if stdout is closed.
    LocalEffect,
    /// It may change files on the server. Once begun, it is completed even if stdout is closed.
    Effect,
}

/// An example line and its explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// The command line.
    pub line: &'static str,
    /// An explanation for the user.
    pub does: &'static str,
}

/// The work left to the shell after a command has run: everything that needs the user, the terminal or the end of the
/// process.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing.
    Done,
    /// End the session.
    End,
    /// Transfer files. The command fails if the report contains a failure or if a source was not found, which was
    /// reported already.
    Transfer {
        /// The files and how to transfer them.
        request: Box<Request>,
        /// True if every source was found.
        all_found: bool,
    },
    /// Transfer files in the background, after those that were queued before.
    Enqueue {
        /// The files and how to transfer them.
        request: Box<Request>,
        /// True if every source was found.
        all_found: bool,
    },
    /// Control or list the jobs. The command fails if a job that it waits for has failed.
    Jobs(JobRequest),
    /// Run this local program in the foreground, with our streams. If it fails, print `Shell exited with status N`;
    /// that does not make the command fail.
    Local(std::process::Command),
    /// Disconnect. The session goes on without a connection.
    Close,
    /// Drop the connection, and connect to the same server again.
    Reconnect,
    /// Connect to another server, and go on with it.
    Open(Destination),
}
