//! Extensions of OpenSSH (PROTOCOL, section 4) and of later drafts: which ones a server offers, and the contents of
//! their replies.

use std::fmt;

use bytes::Bytes;

use crate::sftp::wire::{Reader, Violation};

/// An extension that we use. A server offers it by name and version in its VERSION packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extension {
    /// `posix-rename@openssh.com`: rename that replaces the target.
    PosixRename,
    /// `statvfs@openssh.com`: describe the file system of a path.
    Statvfs,
    /// `hardlink@openssh.com`: make a hard link.
    Hardlink,
    /// `fsync@openssh.com`: flush an open file to its disk.
    Fsync,
    /// `lsetstat@openssh.com`: set attributes without following a link.
    Lsetstat,
    /// `limits@openssh.com`: report the server's limits.
    Limits,
    /// `expand-path@openssh.com`: REALPATH that expands `~`.
    ExpandPath,
    /// `copy-data`: copy between two open files on the server.
    CopyData,
    /// `users-groups-by-id@openssh.com`: look up names of users and groups.
    UsersGroupsById,
    /// `home-directory`: look up a user's home directory.
    HomeDirectory,
    /// `check-file`: hash a file with an algorithm that the server picks from our list.
    CheckFile,
    /// `md5-hash`: compute the MD5 of a file.
    Md5Hash,
}

/// Every extension, with its name in the VERSION packet and the version of it that we speak.
const KNOWN: [(Extension, &str, &[u8]); 12] = [
    (Extension::PosixRename, "posix-rename@openssh.com", b"1"),
    (Extension::Statvfs, "statvfs@openssh.com", b"2"),
    (Extension::Hardlink, "hardlink@openssh.com", b"1"),
    (Extension::Fsync, "fsync@openssh.com", b"1"),
    (Extension::Lsetstat, "lsetstat@openssh.com", b"1"),
    (Extension::Limits, "limits@openssh.com", b"1"),
    (Extension::ExpandPath, "expand-path@openssh.com", b"1"),
    (Extension::CopyData, "copy-data", b"1"),
    (Extension::UsersGroupsById, "users-groups-by-id@openssh.com", b"1"),
    (Extension::HomeDirectory, "home-directory", b"1"),
    (Extension::CheckFile, "check-file-handle", b""),
    (Extension::Md5Hash, "md5-hash-handle", b""),
];

/// The names under which servers offer to hash files. The drafts don't give them versions. Some servers list only the
/// name of the pair of requests, others only the request that takes a path.
const HASHING: [(&[u8], Extension); 5] = [
    (b"check-file", Extension::CheckFile),
    (b"check-file-handle", Extension::CheckFile),
    (b"check-file-name", Extension::CheckFile),
    (b"md5-hash", Extension::Md5Hash),
    (b"md5-hash-handle", Extension::Md5Hash),
];

impl Extension {
    /// Returns all extensions that we use.
    pub fn all() -> impl Iterator<Item = Extension> {
        KNOWN.iter().map(|&(extension, ..)| extension)
    }

    /// Returns the name that goes over the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        KNOWN.iter().find(|(extension, ..)| *extension == self).map_or("", |(_, name, _)| name)
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The known extensions that a server offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    known: u16,
    /// True if the server also speaks later protocol versions, which include the hash extensions.
    speaks_later_versions: bool,
}

impl Extensions {
    /// Returns whether the server offers the extension in the version that we speak.
    #[must_use]
    pub fn offers(self, extension: Extension) -> bool {
        self.known & extension.bit() != 0
    }

    /// Returns whether this set identifies OpenSSH's own server. Other servers that imitate it lack
    /// `expand-path@openssh.com`.
    #[must_use]
    pub fn are_of_openssh(self) -> bool {
        self.offers(Extension::ExpandPath) && self.offers(Extension::Limits)
    }

