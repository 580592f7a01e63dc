//! The lies. Each is one word, some with a number: `eof-at=40000`.

use super::hashing::Hashing;
use super::honest::{self, Honest, names, version};
use super::listing::Listing;
use super::wire::{self, Attributes, Packet, Request};
use std::collections::BTreeMap;
use std::time::Duration;

/// One lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// `none`: no lie.
    None,
    /// `no-version`: INIT is never answered.
    NoVersion,
    /// `version=N`: another protocol version.
    Version(u32),
    /// `no-extensions`: only the requests of version 3 itself.
    NoExtensions,
    /// `owners`: every id is a user, `uN`, and a group, whose name has blanks: `g N is it`.
    Owners,
    /// `motd`: the user's shell prints a greeting before the protocol begins.
    Motd,
    /// `garbage`: meaningless bytes after VERSION.
    Garbage,
    /// `bad-length=N`: the first reply after VERSION claims this length.
    BadLength(u32),
    /// `wrong-id`: the answer to STAT has an id that no request had.
    WrongId,
    /// `wrong-type`: STAT is answered with a handle.
    WrongType,
    /// `status-ok`: STAT is answered with success but no attributes.
    StatusOk,
    /// `no-attributes`: STAT's attributes are empty.
    NoAttributes,
    /// `size=N`: STAT's size is N.
    Size(u64),
    /// `made-up=N`: like `size=N`, on a file system without storage, whose files are generated when they are read.
    MadeUp(u64),
    /// `odd-status=N`: OPEN fails with a code that version 3 doesn't define.
    OddStatus(u32),
    /// `status-text`: OPEN fails with a text full of escape sequences.
    StatusText,
    /// `long-text=N`: OPEN fails with a text of N bytes.
    LongText(usize),
    /// `long-names`: the long names in listings describe files, modes, sizes and owners that don't exist.
    LongNames,
    /// `long-realpath=N`: REALPATH of a path that ends in `deep` returns N bytes.
    LongRealpath(usize),
    /// `eof-at=N`: READ reports the end of the file at N.
    EofAt(u64),
    /// `cap-reads=N`: READ returns at most N bytes.
    CapReads(u32),
    /// `gap-then-eof=N`: large READs below N return half of the bytes; later ones report the end of the file.
    ShortThenEof(u64),
    /// `bad-byte=N`: the first READ of byte N returns a wrong byte.
    BadByte(u64),
    /// `too-much-data`: READ returns more bytes than requested.
    TooMuchData,
    /// `empty-data`: READ returns no bytes, but not the end of the file.
    EmptyData,
    /// `die-at=N`: the server ends when a READ or WRITE reaches N.
    DieAt(u64),
    /// `stall-at=N`: the server stops answering when a READ or WRITE reaches N.
    StallAt(u64),
    /// `die-after=N`: the server ends after N requests, without answering the last one.
    DieAfter(u64),
    /// `stall-after=N`: the server stops answering after N requests, and prints `stalled` on stderr.
    StallAfter(u64),
    /// `dies-making`: the server ends after creating a file, without answering the OPEN.
    DiesMaking,
    /// `close-stalls`: the server stops answering at the first CLOSE, and prints `stalled` on stderr.
    CloseStalls,
    /// `read-fails-at=N`: READ fails from N on.
    ReadFailsAt(u64),
    /// `enospc-at=N`: WRITE fails from N on, as on a full disk.
    EnospcAt(u64),
    /// `write-fails-at=N`: the WRITE of byte N fails, but later ones don't.
    WriteFailsAt(u64),
    /// `close-fails`: CLOSE of a file fails, as on a full NFS server.
    CloseFails,
    /// `slow-open=MS`: OPEN takes this many milliseconds.
    SlowOpen(u64),
    /// `max-handles=N`: no more than N handles may be open.
    MaxHandles(usize),
    /// `huge-handle`: a handle is longer than the draft allows.
    HugeHandle,
    /// `reorder`: requests that arrive together are answered in reverse order.
    Reorder,
    /// `flood`: unrequested replies follow each reply.
    Flood,
    /// `names`: listings contain names that lead elsewhere.
    Names,
    /// `nul-name`: listings contain a name with a NUL byte.
    NulName,
    /// `escapes`: listings contain names with commands to a terminal.
    Escapes,
    /// `huge-names`: listings contain a name of 5,000 bytes.
    HugeNames,
    /// `twice`: listings contain each name twice.
    Twice,
    /// `many-entries=N`: listings contain N more names.
    ManyEntries(usize),
    /// `endless-listing`: listings never end.
    EndlessListing,
    /// `list-fails`: READDIR fails after its first reply.
    ListFails,
    /// `empty-listing-reply`: READDIR returns no names, forever.
    EmptyListingReply,
    /// `abyss`: each directory contains another one like it.
    Abyss,
    /// `unasked`: listings contain `.bashrc` and `x.sh`, whatever the directory.
    Unasked,
    /// `bad-count`: the count of names in a listing is too large.
    BadCount,
    /// `no-names`: REALPATH returns no name.
    NoNames,
    /// `bad-realpath`: REALPATH returns a path with a line break and a command.
    BadRealpath,
    /// `hash…`: the server computes hashes of files, right or wrong.
    Hash(Hashing),
    /// `meanwhile=N`: another user creates a file `f`, once. 1: in the client's directory, at an OPEN. 2: there, at a
    /// READ. 3: in the server's directory, after the client found that it doesn't exist. 4: like 3, but RENAME
    /// replaces it and there are no extensions.
    Meanwhile(u64),
    /// `copies-less=N`: the server offers `copy-data`, but copies at most N bytes.
    CopiesLess(u64),
    /// `list-…`: listings are longer than their directories, or contain impossible entries.
    Listing(Listing),
    /// `open-ok`, `read-ok`: OPEN or READ is answered with success but no result.
    OpenOk,
    ReadOk,
    /// `absurd-attributes`: STAT's attributes claim more extended pairs than any packet can hold.
    AbsurdAttributes,
    /// `link-then-directory`: each directory is first listed as a link to `/tmp`.
    LinkThenDirectory,
}

