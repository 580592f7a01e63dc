//! A queue of outcomes, for engines that keep many requests in flight.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::error::Error;
use super::nudge::Nudge;
use super::reply::Reply;
use super::shared::{Complete, Completion, Outcome, Shared, lock};

/// Outcomes of the requests that were submitted to it, each with the token that was given along.
///
/// Dropping it abandons what is under way; handles in replies that come later are closed in the server.
pub struct Completions<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
}

struct State<T> {
    /// Tokens of requests under way, at the key that their completion holds. None is left once the queue was dropped.
    tokens: Vec<Option<T>>,
    /// Keys of `tokens` that are free.
    free: Vec<usize>,
    ready: VecDeque<(T, Result<Reply, Error>)>,
    outstanding: usize,
    /// Sessions that were given requests and not yet told to send them.
    unsent: Vec<Arc<Shared>>,
    /// Whether somebody waits: only then is it worth a system call to wake them.
    is_awaited: bool,
    nudged: bool,
}

impl<T: Send + 'static> Default for Completions<T> {
    fn default() -> Self {
        Completions::new()
    }
}

impl<T: Send + 'static> Completions<T> {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Completions<T> {
        let state = State {
            tokens: Vec::new(),
            free: Vec::new(),
            ready: VecDeque::new(),
            outstanding: 0,
            unsent: Vec::new(),
            is_awaited: false,
            nudged: false,
        };
        Completions { inner: Arc::new(Inner { state: Mutex::new(state), arrived: Condvar::new() }) }
    }

    /// How many requests were submitted and not taken out by [`Completions::wait`] yet.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        let state = lock(&self.inner.state);
        state.outstanding + state.ready.len()
    }

    /// Has sent what was submitted, waits until something has come, and takes all that is there. Empty after `limit`, after a
    /// nudge, and when nothing is outstanding and no limit was given.
    pub fn wait(&self, limit: Option<Duration>) -> VecDeque<(T, Result<Reply, Error>)> {
        let nothing = |state: &mut State<T>| {
            state.ready.is_empty() && !state.nudged && (limit.is_some() || state.outstanding > 0)
        };
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
        state.nudged = false;
        std::mem::take(&mut state.ready)
    }

    /// A handle that ends a [`Completions::wait`] early: for a cancel, or for news of another kind.
    #[must_use]
    pub fn nudge(&self) -> Nudge {
        let inner = Arc::clone(&self.inner);
        Nudge::new(move || {
            let mut state = lock(&inner.state);
            state.nudged = true;
            inner.wake(&state);
        })
    }

    /// What completes a request with this token that a session is given next.
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
        Completion { to: Arc::clone(&self.inner) as Arc<dyn Complete>, key }
    }
}

impl<T> Drop for Completions<T> {
    fn drop(&mut self) {
        self.inner.send();
        let (ready, tokens) = {
            let mut state = lock(&self.inner.state);
            (std::mem::take(&mut state.ready), std::mem::take(&mut state.tokens))
        };
        // Outside the lock: handles in them submit their CLOSE now.
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

impl<T: Send> Complete for Inner<T> {
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
        // Outside the lock: a handle in one of them submits its CLOSE now.
        drop(state);
        drop(unwanted);
    }
}
