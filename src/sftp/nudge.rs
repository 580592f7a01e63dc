//! A handle that wakes a thread waiting for replies.

use std::sync::Arc;

/// Ends a wait for [`Completions`](super::Completions), from any thread. Clones end the same wait.
#[derive(Clone)]
pub struct Nudge(Arc<dyn Fn() + Send + Sync>);

impl Nudge {
    pub(super) fn new(wake: impl Fn() + Send + Sync + 'static) -> Nudge {
        Nudge(Arc::new(wake))
    }

    /// Returns whether `other` is a clone of this one.
    pub(super) fn is(&self, other: &Nudge) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Ends the current wait, or the next one if no thread is waiting.
    pub fn nudge(&self) {
        (self.0)();
    }
}
