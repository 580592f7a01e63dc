//! Directories that are made on the server while files are already sent into them.
//!
//! Nothing waits for a MKDIR: the files of a directory are sent right after it. The protocol guarantees the order of
//! requests for one file only. So a request that fails while the MKDIR of its directory has no answer waits for that
//! answer, and is sent again if the directory exists after all.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::sftp::{self, Attributes, Reply, calls};
use crate::transfer::connections::io::Wire;
use crate::transfer::connections::pool::ConnectionId;
use crate::transfer::connections::tag::DirectoryTag;
use crate::transfer::event::{Event, Note};
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::local::bytes;
use crate::transfer::plan::PutDirectory;
use crate::transfer::progress::reporter::Sequence;
use crate::transfer::request::Direction;

/// The directories that were entered and are still in use, by the steps that made them.
#[derive(Default)]
pub(crate) struct RemoteTree {
    directories: BTreeMap<Sequence, Directory>,
    /// Those that were entered and not left.
    stack: Vec<Sequence>,
    /// Local directories that now have a copy on the server.
    arrived: Vec<PathBuf>,
}

struct Directory {
    source: PutDirectory,
    parent: Option<Sequence>,
    state: DirectoryState,
    /// The connection of its MKDIR.
    connection: ConnectionId,
    /// The number of files, links and directories in it that have not ended. Its plan and its MKDIR count too.
    users: usize,
    /// Steps that failed while its MKDIR had no answer.
    waiting: Vec<Sequence>,
    retried: bool,
    /// The answer to a MKDIR that failed, while STAT finds out whether the directory exists anyway.
    refusal: Option<sftp::Error>,
}

/// The state of a directory on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DirectoryState {
    /// MKDIR has no answer yet.
    Pending,
    /// The directory exists, and was made by this job or not.
    Exists { is_ours: bool },
    /// The directory can't be made, and nothing in it can.
    Refused,
}

impl RemoteTree {
    /// Makes a directory in the one that was entered last.
    pub(crate) fn enter(&mut self, sequence: Sequence, source: PutDirectory, wire: &mut Wire<'_>) {
        let parent = self.stack.last().copied();
        let is_refused = self.current_state() == Some(DirectoryState::Refused);
        let state = if is_refused { DirectoryState::Refused } else { DirectoryState::Pending };
        if let Some(parent) = parent.and_then(|parent| self.directories.get_mut(&parent)) {
            parent.users += 1;
        }
        let users = if is_refused { 1 } else { 2 };
        let connection = wire.connection;
        let directory =
            Directory { source, parent, state, connection, users, waiting: Vec::new(), retried: false, refusal: None };
        if is_refused {
            wire.io.reporter.conclude(sequence);
        } else {
            directory.make(sequence, wire);
        }
        self.directories.insert(sequence, directory);
        self.stack.push(sequence);
    }

    /// Leaves the directory that was entered last: everything in it is planned.
    pub(crate) fn leave(&mut self, wire: &mut Wire<'_>) {
        if let Some(sequence) = self.stack.pop() {
            self.release(sequence, wire);
        }
    }

    /// Returns the directory that was entered last, and counts one more use of it.
    pub(crate) fn use_current(&mut self) -> Option<Sequence> {
        let current = self.stack.last().copied()?;
        self.directories.get_mut(&current)?.users += 1;
        Some(current)
    }

    /// Returns the state of the directory that was entered last.
    pub(crate) fn current_state(&self) -> Option<DirectoryState> {
        self.state(*self.stack.last()?)
    }

