//! The session of a long operation, which continues with another session if the connection ends.
//!
//! The code that connects puts sessions in. The code that makes requests takes the current one, and waits for the
//! next if a request was lost with its connection.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::lock::lock;
use crate::sftp::{Error, Session};

/// A session that may be replaced. Clones share it.
#[derive(Clone)]
pub struct Lifeline {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    session: Session,
    number: u64,
    /// True if no other session will follow.
    is_last: bool,
}

/// A session that was taken from a [`Lifeline`].
#[derive(Clone)]
pub struct NumberedSession {
    /// The session.
    pub session: Session,
    number: u64,
}

impl Lifeline {
    /// Creates a lifeline whose session may be replaced, until [`Lifeline::give_up`].
    #[must_use]
    pub fn new(session: &Session) -> Lifeline {
        Lifeline::of(session, false)
    }

    /// Creates a lifeline whose session is never replaced.
    #[must_use]
    pub fn single(session: &Session) -> Lifeline {
        Lifeline::of(session, true)
    }

    fn of(session: &Session, is_last: bool) -> Lifeline {
        let state = State { session: session.clone(), number: 0, is_last };
        Lifeline { shared: Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }) }
    }

    /// Returns the current session, which may have ended.
    #[must_use]
    pub fn current(&self) -> NumberedSession {
        self.state().current()
    }

    /// Waits for the session that follows one that has ended. Returns `None` if there will be none.
    #[must_use]
    pub fn after(&self, ended: &NumberedSession) -> Option<NumberedSession> {
        let awaited = |state: &mut State| state.number == ended.number && !state.is_last;
        let state = self.shared.changed.wait_while(self.state(), awaited).unwrap_or_else(PoisonError::into_inner);
        (state.number != ended.number).then(|| state.current())
    }

    /// Calls `act` with the current session, and again with the next one if the connection was lost.
    ///
    /// # Errors
    /// As `act`.
    pub fn with_session<T>(&self, act: impl Fn(&Session) -> Result<T, Error>) -> Result<T, Error> {
        let mut current = self.current();
        loop {
            match act(&current.session) {
                Err(error) if !error.leaves_the_session_alive() => match self.after(&current) {
                    Some(next) => current = next,
                    None => return Err(error),
                },
                outcome => return outcome,
            }
        }
    }

    /// Replaces the current session.
    pub fn replace(&self, session: &Session) {
        let mut state = self.state();
        state.session = session.clone();
        state.number += 1;
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Declares that no other session will follow.
    pub fn give_up(&self) {
        self.state().is_last = true;
        self.shared.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state)
    }
}

impl State {
    fn current(&self) -> NumberedSession {
        NumberedSession { session: self.session.clone(), number: self.number }
    }
}
