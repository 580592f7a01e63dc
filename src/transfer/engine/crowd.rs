//! Files that the server refused to open while others were open.
//!
//! Servers limit the number of open files, and don't tell the limit. Each refused file is tried again. The first one
//! is tried alone, which shows whether the others were the reason, and how many files may be open. The rest follow as
//! soon as there is room.

use std::collections::BTreeSet;

use crate::transfer::progress::reporter::Sequence;

/// The refused files.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    pub(super) waiting: BTreeSet<Sequence>,
    /// The file that is tried now that nothing else is open.
    pub(super) alone: Option<Sequence>,
}

/// The number of refusals of a file, perhaps because others were open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Refusals {
    #[default]
    None,
    /// Refused while this number of files were open.
    Once { beside: usize },
    /// Refused again, so that it has to be tried alone.
    Again { beside: usize },
}

impl Refusals {
    /// Returns the state after one more refusal.
    pub(super) fn again(self, beside: usize) -> Refusals {
        match self {
            Refusals::None => Refusals::Once { beside },
            Refusals::Once { .. } | Refusals::Again { .. } => Refusals::Again { beside },
        }
    }
}

impl Crowd {
    /// Returns whether no file waits, and none is tried alone.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.alone.is_none()
    }

    /// Removes a file that no longer waits.
    pub(super) fn remove(&mut self, sequence: Sequence) {
        self.waiting.remove(&sequence);
        self.end_attempt(sequence);
    }

    /// Ends the attempt to open a file alone, if this is the one.
    pub(super) fn end_attempt(&mut self, sequence: Sequence) {
        self.alone.take_if(|alone| *alone == sequence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_refused_twice_has_to_be_alone() {
        let once = Refusals::default().again(3);
        assert_eq!(once, Refusals::Once { beside: 3 });
        assert_eq!(once.again(2), Refusals::Again { beside: 2 });
        assert_eq!(once.again(2).again(1), Refusals::Again { beside: 1 });
    }

    #[test]
    fn an_attempt_ends_with_its_own_file_only() {
        let mut crowd = Crowd { waiting: BTreeSet::from([1, 2]), alone: Some(3) };
        crowd.end_attempt(2);
        assert_eq!((crowd.waiting.len(), crowd.alone), (2, Some(3)));
        crowd.remove(1);
        assert_eq!((&crowd.waiting, crowd.alone), (&BTreeSet::from([2]), Some(3)));
        crowd.remove(2);
        assert!(!crowd.is_empty(), "one is still being tried");
        crowd.end_attempt(3);
        assert!(crowd.is_empty());
    }
}