    /// Returns the connection on which the directory that was entered last is made.
    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        self.directories.get(self.stack.last()?).map(|directory| directory.connection)
    }

    /// Returns the state of a directory.
    pub(crate) fn state(&self, directory: Sequence) -> Option<DirectoryState> {
        self.directories.get(&directory).map(|directory| directory.state)
    }

    /// Returns the local directories that have received a copy since the last call.
    pub(crate) fn arrived(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.arrived)
    }

    /// Lets a step wait until the state of its directory is known.
    pub(crate) fn wait_for(&mut self, directory: Sequence, waiting: Sequence) {
        if let Some(directory) = self.directories.get_mut(&directory)
            && !directory.waiting.contains(&waiting)
        {
            directory.waiting.push(waiting);
        }
    }

    /// Ends one use of a directory. After the last one, the directory gets its final attributes.
    pub(crate) fn release(&mut self, sequence: Sequence, wire: &mut Wire<'_>) {
        let Some(directory) = self.directories.get_mut(&sequence) else { return };
        directory.users -= 1;
        if directory.users > 0 {
            return;
        }
        if directory.wants_attributes(wire) {
            directory.users = 1;
            directory.set_attributes(sequence, wire);
        } else {
            self.forget(sequence, wire);
        }
    }

    fn forget(&mut self, sequence: Sequence, wire: &mut Wire<'_>) {
        if let Some(parent) = self.directories.remove(&sequence).and_then(|directory| directory.parent) {
            self.release(parent, wire);
        }
    }

    /// Sends a request again after its answer was lost with the connection. If the MKDIR had succeeded, STAT will
    /// find the directory.
    pub(crate) fn ask_again(&mut self, sequence: Sequence, tag: DirectoryTag, wire: &mut Wire<'_>) {
        let Some(directory) = self.directories.get(&sequence) else { return };
        match tag {
            DirectoryTag::Make => directory.make(sequence, wire),
            DirectoryTag::Stat => wire.ask(sequence, tag, &calls::Stat { path: &directory.source.remote }),
            DirectoryTag::SetAttributes => directory.set_attributes(sequence, wire),
        }
    }

    /// Takes an answer. Returns the steps that can continue because the state of their directory is known now.
    pub(crate) fn answer(
        &mut self,
        sequence: Sequence,
        tag: DirectoryTag,
        outcome: Result<Reply, sftp::Error>,
        wire: &mut Wire<'_>,
    ) -> Vec<Sequence> {
        let Some(directory) = self.directories.get_mut(&sequence) else { return Vec::new() };
        let parent = directory.parent;
        let state = match (tag, outcome) {
            (DirectoryTag::Make, Ok(_)) => DirectoryState::Exists { is_ours: true },
            // The error doesn't tell whether the directory exists already.
            (DirectoryTag::Make, Err(error)) if error.leaves_the_session_alive() => {
                wire.ask(sequence, DirectoryTag::Stat, &calls::Stat { path: &directory.source.remote });
                directory.refusal = Some(error);
                return Vec::new();
            }
            (DirectoryTag::Stat, Ok(Reply::Attributes(attributes)))
                if attributes.is_dir() || attributes.lacks_type() =>
            {
                DirectoryState::Exists { is_ours: false }
            }
            (DirectoryTag::Stat, outcome) => {
                if outcome.is_err() && !directory.retried {
                    return self.retry_after(parent, sequence, wire);
                }
                directory.fail(sequence, outcome, wire);
                DirectoryState::Refused
            }
            (DirectoryTag::SetAttributes, outcome) => {
                self.attributes_set(sequence, outcome, wire);
                return Vec::new();
            }
            (DirectoryTag::Make, Err(_)) => return Vec::new(),
        };
        self.decide(sequence, state, wire)
    }

    /// Tries a directory again that could not be made: perhaps its parent didn't exist yet.
    fn retry_after(&mut self, parent: Option<Sequence>, sequence: Sequence, wire: &mut Wire<'_>) -> Vec<Sequence> {
        match parent.and_then(|parent| self.state(parent)) {
            Some(DirectoryState::Pending) => {
                if let Some(parent) = parent {
                    self.wait_for(parent, sequence);
                }
                Vec::new()
            }
            Some(DirectoryState::Exists { .. }) => {
                self.make_again(sequence, wire);
                Vec::new()
            }
            Some(DirectoryState::Refused) => self.decide(sequence, DirectoryState::Refused, wire),
            None => {
                if let Some(directory) = self.directories.get_mut(&sequence) {
                    directory.fail(sequence, Ok(Reply::Done), wire);
                }
                self.decide(sequence, DirectoryState::Refused, wire)
            }
        }
    }

    fn make_again(&mut self, sequence: Sequence, wire: &mut Wire<'_>) {
        if let Some(directory) = self.directories.get_mut(&sequence) {
            directory.retried = true;
            directory.make(sequence, wire);
        }
    }

    /// Sets the state of a directory. Directories that waited for it continue; the caller continues the files and
    /// links that are returned.
    fn decide(&mut self, sequence: Sequence, state: DirectoryState, wire: &mut Wire<'_>) -> Vec<Sequence> {
        if let Some(directory) = self.directories.get_mut(&sequence) {
            directory.state = state;
            if state != DirectoryState::Refused {
                directory.announce(sequence, wire);
            }
        }
        wire.io.reporter.conclude(sequence);
        let Some(directory) = self.directories.get_mut(&sequence) else { return Vec::new() };
        if wire.io.settings.options.remove_source && state != DirectoryState::Refused {
            self.arrived.push(directory.source.local.clone());
        }
        let mut files = Vec::new();
        for waiting in std::mem::take(&mut directory.waiting) {
            if !self.directories.contains_key(&waiting) {
                files.push(waiting);
            } else if state == DirectoryState::Refused {
                files.extend(self.decide(waiting, DirectoryState::Refused, wire));
            } else {
                self.make_again(waiting, wire);
            }
        }
        // Its own MKDIR is one of its uses.
        self.release(sequence, wire);
        files
    }

    fn attributes_set(&mut self, sequence: Sequence, outcome: Result<Reply, sftp::Error>, wire: &mut Wire<'_>) {
        if let Err(error) = outcome
            && error.leaves_the_session_alive()
            && let Some(directory) = self.directories.get(&sequence)
        {
            let failure = Failure::new(Act::SetRemoteAttributes, directory.source.remote.as_bytes(), error);
            wire.io.reporter.note(Note::NotPreserved(failure));
        }
        self.forget(sequence, wire);
    }
}

