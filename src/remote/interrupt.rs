//! Ctrl-C on the remote side: it ends waits for the server's answers.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::lock::lock;
use crate::sftp::{Completions, Wakeup};

/// How long to go on waiting for answers after Ctrl-C. Ctrl-C should take effect within a second; the rest of it is
/// for cleaning up.
const PATIENCE: Duration = Duration::from_millis(500);

/// Remembers whether Ctrl-C was pressed. Clones share the state: the thread that handles signals has one, and
/// long-running work checks another and stops.
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
    wakeups: Vec<(u64, Wakeup)>,
}

impl Interrupt {
    /// Notes that Ctrl-C was pressed. It takes a lock, so call it from a thread, not from a signal handler.
    pub fn press(&self) {
        let mut watchers = self.watchers();
        watchers.pressed_at.get_or_insert_with(Instant::now);
        self.0.pressed.store(true, Ordering::SeqCst);
        for (_, wakeup) in &watchers.wakeups {
            wakeup.wake();
        }
    }

    /// Returns whether Ctrl-C was pressed since the last [`Interrupt::clear`].
    #[must_use]
    pub fn was_pressed(&self) -> bool {
        self.0.pressed.load(Ordering::SeqCst)
    }

    /// Forgets an earlier Ctrl-C. Called before each command.
    pub fn clear(&self) {
        self.watchers().pressed_at = None;
        self.0.pressed.store(false, Ordering::SeqCst);
    }

    /// Returns how much longer to wait for outstanding answers: until half a second after the first Ctrl-C. Returns
    /// `None` if it was not pressed.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        let pressed_at = self.watchers().pressed_at?;
        Some(PATIENCE.saturating_sub(pressed_at.elapsed()))
    }

    /// Waits for this time, or until Ctrl-C is pressed. Returns whether it was.
    #[must_use]
    pub fn wait(&self, time: Duration) -> bool {
        let queue = Completions::<()>::new();
        let watch = self.watch(queue.wakeup());
        if !watch.was_pressed() {
            queue.wait(Some(time));
        }
        watch.was_pressed()
    }

    /// Ends waits through `wakeup` if Ctrl-C is pressed, until the returned value is dropped.
    pub fn watch(&self, wakeup: Wakeup) -> Watch {
        let mut watchers = self.watchers();
        let id = watchers.next;
        watchers.next += 1;
        watchers.wakeups.push((id, wakeup));
        Watch { interrupt: self.clone(), id }
    }

    fn watchers(&self) -> std::sync::MutexGuard<'_, Watchers> {
        lock(&self.0.watchers)
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Interrupt").field(&self.was_pressed()).finish()
    }
}

/// A wait that Ctrl-C ends.
#[must_use = "dropping it ends the watch"]
pub struct Watch {
    interrupt: Interrupt,
    id: u64,
}

impl Watch {
    /// Returns whether Ctrl-C was pressed.
    #[must_use]
    pub fn was_pressed(&self) -> bool {
        self.interrupt.was_pressed()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.interrupt.watchers().wakeups.retain(|(id, _)| *id != self.id);
    }
}
