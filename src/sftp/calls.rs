//! The requests (draft-ietf-secsh-filexfer-02, section 6), one type each; OpenSSH's additions are in `extended`.
//!
//! A call says how to encode the request, which reply it expects, and how large the reply may be. Paths are sent
//! unchanged.

use bytes::Bytes;

use crate::name::RemotePath;
use crate::sftp::attributes::Attributes;
use crate::sftp::extensions::Extension;
use crate::sftp::handle::Handle;
use crate::sftp::manners::SymlinkOrder;
use crate::sftp::reply::{Expects, NamePacket, Reply};
use crate::sftp::wire::Writer;

/// Packet types of requests (draft-ietf-secsh-filexfer-02, section 3).
mod kind {
    pub(super) const OPEN: u8 = 3;
    pub(super) const CLOSE: u8 = 4;
    pub(super) const READ: u8 = 5;
    pub(super) const WRITE: u8 = 6;
    pub(super) const LSTAT: u8 = 7;
    pub(super) const FSTAT: u8 = 8;
    pub(super) const SETSTAT: u8 = 9;
    pub(super) const FSETSTAT: u8 = 10;
    pub(super) const OPENDIR: u8 = 11;
    pub(super) const READDIR: u8 = 12;
    pub(super) const REMOVE: u8 = 13;
    pub(super) const MKDIR: u8 = 14;
    pub(super) const RMDIR: u8 = 15;
    pub(super) const REALPATH: u8 = 16;
    pub(super) const STAT: u8 = 17;
    pub(super) const RENAME: u8 = 18;
    pub(super) const READLINK: u8 = 19;
    pub(super) const SYMLINK: u8 = 20;
    pub(super) const EXTENDED: u8 = 200;
}

/// Bytes that an ordinary reply takes in the receive window, including its share of the SSH packet.
const SMALL_REPLY_BYTES: u64 = 256;

/// Bytes that the reply to one READDIR may take: OpenSSH's server sends up to 100 entries at a time.
const LISTING_REPLY_BYTES: u64 = 32 * 1024;

/// A request that can be submitted to a [`Session`](super::Session).
pub trait Call {
    /// The result of a successful request.
    type Reply;

    /// The type of the packet.
    const TYPE: u8;

    /// The extension that the server must offer before the request may be sent.
    const NEEDS: Option<Extension> = None;

    /// True if the server may work on the request for long, so that its silence doesn't mean a dead connection.
    const MAY_TAKE_LONG: bool = false;

    /// True if the request closes a handle.
    const CLOSES: bool = false;

    /// Returns the kind of reply that answers this request.
    fn expects(&self) -> Expects;

    /// Returns the handles that the request names. A handle is valid only in the session that opened it: to another
    /// server process the same bytes are another file.
    fn handles(&self) -> [Option<&Handle>; 2] {
        [None, None]
    }

    /// Writes the fields that follow the id.
    fn encode(&self, packet: &mut Writer<'_>);

    /// Like [`Call::encode`], except that the server reads the paths of SYMLINK in the given order.
    fn encode_in(&self, _order: SymlinkOrder, packet: &mut Writer<'_>) {
        self.encode(packet);
    }

    /// Returns how many bytes the reply may take in the receive window.
    fn reply_bytes(&self) -> u64 {
        SMALL_REPLY_BYTES
    }

    /// Takes the result out of a reply of the kind that [`Call::expects`] names. Returns `None` for any other reply.
    fn result(reply: Reply) -> Option<Self::Reply>;
}

/// How OPEN opens a file (draft-ietf-secsh-filexfer-02, section 6.3): a union of the constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFlags(u32);

impl OpenFlags {
    /// Returns whether these flags include all of `flags`.
    #[must_use]
    pub fn contains(self, flags: OpenFlags) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// For reading.
    pub const READ: OpenFlags = OpenFlags(0x01);
    /// For writing.
    pub const WRITE: OpenFlags = OpenFlags(0x02);
    /// Each write goes to the end of the file, whatever its offset.
    pub const APPEND: OpenFlags = OpenFlags(0x04);
    /// Create the file if it doesn't exist.
    pub const CREATE: OpenFlags = OpenFlags(0x08);
    /// Empty the file if it exists.
    pub const TRUNCATE: OpenFlags = OpenFlags(0x10);
    /// Fail if the file exists.
    pub const EXCLUSIVE: OpenFlags = OpenFlags(0x20);
}

impl std::ops::BitOr for OpenFlags {
    type Output = OpenFlags;

