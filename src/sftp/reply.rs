//! Replies: which kind a request expects, and the checked contents.

use std::sync::Arc;

use bytes::Bytes;

use crate::budget::Share;
use crate::name::{ByteStrings, LONGEST_NAME};
use crate::sftp::attributes::Attributes;
use crate::sftp::error::{Status, StatusCode};
use crate::sftp::extensions::{Limits, Names, Statvfs};
use crate::sftp::file_hash::FileHash;
use crate::sftp::handle::Handle;
use crate::sftp::packed_attributes::PackedAttributes;
use crate::sftp::shared::Shared;
use crate::sftp::wire::{Reader, Violation};

/// Packet types of replies (draft-ietf-secsh-filexfer-02, section 3).
pub(super) mod kind {
    pub(super) const STATUS: u8 = 101;
    pub(super) const HANDLE: u8 = 102;
    pub(super) const DATA: u8 = 103;
    pub(in super::super) const NAME: u8 = 104;
    pub(super) const ATTRS: u8 = 105;
    pub(super) const EXTENDED_REPLY: u8 = 201;
}

/// A checked reply.
#[derive(Debug)]
pub enum Reply {
    /// STATUS "OK": the request succeeded.
    Done,
    /// HANDLE: an open file or directory.
    Handle(Handle),
    /// DATA: the bytes of a READ; never empty, never more than requested.
    Data(Bytes),
    /// NAME in answer to a READDIR.
    Names(NamePacket),
    /// NAME in answer to a REALPATH, READLINK or similar: exactly one path, not empty, not vetted.
    Path(Bytes),
    /// ATTRS.
    Attributes(Attributes),
    /// Reply to `limits@openssh.com`.
    Limits(Limits),
    /// Reply to `statvfs@openssh.com`.
    Statvfs(Statvfs),
    /// Reply to `users-groups-by-id@openssh.com`.
    OwnerNames(Names),
    /// Reply to `check-file-handle` or `md5-hash-handle`; `None` if it holds no hash in a form that we requested.
    FileHash(Option<FileHash>),
}

/// The entries of one NAME packet, in the server's order. They are copies, so they keep no other part of the packet in
/// memory.
#[derive(Debug)]
pub struct NamePacket {
    names: ByteStrings,
    /// `None` if the caller doesn't use them.
    longnames: Option<ByteStrings>,
    attributes: Vec<PackedAttributes>,
    /// The length of the packet in bytes, including the parts that were dropped.
    pub bytes: u64,
    /// Their share of the session's budget, held until the caller takes the entries.
    _waiting: Share,
}

/// One directory entry as the server sent it. The name is not vetted: it may be `..` or hold a slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameEntry<'a> {
    /// The entry's name. A name longer than [`LONGEST_NAME`] is cut, but stays longer than that so that vetting
    /// rejects it.
    pub name: &'a [u8],
    /// The columns of the long name, a line for people in the style of `ls -l`: mode, links, owner, group and size, with
    /// one blank between them. Fewer if the server writes another format. `None` if the caller doesn't use them.
    pub longname: Option<&'a [u8]>,
    /// The entry's attributes, without following a link. The size may be absurd.
    pub attributes: Attributes,
}

impl NamePacket {
    /// Returns the entries.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = NameEntry<'_>> {
        self.attributes.iter().enumerate().map(|(index, attributes)| NameEntry {
            name: self.names.get(index),
            longname: self.longnames.as_ref().map(|longnames| longnames.get(index)),
            attributes: attributes.unpack(),
        })
    }
}

/// The kind of reply that a request expects. Any other kind except STATUS ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expects {
    /// [`Reply::Done`].
    Done,
    /// [`Reply::Handle`].
    Handle,
    /// [`Reply::Data`] with a limited length.
    Data {
        /// The number of bytes that the READ requested.
        at_most: u32,
    },
    /// [`Reply::Names`].
    Names {
        /// True if the caller uses the long names.
        longnames: bool,
    },
    /// [`Reply::Path`].
    Path,
    /// [`Reply::Attributes`].
    Attributes,
    /// [`Reply::Limits`].
    Limits,
    /// [`Reply::Statvfs`].
    Statvfs,
    /// [`Reply::OwnerNames`] with one name for each id.
    OwnerNames {
        /// The number of requested user ids.
        users: usize,
        /// The number of requested group ids.
        groups: usize,
    },
    /// [`Reply::FileHash`] in answer to `check-file-handle`.
    CheckedFile,
    /// [`Reply::FileHash`] in answer to `md5-hash-handle`.
    Md5,
}

