//! Packets as bytes: as much of draft-ietf-secsh-filexfer-02 as a server of version 3 needs.

use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

pub(crate) const INIT: u8 = 1;
pub(crate) const VERSION: u8 = 2;
pub(crate) const OPEN: u8 = 3;
pub(crate) const CLOSE: u8 = 4;
pub(crate) const READ: u8 = 5;
pub(crate) const WRITE: u8 = 6;
pub(crate) const LSTAT: u8 = 7;
pub(crate) const FSTAT: u8 = 8;
pub(crate) const SETSTAT: u8 = 9;
pub(crate) const FSETSTAT: u8 = 10;
pub(crate) const OPENDIR: u8 = 11;
pub(crate) const READDIR: u8 = 12;
pub(crate) const REMOVE: u8 = 13;
pub(crate) const MKDIR: u8 = 14;
pub(crate) const RMDIR: u8 = 15;
pub(crate) const REALPATH: u8 = 16;
pub(crate) const STAT: u8 = 17;
pub(crate) const RENAME: u8 = 18;
pub(crate) const READLINK: u8 = 19;
pub(crate) const SYMLINK: u8 = 20;
pub(crate) const STATUS: u8 = 101;
pub(crate) const HANDLE: u8 = 102;
pub(crate) const DATA: u8 = 103;
pub(crate) const NAME: u8 = 104;
pub(crate) const ATTRS: u8 = 105;
pub(crate) const EXTENDED: u8 = 200;
pub(crate) const EXTENDED_REPLY: u8 = 201;

pub(crate) const OK: u32 = 0;
pub(crate) const EOF: u32 = 1;
pub(crate) const NO_SUCH_FILE: u32 = 2;
pub(crate) const PERMISSION_DENIED: u32 = 3;
pub(crate) const FAILURE: u32 = 4;
pub(crate) const UNSUPPORTED: u32 = 8;

const WITH_SIZE: u32 = 1;
const WITH_OWNER: u32 = 2;
const WITH_PERMISSIONS: u32 = 4;
const WITH_TIMES: u32 = 8;

/// A request from a client.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) kind: u8,
    /// The request id; for INIT, the version.
    pub(crate) id: u32,
    body: Vec<u8>,
    at: usize,
}

impl Request {
    /// Reads one packet. Returns `None` at the end of the input.
    pub(crate) fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let mut length = [0; 4];
        match input.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        input.read_exact(&mut body)?;
        let mut request = Self { kind: 0, id: 0, body, at: 0 };
        request.kind = request.take(1).first().copied().unwrap_or_default();
        request.id = request.number();
        Ok(Some(request))
    }

    fn take(&mut self, count: usize) -> &[u8] {
        let begin = self.at.min(self.body.len());
        self.at = (begin + count).min(self.body.len());
        &self.body[begin..self.at]
    }

    pub(crate) fn number(&mut self) -> u32 {
        self.take(4).iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
    }

    pub(crate) fn long(&mut self) -> u64 {
        u64::from(self.number()) << 32 | u64::from(self.number())
    }

    pub(crate) fn string(&mut self) -> Vec<u8> {
        let count = self.number() as usize;
        self.take(count).to_vec()
    }

    pub(crate) fn attributes(&mut self) -> Attributes {
        let flags = self.number();
        Attributes {
            size: (flags & WITH_SIZE != 0).then(|| self.long()),
            owner: (flags & WITH_OWNER != 0).then(|| (self.number(), self.number())),
            permissions: (flags & WITH_PERMISSIONS != 0).then(|| self.number()),
            times: (flags & WITH_TIMES != 0).then(|| (self.number(), self.number())),
        }
    }

    /// Returns the offsets at which a READ or WRITE begins and ends, without taking them.
    pub(crate) fn reach(&self) -> (u64, u64) {
        let mut copy = self.clone();
        copy.string();
        let offset = copy.long();
        (offset, offset + u64::from(copy.number()))
    }

    /// Returns the next string, a path or a handle, without taking it.
    pub(crate) fn first_string(&self) -> Vec<u8> {
        self.clone().string()
    }

    /// Returns the flags of an OPEN.
    pub(crate) fn open_flags(&self) -> u32 {
        let mut copy = self.clone();
        copy.string();
        copy.number()
    }

    /// Replaces the paths of a request. Returns `None` if `map` has no path for one of them.
    pub(crate) fn with_paths(mut self, mut map: impl FnMut(Vec<u8>) -> Option<Vec<u8>>) -> Option<Self> {
        let begin = self.at;
        let mut paths = match self.kind {
            OPEN | STAT | LSTAT | SETSTAT | OPENDIR | REMOVE | MKDIR | RMDIR | REALPATH | READLINK => 1,
            RENAME => 2,
            EXTENDED => match self.string().as_slice() {
                b"posix-rename@openssh.com" | b"hardlink@openssh.com" => 2,
                _ => 0,
            },
            // The target of a link is not a path to translate.
            SYMLINK => {
                self.string();
                1
            }
            _ => 0,
        };
        let from = self.at;
        let mut mapped = Vec::new();
        while paths > 0 {
            paths -= 1;
            let path = self.string();
            let path = map(path)?;
            mapped.extend((path.len() as u32).to_be_bytes());
            mapped.extend(path);
        }
        let to = self.at;
        self.body.splice(from..to, mapped);
        self.at = begin;
        Some(self)
    }

    /// Returns the READ with its length limited to `count` bytes.
    pub(crate) fn reading_at_most(mut self, count: u64) -> Self {
        let (offset, end) = self.reach();
        let count = u32::try_from(count.min(end - offset)).unwrap_or(u32::MAX);
        let place = self.body.len().saturating_sub(4);
        self.body.splice(place.., count.to_be_bytes());
        self
    }
}

