//! The description of a transfer, as data.

use std::path::PathBuf;

use std::fmt;
use std::sync::Arc;

use crate::connect::Connector;
use crate::mode::Change;
use crate::name::RemotePath;
use crate::sftp::Session;
use crate::transfer::learnt::Learnt;
use crate::transfer::limit::Limit;
use crate::transfer::pairs::Pairs;
use crate::transfer::selection::Selection;

/// A transfer: which files and trees to move, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// The sources and their targets, in the order in which they are reported.
    pub pairs: Pairs,
    /// The flags of `get` and `put`.
    pub options: Options,
    /// Which entries of trees are moved.
    pub selection: Selection,
    /// How to change the permissions of files that arrive (`--chmod`).
    pub mode: Option<Change>,
    /// The server, such as `user@host:port`. It is a part of the names of partial files, so that a resume never
    /// continues a file of another server.
    pub server: Vec<u8>,
    /// The rate limit, which all transfers with a clone of it share.
    pub limit: Limit,
    /// Facts about the server, which all transfers with a clone of it share.
    pub learnt: Learnt,
    /// The user's working directories, which are never removed.
    pub working_directories: WorkingDirectories,
    /// The connections that the transfer may use besides its first.
    pub connections: Connections,
}

/// The user's working directories. They are not removed with their trees, even if they are empty.
#[derive(Clone, Debug, Default)]
pub struct WorkingDirectories {
    /// The remote working directory, as a canonical path.
    pub remote: Option<RemotePath>,
    /// The local working directory.
    pub local: Option<PathBuf>,
}

/// The connections of a transfer: how many, and what happens when they break.
#[derive(Clone, Default)]
pub struct Connections {
    /// Opens further connections. If `None`, the transfer has only the sessions that it starts with.
    pub connector: Option<Arc<Connector>>,
    /// The number of connections in all (`-j`); 0 means 1.
    pub most: usize,
    /// The number of channels in all (`--channels`), each with a window of its own; 0 means 1. An upload to a far server
    /// opens them if there are fewer connections.
    pub channels: usize,
    /// Reports why channels are opened (`-v`).
    pub tells_of_channels: bool,
    /// The number of attempts to reconnect when no connection is left (`--retry`).
    pub retries: u32,
    /// Open sessions with the same server that nothing else uses.
    pub spares: Vec<Session>,
}

impl Request {
    /// Returns the direction of the transfer.
    #[must_use]
    pub fn direction(&self) -> Direction {
        match self.pairs {
            Pairs::Get(_) => Direction::Get,
            Pairs::Put(_) => Direction::Put,
        }
    }
}

impl Connections {
    /// Returns these connections, but without the means to open more or to reconnect. A dry run ends with its
    /// connection.
    pub(crate) fn without_new_ones(self) -> Connections {
        Connections { connector: None, channels: 1, ..self }
    }

    /// Returns how many sessions may work at once.
    pub(crate) fn in_all(&self) -> usize {
        self.most.max(self.channels).max(1)
    }

    pub(crate) fn may_come_back(&self) -> bool {
        self.connector.is_some() && (self.retries > 0 || self.most > 1)
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Connections { connector: _, most, channels, tells_of_channels: _, retries, spares } = self;
        let mut debug = f.debug_struct("Connections");
        debug.field("most", most).field("channels", channels).field("retries", retries);
        debug.field("spares", &spares.len()).finish()
    }
}

/// The direction of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the server to here.
    Get,
    /// From here to the server.
    Put,
}

/// How to treat the symbolic links of a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// Skip them with a note.
    #[default]
    Skipped,
    /// Move the files and trees that they lead to (`-L`).
    Followed,
    /// Copy them as links (`--links`).
    Copied,
}

/// The rule for a target that exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// Replace it.
    #[default]
    Overwrite,
    /// Leave it, and don't move the file.
    Skip,
    /// Replace it if the source is newer.
    Newer,
    /// Leave it, and write the file beside it under a numbered name.
    Rename,
    /// Ask the user.
    Ask,
}

/// The way in which a copy is compared with its source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Don't compare them.
    #[default]
    No,
    /// Compare by the server's hash if it computes one, otherwise by reading the remote file again.
    Yes,
    /// Compare by reading the remote file again.
    ByReading,
}

/// How to move files: the flags of `get` and `put`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Move whole trees (`-r`). Without it, a directory is a failure.
    pub recursive: bool,
    /// Keep the exact modes and times (`-p`).
    pub preserve: bool,
    /// Continue existing files (`-a`).
    pub resume: bool,
    /// Don't compare the existing bytes with the source before continuing (`--resume=size`).
    pub trusts_sizes: bool,
    /// The rule for targets that exist. A resume continues them instead.
    pub on_conflict: OnConflict,
    /// Send into a partial file beside the target, which replaces it when complete (`--atomic`). Downloads always
    /// work so.
    pub atomic: bool,
    /// The way in which each copy is compared with its source (`--verify`).
    pub verify: Verify,
    /// Flush each file to its disk (`-f`): the local disk for a get, the server's for a put, if the server can.
    pub fsync: bool,
    /// How to treat symbolic links below the top of a tree. A link that the user named is followed.
    pub links: Links,
    /// Treat the server's sizes as estimates, so that a file ends where reading ends (`--sizes=estimate`).
    pub estimated_sizes: bool,
    /// Remove each source when its copy is known to be complete (`--remove-source`).
    pub remove_source: bool,
    /// Only report what a transfer would do (`--dry-run`).
    pub dry_run: bool,
    /// Bytes of one READ or WRITE (`-B`), used as given. If `None`, they follow the server's limits.
    pub request_bytes: Option<u32>,
    /// Requests in flight (`-R`). If `None`, the bytes in flight are limited instead.
    pub requests: Option<usize>,
}