    fn bitor(self, other: OpenFlags) -> OpenFlags {
        OpenFlags(self.0 | other.0)
    }
}

macro_rules! result_of {
    (()) => {
        fn expects(&self) -> Expects {
            Expects::Done
        }
        fn result(reply: Reply) -> Option<()> {
            matches!(reply, Reply::Done).then_some(())
        }
    };
    ($variant:ident) => {
        fn expects(&self) -> Expects {
            Expects::$variant
        }
        fn result(reply: Reply) -> Option<Self::Reply> {
            match reply {
                Reply::$variant(result) => Some(result),
                _ => None,
            }
        }
    };
}

/// A request that consists of one path.
macro_rules! path_calls {
    ($($(#[$doc:meta])* $name:ident = $kind:ident -> $reply:ty, $variant:tt;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<'a> {
            /// The path that the request is about.
            pub path: &'a RemotePath,
        }

        impl Call for $name<'_> {
            type Reply = $reply;
            const TYPE: u8 = kind::$kind;
            result_of!($variant);

            fn encode(&self, packet: &mut Writer<'_>) {
                packet.string(self.path.as_bytes());
            }
        }
    )*};
}

path_calls! {
    /// Attributes of a file, following links (6.8).
    Stat = STAT -> Attributes, Attributes;
    /// Attributes of a path, without following a link at its end (6.8).
    Lstat = LSTAT -> Attributes, Attributes;
    /// Opens a directory to list it (6.7).
    Opendir = OPENDIR -> Handle, Handle;
    /// Removes a file (6.5).
    Remove = REMOVE -> (), ();
    /// Removes an empty directory (6.6).
    Rmdir = RMDIR -> (), ();
    /// The canonical absolute path (6.11).
    Realpath = REALPATH -> Bytes, Path;
    /// The target of a link, exactly as the link holds it (6.10).
    Readlink = READLINK -> Bytes, Path;
}

/// A request that consists of two paths.
macro_rules! two_path_calls {
    ($($(#[$doc:meta])* $name:ident = $kind:ident { $(#[$first_doc:meta])* $first:ident, $(#[$second_doc:meta])* $second:ident } $(needs $extension:ident)?;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<'a> {
            $(#[$first_doc])*
            pub $first: &'a RemotePath,
            $(#[$second_doc])*
            pub $second: &'a RemotePath,
        }

        impl Call for $name<'_> {
            type Reply = ();
            const TYPE: u8 = kind::$kind;
            $(const NEEDS: Option<Extension> = Some(Extension::$extension);)?
            result_of!(());

            fn encode(&self, packet: &mut Writer<'_>) {
                $(packet.string(Extension::$extension.name().as_bytes());)?
                packet.string(self.$first.as_bytes());
                packet.string(self.$second.as_bytes());
            }
        }
    )*};
}

mod extended;

pub use extended::{
    AskLimits, CheckFile, CopyData, Fsync, Hardlink, Lsetstat, Md5Hash, PosixRename, StatFileSystem, UsersGroupsById,
};

two_path_calls! {
    /// Renames a file. The server decides about an existing target; OpenSSH's refuses it (6.5).
    Rename = RENAME {
        /// The current name.
        from,
        /// The new name.
        to
    };
}

/// Creates a symbolic link (6.10). The order of its fields depends on the server.
#[derive(Clone, Copy, Debug)]
pub struct Symlink<'a> {
    /// The target, written into the link unchanged.
    pub target: &'a RemotePath,
    /// The path of the link.
    pub link: &'a RemotePath,
}

impl Call for Symlink<'_> {
    type Reply = ();
    const TYPE: u8 = kind::SYMLINK;
    result_of!(());

    fn encode(&self, packet: &mut Writer<'_>) {
        self.encode_in(SymlinkOrder::default(), packet);
    }

    fn encode_in(&self, order: SymlinkOrder, packet: &mut Writer<'_>) {
        let (first, second) = match order {
            SymlinkOrder::TargetFirst => (self.target, self.link),
            SymlinkOrder::LinkFirst => (self.link, self.target),
        };
        packet.string(first.as_bytes());
        packet.string(second.as_bytes());
    }
}

/// Opens a file (6.3).
#[derive(Clone, Copy, Debug)]
pub struct Open<'a> {
    /// The path of the file.
    pub path: &'a RemotePath,
    /// How to open it.
    pub flags: OpenFlags,
    /// Attributes of the file if this request creates it.
    pub attributes: Attributes,
}

impl Call for Open<'_> {
    type Reply = Handle;
    const TYPE: u8 = kind::OPEN;
    result_of!(Handle);

    fn encode(&self, packet: &mut Writer<'_>) {
        packet.string(self.path.as_bytes());
        packet.uint32(self.flags.0);
        self.attributes.encode(packet);
    }
}

/// Closes a handle. A success also means that the server has stored the written data (6.3).
#[derive(Debug)]
pub struct Close {
    /// The handle, which is invalid afterwards even if the server refuses.
    pub handle: Handle,
}

impl Call for Close {
    type Reply = ();
    const TYPE: u8 = kind::CLOSE;
    const CLOSES: bool = true;
    result_of!(());

    fn handles(&self) -> [Option<&Handle>; 2] {
        [Some(&self.handle), None]
    }

    fn encode(&self, packet: &mut Writer<'_>) {
        self.handle.mark_closed();
        packet.string(self.handle.as_bytes());
    }
}