/// Longest handle that a server may send (draft-ietf-secsh-filexfer-02, section 6.2).
const MAX_HANDLE_BYTES: usize = 256;

/// Fewest bytes of an entry in a NAME: two lengths and the flags of the attributes.
const LEAST_NAME_BYTES: usize = 12;

/// How much of a long name is read: more than any server writes before the file name in it.
const LONGNAME_BYTES: usize = 1024;

/// How many columns of a long name are kept. The columns after the size, time and name, are not needed.
const LONGNAME_COLUMNS: usize = 5;

/// How much of a status text is kept.
const STATUS_TEXT_BYTES: usize = 4096;

/// Bytes of a packet before the fields of its type: length, type and id.
const HEAD_BYTES: u64 = 9;

impl Expects {
    /// Decodes the part of a reply that follows the id. A STATUS other than success is an ordinary answer to any
    /// request.
    pub(super) fn decode(
        self,
        packet_type: u8,
        packet: &mut Reader,
        shared: &Arc<Shared>,
    ) -> Result<Result<Reply, Status>, Violation> {
        let reply = match (self, packet_type) {
            (_, kind::STATUS) => return self.status(packet),
            (Expects::Handle, kind::HANDLE) => Reply::Handle(Handle::new(handle(packet)?, shared)),
            (Expects::Data { at_most }, kind::DATA) => Reply::Data(data(packet, at_most)?),
            (Expects::Names { longnames }, kind::NAME) => Reply::Names(names(packet, longnames, shared)?),
            (Expects::Path, kind::NAME) => Reply::Path(path(packet)?),
            (Expects::Attributes, kind::ATTRS) => Reply::Attributes(attributes(packet)?),
            (Expects::Limits, kind::EXTENDED_REPLY) => Reply::Limits(Limits::decode(packet)?),
            (Expects::Statvfs, kind::EXTENDED_REPLY) => Reply::Statvfs(Statvfs::decode(packet)?),
            (Expects::OwnerNames { users, groups }, kind::EXTENDED_REPLY) => {
                Reply::OwnerNames(Names::decode(packet, users, groups)?)
            }
            (Expects::CheckedFile, kind::EXTENDED_REPLY) => Reply::FileHash(FileHash::decode(packet)),
            (Expects::Md5, kind::EXTENDED_REPLY) => Reply::FileHash(FileHash::decode_md5(packet)),
            _ => return Err(Violation::new(format!("a reply of type {packet_type} where {self:?} was expected"))),
        };
        Ok(Ok(reply))
    }

    fn status(self, packet: &mut Reader) -> Result<Result<Reply, Status>, Violation> {
        let code = StatusCode(packet.uint32()?);
        match (code, self) {
            (StatusCode::OK, Expects::Done) => Ok(Ok(Reply::Done)),
            // Some servers answer this if the handle was not opened for the requested operation.
            (StatusCode::OK, _) => Err(Violation::nonsense("success without the requested data")),
            // Servers of versions before 3 send no text.
            _ if packet.remaining() == 0 => Ok(Err(Status { code, text: Bytes::new(), beside: 0 })),
            _ => Ok(Err(Status { code, text: packet.copied_string(STATUS_TEXT_BYTES)?.into(), beside: 0 })),
        }
    }
}

fn handle(packet: &mut Reader) -> Result<Bytes, Violation> {
    let handle = packet.string()?;
    match handle.len() {
        1..=MAX_HANDLE_BYTES => Ok(Bytes::copy_from_slice(&handle)),
        length => Err(Violation::new(format!("a handle of {length} bytes"))),
    }
}

/// Returns the data of a DATA packet: a slice of the packet, unless the slice would keep more other bytes in memory
/// than data.
fn data(packet: &mut Reader, at_most: u32) -> Result<Bytes, Violation> {
    let data = packet.string()?;
    match u32::try_from(data.len()) {
        Ok(0) => Err(Violation::new("an answer to a read without data")),
        Ok(length) if length <= at_most && packet.remaining() > data.len() => Ok(Bytes::copy_from_slice(&data)),
        Ok(length) if length <= at_most => Ok(data),
        _ => Err(Violation::new(format!("{} bytes instead of at most {at_most}", data.len()))),
    }
}

