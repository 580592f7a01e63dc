//! File attributes, ATTRS (draft-ietf-secsh-filexfer-02, section 5).

use crate::mode::Kind;
use crate::sftp::wire::{Reader, Violation, Writer};

const FLAG_SIZE: u32 = 0x0000_0001;
const FLAG_UIDGID: u32 = 0x0000_0002;
const FLAG_PERMISSIONS: u32 = 0x0000_0004;
const FLAG_ACMODTIME: u32 = 0x0000_0008;
const FLAG_EXTENDED: u32 = 0x8000_0000;

/// The type bits for permissions that have none.
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;

/// The attributes of a file. A server may leave out any of them; a request changes only those it gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Length in bytes.
    pub size: Option<u64>,
    /// Numeric owner and group; the protocol knows them only as a pair.
    pub owner: Option<Owner>,
    /// POSIX mode: type and permission bits.
    pub permissions: Option<u32>,
    /// Times of last access and modification; the protocol knows them only as a pair.
    pub times: Option<Times>,
}

/// Numeric owner and group of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// Times of a file, in seconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Last access.
    pub accessed: u32,
    /// Last modification.
    pub modified: u32,
}

/// The kind of file, from the type bits of the permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, FIFO, socket, or a type that POSIX does not know.
    Special,
}

impl Attributes {
    /// Attributes that hold permissions only.
    #[must_use]
    pub fn with_permissions(permissions: u32) -> Attributes {
        Attributes { permissions: Some(permissions), ..Attributes::default() }
    }

    /// Returns the kind of file, or `None` if the server gave no type bits.
    #[must_use]
    pub fn file_type(&self) -> Option<FileType> {
        Some(match Kind::of(self.permissions?)? {
            Kind::Regular => FileType::Regular,
            Kind::Directory => FileType::Directory,
            Kind::Symlink => FileType::Symlink,
            _ => FileType::Special,
        })
    }

    /// Returns whether the server gave permissions without type bits, as some servers do.
    #[must_use]
    pub fn lacks_type(&self) -> bool {
        self.permissions.is_some_and(|mode| Kind::of(mode).is_none())
    }

    /// Adds the type bits of a directory or a regular file to permissions that have none.
    pub fn settle_type(&mut self, is_directory: bool) {
        if self.lacks_type() {
            let bits = if is_directory { DIRECTORY } else { REGULAR };
            self.permissions = self.permissions.map(|mode| mode | bits);
        }
    }

    /// Returns whether the attributes say that this is a directory.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.file_type() == Some(FileType::Directory)
    }

    /// Returns the size if no file can have it, because it exceeds the largest local offset.
    #[must_use]
    pub fn absurd_size(&self) -> Option<u64> {
        self.size.filter(|&size| i64::try_from(size).is_err())
    }

    pub(super) fn encode(&self, packet: &mut Writer<'_>) {
        let flags = [
            (FLAG_SIZE, self.size.is_some()),
            (FLAG_UIDGID, self.owner.is_some()),
            (FLAG_PERMISSIONS, self.permissions.is_some()),
            (FLAG_ACMODTIME, self.times.is_some()),
        ];
        packet.uint32(flags.iter().filter(|(_, given)| *given).map(|(flag, _)| flag).sum());
        if let Some(size) = self.size {
            packet.uint64(size);
        }
        if let Some(owner) = self.owner {
            packet.uint32(owner.uid);
            packet.uint32(owner.gid);
        }
        if let Some(permissions) = self.permissions {
            packet.uint32(permissions);
        }
        if let Some(times) = self.times {
            packet.uint32(times.accessed);
            packet.uint32(times.modified);
        }
    }

    pub(super) fn decode(packet: &mut Reader) -> Result<Attributes, Violation> {
        let flags = packet.uint32()?;
        let mut attributes = Attributes::default();
        if flags & FLAG_SIZE != 0 {
            attributes.size = Some(packet.uint64()?);
        }
        if flags & FLAG_UIDGID != 0 {
            attributes.owner = Some(Owner { uid: packet.uint32()?, gid: packet.uint32()? });
        }
        if flags & FLAG_PERMISSIONS != 0 {
            attributes.permissions = Some(packet.uint32()?);
        }
        if flags & FLAG_ACMODTIME != 0 {
            attributes.times = Some(Times { accessed: packet.uint32()?, modified: packet.uint32()? });
        }
        if flags & FLAG_EXTENDED != 0 {
            for _ in 0..packet.count(8)? {
                packet.string()?;
                packet.string()?;
            }
        }
        Ok(attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn decode(bytes: Vec<u8>) -> Result<Attributes, Violation> {
        Attributes::decode(&mut Reader::new(Bytes::from(bytes)))
    }

    proptest! {
        #[test]
        fn attributes_come_back_as_they_went(
            size in proptest::option::of(0..=i64::MAX as u64), uid: Option<u32>, gid: u32, permissions: Option<u32>, accessed: Option<u32>, modified: u32,
        ) {
            let attributes = Attributes {
                size,
                owner: uid.map(|uid| Owner { uid, gid }),
                permissions,
                times: accessed.map(|accessed| Times { accessed, modified }),
            };
            let mut out = Vec::new();
            Writer::packet(&mut out, |packet| attributes.encode(packet));
            prop_assert_eq!(decode(out.split_off(4)), Ok(attributes));
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(bytes);
        }
    }

    #[test]
    fn extended_pairs_are_skipped_and_their_count_is_bounded() {
        let mut pairs = vec![0x80, 0, 0, 4];
        pairs.extend([0, 0, 0x41, 0xed]);
        pairs.extend([0, 0, 0, 1, 0, 0, 0, 1, b'k', 0, 0, 0, 1, b'v']);
        assert_eq!(decode(pairs).unwrap(), Attributes::with_permissions(0o40_755));
        assert!(decode(vec![0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]).is_err());
    }

    #[test]
    fn a_size_beyond_any_file_is_told_from_the_largest() {
        for (size, absurd) in [(0, false), (i64::MAX as u64, false), (1 << 63, true), (u64::MAX, true)] {
            let attributes = Attributes { size: Some(size), ..Attributes::default() };
            assert_eq!(attributes.absurd_size(), absurd.then_some(size));
        }
    }

    #[test]
    fn type_bits_name_the_kind_of_file() {
        for (mode, file_type) in [
            (0o100_644, Some(FileType::Regular)),
            (0o040_755, Some(FileType::Directory)),
            (0o120_777, Some(FileType::Symlink)),
            (0o010_600, Some(FileType::Special)),
            (0o140_600, Some(FileType::Special)),
            (0o644, None),
        ] {
            assert_eq!(Attributes::with_permissions(mode).file_type(), file_type, "{mode:o}");
        }
        assert!(Attributes::with_permissions(0o040_755).is_dir());
        assert!(!Attributes::default().is_dir());
    }
}
