//! Asks the user what to do if a target exists.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::terminal::prompt::{self, Unanswered};
use crate::terminal::{Output, Printable, size};
use crate::transfer::{Answer, Conflict, OnConflict, Version};

/// The user pressed Ctrl-C instead of answering.
pub(super) struct Interrupted;

/// Returns the answer. Returns `None` if there is none, so the target stays.
///
/// # Errors
/// Ctrl-C, which ends the transfer.
pub(super) fn ask(conflict: &Conflict, output: &Output) -> Result<Option<Answer>, Interrupted> {
    let question = format!(
        "{} exists already ({}; the new one: {}).\n\
         (o)verwrite, (s)kip, (n)ewer, (r)ename? A capital is for all that follow: ",
        Printable(&conflict.target),
        described(&conflict.there),
        described(&conflict.new)
    );
    output.flush();
    loop {
        match prompt::ask(&question) {
            Ok(typed) => {
                if let Some(answer) = read(typed.trim()) {
                    return Ok(Some(answer));
                }
            }
            Err(Unanswered::Interrupted) => return Err(Interrupted),
            Err(_) => return Ok(None),
        }
    }
}

fn read(typed: &str) -> Option<Answer> {
    let first = typed.chars().next()?;
    let choice = match typed.to_ascii_lowercase().as_str() {
        "o" | "overwrite" => OnConflict::Overwrite,
        "s" | "skip" => OnConflict::Skip,
        "n" | "newer" => OnConflict::Newer,
        "r" | "rename" => OnConflict::Rename,
        _ => return None,
    };
    Some(Answer { choice, for_all: first.is_uppercase() })
}

fn described(version: &Version) -> String {
    let size = version.size.map_or_else(|| "unknown size".to_owned(), size::scaled);
    let moment = version.modified.and_then(|seconds| Timestamp::from_second(seconds).ok());
    match moment {
        Some(moment) => format!("{size}, {}", TimeZone::system().to_datetime(moment).strftime("%Y-%m-%d %H:%M:%S")),
        None => size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_letters_or_words_and_capitals_are_for_all() {
        let answer = |choice, for_all| Some(Answer { choice, for_all });
        for (typed, expected) in [
            ("o", answer(OnConflict::Overwrite, false)),
            ("S", answer(OnConflict::Skip, true)),
            ("newer", answer(OnConflict::Newer, false)),
            ("Rename", answer(OnConflict::Rename, true)),
            ("", None),
            ("x", None),
            ("yes", None),
        ] {
            assert_eq!(read(typed), expected, "{typed}");
        }
    }
}
