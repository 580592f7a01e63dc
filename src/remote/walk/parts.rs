//! Directories that are yielded in parts, so that a huge one is never held as a whole.
//!
//! Each part is sorted. The directories of all parts come after the last one, sorted, when the listing is closed: a
//! server that has no handle to spare would refuse to open them beside it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::remote::error::Error;
use crate::remote::listing::Listing;
use crate::remote::walk::Walk;
use crate::remote::walk::contents::{Contents, Parts};
use crate::remote::walk::directory::Directory;

/// The least number of entries in a part. Directories with fewer, which are nearly all, are yielded as a whole.
const PART_ENTRIES: usize = 1 << 16;

impl Walk {
    /// Yields a directory of more than 65,536 entries in parts: first its files in sorted parts, then its
    /// directories. It is not held as a whole, and a name that the server lists twice may come twice.
    #[must_use]
    pub fn in_parts(mut self) -> Walk {
        self.survey.hand_out_parts(PART_ENTRIES);
        self
    }

    pub(super) fn part(&mut self, directory: &Arc<Directory>, listing: Listing) -> Result<Contents, Error> {
        let contents = self.prepare(directory, listing)?;
        self.ahead.entries += contents.items.len();
        Ok(Contents { goes_on: true, ..contents })
    }

    /// Abandons a directory that is too large to be read ahead. It is listed again when its turn comes.
    pub(super) fn postpone(&mut self, directory: &Directory) {
        self.survey.forget(|listed| listed.number == directory.number);
        self.ahead.awaited.remove(&directory.number);
    }

    /// Continues the innermost directory with its next part.
    pub(super) fn go_on(&mut self, mut parts: Parts) -> Result<(), Error> {
        let Some(directory) = self.stack.last().map(|open| Arc::clone(&open.directory)) else { return Ok(()) };
        let Contents { mut items, failures, goes_on } = self.contents_or_part(&directory, true)?;
        self.failures.extend(failures);
        if goes_on {
            parts.set_aside(&mut items);
        } else {
            self.look_forward(parts.directories.iter());
            parts.set_aside(&mut items);
            parts.directories.sort_by(|one, other| one.path.cmp(&other.path));
            items.late = VecDeque::from(std::mem::take(&mut parts.directories));
            items.held.append(&mut parts.held);
        }
        if let Some(open) = self.stack.last_mut() {
            open.items = items;
            open.parts = goes_on.then_some(parts);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;
    use crate::name::RemotePath;
    use crate::remote::interrupt::Interrupt;
    use crate::remote::lifeline::Lifeline;
    use crate::remote::walk::{Found, Links, tests::session};

    /// Walks through these files in parts of at least 10 entries. Returns the names in order, those of directories with
    /// a slash, and the most bytes that were held.
    fn walked(files: &[String]) -> (Vec<String>, u64) {
        let tree = tempfile::tempdir().unwrap();
        for file in files {
            let path = tree.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let top = RemotePath::new(tree.path().to_str().unwrap()).unwrap();
        let lifeline = Lifeline::single(&session());
        let mut walk = Walk::within(Budget::new(1 << 20), lifeline, &top, Links::Kept, &Interrupt::default());
        walk.survey.hand_out_parts(10);
        let (mut names, mut most) = (Vec::new(), 0);
        while let Some(found) = walk.next() {
            most = most.max(walk.budget.taken());
            match found {
                Found::Entry { entry, .. } => names.push(String::from_utf8_lossy(entry.name.as_bytes()).into_owned()),
                Found::Left(directory) => names.extend(
                    directory.name.as_ref().map(|name| format!("{}/", String::from_utf8_lossy(name.as_bytes()))),
                ),
                Found::Directory(_) => {}
                Found::Failure(error) => panic!("{error}"),
            }
        }
        (names, most)
    }

    #[test]
    fn a_huge_directory_is_never_held_as_a_whole() {
        let files: Vec<String> = (0..5000).map(|number| format!("name-{number:04}")).collect();
        let (mut names, most) = walked(&files);
        names.sort();
        assert!(names == files);
        // One answer of the server, which holds 100 entries with their long names, and the part of the one before.
        assert!(most < 40_000, "{most} bytes");
    }

    #[test]
    fn directories_come_sorted_after_the_files_and_each_comes_once() {
        let mut files: Vec<String> = (100..700).map(|number| format!("{number}")).collect();
        files.extend(
            (10..50).flat_map(|directory| (10..30).map(move |file| format!("d{directory}/f{directory}-{file}"))),
        );
        let (names, _) = walked(&files);
        let (own, below) = names.split_at(600);
        let mut own = own.to_vec();
        own.sort();
        assert!(own == files[..600]);
        let below_expected = (10..50).flat_map(|directory| {
            let files = (10..30).map(move |file| format!("f{directory}-{file}"));
            files.chain([format!("d{directory}/")])
        });
        assert!(below_expected.eq(below.iter().cloned()), "{below:?}");
    }
}
