//! The plan of an upload: the kind of each source, and the trees below.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::name::{EntryName, RemotePath};
use crate::remote::{Lifeline, MAX_DEPTH, canonical_answer};
use crate::sftp::{Attributes, Pending, Times, calls};
use crate::sticky;
use crate::transfer::canceller::Canceller;
use crate::transfer::event::{File, Note};
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::local::bytes;
use crate::transfer::pairs::{PutPair, PutPairs};
use crate::transfer::plan::step::{PlanOptions, Planned, PutDirectory, PutFile, PutLink, Step, Steps};
use crate::transfer::request::{Direction, Links, Options};
use crate::transfer::selection::Selection;

/// Returns the steps of an upload.
pub(crate) fn steps(
    lifeline: Lifeline,
    pairs: PutPairs,
    PlanOptions { options, selection }: PlanOptions,
    canceller: Canceller,
) -> impl Steps {
    PutPlan {
        lifeline,
        options,
        selection,
        canceller,
        pairs: pairs.into_iter(),
        ready: VecDeque::new(),
        levels: Vec::new(),
    }
}

struct PutPlan {
    lifeline: Lifeline,
    options: Options,
    selection: Selection,
    canceller: Canceller,
    pairs: <PutPairs as IntoIterator>::IntoIter,
    ready: VecDeque<Planned>,
    /// Directories that were entered and not left.
    levels: Vec<Level>,
}

/// A directory that is being sent.
struct Level {
    local: PathBuf,
    shown: PathBuf,
    remote: RemotePath,
    /// The path below the top of the tree, which is empty for the top itself.
    path: PathBuf,
    /// Device and inode, to recognize a link that leads back to this directory.
    identity: (u64, u64),
    /// The names that are left, in reverse order.
    names: Vec<OsString>,
}

impl Iterator for PutPlan {
    type Item = Planned;

    fn next(&mut self) -> Option<Planned> {
        loop {
            if let Some(planned) = self.ready.pop_front() {
                return Some(planned);
            }
            if self.canceller.is_cancelled() {
                return None;
            }
            let Some(level) = self.levels.last_mut() else {
                let pair = self.pairs.next()?;
                self.plan(&pair);
                continue;
            };
            match level.names.pop() {
                Some(name) => self.plan_entry(name),
                None => {
                    self.levels.pop();
                    return Some(Step::Leave.into());
                }
            }
        }
    }
}

impl Steps for PutPlan {
    /// Does nothing: an upload opens no directory on the server.
    fn let_go(&mut self) {}
}

impl PutPlan {
    fn plan(&mut self, pair: &PutPair) {
        let (local, shown) = (pair.local.path(), pair.local.shown());
        let metadata = match sticky::metadata(local) {
            Ok(metadata) => metadata,
            // This comes before the line about the source, as in sftp(1).
            Err(error) => return self.fail(Failure::new(Act::StatLocal, bytes(shown), error)),
        };
        if let Some(reason) = self.objection(&metadata) {
            let note = Note::LeftOut { source: bytes(shown).to_vec(), reason };
            return self.ready.push_back(Step::Note(note).into());
        }
        let announced = Arc::new(File {
            direction: Direction::Put,
            source: bytes(shown).to_vec(),
            target: pair.remote.as_bytes().to_vec(),
            size: None,
            offset: 0,
            resumes: self.options.resume,
        });
        if metadata.is_file() {
            let (local, shown, remote) = (local.to_owned(), shown.to_owned(), pair.remote.clone());
            let size = metadata.len();
            let file = PutFile { local, shown, remote, size, is_named: true, announced: Some(announced) };
            return self.send(file, &metadata);
        }
        self.ready.push_back(Step::Announce(announced).into());
        if metadata.is_dir() && self.options.recursive {
            match self.canonical(&pair.remote) {
                Ok(remote) => self.enter(local.to_owned(), shown.to_owned(), remote, PathBuf::new(), &metadata),
                Err(failure) => self.fail(failure),
            }
        } else if metadata.is_dir() {
            self.fail(Failure::new(Act::Upload, bytes(shown), Cause::Directory));
        } else {
            self.fail(Failure::new(Act::Upload, bytes(shown), Cause::NotRegular));
        }
    }

