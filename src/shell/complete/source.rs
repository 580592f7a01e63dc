//! The sources of candidates: their input and their answers.

use std::path::Path;

use crate::commands::{Signature, Word, find};
use crate::name::RemotePath;
use crate::shell::complete::word::{Candidates, Fragment};

/// A kind of argument that can be completed.
pub(super) trait Source {
    /// Returns the candidates for the word.
    fn complete(&self, word: &Fragment, here: &Place<'_>) -> Answer;
}

/// The surroundings of the word, for a source.
pub(super) struct Place<'a> {
    /// The remote working directory.
    pub(super) remote: &'a RemotePath,
    /// The local working directory.
    pub(super) local: &'a Path,
    /// The names of the aliases.
    pub(super) aliases: &'a [String],
    /// The names of the bookmarks.
    pub(super) bookmarks: &'a [String],
    /// The words before it. The first one is the command's name.
    pub(super) before: &'a [Word],
}

/// The answer of a source.
pub(super) enum Answer {
    /// Candidates that are found without the server.
    Known(Candidates),
    /// The entries of a remote directory, which the completer lists.
    OfDirectory {
        /// The directory.
        directory: RemotePath,
        /// True if only directories fit.
        only_directories: bool,
    },
    /// No candidates. Another kind of argument may fit.
    Declined,
}

/// Returns the command with the name in a line's first word.
pub(super) fn command_named(name: &Word) -> Option<&'static Signature> {
    String::from_utf8(name.plain()).ok().and_then(|name| find(&name))
}
