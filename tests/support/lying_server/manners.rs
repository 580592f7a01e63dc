//! The manners of real servers, which are odd but no lies. `docs/servers.md` says which server has which.
//!
//! Each is one word, some with numbers, and several may be joined: `home=windows+realpath-of-missing`.

use super::honest;
use super::lie::Teller;
use super::wire::{self, Attributes, Packet, Request};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// One difference from OpenSSH's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// `max-files=N,CODE`: with N files open, an OPEN fails with this code.
    MaxFiles { most: usize, code: u32 },
    /// `max-directories=N,CODE`: with N directories open, an OPENDIR fails with this code.
    MaxDirectories { most: usize, code: u32 },
    /// `max-open=N,CODE`: with N files and directories open, both requests fail with this code.
    MaxOpen { most: usize, code: u32 },
    /// `drops=N`: requests that arrive while N others wait are dropped.
    Drops(usize),
    /// `in-order`: a WRITE anywhere but at the end of the file is refused.
    InOrder,
    /// `no-read-write=CODE`: an OPEN for reading and writing is refused.
    NoReadWrite(u32),
    /// `home=FORM`: the form in which the server writes its start directory, and all paths below it.
    Home(&'static str),
    /// `realpath-of-missing`: REALPATH also succeeds for paths that don't exist.
    RealpathOfMissing,
    /// `refuses=TYPE,CODE`: requests of this type are refused with this code.
    Refuses { kind: u8, code: u32 },
    /// `answers-by-name=TYPE`: requests of this type about a file `cN`, or about a file in a directory `cN`, are not
    /// carried out, but answered with code N.
    AnswersByName(u8),
    /// `no-types`: attributes contain permissions without the bits of the type.
    NoTypes,
    /// `one-listing`: READDIR returns all names at once, each with a long name of at least this many bytes.
    OneListing(usize),
    /// `estimates=N`: STAT and listings report N per cent of the true sizes.
    Estimates(u64),
    /// `gone-when-read`: a file is removed when it is closed after it was read.
    GoneWhenRead,
    /// `late-writes`: WRITEs are carried out after all other requests. Only a CLOSE waits for them.
    LateWrites,
    /// `zeros-when-read`: a file opened for writing is not open for reading. A READ of it writes as many zeros as
    /// requested, and is answered with success.
    ZerosWhenRead,
    /// `empties`: every file opened for writing is emptied.
    Empties,
    /// `from-the-beginning`: an existing file can't be continued. A WRITE to a file that was not emptied at its OPEN
    /// is refused, and the file is empty after its CLOSE.
    FromTheBeginning,
    /// `stores-at-close`: a while after a file's CLOSE, the file is removed unless its size matches the bytes written
    /// through the handle.
    StoresAtClose,
    /// `same-handle=N`: with N files open, every further OPEN returns the newest of their handles.
    SameHandle(usize),
    /// `full`: the file system has no room, so WRITE fails.
    Full,
    /// `plain`: the server offers no extensions.
    Plain,
}

/// How long a server takes to store a file after its CLOSE.
const STORING: Duration = Duration::from_millis(300);

/// The forms in which servers write their start directory.
const HOMES: [(&str, &str); 6] = [
    ("windows", "C:/Users/My Name"),
    ("cygwin", "/C:/Users/x"),
    ("share", "\\\\server\\share"),
    ("vms", "SYS$USER:[JOE]"),
    ("mainframe", "//'JOE.FILES"),
    ("relative", "home/joe"),
];

impl Manner {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let mut numbers = value.split(',').map(|number| number.parse::<u32>().ok());
        let mut number = || numbers.next().flatten();
        Some(match name {
            "max-files" => Self::MaxFiles { most: number()? as usize, code: number()? },
            "max-directories" => Self::MaxDirectories { most: number()? as usize, code: number()? },
            "max-open" => Self::MaxOpen { most: number()? as usize, code: number()? },
            "drops" => Self::Drops(number()? as usize),
            "in-order" => Self::InOrder,
            "no-read-write" => Self::NoReadWrite(number()?),
            "home" => Self::Home(HOMES.iter().find(|(form, _)| *form == value)?.1),
            "realpath-of-missing" => Self::RealpathOfMissing,
            "refuses" => Self::Refuses { kind: u8::try_from(number()?).ok()?, code: number()? },
            "answers-by-name" => Self::AnswersByName(u8::try_from(number()?).ok()?),
            "no-types" => Self::NoTypes,
            "one-listing" => Self::OneListing(number()? as usize),
            "estimates" => Self::Estimates(number()?.into()),
            "gone-when-read" => Self::GoneWhenRead,
            "late-writes" => Self::LateWrites,
            "zeros-when-read" => Self::ZerosWhenRead,
            "empties" => Self::Empties,
            "from-the-beginning" => Self::FromTheBeginning,
            "stores-at-close" => Self::StoresAtClose,
            "same-handle" => Self::SameHandle(number()? as usize),
            "full" => Self::Full,
            "plain" => Self::Plain,
            _ => return None,
        })
    }
}

