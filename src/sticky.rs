//! The kernel's rule for other users' links and files in directories like /tmp, enforced even if the kernel doesn't.
//!
//! In a sticky, world-writable directory, any user can create a link, a file or a FIFO with a name that another user
//! will open. Linux refuses such files by its settings `protected_symlinks`, `protected_regular` and
//! `protected_fifos` (`Documentation/admin-guide/sysctl/fs.rst`). They may be switched off, and other systems have
//! none. As in Linux, the rule concerns the last name of a path, and root is no exception.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, ftruncate, openat, readlinkat, statat};
use rustix::io::Errno;
use rustix::process::geteuid;

/// How many links to follow, as in the kernel.
const MOST_LINKS: usize = 40;

/// The sticky bit and write permission for others. The rule holds for directories with both.
const SHARED: u32 = 0o1002;

/// Flags to open a directory in order to look up names. They don't need permission to list it, if the system has such
/// a flag.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const REACH: OFlags = OFlags::PATH;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const REACH: OFlags = OFlags::RDONLY;

/// Why a path was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The rule forbids it.
    Refused(Refused),
    /// The system refused.
    System(Errno),
}

/// The act that the rule forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// To follow a link.
    Link,
    /// To write to a file or FIFO.
    File,
}

/// The rule.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::Link => "a link that another user put into a shared directory is not followed",
            Refused::File => "a file that another user put into a shared directory is not written to",
        })
    }
}

/// The system's words, and the rule.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused(rule) => write!(f, "Permission denied ({rule})"),
            Error::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<Errno> for Error {
    fn from(error: Errno) -> Error {
        Error::System(error)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        match error {
            Error::Refused(_) => io::Error::new(io::ErrorKind::PermissionDenied, error),
            Error::System(error) => error.into(),
        }
    }
}

/// Returns the rule that led to this error, if one did.
#[must_use]
pub fn rule_behind(error: &io::Error) -> Option<Refused> {
    match error.get_ref()?.downcast_ref()? {
        Error::Refused(rule) => Some(*rule),
        Error::System(_) => None,
    }
}

/// Opens a file for reading.
///
/// # Errors
/// As `open(2)`; permission is denied for a link that must not be followed.
pub fn open(path: &Path) -> io::Result<File> {
    Ok(open_with(path, OFlags::RDONLY)?.into())
}

/// Reads a whole file.
///
/// # Errors
/// As [`open`], and as `read(2)`.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    io::Read::read_to_end(&mut open(path)?, &mut contents)?;
    Ok(contents)
}

/// Opens an existing file of any kind. Never creates one, and always sets `O_CLOEXEC`.
///
/// # Errors
/// As `open(2)`; [`Refused`] for a link that must not be followed, or for writing to a protected file or FIFO.
pub fn open_with(path: &Path, flags: OFlags) -> Result<OwnedFd, Error> {
    let writes = flags.intersects(OFlags::WRONLY | OFlags::RDWR | OFlags::TRUNC);
    // Most paths don't end in a link, and for reading only links matter.
    if !writes && !flags.contains(OFlags::PATH) && !ends_with_slash(path) {
        match openat(CWD, path, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
            Err(error) if may_mean_a_link(error) => {}
            opened => return Ok(opened?),
        }
    }
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let (Some(name), false) = (path.file_name(), is_opaque(&path)) else {
            return Ok(openat(CWD, &path, flags | OFlags::CLOEXEC, Mode::empty())?);
        };
        let directory = parent(&path)?;
        // Checked before opening, because opening a FIFO could block.
        if writes && let Ok(there) = statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            check_writing(&fstat(&directory)?, &there)?;
        }
        // The file is emptied only after the check.
        let mut careful = (flags - OFlags::TRUNC) | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if ends_with_slash(&path) {
            careful |= OFlags::DIRECTORY;
        }
        match openat(&directory, name, careful, Mode::empty()) {
            Ok(file) if !is_link(&fstat(&file)?) => {
                if writes {
                    check_writing(&fstat(&directory)?, &fstat(&file)?)?;
                }
                if flags.contains(OFlags::TRUNC)
                    && FileType::from_raw_mode(fstat(&file)?.st_mode) == FileType::RegularFile
                {
                    ftruncate(&file, 0)?;
                }
                return Ok(file);
            }
            Err(error) if !may_mean_a_link(error) => return Err(error.into()),
            _ => {}
        }
        path = next(&path, &directory)?.ok_or(Errno::NOTDIR)?;
    }
    Err(Errno::LOOP.into())
}