    /// Returns the extension with which to ask the server for a hash of a file, or `None` if it has none.
    ///
    /// A server that also speaks later protocol versions may know `check-file` without listing it: ProFTPD lists it
    /// only for clients of version 6, but serves it to all. A server that doesn't know a request must say so
    /// (draft-ietf-secsh-filexfer-02, section 8).
    #[must_use]
    pub fn hashing(self) -> Option<Extension> {
        match (self.offers(Extension::CheckFile), self.offers(Extension::Md5Hash)) {
            (true, _) => Some(Extension::CheckFile),
            (false, true) => Some(Extension::Md5Hash),
            (false, false) => self.speaks_later_versions.then_some(Extension::CheckFile),
        }
    }

    /// Reads the pairs at the end of a VERSION packet. Unknown names and other versions count as absent.
    pub(super) fn decode(packet: &mut Reader) -> Result<Extensions, Violation> {
        let mut offered = Extensions::default();
        while packet.remaining() > 0 {
            let (name, version) = (packet.string()?, packet.string()?);
            match &name[..] {
                // A damaged list counts as a shorter one, because these extensions are optional.
                b"supported" => offered.take_list(version.clone(), SUPPORTED_BYTES).unwrap_or_default(),
                b"supported2" => offered.take_list(version.clone(), SUPPORTED2_BYTES).unwrap_or_default(),
                b"versions" => offered.speaks_later_versions = true,
                _ => {}
            }
            let known = KNOWN.iter().find(|(_, known, spoken)| known.as_bytes() == name && *spoken == &version[..]);
            if let Some((extension, ..)) = known {
                offered.known |= extension.bit();
            }
            offered.take_hashing(&name);
        }
        Ok(offered)
    }

    fn take_hashing(&mut self, name: &[u8]) {
        if let Some((_, extension)) = HASHING.iter().find(|(known, _)| *known == name) {
            self.known |= extension.bit();
        }
    }

    /// Reads the names of extensions in a "supported" or "supported2" list of later protocol versions. They come
    /// after `before` bytes of masks; in "supported2", a list of attributes and a count come before them too.
    fn take_list(&mut self, list: Bytes, before: usize) -> Result<(), Violation> {
        let mut list = Reader::new(list);
        for _ in 0..before {
            list.byte()?;
        }
        if before == SUPPORTED2_BYTES {
            for _ in 0..list.count(4)? {
                list.string()?;
            }
            list.uint32()?;
        }
        while list.remaining() > 0 {
            self.take_hashing(&list.string()?);
        }
        Ok(())
    }
}

/// Five masks and limits come before the names (draft-ietf-secsh-filexfer-05, section 4.5).
const SUPPORTED_BYTES: usize = 5 * 4;

/// Like [`SUPPORTED_BYTES`], with two short masks in addition (draft-ietf-secsh-filexfer-13, section 5.4).
const SUPPORTED2_BYTES: usize = 5 * 4 + 2 * 2;

/// A server's limits (`limits@openssh.com`). The default holds for servers that don't report theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest READ, in bytes.
    pub read_bytes: u32,
    /// Longest WRITE, in bytes.
    pub write_bytes: u32,
    /// The number of handles that may be open at once, if the server has a limit.
    pub open_handles: Option<u64>,
}

/// Shortest READ and WRITE limit that we believe a server means.
const LEAST_REQUEST_BYTES: u64 = 64;

/// Longest READ and WRITE that we use: a packet of 256 KiB, minus room for the fields around the data.
const LARGEST_REQUEST_BYTES: u64 = 255 * 1024;

impl Default for Limits {
    /// Every server accepts packets of 34,000 bytes (draft-ietf-secsh-filexfer-02, section 3).
    fn default() -> Limits {
        Limits { read_bytes: 32 * 1024, write_bytes: 32 * 1024, open_handles: None }
    }
}

impl Limits {
    /// Decodes the longest packet, READ and WRITE, and the number of handles. 0 means "no limit" (OpenSSH PROTOCOL,
    /// 4.8).
    pub(super) fn decode(packet: &mut Reader) -> Result<Limits, Violation> {
        let longest_packet = packet.uint64()?;
        let read = packet.uint64()?;
        let write = packet.uint64()?;
        let handles = packet.uint64()?;
        let request = |limit: u64, default: u32| match limit {
            0 => default,
            // The clamp makes it fit.
            limit => u32::try_from(limit.clamp(LEAST_REQUEST_BYTES, LARGEST_REQUEST_BYTES)).unwrap_or(default),
        };
        let default = Limits::default();
        let write = match longest_packet {
            0 => write,
            longest_packet => write.min(longest_packet.saturating_sub(1024)),
        };
        Ok(Limits {
            read_bytes: request(read, default.read_bytes),
            write_bytes: request(write, default.write_bytes),
            open_handles: (handles > 0).then_some(handles),
        })
    }
}

