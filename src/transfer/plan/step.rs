//! The steps of a plan.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::name::RemotePath;
use crate::sftp::{Attributes, Times};
use crate::transfer::event::{File, Note};
use crate::transfer::failure::Failure;
use crate::transfer::local::bytes;
use crate::transfer::request::{Direction, LocalPath, Options};
use crate::transfer::selection::Selection;

/// What of the pairs is to be moved, and how.
pub(crate) struct PlanOptions {
    pub(crate) options: Options,
    pub(crate) selection: Selection,
}

/// One step of a plan. Steps are reported in their order, whatever their order of completion.
pub(crate) enum Step {
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
pub(crate) struct GetFile {
    pub(crate) remote: RemotePath,
    pub(crate) attributes: Attributes,
    pub(crate) target: Target,
    /// sftp(1)'s line about it, if it is the file of a pair.
    pub(crate) announced: Option<Arc<File>>,
}

/// A directory to fetch.
pub(crate) struct GetDirectory {
    pub(crate) remote: RemotePath,
    pub(crate) attributes: Attributes,
    pub(crate) target: Target,
}

/// A link to make here.
pub(crate) struct GetLink {
    pub(crate) remote: RemotePath,
    /// What it leads to; it stays within the tree.
    pub(crate) points_to: OsString,
    pub(crate) times: Option<Times>,
    pub(crate) target: Target,
}

/// A link to make on the server.
pub(crate) struct PutLink {
    pub(crate) local: PathBuf,
    /// How messages show the source.
    pub(crate) shown: PathBuf,
    pub(crate) remote: RemotePath,
    /// What it leads to.
    pub(crate) points_to: RemotePath,
}

/// Where something that is fetched shall be.
pub(crate) enum Target {
    /// Where a pair says.
    Named(LocalPath),
    /// In the directory that was entered last and not left.
    Beneath(OsString),
}

impl Target {
    /// The path as messages show it. `above` is the directory that was entered last, if there is one.
    pub(crate) fn shown(&self, above: Option<&Path>) -> Option<PathBuf> {
        match self {
            Target::Named(local) => Some(local.shown().to_owned()),
            Target::Beneath(name) => above.map(|above| above.join(name)),
        }
    }
}

/// A file to send.
pub(crate) struct PutFile {
    pub(crate) local: PathBuf,
    /// How messages show the source.
    pub(crate) shown: PathBuf,
    pub(crate) remote: RemotePath,
    /// Its length when it was found.
    pub(crate) size: u64,
    /// Whether the user named it, so that a link is followed.
    pub(crate) is_named: bool,
    /// sftp(1)'s line about it, if it is the file of a pair.
    pub(crate) announced: Option<Arc<File>>,
}

impl PutFile {
    /// A failure to send it, with what sftp(1) adds where it is part of a tree.
    pub(crate) fn failed(&self, failure: Failure) -> Failure {
        match self.is_named {
            true => failure,
            false => failure.in_tree(Direction::Put, bytes(&self.shown), self.remote.as_bytes()),
        }
    }
}

/// A directory to send.
pub(crate) struct PutDirectory {
    pub(crate) local: PathBuf,
    /// How messages show the source.
    pub(crate) shown: PathBuf,
    pub(crate) remote: RemotePath,
    pub(crate) mode: u32,
    pub(crate) times: Times,
}

/// A step, and the size of its file as far as it is known.
pub(crate) struct Planned {
    pub(crate) step: Step,
    pub(crate) size: Option<u64>,
}

impl From<Step> for Planned {
    fn from(step: Step) -> Planned {
        Planned { step, size: None }
    }
}

/// The steps of a plan, as they are found.
pub(crate) trait Steps: Iterator<Item = Planned> {
    /// Closes what is open on the server and not needed at this moment.
    fn let_go(&mut self);
}
