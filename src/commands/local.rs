//! The local working directory, which is ours and not the process's.
//!
//! `lcd` leaves the process where it is: transfers behind the prompt keep their paths, and tests run side by side.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::sticky;

/// The local working directory: where relative local paths start. Always absolute, and free of links when it was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalDirectory(PathBuf);

impl LocalDirectory {
    /// The process's own working directory, where a session starts.
    ///
    /// # Errors
    /// It was removed, or can't be read.
    pub fn current() -> io::Result<LocalDirectory> {
        std::env::current_dir().map(LocalDirectory)
    }

    /// A given directory.
    ///
    /// # Errors
    /// It does not exist, is no directory, or may not be entered.
    pub fn open(path: &Path) -> io::Result<LocalDirectory> {
        let directory = sticky::follow(path)?.canonicalize()?;
        if !directory.metadata()?.is_dir() {
            return Err(rustix::io::Errno::NOTDIR.into());
        }
        access(&directory, Access::EXEC_OK)?;
        Ok(LocalDirectory(directory))
    }

    /// The directory's absolute path; also what a child's `current_dir` is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A path as seen from here: itself when absolute.
    #[must_use]
    pub fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.0.join(path)
    }

    /// Goes to another directory; stays here when that fails.
    ///
    /// # Errors
    /// It does not exist, is no directory, or may not be entered.
    pub fn change(&mut self, path: impl AsRef<Path>) -> io::Result<()> {
        *self = LocalDirectory::open(&self.resolve(path))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_directory_can_be_entered_and_the_process_stays() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("a")).unwrap();
        std::fs::write(root.path().join("file"), "").unwrap();
        let process = std::env::current_dir().unwrap();
        let mut here = LocalDirectory::open(root.path()).unwrap();
        here.change("a").unwrap();
        assert!(here.path().ends_with("a"));
        assert_eq!(here.resolve("b"), here.path().join("b"));
        assert_eq!(here.change("../file").unwrap_err().kind(), io::ErrorKind::NotADirectory);
        assert_eq!(here.change("nowhere").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(here.path().ends_with("a"));
        assert_eq!(std::env::current_dir().unwrap(), process);
    }
}
