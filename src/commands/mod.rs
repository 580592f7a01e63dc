//! What each command does: its arguments, its help, its run; one file per command.
//!
//! The shell splits a line into [`Word`]s, [`parse`]s them into a [`Command`], and runs it on the [`Context`]. A command
//! reads no line, prints only through the context's output, and never ends the process: what it wants of the shell it
//! returns in its [`Outcome`]. A new command is its file, its tests and one line in the list below, from which variant,
//! dispatch, help and completion come.
#![forbid(unsafe_code)]

mod argument;
mod context;
mod failure;
mod list;
mod local;
mod parse;
mod run;
pub mod word;

pub mod bye;
pub mod version;

pub use argument::{
    ArgumentKind, CommandName, GetOperand, Id, LocalDir, LocalPath, Mode, PutOperand, RemoteDir, RemotePath,
    RemotePattern, ShellLine, Umask,
};
pub use context::{Context, Interrupt, Settings};
pub use failure::{Cause, Failure};
pub use list::{Entry, Flag, find, names};
pub use local::LocalDirectory;
pub use parse::{parse, parse_raw};
pub use run::{Example, Outcome, Run};
pub use word::{Quoting, Word};

list::commands! {
    bye::Bye: "bye", "exit", "quit";
    version::Version: "version";
}

/// Why something local did not work, in the system's words and without their number: `No such file or directory`.
fn local_cause(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
