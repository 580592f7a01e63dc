//! One request under way, for a caller that waits for it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::lock::lock;
use crate::sftp::calls::Call;
use crate::sftp::delivery::Complete;
use crate::sftp::error::Error;
use crate::sftp::reply::Reply;
use crate::sftp::shared::{Completion, Outcome};

/// A request under way. Dropping it abandons the reply; if the reply holds a handle, the server's handle is closed.
#[must_use = "a request that nobody waits for tells nobody how it ended"]
pub struct Pending<R> {
    slot: Arc<Slot>,
    result: fn(Reply) -> Option<R>,
}

/// The place for the outcome, shared by the pending request and its entry in the table of outstanding requests. If
/// both are gone, the outcome is dropped with the slot, which closes a handle in it.
#[derive(Default)]
struct Slot {
    outcome: Mutex<Option<Result<Reply, Error>>>,
    arrived: Condvar,
}

impl<R> Pending<R> {
    pub(super) fn new<C: Call<Reply = R>>() -> (Pending<R>, Completion) {
        let slot = Arc::new(Slot::default());
        let completion = Completion { to: Arc::clone(&slot) as Arc<dyn Complete<Outcome>>, key: 0 };
        (Pending { slot, result: C::result }, completion)
    }

    /// Waits for the reply.
    ///
    /// # Errors
    /// The server's refusal, the end of the connection, or [`Error::Interrupted`] after
    /// [`Waits::end`](super::Waits::end). Each request ends in one of them, so the wait is bounded unless the session
    /// was opened without an idle limit.
    pub fn wait(self) -> Result<R, Error> {
        let outcome = lock(&self.slot.outcome);
        let mut outcome =
            self.slot.arrived.wait_while(outcome, |outcome| outcome.is_none()).unwrap_or_else(PoisonError::into_inner);
        match outcome.take() {
            Some(Ok(reply)) => (self.result)(reply).ok_or_else(mismatch),
            Some(Err(error)) => Err(error),
            None => Err(mismatch()),
        }
    }
}

/// The driver checks each reply against the expectation of its request, so this would be a fault of ours, not of the
/// server.
fn mismatch() -> Error {
    Error::Protocol("a reply of another kind than its request expects".into())
}

impl Complete<Outcome> for Slot {
    fn complete(&self, outcomes: Vec<(usize, Outcome)>) {
        *lock(&self.outcome) = outcomes.into_iter().next().map(|(_, outcome)| outcome);
        self.arrived.notify_all();
    }

    fn give_up(&self) {
        lock(&self.outcome).get_or_insert(Err(Error::Interrupted));
        self.arrived.notify_all();
    }
}
