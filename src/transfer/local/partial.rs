//! The partial file, which holds a download beside its target until the download is complete.
//!
//! The name is a hash of the source, so that a later resume finds the file and never takes it for a part of another.
//! Other users may write to the directory, so a file with that name is used only if it certainly belongs to this user
//! alone.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rustix::fs::{
    AtFlags, FileType, FlockOperation, Mode, OFlags, Stat, fchmod, flock, fstat, ftruncate, openat, statat,
};
use rustix::io::Errno;
use rustix::process::geteuid;
use sha2::{Digest, Sha256};

use crate::name::RemotePath;
use crate::sftp::Attributes;

/// The longest name of an entry on common file systems, in bytes.
const MOST_NAME_BYTES: usize = 255;

const SUFFIX: &[u8] = b".sftpsh-part";

/// Digits of the hash in a name: 64 bits, so that no two files get the same by chance.
const HASH_DIGITS: usize = 16;

/// Attempts to open a partial file that other runs rename or remove in the meantime.
const ATTEMPTS: usize = 8;

/// A partial file: open, locked, and this user's own.
pub(crate) struct Partial {
    pub(crate) name: OsString,
    pub(crate) file: File,
    /// True if a later run can find the file by its name. A random name is known to this run only.
    pub(crate) is_known: bool,
    /// The length that an earlier run left, in bytes.
    pub(crate) length: u64,
}

/// Returns the name of the partial file for a target, a server and a source.
pub(crate) fn name(target: &OsStr, server: &[u8], path: &RemotePath, attributes: &Attributes) -> OsString {
    let mut hash = Sha256::new();
    let size = attributes.size.map(u64::to_be_bytes).unwrap_or_default();
    let time = attributes.times.map(|times| times.modified.to_be_bytes()).unwrap_or_default();
    for field in [server, path.as_bytes(), &size, &time] {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field);
    }
    let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    compose(target.as_bytes(), &digits.as_bytes()[..HASH_DIGITS])
}

/// Returns a name that cannot be guessed.
pub(crate) fn random_name(target: &OsStr) -> OsString {
    use std::hash::{BuildHasher, RandomState};
    // Each word is derived from random keys of the process.
    let word = || RandomState::new().hash_one(std::process::id());
    compose(target.as_bytes(), format!("{:016x}", word() ^ word().rotate_left(32)).as_bytes())
}

/// Returns `.NAME.HASH.sftpsh-part`. A NAME that is too long is cut, but not within a character.
fn compose(target: &[u8], hash: &[u8]) -> OsString {
    let room = MOST_NAME_BYTES - SUFFIX.len() - hash.len() - 2;
    let mut end = target.len().min(room);
    if end < target.len() && std::str::from_utf8(target).is_ok() {
        while target[end] & 0xc0 == 0x80 {
            end -= 1;
        }
    }
    OsString::from_vec([b".", &target[..end], b".", hash, SUFFIX].concat())
}

/// Opens the partial file with this name, or one with a random name if that file doesn't certainly belong to this
/// user alone. `keep` is true if its bytes are to be continued.
pub(crate) fn open(directory: BorrowedFd<'_>, target: &OsStr, name: &OsStr, keep: bool) -> Result<Partial, Errno> {
    for _ in 0..ATTEMPTS {
        match open_known(directory, name, keep)? {
            Found::Ours(file, length) => {
                return Ok(Partial { name: name.to_owned(), file, is_known: true, length });
            }
            Found::Gone => {}
            Found::NotOurs => break,
        }
    }
    let mut name = random_name(target);
    let exclusively = |name: &OsStr| openat(directory, name, flags() | OFlags::EXCL, Mode::RUSR | Mode::WUSR);
    let file = match exclusively(&name) {
        Err(Errno::NAMETOOLONG) => {
            name = random_name(OsStr::new(""));
            exclusively(&name)?.into()
        }
        opened => opened?.into(),
    };
    Ok(Partial { name, file, is_known: false, length: 0 })
}

enum Found {
    Ours(File, u64),
    /// Another run has just renamed or removed it.
    Gone,
    NotOurs,
}

fn flags() -> OFlags {
    // Not blocking: the file may be a FIFO of another user.
    OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK
}

fn open_known(directory: BorrowedFd<'_>, name: &OsStr, keep: bool) -> Result<Found, Errno> {
    // Usually there is no such file, and a new one needs fewer checks.
    match openat(directory, name, flags() | OFlags::EXCL, Mode::RUSR | Mode::WUSR) {
        Ok(file) => return lock_fresh(directory, name, file),
        Err(Errno::EXIST) => {}
        Err(error) => return refused(directory, name, error),
    }
    let file = match openat(directory, name, flags(), Mode::RUSR | Mode::WUSR) {
        Ok(file) => file,
        Err(error) => return refused(directory, name, error),
    };
    let stat = fstat(&file)?;
    if !is_ours_alone(&stat) || !is_locked(&file) {
        return Ok(Found::NotOurs);
    }
    if !is_still(directory, name, &stat) {
        return Ok(Found::Gone);
    }
    fchmod(&file, Mode::RUSR | Mode::WUSR)?;
    if !keep {
        ftruncate(&file, 0)?;
    }
    // The length is read again: the file may have grown until this run got the lock.
    let length = fstat(&file)?.st_size;
    Ok(Found::Ours(file.into(), u64::try_from(length).unwrap_or(0)))
}

fn lock_fresh(directory: BorrowedFd<'_>, name: &OsStr, file: OwnedFd) -> Result<Found, Errno> {
    if !is_locked(&file) {
        return Ok(Found::NotOurs);
    }
    let stat = fstat(&file)?;
    Ok(if is_still(directory, name, &stat) { Found::Ours(file.into(), 0) } else { Found::Gone })
}

