//! A directory of a walk.

use std::sync::Arc;

use crate::name::{EntryName, RemotePath};
use crate::sftp::Attributes;

/// A directory of a walk.
#[derive(Debug)]
pub struct Directory {
    /// The path for requests: the path of the top, and the names below it.
    pub path: RemotePath,
    /// The directory above; `None` for the top.
    pub parent: Option<Arc<Directory>>,
    /// The name in the directory above; `None` for the top.
    pub name: Option<EntryName>,
    /// The attributes from the listing of the directory above; empty for the top.
    pub attributes: Attributes,
    /// The number of levels below the top, which has 0.
    pub depth: usize,
    pub(super) number: u64,
    /// The canonical path, known if links are followed. It shows when a link leads back.
    pub(super) canonical: Option<RemotePath>,
}

impl Directory {
    /// Returns the names that lead from the top to this directory; none for the top.
    #[must_use]
    pub fn names(&self) -> Vec<&EntryName> {
        let mut names: Vec<_> = self.lineage().filter_map(|directory| directory.name.as_ref()).collect();
        names.reverse();
        names
    }

    /// Returns the bytes that it takes in memory besides its name.
    pub(super) fn bytes(&self) -> u64 {
        let canonical = self.canonical.as_ref().map_or(0, |canonical| canonical.as_bytes().len());
        (size_of::<Directory>() + self.path.as_bytes().len() + canonical) as u64
    }

    /// Returns this directory and those above it, up to the top.
    pub(super) fn lineage(&self) -> impl Iterator<Item = &Directory> {
        std::iter::successors(Some(self), |directory| directory.parent.as_deref())
    }
}
