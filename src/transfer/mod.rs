//! Moves files and trees between here and the server.
//!
//! Every transfer is a [`Job`]: a [`Request`] goes in, [`Event`]s come out while it runs, a [`Report`] ends it. One thread
//! per job runs a state machine per file over one completion queue, with hundreds of files in flight on one channel; what
//! it says still comes file by file in sorted order, as if done one by one. Nothing here knows a command or a terminal.

mod canceller;
mod conflict;
mod connections;
mod engine;
mod event;
mod failure;
mod get;
mod job;
mod learnt;
mod limit;
mod local;
mod mover;
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

pub use canceller::Canceller;
pub use conflict::{Answer, Conflict, Question, Version};
pub use event::{Event, File, Intent, Note, Proof, Total};
pub use failure::{Act, Cause, Failure};
pub use job::{Job, start};
pub use learnt::Learnt;
pub use limit::Limit;
pub use report::Report;
pub use request::{
    Connections, Direction, GetPair, Links, LocalPath, OnConflict, Options, Pairs, PutPair, Request, Verify,
    WorkingDirectories,
};
pub use selection::{Rules, RulesBuilder, Selection};
