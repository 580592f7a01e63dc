//! Wakes a thread that waits for replies.
#![forbid(unsafe_code)]

use std::sync::Arc;

/// Ends a wait for [`Completions`](super::Completions), from any thread. Clones end the same wait.
#[derive(Clone)]
pub struct Nudge(Arc<dyn Fn() + Send + Sync>);

impl Nudge {
    pub(super) fn new(wake: impl Fn() + Send + Sync + 'static) -> Nudge {
        Nudge(Arc::new(wake))
    }

    /// Returns whether both are clones of one.
    pub(super) fn is(&self, other: &Nudge) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Ends the present or the next wait.
    pub fn nudge(&self) {
        (self.0)();
    }
}
