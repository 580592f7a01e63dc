//! Removes sources whose copies are complete (`--remove-source`).
//!
//! Before a file is removed, its size is looked at again: on the server with STAT, and locally for an upload.
//! Directories are removed last, the deepest first, and only if they are empty.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, statat};

use crate::name::RemotePath;
use crate::sftp::{self, Attributes, Reply, Session, StatusCode, calls};
use crate::transfer::connections::io::Wire;
use crate::transfer::connections::tag::RemovalTag;
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::local::{Place, bytes};
use crate::transfer::plan::times;
use crate::transfer::progress::reporter::Sequence;
use crate::transfer::request::WorkingDirectories;
use crate::transfer::settings::bits;

/// A source that was copied, and the facts that must still be true when it is removed.
pub(crate) enum Moved {
    /// A file that was fetched. The length is known unless the server only estimates it.
    Fetched { remote: RemotePath, length: Option<u64>, modified: Option<u32> },
    /// A file that was sent.
    Sent { local: PathBuf, shown: PathBuf, remote: RemotePath, length: u64, modified: u32 },
    /// A link on the server that was made here.
    FetchedLink(RemotePath),
    /// A link here that was made on the server.
    SentLink { local: PathBuf, shown: PathBuf },
    /// A remote file whose local copy can't be looked at again, such as one that went to a FIFO.
    Unverifiable(RemotePath),
}

/// The sources that are being removed.
#[derive(Default)]
pub(crate) struct Removals {
    is_wanted: bool,
    working_directories: WorkingDirectories,
    sources: BTreeMap<Sequence, Moved>,
    /// Targets that were written. If another file of the job overwrote one, the only copy of a removed source would
    /// be lost.
    targets: HashSet<PathBuf>,
    /// Directories that were copied, by their depth.
    remote_directories: BTreeMap<usize, Vec<RemotePath>>,
    local_directories: BTreeMap<usize, Vec<PathBuf>>,
    /// Remote directories whose RMDIR has no answer yet.
    emptied: BTreeMap<Sequence, RemotePath>,
}

impl Removals {
    pub(crate) fn new(is_wanted: bool, working_directories: WorkingDirectories) -> Removals {
        Removals { is_wanted, working_directories, ..Removals::default() }
    }

    /// Returns whether no request is in flight.
    pub(crate) fn is_idle(&self) -> bool {
        self.sources.is_empty() && self.emptied.is_empty()
    }

    /// Returns whether a target may be written, because no other file of the job was moved to it. Notes the target.
    pub(crate) fn may_write(&mut self, target: &Path) -> bool {
        !self.is_wanted || self.targets.insert(target.to_owned())
    }

    /// Notes that a remote directory has a local copy.
    pub(crate) fn entered_remote(&mut self, directory: &RemotePath) {
        if self.is_wanted {
            let depth = directory.as_bytes().iter().filter(|&&byte| byte == b'/').count();
            self.remote_directories.entry(depth).or_default().push(directory.clone());
        }
    }

    /// Notes that a local directory has a copy on the server.
    pub(crate) fn entered_local(&mut self, directory: PathBuf) {
        if self.is_wanted {
            self.local_directories.entry(directory.components().count()).or_default().push(directory);
        }
    }

    /// Begins to remove the source of a copy that has arrived.
    pub(crate) fn begin(&mut self, sequence: Sequence, moved: Moved, wire: &mut Wire<'_>) {
        if !self.is_wanted {
            return;
        }
        let first = match &moved {
            Moved::Fetched { .. } | Moved::Sent { .. } => RemovalTag::Stat,
            Moved::FetchedLink(_) => RemovalTag::Remove,
            Moved::SentLink { local, shown } => return report(wire, remove_here(local, shown)),
            Moved::Unverifiable(remote) => return report(wire, Err(kept(remote.as_bytes(), Cause::Unverifiable))),
        };
        ask(&moved, sequence, first, wire);
        self.sources.insert(sequence, moved);
    }