/// READs of fewer bytes belong to small files, which `gap-then-eof` leaves alone: its gap is in one large file.
const SHORTENED: u64 = 1000;

impl Lie {
    /// Parses the word of a lie.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let (name, number) = match word.split_once('=') {
            Some((name, number)) => (name, number.parse::<u64>().ok()?),
            None => (word, 0),
        };
        let short = u32::try_from(number).ok();
        Some(match name {
            "none" => Self::None,
            "no-version" => Self::NoVersion,
            "version" => Self::Version(short?),
            "no-extensions" => Self::NoExtensions,
            "owners" => Self::Owners,
            "motd" => Self::Motd,
            "garbage" => Self::Garbage,
            "bad-length" => Self::BadLength(short?),
            "wrong-id" => Self::WrongId,
            "wrong-type" => Self::WrongType,
            "status-ok" => Self::StatusOk,
            "no-attributes" => Self::NoAttributes,
            "size" => Self::Size(number),
            "made-up" => Self::MadeUp(number),
            "odd-status" => Self::OddStatus(short?),
            "status-text" => Self::StatusText,
            "long-text" => Self::LongText(number as usize),
            "long-names" => Self::LongNames,
            "long-realpath" => Self::LongRealpath(number as usize),
            "eof-at" => Self::EofAt(number),
            "cap-reads" => Self::CapReads(short?),
            "gap-then-eof" => Self::ShortThenEof(number),
            "bad-byte" => Self::BadByte(number),
            "too-much-data" => Self::TooMuchData,
            "empty-data" => Self::EmptyData,
            "die-at" => Self::DieAt(number),
            "stall-at" => Self::StallAt(number),
            "die-after" => Self::DieAfter(number),
            "stall-after" => Self::StallAfter(number),
            "dies-making" => Self::DiesMaking,
            "close-stalls" => Self::CloseStalls,
            "read-fails-at" => Self::ReadFailsAt(number),
            "enospc-at" => Self::EnospcAt(number),
            "write-fails-at" => Self::WriteFailsAt(number),
            "close-fails" => Self::CloseFails,
            "slow-open" => Self::SlowOpen(number),
            "max-handles" => Self::MaxHandles(number as usize),
            "huge-handle" => Self::HugeHandle,
            "reorder" => Self::Reorder,
            "flood" => Self::Flood,
            "names" => Self::Names,
            "nul-name" => Self::NulName,
            "escapes" => Self::Escapes,
            "huge-names" => Self::HugeNames,
            "twice" => Self::Twice,
            "many-entries" => Self::ManyEntries(number as usize),
            "endless-listing" => Self::EndlessListing,
            "list-fails" => Self::ListFails,
            "empty-listing-reply" => Self::EmptyListingReply,
            "abyss" => Self::Abyss,
            "unasked" => Self::Unasked,
            "bad-count" => Self::BadCount,
            "no-names" => Self::NoNames,
            "bad-realpath" => Self::BadRealpath,
            "meanwhile" => Self::Meanwhile(number),
            "copies-less" => Self::CopiesLess(number),
            "link-then-directory" => Self::LinkThenDirectory,
            "open-ok" => Self::OpenOk,
            "read-ok" => Self::ReadOk,
            "absurd-attributes" => Self::AbsurdAttributes,
            _ => {
                return Listing::parse(name, number)
                    .map(Self::Listing)
                    .or_else(|| Hashing::parse(name).map(Self::Hash));
            }
        })
    }
}

