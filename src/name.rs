//! Names on the server: paths as a person or the protocol gives them, and single entries that passed vetting.
//!
//! Names are bytes, never assumed to be UTF-8. The type says what was checked: an [`EntryName`] can be joined to a
//! local directory without leaving it, any other name from a server can not.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A path on the server: any bytes but NUL, absolute or relative to a working directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RemotePath(Vec<u8>);

/// The longest name of an entry in bytes. Linux knows names of 255 bytes and paths of 4,096.
pub const LONGEST_NAME: usize = 4096;

/// Bytes that are kept of a name that is too long.
const LONGEST_SHOWN: usize = 64;

/// A path or a name that can't be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitName {
    /// POSIX ends a path at NUL, so the server would act on another path than the one that was asked for.
    #[error("a name can't hold a NUL byte")]
    Nul,
    /// An entry without a name.
    #[error("an entry's name is empty")]
    Empty,
    /// `.` and `..` are no entries of their own.
    #[error("an entry is named \"{}\"", .0.escape_ascii())]
    Dots(Vec<u8>),
    /// A name with a slash leads out of its directory.
    #[error("an entry's name holds a slash: \"{}\"", .0.escape_ascii())]
    Slash(Vec<u8>),
    /// A name that is longer than any file system's, with its beginning.
    #[error("an entry's name is longer than {LONGEST_NAME} bytes: \"{}…\"", .0.escape_ascii())]
    TooLong(Vec<u8>),
}

impl RemotePath {
    /// Takes a path as it stands.
    ///
    /// # Errors
    /// [`UnfitName::Nul`]: no path holds a NUL byte.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<RemotePath, UnfitName> {
        let bytes = bytes.into();
        if bytes.contains(&0) {
            return Err(UnfitName::Nul);
        }
        Ok(RemotePath(bytes))
    }

    /// The root directory.
    #[must_use]
    pub fn root() -> RemotePath {
        RemotePath(b"/".to_vec())
    }

    /// The directory itself: `.`.
    #[must_use]
    pub fn dot() -> RemotePath {
        RemotePath(b".".to_vec())
    }

    /// The path as it goes over the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the path starts at the root.
    #[must_use]
    pub fn is_absolute(&self) -> bool {
        self.0.starts_with(b"/")
    }

    /// The entry `name` of this directory.
    #[must_use]
    pub fn join(&self, name: &EntryName) -> RemotePath {
        self.with_suffix(&name.0)
    }

    /// `path` as seen from this directory: itself when absolute, else this path, a slash and `path`, as sftp(1) builds it.
    #[must_use]
    pub fn resolve(&self, path: &RemotePath) -> RemotePath {
        if path.is_absolute() { path.clone() } else { self.with_suffix(&path.0) }
    }

    /// The last component, trailing slashes aside: `b` of `a/b/`, nothing of `/`. It may be `.` or `..`.
    #[must_use]
    pub fn base_name(&self) -> Option<&[u8]> {
        let end = self.0.iter().rposition(|&byte| byte != b'/')? + 1;
        let start = self.0[..end].iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        Some(&self.0[start..end])
    }

    /// The directory that holds the last component: `a` of `a/b/`, `/` of `/a`, `.` of `a`, nothing of `/`.
    #[must_use]
    pub fn parent(&self) -> Option<RemotePath> {
        let name = self.base_name()?;
        let end = self.0.iter().rposition(|&byte| byte != b'/')? + 1 - name.len();
        let kept = self.0[..end].iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
        Some(match (kept, end) {
            (0, 0) => RemotePath::dot(),
            (0, _) => RemotePath::root(),
            _ => RemotePath(self.0[..kept].to_vec()),
        })
    }

    /// The path without the slashes at its end, which would have the server follow a link: `a` of `a//`, `/` of `//`.
    #[must_use]
    pub fn without_trailing_slashes(&self) -> RemotePath {
        let end =
            self.0.iter().rposition(|&byte| byte != b'/').map_or(usize::from(self.is_absolute()), |last| last + 1);
        RemotePath(self.0[..end].to_vec())
    }

    fn with_suffix(&self, suffix: &[u8]) -> RemotePath {
        let mut joined = self.0.clone();
        if !joined.is_empty() && !joined.ends_with(b"/") {
            joined.push(b'/');
        }
        joined.extend_from_slice(suffix);
        RemotePath(joined)
    }
}

/// The name of one entry of a directory, as the server listed it, after vetting: not empty, not `.` or `..`, no slash, no NUL,
/// no more than [`LONGEST_NAME`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName(Vec<u8>);

impl EntryName {
    /// The only way from a server's bytes to a name that may be joined to a local path.
    ///
    /// # Errors
    /// The name would lead somewhere else than to an entry of the directory it was listed in.
    pub fn vet(bytes: impl Into<Vec<u8>>) -> Result<EntryName, UnfitName> {
        let mut bytes = bytes.into();
        match bytes.as_slice() {
            name if name.len() > LONGEST_NAME => {
                bytes.truncate(LONGEST_SHOWN);
                bytes.shrink_to_fit();
                Err(UnfitName::TooLong(bytes))
            }
            [] => Err(UnfitName::Empty),
            b"." | b".." => Err(UnfitName::Dots(bytes)),
            name if name.contains(&0) => Err(UnfitName::Nul),
            name if name.contains(&b'/') => Err(UnfitName::Slash(bytes)),
            _ => Ok(EntryName(bytes)),
        }
    }

    /// The name's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name for a local directory entry.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
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
        ] {
            assert_eq!(path(directory).resolve(&path(given)), path(resolved));
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
        assert_eq!(RemotePath::new("a\0b"), Err(UnfitName::Nul));
    }

    #[test]
    fn a_name_is_4096_bytes_long_at_most() {
        assert!(EntryName::vet(vec![b'n'; LONGEST_NAME]).is_ok());
        for length in [LONGEST_NAME + 1, 200_000] {
            let shown = vec![b'n'; LONGEST_SHOWN];
            assert_eq!(EntryName::vet(vec![b'n'; length]), Err(UnfitName::TooLong(shown)), "{length}");
        }
    }
}
