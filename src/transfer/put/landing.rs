//! Where an upload is written: to its target, or to a partial file beside it that is moved to the target when it is complete.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::name::RemotePath;
use crate::sftp::{Attributes, FileType};
use crate::transfer::conflict::Numbering;
use crate::transfer::local::{partial_name, random_partial_name};

/// Links in a row that are followed, as Linux has it: more of them count as a loop.
pub(crate) const MOST_LINKS: u32 = 40;

/// The file that an upload writes, and the facts about existing files.
#[derive(Debug)]
pub(crate) struct Landing {
    /// The file that is made or replaced: the one that the user named, or the one that a link with that name leads
    /// to.
    pub(super) target: RemotePath,
    /// Links that were followed to the target.
    links: u32,
    /// Numbered names, for a target that exists and stays.
    pub(super) numbering: Numbering,
    /// The file that exists at the target.
    pub(super) existing: Option<Existing>,
    /// The partial file, if the target itself is not written.
    beside: Option<Beside>,
    pub(super) claim: Claim,
    /// True if the target was looked at again, because a file had appeared there before OPEN.
    pub(super) was_looked_at_again: bool,
}

/// The file that an upload replaces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Existing {
    /// Its permissions, if it is a regular file.
    pub(super) mode: Option<u32>,
    /// When it was last modified, in seconds since 1970.
    pub(super) modified: Option<u32>,
}

/// A partial file beside the target.
#[derive(Debug)]
struct Beside {
    path: RemotePath,
    name: PartialName,
}

/// Tells if a later run can find a partial file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PartialName {
    /// The name follows from source, server and target.
    Known,
    /// Only this run knows the name.
    Random,
}

/// The existing files that OPEN may find under the name that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// Any file. It is emptied or continued.
    Any,
    /// None: a file that has appeared there in the meantime belongs to another program.
    New,
    /// None, or an empty one that an OPEN of this job has made, whose answer was lost.
    NewOrOurs,
    /// The file that this job has opened.
    Ours,
}

impl Landing {
    /// Writes to the target itself.
    pub(crate) fn at(target: &RemotePath) -> Landing {
        Landing {
            target: target.clone(),
            links: 0,
            numbering: Numbering::default(),
            existing: None,
            beside: None,
            claim: Claim::Any,
            was_looked_at_again: false,
        }
    }

    /// Returns the file that is made or replaced.
    pub(crate) fn target(&self) -> &RemotePath {
        &self.target
    }

    /// Returns the file that is written.
    pub(crate) fn path(&self) -> &RemotePath {
        self.beside.as_ref().map_or(&self.target, |beside| &beside.path)
    }

    /// Follows a link at the target. Returns `false` if it leads on for too long, or to no valid path.
    pub(crate) fn follow(&mut self, link: &[u8]) -> bool {
        let (Ok(path), Some(directory), true) = (RemotePath::new(link), self.target.parent(), self.links < MOST_LINKS)
        else {
            return false;
        };
        self.links += 1;
        self.target = directory.resolve(&path);
        true
    }

    /// Writes to a partial file beside the target. With the server's name and the source's attributes, a later run
    /// can find it by its name. Without them the name cannot be guessed.
    pub(crate) fn go_beside(&mut self, known: Option<(&[u8], &Attributes)>) {
        let target = &self.target;
        let base = OsStr::from_bytes(target.base_name().unwrap_or_default());
        let name = match known {
            Some((server, source)) => partial_name(base, server, target, source),
            None => random_partial_name(base),
        };
        let whole = target.as_bytes();
        let directory = whole.len() - base.len();
        // The name of an entry with bytes added that are no NUL is always valid.
        if let Ok(path) = RemotePath::new([&whole[..directory], name.as_bytes()].concat()) {
            let name = if known.is_some() { PartialName::Known } else { PartialName::Random };
            self.beside = Some(Beside { path, name });
            self.claim = Claim::New;
        }
    }