/// A server with its manners.
pub(crate) struct Manners {
    list: Vec<Manner>,
    teller: Teller,
    /// Handles of open files, and how they were opened.
    files: BTreeMap<Vec<u8>, Opened>,
    listed: BTreeSet<Vec<u8>>,
    /// WRITEs that were not carried out yet.
    late: Vec<Request>,
    /// The newest handle.
    newest: Vec<u8>,
    /// Handles of open directories, and their paths.
    directories: BTreeMap<Vec<u8>, Vec<u8>>,
}

struct Opened {
    path: Vec<u8>,
    writes: bool,
    was_read: bool,
    /// The number of bytes written through this handle.
    written: u64,
    /// True if the file was not empty when it was opened.
    continues: bool,
}

impl Manners {
    pub(crate) fn new(list: Vec<Manner>, teller: Teller) -> Self {
        Self {
            list,
            teller,
            files: BTreeMap::new(),
            listed: BTreeSet::new(),
            late: Vec::new(),
            newest: Vec::new(),
            directories: BTreeMap::new(),
        }
    }

    /// Returns the number of waiting requests above which others are dropped.
    pub(crate) fn most_waiting(&self) -> Option<usize> {
        self.list.iter().find_map(|manner| if let Manner::Drops(most) = manner { Some(*most) } else { None })
    }

    /// Returns the answers to postponed requests, when the client has no more.
    pub(crate) fn let_go(&mut self) -> Vec<u8> {
        let late = std::mem::take(&mut self.late).into_iter();
        let mut answers: Vec<u8> = late.flat_map(|request| self.teller.answer(request)).collect();
        answers.extend(self.teller.let_go());
        answers
    }

    pub(crate) fn teller(&mut self) -> &mut Teller {
        &mut self.teller
    }

    /// Returns the bytes to send for a request.
    pub(crate) fn answer(&mut self, request: Request) -> Vec<u8> {
        let (kind, id) = (request.kind, request.id);
        if self.has(&Manner::Plain) && kind == wire::INIT {
            return honest::version(3, &[]).bytes();
        }
        if self.has(&Manner::Full) && kind == wire::INIT {
            return honest::version(3, &[("statvfs@openssh.com", "2")]).bytes();
        }
        let Some(request) = self.at_home(request) else {
            return Packet::status(id, wire::NO_SUCH_FILE, "No such file").bytes();
        };
        if kind != wire::INIT
            && let Some(refusal) = self.refusal(&request)
        {
            return refusal.bytes();
        }
        if self.has(&Manner::LateWrites) && kind == wire::WRITE {
            self.late.push(request);
            return Vec::new();
        }
        let late = if kind == wire::CLOSE { self.let_go() } else { Vec::new() };
        if let Some(refusal) = self.store(&request) {
            self.teller.answer(request);
            return [late, refusal.bytes()].concat();
        }
        let handle = request.first_string();
        let mut bytes = match self.instead(&request) {
            Some(packet) => packet.bytes(),
            None => self.teller.answer(request.clone()),
        };
        let is_mixed_up = |manner: &Manner| matches!(manner, Manner::SameHandle(most) if self.files.len() + self.directories.len() >= *most);
        if bytes.get(4) == Some(&wire::HANDLE) && self.list.iter().any(is_mixed_up) {
            bytes = Packet::new(wire::HANDLE, id).string(&self.newest).bytes();
        }
        let flags = if kind == wire::OPEN { request.open_flags() } else { 0 };
        self.follow(kind, &handle, &bytes, flags);
        [late, bytes].concat()
    }

    fn has(&self, manner: &Manner) -> bool {
        self.list.contains(manner)
    }

    /// Translates the paths of a request from the home's form to real ones, if possible.
    fn at_home(&self, request: Request) -> Option<Request> {
        let home = self.list.iter().find_map(|manner| if let Manner::Home(home) = manner { Some(*home) } else { None });
        let Some(home) = home else { return Some(request) };
        request.with_paths(|path| match path.strip_prefix(home.as_bytes()) {
            Some([]) => Some(b".".to_vec()),
            Some([b'/', rest @ ..]) => Some([b"./", rest].concat()),
            _ if path == b"." => Some(path),
            _ => None,
        })
    }