    /// Takes an answer.
    pub(crate) fn answer(
        &mut self,
        sequence: Sequence,
        tag: RemovalTag,
        outcome: Result<Reply, sftp::Error>,
        wire: &mut Wire<'_>,
    ) {
        if let Some(directory) = self.emptied.remove(&sequence) {
            return directory_answered(&directory, outcome, wire);
        }
        let Some(moved) = self.sources.remove(&sequence) else { return };
        // A user who stops a transfer may want to keep its sources.
        if wire.io.canceller.is_cancelled() {
            return;
        }
        let result = match (tag, outcome) {
            (RemovalTag::Stat, Ok(Reply::Attributes(found))) => match moved.check_unchanged(&found) {
                Ok(()) => match &moved {
                    Moved::Sent { local, shown, .. } => remove_here(local, shown),
                    _ => {
                        ask(&moved, sequence, RemovalTag::Remove, wire);
                        self.sources.insert(sequence, moved);
                        Ok(())
                    }
                },
                Err(failure) => Err(failure),
            },
            // An earlier REMOVE may have succeeded, whose answer was lost.
            (RemovalTag::Remove, Err(error)) if error.is_no_such_file() => Ok(()),
            // Some servers remove a file by themselves once it was fetched.
            (RemovalTag::Stat, Err(error)) if error.is_no_such_file() && moved.was_fetched() => Ok(()),
            (_, Err(error)) => Err(kept(moved.source(), error)),
            (_, Ok(_)) => Ok(()),
        };
        report(wire, result);
    }

    /// Sends a request again after its answer was lost.
    pub(crate) fn ask_again(&self, sequence: Sequence, tag: RemovalTag, wire: &mut Wire<'_>) {
        match (self.sources.get(&sequence), self.emptied.get(&sequence)) {
            (Some(moved), _) => ask(moved, sequence, tag, wire),
            (None, Some(directory)) => wire.ask(sequence, tag, &calls::Rmdir { path: directory }),
            (None, None) => {}
        }
    }

    /// Removes the deepest directories that are left. Returns whether answers will come. Called when everything else
    /// has ended.
    pub(crate) fn remove_directories(&mut self, wire: &mut Wire<'_>) -> bool {
        while let Some((_, directories)) = self.local_directories.pop_last() {
            for directory in directories.into_iter().filter(|directory| !self.working_directories.is_here(directory)) {
                use std::io::ErrorKind::{DirectoryNotEmpty, NotFound};
                match fs::remove_dir(&directory) {
                    Err(error) if !matches!(error.kind(), DirectoryNotEmpty | NotFound) => {
                        report(wire, Err(kept(bytes(&directory), error)));
                    }
                    _ => {}
                }
            }
        }
        let directories: Vec<RemotePath> = loop {
            let Some((_, directories)) = self.remote_directories.pop_last() else { return false };
            let left = directories
                .into_iter()
                .filter(|directory| !self.working_directories.is_there(directory, wire.session()));
            let left: Vec<RemotePath> = left.collect();
            if !left.is_empty() {
                break left;
            }
        };
        for (number, directory) in (0..).zip(directories) {
            // The steps of the plan count up from 0, so these numbers don't collide with theirs.
            let sequence = Sequence::MAX - number;
            wire.ask(sequence, RemovalTag::RemoveDirectory, &calls::Rmdir { path: &directory });
            self.emptied.insert(sequence, directory);
        }
        true
    }
}

impl WorkingDirectories {
    /// Returns whether this is the local working directory.
    fn is_here(&self, directory: &Path) -> bool {
        let identity = |path: &Path| fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino())).ok();
        let found = self.local.as_deref().and_then(identity);
        found.is_some() && found == identity(directory)
    }

    /// Returns whether this is the remote working directory. It sends REALPATH only if the last component could be
    /// the same.
    fn is_there(&self, directory: &RemotePath, session: &Session) -> bool {
        let Some(working) = &self.remote else { return false };
        let name = directory.base_name();
        let may_be = name == working.base_name() || matches!(name, Some(b"." | b".."));
        may_be && session.realpath(directory).map_or(true, |path| path[..] == *working.as_bytes())
    }
}

impl Moved {
    /// Checks that the file is still the one that was moved.
    fn check_unchanged(&self, found: &Attributes) -> Result<(), Failure> {
        match self {
            Moved::Fetched { remote, length, modified } => {
                let same_time = modified.is_none() || found.times.map(|times| times.modified) == *modified;
                let is_same = (length.is_none() || found.size == *length) && same_time;
                if is_same { Ok(()) } else { Err(kept(remote.as_bytes(), Cause::Changed)) }
            }
            Moved::Sent { local, shown, length, modified, .. } => {
                if found.size != Some(*length) {
                    let cause = Cause::Truncated { got: found.size.unwrap_or(0), expected: *length };
                    return Err(kept(bytes(shown), cause));
                }
                let metadata = fs::metadata(local).map_err(|error| kept(bytes(shown), error))?;
                let is_same = metadata.len() == *length && times(&metadata).modified == *modified;
                if is_same { Ok(()) } else { Err(kept(bytes(shown), Cause::Changed)) }
            }
            _ => Ok(()),
        }
    }

