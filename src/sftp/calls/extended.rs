//! The requests that OpenSSH (PROTOCOL, section 4) and later drafts add: EXTENDED packets that begin with a name.

use crate::name::RemotePath;
use crate::sftp::attributes::Attributes;
use crate::sftp::calls::{Call, kind};
use crate::sftp::extensions::{Extension, Limits, Names, Statvfs};
use crate::sftp::file_hash::{FileHash, HashAlgorithm};
use crate::sftp::handle::Handle;
use crate::sftp::reply::{Expects, Reply};
use crate::sftp::wire::Writer;

two_path_calls! {
    /// Renames a file and replaces the target in one step (OpenSSH PROTOCOL, 4.3).
    PosixRename = EXTENDED {
        /// The current name.
        from,
        /// The new name.
        to
    } needs PosixRename;
    /// Creates a hard link (OpenSSH PROTOCOL, 4.5).
    Hardlink = EXTENDED {
        /// The existing file.
        existing,
        /// The new link.
        link
    } needs Hardlink;
}

/// Changes the attributes of a path, without following a link at its end (OpenSSH PROTOCOL, 4.7).
#[derive(Clone, Copy, Debug)]
pub struct Lsetstat<'a> {
    /// The path.
    pub path: &'a RemotePath,
    /// The attributes to set; absent ones stay unchanged.
    pub attributes: Attributes,
}

impl Call for Lsetstat<'_> {
    type Reply = ();
    const TYPE: u8 = kind::EXTENDED;
    const NEEDS: Option<Extension> = Some(Extension::Lsetstat);
    result_of!(());

    fn encode(&self, packet: &mut Writer<'_>) {
        packet.string(Extension::Lsetstat.name().as_bytes());
        packet.string(self.path.as_bytes());
        self.attributes.encode(packet);
    }
}

/// Flushes an open file to the server's disk (OpenSSH PROTOCOL, 4.6).
#[derive(Clone, Copy, Debug)]
pub struct Fsync<'a> {
    /// The open file.
    pub handle: &'a Handle,
}

impl Call for Fsync<'_> {
    type Reply = ();
    const TYPE: u8 = kind::EXTENDED;
    const NEEDS: Option<Extension> = Some(Extension::Fsync);
    const MAY_TAKE_LONG: bool = true;
    result_of!(());

    fn handles(&self) -> [Option<&Handle>; 2] {
        [Some(self.handle), None]
    }

    fn encode(&self, packet: &mut Writer<'_>) {
        packet.string(Extension::Fsync.name().as_bytes());
        packet.string(self.handle.as_bytes());
    }
}

/// The file system that holds a path (OpenSSH PROTOCOL, 4.4).
#[derive(Clone, Copy, Debug)]
pub struct StatFileSystem<'a> {
    /// Any path on the file system.
    pub path: &'a RemotePath,
}

impl Call for StatFileSystem<'_> {
    type Reply = Statvfs;
    const TYPE: u8 = kind::EXTENDED;
    const NEEDS: Option<Extension> = Some(Extension::Statvfs);
    result_of!(Statvfs);

    fn encode(&self, packet: &mut Writer<'_>) {
        packet.string(Extension::Statvfs.name().as_bytes());
        packet.string(self.path.as_bytes());
    }
}

/// The largest requests and the number of handles that the server allows (OpenSSH PROTOCOL, 4.8).
#[derive(Clone, Copy, Debug)]
pub struct AskLimits;

impl Call for AskLimits {
    type Reply = Limits;
    const TYPE: u8 = kind::EXTENDED;
    const NEEDS: Option<Extension> = Some(Extension::Limits);
    result_of!(Limits);

    fn encode(&self, packet: &mut Writer<'_>) {
        packet.string(Extension::Limits.name().as_bytes());
    }
}

/// Copies from one open file to another on the server (draft-ietf-secsh-filexfer-extensions-00, section 7; OpenSSH
/// PROTOCOL, 4.10).
#[derive(Clone, Copy, Debug)]
pub struct CopyData<'a> {
    /// The open file to read.
    pub source: &'a Handle,
    /// The offset of the first byte to read.
    pub source_offset: u64,
    /// The number of bytes; 0 copies to the end of the file.
    pub length: u64,
    /// The open file to write.
    pub target: &'a Handle,
    /// The offset of the first byte to write.
    pub target_offset: u64,
}

