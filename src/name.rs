//! Names on the server: paths from a person or from the protocol, and vetted names of entries.
//!
//! Names are bytes and need not be UTF-8. The type shows what was checked: an [`EntryName`] can be joined to a local
//! directory without leaving it, which is not true of any other name from a server.

mod byte_strings;
mod entry_names;
mod paths;

pub use self::byte_strings::ByteStrings;
pub use self::entry_names::EntryNames;
pub use self::paths::{Paths, RemotePaths};

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::hash::{Hash, Hasher};
use std::os::unix::ffi::OsStrExt;

/// A path on the server: any bytes except NUL, absolute or relative to a working directory.
///
/// A path from the server is complete, whatever it looks like, because not every server's paths begin with a slash
/// (`C:/Users/x`, `SYS$USER:[X]`). So is every path that is built from it. Two paths are equal if their bytes are.
#[derive(Clone, Debug)]
pub struct RemotePath {
    bytes: Vec<u8>,
    /// True if the path is complete without a working directory, even if it doesn't begin with a slash.
    is_whole: bool,
}

impl PartialEq for RemotePath {
    fn eq(&self, other: &RemotePath) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for RemotePath {}

impl PartialOrd for RemotePath {
    fn partial_cmp(&self, other: &RemotePath) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RemotePath {
    fn cmp(&self, other: &RemotePath) -> Ordering {
        self.bytes.cmp(&other.bytes)
    }
}

impl Hash for RemotePath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

/// The longest name of an entry in bytes. Linux allows names of 255 bytes and paths of 4,096.
pub const LONGEST_NAME: usize = 4096;

/// How many bytes of an overlong name are kept.
const LONGEST_SHOWN: usize = 64;

/// A path or a name that is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// POSIX ends a path at NUL, so the server would act on another path than the requested one.
    #[error("a name can't hold a NUL byte")]
    Nul,
    /// The name of an entry is empty.
    #[error("an entry's name is empty")]
    Empty,
    /// `.` and `..` name other directories, not entries.
    #[error("an entry is named \"{}\"", .0.escape_ascii())]
    Dots(Vec<u8>),
    /// A name with a slash leads out of its directory.
    #[error("an entry's name holds a slash: \"{}\"", .0.escape_ascii())]
    Slash(Vec<u8>),
    /// The name is longer than on any file system. Holds its beginning.
    #[error("an entry's name is longer than {LONGEST_NAME} bytes: \"{}…\"", .0.escape_ascii())]
    TooLong(Vec<u8>),
}

impl RemotePath {
    /// Takes a path from a person.
    ///
    /// # Errors
    /// [`InvalidName::Nul`], because no path can contain a NUL byte.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<RemotePath, InvalidName> {
        let bytes = bytes.into();
        if bytes.contains(&0) {
            return Err(InvalidName::Nul);
        }
        Ok(RemotePath { bytes, is_whole: false })
    }

    /// Takes a path from the server, or one that begins with such a path. It is complete without a working directory.
    ///
    /// # Errors
    /// [`InvalidName::Nul`], because no path can contain a NUL byte.
    pub fn from_server(bytes: impl Into<Vec<u8>>) -> Result<RemotePath, InvalidName> {
        Ok(RemotePath { is_whole: true, ..RemotePath::new(bytes)? })
    }

    /// Returns the root directory.
    #[must_use]
    pub fn root() -> RemotePath {
        RemotePath { bytes: b"/".to_vec(), is_whole: true }
    }

    /// Returns `.`, the directory itself.
    #[must_use]
    pub fn dot() -> RemotePath {
        RemotePath { bytes: b".".to_vec(), is_whole: false }
    }

    /// Returns the bytes that go over the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns whether the path is complete without a working directory: it starts at the root, or came from the
    /// server.
    #[must_use]
    pub fn is_absolute(&self) -> bool {
        self.is_whole || self.begins_with_slash()
    }

    /// Returns whether the path starts at POSIX's root.
    #[must_use]
    pub fn begins_with_slash(&self) -> bool {
        self.bytes.starts_with(b"/")
    }

    /// Returns whether a person's path is complete without this directory: it starts at the root, or both start with a
    /// root that is not POSIX's, such as a drive.
    #[must_use]
    pub fn sees_as_absolute(&self, path: &[u8]) -> bool {
        path.starts_with(b"/") || !self.begins_with_slash() && has_foreign_root(&self.bytes) && has_foreign_root(path)
    }

