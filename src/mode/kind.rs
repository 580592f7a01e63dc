//! The kind of a file, by the type bits of its mode.

/// The bits of a mode that say what kind of file has it.
const TYPE_BITS: u32 = 0o170_000;

/// The bits that let someone execute a file.
const EXECUTE: u32 = 0o111;

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

    /// Returns the mark that `ls -F` puts after the name of a file with this mode (POSIX, XCU `ls`); empty for most.
    #[must_use]
    pub fn mark(mode: u32) -> &'static str {
        match Kind::of(mode) {
            Some(Kind::Directory) => "/",
            Some(Kind::Symlink) => "@",
            Some(Kind::Fifo) => "|",
            Some(Kind::Socket) => "=",
            Some(Kind::Regular) if mode & EXECUTE != 0 => "*",
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_those_of_posix() {
        for (mode, mark) in [
            (0o040_755, "/"),
            (0o120_777, "@"),
            (0o010_644, "|"),
            (0o140_755, "="),
            (0o100_644, ""),
            (0o100_001, "*"),
            (0o020_777, ""),
            (0o000_777, ""),
        ] {
            assert_eq!(Kind::mark(mode), mark, "{mode:o}");
        }
    }
}
