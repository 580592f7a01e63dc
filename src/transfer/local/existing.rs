//! The existing file at the target of a download, and whether replacing it would lose something.

use std::ffi::OsStr;
use std::fs::File;

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, fchown, fstat, openat, statat};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::sticky;
use crate::transfer::local::directory::Directory;

/// An existing regular file at a target.
pub(crate) struct Existing {
    pub(crate) file: File,
    pub(crate) stat: Stat,
    /// True if the file can also be read, as a comparison needs.
    pub(crate) is_readable: bool,
}

impl Existing {
    /// Opens the existing file for writing: like sftp(1), a download doesn't replace a file that the user can't
    /// write. Returns `None` if there is no file, or a link, which is replaced.
    pub(super) fn open(directory: &Directory, name: &OsStr) -> Result<Option<Existing>, sticky::Error> {
        let at = directory.descriptor();
        match statat(at, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Err(Errno::NOENT) | Ok(FileType::Symlink) => return Ok(None),
            Ok(FileType::RegularFile) => {}
            Ok(FileType::Directory) => return Err(Errno::ISDIR.into()),
            // A device or FIFO that the user didn't name.
            Ok(_) => return Err(Errno::EXIST.into()),
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let both = openat(at, name, flags | OFlags::RDWR, Mode::empty());
        let is_readable = both.is_ok();
        let file = both.or_else(|_| openat(at, name, flags | OFlags::WRONLY, Mode::empty()))?;
        let stat = fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Errno::EXIST.into());
        }
        sticky::check_writing(&fstat(at)?, &stat)?;
        Ok(Some(Existing { file: file.into(), stat, is_readable }))
    }

    /// Gives the file that will replace this one its group and extended attributes. Returns why if that fails.
    pub(super) fn pass_attributes_to(&self, new: &File) -> Option<&'static str> {
        if !self.passes_group_to(new) {
            return Some("because its group could not be kept");
        }
        (!carry_attributes(&self.file, new)).then_some("because its extended attributes could not be kept")
    }

    fn passes_group_to(&self, new: &File) -> bool {
        fstat(new).is_ok_and(|stat| stat.st_gid == self.stat.st_gid)
            || fchown(new, None, Some(Gid::from_raw(self.stat.st_gid))).is_ok()
    }

    /// Returns why replacing the file would lose something, or `None` if it would not.
    pub(super) fn reason_to_write_in_place(&self, directory: &Directory) -> Option<&'static str> {
        if self.stat.st_nlink > 1 {
            return Some("because it has other names (hard links)");
        }
        if self.stat.st_uid != geteuid().as_raw() {
            return Some("because it belongs to another user");
        }
        let elsewhere = fstat(directory.descriptor()).is_ok_and(|stat| stat.st_dev != self.stat.st_dev);
        (elsewhere || is_mount_point(&self.file)).then_some("because something is mounted on it")
    }
}

/// Extended attributes that the kernel removes or makes again when a file is written.
#[cfg(any(target_os = "linux", target_os = "android"))]
const OF_THE_BYTES: [&[u8]; 3] = [b"security.capability", b"security.ima", b"security.evm"];

/// Copies the extended attributes, which include the access control list, to the file that will replace the existing
/// one. Returns whether it has all of them now.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn carry_attributes(from: &File, to: &File) -> bool {
    use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr};
    use std::os::unix::ffi::OsStrExt;
    // Linux allows no longer list and no longer value.
    let mut names = vec![0_u8; 64 << 10];
    let Ok(length) = flistxattr(from, &mut names[..]) else { return true };
    let value_of = |file: &File, name: &OsStr| {
        let mut value = vec![0_u8; 64 << 10];
        fgetxattr(file, name, &mut value[..]).map(|length| {
            value.truncate(length);
            value
        })
    };
    let mut names = names[..length].split(|&byte| byte == 0).filter(|name| !name.is_empty());
    names.all(|name| {
        let is_carried = || {
            let name = OsStr::from_bytes(name);
            let value = value_of(from, name)?;
            if value_of(to, name).as_ref() == Ok(&value) {
                return Ok(());
            }
            fsetxattr(to, name, &value, XattrFlags::empty())
        };
        OF_THE_BYTES.contains(&name) || is_carried().is_ok()
    })
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn carry_attributes(_from: &File, _to: &File) -> bool {
    true
}

/// Returns whether another file is mounted on this one, as in containers.
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
