//! Which entries of a tree are moved: patterns by gitignore's rules, ages and sizes.
//!
//! A pattern is matched byte for byte against the path below the top of the tree. An excluded directory is not
//! listed: it costs no request, and nothing in it can be included again.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::remote::Match;
use crate::sftp::{Attributes, FileType};

/// Patterns in order. The last pattern that matches a path decides.
#[derive(Clone, Debug)]
pub struct Rules(Gitignore);

/// Builds [`Rules`] from patterns.
pub struct RulesBuilder(GitignoreBuilder);

/// The part of a tree, or of the matches of a wildcard, that is moved. The default is everything.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The patterns that exclude and include paths.
    pub rules: Option<Arc<Rules>>,
    /// Leave out files that were not modified after this time, in seconds since 1970.
    pub newer_than: Option<i64>,
    /// Leave out files larger than this, in bytes.
    pub most_bytes: Option<u64>,
}

impl RulesBuilder {
    /// Returns a builder without patterns.
    #[must_use]
    pub fn new() -> RulesBuilder {
        RulesBuilder(GitignoreBuilder::new(""))
    }

    /// Excludes the paths that a pattern matches. A `!` before the pattern includes them instead.
    ///
    /// # Errors
    /// Fails if the pattern is malformed, or can't match anything.
    pub fn exclude(&mut self, pattern: &[u8]) -> Result<(), String> {
        // In a file a line that begins so is a comment; a pattern on the command line is not.
        match pattern {
            [b'#', ..] => self.line(&[b"\\", pattern].concat()),
            _ => self.line(pattern),
        }
    }

    /// Includes the paths that a pattern matches, even if an earlier pattern excludes them.
    ///
    /// # Errors
    /// Fails if the pattern is malformed, or can't match anything.
    pub fn include(&mut self, pattern: &[u8]) -> Result<(), String> {
        self.line(&[b"!", pattern].concat())
    }

    /// Adds patterns in the format of a `.gitignore`: one on each line, with empty lines and `#` comments.
    ///
    /// # Errors
    /// Returns the number of the malformed line, from 1, and the reason.
    pub fn file(&mut self, contents: &[u8]) -> Result<(), (usize, String)> {
        let contents = contents.strip_prefix(b"\xef\xbb\xbf").unwrap_or(contents);
        for (number, line) in contents.split(|&byte| byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.trim_ascii().is_empty() && !line.starts_with(b"#") {
                self.line(line).map_err(|why| (number + 1, why))?;
            }
        }
        Ok(())
    }

    fn line(&mut self, pattern: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(pattern)
            .map_err(|_| "a pattern must be UTF-8; ? matches any one character".to_owned())?;
        let bare = text.strip_prefix('!').unwrap_or(text).trim();
        if bare.trim_matches('/').is_empty() {
            // It would match nothing, or in other tools everything. Most likely a variable was never set.
            return Err("a pattern is not empty".to_owned());
        }
        self.0.add_line(None, text).map(drop).map_err(|error| error.to_string())
    }

    /// Returns the rules.
    ///
    /// # Errors
    /// Fails if the patterns together are too large.
    pub fn build(&self) -> Result<Rules, String> {
        self.0.build().map(Rules).map_err(|error| error.to_string())
    }
}

impl Default for RulesBuilder {
    fn default() -> RulesBuilder {
        RulesBuilder::new()
    }
}