    /// Returns the canonical path of a tree's target, and makes the missing directories above it. OpenSSH's server
    /// has no canonical path if the parent is missing; other servers invent one.
    fn canonical(&self, target: &RemotePath) -> Result<RemotePath, Failure> {
        let failed = |cause: Cause| Failure::new(Act::CanonicalizeTarget, target.as_bytes(), cause);
        let parent = target.parent();
        let (mut answer, lacks_parent) = self
            .lifeline
            .with_session(|session| {
                let canonical = session.submit(&calls::Realpath { path: target });
                let above = parent.as_ref().map(|path| session.submit(&calls::Stat { path }));
                let lacks_parent = match above.map(Pending::wait) {
                    Some(Err(error)) if error.leaves_the_session_alive() => error.may_mean_missing(),
                    Some(Err(error)) => return Err(error),
                    Some(Ok(_)) | None => false,
                };
                match canonical.wait() {
                    Err(error) if !error.leaves_the_session_alive() => Err(error),
                    canonical => Ok((canonical, lacks_parent)),
                }
            })
            .map_err(|error| failed(error.into()))?;
        if lacks_parent && self.options.dry_run {
            return Ok(target.clone());
        }
        if lacks_parent && let Some(parent) = &parent {
            self.make_with_parents(parent)?;
            answer = self.lifeline.with_session(|session| session.realpath(target));
        }
        let path = match (answer, target.parent(), target.base_name()) {
            // ProFTPD has a canonical path only for files that exist.
            (Err(error), Some(parent), Some(name)) if error.is_no_such_file() && name != b"." && name != b".." => {
                let above = self
                    .lifeline
                    .with_session(|session| session.realpath(&parent))
                    .map_err(|_| failed(error.into()))?;
                let above = canonical_answer(&parent, &above).map_err(|invalid| failed(invalid.into()))?;
                let name = EntryName::vet(name)
                    .map_err(|invalid| failed(crate::remote::Error::InvalidName(invalid).into()))?;
                return Ok(above.join(&name));
            }
            (answer, ..) => answer.map_err(|error| failed(error.into()))?,
        };
        canonical_answer(target, &path).map_err(|invalid| failed(invalid.into()))
    }

    /// Makes a missing directory, and the missing ones above it first.
    fn make_with_parents(&self, directory: &RemotePath) -> Result<(), Failure> {
        let is_there = |path: &RemotePath| {
            let looked = self.lifeline.with_session(|session| session.stat(path));
            looked.map_or_else(|error| !error.may_mean_missing(), |_| true)
        };
        let mut missing = vec![directory.clone()];
        while let Some(above) = missing.last().and_then(RemotePath::parent).filter(|path| !is_there(path)) {
            if missing.len() >= MAX_DEPTH || above.as_bytes() == b"." {
                break;
            }
            missing.push(above);
        }
        for path in missing.iter().rev() {
            let attributes = Attributes::with_permissions(0o777);
            let made = self.lifeline.with_session(|session| session.mkdir(path, attributes));
            // Another program may have made it in the meantime.
            if let Err(error) = made.or_else(|error| if is_there(path) { Ok(()) } else { Err(error) }) {
                return Err(Failure::new(Act::MakeRemoteDirectory, path.as_bytes(), error));
            }
        }
        Ok(())
    }

    fn plan_entry(&mut self, name: OsString) {
        let Some(level) = self.levels.last() else { return };
        let (local, shown, path) = (level.local.join(&name), level.shown.join(&name), level.path.join(&name));
        let (metadata, is_link) = self.look_at(&local);
        if metadata.as_ref().is_ok_and(|metadata| self.leaves_out(&path, metadata)) {
            return;
        }
        let name = name.into_vec();
        let remote = match EntryName::vet(name.clone()) {
            Ok(name) => level.remote.join(&name),
            Err(invalid) => {
                let cause = crate::remote::Error::InvalidName(invalid);
                return self.fail(Failure::new(Act::Upload, bytes(&shown), cause));
            }
        };
        match metadata {
            Ok(metadata) if metadata.is_dir() && is_link && self.is_above(&metadata) => {
                self.fail(Failure::new(Act::Upload, bytes(&shown), Cause::Loop));
            }
            Ok(metadata) if metadata.is_dir() => self.enter(local, shown, remote, path, &metadata),
            Ok(metadata) if metadata.is_file() => {
                let size = metadata.len();
                self.send(PutFile { local, shown, remote, size, is_named: is_link, announced: None }, &metadata);
            }
            Ok(metadata) if metadata.is_symlink() && self.options.links == Links::Copied => {
                self.link(local, shown, remote)
            }
            Ok(_) => {
                let note = Note::Skipped { direction: Direction::Put, entry: name };
                self.ready.push_back(Step::Note(note).into());
            }
            Err(error) => self.fail(Failure::new(Act::StatLocal, bytes(&shown), error)),
        }
    }

