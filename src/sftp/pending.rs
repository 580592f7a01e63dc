//! One request that is under way, for those who want to wait for it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::calls::Call;
use super::error::Error;
use super::reply::Reply;
use super::shared::{Complete, Completion, Outcome, lock};

/// A request that is under way. Dropping it abandons the reply; a handle in the reply is closed in the server.
#[must_use = "a request that nobody waits for tells nobody how it ended"]
pub struct Pending<R> {
    slot: Arc<Slot>,
    result: fn(Reply) -> Option<R>,
}

/// Where the outcome lands. The pending request and its entry in the table of outstanding ones share it; when neither is
/// left to take the outcome, it falls with the slot, and a handle in it closes itself.
#[derive(Default)]
struct Slot {
    outcome: Mutex<Option<Result<Reply, Error>>>,
    arrived: Condvar,
}

impl<R> Pending<R> {
    pub(super) fn new<C: Call<Reply = R>>() -> (Pending<R>, Completion) {
        let slot = Arc::new(Slot::default());
        let completion = Completion { to: Arc::clone(&slot) as Arc<dyn Complete>, key: 0 };
        (Pending { slot, result: C::result }, completion)
    }

    /// Waits for the reply.
    ///
    /// # Errors
    /// The server's refusal, the end of the connection, or [`Error::Interrupted`] after [`Waits::end`](super::Waits::end): every
    /// request ends in one of them, so this can't wait for ever unless the session was opened without an idle limit.
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

/// The driver checks every reply against what its request expects, so this is an error of ours and not of the server.
fn mismatch() -> Error {
    Error::Protocol("a reply of another kind than its request expects".into())
}

impl Complete for Slot {
    fn complete(&self, outcomes: Vec<(usize, Outcome)>) {
        *lock(&self.outcome) = outcomes.into_iter().next().map(|(_, outcome)| outcome);
        self.arrived.notify_all();
    }

    fn give_up(&self) {
        lock(&self.outcome).get_or_insert(Err(Error::Interrupted));
        self.arrived.notify_all();
    }
}