impl Selection {
    /// Returns whether the patterns exclude a path below the top of a tree.
    #[must_use]
    pub fn excludes(&self, path: &Path, is_directory: bool) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.0.matched(path, is_directory).is_ignore())
    }

    /// Returns whether a wildcard's match on the server is moved.
    #[must_use]
    pub fn takes_match(&self, found: &Match) -> bool {
        let name = OsStr::from_bytes(found.path.base_name().unwrap_or_default());
        let is_dir = found.attributes.is_dir();
        !self.excludes(Path::new(name), is_dir) && (is_dir || self.objection_to(&found.attributes.followed()).is_none())
    }

    /// Returns whether a wildcard's local match is moved. A file that doesn't exist is; opening it will report the
    /// reason.
    #[must_use]
    pub fn takes_local_match(&self, path: &Path) -> bool {
        if self.is_everything() {
            return true;
        }
        let metadata = path.metadata().ok();
        let is_directory = metadata.as_ref().is_some_and(Metadata::is_dir);
        let is_filtered_out =
            |metadata: &Metadata| self.objection(Some(metadata.len()), Some(metadata.mtime())).is_some();
        !path.file_name().is_some_and(|name| self.excludes(Path::new(name), is_directory))
            && (is_directory || !metadata.as_ref().is_some_and(is_filtered_out))
    }

    /// Returns why a file of this size and time is left out, whatever its name is, or `None` if it is not.
    pub(crate) fn objection(&self, size: Option<u64>, modified: Option<i64>) -> Option<&'static str> {
        if self.most_bytes.is_some_and(|most| size.is_some_and(|size| size > most)) {
            return Some("it is too large");
        }
        let is_old = |moment| modified.is_some_and(|modified| modified <= moment);
        self.newer_than.is_some_and(is_old).then_some("it is too old")
    }

    /// Like [`Selection::objection`], with the attributes of a file on the server.
    pub(crate) fn objection_to(&self, attributes: &Attributes) -> Option<&'static str> {
        self.objection(attributes.size, attributes.times.map(|times| times.modified.into()))
    }

    /// Returns whether an entry of a tree on the server is moved.
    pub(crate) fn takes(&self, path: &[u8], attributes: &Attributes) -> bool {
        let is_regular = attributes.file_type() == Some(FileType::Regular);
        let is_filtered_out = is_regular && self.objection_to(attributes).is_some();
        !is_filtered_out && !self.excludes(Path::new(OsStr::from_bytes(path)), attributes.is_dir())
    }

    /// Returns whether everything is moved.
    pub(crate) fn is_everything(&self) -> bool {
        self.rules.is_none() && self.newer_than.is_none() && self.most_bytes.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(lines: &[&str]) -> Selection {
        let mut builder = RulesBuilder::new();
        for line in lines {
            match line.split_once(' ').unwrap() {
                ("+", pattern) => builder.include(pattern.as_bytes()).unwrap(),
                (_, pattern) => builder.exclude(pattern.as_bytes()).unwrap(),
            }
        }
        Selection { rules: Some(Arc::new(builder.build().unwrap())), ..Selection::default() }
    }

    #[test]
    fn the_last_pattern_that_matches_decides_by_gitignores_rules() {
        for (lines, path, left_out) in [
            (&["- *.o"][..], "a/b.o", true),
            (&["- *.o"], "b.oo", false),
            (&["- *.o", "+ keep.o"], "a/keep.o", false),
            (&["+ keep.o", "- *.o"], "a/keep.o", true),
            (&["- /build"], "build", true),
            (&["- /build"], "a/build", false),
            (&["- a/b"], "a/b", true),
            (&["- a/b"], "c/a/b", false),
            (&["- **/a/b"], "c/a/b", true),
            (&["- dir/"], "dir", false),
            (&["- dir/"], "dir/", true),
            (&["- *", "+ */", "+ *.txt"], "a.txt", false),
            (&["- *", "+ */", "+ *.txt"], "a/", false),
            (&["- *", "+ */", "+ *.txt"], "a.c", true),
            (&["- #x"], "#x", true),
            (&["- !x"], "x", false),
            (&[r"- \*"], "*", true),
            (&[r"- \*"], "a", false),
            (&["- [ab]?"], "bc", true),
        ] {
            let (path, is_directory) = path.strip_suffix('/').map_or((path, false), |path| (path, true));
            assert_eq!(rules(lines).excludes(Path::new(path), is_directory), left_out, "{path} by {lines:?}");
        }
    }

    #[test]
    fn names_are_bytes() {
        let selection = rules(&["- *.bak"]);
        assert!(selection.excludes(Path::new(OsStr::from_bytes(b"d\xff/\xe9.bak")), false));
        assert!(!selection.excludes(Path::new(OsStr::from_bytes(b"\xe9.bac")), false));
    }

    #[test]
    fn malformed_patterns_are_refused() {
        let mut builder = RulesBuilder::new();
        for pattern in [&b""[..], b" ", b"/", b"!", b"!/", b"\xff"] {
            assert!(builder.exclude(pattern).is_err(), "{}", pattern.escape_ascii());
        }
        assert!(builder.include(b"").is_err());
        assert!(builder.exclude(b"{a").is_err());
        assert_eq!(builder.file(b"# comment\n\n*.o\r\n!\n").unwrap_err().0, 4);
    }

    #[test]
    fn files_are_left_out_by_age_and_size() {
        let selection = Selection { newer_than: Some(1000), most_bytes: Some(5), ..Selection::default() };
        for (size, modified, left_out) in [
            (Some(5), Some(1001), false),
            (Some(6), Some(1001), true),
            (Some(5), Some(1000), true),
            (None, None, false),
        ] {
            assert_eq!(selection.objection(size, modified).is_some(), left_out, "{size:?} {modified:?}");
        }
    }
}