    fn was_fetched(&self) -> bool {
        matches!(self, Moved::Fetched { .. })
    }

    fn source(&self) -> &[u8] {
        match self {
            Moved::Fetched { remote, .. } | Moved::FetchedLink(remote) | Moved::Unverifiable(remote) => {
                remote.as_bytes()
            }
            Moved::Sent { shown, .. } | Moved::SentLink { shown, .. } => bytes(shown),
        }
    }
}

fn ask(moved: &Moved, sequence: Sequence, tag: RemovalTag, wire: &mut Wire<'_>) {
    let (Moved::Fetched { remote, .. }
    | Moved::Sent { remote, .. }
    | Moved::FetchedLink(remote)
    | Moved::Unverifiable(remote)) = moved
    else {
        return;
    };
    match tag {
        RemovalTag::Remove => wire.ask(sequence, tag, &calls::Remove { path: remote }),
        _ => wire.ask(sequence, RemovalTag::Stat, &calls::Stat { path: remote }),
    }
}

/// Takes the answer to RMDIR. A directory that isn't empty stays without a message: something in it was not moved,
/// which was reported.
fn directory_answered(directory: &RemotePath, outcome: Result<Reply, sftp::Error>, wire: &mut Wire<'_>) {
    if let Err(error) = outcome
        && error.status_code() == Some(StatusCode::PERMISSION_DENIED)
    {
        report(wire, Err(kept(directory.as_bytes(), error)));
    }
}

fn remove_here(local: &Path, shown: &Path) -> Result<(), Failure> {
    fs::remove_file(local).map_err(|error| kept(bytes(shown), error))
}

/// Returns whether the existing file at a target may be the source itself, because the server runs on this machine:
/// size, owner, mode and time are all equal.
pub(crate) fn may_be_itself(place: &Place, source: &Attributes) -> bool {
    let Place::Entry { directory, name, .. } = place else { return false };
    let Ok(there) = statat(directory.descriptor(), name, AtFlags::SYMLINK_NOFOLLOW) else { return false };
    let Attributes { size: Some(size), owner: Some(owner), permissions: Some(mode), times: Some(times) } = *source
    else {
        return false;
    };
    u64::try_from(there.st_size) == Ok(size)
        && (there.st_uid, there.st_gid) == (owner.uid, owner.gid)
        && bits(there.st_mode) == mode
        && there.st_mtime == i64::from(times.modified)
}

fn kept(source: &[u8], cause: impl Into<Cause>) -> Failure {
    Failure::new(Act::RemoveSource, source, cause)
}

fn report(wire: &mut Wire<'_>, result: Result<(), Failure>) {
    if let Err(failure) = result {
        wire.io.reporter.fail(failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sftp::Times;

    fn found(size: u64, modified: u32) -> Attributes {
        let times = Some(Times { accessed: 0, modified });
        Attributes { size: Some(size), times, ..Attributes::default() }
    }

    #[test]
    fn a_fetched_file_is_removed_only_if_it_has_not_changed() {
        let remote = RemotePath::new("f").unwrap();
        let moved = Moved::Fetched { remote, length: Some(5), modified: Some(7) };
        for (attributes, is_certain) in [
            (found(5, 7), true),
            (found(6, 7), false),
            (found(4, 7), false),
            (found(5, 8), false),
            (Attributes::default(), false),
        ] {
            assert_eq!(moved.check_unchanged(&attributes).is_ok(), is_certain, "{attributes:?}");
        }
    }

    #[test]
    fn a_sent_file_is_removed_only_if_its_copy_is_complete_and_it_has_not_changed() {
        let directory = tempfile::tempdir().unwrap();
        let local = directory.path().join("f");
        fs::write(&local, "12345").unwrap();
        let now = times(&fs::metadata(&local).unwrap()).modified;
        let remote = RemotePath::new("f").unwrap();
        let sent = |length, modified| {
            let (local, shown, remote) = (local.clone(), "f".into(), remote.clone());
            Moved::Sent { local, shown, remote, length, modified }
        };
        for (moved, there, is_certain) in [
            (sent(5, now), found(5, 0), true),
            (sent(5, now), found(4, 0), false),
            (sent(5, now), Attributes::default(), false),
            (sent(4, now), found(4, 0), false),
            (sent(5, now - 1), found(5, 0), false),
        ] {
            assert_eq!(moved.check_unchanged(&there).is_ok(), is_certain, "{there:?}");
        }
    }
}
