//! A file, directory or link with which a test's world begins.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// An entry of a directory, by its path below it.
#[derive(Clone, Debug)]
pub struct Entry {
    path: Vec<u8>,
    kind: Kind,
    mode: Option<u32>,
}

#[derive(Clone, Debug)]
enum Kind {
    File(Vec<u8>),
    Directory,
    Link(Vec<u8>),
}

impl Entry {
    /// Creates a file with these contents.
    pub fn file(path: impl AsRef<[u8]>, contents: impl Into<Vec<u8>>) -> Self {
        Self { path: path.as_ref().to_vec(), kind: Kind::File(contents.into()), mode: None }
    }

    /// Creates a file of `size` bytes that look random, but are always the same for one name.
    pub fn sized(path: impl AsRef<[u8]>, size: usize) -> Self {
        let contents = noise(path.as_ref(), size);
        Self::file(path, contents)
    }

    /// Creates a directory.
    pub fn directory(path: impl AsRef<[u8]>) -> Self {
        Self { path: path.as_ref().to_vec(), kind: Kind::Directory, mode: None }
    }

    /// Creates a symbolic link.
    pub fn link(path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        Self { path: path.as_ref().to_vec(), kind: Kind::Link(target.as_ref().to_vec()), mode: None }
    }

    /// Sets these permission bits, whatever the umask.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Moves the entry into a directory.
    #[must_use]
    pub fn beneath(mut self, directory: &str) -> Self {
        self.path.splice(0..0, format!("{directory}/").into_bytes());
        self
    }

    /// Returns the path and the contents, if the entry is a file.
    pub fn contents(&self) -> Option<(&Path, &[u8])> {
        match &self.kind {
            Kind::File(contents) => Some((self.path(), contents)),
            Kind::Directory | Kind::Link(_) => None,
        }
    }

    fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.path))
    }

    /// Creates the entry in `directory`, with the directories on its path.
    pub fn create_in(&self, directory: &Path) {
        let path = directory.join(self.path());
        let parent = path.parent().expect("a path beneath a directory has a parent");
        fs::create_dir_all(parent).unwrap_or_else(|error| panic!("{}: {error}", parent.display()));
        let made = match &self.kind {
            Kind::File(contents) => fs::write(&path, contents),
            Kind::Directory => fs::create_dir_all(&path),
            Kind::Link(target) => symlink(OsStr::from_bytes(target), &path),
        };
        made.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Sets the permission bits, if there are any. Must follow after all entries are created, because one may be
    /// inside another.
    pub fn set_mode_in(&self, directory: &Path) {
        if let Some(mode) = self.mode {
            fs::set_permissions(directory.join(self.path()), fs::Permissions::from_mode(mode)).unwrap();
        }
    }
}

/// Returns `size` bytes that compress badly and differ from those of any other name.
pub fn noise(name: &[u8], size: usize) -> Vec<u8> {
    let mut state = name
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
        | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

impl From<&str> for Entry {
    fn from(path: &str) -> Self {
        match path.strip_suffix('/') {
            Some(directory) => Self::directory(directory),
            None => Self::file(path, format!("This is {path}.\n")),
        }
    }
}

impl From<&String> for Entry {
    fn from(path: &String) -> Self {
        Self::from(path.as_str())
    }
}

impl From<String> for Entry {
    fn from(path: String) -> Self {
        Self::from(path.as_str())
    }
}

impl From<&[u8]> for Entry {
    fn from(path: &[u8]) -> Self {
        Self::file(path, [b"This is ", path, b".\n"].concat())
    }
}

impl<P: AsRef<[u8]>, C: Into<Vec<u8>>> From<(P, C)> for Entry {
    fn from((path, contents): (P, C)) -> Self {
        Self::file(path, contents)
    }
}
