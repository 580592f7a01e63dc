//! Names of commands.

use super::word::{Candidate, Fragment};
use super::{Answer, Place, Source};
use crate::commands::names;

/// Names of commands, whatever the case of what was typed.
pub(super) struct Names;

impl Source for Names {
    fn complete(&self, word: &Fragment, _here: &Place<'_>) -> Answer {
        let Some(begun) = word.whole().map(<[u8]>::to_ascii_lowercase) else { return Answer::declined() };
        let mut fitting: Vec<&str> = names().filter(|name| name.as_bytes().starts_with(&begun)).collect();
        fitting.sort_unstable();
        Answer::pure(fitting.into_iter().map(|name| Candidate::word(name.as_bytes())).collect())
    }
}
