//! One request that is under way, for those who want to wait for it.

use std::marker::PhantomData;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::calls::Call;
use super::error::Error;
use super::reply::Reply;
use super::shared::{Complete, Completion, lock};

/// A request that is under way. Dropping it abandons the reply; a handle in the reply is closed in the server.
#[must_use = "a request that nobody waits for tells nobody how it ended"]
pub struct Pending<R> {
    slot: Arc<Slot>,
    result: fn(Reply) -> Option<R>,
    _result: PhantomData<fn() -> R>,
}

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
enum State {
    #[default]
    Waiting,
    Arrived(Result<Reply, Error>),
    /// Nobody will take the reply.
    Gone,
}

impl<R> Pending<R> {
    pub(super) fn new<C: Call<Reply = R>>() -> (Pending<R>, Completion) {
        let slot = Arc::new(Slot::default());
        let completion = Completion { to: Arc::clone(&slot) as Arc<dyn Complete>, key: 0 };
        (Pending { slot, result: C::result, _result: PhantomData }, completion)
    }

    /// Waits for the reply.
    ///
    /// # Errors
    /// The server's refusal, or the end of the connection: every request ends in one of them, so this can't wait for ever
    /// unless the session was opened without an idle limit.
    pub fn wait(self) -> Result<R, Error> {
        let waiting = |state: &mut State| matches!(state, State::Waiting);
        let mut state =
            self.slot.arrived.wait_while(lock(&self.slot.state), waiting).unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Gone) {
            State::Arrived(Ok(reply)) => (self.result)(reply).ok_or_else(mismatch),
            State::Arrived(Err(error)) => Err(error),
            State::Waiting | State::Gone => Err(mismatch()),
        }
    }
}

/// The driver checks every reply against what its request expects, so this is an error of ours and not of the server.
fn mismatch() -> Error {
    Error::Protocol("a reply of another kind than its request expects".into())
}

impl<R> Drop for Pending<R> {
    fn drop(&mut self) {
        let left = std::mem::replace(&mut *lock(&self.slot.state), State::Gone);
        // Outside the lock: a handle in it submits its CLOSE now.
        drop(left);
    }
}

impl Complete for Slot {
    fn complete(&self, _key: usize, outcome: Result<Reply, Error>) {
        let mut state = lock(&self.state);
        if matches!(*state, State::Gone) {
            // Outside the lock: a handle in it submits its CLOSE now.
            drop(state);
            drop(outcome);
        } else {
            *state = State::Arrived(outcome);
        }
    }

    fn announce(&self) {
        self.arrived.notify_all();
    }
}
