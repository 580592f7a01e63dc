//! What each command does: its arguments, its help, its run; one file per command.
#![forbid(unsafe_code)]

pub mod word;

pub use word::{Quoting, Word};
