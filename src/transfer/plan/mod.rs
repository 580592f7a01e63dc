//! What is to be done, one step after the other, found while the first steps are under way already.
//!
//! A plan is a lazy iterator that may wait for the server or the disk, and so it runs on a thread of its own; the engine
//! never waits for it. It is bounded ahead: a tree of a million files is never in memory as a whole.

mod ahead;
mod get;
mod put;
mod space;

pub(super) use put::times;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use self::space::Space;
use super::event::{File, Note};
use super::failure::Failure;
use super::job::Canceller;
use super::local::bytes;
use super::reporter::Found;
use super::request::{Direction, LocalPath, Options, Pairs};
use super::selection::Selection;
use crate::name::RemotePath;
use crate::remote::Lifeline;
use crate::sftp::{Attributes, Nudge, Times};

/// What of the pairs is to be moved, and how.
pub(super) struct Wishes {
    pub(super) options: Options,
    pub(super) selection: Selection,
}

/// One step of a plan. Steps are reported in their order, whatever their order of completion.
pub(super) enum Step {
    /// A pair that is no file is next: sftp(1)'s line about it. A file has its own.
    Announce(Arc<File>),
    /// A file to fetch.
    Get(GetFile),
    /// A directory to fetch; what is in it follows, then [`Step::Leave`].
    EnterGet(GetDirectory),
    /// A file to send.
    Put(PutFile),
    /// A directory to send; what is in it follows, then [`Step::Leave`].
    EnterPut(PutDirectory),
    /// A link to make here.
    GetLink(GetLink),
    /// A link to make on the server.
    PutLink(PutLink),
    /// All that is in the directory that was entered last has been planned.
    Leave,
    /// Something that can't be done.
    Fail(Failure),
    /// Something that the user should know.
    Note(Note),
}

/// A file to fetch.
pub(super) struct GetFile {
    pub(super) remote: RemotePath,
    pub(super) attributes: Attributes,
    pub(super) target: Target,
    /// sftp(1)'s line about it, if it is the file of a pair.
    pub(super) announced: Option<Arc<File>>,
}

/// A directory to fetch.
pub(super) struct GetDirectory {
    pub(super) remote: RemotePath,
    pub(super) attributes: Attributes,
    pub(super) target: Target,
}

/// A link to make here.
pub(super) struct GetLink {
    pub(super) remote: RemotePath,
    /// What it leads to; it stays within the tree.
    pub(super) points_to: OsString,
    pub(super) times: Option<Times>,
    pub(super) target: Target,
}

/// A link to make on the server.
pub(super) struct PutLink {
    pub(super) local: PathBuf,
    /// How messages show the source.
    pub(super) shown: PathBuf,
    pub(super) remote: RemotePath,
    /// What it leads to.
    pub(super) points_to: RemotePath,
}

/// Where something that is fetched shall be.
pub(super) enum Target {
    /// Where a pair says.
    Named(LocalPath),
    /// In the directory that was entered last and not left.
    Beneath(OsString),
}

/// A file to send.
pub(super) struct PutFile {
    pub(super) local: PathBuf,
    /// How messages show the source.
    pub(super) shown: PathBuf,
    pub(super) remote: RemotePath,
    /// Whether the user named it, so that a link is followed.
    pub(super) is_named: bool,
    /// sftp(1)'s line about it, if it is the file of a pair.
    pub(super) announced: Option<Arc<File>>,
}

impl PutFile {
    /// A failure to send it, with what sftp(1) adds where it is part of a tree.
    pub(super) fn failed(&self, failure: Failure) -> Failure {
        match self.is_named {
            true => failure,
            false => failure.in_tree(Direction::Put, bytes(&self.shown), self.remote.as_bytes()),
        }
    }
}

/// A directory to send.
pub(super) struct PutDirectory {
    pub(super) local: PathBuf,
    /// How messages show the source.
    pub(super) shown: PathBuf,
    pub(super) remote: RemotePath,
    pub(super) mode: u32,
    pub(super) times: Times,
}

/// The engine's end of a plan.
pub(super) struct Plan {
    steps: ahead::Receiver,
}

/// What the engine finds when it asks for a step.
pub(super) enum Next {
    /// The next step.
    Step(Step),
    /// It has not been found yet; a nudge will come.
    Later,
    /// There is none.
    End,
}

impl Plan {
    /// Begins to plan, on a thread of its own; `nudge` wakes the engine.
    pub(super) fn start(
        lifeline: &Lifeline,
        pairs: Pairs,
        wishes: Wishes,
        found: Arc<Found>,
        canceller: &Canceller,
        nudge: Nudge,
    ) -> std::io::Result<Plan> {
        let (sender, steps) = ahead::channel(nudge);
        let space = Space::new(&pairs, wishes.options.resume, lifeline.clone());
        let mut planner = Planner { space, sender, found, canceller: canceller.clone() };
        let lifeline = lifeline.clone();
        let canceller = canceller.clone();
        thread::Builder::new().name("transfer-plan".into()).spawn(move || {
            let shortage = planner.space.named(&pairs);
            match pairs {
                Pairs::Get(pairs) => planner.run(shortage, get::steps(lifeline, pairs, wishes, canceller)),
                Pairs::Put(pairs) => planner.run(shortage, put::steps(lifeline, pairs, wishes, canceller)),
            }
        })?;
        Ok(Plan { steps })
    }

    /// The next step, if it is there.
    pub(super) fn next(&mut self) -> Next {
        self.steps.next()
    }
}

/// The thread's end of a plan.
struct Planner {
    space: Space,
    sender: ahead::Sender,
    found: Arc<Found>,
    canceller: Canceller,
}

impl Planner {
    fn run(mut self, shortage: Option<Note>, steps: impl Iterator<Item = Planned>) {
        // An engine that is gone wants no more.
        let mut wants_more = shortage.is_none_or(|note| self.send(Step::Note(note)));
        for Planned { step, size } in steps {
            if !wants_more {
                break;
            }
            if let Step::Get(_) | Step::Put(_) = step {
                self.found.add(size);
                if let Some(note) = self.space.add(size.unwrap_or(0)) {
                    self.send(Step::Note(note));
                }
            }
            wants_more = self.send(step);
        }
        self.found.complete.store(true, Ordering::Relaxed);
    }

    /// Whether more is wanted.
    fn send(&self, step: Step) -> bool {
        !self.canceller.is_cancelled() && self.sender.send(step)
    }
}

/// A step, and the size of its file as far as it is known.
struct Planned {
    step: Step,
    size: Option<u64>,
}

impl From<Step> for Planned {
    fn from(step: Step) -> Planned {
        Planned { step, size: None }
    }
}