/// Names that lead elsewhere when they are joined to a path.
const ASTRAY: &[&[u8]] = &[b"../evil", b"/etc/passwd", b"a/b", b"..", b"", b"."];

/// Names with commands to a terminal: its title and clipboard, its line, C1 controls, a right-to-left override.
const ESCAPES: &[&[u8]] = &[
    b"\x1b]0;owned\x07",
    b"\x1b]52;c;b3duZWQ=\x07",
    b"\x1b[2K\rfake",
    b"line\nbreak 100%",
    b"tab\there",
    b"\xc2\x9b31mred",
    b"\x9b31mred",
    "rtl\u{202e}txt.exe".as_bytes(),
    b"\x7fdel",
];

/// A server with its lie.
pub(crate) struct Teller {
    lie: Lie,
    honest: Honest,
    held: Vec<Vec<u8>>,
    /// How many replies each directory handle had.
    listings: BTreeMap<Vec<u8>, usize>,
    begun: bool,
    stalled: bool,
    left: bool,
    was_short: bool,
    came: bool,
    done: u64,
}

impl Teller {
    pub(crate) fn new(lie: Lie) -> Self {
        Self {
            lie,
            honest: Honest::default(),
            held: Vec::new(),
            listings: BTreeMap::new(),
            begun: false,
            stalled: false,
            left: false,
            was_short: false,
            came: false,
            done: 0,
        }
    }

    /// Returns whether the server has ended because of its lie.
    pub(crate) fn has_left(&self) -> bool {
        self.left
    }

    /// Returns the path of a directory's handle.
    pub(crate) fn directory(&self, handle: &[u8]) -> Option<Vec<u8>> {
        self.honest.directory(handle)
    }

    /// Returns the answers that were held back, in reverse order.
    pub(crate) fn let_go(&mut self) -> Vec<u8> {
        self.held.drain(..).rev().flatten().collect()
    }

    /// Returns the bytes to send for a request, which may be none.
    pub(crate) fn answer(&mut self, request: Request) -> Vec<u8> {
        if self.stalled {
            return Vec::new();
        }
        match request.kind {
            wire::INIT => self.begin(request),
            _ => self.go_on(request),
        }
    }

    fn begin(&mut self, request: Request) -> Vec<u8> {
        match self.lie {
            Lie::NoVersion => Vec::new(),
            Lie::Version(number) => version(number, &[]).bytes(),
            Lie::NoExtensions | Lie::Meanwhile(4) => version(3, &[]).bytes(),
            Lie::Owners => version(3, &[("users-groups-by-id@openssh.com", "1")]).bytes(),
            Lie::MadeUp(_) => version(3, &[("statvfs@openssh.com", "2")]).bytes(),
            Lie::Hash(hashing) => version(3, hashing.offer()).bytes(),
            Lie::CopiesLess(_) => version(3, &[("copy-data", "1")]).bytes(),
            Lie::Motd => [b"Welcome to the machine!\n".to_vec(), self.honest.answer(request).bytes()].concat(),
            _ => self.honest.answer(request).bytes(),
        }
    }

