//! A local directory that is held open while files are put into it.

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
use crate::transfer::request::{LocalPath, Trust};
use crate::transfer::settings::Settings;

/// Enough to reach what is in the directory: its own permission to be listed is not needed.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const ACCESS: OFlags = OFlags::PATH;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const ACCESS: OFlags = OFlags::RDONLY;

/// What went wrong when directories were left.
pub(crate) type Troubles = Rc<RefCell<Vec<Failure>>>;

/// An open directory. One that was made by us gets its final mode and times when the last file in it is done and the
/// last of its directories, which is when this is dropped.
pub(crate) struct Directory {
    descriptor: OwnedFd,
    shown: PathBuf,
    /// What it shall become at the end.
    at_end: Option<AtEnd>,
    /// A parent is left after its children, or their making would change its times again.
    _parent: Option<Rc<Directory>>,
}

struct AtEnd {
    mode: Option<u32>,
    attributes: Option<Attributes>,
    troubles: Troubles,
}

impl Directory {
    /// A directory that exists already, however the user named it.
    pub(super) fn open(path: &Path, shown: &Path) -> Result<Directory, Failure> {
        let descriptor = openat(CWD, path, ACCESS | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| Failure::new(Act::OpenLocal, bytes(shown), error))?;
        Ok(Directory { descriptor, shown: shown.to_owned(), at_end: None, _parent: None })
    }

    /// The top of a tree: made where it is missing, with the directories above it that the user named.
    pub(crate) fn make_top(
        local: &LocalPath,
        attributes: &Attributes,
        settings: &Settings,
        troubles: &Troubles,
    ) -> Result<Directory, Failure> {
        let follow = if local.trust() == Trust::User { OFlags::empty() } else { OFlags::NOFOLLOW };
        if let Some(parent) = local.path().parent().filter(|_| local.trust() == Trust::User) {
            // Where it can't be made the top can't be either, and that is told.
            let _ = std::fs::create_dir_all(parent);
        }
        make(CWD, local.path().as_os_str(), local.shown().to_owned(), follow, attributes, settings, troubles)
    }

    /// The top of a tree, if it is there.
    ///
    /// # Errors
    /// What [`Directory::make_top`] would say of something else that is there.
    pub(crate) fn find_top(local: &LocalPath) -> Result<Option<Directory>, Failure> {
        let (path, shown) = (local.path(), local.shown());
        let flags = ACCESS | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = match local.trust() {
            Trust::User => sticky::open_with(path, flags),
            Trust::Server => openat(CWD, path, flags | OFlags::NOFOLLOW, Mode::empty()).map_err(sticky::Error::from),
        };
        found(opened, shown.to_owned(), || path.symlink_metadata().is_ok())
    }

    /// A directory in this one, if it is there.
    ///
    /// # Errors
    /// What [`Directory::make`] would say of something else that is there, or of one that can't be made.
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

    /// Checks that entries may be made and removed in it.
    pub(super) fn may_be_changed(&self) -> Result<(), Errno> {
        accessat(self.descriptor(), ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
    }

    /// A directory in this one: made where it is missing, and no link followed to it.
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

    /// How messages show it.
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
    // While files are put into it, we must be able to.
    let passing = wanted | 0o300;
    let failed = |error: Errno| Failure::new(Act::MakeLocalDirectory, bytes(&shown), error);
    let made = match mkdirat(parent, name, mode(passing)) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(error) => return Err(failed(error)),
    };
    let flags = ACCESS | OFlags::DIRECTORY | OFlags::CLOEXEC | follow;
    let opened = match follow.is_empty() {
        // The user named it by a whole path.
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
