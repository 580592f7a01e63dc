//! How a job ended.

use std::time::Duration;

use crate::sftp::{self, Session};
use crate::transfer::failure::Failure;

/// How a job ended.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Files that are there as they should be.
    pub files: u64,
    /// Bytes that were moved; what a resume found in place is not counted.
    pub bytes: u64,
    /// From start to end.
    pub elapsed: Duration,
    /// What failed, in the order in which it was told. A lost connection is one failure, whatever it took along.
    pub failures: Vec<Failure>,
    /// Why the connection ended, when it did.
    pub lost: Option<sftp::Error>,
    /// The sessions that it leaves, the one that the shell goes on with first. Without a loss that is the one that it
    /// started on.
    pub sessions: Vec<Session>,
    /// Whether the user stopped it.
    pub cancelled: bool,
}

impl Report {
    /// Whether all that was asked for is done.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failures.is_empty() && self.lost.is_none() && !self.cancelled
    }
}