/// Returns the metadata of the file that a path leads to, following links that the rule allows.
///
/// # Errors
/// As `stat(2)`; permission is denied for a link that must not be followed.
pub(crate) fn metadata(path: &Path) -> io::Result<Metadata> {
    let found = fs::symlink_metadata(path)?;
    match found.is_symlink() || ends_with_slash(path) {
        true => fs::metadata(follow(path)?),
        false => Ok(found),
    }
}

/// Follows the links at the end of a path. Returns the path of their target, which need not exist.
///
/// # Errors
/// `ELOOP`, and [`Refused`] for a link that must not be followed.
pub fn follow(path: &Path) -> Result<PathBuf, Error> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match step(&path)? {
            Some(next) => path = next,
            None => return Ok(path),
        }
    }
    Err(Errno::LOOP.into())
}

/// Returns whether a path leads to a directory, following links that the rule allows.
pub(crate) fn is_dir(path: &Path) -> bool {
    follow(path).is_ok_and(|path| path.is_dir())
}

/// Follows one link and returns its target, or `None` if there is no link with a readable target.
///
/// # Errors
/// [`Refused`] for a link that must not be followed.
pub(crate) fn step(path: &Path) -> Result<Option<PathBuf>, Error> {
    if path.file_name().is_none() || is_opaque(path) {
        return Ok(None);
    }
    parent(path).map_or(Ok(None), |directory| next(path, &directory))
}

/// Checks that the rule allows writing to a file in this directory.
///
/// # Errors
/// [`Refused`] if it doesn't.
pub(crate) fn check_writing(directory: &Stat, file: &Stat) -> Result<(), Error> {
    let is_protected = matches!(FileType::from_raw_mode(file.st_mode), FileType::RegularFile | FileType::Fifo);
    match is_protected && !may_use(directory.st_mode, directory.st_uid, file.st_uid, geteuid().as_raw()) {
        true => Err(Error::Refused(Refused::File)),
        false => Ok(()),
    }
}

/// Returns the target of the link at the end of a path, or `None` if there is no link.
fn next(path: &Path, directory: &OwnedFd) -> Result<Option<PathBuf>, Error> {
    let Some(name) = path.file_name() else { return Ok(None) };
    let Ok(link) = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) else { return Ok(None) };
    if !is_link(&link) {
        return Ok(None);
    }
    let shared = fstat(directory)?;
    if !may_use(shared.st_mode, shared.st_uid, link.st_uid, geteuid().as_raw()) {
        return Err(Error::Refused(Refused::Link));
    }
    let target = readlinkat(directory, name, Vec::new())?;
    let target = Path::new(std::ffi::OsStr::from_bytes(target.as_bytes()));
    let mut next = path.parent().unwrap_or(Path::new("")).join(target);
    if ends_with_slash(path) {
        next.push("");
    }
    Ok(Some(next))
}

/// Returns whether the user `we` may follow a link or write to a file that `owner` may have put into a directory.
fn may_use(directory_mode: u32, directory_owner: u32, owner: u32, we: u32) -> bool {
    directory_mode & SHARED != SHARED || owner == we || owner == directory_owner
}