    fn go_on(&mut self, request: Request) -> Vec<u8> {
        let first = !std::mem::replace(&mut self.begun, true);
        match self.lie {
            Lie::Garbage => vec![0xab; 64],
            Lie::BadLength(length) if first => length.to_be_bytes().to_vec(),
            Lie::Reorder => {
                let bytes = self.honest.answer(request).bytes();
                self.held.push(bytes);
                Vec::new()
            }
            Lie::Flood => {
                let id = request.id;
                let unasked = Packet::status(id ^ 0x5555_5555, wire::OK, "unasked").bytes().repeat(20);
                [self.honest.answer(request).bytes(), unasked].concat()
            }
            Lie::DieAfter(count) => {
                self.done += 1;
                self.left = self.done >= count;
                let bytes = self.one(request);
                if self.left { Vec::new() } else { bytes }
            }
            Lie::StallAfter(count) => {
                self.stalled = self.done >= count;
                if self.stalled {
                    eprintln!("stalled");
                    return Vec::new();
                }
                self.done += 1;
                self.one(request)
            }
            Lie::DiesMaking if request.kind == wire::OPEN && !honest::path(&request.first_string()).exists() => {
                self.left = true;
                self.one(request);
                Vec::new()
            }
            Lie::Meanwhile(when) => self.meanwhile(request, when),
            Lie::CloseStalls if request.kind == wire::CLOSE => {
                self.stalled = true;
                eprintln!("stalled");
                Vec::new()
            }
            _ => self.one(request),
        }
    }

    fn meanwhile(&mut self, mut request: Request, when: u64) -> Vec<u8> {
        let is_missing = || request.first_string().ends_with(b"/f") && !honest::path(&request.first_string()).exists();
        let place = match (when, request.kind) {
            (1, wire::OPEN) | (2, wire::READ) => "../local/f",
            (3 | 4, wire::STAT | wire::LSTAT) if is_missing() => "f",
            (4, wire::RENAME) => {
                let (old, new) = (request.string(), request.string());
                let is_done = std::fs::rename(honest::path(&old), honest::path(&new)).is_ok();
                return Packet::status(request.id, if is_done { wire::OK } else { wire::FAILURE }, "").bytes();
            }
            _ => return self.one(request),
        };
        let bytes = self.one(request);
        if !std::mem::replace(&mut self.came, true) {
            // Replace the existing file instead of changing it.
            let made = std::fs::write("../made", "theirs").and_then(|()| std::fs::rename("../made", place));
            if let Err(error) = made {
                eprintln!("lying-server: {place}: {error}");
            }
        }
        bytes
    }

    /// Answers one request, if the lie is about one request.
    fn one(&mut self, request: Request) -> Vec<u8> {
        let packet = match request.kind {
            wire::STAT | wire::LSTAT => self.stat(request),
            wire::OPEN => self.open(request),
            wire::OPENDIR if matches!(self.lie, Lie::MaxHandles(_)) => self.open(request),
            wire::CLOSE if self.lie == Lie::CloseFails => {
                let id = request.id;
                self.honest.answer(request);
                Packet::status(id, wire::FAILURE, "No space left on device")
            }
            // Any handle will do, because all directories are alike.
            wire::OPENDIR if self.lie == Lie::Abyss => {
                Packet::new(wire::HANDLE, request.id).string(&request.id.to_be_bytes())
            }
            wire::CLOSE if self.lie == Lie::Abyss => Packet::status(request.id, wire::OK, "Success"),
            wire::READDIR => self.read_directory(request),
            wire::EXTENDED if self.hashes(&request) => return self.hash(request),
            wire::READ if self.lie == Lie::Hash(Hashing::Unreadable) => {
                Packet::status(request.id, wire::FAILURE, "Input/output error")
            }
            wire::EXTENDED if matches!(self.lie, Lie::CopiesLess(_)) => self.copy(request),
            wire::EXTENDED if self.lie == Lie::Owners => owners(request),
            wire::EXTENDED if matches!(self.lie, Lie::MadeUp(_)) => stores_nothing(request.id),
            wire::REALPATH if self.tells_long_path(&request) => names(request.id, &[(self.long_path(), None)]),
            wire::REALPATH if self.lie == Lie::NoNames => names(request.id, &[]),
            wire::REALPATH if self.lie == Lie::BadRealpath => {
                names(request.id, &[(b"/tmp/x\nget /etc/passwd".to_vec(), None)])
            }
            wire::READ | wire::WRITE => return self.data(request),
            _ => self.honest.answer(request),
        };
        packet.bytes()
    }

    fn hashes(&self, request: &Request) -> bool {
        let asked = request.first_string();
        matches!(self.lie, Lie::Hash(_)) && (asked == b"check-file-handle" || asked == b"md5-hash-handle")
    }