    /// Returns the metadata of an entry, and whether it is a link that was followed. A link that leads nowhere is not
    /// followed.
    fn look_at(&self, local: &Path) -> (io::Result<Metadata>, bool) {
        let metadata = fs::symlink_metadata(local);
        let is_link = metadata.as_ref().is_ok_and(Metadata::is_symlink) && self.options.links == Links::Followed;
        match sticky::metadata(local) {
            Ok(followed) if is_link => (Ok(followed), true),
            // Without this error, the entry would be skipped as one of an unknown kind.
            Err(error) if is_link && error.kind() == io::ErrorKind::PermissionDenied => (Err(error), false),
            _ => (metadata, false),
        }
    }

    /// Returns whether a directory is one that contains the current entry.
    fn is_above(&self, directory: &Metadata) -> bool {
        self.levels.iter().any(|level| level.identity == identity(directory))
    }

    fn link(&mut self, local: PathBuf, shown: PathBuf, remote: RemotePath) {
        let points_to = fs::read_link(&local).map_err(Cause::from).and_then(|points_to| {
            let points_to = RemotePath::new(points_to.into_os_string().into_vec());
            points_to.map_err(|invalid| crate::remote::Error::InvalidName(invalid).into())
        });
        match points_to {
            Ok(points_to) => self.ready.push_back(Step::PutLink(PutLink { local, shown, remote, points_to }).into()),
            Err(cause) => self.fail(Failure::new(Act::StatLocal, bytes(&shown), cause)),
        }
    }

    fn objection(&self, metadata: &Metadata) -> Option<&'static str> {
        if !metadata.is_file() {
            return None;
        }
        self.selection.objection(Some(metadata.len()), Some(metadata.mtime()))
    }

    fn leaves_out(&self, path: &Path, metadata: &Metadata) -> bool {
        self.selection.excludes(path, metadata.is_dir()) || self.objection(metadata).is_some()
    }

    /// Notes a time that the protocol can't express.
    fn note_time(&mut self, shown: &Path, metadata: &Metadata) {
        let is_known = |seconds: i64| u32::try_from(seconds).is_ok();
        if self.options.preserve && !(is_known(metadata.mtime()) && is_known(metadata.atime())) {
            self.ready.push_back(Step::Note(Note::TimeClamped(bytes(shown).to_vec())).into());
        }
    }

    fn send(&mut self, file: PutFile, metadata: &Metadata) {
        self.note_time(&file.shown, metadata);
        let size = Some(file.size);
        self.ready.push_back(Planned { step: Step::Put(file), size });
    }

    fn enter(&mut self, local: PathBuf, shown: PathBuf, remote: RemotePath, path: PathBuf, metadata: &Metadata) {
        // The top is level 0.
        if self.levels.len() > MAX_DEPTH {
            let cause = crate::remote::Error::TooDeep { path: remote, levels: MAX_DEPTH };
            return self.fail(Failure::new(Act::Upload, bytes(&shown), cause));
        }
        self.note_time(&shown, metadata);
        let step = Step::EnterPut(PutDirectory {
            local: local.clone(),
            shown: shown.clone(),
            remote: remote.clone(),
            mode: metadata.mode(),
            times: times(metadata),
        });
        self.ready.push_back(step.into());
        let names = match sorted_names(&local) {
            Ok(names) => names,
            Err(error) => {
                self.fail(Failure::new(Act::ListLocal, bytes(&shown), error));
                Vec::new()
            }
        };
        self.levels.push(Level { local, shown, remote, path, identity: identity(metadata), names });
    }

    fn fail(&mut self, failure: Failure) {
        self.ready.push_back(Step::Fail(failure).into());
    }
}

/// Returns the numbers that identify a directory, whatever the path to it is.
fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Returns the names in a directory, in reverse order.
fn sorted_names(directory: &Path) -> io::Result<Vec<OsString>> {
    let mut names = fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable_by(|one, other| other.cmp(one));
    Ok(names)
}

/// Returns the times as the protocol has them: seconds from 1970 to 2106. Other times become the nearest of these.
pub(crate) fn times(metadata: &Metadata) -> Times {
    let within = |seconds: i64| u32::try_from(seconds.max(0)).unwrap_or(u32::MAX);
    Times { accessed: within(metadata.atime()), modified: within(metadata.mtime()) }
}
