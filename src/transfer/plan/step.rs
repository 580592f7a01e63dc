//! The steps of a plan.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::name::RemotePath;
use crate::sftp::{Attributes, Times};
use crate::transfer::event::{File, Note};
use crate::transfer::failure::Failure;
use crate::transfer::local::bytes;
use crate::transfer::pairs::LocalPath;
use crate::transfer::request::{Direction, Options};
use crate::transfer::selection::Selection;

/// The flags and the selection of a plan.
pub(crate) struct PlanOptions {
    pub(crate) options: Options,
    pub(crate) selection: Selection,
}

/// One step of a plan. Steps are reported in order, whatever the order in which they end.
pub(crate) enum Step {
    /// A pair that is no file comes next: sftp(1)'s line about it. A file brings its own line.
    Announce(Arc<File>),
    /// A file to fetch.
    Get(GetFile),
    /// A directory to fetch. Its contents follow, then [`Step::Leave`].
    EnterGet(GetDirectory),
    /// A file to send.
    Put(PutFile),
    /// A directory to send. Its contents follow, then [`Step::Leave`].
    EnterPut(PutDirectory),
    /// A link to make locally.
    GetLink(GetLink),
    /// A link to make on the server.
    PutLink(PutLink),
    /// The contents of the directory that was entered last are complete.
    Leave,
    /// A failure of the plan.
    Fail(Failure),
    /// A note for the user.
    Note(Note),
}

/// A file to fetch.
pub(crate) struct GetFile {
    pub(crate) remote: RemotePath,
    pub(crate) attributes: Attributes,
    pub(crate) target: Target,
    /// sftp(1)'s line about the file, if the user named it.
    pub(crate) announced: Option<Arc<File>>,
}

/// A directory to fetch.
pub(crate) struct GetDirectory {
    pub(crate) remote: RemotePath,
    pub(crate) attributes: Attributes,
    pub(crate) target: Target,
}

/// A link to make locally.
pub(crate) struct GetLink {
    pub(crate) remote: RemotePath,
    /// The link's target, which stays within the tree.
    pub(crate) points_to: OsString,
    pub(crate) times: Option<Times>,
    pub(crate) target: Target,
}

/// A link to make on the server.
pub(crate) struct PutLink {
    pub(crate) local: PathBuf,
    /// The source as messages show it.
    pub(crate) shown: PathBuf,
    pub(crate) remote: RemotePath,
    /// The link's target.
    pub(crate) points_to: RemotePath,
}

/// The target of a download.
pub(crate) enum Target {
    /// A path that the user named.
    Named(LocalPath),
    /// A name in the directory that was entered last.
    Beneath(OsString),
}

impl Target {
    /// Returns the path as messages show it. `above` is the directory that was entered last, if there is one.
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
    /// The source as messages show it.
    pub(crate) shown: PathBuf,
    pub(crate) remote: RemotePath,
    /// The length when the file was found, in bytes.
    pub(crate) size: u64,
    /// True if the user named the file, so that a link is followed.
    pub(crate) is_named: bool,
    /// sftp(1)'s line about the file, if the user named it.
    pub(crate) announced: Option<Arc<File>>,
}

impl PutFile {
    /// Returns the failure with sftp(1)'s second line, if the file is a part of a tree.
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
    /// The source as messages show it.
    pub(crate) shown: PathBuf,
    pub(crate) remote: RemotePath,
    pub(crate) mode: u32,
    pub(crate) times: Times,
}

/// A step, and the length of its file in bytes if it is known.
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
    /// Closes directories that are open on the server and not needed at the moment.
    fn let_go(&mut self);
}
