//! A handle that wakes a thread waiting for replies.

use std::sync::Arc;

/// Ends a wait for [`Completions`](super::Completions), from any thread. Clones end the same wait.
#[derive(Clone)]
pub struct Wakeup(Arc<dyn Fn() + Send + Sync>);

impl Wakeup {
    pub(super) fn new(wake: impl Fn() + Send + Sync + 'static) -> Wakeup {
        Wakeup(Arc::new(wake))
    }

    /// Returns whether `other` is a clone of this one.
    pub(super) fn is(&self, other: &Wakeup) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Ends the current wait, or the next one if no thread is waiting.
    pub fn wake(&self) {
        (self.0)();
    }
}
