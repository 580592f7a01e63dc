//! What transfers have learnt of a server. It holds for the whole session of a person or a script.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::lock::lock;

/// What was learnt. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Learnt(Arc<Mutex<Facts>>);

#[derive(Debug, Default)]
struct Facts {
    /// Files that may be open at once, once one more was refused.
    files: Option<usize>,
    /// Whether the server refuses to be sent a file in parts that come in any order.
    wants_order: bool,
}

impl Learnt {
    /// Returns how many files may be open at once, if that was learnt.
    pub(crate) fn allowed_files(&self) -> Option<usize> {
        self.facts().files
    }

    /// One file more than these was refused, and was not when it was alone.
    pub(crate) fn allows(&self, files: usize) {
        let mut facts = self.facts();
        facts.files = Some(facts.files.map_or(files, |known| known.min(files)).max(1));
    }

    /// The server refused parts of a file that came over several connections.
    pub(crate) fn wants_order(&self) {
        self.facts().wants_order = true;
    }

    /// Returns whether a file may be sent over several connections.
    pub(crate) fn takes_any_order(&self) -> bool {
        !self.facts().wants_order
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        lock(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_that_was_allowed_is_kept() {
        let learnt = Learnt::default();
        assert_eq!(learnt.allowed_files(), None);
        for (allowed, files) in [(7, 7), (9, 7), (0, 1)] {
            learnt.clone().allows(allowed);
            assert_eq!(learnt.allowed_files(), Some(files));
        }
        assert!(learnt.takes_any_order());
        learnt.clone().wants_order();
        assert!(!learnt.takes_any_order());
    }
}
