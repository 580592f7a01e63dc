//! The sources of candidates: what one may know, and what it answers.

use std::path::Path;

use super::word::{Candidate, Fragment};
use crate::commands::Word;
use crate::name::RemotePath;

/// A kind of argument that can be completed.
pub(super) trait Source {
    /// Returns what can stand where the word is.
    fn complete(&self, word: &Fragment, here: &Place<'_>) -> Answer;
}

/// What a source may know of where the word is.
pub(super) struct Place<'a> {
    /// The remote working directory.
    pub(super) remote: &'a RemotePath,
    /// The local working directory.
    pub(super) local: &'a Path,
    /// The words before the one that is completed; the first is the command's name.
    pub(super) before: &'a [Word],
}

/// What a source answers.
pub(super) enum Answer {
    /// Candidates that cost nothing to find.
    Known(Vec<Candidate>),
    /// The entries of a remote directory, which the completer asks the server for.
    OfDirectory {
        /// The directory.
        directory: RemotePath,
        /// Whether only directories can stand there.
        only_directories: bool,
    },
    /// Nothing; another kind may stand here.
    Declined,
}
