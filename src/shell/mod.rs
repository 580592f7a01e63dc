//! The session with a person or a script: reads lines, splits words, completes, watches jobs, shows reports.

pub mod words;

mod attempt;
mod background;
mod command_line_scripts;
mod complete;
mod configure;
mod connection;
mod destination;
mod ending;
mod executor;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod hangup;
mod input;
mod inputrc;
mod interactivity;
mod jobs;
mod leaving;
mod line;
mod line_source;
mod lines;
mod progress_display;
mod prompt;
mod reconnection;
mod resume_command;
mod run_end;
mod script;
mod session;
mod session_settings;
mod signals;
mod start;
mod suspension;
mod trailing_command;
mod watch;

pub use run_end::RunEnd;
pub use start::run_command_line;