    /// Returns the path of the entry `name` in this directory.
    #[must_use]
    pub fn join<'a>(&self, name: impl Into<EntryNameRef<'a>>) -> RemotePath {
        self.with_suffix(name.into().as_bytes())
    }

    /// Resolves `path` against this directory. Returns `path` itself if it is absolute, and otherwise this path, a
    /// slash and `path`, like sftp(1).
    #[must_use]
    pub fn resolve(&self, path: &RemotePath) -> RemotePath {
        match path.is_whole || self.sees_as_absolute(&path.bytes) {
            true => RemotePath { bytes: path.bytes.clone(), is_whole: true },
            false => self.with_suffix(&path.bytes),
        }
    }

    /// Returns the last component, ignoring trailing slashes: `b` of `a/b/`, `None` for `/`. It may be `.` or `..`.
    #[must_use]
    pub fn base_name(&self) -> Option<&[u8]> {
        let end = self.bytes.iter().rposition(|&byte| byte != b'/')? + 1;
        let start = self.bytes[..end].iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        Some(&self.bytes[start..end])
    }

    /// Returns the directory of the last component: `a` of `a/b/`, `/` of `/a`, `.` of `a`, `None` for `/`.
    #[must_use]
    pub fn parent(&self) -> Option<RemotePath> {
        let name = self.base_name()?;
        let end = self.bytes.iter().rposition(|&byte| byte != b'/')? + 1 - name.len();
        let kept = self.bytes[..end].iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
        let bytes = match (kept, end) {
            (0, 0) => b".".to_vec(),
            (0, _) => b"/".to_vec(),
            _ => self.bytes[..kept].to_vec(),
        };
        Some(RemotePath { bytes, is_whole: self.is_whole })
    }

    /// Returns the path without slashes at its end, which would make the server follow a link: `a` of `a//`, `/` of
    /// `//`.
    #[must_use]
    pub fn without_trailing_slashes(&self) -> RemotePath {
        let kept = usize::from(self.begins_with_slash());
        let end = self.bytes.iter().rposition(|&byte| byte != b'/').map_or(kept, |last| last + 1);
        RemotePath { bytes: self.bytes[..end].to_vec(), is_whole: self.is_whole }
    }

    /// Returns the path with a slash at its end, as sftp(1) names a directory.
    #[must_use]
    pub fn with_trailing_slash(&self) -> RemotePath {
        if self.bytes.ends_with(b"/") { self.clone() } else { self.with_suffix(b"") }
    }

    fn with_suffix(&self, suffix: &[u8]) -> RemotePath {
        let mut bytes = self.bytes.clone();
        if !bytes.is_empty() && !bytes.ends_with(b"/") {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(suffix);
        RemotePath { bytes, is_whole: self.is_whole }
    }
}

/// Returns whether a path starts with a root other than POSIX's: a drive (`C:`, `C:/x`), a share (`\\server`), or a
/// device of VMS (`SYS$USER:[JOE]`).
fn has_foreign_root(path: &[u8]) -> bool {
    let is_drive = match path {
        [letter, b':'] | [letter, b':', b'/' | b'\\', ..] => letter.is_ascii_alphabetic(),
        _ => false,
    };
    is_drive || path.starts_with(b"\\\\") || path.windows(2).any(|pair| pair == b":[")
}

/// The vetted name of an entry in a directory on the server: not empty, not `.` or `..`, without slash and NUL, at
/// most [`LONGEST_NAME`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName(Vec<u8>);

/// Like [`EntryName`], but borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryNameRef<'a>(&'a [u8]);

impl EntryName {
    /// Vets a name.
    ///
    /// # Errors
    /// As [`EntryNameRef::vet`].
    pub fn vet(bytes: impl Into<Vec<u8>>) -> Result<EntryName, InvalidName> {
        let bytes = bytes.into();
        EntryNameRef::vet(&bytes)?;
        Ok(EntryName(bytes))
    }

    /// Returns the name's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the name for a local directory entry.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }
}

