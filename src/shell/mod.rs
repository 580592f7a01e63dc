//! The session with a person or a script: reads lines, splits words, completes, watches jobs, shows reports.
#![forbid(unsafe_code)]

pub mod words;
