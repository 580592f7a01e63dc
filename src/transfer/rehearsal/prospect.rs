//! What would become of a file whose target may be there already: the same decisions as those of a real transfer, and
//! nothing of what follows from them.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::super::conflict::{Conflict, Numbering, Version};
use super::super::failure::{Act, Cause, Failure};
use super::super::io::Io;
use super::super::landing::Landing;
use super::super::local::{Foreseen, Place, Standing, Wanted, bytes};
use super::super::plan::{GetFile, PutFile, times};
use super::super::request::{Direction, OnConflict};
use super::super::upload::is_complete;
use crate::name::RemotePath;
use crate::sftp::{self, Attributes, FileType, Pending, Times, calls};

/// What would become of a file.
pub(super) enum Prospect {
    /// It would be moved.
    Moves {
        /// Where to, as messages show it.
        target: Vec<u8>,
        /// How much of it is there and would stay.
        offset: u64,
        /// Whether somebody would be asked first.
        asks: bool,
    },
    /// Its target would stay, for this reason.
    Stays(&'static str),
    /// It would fail at once.
    Fails(Failure),
}

/// The decision about a target that is there.
enum Decision {
    Replaces,
    Stays(&'static str),
    Renames,
    Asks,
}

fn decide(choice: OnConflict, conflict: &Conflict) -> Decision {
    match choice {
        OnConflict::Overwrite => Decision::Replaces,
        OnConflict::Newer if conflict.is_newer() => Decision::Replaces,
        OnConflict::Newer => Decision::Stays("is there already and is no older"),
        OnConflict::Skip => Decision::Stays("is there already"),
        OnConflict::Rename => Decision::Renames,
        OnConflict::Ask => Decision::Asks,
    }
}

fn moves(target: impl Into<Vec<u8>>, offset: u64) -> Prospect {
    Prospect::Moves { target: target.into(), offset, asks: false }
}

/// What would become of a file that is fetched to `place`. `taken` are the targets of those before it.
pub(super) fn of_get(file: &GetFile, place: Place, taken: &HashSet<PathBuf>, io: &Io) -> Prospect {
    let (options, shown) = (io.settings.options, bytes(place.shown()).to_vec());
    // As a download takes it.
    let attributes = Attributes { size: file.attributes.size.filter(|&size| size > 0), ..file.attributes };
    if options.resume {
        let (remote, settings, canceller) = (&file.remote, &io.settings, &io.canceller);
        let (attributes, standing) = (&attributes, Standing::Anything);
        let wanted = Wanted { remote, attributes, place: &place, standing, settings, canceller };
        return match wanted.foresee() {
            Ok(Foreseen::Whole) => Prospect::Stays("is complete"),
            Ok(Foreseen::From(offset)) => moves(shown, offset),
            Err(failure) => Prospect::Fails(failure),
        };
    }
    let promised = || taken.contains(place.shown()).then(Version::default);
    let Some(there) = place.there().map(|(there, _)| there).or_else(promised) else { return moves(shown, 0) };
    let modified = attributes.times.map(|times| i64::from(times.modified));
    let new = Version { size: attributes.size, modified };
    match decide(options.on_conflict, &Conflict { direction: Direction::Get, target: shown.clone(), there, new }) {
        Decision::Replaces => moves(shown, 0),
        Decision::Stays(reason) => Prospect::Stays(reason),
        Decision::Renames => moves(bytes(place.numbered(|path| taken.contains(path)).shown()), 0),
        Decision::Asks => Prospect::Moves { target: shown, offset: 0, asks: true },
    }
}

/// A file that would be sent, and what the server is asked about its target.
pub(super) struct Sending {
    pub(super) file: PutFile,
    pub(super) size: u64,
    times: Times,
    there: Pending<Attributes>,
}

impl Sending {
    /// Asks what is there; nothing where that makes no difference, or nothing is here.
    pub(super) fn ask(file: PutFile, io: &Io) -> Result<Sending, PutFile> {
        let options = io.settings.options;
        if !options.resume && options.on_conflict == OnConflict::Overwrite {
            return Err(file);
        }
        let Ok(metadata) = std::fs::metadata(&file.local) else { return Err(file) };
        let there = io.session().submit(&calls::Stat { path: &file.remote });
        Ok(Sending { file, size: metadata.len(), times: times(&metadata), there })
    }