    /// Returns whether a partial file beside the target is written.
    pub(super) fn is_beside(&self) -> bool {
        self.beside.is_some()
    }

    /// Returns whether a later run can find a partial file beside the target.
    pub(super) fn is_known(&self) -> bool {
        self.beside.as_ref().is_some_and(|beside| beside.name == PartialName::Known)
    }

    /// Returns whether a partial file is written whose name only this run knows.
    pub(super) fn is_secret(&self) -> bool {
        self.beside.as_ref().is_some_and(|beside| beside.name == PartialName::Random)
    }

    /// Replaces the file that exists at the target.
    pub(super) fn replaces(&mut self, there: &Attributes) {
        let is_file = there.file_type() == Some(FileType::Regular);
        self.existing = Some(Existing {
            mode: there.permissions.filter(|_| is_file).map(|mode| mode & 0o777),
            modified: there.times.map(|times| times.modified),
        });
    }

    /// Returns the permissions of the replaced file that a partial file must take over.
    pub(super) fn kept_mode(&self) -> Option<u32> {
        self.existing.filter(|_| self.is_beside()).and_then(|existing| existing.mode)
    }

    /// Notes that the answer to an OPEN was lost, which may have made the file.
    pub(super) fn lost_open(&mut self) {
        if self.claim == Claim::New {
            self.claim = Claim::NewOrOurs;
        }
    }

    /// Notes that OPEN was refused, and has made no file.
    pub(super) fn refused_open(&mut self) {
        if self.claim == Claim::NewOrOurs {
            self.claim = Claim::New;
        }
    }

    /// Returns whether OPEN must fail if a file exists.
    pub(super) fn must_be_new(&self) -> bool {
        matches!(self.claim, Claim::New | Claim::NewOrOurs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RemotePath {
        RemotePath::new(text).unwrap()
    }

    #[test]
    fn beside_a_target_is_in_its_directory() {
        let mut landing = Landing::at(&path("/a/b"));
        assert!(landing.path() == landing.target() && !landing.is_beside());
        landing.go_beside(None);
        let first = landing.path().clone();
        assert!(first.as_bytes().starts_with(b"/a/.b.") && first.as_bytes().ends_with(b".sftpsh-part"));
        landing.go_beside(None);
        assert_ne!(landing.path(), &first);
        assert!(landing.is_beside() && landing.is_secret() && !landing.is_known());
        landing.target = path("b");
        let source = Attributes { size: Some(7), ..Attributes::default() };
        landing.go_beside(Some((b"server", &source)));
        let known = landing.path().clone();
        landing.go_beside(Some((b"server", &source)));
        assert!(landing.path() == &known && landing.is_known() && known.as_bytes().starts_with(b".b."));
    }

    #[test]
    fn a_lost_open_may_have_made_a_new_file_only() {
        for (claim, lost, refused, must_be_new) in [
            (Claim::Any, Claim::Any, Claim::Any, false),
            (Claim::New, Claim::NewOrOurs, Claim::New, true),
            (Claim::NewOrOurs, Claim::NewOrOurs, Claim::New, true),
            (Claim::Ours, Claim::Ours, Claim::Ours, false),
        ] {
            let landing = || Landing { claim, ..Landing::at(&path("a")) };
            let (mut one, mut other) = (landing(), landing());
            one.lost_open();
            other.refused_open();
            assert_eq!((one.claim, other.claim), (lost, refused), "{claim:?}");
            assert_eq!(landing().must_be_new(), must_be_new, "{claim:?}");
        }
    }

    #[test]
    fn links_are_followed_from_where_they_are_and_not_forever() {
        let mut landing = Landing::at(&path("/a/b"));
        assert!(landing.follow(b"../c/d") && landing.target() == &path("/a/../c/d"));
        assert!(landing.follow(b"/e") && landing.target() == &path("/e"));
        assert!(!landing.follow(b"a\0b"));
        assert!((2..MOST_LINKS).all(|_| landing.follow(b"/e")));
        assert!(!landing.follow(b"/f"));
    }
}
