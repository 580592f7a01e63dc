//! One directory as the server lists it, after vetting.

use crate::budget::Share;
use crate::name::{EntryName, EntryNameRef, InvalidName, RemotePath};
use crate::remote::entries::{Entries, EntryRef};
use crate::remote::error::Error;
use crate::sftp::{Attributes, NameEntry};

/// How many suspect entries of a listing are reported one by one. An honest server has none, and each message names
/// the directory.
const MOST_SUSPECTS: usize = 100;

/// How to treat the server's own lines about entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Longnames {
    /// Keep them, for `ls -l`.
    Kept,
    /// Drop them, because they take as much memory as everything else.
    Dropped,
}

/// A directory's entries, in the server's order.
#[derive(Debug, Default)]
pub struct Listing {
    /// All entries except `.`, `..` and suspect ones.
    pub entries: Entries,
    /// `.` and `..`, if the server lists them, each once.
    pub dots: Vec<Dots>,
    /// Entries that were left out because their name or size is not allowed.
    pub suspects: Vec<Suspect>,
    /// The number of suspects beyond [`MOST_SUSPECTS`].
    more_suspects: u64,
    /// The listing's share of a budget.
    pub(super) held: Option<Share>,
}

/// `.` or `..`, which are no entries of their directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dots {
    /// `.` or `..`.
    pub name: &'static [u8],
    /// As an [entry's](EntryRef).
    pub longname: Option<Vec<u8>>,
    /// As an [entry's](EntryRef).
    pub attributes: Attributes,
}

/// Why an entry was left out of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Suspect {
    /// The name is not allowed.
    Name(InvalidName),
    /// No file can have this size.
    Size(EntryName, u64),
}

impl From<Entries> for Listing {
    fn from(entries: Entries) -> Listing {
        Listing { entries, ..Listing::default() }
    }
}

impl Listing {
    /// Adds an entry.
    pub(super) fn add(&mut self, entry: NameEntry<'_>) {
        let NameEntry { name, longname, attributes } = entry;
        let dots = |name| Dots { name, longname: longname.map(<[u8]>::to_vec), attributes };
        match (name, EntryNameRef::vet(name), attributes.absurd_size()) {
            (b".", ..) => self.add_dots(dots(b".")),
            (b"..", ..) => self.add_dots(dots(b"..")),
            (_, Ok(name), None) => self.entries.push(EntryRef { name, longname, attributes }),
            (_, Ok(name), Some(size)) => self.suspect(Suspect::Size(name.into(), size)),
            (_, Err(invalid), _) => self.suspect(Suspect::Name(invalid)),
        }
    }

    fn add_dots(&mut self, dots: Dots) {
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

    /// Adds the listing of what follows in the same directory.
    pub(super) fn append(&mut self, later: Listing) {
        self.entries.append(&later.entries);
        later.dots.into_iter().for_each(|dots| self.add_dots(dots));
        later.suspects.into_iter().for_each(|suspect| self.suspect(suspect));
        self.more_suspects += later.more_suspects;
    }

    /// Returns the bytes that the entries take in memory, and an order of them.
    pub(super) fn bytes(&self) -> u64 {
        self.entries.bytes() + (self.entries.len() * size_of::<usize>()) as u64
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
