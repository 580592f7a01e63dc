//! What a transfer is asked to do, as data.

use std::path::{Path, PathBuf};

use std::fmt;
use std::sync::Arc;

use crate::connect::Connector;
use crate::mode::Change;
use crate::name::RemotePath;
use crate::sftp::{Attributes, Session};
use crate::transfer::learnt::Learnt;
use crate::transfer::limit::Limit;
use crate::transfer::selection::Selection;

/// A transfer that is asked for: which files and trees, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is to be moved, in the order in which it is reported.
    pub pairs: Pairs,
    /// How.
    pub options: Options,
    /// Which entries of trees.
    pub selection: Selection,
    /// How the permissions of the files that arrive are changed (`--chmod`).
    pub mode: Option<Change>,
    /// Which server it is, such as `user@host:port`: a part of the names of partial files, so that none is ever taken for
    /// one of another server.
    pub server: Vec<u8>,
    /// How fast it may go, together with all others that have this limit.
    pub limit: Limit,
    /// What was learnt of the server, together with all others that have this.
    pub learnt: Learnt,
    /// Where the user stands.
    pub working_directories: WorkingDirectories,
    /// Which connections it may use beside the one that it starts on.
    pub connections: Connections,
}

/// Where the user stands: directories that are not removed, however empty.
#[derive(Clone, Debug, Default)]
pub struct WorkingDirectories {
    /// The working directory on the server, by its canonical path.
    pub remote: Option<RemotePath>,
    /// The working directory here.
    pub local: Option<PathBuf>,
}

/// The connections of a transfer: how many, and what happens when they break.
#[derive(Clone, Default)]
pub struct Connections {
    /// Makes more of them. Without it there is only the one that the transfer starts on.
    pub connector: Option<Arc<Connector>>,
    /// How many to use in all (`-j`); 0 is as good as 1.
    pub most: usize,
    /// How often it is tried to connect again when none is left (`--retry`).
    pub retries: u32,
    /// Open sessions with the same server that nobody else uses.
    pub spares: Vec<Session>,
}

impl Request {
    /// Which way the bytes go.
    #[must_use]
    pub fn direction(&self) -> Direction {
        match self.pairs {
            Pairs::Get(_) => Direction::Get,
            Pairs::Put(_) => Direction::Put,
        }
    }
}

impl Connections {
    /// The open ones only: none is made, and none is made again. A dry run ends with its connection.
    pub(crate) fn without_new_ones(self) -> Connections {
        Connections { connector: None, ..self }
    }

    pub(crate) fn may_come_back(&self) -> bool {
        self.connector.is_some() && (self.retries > 0 || self.most > 1)
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Connections { connector: _, most, retries, spares } = self;
        let spares = spares.len();
        f.debug_struct("Connections").field("most", most).field("retries", retries).field("spares", &spares).finish()
    }
}

/// Sources with their targets, all in one direction. Patterns are expanded and operands are split already.
#[derive(Clone, Debug)]
pub enum Pairs {
    /// From the server to here.
    Get(Vec<GetPair>),
    /// From here to the server.
    Put(Vec<PutPair>),
}

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the server to here.
    Get,
    /// From here to the server.
    Put,
}

/// One file or tree to fetch.
#[derive(Clone, Debug)]
pub struct GetPair {
    /// The source, absolute, and as the line about it shows it.
    pub remote: RemotePath,
    /// The source's attributes as a listing or an LSTAT gave them; without them, and for a link, the engine asks by STAT.
    pub attributes: Option<Attributes>,
    /// The target itself (never the directory that shall hold it).
    pub local: LocalPath,
}

/// One file or tree to send.
#[derive(Clone, Debug)]
pub struct PutPair {
    /// The source.
    pub local: LocalPath,
    /// The target itself (never the directory that shall hold it), absolute, and as the line about it shows it.
    pub remote: RemotePath,
}

/// A path here: where it is, and how the user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPath {
    path: PathBuf,
    shown: PathBuf,
    trust: Trust,
}

/// Who chose the last component of a local path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The user: a symbolic link there is theirs and is followed.
    User,
    /// The server, by the name of an entry: a symbolic link there is never followed.
    Server,
}

impl LocalPath {
    /// A path that the user chose down to its last component; a symbolic link there is followed.
    ///
    /// `path` is absolute; `shown` is the same as the user typed it, for messages.
    #[must_use]
    pub fn named(path: impl Into<PathBuf>, shown: impl Into<PathBuf>) -> LocalPath {
        LocalPath { path: path.into(), shown: shown.into(), trust: Trust::User }
    }

    /// A path whose last component is the name of an entry that the server listed; a symbolic link there is replaced, never followed.
    #[must_use]
    pub fn listed(path: impl Into<PathBuf>, shown: impl Into<PathBuf>) -> LocalPath {
        LocalPath { path: path.into(), shown: shown.into(), trust: Trust::Server }
    }

    /// Where it is, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How messages show it.
    #[must_use]
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    pub(crate) fn trust(&self) -> Trust {
        self.trust
    }
}

/// What becomes of the symbolic links of a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// They are left out, which is said.
    #[default]
    Skipped,
    /// They stand for what they lead to (`-L`).
    Followed,
    /// They are copied as links (`--links`).
    Copied,
}

/// What is done where a target exists already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// It is replaced.
    #[default]
    Overwrite,
    /// It stays, and the file is not moved.
    Skip,
    /// It is replaced if the source is newer.
    Newer,
    /// It stays, and the file goes beside it under a name with a number.
    Rename,
    /// Somebody is asked.
    Ask,
}

/// Whether what was moved is compared with its source, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// It is not.
    #[default]
    No,
    /// By the server's hash of it where the server computes one, else by reading it back.
    Yes,
    /// By reading it back, whatever the server can do.
    ByReading,
}

/// How files are moved: the flags of `get` and `put`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whole trees (`-r`). Without it a directory is a failure.
    pub recursive: bool,
    /// Exact modes and times (`-p`).
    pub preserve: bool,
    /// Continue what is there (`-a`).
    pub resume: bool,
    /// Take what is there for the beginning of the source without comparing (`--resume=size`).
    pub trusts_sizes: bool,
    /// What is done where a target exists already; a resume continues it.
    pub on_conflict: OnConflict,
    /// Send into a file beside the target, which takes its place when it is whole (`--atomic`). What is fetched does so anyway.
    pub atomic: bool,
    /// Whether what was moved is compared with the source (`--verify`).
    pub verify: Verify,
    /// Flush each file to its disk (`-f`): ours for a get; the server's for a put, where it can.
    pub fsync: bool,
    /// What becomes of symbolic links below the top of a tree; one that is named is followed.
    pub links: Links,
    /// Sizes that the server tells of files are estimates: a file ends where reading finds its end (`--sizes=estimate`).
    pub estimated_sizes: bool,
    /// Remove each source once its copy is known to be complete (`--remove-source`).
    pub remove_source: bool,
    /// Only say what would be done (`--dry-run`).
    pub dry_run: bool,
    /// Bytes of one READ or WRITE (`-B`), used as given. Without it they follow the server's limits.
    pub request_bytes: Option<u32>,
    /// Requests in flight (`-R`). Without it bytes in flight are bounded, not requests.
    pub requests: Option<usize>,
}
