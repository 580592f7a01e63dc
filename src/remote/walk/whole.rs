//! A walk that yields whole directories, for listings of trees.

use std::sync::Arc;

use crate::budget::Share;
use crate::remote::error::Error;
use crate::remote::listing::Listing;
use crate::remote::walk::Walk;
use crate::remote::walk::contents::Contents;
use crate::remote::walk::directory::Directory;

/// A directory of a walk with all its entries.
#[derive(Debug)]
pub struct WholeDirectory {
    /// The directory.
    pub directory: Arc<Directory>,
    /// Its entries, in the server's order, without `.` and `..`. Empty if it could not be read.
    pub listing: Listing,
    /// Why it could not be read, or which entries were left out.
    pub failures: Vec<Error>,
    /// Their shares of the budget.
    _held: Vec<Share>,
}

/// A walk in the order of `ls -R`: each directory comes before those in it, which are sorted bytewise. If the
/// connection is lost or Ctrl-C is pressed, it ends after an error.
pub struct WholeDirectories {
    walk: Walk,
    /// Directories that were not listed yet. The last one is next.
    waiting: Vec<Arc<Directory>>,
}

impl Walk {
    /// Walks directory by directory. Directories that are not selected ([`Walk::only`]) are not listed.
    #[must_use]
    pub fn whole_directories(self) -> WholeDirectories {
        WholeDirectories { walk: self, waiting: Vec::new() }
    }
}

impl WholeDirectories {
    fn step(&mut self) -> Result<Option<WholeDirectory>, Error> {
        if let Some(top) = self.walk.top.take() {
            self.waiting.push(self.walk.top_directory(top)?);
        }
        let Some(directory) = self.waiting.pop() else { return Ok(None) };
        let Contents { items, failures, .. } = self.walk.contents(&directory)?;
        self.walk.ahead.entries -= items.len();
        self.waiting.extend(items.directories.into_iter().rev());
        Ok(Some(WholeDirectory { directory, listing: items.entries.into(), failures, _held: items.held }))
    }
}

impl Iterator for WholeDirectories {
    type Item = Result<WholeDirectory, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.waiting.clear();
        }
        step.transpose()
    }
}