fn attributes(packet: &mut Reader) -> Result<Attributes, Violation> {
    let attributes = Attributes::decode(packet)?;
    match attributes.absurd_size() {
        Some(size) => Err(Violation::nonsense(format!("a file of {size} bytes"))),
        None => Ok(attributes),
    }
}

fn names(packet: &mut Reader, longnames: bool, shared: &Shared) -> Result<NamePacket, Violation> {
    let bytes = packet.remaining() as u64 + HEAD_BYTES;
    let count = packet.count(LEAST_NAME_BYTES)?;
    let mut names = ByteStrings::with_capacity(count);
    let mut kept_longnames = longnames.then(|| ByteStrings::with_capacity(count));
    let mut attributes = Vec::with_capacity(count);
    for _ in 0..count {
        let mut name = packet.string()?;
        name.truncate(LONGEST_NAME + 1);
        names.push(&name);
        let mut longname = packet.string()?;
        longname.truncate(LONGNAME_BYTES);
        if let Some(longnames) = &mut kept_longnames {
            longnames.push(&columns(&longname));
        }
        attributes.push(PackedAttributes::from(Attributes::decode(packet)?));
    }
    let kept = names.bytes() + kept_longnames.as_ref().map_or(0, ByteStrings::bytes) + size_of_val(&attributes[..]);
    let waiting = shared.waiting_names().share(kept as u64);
    let waiting = waiting.map_err(|exceeded| Violation::new(format!("{exceeded} of names waiting to be processed")))?;
    Ok(NamePacket { names, longnames: kept_longnames, attributes, bytes, _waiting: waiting })
}

fn columns(longname: &[u8]) -> Vec<u8> {
    let words = longname.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    words.take(LONGNAME_COLUMNS).collect::<Vec<_>>().join(&b' ')
}

