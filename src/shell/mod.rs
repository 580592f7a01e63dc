//! The session with a person or a script: reads lines, splits words, completes, watches jobs, shows reports.
#![forbid(unsafe_code)]

pub mod words;

mod begin;
mod complete;
mod end;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod given;
mod hangup;
mod input;
mod line;
mod lines;
mod performer;
mod prompt;
mod revival;
mod script;
mod session;
mod showing;
mod signals;
mod source;
mod start;
mod watch;

pub use end::RunEnd;
pub use start::run_command_line;
