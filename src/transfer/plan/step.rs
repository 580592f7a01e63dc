//! The steps of a plan.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::event::{File, Note};
use super::super::failure::Failure;
use super::super::local::bytes;
use super::super::request::{Direction, LocalPath, Options};
use super::super::selection::Selection;
use crate::name::RemotePath;
use crate::sftp::{Attributes, Times};

/// What of the pairs is to be moved, and how.
pub(in super::super) struct Wishes {
    pub(in super::super) options: Options,
    pub(in super::super) selection: Selection,
}

/// One step of a plan. Steps are reported in their order, whatever their order of completion.
pub(in super::super) enum Step {
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
pub(in super::super) struct GetFile {
    pub(in super::super) remote: RemotePath,
    pub(in super::super) attributes: Attributes,
    pub(in super::super) target: Target,
    /// sftp(1)'s line about it, if it is the file of a pair.
    pub(in super::super) announced: Option<Arc<File>>,
}

/// A directory to fetch.
pub(in super::super) struct GetDirectory {
    pub(in super::super) remote: RemotePath,
    pub(in super::super) attributes: Attributes,
    pub(in super::super) target: Target,
}

/// A link to make here.
pub(in super::super) struct GetLink {
    pub(in super::super) remote: RemotePath,
    /// What it leads to; it stays within the tree.
    pub(in super::super) points_to: OsString,
    pub(in super::super) times: Option<Times>,
    pub(in super::super) target: Target,
}

/// A link to make on the server.
pub(in super::super) struct PutLink {
    pub(in super::super) local: PathBuf,
    /// How messages show the source.
    pub(in super::super) shown: PathBuf,
    pub(in super::super) remote: RemotePath,
    /// What it leads to.
    pub(in super::super) points_to: RemotePath,
}

/// Where something that is fetched shall be.
pub(in super::super) enum Target {
    /// Where a pair says.
    Named(LocalPath),
    /// In the directory that was entered last and not left.
    Beneath(OsString),
}

impl Target {
    /// The path as messages show it. `above` is the directory that was entered last, if there is one.
    pub(in super::super) fn shown(&self, above: Option<&Path>) -> Option<PathBuf> {
        match self {
            Target::Named(local) => Some(local.shown().to_owned()),
            Target::Beneath(name) => above.map(|above| above.join(name)),
        }
    }
}

/// A file to send.
pub(in super::super) struct PutFile {
    pub(in super::super) local: PathBuf,
    /// How messages show the source.
    pub(in super::super) shown: PathBuf,
    pub(in super::super) remote: RemotePath,
    /// Its length when it was found.
    pub(in super::super) size: u64,
    /// Whether the user named it, so that a link is followed.
    pub(in super::super) is_named: bool,
    /// sftp(1)'s line about it, if it is the file of a pair.
    pub(in super::super) announced: Option<Arc<File>>,
}

impl PutFile {
    /// A failure to send it, with what sftp(1) adds where it is part of a tree.
    pub(in super::super) fn failed(&self, failure: Failure) -> Failure {
        match self.is_named {
            true => failure,
            false => failure.in_tree(Direction::Put, bytes(&self.shown), self.remote.as_bytes()),
        }
    }
}

/// A directory to send.
pub(in super::super) struct PutDirectory {
    pub(in super::super) local: PathBuf,
    /// How messages show the source.
    pub(in super::super) shown: PathBuf,
    pub(in super::super) remote: RemotePath,
    pub(in super::super) mode: u32,
    pub(in super::super) times: Times,
}

/// A step, and the size of its file as far as it is known.
pub(super) struct Planned {
    pub(super) step: Step,
    pub(super) size: Option<u64>,
}

impl From<Step> for Planned {
    fn from(step: Step) -> Planned {
        Planned { step, size: None }
    }
}

/// The steps of a plan, as they are found.
pub(super) trait Steps: Iterator<Item = Planned> {
    /// Closes what is open on the server and not needed at this moment.
    fn let_go(&mut self);
}
