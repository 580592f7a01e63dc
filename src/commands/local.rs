//! The local working directory, which is kept apart from that of the process.
//!
//! `lcd` does not change the process's directory, so the paths of transfers in the background stay valid, and tests
//! can run in parallel.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::sticky;

/// The local working directory, the base of relative local paths. Always absolute, and without symbolic links when it
/// was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalDirectory(PathBuf);

impl LocalDirectory {
    /// Returns the process's own working directory, in which a session starts.
    ///
    /// # Errors
    /// It was removed, or can't be read.
    pub fn current() -> io::Result<LocalDirectory> {
        std::env::current_dir().map(LocalDirectory)
    }

    /// Returns a given directory.
    ///
    /// # Errors
    /// It does not exist, is not a directory, or may not be entered.
    pub fn open(path: &Path) -> io::Result<LocalDirectory> {
        let directory = sticky::follow(path)?.canonicalize()?;
        if !directory.metadata()?.is_dir() {
            return Err(rustix::io::Errno::NOTDIR.into());
        }
        access(&directory, Access::EXEC_OK)?;
        Ok(LocalDirectory(directory))
    }

    /// Returns the directory's absolute path, which is also the `current_dir` for child processes.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns a path relative to this directory as an absolute one; an absolute path stays as it is.
    #[must_use]
    pub fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.0.join(path)
    }

    /// Changes to another directory. On failure, the directory stays unchanged.
    ///
    /// # Errors
    /// It does not exist, is not a directory, or may not be entered.
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
