//! A deadline that holds even while libssh2 doesn't return.
//!
//! A server that sends without end keeps libssh2 inside one call, in which libssh2 never checks its own time limit.
//! So a thread of ours keeps the time and shuts the socket down, which ends any such call.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::lock::lock;
use crate::transport::Killer;

/// Shuts a connection down if a phase takes longer than allowed. Dropping it stops the thread and leaves the
/// connection open.
pub(super) struct Watchdog {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    deadline: Option<Instant>,
    bitten: bool,
    dismissed: bool,
}

impl Watchdog {
    /// Watches the connection that `killer` ends. The clock starts with [`Watchdog::allow`].
    pub(super) fn over(killer: Killer) -> std::io::Result<Watchdog> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let watched = Arc::clone(&shared);
        thread::Builder::new().name(String::from("ssh-deadline")).spawn(move || watched.watch(&killer))?;
        Ok(Watchdog { shared })
    }

    /// Sets the deadline to `limit` from now, replacing any earlier one.
    pub(super) fn allow(&self, limit: Duration) {
        self.set(Some(Instant::now() + limit));
    }

    /// Stops the clock, for example while the user is prompted.
    pub(super) fn pause(&self) {
        self.set(None);
    }

    /// Returns whether the deadline passed and the connection was shut down.
    pub(super) fn has_bitten(&self) -> bool {
        self.shared.lock().bitten
    }

    fn set(&self, deadline: Option<Instant>) {
        self.shared.lock().deadline = deadline;
        self.shared.changed.notify_one();
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.lock().dismissed = true;
        self.shared.changed.notify_one();
    }
}

impl fmt::Debug for Watchdog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watchdog")
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn watch(&self, killer: &Killer) {
        let mut state = self.lock();
        while !state.dismissed && !state.bitten {
            let left = state.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            match left {
                Some(Duration::ZERO) => {
                    state.bitten = true;
                    killer.kill();
                }
                Some(left) => {
                    state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
                }
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_read_that_waits_for_ever_ends_at_the_deadline() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let watchdog = Watchdog::over(Killer::new(ours.try_clone().unwrap().into())).unwrap();
        let started = Instant::now();
        watchdog.allow(Duration::from_millis(50));
        assert_eq!(ours.read(&mut [0]).unwrap(), 0);
        assert!(started.elapsed() >= Duration::from_millis(50));
        assert!(watchdog.has_bitten());
        drop(theirs);
    }

    #[test]
    fn a_paused_or_dismissed_watchdog_does_nothing() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let watchdog = Watchdog::over(Killer::new(ours.try_clone().unwrap().into())).unwrap();
        watchdog.allow(Duration::from_millis(20));
        watchdog.pause();
        theirs.set_read_timeout(Some(Duration::from_millis(60))).unwrap();
        assert!(theirs.read(&mut [0]).is_err());
        assert!(!watchdog.has_bitten());
        watchdog.allow(Duration::from_millis(20));
        drop(watchdog);
        assert!(theirs.read(&mut [0]).is_err());
    }
}
