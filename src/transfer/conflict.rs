//! A target that exists already, and the decision about it.

use std::fmt;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::lock::lock;
use crate::name::RemotePath;
use crate::transfer::request::{Direction, OnConflict};

/// A target that exists already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The direction of the file.
    pub direction: Direction,
    /// The target as messages show it; bytes, not made printable.
    pub target: Vec<u8>,
    /// The existing file.
    pub there: Version,
    /// The file that would replace it.
    pub new: Version,
}

/// One of two files with the same name. A field that is `None` is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// The length in bytes.
    pub size: Option<u64>,
    /// The time of the last modification, in seconds since 1970.
    pub modified: Option<i64>,
}

impl Conflict {
    /// Returns whether the new file is known to be newer than the existing one.
    #[must_use]
    pub fn is_newer(&self) -> bool {
        self.new.modified.zip(self.there.modified).is_some_and(|(new, there)| new > there)
    }
}

/// A decision about one conflict, and perhaps about all later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The decision. `Ask` decides nothing, so the file is skipped.
    pub choice: OnConflict,
    /// True if the decision holds for all later conflicts of the job too.
    pub for_all: bool,
}

/// A question for the user. The job waits for the answer; a question that is dropped skips the file.
pub struct Question {
    /// The conflict to decide.
    pub conflict: Conflict,
    reply: Mutex<Option<SyncSender<Answer>>>,
}

impl Question {
    /// Returns a question, and the channel on which its answer will come.
    pub(crate) fn new(conflict: Conflict) -> (Question, Receiver<Answer>) {
        let (reply, answer) = sync_channel(1);
        (Question { conflict, reply: Mutex::new(Some(reply)) }, answer)
    }

    /// Answers the question, or drops it if `answer` is `None`. Only the first call counts.
    pub fn answer(&self, answer: Option<Answer>) {
        let reply = lock(&self.reply).take();
        if let (Some(reply), Some(answer)) = (reply, answer) {
            // A job that has ended no longer listens.
            let _ = reply.send(answer);
        }
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Question").field(&self.conflict).finish()
    }
}

/// Numbered names for a file whose target exists and stays: `NAME.1`, `NAME.2`, …
#[derive(Debug, Default)]
pub(crate) struct Numbering {
    /// The original name, and the number of names that were tried instead.
    tried: Option<(RemotePath, u64)>,
}

impl Numbering {
    /// Returns the original name, if another one was tried.
    pub(crate) fn asked(&self) -> Option<&RemotePath> {
        self.tried.as_ref().map(|(asked, _)| asked)
    }

    /// Returns the next name to try. The first call takes `target` as the original name.
    pub(crate) fn next(&mut self, target: &RemotePath) -> RemotePath {
        let (first, tried) = self.tried.get_or_insert_with(|| (target.clone(), 0));
        *tried += 1;
        let name = [first.as_bytes(), format!(".{tried}").as_bytes()].concat();
        RemotePath::new(name).unwrap_or_else(|_| target.clone())
    }
}

/// The decision about a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Overwrite,
    Skip,
    Rename,
}

impl OnConflict {
    /// Returns the decision, or `None` if the user has to decide.
    pub(crate) fn decide(self, conflict: &Conflict) -> Option<Verdict> {
        match self {
            OnConflict::Overwrite => Some(Verdict::Overwrite),
            OnConflict::Newer if conflict.is_newer() => Some(Verdict::Overwrite),
            OnConflict::Newer | OnConflict::Skip => Some(Verdict::Skip),
            OnConflict::Rename => Some(Verdict::Rename),
            OnConflict::Ask => None,
        }
    }
}

/// Returns why a target stays, for messages.
pub(crate) fn reason_to_stay(unless_newer: bool) -> &'static str {
    if unless_newer { "exists already and is not older" } else { "exists already" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbered_from_the_original_one() {
        let path = |text: &str| RemotePath::new(text).unwrap();
        let mut numbering = Numbering::default();
        let first = numbering.next(&path("/a/b.txt"));
        assert_eq!(first, path("/a/b.txt.1"));
        assert_eq!(numbering.next(&first), path("/a/b.txt.2"));
        assert_eq!(numbering.asked(), Some(&path("/a/b.txt")));
    }

    #[test]
    fn only_a_file_that_is_known_to_be_newer_counts_as_newer() {
        let conflict = |new, there| Conflict {
            direction: Direction::Get,
            target: Vec::new(),
            there: Version { size: None, modified: there },
            new: Version { size: None, modified: new },
        };
        for (new, there, newer) in
            [(Some(2), Some(1), true), (Some(1), Some(1), false), (None, Some(1), false), (Some(2), None, false)]
        {
            assert_eq!(conflict(new, there).is_newer(), newer, "{new:?} {there:?}");
        }
    }
}
