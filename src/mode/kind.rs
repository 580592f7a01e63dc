//! The kind of a file, by the type bits of its mode.

/// The bits of a mode that say what kind of file has it.
const TYPE_BITS: u32 = 0o170_000;

/// A kind of file, as POSIX has them. Every SFTP v3 server sends its type bits (draft-ietf-secsh-filexfer-02, section
/// 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// None that POSIX has.
    Unknown,
}

impl Kind {
    /// The kind that a mode names; `None` for one without type bits.
    #[must_use]
    pub fn of(mode: u32) -> Option<Kind> {
        Some(match mode & TYPE_BITS {
            0 => return None,
            0o010_000 => Kind::Fifo,
            0o020_000 => Kind::CharacterDevice,
            0o040_000 => Kind::Directory,
            0o060_000 => Kind::BlockDevice,
            0o100_000 => Kind::Regular,
            0o120_000 => Kind::Symlink,
            0o140_000 => Kind::Socket,
            _ => Kind::Unknown,
        })
    }
}