/// Reads from a file (6.4). The server may return fewer bytes than requested; at the end of the file it answers EOF.
#[derive(Clone, Copy, Debug)]
pub struct Read<'a> {
    /// The open file.
    pub handle: &'a Handle,
    /// The offset of the first byte.
    pub offset: u64,
    /// The number of bytes to read at most.
    pub length: u32,
}

impl Call for Read<'_> {
    type Reply = Bytes;
    const TYPE: u8 = kind::READ;

    fn expects(&self) -> Expects {
        Expects::Data { at_most: self.length }
    }

    fn handles(&self) -> [Option<&Handle>; 2] {
        [Some(self.handle), None]
    }

    fn encode(&self, packet: &mut Writer<'_>) {
        packet.string(self.handle.as_bytes());
        packet.uint64(self.offset);
        packet.uint32(self.length);
    }

    fn reply_bytes(&self) -> u64 {
        u64::from(self.length) + SMALL_REPLY_BYTES
    }

    fn result(reply: Reply) -> Option<Bytes> {
        match reply {
            Reply::Data(data) => Some(data),
            _ => None,
        }
    }
}

/// Writes to a file (6.4): either all of the data or none.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The open file.
    pub handle: &'a Handle,
    /// The offset of the first byte.
    pub offset: u64,
    /// The data, which is copied when the request is submitted.
    pub data: &'a [u8],
}

impl Call for Write<'_> {
    type Reply = ();
    const TYPE: u8 = kind::WRITE;
    result_of!(());

    fn handles(&self) -> [Option<&Handle>; 2] {
        [Some(self.handle), None]
    }

    fn encode(&self, packet: &mut Writer<'_>) {
        packet.string(self.handle.as_bytes());
        packet.uint64(self.offset);
        packet.string(self.data);
    }
}

/// Attributes of an open file (6.8).
#[derive(Clone, Copy, Debug)]
pub struct Fstat<'a> {
    /// The open file.
    pub handle: &'a Handle,
}

impl Call for Fstat<'_> {
    type Reply = Attributes;
    const TYPE: u8 = kind::FSTAT;
    result_of!(Attributes);

    fn handles(&self) -> [Option<&Handle>; 2] {
        [Some(self.handle), None]
    }

    fn encode(&self, packet: &mut Writer<'_>) {
        packet.string(self.handle.as_bytes());
    }
}

/// The next entries of an open directory (6.7). The server answers EOF after the last one.
#[derive(Clone, Copy, Debug)]
pub struct Readdir<'a> {
    /// The open directory.
    pub handle: &'a Handle,
    /// True if the caller uses the long names.
    pub longnames: bool,
}

impl Call for Readdir<'_> {
    type Reply = NamePacket;
    const TYPE: u8 = kind::READDIR;

    fn expects(&self) -> Expects {
        Expects::Names { longnames: self.longnames }
    }

    fn result(reply: Reply) -> Option<NamePacket> {
        match reply {
            Reply::Names(names) => Some(names),
            _ => None,
        }
    }

    fn handles(&self) -> [Option<&Handle>; 2] {
        [Some(self.handle), None]
    }

    fn encode(&self, packet: &mut Writer<'_>) {
        packet.string(self.handle.as_bytes());
    }

    fn reply_bytes(&self) -> u64 {
        LISTING_REPLY_BYTES
    }
}

/// Changes the attributes of a file, following links (6.9).
#[derive(Clone, Copy, Debug)]
pub struct Setstat<'a> {
    /// The path of the file.
    pub path: &'a RemotePath,
    /// The attributes to set; absent ones stay unchanged.
    pub attributes: Attributes,
}

impl Call for Setstat<'_> {
    type Reply = ();
    const TYPE: u8 = kind::SETSTAT;
    result_of!(());

    fn encode(&self, packet: &mut Writer<'_>) {
        packet.string(self.path.as_bytes());
        self.attributes.encode(packet);
    }
}

/// Changes the attributes of an open file (6.9).
#[derive(Clone, Copy, Debug)]
pub struct Fsetstat<'a> {
    /// The open file.
    pub handle: &'a Handle,
    /// The attributes to set; absent ones stay unchanged.
    pub attributes: Attributes,
}

impl Call for Fsetstat<'_> {
    type Reply = ();
    const TYPE: u8 = kind::FSETSTAT;
    result_of!(());

    fn handles(&self) -> [Option<&Handle>; 2] {
        [Some(self.handle), None]
    }

    fn encode(&self, packet: &mut Writer<'_>) {
        packet.string(self.handle.as_bytes());
        self.attributes.encode(packet);
    }
}

/// Creates a directory (6.6).
#[derive(Clone, Copy, Debug)]
pub struct Mkdir<'a> {
    /// The new directory.
    pub path: &'a RemotePath,
    /// Its attributes; the server's umask applies to the permissions.
    pub attributes: Attributes,
}

impl Call for Mkdir<'_> {
    type Reply = ();
    const TYPE: u8 = kind::MKDIR;
    result_of!(());

    fn encode(&self, packet: &mut Writer<'_>) {
        packet.string(self.path.as_bytes());
        self.attributes.encode(packet);
    }
}

#[cfg(test)]
mod tests;
