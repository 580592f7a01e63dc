//! The rehearsal of an upload: it looks existing targets up on the server, and remembers what it would have made.

use std::collections::{HashMap, HashSet};

use rustix::io::Errno;

use crate::name::RemotePath;
use crate::remote::MAX_DEPTH;
use crate::sftp::{self, Attributes, Extension, FileType, Pending, Times, calls};
use crate::transfer::conflict::{Conflict, Numbering, Verdict, Version, reason_to_stay};
use crate::transfer::connections::io::Io;
use crate::transfer::event::Intent;
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::local::bytes;
use crate::transfer::plan::{PutDirectory, PutFile, PutLink};
use crate::transfer::put::is_complete;
use crate::transfer::put::landing::{Landing, MOST_LINKS};
use crate::transfer::put::source::Source;
use crate::transfer::request::{Direction, OnConflict};

/// The remote side of a rehearsed upload.
#[derive(Default)]
pub(crate) struct There {
    /// For each directory that was entered and not left, true if it exists or would have been made.
    stack: Vec<bool>,
    /// The entries that earlier steps would have made.
    simulated: HashMap<RemotePath, Simulated>,
    /// Targets of files whose sources would be removed.
    written: HashSet<RemotePath>,
}

/// An entry that would have been made.
#[derive(Clone)]
enum Simulated {
    Directory,
    File(Version),
    /// A link with its target.
    Link(RemotePath),
}

/// A step, and the STAT and LSTAT of its target.
pub(crate) struct TargetQuery {
    step: UploadStep,
    followed: Pending<Attributes>,
    itself: Pending<Attributes>,
}

/// A step of an upload.
pub(super) enum UploadStep {
    File(PutFile),
    Directory(PutDirectory),
    Link(PutLink),
}

/// The attributes of a file that a path leads to, or `None` if there is none.
type Looked = Result<Option<Attributes>, sftp::Error>;

