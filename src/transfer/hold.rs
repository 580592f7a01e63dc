//! A handle that holds a job, so that it sends no new requests, and lets it go on.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::lock::lock;
use crate::sftp::Wakeup;

/// Holds a job and lets it go on, from any thread. Clones hold the same job.
#[derive(Clone, Default)]
pub struct Hold(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    is_set: bool,
    /// Wakes the engine when the job may go on.
    wakeup: Option<Wakeup>,
}

impl Hold {
    /// Holds the job: it takes in the answers to its requests and sends no new ones. Its files stay open.
    pub fn set(&self) {
        self.state().is_set = true;
    }

    /// Lets the job go on.
    pub fn release(&self) {
        let mut state = self.state();
        state.is_set = false;
        state.wakeup.iter().for_each(Wakeup::wake);
    }

    /// Returns whether the job is held.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.state().is_set
    }

    /// Wakes the engine through `wakeup` when the job may go on.
    pub(crate) fn wakes(&self, wakeup: Wakeup) {
        self.state().wakeup = Some(wakeup);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hold").field(&self.is_set()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_hold_the_same_job() {
        let hold = Hold::default();
        let other = hold.clone();
        other.set();
        assert!(hold.is_set());
        hold.release();
        assert!(!other.is_set());
    }
}
