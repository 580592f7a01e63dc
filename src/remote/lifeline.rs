//! The session of a long piece of work, which goes on with another one when the connection ends.
//!
//! Whoever makes connections puts them in; whoever asks questions takes the present one out, and waits for the next one
//! when a question was lost with its connection.
#![forbid(unsafe_code)]

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

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
    /// Whether this session is the last one.
    is_last: bool,
}

/// A session as it was taken out.
#[derive(Clone)]
pub struct Strand {
    /// The session.
    pub session: Session,
    number: u64,
}

impl Lifeline {
    /// A session that somebody may replace, and else gives up by [`Lifeline::give_up`].
    #[must_use]
    pub fn new(session: &Session) -> Lifeline {
        Lifeline::of(session, false)
    }

    /// A session that is never replaced.
    #[must_use]
    pub fn single(session: &Session) -> Lifeline {
        Lifeline::of(session, true)
    }

    fn of(session: &Session, is_last: bool) -> Lifeline {
        let state = State { session: session.clone(), number: 0, is_last };
        Lifeline { shared: Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }) }
    }

    /// The present session; it may have ended.
    #[must_use]
    pub fn strand(&self) -> Strand {
        self.state().strand()
    }

    /// Waits for the session that follows one that has ended; nothing when there will be none.
    #[must_use]
    pub fn after(&self, ended: &Strand) -> Option<Strand> {
        let awaited = |state: &mut State| state.number == ended.number && !state.is_last;
        let state = self.shared.changed.wait_while(self.state(), awaited).unwrap_or_else(PoisonError::into_inner);
        (state.number != ended.number).then(|| state.strand())
    }

    /// Does something with the present session, and once more with the next one if the connection was lost over it.
    ///
    /// # Errors
    /// As `act`.
    pub fn ask<T>(&self, act: impl Fn(&Session) -> Result<T, Error>) -> Result<T, Error> {
        let mut strand = self.strand();
        loop {
            match act(&strand.session) {
                Err(error) if !error.leaves_the_session_alive() => match self.after(&strand) {
                    Some(next) => strand = next,
                    None => return Err(error),
                },
                outcome => return outcome,
            }
        }
    }

    /// Puts another session in place of the present one.
    pub fn replace(&self, session: &Session) {
        let mut state = self.state();
        state.session = session.clone();
        state.number += 1;
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Says that no other session will come.
    pub fn give_up(&self) {
        self.state().is_last = true;
        self.shared.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is guarded is whole between any two statements.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn strand(&self) -> Strand {
        Strand { session: self.session.clone(), number: self.number }
    }
}
