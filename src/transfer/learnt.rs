//! Facts about a server that transfers discover, and that hold for the whole session of the user.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::lock::lock;

/// Facts about a server. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Learnt(Arc<Mutex<Facts>>);

#[derive(Debug, Default)]
struct Facts {
    /// The number of files that may be open at once, known after the server has refused one more.
    files: Option<usize>,
    /// True if the server refuses parts of a file that come in any order.
    wants_order: bool,
    /// True if the server refused a further channel.
    refuses_channels: bool,
}

impl Learnt {
    /// Returns how many files may be open at once, if that was learnt.
    pub(crate) fn allowed_files(&self) -> Option<usize> {
        self.facts().files
    }

    /// Notes that the server refused one more file than these, and accepted it alone.
    pub(crate) fn allows(&self, files: usize) {
        let mut facts = self.facts();
        facts.files = Some(facts.files.map_or(files, |known| known.min(files)).max(1));
    }

    /// Notes that the server refused parts of a file that came over several connections.
    pub(crate) fn wants_order(&self) {
        self.facts().wants_order = true;
    }

    /// Returns whether a file may be sent over several connections.
    pub(crate) fn takes_any_order(&self) -> bool {
        !self.facts().wants_order
    }

    /// Notes that the server refused a further channel.
    pub(crate) fn refuses_channels(&self) {
        self.facts().refuses_channels = true;
    }

    /// Returns whether the server may be asked for a further channel.
    pub(crate) fn may_open_channels(&self) -> bool {
        !self.facts().refuses_channels
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
        assert!(learnt.may_open_channels());
        learnt.clone().refuses_channels();
        assert!(!learnt.may_open_channels());
    }
}