fn parent(path: &Path) -> Result<OwnedFd, Errno> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    openat(CWD, parent, REACH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Returns whether a link could be the reason why an open that doesn't follow links failed. Systems use different
/// errors.
fn may_mean_a_link(error: Errno) -> bool {
    matches!(error, Errno::LOOP | Errno::NOTDIR | Errno::MLINK)
}

fn is_link(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Symlink
}

/// Returns whether only the kernel can follow a path, because links in /proc don't hold paths.
fn is_opaque(path: &Path) -> bool {
    path.starts_with("/proc") || path.starts_with("/dev/fd")
}

/// Returns whether a path must lead to a directory. The rule also holds for a link with a slash after it.
fn ends_with_slash(path: &Path) -> bool {
    path.as_os_str().as_bytes().ends_with(b"/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// The table of the kernel's `may_follow_link` and `may_create_in_sticky`.
    #[test]
    fn only_in_a_shared_sticky_directory_does_it_matter_whose_something_is() {
        const ROOT: u32 = 0;
        for (mode, directory_owner, owner, we, may) in [
            (0o041_777, ROOT, 1000, 1001, false),
            (0o041_777, ROOT, 1000, ROOT, false),
            (0o041_777, ROOT, 1000, 1000, true),
            (0o041_777, ROOT, ROOT, 1000, true),
            (0o041_777, 1000, 1000, ROOT, true),
            (0o041_773, ROOT, 1000, 1001, false),
            (0o040_777, ROOT, 1000, 1001, true),
            (0o041_775, ROOT, 1000, 1001, true),
            (0o040_755, ROOT, 1000, 1001, true),
        ] {
            assert_eq!(
                may_use(mode, directory_owner, owner, we),
                may,
                "{mode:o} of {directory_owner}: {owner} for {we}"
            );
        }
    }

    #[test]
    fn links_of_our_own_are_followed_and_what_they_lead_to_is_opened() {
        let here = tempfile::tempdir().unwrap();
        let at = |name: &str| here.path().join(name);
        fs::write(at("file"), "old").unwrap();
        fs::create_dir(at("directory")).unwrap();
        symlink("file", at("one")).unwrap();
        symlink(at("one"), at("two")).unwrap();
        symlink("directory", at("way")).unwrap();
        symlink("loop", at("loop")).unwrap();
        symlink("nothing", at("dangling")).unwrap();
        assert_eq!(read(&at("two")).unwrap(), b"old");
        assert_eq!(follow(&at("two")), Ok(at("file")));
        assert_eq!(follow(&at("dangling")), Ok(at("nothing")));
        assert_eq!(follow(&at("way/")), Ok(at("directory/")));
        assert!(is_dir(&at("way/")) && is_dir(&at("way")) && !is_dir(&at("two")) && !is_dir(&at("dangling/")));
        assert_eq!(follow(&at("loop")), Err(Errno::LOOP.into()));
        for (name, flags, error) in [
            ("loop", OFlags::RDONLY, Some(Errno::LOOP)),
            ("dangling", OFlags::RDONLY, Some(Errno::NOENT)),
            ("nothing", OFlags::WRONLY, Some(Errno::NOENT)),
            ("file/", OFlags::RDONLY, Some(Errno::NOTDIR)),
            ("one/", OFlags::RDONLY, Some(Errno::NOTDIR)),
            ("directory/", OFlags::WRONLY, Some(Errno::ISDIR)),
            ("file", OFlags::RDONLY | OFlags::DIRECTORY, Some(Errno::NOTDIR)),
            ("way", OFlags::RDONLY | OFlags::DIRECTORY, None),
            ("way", REACH | OFlags::DIRECTORY, None),
            ("way/", OFlags::RDONLY | OFlags::DIRECTORY, None),
            ("directory/..", OFlags::RDONLY | OFlags::DIRECTORY, None),
        ] {
            assert_eq!(open_with(&at(name), flags).err(), error.map(Error::from), "{name} {flags:?}");
        }
        let reached = open_with(&at("two"), OFlags::PATH).unwrap();
        assert!(!is_link(&fstat(&reached).unwrap()));
        open_with(&at("two"), OFlags::WRONLY | OFlags::TRUNC).unwrap();
        assert_eq!(fs::read(at("file")).unwrap(), b"");
    }

    #[test]
    fn no_program_inherits_what_is_opened() {
        let here = tempfile::tempdir().unwrap();
        let (file, link) = (here.path().join("file"), here.path().join("link"));
        fs::write(&file, "").unwrap();
        symlink("file", &link).unwrap();
        for path in [&*file, &*link, Path::new("/dev/fd/0"), Path::new("/")] {
            for flags in [OFlags::RDONLY, OFlags::PATH, OFlags::RDWR] {
                let Ok(opened) = open_with(path, flags) else { continue };
                let flag = rustix::io::fcntl_getfd(&opened).unwrap();
                assert!(flag.contains(rustix::io::FdFlags::CLOEXEC), "{} {flags:?}", path.display());
            }
        }
    }

    #[test]
    fn devices_and_descriptors_are_opened_by_the_kernel_alone() {
        for path in ["/dev/null", "/proc/self/exe", "/dev/fd/0/../0", "/"] {
            assert_eq!(
                open_with(Path::new(path), OFlags::RDONLY).err(),
                File::open(path).err().and_then(|error| Errno::from_io_error(&error)).map(Error::from)
            );
        }
    }
}
