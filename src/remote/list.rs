//! One directory as the server lists it, after vetting.
#![forbid(unsafe_code)]

use bytes::Bytes;

use super::error::{Act, Error};
use super::interrupt::Interrupt;
use super::lifeline::Lifeline;
use super::survey::{Answer, Longnames, Survey};
use crate::name::{EntryName, RemotePath, UnfitName};
use crate::sftp::{Attributes, NameEntry, Session};

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, vetted.
    pub name: EntryName,
    /// The server's own line about it, not made printable; empty in listings that need none.
    pub longname: Bytes,
    /// Its attributes, of the link itself where it is one.
    pub attributes: Attributes,
}

/// A directory's entries, in the server's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The entries proper.
    pub entries: Vec<Entry>,
    /// `.` and `..`, where the server lists them.
    pub dots: Vec<NameEntry>,
    /// Names that would lead out of the directory, left out of the entries.
    pub suspects: Vec<UnfitName>,
}

impl Listing {
    pub(super) fn add(&mut self, entry: NameEntry, longnames: Longnames) {
        if matches!(&entry.name[..], b"." | b"..") {
            self.dots.push(entry);
            return;
        }
        match EntryName::vet(&entry.name[..]) {
            Ok(name) => {
                let longname = if longnames == Longnames::Kept { entry.longname } else { Bytes::new() };
                self.entries.push(Entry { name, longname, attributes: entry.attributes });
            }
            Err(unfit) => self.suspects.push(unfit),
        }
    }

    pub(super) fn append(&mut self, mut later: Listing) {
        self.entries.append(&mut later.entries);
        self.dots.append(&mut later.dots);
        self.suspects.append(&mut later.suspects);
    }

    /// The suspects as errors about this directory.
    pub fn complaints(&self, directory: &RemotePath) -> impl Iterator<Item = Error> {
        self.suspects.iter().map(|name| Error::Suspect { directory: directory.clone(), name: name.clone() })
    }
}

/// Lists one directory, with many READDIRs in flight.
///
/// # Errors
/// The server refuses, at once or in the middle: there is no half listing.
pub fn list(session: &Session, directory: &RemotePath, interrupt: &Interrupt) -> Result<Listing, Error> {
    let mut survey = Survey::new(&Lifeline::single(session), interrupt, Longnames::Kept);
    survey.list(directory.clone(), ());
    match survey.next()? {
        Some(Answer::Listing(_, _, outcome)) => outcome,
        // The one question has one answer, so this can't be reached; it is no success in any case.
        _ => Err(Error::new(Act::List, directory, crate::sftp::Error::ConnectionLost("no answer".into()))),
    }
}
