//! Moves files and trees: plan, engine, local files, events, report.
#![forbid(unsafe_code)]