    fn hash(&mut self, request: Request) -> Vec<u8> {
        let Lie::Hash(hashing) = self.lie else { return Vec::new() };
        self.stalled = hashing == Hashing::Stalls;
        let id = request.id;
        match hashing.answer(&self.honest, request) {
            _ if self.stalled => Vec::new(),
            Ok(Some(packet)) => packet.bytes(),
            Ok(None) => {
                self.left = true;
                Vec::new()
            }
            Err(error) => Packet::status(id, wire::FAILURE, &error.to_string()).bytes(),
        }
    }

    fn copy(&mut self, mut request: Request) -> Packet {
        let Lie::CopiesLess(most) = self.lie else { return self.honest.answer(request) };
        request.string();
        let source = self.honest.file(&mut request).and_then(std::fs::File::try_clone);
        // The offset and the length.
        request.long();
        request.long();
        let target = self.honest.file(&mut request).and_then(std::fs::File::try_clone);
        let copied = source.and_then(|source| std::io::copy(&mut std::io::Read::take(source, most), &mut target?));
        let code = if copied.is_ok() { wire::OK } else { wire::FAILURE };
        Packet::status(request.id, code, "")
    }

    fn stat(&mut self, mut request: Request) -> Packet {
        let id = request.id;
        match self.lie {
            Lie::WrongId => Packet::new(wire::ATTRS, id.wrapping_add(77)).attributes(Attributes::default()),
            Lie::WrongType => Packet::new(wire::HANDLE, id).string(b"1"),
            Lie::StatusOk => Packet::status(id, wire::OK, "Success"),
            Lie::AbsurdAttributes => Packet::new(wire::ATTRS, id).number(0x8000_0000).number(u32::MAX),
            Lie::NoAttributes => Packet::new(wire::ATTRS, id).attributes(Attributes::default()),
            Lie::Size(size) | Lie::MadeUp(size) => match std::fs::metadata(honest::path(&request.string())) {
                Ok(metadata) if metadata.is_file() => Packet::new(wire::ATTRS, id)
                    .attributes(Attributes { size: Some(size), ..Attributes::of(&metadata) }),
                Ok(metadata) => Packet::new(wire::ATTRS, id).attributes(Attributes::of(&metadata)),
                Err(_) => Packet::status(id, wire::NO_SUCH_FILE, "No such file or directory"),
            },
            // An endless directory: every path below it is a directory.
            Lie::Abyss => Packet::new(wire::ATTRS, id)
                .attributes(Attributes { permissions: Some(0o040_755), ..Attributes::default() }),
            _ => self.honest.answer(request),
        }
    }

    fn open(&mut self, request: Request) -> Packet {
        let id = request.id;
        match self.lie {
            Lie::OddStatus(code) => Packet::status(id, code, "an odd code"),
            Lie::StatusText => Packet::status(id, wire::FAILURE, "no\x1b[31m\r\nfake 100%\u{9b}\u{202e}"),
            Lie::LongText(bytes) => Packet::status(id, wire::FAILURE, &"long ".repeat(bytes / 5)),
            Lie::MaxHandles(limit) if self.honest.handles() >= limit => {
                Packet::status(id, wire::FAILURE, "Too many open files")
            }
            Lie::OpenOk => Packet::status(id, wire::OK, "Success"),
            Lie::HugeHandle => Packet::new(wire::HANDLE, id).string(&[b'h'; 300]),
            Lie::SlowOpen(milliseconds) => {
                std::thread::sleep(Duration::from_millis(milliseconds));
                self.honest.answer(request)
            }
            _ => self.honest.answer(request),
        }
    }

