//! The honest part: a plain server of a real directory, which is its working directory.

use super::wire::{self, Attributes, Packet, Request};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Most bytes of one READ, as in OpenSSH.
const READ_LIMIT: u32 = 261_120;

/// Entries in one reply to READDIR.
const ENTRIES_AT_ONCE: usize = 100;

pub(crate) const EXTENSIONS: &[(&str, &str)] = &[
    ("posix-rename@openssh.com", "1"),
    ("hardlink@openssh.com", "1"),
    ("fsync@openssh.com", "1"),
    ("limits@openssh.com", "1"),
];

/// An entry of a listing: its name and metadata.
pub(crate) type Entry = (Vec<u8>, Option<Metadata>);

enum Open {
    File(File),
    Directory { path: Vec<u8>, left: Vec<Entry> },
}

/// A server, and the handles of its client.
#[derive(Default)]
pub(crate) struct Honest {
    open: BTreeMap<u32, Open>,
    next: u32,
}

impl Honest {
    /// Returns the number of open handles.
    pub(crate) fn handles(&self) -> usize {
        self.open.len()
    }

    /// Returns the path of a directory's handle.
    pub(crate) fn directory(&self, handle: &[u8]) -> Option<Vec<u8>> {
        match self.open.get(&u32::from_be_bytes(handle.try_into().ok()?))? {
            Open::Directory { path, .. } => Some(path.clone()),
            Open::File(_) => None,
        }
    }

    /// Answers a request.
    pub(crate) fn answer(&mut self, mut request: Request) -> Packet {
        let id = request.id;
        match self.reply(&mut request) {
            Ok(packet) => packet,
            Err(error) => Packet::status(id, code(&error), &error.to_string()),
        }
    }

    fn reply(&mut self, request: &mut Request) -> io::Result<Packet> {
        let id = request.id;
        let done = |result: io::Result<()>| result.map(|()| Packet::status(id, wire::OK, "Success"));
        match request.kind {
            wire::INIT => Ok(version(3, EXTENSIONS)),
            wire::OPEN => self.open(request),
            wire::CLOSE => done(self.open.remove(&handle(request)).map(drop).ok_or_else(no_handle)),
            wire::READ => self.read(request),
            wire::WRITE => done(self.write(request)),
            wire::STAT => fs::metadata(path(&request.string())).map(|metadata| attributes(id, &metadata)),
            wire::LSTAT => fs::symlink_metadata(path(&request.string())).map(|metadata| attributes(id, &metadata)),
            wire::FSTAT => self.file(request)?.metadata().map(|metadata| attributes(id, &metadata)),
            wire::SETSTAT => done(set_attributes(path(&request.string()), request.attributes())),
            wire::FSETSTAT => {
                let file = self.file(request)?.try_clone()?;
                done(set_file_attributes(&file, request.attributes()))
            }
            wire::OPENDIR => {
                let path = request.string();
                let left = list(&path)?;
                Ok(self.keep(id, Open::Directory { path, left }))
            }
            wire::READDIR => self.read_directory(request),
            wire::REMOVE => done(fs::remove_file(path(&request.string()))),
            wire::MKDIR => done(make_directory(path(&request.string()), request.attributes())),
            wire::RMDIR => done(fs::remove_dir(path(&request.string()))),
            wire::REALPATH => real_path(&request.string()).map(|path| names(id, &[(path, None)])),
            wire::RENAME => {
                let (old, new) = (request.string(), request.string());
                if fs::symlink_metadata(path(&new)).is_ok() {
                    return Err(io::Error::other("Failure"));
                }
                done(fs::rename(path(&old), path(&new)))
            }
            wire::READLINK => fs::read_link(path(&request.string()))
                .map(|target| names(id, &[(target.as_os_str().as_bytes().to_vec(), None)])),
            wire::SYMLINK => {
                // OpenSSH's order: the target first.
                let (target, link) = (request.string(), request.string());
                done(symlink(path(&target), path(&link)))
            }
            wire::EXTENDED => self.extended(request),
            _ => Ok(Packet::status(id, wire::UNSUPPORTED, "Operation unsupported")),
        }
    }

    fn extended(&mut self, request: &mut Request) -> io::Result<Packet> {
        let id = request.id;
        let done = |result: io::Result<()>| result.map(|()| Packet::status(id, wire::OK, "Success"));
        match request.string().as_slice() {
            b"posix-rename@openssh.com" => done(fs::rename(path(&request.string()), path(&request.string()))),
            b"hardlink@openssh.com" => done(fs::hard_link(path(&request.string()), path(&request.string()))),
            b"fsync@openssh.com" => done(self.file(request)?.sync_all()),
            b"limits@openssh.com" => Ok(Packet::new(wire::EXTENDED_REPLY, id)
                .long(262_144)
                .long(u64::from(READ_LIMIT))
                .long(u64::from(READ_LIMIT))
                .long(1000)),
            _ => Ok(Packet::status(id, wire::UNSUPPORTED, "Operation unsupported")),
        }
    }

    fn keep(&mut self, id: u32, open: Open) -> Packet {
        self.next += 1;
        self.open.insert(self.next, open);
        Packet::new(wire::HANDLE, id).string(&self.next.to_be_bytes())
    }

    pub(crate) fn file(&self, request: &mut Request) -> io::Result<&File> {
        match self.open.get(&handle(request)) {
            Some(Open::File(file)) => Ok(file),
            _ => Err(no_handle()),
        }
    }