    fn refusal(&self, request: &Request) -> Option<Packet> {
        let (kind, id) = (request.kind, request.id);
        self.list.iter().find_map(|manner| {
            let code = match *manner {
                Manner::MaxFiles { most, code } if kind == wire::OPEN && self.files.len() >= most => code,
                Manner::MaxDirectories { most, code } if kind == wire::OPENDIR && self.directories.len() >= most => {
                    code
                }
                Manner::MaxOpen { most, code }
                    if matches!(kind, wire::OPEN | wire::OPENDIR)
                        && self.files.len() + self.directories.len() >= most =>
                {
                    code
                }
                Manner::NoReadWrite(code) if kind == wire::OPEN && request.open_flags() & 3 == 3 => code,
                Manner::Refuses { kind: refused, code } if kind == refused => code,
                Manner::AnswersByName(answered) if kind == answered => self.code_in_name(request)?,
                Manner::Full if kind == wire::WRITE => wire::FAILURE,
                Manner::FromTheBeginning if kind == wire::WRITE => {
                    if !self.files.get(&request.first_string())?.continues {
                        return None;
                    }
                    wire::FAILURE
                }
                Manner::InOrder if kind == wire::WRITE => {
                    let path = &self.files.get(&request.first_string())?.path;
                    let length = std::fs::metadata(honest::path(path)).map_or(0, |metadata| metadata.len());
                    if request.reach().0 == length {
                        return None;
                    }
                    wire::FAILURE
                }
                _ => return None,
            };
            Some(Packet::status(id, code, "the server would rather not"))
        })
    }

    /// Returns the code in the name of the file that a request is about, by its path or its handle.
    fn code_in_name(&self, request: &Request) -> Option<u32> {
        let mut request = request.clone();
        let strings = [request.string(), if request.kind == wire::SYMLINK { request.string() } else { Vec::new() }];
        let paths = strings.into_iter().map(|string| {
            let file = self.files.get(&string).map(|file| file.path.clone());
            file.or_else(|| self.directories.get(&string).cloned()).unwrap_or(string)
        });
        let paths: Vec<Vec<u8>> = paths.collect();
        // The name of a temporary file contains the final name.
        let mut words = paths.iter().flat_map(|path| path.split(|byte| b"/.".contains(byte)));
        words.find_map(|word| std::str::from_utf8(word).ok()?.strip_prefix('c')?.parse().ok())
    }

    /// Returns the answer to a request that an honest server would answer differently.
    fn instead(&mut self, request: &Request) -> Option<Packet> {
        let (kind, id, first) = (request.kind, request.id, request.first_string());
        for manner in &self.list {
            match *manner {
                Manner::Home(home) if kind == wire::REALPATH => {
                    let relative = first.strip_prefix(b"./").unwrap_or_default();
                    // As with OpenSSH's server, the last component need not exist.
                    let is_there = |path: Option<&std::path::Path>| path.is_some_and(std::path::Path::exists);
                    let here = honest::path(&first);
                    let is_known =
                        self.has(&Manner::RealpathOfMissing) || is_there(Some(here)) || is_there(here.parent());
                    let slash: &[u8] = if relative.is_empty() { b"" } else { b"/" };
                    let path = [home.as_bytes(), slash, relative].concat();
                    return Some(match is_known {
                        true => honest::names(id, &[(path, None)]),
                        false => Packet::status(id, wire::NO_SUCH_FILE, "No such file"),
                    });
                }
                Manner::RealpathOfMissing if kind == wire::REALPATH && !honest::path(&first).exists() => {
                    return Some(honest::names(id, &[(first, None)]));
                }
                Manner::Empties if kind == wire::OPEN && request.open_flags() & 2 != 0 => {
                    let _ = std::fs::OpenOptions::new().write(true).truncate(true).open(honest::path(&first));
                }
                Manner::ZerosWhenRead if kind == wire::READ => {
                    let file = self.files.get(&first).filter(|file| file.writes)?;
                    let (from, to) = request.reach();
                    let written = std::fs::OpenOptions::new().write(true).open(honest::path(&file.path));
                    written.and_then(|file| file.write_all_at(&vec![0; (to - from) as usize], from)).ok()?;
                    return Some(Packet::status(id, wire::OK, "Success"));
                }
                // 1,000 blocks, none of them free.
                Manner::Full if kind == wire::EXTENDED => {
                    let fields = [4096, 4096, 1000, 0, 0, 100, 50, 50, 1, 0, 255];
                    let reply = Packet::new(wire::EXTENDED_REPLY, id);
                    return Some(fields.into_iter().fold(reply, Packet::long));
                }
                Manner::NoTypes | Manner::Estimates(_) if matches!(kind, wire::STAT | wire::LSTAT) => {
                    let path = honest::path(&first);
                    let metadata = if kind == wire::STAT { path.metadata() } else { path.symlink_metadata() }.ok()?;
                    return Some(Packet::new(wire::ATTRS, id).attributes(self.told(Attributes::of(&metadata))));
                }
                Manner::NoTypes | Manner::Estimates(_) | Manner::OneListing(_) if kind == wire::READDIR => {
                    return self.listing(id, &first);
                }
                _ => {}
            }
        }
        None
    }