impl Call for CopyData<'_> {
    type Reply = ();
    const TYPE: u8 = kind::EXTENDED;
    const NEEDS: Option<Extension> = Some(Extension::CopyData);
    const MAY_TAKE_LONG: bool = true;
    result_of!(());

    fn handles(&self) -> [Option<&Handle>; 2] {
        [Some(self.source), Some(self.target)]
    }

    fn encode(&self, packet: &mut Writer<'_>) {
        packet.string(Extension::CopyData.name().as_bytes());
        packet.string(self.source.as_bytes());
        packet.uint64(self.source_offset);
        packet.uint64(self.length);
        packet.string(self.target.as_bytes());
        packet.uint64(self.target_offset);
    }
}

/// The server's hash of a part of an open file (draft-ietf-secsh-filexfer-extensions-00, section 3).
///
/// A server that doesn't list the extension may know it: [`Extensions::hashing`](super::super::Extensions::hashing)
/// says when to ask. The result is `None` if the reply holds no hash in a form that we requested.
#[derive(Clone, Copy, Debug)]
pub struct CheckFile<'a> {
    /// The file, open for reading.
    pub handle: &'a Handle,
    /// The offset of the first byte.
    pub offset: u64,
    /// The number of bytes; 0 hashes to the end of the file.
    pub length: u64,
    /// The algorithms of which the server chooses one, in our order of preference.
    pub algorithms: &'a [HashAlgorithm],
}

impl Call for CheckFile<'_> {
    type Reply = Option<FileHash>;
    const TYPE: u8 = kind::EXTENDED;
    const MAY_TAKE_LONG: bool = true;

    fn expects(&self) -> Expects {
        Expects::CheckedFile
    }

    fn handles(&self) -> [Option<&Handle>; 2] {
        [Some(self.handle), None]
    }

    fn encode(&self, packet: &mut Writer<'_>) {
        packet.string(Extension::CheckFile.name().as_bytes());
        packet.string(self.handle.as_bytes());
        let names: Vec<&str> = self.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        packet.string(names.join(",").as_bytes());
        packet.uint64(self.offset);
        packet.uint64(self.length);
        // A block size of 0 asks for one hash over the whole range.
        packet.uint32(0);
    }

    fn result(reply: Reply) -> Option<Option<FileHash>> {
        hash(reply)
    }
}

/// The MD5 of a part of an open file (draft-ietf-secsh-filexfer-09, section 9.1.1).
#[derive(Clone, Copy, Debug)]
pub struct Md5Hash<'a> {
    /// The file, open for reading.
    pub handle: &'a Handle,
    /// The offset of the first byte.
    pub offset: u64,
    /// The number of bytes; 0 hashes to the end of the file.
    pub length: u64,
}

impl Call for Md5Hash<'_> {
    type Reply = Option<FileHash>;
    const TYPE: u8 = kind::EXTENDED;
    const NEEDS: Option<Extension> = Some(Extension::Md5Hash);
    const MAY_TAKE_LONG: bool = true;

    fn expects(&self) -> Expects {
        Expects::Md5
    }

    fn handles(&self) -> [Option<&Handle>; 2] {
        [Some(self.handle), None]
    }

    fn encode(&self, packet: &mut Writer<'_>) {
        packet.string(Extension::Md5Hash.name().as_bytes());
        packet.string(self.handle.as_bytes());
        packet.uint64(self.offset);
        packet.uint64(self.length);
        // The quick-check hash, with which a server can skip the rest of a file that differs at its beginning. We
        // send none.
        packet.string(b"");
    }

    fn result(reply: Reply) -> Option<Option<FileHash>> {
        hash(reply)
    }
}

fn hash(reply: Reply) -> Option<Option<FileHash>> {
    match reply {
        Reply::FileHash(hash) => Some(hash),
        _ => None,
    }
}

/// Names of users and groups (OpenSSH PROTOCOL, 4.10).
#[derive(Clone, Copy, Debug)]
pub struct UsersGroupsById<'a> {
    /// User ids.
    pub users: &'a [u32],
    /// Group ids.
    pub groups: &'a [u32],
}

impl Call for UsersGroupsById<'_> {
    type Reply = Names;
    const TYPE: u8 = kind::EXTENDED;
    const NEEDS: Option<Extension> = Some(Extension::UsersGroupsById);

    fn expects(&self) -> Expects {
        Expects::OwnerNames { users: self.users.len(), groups: self.groups.len() }
    }

    fn encode(&self, packet: &mut Writer<'_>) {
        packet.string(Extension::UsersGroupsById.name().as_bytes());
        for ids in [self.users, self.groups] {
            packet.nested(|list| ids.iter().for_each(|&id| list.uint32(id)));
        }
    }

    fn result(reply: Reply) -> Option<Names> {
        match reply {
            Reply::OwnerNames(names) => Some(names),
            _ => None,
        }
    }
}
