//! Moves files and trees between this machine and the server.
//!
//! Every transfer is a [`Job`]. It starts with a [`Request`], sends [`Event`]s while it runs, and ends with a
//! [`Report`]. Each job has one thread, which runs a state machine per file over one queue of answers, with hundreds
//! of files in flight on one channel. It still reports file by file in sorted order. Nothing here knows a command or
//! a terminal.

mod canceller;
mod conflict;
mod connections;
mod engine;
mod event;
mod failure;
mod get;
mod hold;
mod job;
mod learnt;
mod limit;
mod local;
mod mover;
mod pairs;
mod plan;
mod progress;
mod proof;
mod put;
mod rehearsal;
mod removal;
mod report;
mod request;
mod selection;
mod settings;
#[cfg(test)]
mod testing;

pub use canceller::Canceller;
pub use conflict::{Answer, Conflict, Question, Version};
pub use event::{Event, File, Intent, Note, Proof, Total};
pub use failure::{Act, Cause, Failure};
pub use hold::Hold;
pub use job::{Job, start};
pub use learnt::Learnt;
pub use limit::Limit;
pub use pairs::{GetPair, GetPairs, LocalPath, Pairs, PutPair, PutPairs};
pub use proof::hashing::hasher;
pub use report::Report;
pub use request::{Connections, Direction, Links, OnConflict, Options, Request, Verify, WorkingDirectories};
pub use selection::{Rules, RulesBuilder, Selection};