/// The attributes of a file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attributes {
    pub(crate) size: Option<u64>,
    pub(crate) owner: Option<(u32, u32)>,
    pub(crate) permissions: Option<u32>,
    pub(crate) times: Option<(u32, u32)>,
}

impl Attributes {
    pub(crate) fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            size: Some(metadata.size()),
            owner: Some((metadata.uid(), metadata.gid())),
            permissions: Some(metadata.mode()),
            times: Some((metadata.atime() as u32, metadata.mtime() as u32)),
        }
    }

    /// Returns the long name for a listing. Clients print it only if they can't build a better one.
    pub(crate) fn long_name(self, name: &[u8], metadata: Option<&std::fs::Metadata>) -> Vec<u8> {
        let kind = match metadata.map(std::fs::Metadata::file_type) {
            Some(kind) if kind.is_dir() => 'd',
            Some(kind) if kind.is_symlink() => 'l',
            Some(kind) if kind.is_fifo() => 'p',
            _ => '-',
        };
        let size = self.size.unwrap_or_default();
        [format!("{kind}rw-r--r--    1 user     group    {size:>8} Jan  1  2024 ").as_bytes(), name].concat()
    }
}

/// Builds a packet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packet(Vec<u8>);

impl Packet {
    pub(crate) fn new(kind: u8, id: u32) -> Self {
        Self(vec![kind]).number(id)
    }

    pub(crate) fn status(id: u32, code: u32, text: &str) -> Self {
        Self::new(STATUS, id).number(code).string(text.as_bytes()).string(b"")
    }

    pub(crate) fn number(mut self, number: u32) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(crate) fn long(mut self, number: u64) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(crate) fn string(self, bytes: &[u8]) -> Self {
        let mut packet = self.number(bytes.len() as u32);
        packet.0.extend(bytes);
        packet
    }

    /// Appends bytes without a length.
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub(crate) fn attributes(self, attributes: Attributes) -> Self {
        let Attributes { size, owner, permissions, times } = attributes;
        let flag = |there: bool, flag: u32| if there { flag } else { 0 };
        let flags = flag(size.is_some(), WITH_SIZE)
            | flag(owner.is_some(), WITH_OWNER)
            | flag(permissions.is_some(), WITH_PERMISSIONS)
            | flag(times.is_some(), WITH_TIMES);
        let mut packet = self.number(flags);
        if let Some(size) = size {
            packet = packet.long(size);
        }
        if let Some((user, group)) = owner {
            packet = packet.number(user).number(group);
        }
        if let Some(permissions) = permissions {
            packet = packet.number(permissions);
        }
        if let Some((accessed, modified)) = times {
            packet = packet.number(accessed).number(modified);
        }
        packet
    }

    /// Returns the packet with its length.
    pub(crate) fn bytes(self) -> Vec<u8> {
        [&(self.0.len() as u32).to_be_bytes(), self.0.as_slice()].concat()
    }
}