impl<'a> EntryNameRef<'a> {
    /// Vets a name. This is the only way from a server's bytes to a name that may be joined to a local path.
    ///
    /// # Errors
    /// The name would lead elsewhere than to an entry of its directory.
    pub fn vet(name: &'a [u8]) -> Result<EntryNameRef<'a>, InvalidName> {
        match name {
            _ if name.len() > LONGEST_NAME => Err(InvalidName::TooLong(name[..LONGEST_SHOWN].to_vec())),
            [] => Err(InvalidName::Empty),
            b"." | b".." => Err(InvalidName::Dots(name.to_vec())),
            _ if name.contains(&0) => Err(InvalidName::Nul),
            _ if name.contains(&b'/') => Err(InvalidName::Slash(name.to_vec())),
            _ => Ok(EntryNameRef(name)),
        }
    }

    /// Returns the name's bytes.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> From<&'a EntryName> for EntryNameRef<'a> {
    fn from(name: &'a EntryName) -> EntryNameRef<'a> {
        EntryNameRef(&name.0)
    }
}

impl From<EntryNameRef<'_>> for EntryName {
    fn from(name: EntryNameRef<'_>) -> EntryName {
        EntryName(name.0.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RemotePath {
        RemotePath::new(text).unwrap()
    }

    #[test]
    fn base_name_and_parent_split_a_path_as_posix_does() {
        for (whole, parent, base) in [
            ("a", Some("."), Some("a")),
            ("a/b", Some("a"), Some("b")),
            ("a/b/", Some("a"), Some("b")),
            ("a//b", Some("a"), Some("b")),
            ("/a", Some("/"), Some("a")),
            ("//a", Some("/"), Some("a")),
            ("/a/b/..", Some("/a/b"), Some("..")),
            ("/", None, None),
            ("", None, None),
        ] {
            assert_eq!(path(whole).parent(), parent.map(path), "parent of {whole:?}");
            assert_eq!(path(whole).base_name(), base.map(str::as_bytes), "base name of {whole:?}");
        }
    }

    #[test]
    fn resolve_keeps_absolute_paths_and_appends_relative_ones() {
        for (directory, given, resolved) in [
            ("/srv", "a", "/srv/a"),
            ("/", "a", "/a"),
            ("/srv", "/a", "/a"),
            ("/srv/", "..", "/srv/.."),
            ("", "a", "a"),
            ("/srv", "C:/x", "/srv/C:/x"),
            ("/C:/Users/x", "D:/y", "/C:/Users/x/D:/y"),
        ] {
            assert_eq!(path(directory).resolve(&path(given)), path(resolved));
        }
    }

    #[test]
    fn a_path_of_the_server_is_whole_and_so_is_what_is_made_of_it() {
        for home in
            ["C:/Users/My Name", "SYS$USER:[JOE]", "\\\\server\\share", "/C:/x", "//'JOE.FILES", "home/joe", "."]
        {
            let home = RemotePath::from_server(home).unwrap();
            let below = home.join(&EntryName::vet("a").unwrap());
            let made = [
                home.resolve(&path("a/b")),
                below.parent().unwrap(),
                below.with_trailing_slash(),
                below.with_trailing_slash().without_trailing_slashes(),
                below.clone(),
                home.clone(),
            ];
            for path in made {
                assert_eq!(home.resolve(&path), path);
                assert_eq!(RemotePath::root().resolve(&path), path);
            }
            assert_eq!(below.as_bytes(), [home.as_bytes(), b"/a"].concat());
        }
    }

    #[test]
    fn where_paths_begin_with_a_drive_so_may_a_typed_one() {
        for (directory, given, resolved) in [
            ("C:/Users/x", "D:/y", "D:/y"),
            ("C:/Users/x", "d:\\y", "d:\\y"),
            ("C:/Users/x", "D:", "D:"),
            ("C:/Users/x", "\\\\server\\y", "\\\\server\\y"),
            ("C:/Users/x", "/C:/y", "/C:/y"),
            ("C:/Users/x", "D:y", "C:/Users/x/D:y"),
            ("C:/Users/x", "DD:/y", "C:/Users/x/DD:/y"),
            ("SYS$USER:[JOE]", "SYS$USER:[ANN]a", "SYS$USER:[ANN]a"),
            ("SYS$USER:[JOE]", "a", "SYS$USER:[JOE]/a"),
            ("home/joe", "C:/x", "home/joe/C:/x"),
        ] {
            let directory = RemotePath::from_server(directory).unwrap();
            assert_eq!(directory.resolve(&path(given)), path(resolved), "{given} from {directory:?}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["", ".", "..", "a/b", "/etc/passwd", "../evil", "nul\0x"] {
            assert!(EntryName::vet(name).is_err(), "{name:?}");
        }
        for name in ["a", "...", ".profile", "a\\b", "-rf", "\u{1b}[2K", "*"] {
            assert_eq!(EntryName::vet(name).unwrap().as_bytes(), name.as_bytes());
        }
        assert_eq!(RemotePath::new("a\0b"), Err(InvalidName::Nul));
    }

    #[test]
    fn a_name_is_4096_bytes_long_at_most() {
        assert!(EntryName::vet(vec![b'n'; LONGEST_NAME]).is_ok());
        for length in [LONGEST_NAME + 1, 200_000] {
            let shown = vec![b'n'; LONGEST_SHOWN];
            assert_eq!(EntryName::vet(vec![b'n'; length]), Err(InvalidName::TooLong(shown)), "{length}");
        }
    }
}
