//! The result of a job.

use std::time::Duration;

use crate::sftp::{self, Session};
use crate::transfer::failure::Failure;

/// The result of a job.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Files that have arrived.
    pub files: u64,
    /// Bytes that were moved. Bytes that a resume found don't count.
    pub bytes: u64,
    /// The time from start to end.
    pub elapsed: Duration,
    /// The failures, in the order in which they were reported. A lost connection is one failure.
    pub failures: Vec<Failure>,
    /// Why the connection ended, when it did.
    pub lost: Option<sftp::Error>,
    /// The sessions that are still open. The shell continues with the first, which is the one that the job started
    /// with unless it was lost.
    pub sessions: Vec<Session>,
    /// True if the user stopped the job.
    pub cancelled: bool,
}

impl Report {
    /// Returns whether everything was moved.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failures.is_empty() && self.lost.is_none() && !self.cancelled
    }
}