impl Directory {
    fn make(&self, sequence: Sequence, wire: &mut Wire<'_>) {
        // The job must be able to put files into it, even if its final mode forbids that.
        let attributes = Attributes::with_permissions(self.source.mode & 0o1777 | 0o300);
        wire.ask(sequence, DirectoryTag::Make, &calls::Mkdir { path: &self.source.remote, attributes });
    }

    /// Reports sftp(1)'s line about the directory. This waits until the directory exists: nothing is reported about
    /// directories below one that can't be made.
    fn announce(&self, sequence: Sequence, wire: &mut Wire<'_>) {
        let directory = bytes(&self.source.shown).to_vec();
        wire.io.reporter.tell(sequence, Event::Entered { direction: Direction::Put, directory });
    }

    /// Returns whether the directory gets the source's attributes: if this job made it, or if the user asked to
    /// preserve them.
    fn wants_attributes(&self, wire: &Wire<'_>) -> bool {
        match self.state {
            DirectoryState::Exists { is_ours } => is_ours || wire.io.settings.options.preserve,
            DirectoryState::Pending | DirectoryState::Refused => false,
        }
    }

    fn set_attributes(&self, sequence: Sequence, wire: &mut Wire<'_>) {
        let times = wire.io.settings.options.preserve.then_some(self.source.times);
        let attributes = Attributes { permissions: Some(self.source.mode & 0o1777), times, ..Attributes::default() };
        wire.ask(sequence, DirectoryTag::SetAttributes, &calls::Setstat { path: &self.source.remote, attributes });
    }

    /// Reports that the directory can't be made: because of another entry with its name, or for the server's reason.
    fn fail(&mut self, sequence: Sequence, found: Result<Reply, sftp::Error>, wire: &mut Wire<'_>) {
        let thing = self.source.remote.as_bytes();
        let failure = match (found, self.refusal.take()) {
            (Ok(Reply::Attributes(_)), _) | (_, None) => {
                Failure::new(Act::MakeRemoteDirectory, thing, Cause::NotDirectory)
            }
            (_, Some(refusal)) => Failure::new(Act::MakeRemoteDirectory, thing, refusal),
        };
        self.announce(sequence, wire);
        wire.io.reporter.tell(sequence, Event::Failed(failure));
    }
}
