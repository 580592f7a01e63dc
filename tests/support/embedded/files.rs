//! Serves a directory by SFTP as if it were the whole machine: `/` is the directory, and nothing above it can be
//! reached.

use russh_sftp::protocol::{
    Attrs, Data, File as Entry, FileAttributes, Handle, Name, OpenFlags, Packet, Status, StatusCode, Version,
};
use russh_sftp::server::{Handler, StatusReply};
use std::collections::HashMap;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Entries in one reply to READDIR.
const ENTRIES_AT_ONCE: usize = 100;

/// Longest READ that is answered in full, in bytes.
const READ_LIMIT: u32 = 261_120;

enum Open {
    File(File),
    Directory(Vec<Entry>),
}

/// The deviations of a server from usual answers.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    /// SYMLINK takes its two paths in the draft's order.
    pub link_first: bool,
    /// The user and the group in listings; without them, listings show the numbers.
    pub owner: Option<(String, String)>,
}

/// The files of one client's session.
pub struct Files {
    root: PathBuf,
    open: HashMap<String, Open>,
    next: u64,
    manners: Manners,
}

type Reply<T> = Result<T, StatusReply>;

impl Files {
    /// Serves the contents of a directory.
    pub fn beneath(root: &Path, manners: Manners) -> Self {
        Self { root: root.to_owned(), open: HashMap::new(), next: 0, manners }
    }

    /// Returns the real path of a client's path.
    fn place(&self, path: &str) -> PathBuf {
        self.root.join(absolute(path).trim_start_matches('/'))
    }

    fn keep(&mut self, id: u32, open: Open) -> Handle {
        self.next += 1;
        let handle = self.next.to_string();
        self.open.insert(handle.clone(), open);
        Handle { id, handle }
    }

    fn file(&self, handle: &str) -> Reply<&File> {
        match self.open.get(handle) {
            Some(Open::File(file)) => Ok(file),
            _ => Err(StatusCode::Failure.with_message("no such handle")),
        }
    }

    /// An entry of a listing.
    fn entry(&self, name: &str, metadata: &Metadata) -> Entry {
        let (user, group) = self.manners.owner.clone().unzip();
        let mut entry = Entry::new(name, FileAttributes { user, group, ..metadata.into() });
        // The library doesn't know the number of links, and writes 0.
        entry.longname = entry.longname.replacen(" 0 ", &format!(" {} ", metadata.nlink()), 1);
        entry
    }
}

/// Returns the path from the root, without `.` and `..`. The session's directory is the root.
fn absolute(path: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            Component::ParentDir => drop(parts.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => (),
        }
    }
    format!("/{}", parts.join("/"))
}

fn done(id: u32, result: io::Result<()>) -> Reply<Status> {
    result.map_err(refusal)?;
    Ok(Status { id, status_code: StatusCode::Ok, error_message: "Success".to_owned(), language_tag: String::new() })
}

fn refusal(error: io::Error) -> StatusReply {
    match error.kind() {
        io::ErrorKind::NotFound => StatusCode::NoSuchFile.with_message("No such file"),
        io::ErrorKind::PermissionDenied => StatusCode::PermissionDenied.with_message("Permission denied"),
        _ => StatusCode::Failure.with_message(error.to_string()),
    }
}

fn set_attributes(path: &Path, attributes: &FileAttributes) -> io::Result<()> {
    if let Some(mode) = attributes.permissions {
        fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o7777))?;
    }
    if let Some(size) = attributes.size {
        OpenOptions::new().write(true).open(path)?.set_len(size)?;
    }
    set_times(&File::open(path)?, attributes)
}

fn set_times(file: &File, attributes: &FileAttributes) -> io::Result<()> {
    let time = |seconds: u32| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into());
    match (attributes.atime, attributes.mtime) {
        (Some(accessed), Some(modified)) => {
            file.set_times(fs::FileTimes::new().set_accessed(time(accessed)).set_modified(time(modified)))
        }
        _ => Ok(()),
    }
}

/// Reads the two strings of a request such as posix-rename.
fn two_strings(data: &[u8]) -> Option<(String, String)> {
    let (first, rest) = string(data)?;
    let (second, _) = string(rest)?;
    Some((first, second))
}