    /// Returns attributes in this server's form.
    fn told(&self, mut attributes: Attributes) -> Attributes {
        for manner in &self.list {
            match manner {
                Manner::NoTypes => attributes.permissions = attributes.permissions.map(|mode| mode & 0o7777),
                Manner::Estimates(percent)
                    if attributes.permissions.is_some_and(|mode| mode & 0o170_000 == 0o100_000) =>
                {
                    attributes.size = attributes.size.map(|size| size * percent / 100);
                }
                _ => {}
            }
        }
        attributes
    }

    /// Lists a whole directory at once.
    fn listing(&mut self, id: u32, handle: &[u8]) -> Option<Packet> {
        if !self.listed.insert(handle.to_vec()) {
            return Some(Packet::status(id, wire::EOF, "End of file"));
        }
        let entries = honest::list(self.teller.directory(handle)?.as_slice()).ok()?;
        let least = self
            .list
            .iter()
            .find_map(|manner| if let Manner::OneListing(least) = manner { Some(*least) } else { None });
        let count = u32::try_from(entries.len()).ok()?;
        Some(entries.iter().fold(Packet::new(wire::NAME, id).number(count), |packet, (name, metadata)| {
            let attributes = metadata.as_ref().map(Attributes::of).unwrap_or_default();
            let mut long_name = attributes.long_name(name, metadata.as_ref());
            let padding = least.unwrap_or_default().saturating_sub(long_name.len());
            long_name.extend(std::iter::repeat_n(b' ', padding));
            packet.string(name).string(&long_name).attributes(self.told(attributes))
        }))
    }

    /// Carries out a CLOSE of a server that stores files at their CLOSE. Returns the answer if that fails.
    fn store(&mut self, request: &Request) -> Option<Packet> {
        if !self.has(&Manner::StoresAtClose) {
            return None;
        }
        let handle = request.first_string();
        if request.kind == wire::WRITE {
            let (from, to) = request.reach();
            self.files.get_mut(&handle)?.written += to - from;
        }
        let file = self.files.get(&handle).filter(|file| request.kind == wire::CLOSE && file.writes)?;
        std::thread::sleep(STORING);
        if std::fs::metadata(honest::path(&file.path)).is_ok_and(|metadata| metadata.len() == file.written) {
            return None;
        }
        let _ = std::fs::remove_file(honest::path(&file.path));
        self.files.remove(&handle);
        Some(Packet::status(request.id, wire::FAILURE, "sizes differ: the copy was removed"))
    }

    /// Keeps track of open handles, by the answers that were sent.
    fn follow(&mut self, kind: u8, first: &[u8], answer: &[u8], flags: u32) {
        match (kind, answer.get(4)) {
            (wire::OPEN, Some(&wire::HANDLE)) => {
                let handle = answer.get(13..).unwrap_or_default().to_vec();
                self.newest.clone_from(&handle);
                let length = std::fs::metadata(honest::path(first)).map_or(0, |metadata| metadata.len());
                let (path, writes) = (first.to_vec(), flags & 2 != 0);
                let opened = Opened { path, writes, was_read: false, written: 0, continues: writes && length > 0 };
                self.files.insert(handle, opened);
            }
            (wire::OPENDIR, Some(&wire::HANDLE)) => {
                self.directories.insert(answer.get(13..).unwrap_or_default().to_vec(), first.to_vec());
            }
            (wire::READ, _) => self.files.get_mut(first).into_iter().for_each(|file| file.was_read = true),
            (wire::CLOSE, _) => {
                self.listed.remove(first);
                self.directories.remove(first);
                let Some(file) = self.files.remove(first) else { return };
                if file.was_read && self.has(&Manner::GoneWhenRead) {
                    let _ = std::fs::remove_file(honest::path(&file.path));
                }
                if file.continues && self.has(&Manner::FromTheBeginning) {
                    let _ = std::fs::write(honest::path(&file.path), "");
                }
            }
            _ => {}
        }
    }
}