    fn data(&mut self, request: Request) -> Vec<u8> {
        let (offset, end) = request.reach();
        let (id, reads) = (request.id, request.kind == wire::READ);
        let packet = match self.lie {
            Lie::DieAt(byte) if end > byte => {
                self.left = true;
                return Vec::new();
            }
            Lie::StallAt(byte) if end > byte => {
                self.stalled = true;
                return Vec::new();
            }
            Lie::EofAt(byte) if reads && offset >= byte => Packet::status(id, wire::EOF, "End of file"),
            Lie::EofAt(byte) if reads => self.read_at_most(request, byte - offset),
            Lie::ReadFailsAt(byte) if reads && end > byte => Packet::status(id, wire::FAILURE, "Input/output error"),
            Lie::WriteFailsAt(byte) if !reads && offset <= byte && end > byte => {
                Packet::status(id, wire::FAILURE, "Input/output error")
            }
            Lie::EnospcAt(byte) if !reads && end > byte => Packet::status(id, wire::FAILURE, "No space left on device"),
            Lie::CapReads(count) if reads => self.read_at_most(request, count.into()),
            Lie::ShortThenEof(byte) if reads && self.was_short && offset >= byte => {
                self.was_short = false;
                Packet::status(id, wire::EOF, "End of file")
            }
            Lie::ShortThenEof(byte) if reads && offset < byte && end - offset >= SHORTENED => {
                self.was_short = true;
                self.read_at_most(request, (end - offset).div_ceil(2))
            }
            Lie::BadByte(byte) if reads && !self.was_short && (offset..end).contains(&byte) => {
                self.was_short = true;
                let mut packet = self.honest.answer(request).bytes();
                // After the packet's length, type and id, and the data's length.
                let at = 13 + usize::try_from(byte - offset).unwrap_or(usize::MAX);
                packet.get_mut(at).into_iter().for_each(|byte| *byte ^= 0x55);
                return packet;
            }
            Lie::TooMuchData if reads => {
                Packet::new(wire::DATA, id).string(&vec![b'x'; usize::try_from(end - offset).unwrap_or(0) + 1])
            }
            Lie::ReadOk if reads => Packet::status(id, wire::OK, "Success"),
            Lie::EmptyData if reads => Packet::new(wire::DATA, id).string(b""),
            _ => self.honest.answer(request),
        };
        packet.bytes()
    }

    /// Answers a READ honestly, but with fewer bytes than requested.
    fn read_at_most(&mut self, request: Request, count: u64) -> Packet {
        self.honest.answer(request.reading_at_most(count))
    }

    fn read_directory(&mut self, request: Request) -> Packet {
        let id = request.id;
        let before = self.listings.entry(request.first_string()).or_default();
        let told = std::mem::replace(before, *before + 1) * ENTRIES;
        let first = told == 0;
        if let Lie::Listing(listing) = self.lie {
            let packet = listing.answer(id, told / ENTRIES);
            return packet.unwrap_or_else(|| listing.pad(self.honest.answer(request)));
        }
        let more: Vec<honest::Entry> = match self.lie {
            Lie::ListFails if !first => return Packet::status(id, wire::FAILURE, "Input/output error"),
            Lie::EmptyListingReply => return names(id, &[]),
            Lie::BadCount if first => {
                return Packet::new(wire::NAME, id).number(u32::MAX).string(b"one").string(b"one").number(0);
            }
            Lie::EndlessListing => return names(id, &invented(told, ENTRIES)),
            Lie::ManyEntries(count) if told < count => return names(id, &invented(told, ENTRIES.min(count - told))),
            Lie::Names if first => plain(ASTRAY),
            Lie::NulName if first => plain(&[b"nul\0byte"]),
            Lie::Escapes if first => plain(ESCAPES),
            Lie::HugeNames if first => vec![(vec![b'n'; 5000], None)],
            Lie::Unasked if first => plain(&[b".bashrc", b"x.sh"]),
            Lie::LongNames if first => return long_names(id),
            Lie::Twice if first => honest::list(b".").unwrap_or_default(),
            Lie::Abyss if first => vec![(b"deeper".to_vec(), std::fs::metadata(".").ok())],
            Lie::Abyss => return Packet::status(id, wire::EOF, "End of file"),
            Lie::LinkThenDirectory if first => return self.links_then_directories(id),
            _ => return self.honest.answer(request),
        };
        names(id, &more)
    }

    fn tells_long_path(&self, request: &Request) -> bool {
        let path = request.first_string();
        let path = path.strip_suffix(b"/").unwrap_or(&path);
        matches!(self.lie, Lie::LongRealpath(_)) && path.ends_with(b"deep")
    }

    fn long_path(&self) -> Vec<u8> {
        let bytes = if let Lie::LongRealpath(bytes) = self.lie { bytes } else { 1 };
        [b"/".to_vec(), vec![b'd'; bytes - 1]].concat()
    }

