//! A local directory that is held open while a download fills it.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, accessat, chmodat, mkdirat, openat, utimensat};
use rustix::io::Errno;

use crate::sftp::Attributes;
use crate::sticky;
use crate::transfer::failure::{Act, Failure};
use crate::transfer::local::attributes::{mode, timestamps};
use crate::transfer::pairs::{LocalPath, Trust};
use crate::transfer::settings::Settings;

/// Access to the entries of a directory. It doesn't need the permission to list the directory.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const ACCESS: OFlags = OFlags::PATH;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const ACCESS: OFlags = OFlags::RDONLY;

/// Failures that occur when directories are closed.
pub(crate) type Troubles = Rc<RefCell<Vec<Failure>>>;

/// An open directory. If this run made it, it gets its final mode and times when it is dropped: after its last file
/// and its last subdirectory.
pub(crate) struct Directory {
    descriptor: OwnedFd,
    shown: PathBuf,
    /// The mode and times that the directory gets when it is dropped.
    at_end: Option<AtEnd>,
    /// Keeps the parent open until its children are dropped: making them would change its times again.
    _parent: Option<Rc<Directory>>,
}

struct AtEnd {
    mode: Option<u32>,
    attributes: Option<Attributes>,
    troubles: Troubles,
}

impl Directory {
    /// Opens an existing directory at any path that the user named.
    pub(super) fn open(path: &Path, shown: &Path) -> Result<Directory, Failure> {
        let descriptor = openat(CWD, path, ACCESS | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| Failure::new(Act::OpenLocal, bytes(shown), error))?;
        Ok(Directory { descriptor, shown: shown.to_owned(), at_end: None, _parent: None })
    }

    /// Opens the top of a tree, and makes it if it is missing, with the missing directories above it that the user
    /// named.
    pub(crate) fn make_top(
        local: &LocalPath,
        attributes: &Attributes,
        settings: &Settings,
        troubles: &Troubles,
    ) -> Result<Directory, Failure> {
        let follow = if local.trust() == Trust::User { OFlags::empty() } else { OFlags::NOFOLLOW };
        if let Some(parent) = local.path().parent().filter(|_| local.trust() == Trust::User) {
            // If a directory above can't be made, making the top fails too and reports why.
            let _ = std::fs::create_dir_all(parent);
        }
        make(CWD, local.path().as_os_str(), local.shown().to_owned(), follow, attributes, settings, troubles)
    }

    /// Opens the top of a tree. Returns `None` if it doesn't exist.
    ///
    /// # Errors
    /// Fails like [`Directory::make_top`] if the path is something other than a directory.
    pub(crate) fn find_top(local: &LocalPath) -> Result<Option<Directory>, Failure> {
        let (path, shown) = (local.path(), local.shown());
        let flags = ACCESS | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = match local.trust() {
            Trust::User => sticky::open_with(path, flags),
            Trust::Server => openat(CWD, path, flags | OFlags::NOFOLLOW, Mode::empty()).map_err(sticky::Error::from),
        };
        found(opened, shown.to_owned(), || path.symlink_metadata().is_ok())
    }

    /// Opens a directory in this one. Returns `None` if it doesn't exist.
    ///
    /// # Errors
    /// Fails like [`Directory::make`] if the entry is something other than a directory, or if none can be made.
    pub(crate) fn find(&self, name: &OsStr) -> Result<Option<Directory>, Failure> {
        let flags = ACCESS | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let opened = openat(self.descriptor(), name, flags, Mode::empty()).map_err(sticky::Error::from);
        let shown = self.shown.join(name);
        let found = found(opened, shown.clone(), || false)?;
        if found.is_none() {
            let failed = |error: Errno| Failure::new(Act::MakeLocalDirectory, bytes(&shown), error);
            self.may_be_changed().map_err(failed)?;
        }
        Ok(found)
    }

    /// Checks that entries of the directory may be made and removed.
    pub(super) fn may_be_changed(&self) -> Result<(), Errno> {
        accessat(self.descriptor(), ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
    }

    /// Opens a directory in this one, and makes it if it is missing. Links are not followed.
    pub(crate) fn make(
        self: &Rc<Directory>,
        name: &OsStr,
        attributes: &Attributes,
        settings: &Settings,
        troubles: &Troubles,
    ) -> Result<Directory, Failure> {
        let shown = self.shown.join(name);
        let mut directory = make(self.descriptor(), name, shown, OFlags::NOFOLLOW, attributes, settings, troubles)?;
        directory._parent = Some(Rc::clone(self));
        Ok(directory)
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Returns the path as messages show it.
    pub(crate) fn shown(&self) -> &Path {
        &self.shown
    }
}

fn found(
    opened: Result<OwnedFd, sticky::Error>,
    shown: PathBuf,
    is_dangling: impl FnOnce() -> bool,
) -> Result<Option<Directory>, Failure> {
    match opened {
        Ok(descriptor) => Ok(Some(Directory { descriptor, shown, at_end: None, _parent: None })),
        Err(sticky::Error::System(Errno::NOENT)) if !is_dangling() => Ok(None),
        Err(error) => Err(Failure::new(Act::MakeLocalDirectory, bytes(&shown), error)),
    }
}

fn make(
    parent: BorrowedFd<'_>,
    name: &OsStr,
    shown: PathBuf,
    follow: OFlags,
    attributes: &Attributes,
    settings: &Settings,
    troubles: &Troubles,
) -> Result<Directory, Failure> {
    let wanted = attributes.permissions.map_or(0o777, |mode| mode & 0o1777);
    // This run must be able to put files into the directory, even if its final mode forbids that.
    let passing = wanted | 0o300;
    let failed = |error: Errno| Failure::new(Act::MakeLocalDirectory, bytes(&shown), error);
    let made = match mkdirat(parent, name, mode(passing)) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(error) => return Err(failed(error)),
    };
    let flags = ACCESS | OFlags::DIRECTORY | OFlags::CLOEXEC | follow;
    let opened = match follow.is_empty() {
        // The user named it by its whole path.
        true => sticky::open_with(Path::new(name), flags),
        false => openat(parent, name, flags, Mode::empty()).map_err(sticky::Error::from),
    };
    let descriptor = opened.map_err(|error| Failure::new(Act::MakeLocalDirectory, bytes(&shown), error))?;
    let preserve = settings.options.preserve;
    let final_mode = match (made, preserve) {
        (true, true) => Some(wanted),
        (true, false) if wanted != passing => Some(wanted & !settings.umask),
        _ => None,
    };
    let at_end = (preserve || final_mode.is_some()).then(|| AtEnd {
        mode: final_mode,
        attributes: preserve.then_some(*attributes),
        troubles: Rc::clone(troubles),
    });
    Ok(Directory { descriptor, shown, at_end, _parent: None })
}

impl Drop for Directory {
    fn drop(&mut self) {
        let Some(end) = self.at_end.take() else { return };
        let failed = |act, error: Errno| end.troubles.borrow_mut().push(Failure::new(act, bytes(&self.shown), error));
        if let Some(times) = end.attributes.and_then(|attributes| attributes.times)
            && let Err(error) = utimensat(&self.descriptor, ".", &timestamps(times), AtFlags::empty())
        {
            failed(Act::SetLocalTimes, error);
        }
        if let Some(wanted) = end.mode
            && let Err(error) = chmodat(&self.descriptor, ".", mode(wanted), AtFlags::empty())
        {
            failed(Act::SetLocalMode, error);
        }
    }
}

pub(crate) fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}
