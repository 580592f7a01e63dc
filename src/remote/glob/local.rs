//! Expands patterns to the local paths that match them.

use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::name::{ByteStrings, Paths};
use crate::remote::glob::{Component, ComponentKind, Pattern};

/// How many levels `**` descends: as many as a walk on the server.
const MAX_DEPTH: usize = crate::remote::MAX_DEPTH;

/// Returns the local paths that match a pattern, sorted bytewise. They are relative if the pattern is relative.
///
/// Relative patterns start at `base`. Without a match, the result is the pattern's text, as for sftp(1)'s put:
/// opening it then fails with the right error. Directories that can't be read contain no matches.
#[must_use]
pub fn local_glob(pattern: &Pattern, base: &Path) -> Paths {
    let mut matches = Paths::default();
    if !pattern.is_literal() {
        let mut search = Search { pattern, base, matches: &mut matches };
        search.advance(&Candidate { path: Vec::new(), next: 0, levels: 0 });
    }
    if matches.is_empty() {
        matches.push(&pattern.text());
    }
    matches.pick(&matches.sorted())
}

struct Search<'a> {
    pattern: &'a Pattern,
    base: &'a Path,
    matches: &'a mut Paths,
}

struct Candidate {
    path: Vec<u8>,
    next: usize,
    levels: usize,
}

impl Search<'_> {
    fn child(&self, candidate: &Candidate, component: &Component, name: &[u8], next: usize) -> Candidate {
        let mut path = candidate.path.clone();
        self.pattern.append(&mut path, component, name);
        Candidate { path, next, levels: candidate.levels }
    }

    fn advance(&mut self, candidate: &Candidate) {
        let components = self.pattern.components();
        let at = candidate.next;
        match components.get(at) {
            None => self.check(candidate),
            Some(component) => match &component.kind {
                ComponentKind::Literal(name) => self.advance(&self.child(candidate, component, name, at + 1)),
                ComponentKind::Names(_) => self.names(candidate, component, at + 1),
                ComponentKind::Descend => {
                    if at + 1 == components.len() {
                        self.names(candidate, component, at + 1);
                    } else {
                        self.advance(&Candidate { path: candidate.path.clone(), next: at + 1, ..*candidate });
                    }
                    self.descend(candidate, component);
                }
            },
        }
    }

    fn names(&mut self, candidate: &Candidate, component: &Component, next: usize) {
        let is_last = next == self.pattern.components().len() && self.pattern.trailing_slashes() == 0;
        for name in self.entries(candidate, |_| true).iter().filter(|name| component.kind.matches(name)) {
            let child = self.child(candidate, component, name, next);
            // The listing has just shown that it exists.
            if is_last { self.matches.push(&child.path) } else { self.advance(&child) }
        }
    }

    fn descend(&mut self, candidate: &Candidate, component: &Component) {
        if candidate.levels >= MAX_DEPTH {
            return;
        }
        let is_dir = |entry: &DirEntry| entry.file_type().is_ok_and(|file_type| file_type.is_dir());
        for name in self.entries(candidate, is_dir).iter().filter(|name| component.kind.matches(name)) {
            let child = self.child(candidate, component, name, candidate.next);
            self.advance(&Candidate { levels: candidate.levels + 1, ..child });
        }
    }

    fn check(&mut self, candidate: &Candidate) {
        let mut path = candidate.path.clone();
        path.extend(std::iter::repeat_n(b'/', self.pattern.trailing_slashes()));
        if self.base.join(OsStr::from_bytes(&path)).symlink_metadata().is_ok() {
            self.matches.push(&path);
        }
    }

    /// Returns the names of those entries of a directory that fit.
    fn entries(&self, candidate: &Candidate, fits: impl Fn(&DirEntry) -> bool) -> ByteStrings {
        let relative = match candidate.path.as_slice() {
            [] if self.pattern.is_absolute() => b"/",
            path => path,
        };
        let directory = self.base.join(OsStr::from_bytes(relative));
        let mut names = ByteStrings::default();
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        entries.filter(fits).for_each(|entry| names.push(entry.file_name().as_bytes()));
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn found(glob: &str, base: &Path) -> Vec<PathBuf> {
        let found = local_glob(&Pattern::parse(glob.as_bytes()), base);
        found.iter().map(|path| PathBuf::from(OsStr::from_bytes(&path))).collect()
    }

    fn tree() -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        for directory in ["a/b/c", ".hidden", "z"] {
            fs::create_dir_all(tree.path().join(directory)).unwrap();
        }
        for file in ["x.txt", "a/x.txt", "a/b/x.txt", "a/b/c/y.txt", ".hidden/x.txt", "z/*"] {
            fs::write(tree.path().join(file), "").unwrap();
        }
        std::os::unix::fs::symlink("a", tree.path().join("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", tree.path().join("dangling")).unwrap();
        tree
    }

    #[test]
    fn patterns_match_local_files_sorted_and_as_they_are_written() {
        let tree = tree();
        for (glob, paths) in [
            ("*", vec!["a", "dangling", "link", "x.txt", "z"]),
            ("*/", vec!["a/", "link/", "z/"]),
            ("*/x.txt", vec!["a/x.txt", "link/x.txt"]),
            (".*/x*", vec![".hidden/x.txt"]),
            ("a//b/*.txt", vec!["a//b/x.txt"]),
            ("**/x.txt", vec!["a/b/x.txt", "a/x.txt", "x.txt"]),
            ("a/**", vec!["a/b", "a/b/c", "a/b/c/y.txt", "a/b/x.txt", "a/x.txt"]),
            ("a/**/b/*.txt", vec!["a/b/x.txt"]),
            (r"z/\*", vec!["z/*"]),
            ("none*", vec!["none*"]),
            (r"no\*ne", vec!["no*ne"]),
            ("dangl*", vec!["dangling"]),
        ] {
            assert_eq!(found(glob, tree.path()), paths.iter().map(PathBuf::from).collect::<Vec<_>>(), "{glob}");
        }
    }

    #[test]
    fn an_absolute_pattern_starts_at_the_root() {
        let tree = tree();
        let glob = format!("{}/a/*.txt", tree.path().display());
        assert_eq!(found(&glob, Path::new("/nowhere")), [tree.path().join("a/x.txt")]);
    }

    #[test]
    fn a_pattern_of_the_root_lists_the_root_whatever_the_base() {
        let tree = tree();
        let top = tree.path().ancestors().find(|path| path.parent() == Some(Path::new("/"))).unwrap();
        assert!(found("/*", tree.path()).iter().any(|path| path == top));
    }

    #[test]
    fn two_stars_go_down_to_a_bound() {
        let tree = tempfile::tempdir().unwrap();
        let deepest = tree.path().join(vec!["d"; MAX_DEPTH + 1].join("/"));
        fs::create_dir_all(&deepest).unwrap();
        fs::write(deepest.join("x"), "").unwrap();
        fs::write(deepest.with_file_name("x"), "").unwrap();
        assert_eq!(found("**/x", tree.path()), [PathBuf::from(vec!["d"; MAX_DEPTH].join("/")).join("x")]);
    }
}
