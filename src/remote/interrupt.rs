//! Ctrl-C as the remote side hears it: whoever waits for answers of the server stops waiting.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::sftp::Nudge;

/// How long after Ctrl-C the answers to what was sent are still waited for. The rest of the second in which the person is
/// answered is for cleaning up.
const PATIENCE: Duration = Duration::from_millis(500);

/// Whether Ctrl-C was pressed. Clones share it: who catches the signal has one, and whoever goes over many things looks
/// at another and stops.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<Shared>);

#[derive(Default)]
struct Shared {
    pressed: AtomicBool,
    watchers: Mutex<Watchers>,
}

#[derive(Default)]
struct Watchers {
    pressed_at: Option<Instant>,
    next: u64,
    nudges: Vec<(u64, Nudge)>,
}

impl Interrupt {
    /// Ctrl-C was pressed. Not for a signal handler, since it takes a lock; for the thread that hears signals.
    pub fn press(&self) {
        let mut watchers = self.watchers();
        watchers.pressed_at.get_or_insert_with(Instant::now);
        self.0.pressed.store(true, Ordering::SeqCst);
        for (_, nudge) in &watchers.nudges {
            nudge.nudge();
        }
    }

    /// Whether it was pressed since the last [`Interrupt::clear`].
    #[must_use]
    pub fn was_pressed(&self) -> bool {
        self.0.pressed.load(Ordering::SeqCst)
    }

    /// Forgets it; done before each command.
    pub fn clear(&self) {
        self.watchers().pressed_at = None;
        self.0.pressed.store(false, Ordering::SeqCst);
    }

    /// How long the answers to what was sent may still be waited for: half a second from the first press on. `None` without
    /// one.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        let pressed_at = self.watchers().pressed_at?;
        Some(PATIENCE.saturating_sub(pressed_at.elapsed()))
    }

    /// Has a wait end when Ctrl-C is pressed, until what is returned is dropped.
    pub fn watch(&self, nudge: Nudge) -> Watch {
        let mut watchers = self.watchers();
        let id = watchers.next;
        watchers.next += 1;
        watchers.nudges.push((id, nudge));
        Watch { interrupt: self.clone(), id }
    }

    fn watchers(&self) -> std::sync::MutexGuard<'_, Watchers> {
        self.0.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Interrupt").field(&self.was_pressed()).finish()
    }
}

/// A wait that ends when Ctrl-C is pressed.
#[must_use = "dropping it ends the watch"]
pub struct Watch {
    interrupt: Interrupt,
    id: u64,
}

impl Watch {
    /// Whether Ctrl-C was pressed.
    #[must_use]
    pub fn was_pressed(&self) -> bool {
        self.interrupt.was_pressed()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.interrupt.watchers().nudges.retain(|(id, _)| *id != self.id);
    }
}
