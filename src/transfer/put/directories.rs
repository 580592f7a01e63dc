//! Directories that are made on the server while files are already sent into them.
//!
//! Nothing waits for a MKDIR: the files of a directory are sent right after it. The protocol keeps an order for one file only, so a
//! request that fails while its directory's fate is open waits for that fate, and is sent again if the directory exists after all.

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

/// The directories that were entered and whose last file is not done yet, by the step that made them.
#[derive(Default)]
pub(crate) struct RemoteTree {
    directories: BTreeMap<Sequence, Directory>,
    /// Those that were entered and not left.
    stack: Vec<Sequence>,
    /// Local directories whose copies exist now, and which may be removed.
    arrived: Vec<PathBuf>,
}

struct Directory {
    source: PutDirectory,
    parent: Option<Sequence>,
    state: DirectoryState,
    /// The connection on which it is made.
    connection: ConnectionId,
    /// What is under way in it, its plan and its own MKDIR included.
    users: usize,
    /// Steps that failed while its fate was open.
    waiting: Vec<Sequence>,
    retried: bool,
    /// Why its MKDIR failed, while it is looked at whether it is there all the same.
    refusal: Option<sftp::Error>,
}

/// Whether a directory is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DirectoryState {
    /// Its MKDIR has no answer yet.
    Pending,
    /// It is there, and whether we made it.
    Exists { is_ours: bool },
    /// It can't be, and nothing in it can.
    Refused,
}

impl RemoteTree {
    /// Makes a directory, in the one that was entered last.
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

    /// Everything in the directory that was entered last is planned.
    pub(crate) fn leave(&mut self, wire: &mut Wire<'_>) {
        if let Some(sequence) = self.stack.pop() {
            self.release(sequence, wire);
        }
    }

    /// The directory that was entered last, which something begins to use.
    pub(crate) fn use_current(&mut self) -> Option<Sequence> {
        let current = self.stack.last().copied()?;
        self.directories.get_mut(&current)?.users += 1;
        Some(current)
    }

    /// Whether the directory that was entered last is there.
    pub(crate) fn current_state(&self) -> Option<DirectoryState> {
        self.state(*self.stack.last()?)
    }

    /// The connection on which the directory that was entered last is made.
    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        self.directories.get(self.stack.last()?).map(|directory| directory.connection)
    }

    /// Whether a directory is there.
    pub(crate) fn state(&self, directory: Sequence) -> Option<DirectoryState> {
        self.directories.get(&directory).map(|directory| directory.state)
    }

    /// Returns the local directories whose copies have come to exist since the last call.
    pub(crate) fn arrived(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.arrived)
    }

    /// Something in a directory waits for its fate.
    pub(crate) fn wait_for(&mut self, directory: Sequence, waiting: Sequence) {
        if let Some(directory) = self.directories.get_mut(&directory)
            && !directory.waiting.contains(&waiting)
        {
            directory.waiting.push(waiting);
        }
    }

    /// Something in a directory is done. With the last of it, the directory gets its final attributes.
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

    /// Sends a request again whose answer was lost with its connection. If the directory was made anyway, it is found.
    pub(crate) fn ask_again(&mut self, sequence: Sequence, tag: DirectoryTag, wire: &mut Wire<'_>) {
        let Some(directory) = self.directories.get(&sequence) else { return };
        match tag {
            DirectoryTag::Make => directory.make(sequence, wire),
            DirectoryTag::Stat => wire.ask(sequence, tag, &calls::Stat { path: &directory.source.remote }),
            DirectoryTag::SetAttributes => directory.set_attributes(sequence, wire),
        }
    }

    /// Takes an answer. Returns the steps that can go on because the fate of their directory is known now.
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
            // Why it failed is not told by the code alone: it may be there already.
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
                    return self.retry_behind(parent, sequence, wire);
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

    /// A directory could not be made: perhaps only because its parent was not there yet.
    fn retry_behind(&mut self, parent: Option<Sequence>, sequence: Sequence, wire: &mut Wire<'_>) -> Vec<Sequence> {
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

    /// A directory's fate is known. What waited for it goes on: directories here, files by the caller.
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
        // Its own MKDIR is done.
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
        // While files are put into it, we must be able to.
        let attributes = Attributes::with_permissions(self.source.mode & 0o1777 | 0o300);
        wire.ask(sequence, DirectoryTag::Make, &calls::Mkdir { path: &self.source.remote, attributes });
    }

    /// Reports sftp(1)'s line about the directory. It waits until the fate is known: below a directory that can't be made,
    /// no line names another.
    fn announce(&self, sequence: Sequence, wire: &mut Wire<'_>) {
        let directory = bytes(&self.source.shown).to_vec();
        wire.io.reporter.tell(sequence, Event::Entered { direction: Direction::Put, directory });
    }

    /// One that was there before keeps its attributes, unless they shall be the source's.
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

    /// It can't be made: the server's first answer is the reason, unless something else stands there.
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
