//! The target of a download: a name in an open directory, or a stream such as a FIFO.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{AtFlags, FileType, Stat, statat};
use rustix::io::Errno;

use crate::sticky;
use crate::transfer::conflict::Version;
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::local::directory::{Directory, bytes};
use crate::transfer::pairs::{LocalPath, Trust};

/// The most links in a row that are followed, as in the kernel.
const MOST_LINKS: usize = 40;

/// The target of a download.
#[derive(Clone)]
pub(crate) enum Place {
    /// An entry of an open directory.
    Entry {
        directory: Rc<Directory>,
        name: OsString,
        /// The path as messages show it.
        shown: PathBuf,
    },
    /// A device, a FIFO, or a descriptor of this process by its name in `/dev`. It is written directly and never
    /// replaced.
    Stream {
        path: PathBuf,
        /// The path as messages show it.
        shown: PathBuf,
    },
}

/// The existing entry that a download may replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replaceable {
    /// Any file or link.
    Anything,
    /// No entry, not even one that appears during the transfer.
    Nothing,
    /// The file or link about which a decision was made, if it has not changed since.
    This(Identity),
}

/// The identity and state of a file or link, to find out whether it has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    bytes: i64,
    modified: (i64, i64),
}

impl Identity {
    pub(super) fn of(stat: &Stat) -> Identity {
        // The types of these fields differ from system to system; all values fit.
        #[allow(clippy::unnecessary_cast, reason = "not on every system")]
        let modified = (stat.st_mtime as i64, stat.st_mtime_nsec as i64);
        #[allow(clippy::unnecessary_cast, reason = "not on every system")]
        let (device, inode) = (stat.st_dev as u64, stat.st_ino as u64);
        Identity { device, inode, bytes: stat.st_size, modified }
    }
}

impl Replaceable {
    /// Returns whether an existing file may be replaced.
    pub(super) fn admits(self, stat: &Stat) -> bool {
        match self {
            Replaceable::Anything => true,
            Replaceable::Nothing => false,
            Replaceable::This(identity) => identity == Identity::of(stat),
        }
    }
}

/// The directory that was opened last. Files that go to the same directory share it.
#[derive(Default)]
pub(crate) struct Parents {
    last: Option<(PathBuf, Rc<Directory>)>,
}

impl Place {
    /// Returns the place of an entry in a directory of a tree.
    pub(crate) fn beneath(directory: &Rc<Directory>, name: &OsStr) -> Place {
        Place::Entry { directory: Rc::clone(directory), name: name.to_owned(), shown: directory.shown().join(name) }
    }

    /// Returns the place that a pair names. If the user named it, a link there is the user's own and is followed.
    pub(crate) fn named(local: &LocalPath, parents: &mut Parents) -> Result<Place, Failure> {
        let shown = local.shown().to_owned();
        if local.trust() == Trust::Server {
            return parents.entry(local.path(), shown);
        }
        match fs::symlink_metadata(local.path()) {
            Ok(metadata) if metadata.is_symlink() => {}
            Ok(metadata) if is_stream(&metadata.file_type()) => return Ok(Place::stream(local)),
            _ => return parents.entry(local.path(), shown),
        }
        if fs::metadata(local.path()).is_ok_and(|metadata| is_stream(&metadata.file_type())) {
            return Ok(Place::stream(local));
        }
        match resolve(local.path()) {
            Ok(Some(path)) => parents.entry(&path, shown),
            Ok(None) => Ok(Place::stream(local)),
            Err(error) => Err(Failure::new(Act::OpenLocal, bytes(&shown), Cause::from(error))),
        }
    }

    fn stream(local: &LocalPath) -> Place {
        Place::Stream { path: local.path().to_owned(), shown: local.shown().to_owned() }
    }

