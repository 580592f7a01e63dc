//! One directory as the server lists it, after vetting.

use bytes::Bytes;

use super::error::Error;
use crate::budget::Share;
use crate::name::{EntryName, InvalidName, RemotePath};
use crate::sftp::{Attributes, NameEntry};

/// How many suspect entries of a listing are reported one by one. An honest server has none, and each message names
/// the directory.
const MOST_SUSPECTS: usize = 100;

/// Bytes that an entry takes in memory besides its names, including the allocator's overhead.
const ENTRY_BYTES: u64 = size_of::<Entry>() as u64 + 16;

/// How to treat the server's own lines about entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Longnames {
    /// Keep them, for `ls -l`.
    Kept,
    /// Drop them, because they take as much memory as everything else.
    Dropped,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The vetted name.
    pub name: EntryName,
    /// The server's own line about the entry, not made printable. Empty if the listing drops these lines.
    pub longname: Bytes,
    /// The attributes, without following a link.
    pub attributes: Attributes,
}

/// A directory's entries, in the server's order.
#[derive(Debug, Default)]
pub struct Listing {
    /// All entries except `.`, `..` and suspect ones.
    pub entries: Vec<Entry>,
    /// `.` and `..`, if the server lists them, each once.
    pub dots: Vec<NameEntry>,
    /// Entries that were left out because their name or size is not allowed.
    pub suspects: Vec<Suspect>,
    /// The number of suspects beyond [`MOST_SUSPECTS`].
    more_suspects: u64,
    /// The listing's share of a budget.
    pub(super) held: Option<Share>,
}

/// Why an entry was left out of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Suspect {
    /// The name is not allowed.
    Name(InvalidName),
    /// No file can have this size.
    Size(EntryName, u64),
}

impl Listing {
    /// Adds an entry. Returns the bytes that it takes in memory.
    pub(super) fn add(&mut self, entry: NameEntry) -> u64 {
        let NameEntry { name, longname, attributes } = entry;
        let bytes = ENTRY_BYTES + (name.len() + longname.len()) as u64;
        if matches!(&name[..], b"." | b"..") {
            self.add_dots(NameEntry { name, longname, attributes });
            return bytes;
        }
        match (EntryName::vet(name), attributes.absurd_size()) {
            (Ok(name), None) => self.entries.push(Entry { name, longname, attributes }),
            (Ok(name), Some(size)) => self.suspect(Suspect::Size(name, size)),
            (Err(invalid), _) => self.suspect(Suspect::Name(invalid)),
        }
        bytes
    }

    fn add_dots(&mut self, dots: NameEntry) {
        if self.dots.iter().all(|known| known.name != dots.name) {
            self.dots.push(dots);
        }
    }

    fn suspect(&mut self, suspect: Suspect) {
        if self.suspects.len() < MOST_SUSPECTS {
            self.suspects.push(suspect);
        } else {
            self.more_suspects += 1;
        }
    }

    pub(super) fn append(&mut self, mut later: Listing) {
        self.entries.append(&mut later.entries);
        later.dots.into_iter().for_each(|dots| self.add_dots(dots));
        later.suspects.into_iter().for_each(|suspect| self.suspect(suspect));
        self.more_suspects += later.more_suspects;
    }

    /// Returns whether an entry was left out because of its size.
    #[must_use]
    pub fn lacks_entries(&self) -> bool {
        self.suspects.iter().any(|suspect| matches!(suspect, Suspect::Size(..)))
    }

    /// Returns the suspects as errors about this directory.
    pub fn complaints(&self, directory: &RemotePath) -> impl Iterator<Item = Error> {
        let suspects = self.suspects.iter().map(|suspect| match suspect.clone() {
            Suspect::Name(name) => Error::Suspect { directory: directory.clone(), name },
            Suspect::Size(name, size) => Error::SuspectSize { directory: directory.clone(), name, size },
        });
        let more = Some(self.more_suspects).filter(|&more| more > 0);
        suspects.chain(more.map(|more| Error::MoreSuspects { directory: directory.clone(), more }))
    }
}
