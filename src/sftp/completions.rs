//! A queue of outcomes, for an engine that keeps many requests in flight.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::lock::lock;
use crate::sftp::delivery::Complete;
use crate::sftp::error::Error;
use crate::sftp::reply::Reply;
use crate::sftp::shared::{Completion, Outcome, Shared};
use crate::sftp::wakeup::Wakeup;

/// Outcomes of the requests that were submitted to this queue, each with the token of its request.
///
/// Dropping the queue abandons its requests. If a late reply holds a handle, the server's handle is closed.
pub struct Completions<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
}

struct State<T> {
    /// Tokens of the requests under way; a completion holds the index of its token. Empty after the queue is dropped.
    tokens: Vec<Option<T>>,
    /// Indices of `tokens` that are free.
    free: Vec<usize>,
    ready: VecDeque<(T, Result<Reply, Error>)>,
    outstanding: usize,
    /// Sessions with staged requests that [`Shared::send`] has yet to release.
    unsent: Vec<Arc<Shared>>,
    /// True while a thread waits: only then does a wakeup cost a system call.
    is_awaited: bool,
    woken: bool,
}

impl<T: Send + 'static> Default for Completions<T> {
    fn default() -> Self {
        Completions::new()
    }
}

impl<T: Send + 'static> Completions<T> {
    /// Creates an empty queue.
    #[must_use]
    pub fn new() -> Completions<T> {
        let state = State {
            tokens: Vec::new(),
            free: Vec::new(),
            ready: VecDeque::new(),
            outstanding: 0,
            unsent: Vec::new(),
            is_awaited: false,
            woken: false,
        };
        Completions { inner: Arc::new(Inner { state: Mutex::new(state), arrived: Condvar::new() }) }
    }

    /// Returns how many requests were submitted and have not come out of [`Completions::wait`] yet.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        let state = lock(&self.inner.state);
        state.outstanding + state.ready.len()
    }

    /// Sends the staged requests, waits for the first outcome, and returns all outcomes that have arrived. Returns an
    /// empty queue after `limit` or a wakeup, and if there are no outstanding requests and no limit.
    pub fn wait(&self, limit: Option<Duration>) -> VecDeque<(T, Result<Reply, Error>)> {
        let nothing =
            |state: &mut State<T>| state.ready.is_empty() && !state.woken && (limit.is_some() || state.outstanding > 0);
        self.inner.send();
        let mut state = lock(&self.inner.state);
        state.is_awaited = true;
        let mut state = match limit {
            None => self.inner.arrived.wait_while(state, nothing).unwrap_or_else(PoisonError::into_inner),
            Some(limit) => {
                self.inner.arrived.wait_timeout_while(state, limit, nothing).unwrap_or_else(PoisonError::into_inner).0
            }
        };
        state.is_awaited = false;
        state.woken = false;
        std::mem::take(&mut state.ready)
    }

    /// Returns a handle that ends a [`Completions::wait`] early, for example to cancel a transfer.
    #[must_use]
    pub fn wakeup(&self) -> Wakeup {
        let inner = Arc::clone(&self.inner);
        Wakeup::new(move || {
            let mut state = lock(&inner.state);
            state.woken = true;
            inner.wake(&state);
        })
    }

    /// Returns the completion for a request that is about to be submitted to `session` with this token.
    pub(super) fn expect(&self, token: T, session: &Arc<Shared>) -> Completion {
        let mut state = lock(&self.inner.state);
        if !state.unsent.iter().any(|known| Arc::ptr_eq(known, session)) {
            state.unsent.push(Arc::clone(session));
        }
        state.outstanding += 1;
        let key = if let Some(key) = state.free.pop() {
            if let Some(place) = state.tokens.get_mut(key) {
                *place = Some(token);
            }
            key
        } else {
            state.tokens.push(Some(token));
            state.tokens.len() - 1
        };
        Completion { to: Arc::clone(&self.inner) as Arc<dyn Complete<Outcome>>, key }
    }
}

impl<T> Drop for Completions<T> {
    fn drop(&mut self) {
        self.inner.send();
        let (ready, tokens) = {
            let mut state = lock(&self.inner.state);
            (std::mem::take(&mut state.ready), std::mem::take(&mut state.tokens))
        };
        // Dropped after the lock is released, because a handle in one of them submits its CLOSE now.
        drop((ready, tokens));
    }
}

impl<T> Inner<T> {
    fn send(&self) {
        let unsent = std::mem::take(&mut lock(&self.state).unsent);
        for session in unsent {
            session.send();
        }
    }

    fn wake(&self, state: &State<T>) {
        if state.is_awaited {
            self.arrived.notify_all();
        }
    }
}

impl<T: Send> Complete<Outcome> for Inner<T> {
    fn complete(&self, outcomes: Vec<(usize, Outcome)>) {
        let (mut state, mut unwanted) = (lock(&self.state), Vec::new());
        for (key, outcome) in outcomes {
            match state.tokens.get_mut(key).and_then(Option::take) {
                Some(token) => {
                    state.free.push(key);
                    state.outstanding -= 1;
                    state.ready.push_back((token, outcome));
                }
                None => unwanted.push(outcome),
            }
        }
        self.wake(&state);
        // Dropped after the lock is released, because a handle in one of them submits its CLOSE now.
        drop(state);
        drop(unwanted);
    }
}
