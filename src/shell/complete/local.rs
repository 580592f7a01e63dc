//! Completes local paths.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use crate::shell::complete::source::{Answer, Place, Source};
use crate::shell::complete::word::{Candidates, Fragment};

/// Local paths.
pub(super) struct Paths {
    /// True if only directories fit.
    pub(super) only_directories: bool,
}

impl Source for Paths {
    fn complete(&self, word: &Fragment, here: &Place<'_>) -> Answer {
        let Some(directory) = word.directory() else { return Answer::Declined };
        let Ok(entries) = fs::read_dir(here.local.join(at_home(directory, word.is_at_home()))) else {
            return Answer::Declined;
        };
        let mut candidates = Candidates::in_directory_of(word);
        for entry in entries.flatten() {
            let name = entry.file_name().into_vec();
            if !word.fits(&name) {
                continue;
            }
            // A link to a directory counts as one, because it can be entered.
            let is_directory = fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir());
            if is_directory || !self.only_directories {
                candidates.push(&name, is_directory);
            }
        }
        candidates.sort();
        Answer::Known(candidates)
    }
}

/// Returns a path. If it begins with a `~` that means the home directory, that directory takes its place.
pub(crate) fn at_home(path: &[u8], is_at_home: bool) -> PathBuf {
    let below = path.strip_prefix(b"~/").filter(|_| is_at_home);
    let home = below.and_then(|below| dirs::home_dir().map(|home| home.join(OsStr::from_bytes(below))));
    home.unwrap_or_else(|| PathBuf::from(OsStr::from_bytes(path)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::RemotePath;
    use crate::shell::words::split_open;

    /// Returns the replacement of the word, and the candidates as listed.
    fn offered(files: &[&str], word: &str, only_directories: bool) -> (String, Vec<String>) {
        let here = tempfile::tempdir().unwrap();
        for file in files {
            let path = here.path().join(file);
            if file.ends_with('/') { fs::create_dir(path).unwrap() } else { fs::write(path, "").unwrap() }
        }
        let fragment = Fragment::of(&split_open(word.as_bytes()).open.unwrap(), 0);
        let place =
            Place { remote: &RemotePath::root(), local: here.path(), aliases: &[], bookmarks: &[], before: &[] };
        let Answer::Known(candidates) = (Paths { only_directories }).complete(&fragment, &place) else {
            panic!("{word} is declined")
        };
        let completion = fragment.completed(candidates);
        let shown = completion.shown().collect();
        (completion.replacement, shown)
    }

    #[test]
    fn entries_are_offered_as_they_have_to_be_typed() {
        let files = ["docs/", "docs/a b", "docs/.hidden", "data 1", "data 2"];
        for (word, only_directories, replacement, shown) in [
            ("do", false, "docs/", &["docs/"][..]),
            ("docs/", false, "docs/a\\ b ", &["a b"]),
            ("docs/.", false, "docs/.hidden ", &[".hidden"]),
            ("d", true, "docs/", &["docs/"]),
            ("\"da", false, "\"data ", &["data 1", "data 2"]),
            ("..", true, "../", &["../"]),
            ("nothing", false, "", &[]),
        ] {
            let shown = shown.iter().copied().map(str::to_owned).collect();
            assert_eq!(offered(&files, word, only_directories), (replacement.to_owned(), shown), "{word}");
        }
    }
}
