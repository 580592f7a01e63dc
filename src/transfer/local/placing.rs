//! Moves a complete file to its target, without replacing an entry about which no decision was made.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, linkat, renameat, statat, unlinkat};
use rustix::io::Errno;

use crate::transfer::local::place::{Identity, Replaceable};

/// Renames `from` to `to` in a directory. Returns `false`, and changes nothing, if there is an entry that may not be
/// replaced.
pub(crate) fn place(
    directory: BorrowedFd<'_>,
    from: &OsStr,
    to: &OsStr,
    replaceable: Replaceable,
) -> Result<bool, Errno> {
    match replaceable {
        Replaceable::Anything => renameat(directory, from, directory, to).map(|()| true),
        Replaceable::Nothing => place_new(directory, from, to),
        Replaceable::This(identity) => replace(directory, from, to, identity),
    }
}

/// Renames to a name that must be free.
fn place_new(directory: BorrowedFd<'_>, from: &OsStr, to: &OsStr) -> Result<bool, Errno> {
    match rename_new(directory, from, to)
        .or_else(|error| if is_unknown(error) { link(directory, from, to) } else { Err(error) })
    {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        // A file system without hard links (FAT) leaves only a check just before the rename.
        Err(Errno::PERM | Errno::NOTSUP | Errno::MLINK | Errno::NOSYS) if is_free(directory, to) => {
            renameat(directory, from, directory, to).map(|()| true)
        }
        Err(Errno::PERM | Errno::NOTSUP | Errno::MLINK | Errno::NOSYS) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_free(directory: BorrowedFd<'_>, name: &OsStr) -> bool {
    statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_err_and(|error| error == Errno::NOENT)
}

/// Replaces one particular file or link.
fn replace(directory: BorrowedFd<'_>, from: &OsStr, to: &OsStr, identity: Identity) -> Result<bool, Errno> {
    match exchange(directory, from, to) {
        Ok(()) => {}
        // The entry was removed in the meantime.
        Err(Errno::NOENT) => return place_new(directory, from, to),
        Err(error) if is_unknown(error) => {
            // Only a check just before the rename is possible.
            return match is_this(directory, to, identity) {
                true => renameat(directory, from, directory, to).map(|()| true),
                false => place_new(directory, from, to),
            };
        }
        Err(error) => return Err(error),
    }
    let replaced = match is_this(directory, from, identity) {
        // This fails for a directory.
        true => unlinkat(directory, from, AtFlags::empty()).map(|()| true),
        false => Ok(false),
    };
    if replaced != Ok(true) {
        exchange(directory, from, to)?;
    }
    replaced
}

fn is_this(directory: BorrowedFd<'_>, name: &OsStr, identity: Identity) -> bool {
    statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| Identity::of(&stat) == identity)
}

/// Renames a file to a name that must be free, by a hard link.
fn link(directory: BorrowedFd<'_>, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
    linkat(directory, from, directory, to, AtFlags::empty())?;
    unlinkat(directory, from, AtFlags::empty())
}

/// Returns whether the kernel or the file system doesn't know such a rename.
fn is_unknown(error: Errno) -> bool {
    matches!(error, Errno::INVAL | Errno::NOSYS | Errno::NOTSUP)
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_new(directory: BorrowedFd<'_>, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
    rustix::fs::renameat_with(directory, from, directory, to, rustix::fs::RenameFlags::NOREPLACE)
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn exchange(directory: BorrowedFd<'_>, one: &OsStr, other: &OsStr) -> Result<(), Errno> {
    rustix::fs::renameat_with(directory, one, directory, other, rustix::fs::RenameFlags::EXCHANGE)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_new(_directory: BorrowedFd<'_>, _from: &OsStr, _to: &OsStr) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn exchange(_directory: BorrowedFd<'_>, _one: &OsStr, _other: &OsStr) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::os::fd::AsFd;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    /// A way to rename to a name that must be free.
    type Way = fn(BorrowedFd<'_>, &OsStr, &OsStr) -> Result<(), Errno>;

    /// The entry at a path, and how to make it.
    type State = (&'static str, fn(&Path));

    fn identity(path: &Path) -> Identity {
        Identity::of(&rustix::fs::lstat(path).unwrap())
    }

    /// For each pair of entries, at the decision and at the rename, checks that only the first one is replaced.
    #[test]
    fn entries_that_appear_after_the_decision_are_never_replaced() {
        let states: [State; 5] = [
            ("nothing", |_| ()),
            ("a file", |path| fs::write(path, "old").unwrap()),
            ("a longer file", |path| fs::write(path, "older").unwrap()),
            ("a link", |path| symlink("nowhere", path).unwrap()),
            ("a directory", |path| fs::create_dir(path).unwrap()),
        ];
        for (decided, before) in states {
            for (found, after) in states {
                let here = tempfile::tempdir().unwrap();
                let (new, target) = (here.path().join("new"), here.path().join("target"));
                fs::write(&new, "new").unwrap();
                before(&target);
                let is_there = fs::symlink_metadata(&target).is_ok();
                let replaceable = if is_there { Replaceable::This(identity(&target)) } else { Replaceable::Nothing };
                if found != decided {
                    let _ = fs::remove_file(&target).or_else(|_| fs::remove_dir(&target));
                    after(&target);
                }
                // A file can't replace a directory.
                let replaces = (found == decided && found != "a directory") || found == "nothing";
                let kept = rustix::fs::lstat(&target).ok().map(|stat| Identity::of(&stat));
                let directory = File::open(here.path()).unwrap();
                let placed = place(directory.as_fd(), "new".as_ref(), "target".as_ref(), replaceable);
                assert_eq!(placed == Ok(true), replaces, "{decided}, then {found}: {placed:?}");
                if replaces {
                    assert_eq!(fs::read_to_string(&target).unwrap(), "new");
                } else {
                    assert_eq!(Some(identity(&target)), kept, "{decided}, then {found}");
                }
                assert_eq!(new.exists(), !replaces, "{decided}, then {found}: the partial");
            }
        }
    }

    #[test]
    fn no_rename_to_a_new_name_replaces_an_entry() {
        let ways: [Way; 2] = [rename_new, link];
        for way in ways {
            let here = tempfile::tempdir().unwrap();
            let directory = File::open(here.path()).unwrap();
            fs::write(here.path().join("a"), "new").unwrap();
            fs::write(here.path().join("b"), "old").unwrap();
            assert_eq!(way(directory.as_fd(), "a".as_ref(), "b".as_ref()), Err(Errno::EXIST));
            assert_eq!(fs::read_to_string(here.path().join("b")).unwrap(), "old");
            assert_eq!(way(directory.as_fd(), "a".as_ref(), "c".as_ref()), Ok(()));
            assert!(!here.path().join("a").exists());
        }
    }
}