    /// Waits for what is there. `taken` are the targets of those before it.
    pub(super) fn prospect(self, taken: &HashSet<PathBuf>, io: &Io) -> (PutFile, u64, Prospect) {
        let Sending { file, size, times, there } = self;
        let there = match there.wait() {
            Ok(there) => Some(there),
            Err(error) if error.is_no_such_file() => None,
            Err(error) => {
                let failure = Failure::new(Act::StatRemote, file.remote.as_bytes(), error);
                return (file, size, Prospect::Fails(failure));
            }
        };
        let sending = Sent { file: &file, size, times, taken, io };
        let prospect = match io.settings.options.resume {
            true => sending.resumed(there.as_ref()),
            false => sending.decided(there),
        };
        let prospect = prospect
            .unwrap_or_else(|error| Prospect::Fails(Failure::new(Act::StatRemote, file.remote.as_bytes(), error)));
        (file, size, prospect)
    }
}

struct Sent<'a> {
    file: &'a PutFile,
    size: u64,
    times: Times,
    taken: &'a HashSet<PathBuf>,
    io: &'a Io,
}

impl Sent<'_> {
    fn resumed(&self, there: Option<&Attributes>) -> Result<Prospect, sftp::Error> {
        let options = self.io.settings.options;
        let target = self.file.remote.as_bytes();
        match there.and_then(|there| there.size).unwrap_or(0) {
            size if size > self.size && !options.atomic => {
                let source = bytes(&self.file.shown);
                Ok(Prospect::Fails(Failure::new(Act::ResumeUpload, source, Cause::NotSmallerThanSource)))
            }
            size if size == self.size
                && size > 0
                && there.is_some_and(|there| is_complete(options, there, self.times)) =>
            {
                Ok(Prospect::Stays("is complete"))
            }
            _ if options.atomic => Ok(moves(target, self.beside()?)),
            size => Ok(moves(target, size)),
        }
    }

    /// How much of it an earlier run has left beside its target.
    fn beside(&self) -> Result<u64, sftp::Error> {
        let session = self.io.session();
        let mut landing = Landing::at(&self.file.remote);
        while let Ok(path) = session.readlink(&landing.target) {
            if !landing.follow(&path) {
                break;
            }
        }
        let attributes = Attributes { size: Some(self.size), times: Some(self.times), ..Attributes::default() };
        landing.go_beside(Some((&self.io.settings.server, &attributes)));
        match session.lstat(&landing.path) {
            Ok(part) if part.file_type() == Some(FileType::Regular) => {
                Ok(part.size.filter(|&size| size <= self.size).unwrap_or(0))
            }
            Err(error) if !error.leaves_the_session_alive() => Err(error),
            _ => Ok(0),
        }
    }

    fn decided(&self, there: Option<Attributes>) -> Result<Prospect, sftp::Error> {
        let target = self.file.remote.as_bytes();
        let there = match there {
            Some(there) => Version { size: there.size, modified: there.times.map(|times| times.modified.into()) },
            None if self.is_taken(&self.file.remote) => Version::default(),
            None => return Ok(moves(target, 0)),
        };
        let new = Version { size: Some(self.size), modified: Some(self.times.modified.into()) };
        let conflict = Conflict { direction: Direction::Put, target: target.to_vec(), there, new };
        match decide(self.io.settings.options.on_conflict, &conflict) {
            Decision::Replaces => Ok(moves(target, 0)),
            Decision::Stays(reason) => Ok(Prospect::Stays(reason)),
            Decision::Renames => Ok(moves(self.free_name()?.as_bytes(), 0)),
            Decision::Asks => Ok(Prospect::Moves { target: target.to_vec(), offset: 0, asks: true }),
        }
    }

    fn free_name(&self) -> Result<RemotePath, sftp::Error> {
        let mut numbering = Numbering::default();
        loop {
            let name = numbering.next(&self.file.remote);
            match self.io.session().stat(&name) {
                Ok(_) => {}
                Err(error) if error.is_no_such_file() && !self.is_taken(&name) => return Ok(name),
                Err(error) if error.is_no_such_file() => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn is_taken(&self, path: &RemotePath) -> bool {
        self.taken.contains(&path_of(path.as_bytes()))
    }
}

/// A target, for comparison with others.
pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}
