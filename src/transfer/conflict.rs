//! A target that exists already, and who decides what becomes of it.

use std::fmt;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::lock::lock;
use crate::name::RemotePath;
use crate::transfer::request::{Direction, OnConflict};

/// A target that exists already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Which way the file would go.
    pub direction: Direction,
    /// The target as messages show it; bytes, not made printable.
    pub target: Vec<u8>,
    /// What is there.
    pub there: Version,
    /// What would take its place.
    pub new: Version,
}

/// One of two files that can't both be there. What is not told is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// Its length in bytes.
    pub size: Option<u64>,
    /// When it was changed, in seconds since 1970.
    pub modified: Option<i64>,
}

impl Conflict {
    /// Whether what would come is surely newer than what is there.
    #[must_use]
    pub fn is_newer(&self) -> bool {
        self.new.modified.zip(self.there.modified).is_some_and(|(new, there)| new > there)
    }
}

/// A decision about one conflict, and perhaps about all that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What to do; to ask again decides nothing, and skips.
    pub choice: OnConflict,
    /// Whether that is the answer to all later questions of the job, too.
    pub for_all: bool,
}

/// A question for the person. The job waits for its answer; a question that is dropped is answered with a skip.
pub struct Question {
    /// What it is about.
    pub conflict: Conflict,
    reply: Mutex<Option<SyncSender<Answer>>>,
}

impl Question {
    /// A question, and where its answer will come.
    pub(crate) fn new(conflict: Conflict) -> (Question, Receiver<Answer>) {
        let (reply, answer) = sync_channel(1);
        (Question { conflict, reply: Mutex::new(Some(reply)) }, answer)
    }

    /// Answers it; nothing, when nobody would or could. Only the first answer counts.
    pub fn answer(&self, answer: Option<Answer>) {
        let reply = lock(&self.reply).take();
        if let (Some(reply), Some(answer)) = (reply, answer) {
            // A job that has ended wants none.
            let _ = reply.send(answer);
        }
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Question").field(&self.conflict).finish()
    }
}

/// Names for one that leaves what is there: `NAME.1`, `NAME.2`, …
#[derive(Debug, Default)]
pub(crate) struct Numbering {
    /// The name that was asked for, and how many were tried instead.
    tried: Option<(RemotePath, u64)>,
}

impl Numbering {
    /// The name that was asked for, if another one was tried.
    pub(crate) fn asked(&self) -> Option<&RemotePath> {
        self.tried.as_ref().map(|(asked, _)| asked)
    }

    /// The next name that may be free; `target` counts when it is asked first.
    pub(crate) fn next(&mut self, target: &RemotePath) -> RemotePath {
        let (first, tried) = self.tried.get_or_insert_with(|| (target.clone(), 0));
        *tried += 1;
        let name = [first.as_bytes(), format!(".{tried}").as_bytes()].concat();
        RemotePath::new(name).unwrap_or_else(|_| target.clone())
    }
}

/// What is done about a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Overwrite,
    Skip,
    Rename,
}

impl OnConflict {
    /// Decides about a conflict; `None` if somebody has to be asked.
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

/// Why a target stays.
pub(crate) fn reason_to_stay(unless_newer: bool) -> &'static str {
    if unless_newer { "exists already and is not older" } else { "exists already" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbered_from_the_one_that_was_asked_for() {
        let path = |text: &str| RemotePath::new(text).unwrap();
        let mut numbering = Numbering::default();
        let first = numbering.next(&path("/a/b.txt"));
        assert_eq!(first, path("/a/b.txt.1"));
        assert_eq!(numbering.next(&first), path("/a/b.txt.2"));
        assert_eq!(numbering.asked(), Some(&path("/a/b.txt")));
    }

    #[test]
    fn only_what_is_known_to_be_newer_is() {
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
