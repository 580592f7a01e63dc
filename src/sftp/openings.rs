//! Counts the open files and directories on a server, and the requests that open and close them.
//!
//! Many servers allow few handles, some of them for files and directories together, and no status code reports that
//! the limit was reached. So the session notes for each refused OPEN and OPENDIR how many other handles were open.
//! Only with none of them open is a refusal certainly about the file itself.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::lock::lock;
use crate::sftp::wakeup::Wakeup;

/// The number of open handles on a server. Clones share the count, so it covers every session with that server.
#[derive(Clone, Default)]
pub struct Openings(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Open handles, requests to open without an answer, and CLOSEs without an answer.
    taken: usize,
    /// All requests to open that were ever sent.
    requested: u64,
    /// Wakeups to send when nothing is open any more.
    waiting: Vec<Wakeup>,
}

/// The counts at the time when a request to open was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    beside: usize,
    requested: u64,
}

impl Openings {
    /// Returns whether no handle is open, being opened or being closed.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.state().taken == 0
    }

    /// Wakes the waiting thread once, as soon as nothing is open. That is at once if nothing is open now.
    pub fn wake_when_none(&self, wakeup: Wakeup) {
        let mut state = self.state();
        if state.taken > 0 {
            if !state.waiting.iter().any(|waiting| waiting.is(&wakeup)) {
                state.waiting.push(wakeup);
            }
            return;
        }
        drop(state);
        wakeup.wake();
    }

    /// Counts a request to open that is being sent.
    pub(super) fn begin(&self) -> Opening {
        let mut state = self.state();
        let beside = state.taken;
        state.taken += 1;
        state.requested += 1;
        Opening { beside, requested: state.requested }
    }

    /// Returns how many other handles were open, being opened or being closed at any time since the request was sent.
    pub(super) fn beside(&self, opening: Opening) -> u32 {
        let later = self.state().requested - opening.requested;
        let before = u32::try_from(opening.beside).unwrap_or(u32::MAX);
        before.saturating_add(u32::try_from(later).unwrap_or(u32::MAX))
    }

    /// Counts a handle that arrived for a request that had been given up.
    pub(super) fn add_one(&self) {
        self.state().taken += 1;
    }

    /// Subtracts handles or requests that were refused, closed, given up or lost with their session.
    pub(super) fn end(&self, count: usize) {
        let waiting = {
            let mut state = self.state();
            state.taken = state.taken.saturating_sub(count);
            if state.taken > 0 {
                return;
            }
            std::mem::take(&mut state.waiting)
        };
        waiting.iter().for_each(Wakeup::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

impl fmt::Debug for Openings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Openings").field(&self.state().taken).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sftp::Completions;

    #[test]
    fn what_is_open_beside_a_request_counts_from_its_beginning_to_its_answer() {
        let openings = Openings::default();
        let first = openings.begin();
        assert_eq!(openings.beside(first), 0);
        let second = openings.clone().begin();
        assert_eq!((openings.beside(first), openings.beside(second)), (1, 1));
        openings.end(2);
        // The other request has ended, but may still have caused the refusal.
        assert_eq!((openings.beside(first), openings.beside(second)), (1, 1));
        assert_eq!(openings.beside(openings.begin()), 0);
    }

    #[test]
    fn a_waiting_thread_is_woken_once_when_nothing_is_open() {
        let (openings, queue) = (Openings::default(), Completions::<()>::new());
        // A wakeup ends the wait; without one, the wait would outlast the test's time limit.
        let is_woken = || queue.wait(Some(Duration::from_secs(600))).is_empty();
        openings.wake_when_none(queue.wakeup());
        assert!(is_woken());
        let _ = openings.begin();
        openings.add_one();
        let wakeup = queue.wakeup();
        openings.wake_when_none(wakeup.clone());
        openings.wake_when_none(wakeup);
        openings.end(1);
        assert!(!openings.are_none() && openings.state().waiting.len() == 1);
        openings.end(1);
        assert!(openings.are_none() && is_woken() && openings.state().waiting.is_empty());
        openings.end(1);
        assert!(openings.are_none());
    }
}