    fn open(&mut self, request: &mut Request) -> io::Result<Packet> {
        let name = request.string();
        let flags = request.number();
        let mode = request.attributes().permissions.unwrap_or(0o666);
        let has = |flag: u32| flags & flag != 0;
        let file = OpenOptions::new()
            .read(has(1))
            .write(has(2))
            .append(has(4) && has(2))
            .create(has(8) && !has(32))
            .truncate(has(16))
            .create_new(has(8) && has(32))
            .mode(mode & 0o7777)
            .open(path(&name))?;
        Ok(self.keep(request.id, Open::File(file)))
    }

    fn read(&mut self, request: &mut Request) -> io::Result<Packet> {
        let file = self.file(request)?.try_clone()?;
        let offset = request.long();
        let mut bytes = vec![0; request.number().min(READ_LIMIT) as usize];
        let wanted = bytes.len();
        let count = file.read_at(&mut bytes, offset)?;
        if count == 0 && wanted > 0 {
            return Ok(Packet::status(request.id, wire::EOF, "End of file"));
        }
        Ok(Packet::new(wire::DATA, request.id).string(&bytes[..count]))
    }

    fn write(&mut self, request: &mut Request) -> io::Result<()> {
        let file = self.file(request)?.try_clone()?;
        let offset = request.long();
        file.write_all_at(&request.string(), offset)
    }

    fn read_directory(&mut self, request: &mut Request) -> io::Result<Packet> {
        let Some(Open::Directory { left, .. }) = self.open.get_mut(&handle(request)) else { return Err(no_handle()) };
        if left.is_empty() {
            return Ok(Packet::status(request.id, wire::EOF, "End of file"));
        }
        let now: Vec<Entry> = left.drain(..left.len().min(ENTRIES_AT_ONCE)).collect();
        Ok(names(request.id, &now))
    }
}

/// Lists a directory, beginning with `.` and `..` as servers do.
pub(crate) fn list(directory: &[u8]) -> io::Result<Vec<Entry>> {
    let directory = path(directory);
    let mut entries: Vec<Entry> =
        [".", ".."].map(|name| (name.as_bytes().to_vec(), fs::symlink_metadata(directory.join(name)).ok())).into();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        entries.push((entry.file_name().as_bytes().to_vec(), entry.metadata().ok()));
    }
    Ok(entries)
}

/// Builds a reply with names.
pub(crate) fn names(id: u32, entries: &[Entry]) -> Packet {
    entries.iter().fold(Packet::new(wire::NAME, id).number(entries.len() as u32), |packet, (name, metadata)| {
        let attributes = metadata.as_ref().map(Attributes::of).unwrap_or_default();
        packet.string(name).string(&attributes.long_name(name, metadata.as_ref())).attributes(attributes)
    })
}

/// Builds the reply to INIT.
pub(crate) fn version(number: u32, extensions: &[(&str, &str)]) -> Packet {
    extensions.iter().fold(Packet::new(wire::VERSION, number), |packet, (name, version)| {
        packet.string(name.as_bytes()).string(version.as_bytes())
    })
}

fn attributes(id: u32, metadata: &Metadata) -> Packet {
    Packet::new(wire::ATTRS, id).attributes(Attributes::of(metadata))
}

pub(crate) fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(if bytes.is_empty() { b"." } else { bytes }))
}

fn handle(request: &mut Request) -> u32 {
    request.string().try_into().map_or(0, u32::from_be_bytes)
}

fn no_handle() -> io::Error {
    io::Error::other("Bad handle")
}

/// Resolves a path like OpenSSH's server, for which the last component need not exist.
fn real_path(name: &[u8]) -> io::Result<Vec<u8>> {
    let path = path(name);
    let real = path.canonicalize().or_else(|error| match (path.parent(), path.file_name()) {
        (Some(parent), Some(last)) if error.kind() == ErrorKind::NotFound => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            Ok(parent.canonicalize()?.join(last))
        }
        _ => Err(error),
    })?;
    Ok(real.as_os_str().as_bytes().to_vec())
}

fn make_directory(path: &Path, attributes: Attributes) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(attributes.permissions.unwrap_or(0o777) & 0o7777).create(path)
}

fn set_attributes(path: &Path, attributes: Attributes) -> io::Result<()> {
    if let Some((user, group)) = attributes.owner {
        chown(path, Some(user), Some(group))?;
    }
    if let Some(mode) = attributes.permissions {
        fs::set_permissions(path, Permissions::from_mode(mode & 0o7777))?;
    }
    if attributes.size.is_some() || attributes.times.is_some() {
        // Setting a directory's times works without WRITE, but setting a file's size doesn't.
        let file =
            if attributes.size.is_some() { OpenOptions::new().write(true).open(path)? } else { File::open(path)? };
        set_file_attributes(&file, Attributes { owner: None, permissions: None, ..attributes })?;
    }
    Ok(())
}

fn set_file_attributes(file: &File, attributes: Attributes) -> io::Result<()> {
    if let Some(size) = attributes.size {
        file.set_len(size)?;
    }
    if let Some((user, group)) = attributes.owner {
        std::os::unix::fs::fchown(file, Some(user), Some(group))?;
    }
    if let Some(mode) = attributes.permissions {
        file.set_permissions(Permissions::from_mode(mode & 0o7777))?;
    }
    if let Some((accessed, modified)) = attributes.times {
        let time = |seconds: u32| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into());
        file.set_times(FileTimes::new().set_accessed(time(accessed)).set_modified(time(modified)))?;
    }
    Ok(())
}

fn code(error: &io::Error) -> u32 {
    match error.kind() {
        ErrorKind::NotFound => wire::NO_SUCH_FILE,
        ErrorKind::PermissionDenied => wire::PERMISSION_DENIED,
        _ => wire::FAILURE,
    }
}
