//! The requests about jobs that a command leaves to the shell.

use crate::commands::JobNumber;

/// A request about the jobs of the session, whose table the shell keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobRequest {
    /// List the jobs.
    List {
        /// True to print a JSON object for each job.
        json: bool,
    },
    /// Watch a job to its end: this one, or the latest.
    Foreground(Option<JobNumber>),
    /// Let jobs go on: these, or the latest that is paused.
    Resume(Vec<JobNumber>),
    /// Pause jobs: these, or the latest that is not paused.
    Pause(Vec<JobNumber>),
    /// Cancel these jobs.
    Cancel(Vec<JobNumber>),
    /// Start queued transfers in their turn.
    StartQueue,
    /// Start no more queued transfers.
    StopQueue,
    /// Wait for the end of jobs: these, or all.
    Wait(Vec<JobNumber>),
}