/// A file system as `statvfs@openssh.com` describes it (OpenSSH PROTOCOL, 4.4): the fields of statvfs(3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of statvfs(3), which documents them")]
pub struct Statvfs {
    pub block_size: u64,
    pub fragment_size: u64,
    pub blocks: u64,
    pub free_blocks: u64,
    pub available_blocks: u64,
    pub files: u64,
    pub free_files: u64,
    pub available_files: u64,
    pub file_system_id: u64,
    pub flags: u64,
    pub longest_name: u64,
}

impl Statvfs {
    pub(super) fn decode(packet: &mut Reader) -> Result<Statvfs, Violation> {
        Ok(Statvfs {
            block_size: packet.uint64()?,
            fragment_size: packet.uint64()?,
            blocks: packet.uint64()?,
            free_blocks: packet.uint64()?,
            available_blocks: packet.uint64()?,
            files: packet.uint64()?,
            free_files: packet.uint64()?,
            available_files: packet.uint64()?,
            file_system_id: packet.uint64()?,
            flags: packet.uint64()?,
            longest_name: packet.uint64()?,
        })
    }

    /// Returns whether the file system can't store files because the kernel generates its contents, like /proc and
    /// /sys.
    ///
    /// Linux reports no blocks and no files for such a file system, and a page as its block size. A FUSE program that
    /// reports nothing leaves zeros as well, but a smaller block size.
    #[must_use]
    pub fn stores_nothing(&self) -> bool {
        self.blocks == 0 && self.files == 0 && self.block_size >= 4096
    }
}

/// Names of users and groups, in the order of the requested ids. A name is empty if the server doesn't know the id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Names of the users.
    pub users: Vec<Bytes>,
    /// Names of the groups.
    pub groups: Vec<Bytes>,
}

impl Names {
    pub(super) fn decode(packet: &mut Reader, users: usize, groups: usize) -> Result<Names, Violation> {
        Ok(Names { users: strings(packet.string()?, users)?, groups: strings(packet.string()?, groups)? })
    }
}

/// Longest name of a user or group in bytes. POSIX systems allow at most 256; a longer name counts as unknown.
const LONGEST_OWNER: usize = 256;