/// Sorts an error of `open`: another user's file has the name, or no file can be made here at all.
fn refused(directory: BorrowedFd<'_>, name: &OsStr, error: Errno) -> Result<Found, Errno> {
    match error {
        // Some file systems only have shorter names.
        Errno::NAMETOOLONG => Ok(Found::NotOurs),
        Errno::LOOP | Errno::ISDIR | Errno::NXIO | Errno::ACCESS | Errno::PERM | Errno::MLINK
            if statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() =>
        {
            Ok(Found::NotOurs)
        }
        error => Err(error),
    }
}

/// Locks the file. This fails if another run writes it, or if the file system has no locks.
fn is_locked(file: &OwnedFd) -> bool {
    flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
}

/// Returns whether the name still belongs to this file: until it was locked, another run may have renamed it.
fn is_still(directory: BorrowedFd<'_>, name: &OsStr, stat: &Stat) -> bool {
    statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|now| now.st_dev == stat.st_dev && now.st_ino == stat.st_ino)
}
/// Returns whether this is a regular file that belongs to this user and has no other name.
fn is_ours_alone(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && stat.st_uid == geteuid().as_raw()
        && stat.st_nlink == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sftp::Times;
    use std::fs;
    use std::os::fd::AsFd;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn attributes(size: u64, modified: u32) -> Attributes {
        Attributes { size: Some(size), times: Some(Times { accessed: 0, modified }), ..Attributes::default() }
    }

    fn named(target: &str, server: &str, path: &str, size: u64, modified: u32) -> OsString {
        name(OsStr::new(target), server.as_bytes(), &RemotePath::new(path).unwrap(), &attributes(size, modified))
    }

    #[test]
    fn the_name_depends_on_server_and_source() {
        let first = named("a.txt", "h", "/a.txt", 5, 7);
        let text = first.to_str().unwrap();
        assert!(text.starts_with(".a.txt.") && text.ends_with(".sftpsh-part"), "{text}");
        assert_eq!(first, named("a.txt", "h", "/a.txt", 5, 7));
        for other in [
            named("a.txt", "h2", "/a.txt", 5, 7),
            named("a.txt", "h", "/b/a.txt", 5, 7),
            named("a.txt", "h", "/a.txt", 6, 7),
            named("a.txt", "h", "/a.txt", 5, 8),
            // Moving a byte from one field to the next changes the hash.
            named("a.txt", "h/", "a.txt", 5, 7),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn a_name_that_gets_too_long_is_shortened_between_characters() {
        for target in ["x".repeat(255), "ü".repeat(127), format!("x{}", "ü".repeat(127))] {
            let name = named(&target, "h", "/a", 1, 1);
            assert!(name.len() <= 255 && name.len() >= 253, "{}", name.len());
            assert!(name.to_str().is_some(), "cut within a character");
            assert!(name.as_bytes().ends_with(SUFFIX));
        }
    }

    /// Opens the partial file `.p` in a directory that `prepare` has filled.
    fn open_in(prepare: impl Fn(&std::path::Path), keep: bool) -> (tempfile::TempDir, Partial) {
        let here = tempfile::tempdir().unwrap();
        prepare(here.path());
        let directory = File::open(here.path()).unwrap();
        let partial = open(directory.as_fd(), OsStr::new("p"), OsStr::new(".p"), keep).unwrap();
        (here, partial)
    }

    #[test]
    fn a_fresh_partial_file_is_private() {
        let (_here, partial) = open_in(|_| {}, false);
        assert_eq!(partial.file.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
        assert!(partial.is_known && partial.length == 0);
    }

    #[test]
    fn a_partial_file_of_an_earlier_run_is_continued_or_emptied() {
        let left = |here: &std::path::Path| fs::write(here.join(".p"), "left").unwrap();
        assert_eq!(open_in(left, true).1.length, 4);
        let (_here, emptied) = open_in(left, false);
        assert_eq!((emptied.length, emptied.file.metadata().unwrap().len()), (0, 0));
    }

    #[test]
    fn files_of_others_under_its_name_are_not_touched() {
        let victim = |here: &std::path::Path| fs::write(here.join("victim"), "kept").unwrap();
        type Plant = fn(&std::path::Path);
        let cases: [(&str, Plant); 4] = [
            ("a link", |here| symlink("victim", here.join(".p")).unwrap()),
            ("a second name", |here| fs::hard_link(here.join("victim"), here.join(".p")).unwrap()),
            ("a directory", |here| fs::create_dir(here.join(".p")).unwrap()),
            ("a FIFO", |here| {
                let status = std::process::Command::new("mkfifo").arg(here.join(".p")).status().unwrap();
                assert!(status.success());
            }),
        ];
        for (what, plant) in cases {
            let (here, partial) = open_in(
                |here| {
                    victim(here);
                    plant(here)
                },
                false,
            );
            assert!(!partial.is_known, "{what} was taken for our partial");
            assert_eq!(fs::read(here.path().join("victim")).unwrap(), b"kept", "{what}");
        }
    }

    #[test]
    fn a_partial_file_of_a_running_transfer_is_left_alone() {
        let (here, first) = open_in(|_| {}, false);
        let directory = File::open(here.path()).unwrap();
        let second = open(directory.as_fd(), OsStr::new("p"), OsStr::new(".p"), true).unwrap();
        assert!(first.is_known && !second.is_known);
        assert_ne!(first.name, second.name);
    }
}
