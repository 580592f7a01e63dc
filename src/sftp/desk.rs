//! The place where sessions reach the thread that drives their connection: they wake it, and further sessions join it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::lock::lock;
use crate::sftp::waker::Waker;

/// The desk of one connection. `T` is a session that wants to join the driver.
pub(super) struct Desk<T> {
    pub(super) waker: Arc<Waker>,
    /// `None` once the driver has ended.
    applicants: Mutex<Option<Vec<T>>>,
    polls: AtomicU64,
}

impl<T> Desk<T> {
    /// Returns a desk whose driver is awake.
    pub(super) fn new() -> std::io::Result<Desk<T>> {
        Ok(Desk { waker: Arc::new(Waker::new()?), applicants: Mutex::new(Some(Vec::new())), polls: AtomicU64::new(0) })
    }

    /// Lets a session join the driver, and wakes it. Drops the session if the driver has ended.
    pub(super) fn apply(&self, applicant: T) {
        if let Some(applicants) = &mut *lock(&self.applicants) {
            applicants.push(applicant);
        }
        self.waker.wake();
    }

    /// Returns the sessions that have come since the last call.
    pub(super) fn applicants(&self) -> Vec<T> {
        lock(&self.applicants).as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Returns whether a session waits to join.
    pub(super) fn has_applicants(&self) -> bool {
        lock(&self.applicants).as_ref().is_some_and(|applicants| !applicants.is_empty())
    }

    /// Lets no session join any more, and drops those that wait.
    pub(super) fn close(&self) {
        *lock(&self.applicants) = None;
    }

    /// Counts a sleep of the driver.
    pub(super) fn count_poll(&self) {
        self.polls.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many times the driver slept.
    pub(super) fn polls(&self) -> u64 {
        self.polls.load(Ordering::Relaxed)
    }
}
