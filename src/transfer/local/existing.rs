//! The regular file that stands where a download shall be, and whether replacing it would lose something.

use std::ffi::OsStr;
use std::fs::File;
use std::io;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::directory::Directory;
use crate::sticky;

/// A regular file where a target shall be.
pub(super) struct Existing {
    pub(super) file: File,
    pub(super) stat: Stat,
    /// Whether it can also be read, as who compares must.
    pub(super) is_readable: bool,
}

impl Existing {
    /// Opens what is there for writing: a target that we could not write to is refused, as sftp(1) does. Nothing is there,
    /// or a link, which is replaced.
    pub(super) fn open(directory: &Directory, name: &OsStr) -> Result<Option<Existing>, Errno> {
        let at = directory.descriptor();
        match statat(at, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Err(Errno::NOENT) | Ok(FileType::Symlink) => return Ok(None),
            Ok(FileType::RegularFile) => {}
            Ok(FileType::Directory) => return Err(Errno::ISDIR),
            // A device or FIFO that the user did not name.
            Ok(_) => return Err(Errno::EXIST),
            Err(error) => return Err(error),
        }
        let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let both = openat(at, name, flags | OFlags::RDWR, Mode::empty());
        let is_readable = both.is_ok();
        let file = both.or_else(|_| openat(at, name, flags | OFlags::WRONLY, Mode::empty()))?;
        let stat = fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Errno::EXIST);
        }
        sticky::check_writing(&fstat(at)?, &stat)?;
        Ok(Some(Existing { file: file.into(), stat, is_readable }))
    }

    /// Why replacing this by a new file would lose something.
    pub(super) fn reason_to_write_in_place(&self, directory: &Directory) -> Option<&'static str> {
        if self.stat.st_nlink > 1 {
            return Some("for it has other names (hard links)");
        }
        if self.stat.st_uid != geteuid().as_raw() {
            return Some("for it belongs to another user");
        }
        if has_acl(&self.file) {
            return Some("for it has an access control list");
        }
        let elsewhere = fstat(directory.descriptor()).is_ok_and(|stat| stat.st_dev != self.stat.st_dev);
        (elsewhere || is_mount_point(&self.file)).then_some("for something is mounted on it")
    }

    pub(super) fn try_clone(&self) -> io::Result<Existing> {
        Ok(Existing { file: self.file.try_clone()?, stat: self.stat, is_readable: self.is_readable })
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn has_acl(file: &File) -> bool {
    let mut value = [0u8; 0];
    rustix::fs::fgetxattr(file, "system.posix_acl_access", &mut value[..]).is_ok_and(|length| length > 0)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn has_acl(_file: &File) -> bool {
    false
}

/// Whether a file of the same file system is mounted here, as containers have it.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_mount_point(file: &File) -> bool {
    use rustix::fs::{StatxAttributes, StatxFlags, statx};
    statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::empty())
        .is_ok_and(|statx| statx.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_mount_point(_file: &File) -> bool {
    false
}