    /// Returns the existing file or link itself, not the file that a link leads to. Returns `None` for a stream,
    /// which is written in any case.
    pub(crate) fn there(&self) -> Option<(Version, Identity)> {
        let Place::Entry { directory, name, .. } = self else { return None };
        let stat = statat(directory.descriptor(), name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let version = Version { size: u64::try_from(stat.st_size).ok(), modified: Some(stat.st_mtime) };
        Some((version, Identity::of(&stat)))
    }

    /// Returns whether the entry is a directory. A link to one is not.
    pub(crate) fn holds_directory(&self) -> bool {
        let Place::Entry { directory, name, .. } = self else { return false };
        statat(directory.descriptor(), name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    }

    /// Returns the first numbered name that is free: `NAME.1`, `NAME.2`, … `taken` returns whether a path, as
    /// messages show it, will soon exist.
    pub(crate) fn numbered(self, taken: impl Fn(&Path) -> bool) -> Place {
        let Place::Entry { directory, name, shown } = self else { return self };
        let mut number = 0_u64;
        loop {
            number += 1;
            let mut other = name.clone();
            other.push(format!(".{number}"));
            let place =
                Place::Entry { directory: Rc::clone(&directory), shown: shown.with_file_name(&other), name: other };
            if place.there().is_none() && !taken(place.shown()) {
                return place;
            }
        }
    }

    /// Returns the path as messages show it.
    pub(crate) fn shown(&self) -> &Path {
        match self {
            Place::Entry { shown, .. } | Place::Stream { shown, .. } => shown,
        }
    }
}

impl Parents {
    fn entry(&mut self, path: &Path, shown: PathBuf) -> Result<Place, Failure> {
        let (Some(parent), Some(name), false) = (path.parent(), path.file_name(), names_a_directory(path)) else {
            let error = sticky::follow(path).err().unwrap_or(sticky::Error::System(Errno::ISDIR));
            return Err(Failure::new(Act::OpenLocal, bytes(&shown), error));
        };
        let directory = match &self.last {
            Some((last, directory)) if last == parent => Rc::clone(directory),
            _ => {
                let directory = Directory::open(parent, parent)
                    .map_err(|failure| Failure { thing: bytes(&shown).to_vec(), ..failure })?;
                let directory = Rc::new(directory);
                self.last = Some((parent.to_owned(), Rc::clone(&directory)));
                directory
            }
        };
        Ok(Place::Entry { directory, name: name.to_owned(), shown })
    }
}

/// Returns whether a path ends with a slash, so that it names a directory.
fn names_a_directory(path: &Path) -> bool {
    bytes(path).ends_with(b"/")
}

fn is_stream(file_type: &fs::FileType) -> bool {
    file_type.is_fifo() || file_type.is_char_device() || file_type.is_block_device() || file_type.is_socket()
}

/// Follows links to the path that they lead to, which need not exist. Returns `None` if the path is a descriptor of
/// this process by its name (`/dev/stdout`, `/proc/self/fd/1`), which must be written and not replaced. In a shared
/// directory, links of other users are not followed; see [`sticky`].
fn resolve(path: &Path) -> Result<Option<PathBuf>, sticky::Error> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        if is_descriptor(&path) {
            return Ok(None);
        }
        match sticky::step(&path)? {
            Some(next) => path = next,
            None => return Ok(Some(path)),
        }
    }
    Err(Errno::LOOP.into())
}

/// Returns whether a path is the name of an open descriptor. Other paths in `/dev` are ordinary files (`/dev/shm`).
fn is_descriptor(path: &Path) -> bool {
    let is_standard = ["/dev/stdin", "/dev/stdout", "/dev/stderr"].iter().any(|name| path == Path::new(name));
    is_standard || path.starts_with("/dev/fd") || path.starts_with("/proc")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_to_their_end_and_descriptors_are_left_alone() {
        let here = tempfile::tempdir().unwrap();
        let at = |name: &str| here.path().join(name);
        symlink("b", at("a")).unwrap();
        symlink(at("c"), at("b")).unwrap();
        symlink("loop", at("loop")).unwrap();
        symlink("/dev/stdout", at("out")).unwrap();
        assert_eq!(resolve(&at("a")), Ok(Some(at("c"))));
        assert_eq!(resolve(&at("c")), Ok(Some(at("c"))));
        assert_eq!(resolve(&at("loop")), Err(Errno::LOOP.into()));
        assert_eq!(resolve(&at("out")), Ok(None));
        assert_eq!(resolve(Path::new("/proc/self/fd/1")), Ok(None));
        symlink("/dev/shm/file", at("shm")).unwrap();
        assert_eq!(resolve(&at("shm")), Ok(Some("/dev/shm/file".into())));
    }

    #[test]
    fn a_link_is_followed_for_the_user_and_never_for_the_server() {
        let here = tempfile::tempdir().unwrap();
        let path = here.path().join("link");
        symlink("file", &path).unwrap();
        let name_of = |local: LocalPath| match Place::named(&local, &mut Parents::default()) {
            Ok(Place::Entry { name, .. }) => name,
            _ => panic!("no entry"),
        };
        assert_eq!(name_of(LocalPath::named(&path, "link")), "file");
        assert_eq!(name_of(LocalPath::listed(&path, "link")), "link");
    }
}
