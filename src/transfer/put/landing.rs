//! Where an upload is written: into its target, or beside it until it is whole.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::name::RemotePath;
use crate::sftp::{Attributes, FileType};
use crate::transfer::conflict::Numbering;
use crate::transfer::local::{partial_name, random_partial_name};

/// Links behind each other that are followed, as Linux has it: beyond there is a loop.
pub(crate) const MOST_LINKS: u32 = 40;

/// Where an upload is written.
pub(crate) struct Landing {
    /// The file whose place it takes: its target, or what a link there leads to.
    pub(crate) target: RemotePath,
    /// How many links were followed to it.
    links: u32,
    /// The file that is written.
    pub(crate) path: RemotePath,
    /// Whether it is another one than the target, whose place it takes when it is whole.
    pub(crate) is_beside: bool,
    /// Whether a later run can find it again.
    pub(crate) is_known: bool,
    /// Whether something is where the target shall be.
    pub(crate) replaces: bool,
    /// The mode of what is there.
    pub(crate) kept_mode: Option<u32>,
    /// When what is there was changed.
    pub(crate) modified: Option<u32>,
    /// Whether nothing may be where it is opened: what came there meanwhile is somebody else's.
    pub(crate) must_be_new: bool,
    /// Whether it may have been made by an OPEN that was not answered.
    pub(crate) may_be_made: bool,
    /// Whether it was opened.
    pub(crate) is_made: bool,
    /// Whether what was written beside the target was removed.
    pub(crate) is_withdrawn: bool,
    /// Whether it may have taken the place of its target already.
    pub(crate) may_be_placed: bool,
    /// Whether what is there stays, so that nothing is sent.
    pub(crate) is_passed_over: bool,
    /// Names instead of its target's.
    pub(crate) numbering: Numbering,
    /// Whether it was looked again after something came to be where it should be opened.
    pub(crate) is_looked_at_again: bool,
    /// Whether it is at its target by a hard link, so that its other name only needs to go.
    pub(crate) is_linked: bool,
    /// Whether the server refused to make that link.
    pub(crate) is_link_refused: bool,
    /// Whether nothing was at its target just now.
    pub(crate) is_free: bool,
}

impl Landing {
    /// Into the target itself.
    pub(crate) fn at(target: &RemotePath) -> Landing {
        Landing {
            target: target.clone(),
            links: 0,
            path: target.clone(),
            is_beside: false,
            is_known: false,
            replaces: false,
            kept_mode: None,
            modified: None,
            must_be_new: false,
            may_be_made: false,
            is_made: false,
            is_withdrawn: false,
            may_be_placed: false,
            is_passed_over: false,
            numbering: Numbering::default(),
            is_looked_at_again: false,
            is_linked: false,
            is_link_refused: false,
            is_free: false,
        }
    }

    /// A link is at the target: follows it. Not any more once it leads on for too long, or to no path at all.
    pub(crate) fn follow(&mut self, link: &[u8]) -> bool {
        let (Ok(path), Some(directory), true) = (RemotePath::new(link), self.target.parent(), self.links < MOST_LINKS)
        else {
            return false;
        };
        self.links += 1;
        self.target = directory.resolve(&path);
        true
    }

    /// Something exists already.
    pub(crate) fn replaces(&mut self, there: &Attributes) {
        self.replaces = true;
        self.modified = there.times.map(|times| times.modified);
        let is_file = there.file_type() == Some(FileType::Regular);
        self.kept_mode = there.permissions.filter(|_| is_file).map(|mode| mode & 0o777);
    }

    /// Beside the target. For a resume under a name that says what it is a part of, from which server's view; else under
    /// one that nobody can foresee.
    pub(crate) fn go_beside(&mut self, known: Option<(&[u8], &Attributes)>) {
        let target = &self.target;
        let base = OsStr::from_bytes(target.base_name().unwrap_or_default());
        let name = match known {
            Some((server, source)) => partial_name(base, server, target, source),
            None => random_partial_name(base),
        };
        let whole = target.as_bytes();
        let directory = whole.len() - base.len();
        // The name of an entry with bytes added that are no NUL.
        if let Ok(path) = RemotePath::new([&whole[..directory], name.as_bytes()].concat()) {
            self.path = path;
            self.is_beside = true;
            self.is_known = known.is_some();
            self.must_be_new = true;
        }
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
        landing.go_beside(None);
        let first = landing.path.clone();
        assert!(first.as_bytes().starts_with(b"/a/.b.") && first.as_bytes().ends_with(b".sftpsh-part"));
        landing.go_beside(None);
        assert_ne!(landing.path, first);
        assert!(landing.is_beside && !landing.is_known);
        landing.target = path("b");
        let source = Attributes { size: Some(7), ..Attributes::default() };
        landing.go_beside(Some((b"server", &source)));
        let known = landing.path.clone();
        landing.go_beside(Some((b"server", &source)));
        assert!(landing.path == known && landing.is_known && known.as_bytes().starts_with(b".b."));
    }
}
