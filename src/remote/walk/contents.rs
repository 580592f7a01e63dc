//! The contents of a directory that are ready to be yielded.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::budget::Share;
use crate::remote::entries::{Entries, Entry};
use crate::remote::error::Error;
use crate::remote::walk::directory::Directory;

/// A listing that is ready to be yielded.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) items: Items,
    pub(super) failures: Vec<Error>,
    /// True if these are not all: more parts follow.
    pub(super) goes_on: bool,
}

/// The entries of a directory that were not yielded yet.
#[derive(Default)]
pub(super) struct Items {
    pub(super) entries: Entries,
    /// The indices of the entries, in the order of their turn.
    pub(super) order: std::vec::IntoIter<usize>,
    /// The entries that are directories, in the order of their turn.
    pub(super) directories: VecDeque<Arc<Directory>>,
    /// Directories that come after all entries.
    pub(super) late: VecDeque<Arc<Directory>>,
    /// Their shares of the budget.
    pub(super) held: Vec<Share>,
}

pub(super) enum Item {
    Directory(Arc<Directory>),
    Entry(Entry),
}

impl Iterator for Items {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        let Some(index) = self.order.next() else { return self.late.pop_front().map(Item::Directory) };
        let entry = self.entries.get(index);
        match entry.attributes.is_dir() {
            true => self.directories.pop_front().map(Item::Directory),
            false => Some(Item::Entry(entry.into())),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.order.len() + self.late.len();
        (left, Some(left))
    }
}

impl ExactSizeIterator for Items {}

/// The directories in the parts that were yielded.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) directories: Vec<Arc<Directory>>,
    pub(super) held: Vec<Share>,
}

impl Parts {
    /// Takes the directories out of the first part.
    pub(super) fn begin(items: &mut Items) -> Parts {
        let mut parts = Parts::default();
        parts.set_aside(items);
        parts
    }

    /// Takes the directories out of a part.
    pub(super) fn set_aside(&mut self, items: &mut Items) {
        let Items { entries, order, directories, held, .. } = items;
        let files: Vec<usize> = order.by_ref().filter(|&index| !entries.attributes(index).is_dir()).collect();
        *order = files.into_iter();
        self.directories.extend(directories.drain(..));
        // The last share is that of the directories' paths.
        self.held.extend(held.pop());
    }
}