fn strings(list: Bytes, asked: usize) -> Result<Vec<Bytes>, Violation> {
    let mut list = Reader::new(list);
    let mut strings = Vec::new();
    while list.remaining() > 0 {
        let name = list.copied_string(LONGEST_OWNER + 1)?;
        strings.push(if name.len() > LONGEST_OWNER { Bytes::new() } else { Bytes::from(name) });
    }
    match strings.len() == asked {
        true => Ok(strings),
        false => Err(Violation::new(format!("{} names for {asked} ids", strings.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sftp::wire::Writer;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_in_a_version_packet_make_us_panic(
            name in prop_oneof![Just("supported"), Just("supported2"), Just("versions"), Just("check-file")],
            data in proptest::collection::vec(any::<u8>(), 0..80),
            rest in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let decoded = Extensions::decode(&mut fields(|packet| {
                packet.string(name.as_bytes());
                packet.string(&data);
                rest.iter().for_each(|&byte| packet.byte(byte));
            }));
            // An odd entry in a list is no violation; only a malformed pair is.
            prop_assert!(decoded.is_ok() || !rest.is_empty());
        }
    }

    fn fields(write: impl FnOnce(&mut Writer<'_>)) -> Reader {
        let mut out = Vec::new();
        Writer::packet(&mut out, write);
        Reader::new(Bytes::from(out.split_off(4)))
    }

    #[test]
    fn only_known_names_in_the_version_we_speak_count_as_offered() {
        let offered = Extensions::decode(&mut fields(|packet| {
            for (name, version) in [
                ("posix-rename@openssh.com", "1"),
                ("statvfs@openssh.com", "1"),
                ("vendor@example.com", "9"),
                ("copy-data", "1"),
            ] {
                packet.string(name.as_bytes());
                packet.string(version.as_bytes());
            }
        }))
        .unwrap();
        assert!(Extension::all().eq(KNOWN.map(|(extension, ..)| extension)));
        for (extension, ..) in KNOWN {
            let expected = matches!(extension, Extension::PosixRename | Extension::CopyData);
            assert_eq!(offered.offers(extension), expected, "{extension}");
        }
        assert!(Extensions::decode(&mut fields(|packet| packet.string(b"name without a version"))).is_err());
    }

    #[test]
    fn a_server_is_asked_for_hashes_that_it_lists_wherever_or_may_have_without_a_word() {
        let packed = |write: &dyn Fn(&mut Writer<'_>)| {
            let mut out = Vec::new();
            Writer::packet(&mut out, |packet| write(packet));
            out.split_off(4)
        };
        let supported = packed(&|list| {
            (0..5).for_each(|_| list.uint32(0));
            list.string(b"other");
            list.string(b"check-file-handle");
        });
        let supported2 = packed(&|list| {
            (0..6).for_each(|_| list.uint32(0));
            list.uint32(1);
            list.string(b"check-file");
            list.uint32(2);
            list.string(b"copy-file");
            list.string(b"md5-hash-handle");
        });
        let (check_file, md5) = (Some(Extension::CheckFile), Some(Extension::Md5Hash));
        for (name, data, expected) in [
            ("check-file", &b""[..], check_file),
            ("check-file-name", b"anything", check_file),
            ("md5-hash", b"", md5),
            ("versions", b"2,3,4,5,6", check_file),
            ("supported", &supported, check_file),
            ("supported2", &supported2, md5),
            ("supported", b"cut short", None),
            // A count that would take all memory, and a list that never ends.
            ("supported2", &[0xff; 28], None),
            ("posix-rename@openssh.com", b"1", None),
        ] {
            let offered = Extensions::decode(&mut fields(|packet| {
                packet.string(name.as_bytes());
                packet.string(data);
            }));
            assert_eq!(offered.unwrap().hashing(), expected, "{name}");
        }
    }

    #[test]
    fn limits_are_clamped_to_what_a_packet_holds() {
        for (given, read, write, handles) in [
            ([262_144, 261_120, 261_120, 1019], 261_120, 261_120, Some(1019)),
            ([0, 0, 0, 0], 32_768, 32_768, None),
            ([u64::MAX, u64::MAX, u64::MAX, u64::MAX], 261_120, 261_120, Some(u64::MAX)),
            ([34_000, 1, 40_000, 5], 64, 32_976, Some(5)),
        ] {
            let limits =
                Limits::decode(&mut fields(|packet| given.iter().for_each(|&limit| packet.uint64(limit)))).unwrap();
            assert_eq!(limits, Limits { read_bytes: read, write_bytes: write, open_handles: handles }, "{given:?}");
        }
    }

    #[test]
    fn a_name_is_there_for_each_id_or_the_reply_is_a_violation() {
        let reply = |users: usize| {
            let mut reader = fields(|packet| {
                packet.nested(|list| {
                    list.string(b"root");
                    list.string(b"");
                });
                packet.nested(|_| ());
            });
            Names::decode(&mut reader, users, 0)
        };
        assert_eq!(reply(2).unwrap().users, ["root", ""]);
        assert!(reply(1).is_err());
    }

    #[test]
    fn only_what_has_neither_blocks_nor_files_nor_odd_blocks_stores_nothing() {
        let sysfs = Statvfs { block_size: 4096, ..Statvfs::default() };
        assert!(sysfs.stores_nothing());
        // A disk, a full disk, and FUSE programs that report nothing.
        for system in [
            Statvfs { blocks: 9, files: 9, ..sysfs },
            Statvfs { blocks: 9, ..sysfs },
            Statvfs { files: 9, ..sysfs },
            Statvfs { block_size: 512, ..sysfs },
            Statvfs::default(),
        ] {
            assert!(!system.stores_nothing(), "{system:?}");
        }
    }
}
