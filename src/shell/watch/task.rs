//! A transfer with the facts that the shell keeps about it, wherever it is watched.

use std::time::Instant;

use crate::shell::watch::progress::Progress;
use crate::terminal::Printable;
use crate::transfer::Job;

/// The most bytes of a command that are shown: enough to recognize it.
const LONGEST_SHOWN: usize = 120;

/// A transfer that is watched in the foreground or in the background, or moves from one to the other.
pub(crate) struct Task {
    /// The job that transfers the files.
    pub(crate) job: Job,
    /// How far it is.
    pub(crate) progress: Progress,
    /// The command that started it.
    pub(crate) title: Title,
    /// Its number, once it was in the background.
    pub(crate) number: Option<usize>,
    /// True if every source was found. A source that is missing was reported already.
    pub(crate) all_found: bool,
}

impl Task {
    /// Returns the task of a job that has just started.
    pub(crate) fn new(job: Job, title: Title, all_found: bool) -> Task {
        Task { job, progress: Progress::starting(Instant::now()), title, number: None, all_found }
    }
}

/// The command that started a transfer, as the user typed it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Title(pub(crate) Vec<u8>);

impl Title {
    /// Returns the command that follows the first word.
    pub(crate) fn without_first_word(&self) -> Title {
        let end = self.0.iter().position(u8::is_ascii_whitespace).unwrap_or(self.0.len());
        Title(self.0[end..].trim_ascii_start().to_vec())
    }

    /// Returns the command for a line of text: printable, and cut if it is long.
    pub(crate) fn shown(&self) -> String {
        match self.0.split_at_checked(LONGEST_SHOWN) {
            Some((shown, rest)) if !rest.is_empty() => format!("{}...", Printable(shown)),
            _ => Printable(&self.0).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_printable_and_short() {
        let long = [b"get ", &[b'x'; 200][..]].concat();
        for (title, shown) in [
            (&b"get a"[..], "get a".to_owned()),
            (b"get \x1b[2J", "get \\033[2J".to_owned()),
            (&long, format!("get {}...", "x".repeat(LONGEST_SHOWN - 4))),
        ] {
            assert_eq!(Title(title.to_vec()).shown(), shown);
        }
    }
}
