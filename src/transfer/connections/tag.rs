//! Tags of requests: each tells the owner of a request, and which of its requests an answer belongs to.
//!
//! Each kind of owner has an enum of its own, so that it can't receive an answer to a request that it never sends.

use std::time::Instant;

use crate::sftp::{self, Reply};
use crate::transfer::connections::pool::ConnectionId;
use crate::transfer::progress::reporter::Sequence;

/// The data that an answer brings back to the engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    /// The step that sent the request.
    pub(crate) sequence: Sequence,
    pub(crate) tag: Tag,
    /// The connection that the request went out on.
    pub(crate) connection: ConnectionId,
    pub(crate) issued: Instant,
}

/// A request, by its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Get(GetTag),
    Put(PutTag),
    Directory(DirectoryTag),
    Link(LinkTag),
    Removal(RemovalTag),
}

/// A request of a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GetTag {
    Open,
    Read {
        offset: u64,
        length: u32,
    },
    /// A request that compares the source with the local file.
    Proof(ProofTag),
    /// STATVFS: some file systems have files whose sizes mean nothing.
    FileSystem,
}

/// A request of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutTag {
    /// STAT of the target, or of a partial file beside it.
    Stat,
    /// READLINK of the target.
    Follow,
    Open,
    Write {
        offset: u64,
        length: u32,
    },
    /// A request that compares the remote file with the source.
    Proof(ProofTag),
    /// STATVFS: a WRITE may have failed because the file system is full.
    FileSystem,
    SetAttributes,
    /// FSTAT or STAT of the written file, for its size.
    Size,
    Sync,
    Close,
    Place(PlaceTag),
    /// REMOVE of a partial file that no later run can use.
    Withdraw,
}

/// A request that moves an uploaded partial file to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlaceTag {
    /// RENAME, or posix-rename.
    Rename,
    /// A hard link at the target, which must not exist.
    Link,
    /// REMOVE of the partial file's name after that.
    Unlink,
    /// LSTAT of a target that did not exist when the upload began.
    LookAtTarget,
    /// STAT of the target after the partial file has disappeared.
    LookForPart,
}

/// A request that compares bytes or hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProofTag {
    /// The server's hash of the file.
    Hash,
    Read {
        offset: u64,
        length: u32,
    },
}

/// A request about a directory that is made on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DirectoryTag {
    Make,
    Stat,
    SetAttributes,
}

/// A request about a symbolic link that is made on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkTag {
    Make,
    /// READLINK of the entry that exists where the link could not be made.
    Read,
    Remove,
}

/// A request that removes the source of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RemovalTag {
    /// STAT of the source or the copy, which must not have changed since.
    Stat,
    Remove,
    RemoveDirectory,
}

impl Tag {
    /// Returns whether the request counts in its connection's window.
    pub(super) fn moves_data(self) -> bool {
        self.window_bytes() > 0
    }

    /// Returns whether the request moves bytes of a file to its copy.
    pub(crate) fn moves_file(self) -> bool {
        matches!(self, Tag::Get(GetTag::Read { .. }) | Tag::Put(PutTag::Write { .. }))
    }

    /// Returns the bytes that the request moves at most.
    pub(super) fn window_bytes(self) -> u64 {
        match self {
            Tag::Get(GetTag::Read { length, .. } | GetTag::Proof(ProofTag::Read { length, .. }))
            | Tag::Put(PutTag::Write { length, .. } | PutTag::Proof(ProofTag::Read { length, .. })) => length.into(),
            _ => 0,
        }
    }

    /// Returns the bytes that the request has moved.
    pub(crate) fn moved_bytes(self, outcome: &Result<Reply, sftp::Error>) -> u64 {
        match outcome {
            Ok(Reply::Data(data)) => data.len() as u64,
            Ok(_) => self.window_bytes(),
            Err(_) => 0,
        }
    }
}

impl PutTag {
    /// Returns whether an upload waits for the answer before it ends.
    pub(crate) fn is_awaited(self) -> bool {
        !matches!(self, PutTag::Open | PutTag::Stat | PutTag::Follow | PutTag::Withdraw)
    }
}

/// The tags of each owner are tags.
macro_rules! owners {
    ($($owner:ident: $tag:ident),*) => {
        $(impl From<$tag> for Tag {
            fn from(tag: $tag) -> Tag {
                Tag::$owner(tag)
            }
        })*
    };
}

owners!(Get: GetTag, Put: PutTag, Directory: DirectoryTag, Link: LinkTag, Removal: RemovalTag);

impl From<ProofTag> for GetTag {
    fn from(tag: ProofTag) -> GetTag {
        GetTag::Proof(tag)
    }
}

impl From<ProofTag> for PutTag {
    fn from(tag: ProofTag) -> PutTag {
        PutTag::Proof(tag)
    }
}