    /// Lists each directory of the root twice: as a link that leads out, and as itself.
    fn links_then_directories(&self, id: u32) -> Packet {
        let directories: Vec<_> = honest::list(b".")
            .unwrap_or_default()
            .into_iter()
            .filter(|(name, metadata)| {
                name != b"." && name != b".." && metadata.as_ref().is_some_and(std::fs::Metadata::is_dir)
            })
            .collect();
        let link = Attributes { permissions: Some(0o120_777), size: Some(4), ..Attributes::default() };
        let count = directories.len() as u32 * 2;
        directories.iter().fold(Packet::new(wire::NAME, id).number(count), |packet, (name, metadata)| {
            let attributes = metadata.as_ref().map(Attributes::of).unwrap_or_default();
            let packet = packet.string(name).string(&link.long_name(name, None)).attributes(link);
            packet.string(name).string(&attributes.long_name(name, metadata.as_ref())).attributes(attributes)
        })
    }
}

/// Names with the lines that a lying server has for them. Each is a file of 5 bytes and mode 0600.
const LONG_NAMES: &[(&str, &str)] = &[
    ("honest", "-rw-------    3 ann      staff           5 Jan  1  2024 honest"),
    ("other-name", "-rw-------    1 ann      staff           5 Jan  1  2024 /etc/passwd"),
    ("other-mode", "drwsrwxrwx    1 ann      staff           5 Jan  1  2024 other-mode"),
    ("other-size", "-rw-------    1 ann      staff     7340032 Jan  1  2024 other-size"),
    ("escape", "-rw-------    1 \x1b[2Jann staff           5 Jan  1  2024 escape"),
    ("turned", "-rw-------    1 ann      \u{202e}staff      5 Jan  1  2024 turned"),
    ("two-lines", "-rw-------    1 ann      staff           5 Jan  1  2024 x\n-rw------- 1 ann staff 5 forged"),
    ("windows", "11-24-26  05:59PM                    5 windows"),
    ("blank", "-rw-------    1 CORP\\domain users staff 5 Jan  1  2024 blank"),
    ("none", ""),
];

/// Lists files whose long names lie, and one whose long name is as long as a packet allows.
fn long_names(id: u32) -> Packet {
    let file = Attributes { size: Some(5), owner: Some((7, 8)), permissions: Some(0o100_600), times: Some((0, 0)) };
    let absurd = format!("-rw------- 1 {} staff 5 Jan  1  2024 absurd", "a".repeat(100_000));
    let lines = LONG_NAMES.iter().copied().chain([("absurd", &*absurd)]);
    let count = LONG_NAMES.len() as u32 + 1;
    lines.fold(Packet::new(wire::NAME, id).number(count), |packet, (name, line)| {
        packet.string(name.as_bytes()).string(line.as_bytes()).attributes(file)
    })
}

/// Returns a name for each requested id of a user or group.
fn owners(mut request: Request) -> Packet {
    request.string();
    let mut names = |name: fn(u32) -> String| -> Vec<u8> {
        let ids = request.string();
        let numbers = ids.chunks_exact(4).map(|id| u32::from_be_bytes([id[0], id[1], id[2], id[3]]));
        let fields = numbers.map(name).map(|name| [&(name.len() as u32).to_be_bytes(), name.as_bytes()].concat());
        fields.collect::<Vec<_>>().concat()
    };
    let (users, groups) = (names(|id| format!("u{id}")), names(|id| format!("g {id} is it")));
    Packet::new(wire::EXTENDED_REPLY, request.id).string(&users).string(&groups)
}

/// Describes /sys as Linux does: a block size, and no blocks.
fn stores_nothing(id: u32) -> Packet {
    (0..9).fold(Packet::new(wire::EXTENDED_REPLY, id).long(4096).long(4096), |packet, _| packet.long(0))
}

/// Names in an invented reply to READDIR.
const ENTRIES: usize = 100;

/// Returns `count` entries, numbered from `from`, all with the attributes of an existing file.
fn invented(from: usize, count: usize) -> Vec<honest::Entry> {
    (from..from + count)
        .map(|number| (format!("entry-{number:08}").into_bytes(), std::fs::metadata("/dev/null").ok()))
        .collect()
}

/// Returns entries of regular files that don't exist.
fn plain(entries: &[&[u8]]) -> Vec<honest::Entry> {
    entries.iter().map(|name| (name.to_vec(), std::fs::metadata("/etc/hostname").ok())).collect()
}