fn string(data: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = data.split_first_chunk::<4>()?;
    let (text, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    Some((String::from_utf8_lossy(text).into_owned(), rest))
}

impl Handler for Files {
    type Error = StatusReply;

    fn unimplemented(&self) -> StatusReply {
        StatusCode::OpUnsupported.into()
    }

    async fn init(&mut self, _: u32, _: HashMap<String, String>) -> Reply<Version> {
        let mut version = Version::new();
        version.extensions.insert("posix-rename@openssh.com".to_owned(), "1".to_owned());
        Ok(version)
    }

    async fn realpath(&mut self, id: u32, path: String) -> Reply<Name> {
        Ok(Name { id, files: vec![Entry::dummy(absolute(&path))] })
    }

    async fn stat(&mut self, id: u32, path: String) -> Reply<Attrs> {
        let metadata = fs::metadata(self.place(&path)).map_err(refusal)?;
        Ok(Attrs { id, attrs: (&metadata).into() })
    }

    async fn lstat(&mut self, id: u32, path: String) -> Reply<Attrs> {
        let metadata = fs::symlink_metadata(self.place(&path)).map_err(refusal)?;
        Ok(Attrs { id, attrs: (&metadata).into() })
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Reply<Attrs> {
        let metadata = self.file(&handle)?.metadata().map_err(refusal)?;
        Ok(Attrs { id, attrs: (&metadata).into() })
    }

    async fn setstat(&mut self, id: u32, path: String, attributes: FileAttributes) -> Reply<Status> {
        done(id, set_attributes(&self.place(&path), &attributes))
    }

    async fn fsetstat(&mut self, id: u32, handle: String, attributes: FileAttributes) -> Reply<Status> {
        let file = self.file(&handle)?;
        let mode = attributes.permissions.map(|mode| file.set_permissions(fs::Permissions::from_mode(mode & 0o7777)));
        let size = attributes.size.map(|size| file.set_len(size));
        done(
            id,
            [mode, size].into_iter().flatten().collect::<io::Result<()>>().and_then(|()| set_times(file, &attributes)),
        )
    }

    async fn open(&mut self, id: u32, path: String, flags: OpenFlags, attributes: FileAttributes) -> Reply<Handle> {
        let mode = attributes.permissions.unwrap_or(0o666) & 0o777;
        let file = OpenOptions::from(flags).mode(mode).open(self.place(&path)).map_err(refusal)?;
        Ok(self.keep(id, Open::File(file)))
    }

    async fn close(&mut self, id: u32, handle: String) -> Reply<Status> {
        done(id, self.open.remove(&handle).map(drop).ok_or_else(|| io::Error::other("no such handle")))
    }

    async fn read(&mut self, id: u32, handle: String, offset: u64, length: u32) -> Reply<Data> {
        let mut data = vec![0; length.min(READ_LIMIT) as usize];
        let count = self.file(&handle)?.read_at(&mut data, offset).map_err(refusal)?;
        data.truncate(count);
        if count == 0 { Err(StatusCode::Eof.into()) } else { Ok(Data { id, data }) }
    }

    async fn write(&mut self, id: u32, handle: String, offset: u64, data: Vec<u8>) -> Reply<Status> {
        done(id, self.file(&handle)?.write_all_at(&data, offset))
    }

    async fn opendir(&mut self, id: u32, path: String) -> Reply<Handle> {
        let directory = self.place(&path);
        let mut entries = Vec::new();
        for name in [".", ".."] {
            let metadata = fs::metadata(&directory).map_err(refusal)?;
            entries.push(self.entry(name, &metadata));
        }
        for entry in fs::read_dir(&directory).map_err(refusal)? {
            let entry = entry.map_err(refusal)?;
            let metadata = entry.metadata().map_err(refusal)?;
            entries.push(self.entry(&entry.file_name().to_string_lossy(), &metadata));
        }
        Ok(self.keep(id, Open::Directory(entries)))
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Reply<Name> {
        match self.open.get_mut(&handle) {
            Some(Open::Directory(left)) if left.is_empty() => Err(StatusCode::Eof.into()),
            Some(Open::Directory(left)) => {
                Ok(Name { id, files: left.drain(..left.len().min(ENTRIES_AT_ONCE)).collect() })
            }
            _ => Err(StatusCode::Failure.with_message("no such handle")),
        }
    }

    async fn remove(&mut self, id: u32, path: String) -> Reply<Status> {
        done(id, fs::remove_file(self.place(&path)))
    }

    async fn mkdir(&mut self, id: u32, path: String, attributes: FileAttributes) -> Reply<Status> {
        let mode = attributes.permissions.unwrap_or(0o777) & 0o777;
        done(id, fs::DirBuilder::new().mode(mode).create(self.place(&path)))
    }

    async fn rmdir(&mut self, id: u32, path: String) -> Reply<Status> {
        done(id, fs::remove_dir(self.place(&path)))
    }

    async fn rename(&mut self, id: u32, old: String, new: String) -> Reply<Status> {
        let (old, new) = (self.place(&old), self.place(&new));
        if fs::symlink_metadata(&new).is_ok() {
            return Err(StatusCode::Failure.with_message("the target exists"));
        }
        done(id, fs::rename(old, new))
    }

    async fn readlink(&mut self, id: u32, path: String) -> Reply<Name> {
        let target = fs::read_link(self.place(&path)).map_err(refusal)?;
        Ok(Name { id, files: vec![Entry::dummy(target.to_string_lossy())] })
    }

    async fn symlink(&mut self, id: u32, first: String, second: String) -> Reply<Status> {
        let (target, link) = if self.manners.link_first { (second, first) } else { (first, second) };
        done(id, symlink(target, self.place(&link)))
    }

    async fn extended(&mut self, id: u32, request: String, data: Vec<u8>) -> Reply<Packet> {
        match (request.as_str(), two_strings(&data)) {
            ("posix-rename@openssh.com", Some((old, new))) => {
                done(id, fs::rename(self.place(&old), self.place(&new))).map(Packet::Status)
            }
            _ => Err(self.unimplemented()),
        }
    }
}