fn found(answer: Result<Attributes, sftp::Error>) -> Looked {
    match answer {
        Ok(there) => Ok(Some(there)),
        Err(error) if error.is_no_such_file() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The server's answers about a path.
struct Present {
    /// The answer to STAT, which follows links.
    followed: Looked,
    /// The answer to LSTAT, or `None` if there is no entry or the server can't tell.
    itself: Option<Attributes>,
}

impl TargetQuery {
    /// Sends STAT and LSTAT of a step's target.
    pub(super) fn about(step: UploadStep, io: &Io) -> TargetQuery {
        let path = match &step {
            UploadStep::File(file) => &file.remote,
            UploadStep::Directory(directory) => &directory.remote,
            UploadStep::Link(link) => &link.remote,
        };
        let followed = io.pool.first().submit(&calls::Stat { path });
        let itself = io.pool.first().submit(&calls::Lstat { path });
        TargetQuery { step, followed, itself }
    }
}

impl There {
    /// Returns what a step would do.
    pub(super) fn rehearse(&mut self, query: TargetQuery, io: &Io) -> Result<Vec<Intent>, Failure> {
        let TargetQuery { step, followed, itself } = query;
        let present = Present::of(followed, itself);
        if self.stack.last() == Some(&false) {
            // The directory can't be made, which was reported.
            if let UploadStep::Directory(_) = step {
                self.stack.push(false);
            }
            return Ok(Vec::new());
        }
        match step {
            UploadStep::File(file) => {
                let source = Source::open(&file).map_err(|failure| file.failed(failure))?;
                let (size, times) = (source.size(), source.times());
                if io.settings.options.remove_source && !self.written.insert(file.remote.clone()) {
                    return Err(Failure::new(Act::RemoveSource, bytes(&file.shown), Cause::JustWritten));
                }
                let sending = Sending { file: &file, size, times, io };
                let intent = self.file(&sending, present);
                intent.map(|intent| vec![intent]).map_err(|failure| file.failed(failure))
            }
            UploadStep::Directory(directory) => {
                let entered = self.enter(&directory, present, io);
                self.stack.push(entered.is_ok());
                entered
            }
            UploadStep::Link(link) => self.link(&link, &present, io).map(|intent| vec![intent]),
        }
    }

    /// Leaves the directory that was entered last.
    pub(super) fn leave(&mut self) {
        self.stack.pop();
    }

    fn enter(&mut self, directory: &PutDirectory, present: Present, io: &Io) -> Result<Vec<Intent>, Failure> {
        let path = &directory.remote;
        let failed = |cause: Cause| Failure::new(Act::MakeRemoteDirectory, path.as_bytes(), cause);
        if let Some(Simulated::Directory) = self.simulated.get(path) {
            return Ok(Vec::new());
        }
        let is_there = self.simulated.contains_key(path) || present.itself.is_some();
        let is_missing = match (self.followed(path, present.followed, io), is_there.then_some(())) {
            (Ok(Some(there)), _) if there.is_dir() || there.lacks_type() => return Ok(Vec::new()),
            (Ok(Some(_)), _) | (Ok(None), Some(_)) => return Err(failed(Cause::NotDirectory)),
            (Ok(None), None) => true,
            (Err(error), _) if !error.leaves_the_session_alive() => return Err(failed(error.into())),
            (Err(_), _) => false,
        };
        let mut missing = vec![path.clone()];
        while self.stack.is_empty()
            && is_missing
            && missing.len() < MAX_DEPTH
            && let Some(above) = missing.last().and_then(RemotePath::parent)
            && !self.simulated.contains_key(&above)
            && io.pool.first().stat(&above).is_err_and(|error| error.is_no_such_file())
        {
            missing.push(above);
        }
        self.simulated.extend(missing.iter().map(|path| (path.clone(), Simulated::Directory)));
        let intent = |path: RemotePath| Intent::Directory { target: path.as_bytes().to_vec(), is_missing };
        Ok(missing.into_iter().rev().map(intent).collect())
    }

    fn file(&mut self, sending: &Sending<'_>, present: Present) -> Result<Intent, Failure> {
        let (file, options) = (sending.file, sending.io.settings.options);
        let shown = bytes(&file.shown).to_vec();
        let stays = |reason| Intent::Skip { source: shown.clone(), target: file.remote.as_bytes().to_vec(), reason };
        let is_there = present.itself.is_some() || self.simulated.contains_key(&file.remote);
        let there = self.found(&file.remote, present.followed, sending.io);
        if is_there && matches!(there, Ok(None)) {
            self.check_dangling(&file.remote, sending.io)?;
        }
        let decision = match options.resume {
            true => sending.resumed(there?),
            false => self.decided(sending, there),
        }?;
        let (target, offset, asks) = match decision {
            Decision::Stays(reason) => return Ok(stays(reason)),
            Decision::Goes { target, offset } => (target, offset, false),
            Decision::Asks => (file.remote.clone(), 0, true),
        };
        let modified = options.preserve.then(|| sending.times.modified.into());
        let version = Version { size: Some(sending.size), modified };
        self.simulated.insert(target.clone(), Simulated::File(version));
        let (direction, target, size) = (Direction::Put, target.as_bytes().to_vec(), Some(sending.size));
        Ok(Intent::File { direction, source: shown, target, size, offset, asks, removes: options.remove_source })
    }

    /// Returns the attributes of the file at a target, whether directly or by links, or `None` if there is none.
    fn found(&self, path: &RemotePath, there: Looked, io: &Io) -> Result<Option<Attributes>, Failure> {
        let failed = |error: sftp::Error| Failure::new(Act::StatRemote, path.as_bytes(), error);
        self.followed(path, there, io).map_err(failed)
    }

    /// Returns the attributes of the file that a path would lead to by now, given the server's answer about it.
    fn followed(&self, path: &RemotePath, there: Looked, io: &Io) -> Looked {
        let (mut path, mut there) = (path.clone(), there);
        for _ in 0..MOST_LINKS {
            let next = match self.simulated.get(&path) {
                None => return there,
                Some(Simulated::Directory) => return Ok(Some(Attributes::with_permissions(0o040_755))),
                Some(Simulated::File(version)) => {
                    let times = version.modified.and_then(|at| u32::try_from(at).ok());
                    let times = times.map(|modified| Times { accessed: modified, modified });
                    let file = Attributes::with_permissions(0o100_644);
                    return Ok(Some(Attributes { size: version.size, times, ..file }));
                }
                Some(Simulated::Link(points_to)) => path.parent().map(|directory| directory.resolve(points_to)),
            };
            let Some(next) = next else { break };
            path = next;
            there = found(io.pool.first().stat(&path));
        }
        Ok(None)
    }

    /// Checks that a file could be made at the target of a link that leads nowhere.
    fn check_dangling(&self, path: &RemotePath, io: &Io) -> Result<(), Failure> {
        let failed = |error: Errno| Err(Failure::new(Act::OpenTarget, path.as_bytes(), error));
        let options = io.settings.options;
        if !options.atomic && !options.resume && options.on_conflict != OnConflict::Overwrite {
            // The name of the link is already taken.
            return failed(Errno::EXIST);
        }
        let mut landing = Landing::at(path);
        loop {
            let link = match self.simulated.get(landing.target()) {
                Some(Simulated::Link(points_to)) => points_to.as_bytes().to_vec(),
                Some(_) => break,
                None => match io.pool.first().readlink(landing.target()) {
                    Ok(link) => link.to_vec(),
                    Err(_) => break,
                },
            };
            if !landing.follow(&link) {
                // With `--atomic`, one of the links is replaced.
                return if options.atomic { Ok(()) } else { failed(Errno::LOOP) };
            }
        }
        match landing.target().parent() {
            Some(above) => match self.followed(&above, found(io.pool.first().stat(&above)), io) {
                Ok(Some(above)) if above.is_dir() => Ok(()),
                _ => failed(Errno::NOENT),
            },
            None => Ok(()),
        }
    }

    fn decided(&self, sending: &Sending<'_>, there: Result<Option<Attributes>, Failure>) -> Result<Decision, Failure> {
        let (file, io) = (sending.file, sending.io);
        let options = io.settings.options;
        let goes = |target: RemotePath| Ok(Decision::Goes { target, offset: 0 });
        let (target, may_replace) = (file.remote.as_bytes(), options.on_conflict == OnConflict::Overwrite);
        let there = match there {
            Ok(Some(there)) => there,
            Ok(None) => return goes(file.remote.clone()),
            // A target that can't be looked up may still be written, unless existing files must stay.
            Err(failure) if may_replace && !failure.is_fatal() => return goes(file.remote.clone()),
            Err(failure) => return Err(failure),
        };
        let new = Version { size: Some(sending.size), modified: Some(sending.times.modified.into()) };
        let there_now = Version { size: there.size, modified: there.times.map(|times| times.modified.into()) };
        let conflict = Conflict { direction: Direction::Put, target: target.to_vec(), there: there_now, new };
        match options.on_conflict.decide(&conflict) {
            None => Ok(Decision::Asks),
            Some(Verdict::Skip) => Ok(Decision::Stays(reason_to_stay(options.on_conflict == OnConflict::Newer))),
            Some(Verdict::Rename) => goes(self.free_name(&file.remote, None, io)?),
            Some(Verdict::Overwrite) if there.is_dir() => Err(Failure::new(Act::OpenTarget, target, Cause::Directory)),
            Some(Verdict::Overwrite) if options.atomic && !io.pool.first().offers(Extension::PosixRename) => {
                Err(Failure::new(Act::ReplaceRemote, target, Cause::NoReplacing))
            }
            Some(Verdict::Overwrite) => goes(file.remote.clone()),
        }
    }

    /// Returns the first numbered name that is free. For a link, an existing link with the same target is as free.
    fn free_name(&self, asked: &RemotePath, link: Option<&RemotePath>, io: &Io) -> Result<RemotePath, Failure> {
        let mut numbering = Numbering::default();
        let mut name = numbering.next(asked);
        loop {
            let there = match link {
                Some(_) => io.pool.first().lstat(&name),
                None => io.pool.first().stat(&name),
            };
            match there {
                Err(error) if error.is_no_such_file() && !self.simulated.contains_key(&name) => return Ok(name),
                Ok(_) if link.is_some_and(|to| self.is_link_to(&name, to, io)) => return Ok(name),
                Err(error) if !error.is_no_such_file() => {
                    return Err(Failure::new(Act::StatRemote, name.as_bytes(), error));
                }
                _ => name = numbering.next(&name),
            }
        }
    }

    fn link(&mut self, link: &PutLink, present: &Present, io: &Io) -> Result<Intent, Failure> {
        let (path, source) = (&link.remote, bytes(&link.shown).to_vec());
        let simulated = self.simulated.get(path);
        let is_there = simulated.is_some() || present.itself.is_some();
        let is_directory = match simulated {
            Some(simulated) => matches!(simulated, Simulated::Directory),
            None => present.itself.as_ref().is_some_and(Attributes::is_dir),
        };
        let options = io.settings.options;
        let unknown = Version::default();
        let conflict =
            Conflict { direction: Direction::Put, target: path.as_bytes().to_vec(), there: unknown, new: unknown };
        let (target, asks) = if !is_there || self.is_link_to(path, &link.points_to, io) {
            (path.clone(), false)
        } else {
            match options.on_conflict.decide(&conflict) {
                None => (path.clone(), true),
                Some(Verdict::Rename) => (self.free_name(path, Some(&link.points_to), io)?, false),
                Some(Verdict::Overwrite) if is_directory => {
                    return Err(Failure::new(Act::MakeRemoteLink, path.as_bytes(), Cause::Directory));
                }
                Some(Verdict::Overwrite) => (path.clone(), false),
                Some(Verdict::Skip) => {
                    let reason = reason_to_stay(options.on_conflict == OnConflict::Newer);
                    return Ok(Intent::Skip { source, target: path.as_bytes().to_vec(), reason });
                }
            }
        };
        self.simulated.insert(target.clone(), Simulated::Link(link.points_to.clone()));
        let removes = options.remove_source;
        Ok(Intent::Link { source, target: target.as_bytes().to_vec(), asks, removes })
    }

    /// Returns whether there is a link with this target.
    fn is_link_to(&self, path: &RemotePath, points_to: &RemotePath, io: &Io) -> bool {
        match self.simulated.get(path) {
            Some(Simulated::Link(there)) => there == points_to,
            Some(_) => false,
            None => io.pool.first().readlink(path).is_ok_and(|there| there[..] == *points_to.as_bytes()),
        }
    }
}

impl Present {
    fn of(followed: Pending<Attributes>, itself: Pending<Attributes>) -> Present {
        Present { followed: found(followed.wait()), itself: itself.wait().ok() }
    }
}

/// The decision about a file.
enum Decision {
    Goes {
        target: RemotePath,
        /// The bytes that exist and would be continued.
        offset: u64,
    },
    Asks,
    Stays(&'static str),
}

/// A file that would be sent.
struct Sending<'a> {
    file: &'a PutFile,
    size: u64,
    times: Times,
    io: &'a Io,
}

impl Sending<'_> {
    fn resumed(&self, there: Option<Attributes>) -> Result<Decision, Failure> {
        let options = self.io.settings.options;
        let goes = |offset| Ok(Decision::Goes { target: self.file.remote.clone(), offset });
        match there.as_ref().and_then(|there| there.size).unwrap_or(0) {
            size if size > self.size && !options.atomic => {
                let source = bytes(&self.file.shown);
                Err(Failure::new(Act::ResumeUpload, source, Cause::NotSmallerThanSource))
            }
            _ if there.as_ref().is_some_and(Attributes::is_dir) => {
                Err(Failure::new(Act::OpenTarget, self.file.remote.as_bytes(), Cause::Directory))
            }
            size if size == self.size
                && size > 0
                && there.as_ref().is_some_and(|there| is_complete(options, there, self.times)) =>
            {
                Ok(Decision::Stays("is complete"))
            }
            _ if options.atomic => goes(self.beside()?),
            size => goes(size),
        }
    }

    /// Returns the length of the partial file that an earlier run has left.
    fn beside(&self) -> Result<u64, Failure> {
        let session = self.io.pool.first();
        let mut landing = Landing::at(&self.file.remote);
        while let Ok(path) = session.readlink(landing.target()) {
            if !landing.follow(&path) {
                break;
            }
        }
        let attributes = Attributes { size: Some(self.size), times: Some(self.times), ..Attributes::default() };
        landing.go_beside(Some((&self.io.settings.server, &attributes)));
        match session.lstat(landing.path()) {
            Ok(part) if part.file_type() == Some(FileType::Regular) => {
                Ok(part.size.filter(|&size| size <= self.size).unwrap_or(0))
            }
            Err(error) if !error.leaves_the_session_alive() => {
                Err(Failure::new(Act::StatRemote, self.file.remote.as_bytes(), error))
            }
            _ => Ok(0),
        }
    }
}