fn path(packet: &mut Reader) -> Result<Bytes, Violation> {
    let count = packet.uint32()?;
    if count != 1 {
        return Err(Violation::new(format!("{count} paths instead of one")));
    }
    // Some servers leave out the attributes that follow the name. They aren't needed here.
    let path = packet.string()?;
    match &path[..] {
        [] => Err(Violation::new("an empty path")),
        bytes if bytes.contains(&0) => Err(Violation::new("a path with a NUL byte")),
        _ => Ok(Bytes::copy_from_slice(&path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sftp::manners::Manners;
    use crate::sftp::waker::Waker;
    use crate::sftp::wire::Writer;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn shared() -> Arc<Shared> {
        Arc::new(Shared::new(Arc::new(Waker::new().unwrap()), Manners::default()))
    }

    fn decode(expects: Expects, packet_type: u8, bytes: Vec<u8>) -> Result<Result<Reply, Status>, Violation> {
        expects.decode(packet_type, &mut Reader::new(Bytes::from(bytes)), &shared())
    }

    fn fields(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        Writer::packet(&mut out, write);
        out.split_off(4)
    }

    fn all() -> [Expects; 11] {
        [
            Expects::Done,
            Expects::Handle,
            Expects::Data { at_most: 10 },
            Expects::Names { longnames: true },
            Expects::Path,
            Expects::Attributes,
            Expects::Limits,
            Expects::Statvfs,
            Expects::OwnerNames { users: 1, groups: 1 },
            Expects::CheckedFile,
            Expects::Md5,
        ]
    }

    proptest! {
        #[test]
        fn names_come_back_as_they_went(names in vec((vec(any::<u8>(), 0..40), vec(any::<u8>(), 0..40), any::<u32>()), 0..20)) {
            let bytes = fields(|packet| {
                packet.uint32(u32::try_from(names.len()).unwrap());
                for (name, longname, permissions) in &names {
                    packet.string(name);
                    packet.string(longname);
                    Attributes::with_permissions(*permissions).encode(packet);
                }
            });
            let Ok(Ok(Reply::Names(decoded))) = decode(Expects::Names { longnames: true }, kind::NAME, bytes) else { panic!("no names") };
            let decoded: Vec<_> =
                decoded.entries().map(|entry| (entry.name.to_vec(), entry.longname.unwrap().to_vec(), entry.attributes.permissions.unwrap())).collect();
            let columns = |(name, longname, permissions): (Vec<u8>, Vec<u8>, u32)| (name, columns(&longname), permissions);
            prop_assert_eq!(decoded, names.into_iter().map(columns).collect::<Vec<_>>());
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(packet_type in prop_oneof![101_u8..=105, Just(201_u8), any::<u8>()], bytes in vec(any::<u8>(), 0..80)) {
            for expects in all() {
                let _ = decode(expects, packet_type, bytes.clone());
            }
        }
    }

    #[test]
    fn of_a_long_name_its_first_five_columns_are_kept() {
        for (longname, kept) in [
            ("-rw-r--r--    1 root     users           5 Nov 24 05:59 a b", "-rw-r--r-- 1 root users 5"),
            ("  a.txt ", "a.txt"),
            ("  ", ""),
        ] {
            assert_eq!(columns(longname.as_bytes()), kept.as_bytes(), "{longname:?}");
        }
    }

    #[test]
    fn a_status_may_lack_its_text_and_any_request_may_be_refused() {
        for expects in all() {
            assert!(
                matches!(decode(expects, kind::STATUS, vec![0, 0, 0, 3]), Ok(Err(status)) if status.text.is_empty())
            );
            let spoken = fields(|packet| {
                packet.uint32(4);
                packet.string(b"gone");
                packet.string(b"en");
            });
            assert!(matches!(decode(expects, kind::STATUS, spoken), Ok(Err(status)) if status.text == "gone"));
            let done = decode(expects, kind::STATUS, vec![0; 4]);
            assert_eq!(done.is_ok(), expects == Expects::Done, "{expects:?}");
        }
    }

    #[test]
    fn handles_data_and_paths_are_bounded() {
        let string = |length: usize| fields(|packet| packet.string(&vec![b'x'; length]));
        for (length, fits) in [(0, false), (1, true), (256, true), (257, false)] {
            assert_eq!(decode(Expects::Handle, kind::HANDLE, string(length)).is_ok(), fits, "a handle of {length}");
        }
        for (length, fits) in [(0, false), (1, true), (10, true), (11, false)] {
            let data = decode(Expects::Data { at_most: 10 }, kind::DATA, string(length));
            assert_eq!(data.is_ok(), fits, "{length} bytes of data");
        }
        let path = |count: u32, path: &[u8]| {
            decode(
                Expects::Path,
                kind::NAME,
                fields(|packet| {
                    packet.uint32(count);
                    packet.string(path);
                }),
            )
        };
        assert!(matches!(path(1, b"/srv"), Ok(Ok(Reply::Path(path))) if path == "/srv"));
        for (count, text) in [(0, &b"/srv"[..]), (2, b"/srv"), (1, b""), (1, b"a\0b")] {
            assert!(path(count, text).is_err(), "{count} {text:?}");
        }
    }

    #[test]
    fn a_reply_of_another_type_is_a_violation() {
        let attributes = fields(|packet| Attributes::default().encode(packet));
        for expects in all() {
            let decoded = decode(expects, kind::ATTRS, attributes.clone());
            assert_eq!(decoded.is_ok(), expects == Expects::Attributes, "{expects:?}");
        }
    }

    #[test]
    fn openssh_s_replies_are_read_where_they_are_expected() {
        let numbers = |count: u64| fields(|packet| (1..=count).for_each(|number| packet.uint64(number)));
        let read = |expects, bytes| decode(expects, kind::EXTENDED_REPLY, bytes);
        assert!(
            matches!(read(Expects::Limits, numbers(4)), Ok(Ok(Reply::Limits(limits))) if limits.open_handles == Some(4))
        );
        let statvfs = Statvfs {
            block_size: 1,
            fragment_size: 2,
            blocks: 3,
            free_blocks: 4,
            available_blocks: 5,
            files: 6,
            free_files: 7,
            available_files: 8,
            file_system_id: 9,
            flags: 10,
            longest_name: 11,
        };
        assert!(matches!(read(Expects::Statvfs, numbers(11)), Ok(Ok(Reply::Statvfs(found))) if found == statvfs));
        assert!(read(Expects::Statvfs, numbers(10)).is_err());
        let names = fields(|packet| {
            packet.nested(|list| list.string(b"root"));
            packet.nested(|list| list.string(b"wheel"));
        });
        let owners = read(Expects::OwnerNames { users: 1, groups: 1 }, names);
        assert!(
            matches!(owners, Ok(Ok(Reply::OwnerNames(names))) if names.users == ["root"] && names.groups == ["wheel"])
        );
    }
}
