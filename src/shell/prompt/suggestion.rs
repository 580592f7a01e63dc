//! The dim text after the cursor: the rest of the newest line that begins like the typed one, or the usage of a
//! command without arguments.

use rustyline::hint::Hint;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::commands::{find, help};
use crate::shell::line::Line;
use crate::shell::prompt::past::Past;
use crate::shell::words::split_open;

/// A suggestion, which fits into the rest of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Suggestion {
    shown: String,
    /// The text for the line, if the user may take it over.
    rest: Option<String>,
}

impl Suggestion {
    /// Returns the suggestion for a line, or `None` if there is none, or no room for it.
    pub(super) fn of(line: &str, past: &Past, room: usize) -> Option<Suggestion> {
        let rest = past.rest_of(line);
        let shown = shortened(&rest.clone().or_else(|| usage(line))?, room)?;
        Some(Suggestion { shown, rest })
    }
}

impl Hint for Suggestion {
    fn display(&self) -> &str {
        &self.shown
    }

    fn completion(&self) -> Option<&str> {
        self.rest.as_deref()
    }
}

/// Returns the beginning of a suggestion up to the end of a word or of a directory.
pub(super) fn first_word(rest: &str) -> &str {
    let blanks = rest.len() - rest.trim_start_matches(' ').len();
    let word = &rest[blanks..];
    let end = word.find([' ', '/']).map_or(word.len(), |at| at + usize::from(word[at..].starts_with('/')));
    &rest[..blanks + end]
}

/// Returns the arguments of the command in a line that holds nothing else.
fn usage(line: &str) -> Option<String> {
    let partial = split_open(Line::parse(line.as_bytes()).command);
    let (name, blank) = match (partial.words.as_slice(), partial.open?) {
        ([], name) => (name.plain(), " "),
        ([name], nothing) if nothing.span().is_empty() => (name.plain(), ""),
        _ => return None,
    };
    let signature = find(str::from_utf8(&name).ok()?)?;
    let arguments = help::synopsis(signature);
    let arguments = arguments.strip_prefix(signature.name())?.trim_start();
    (!arguments.is_empty()).then(|| format!("{blank}{arguments}"))
}

/// Returns text that takes no more columns than `room`, with an ellipsis if a part is missing.
fn shortened(text: &str, room: usize) -> Option<String> {
    if text.width() <= room {
        return Some(text.to_owned());
    }
    let mut left = room.checked_sub(1)?;
    let fitting = text.chars().take_while(|c| {
        let fits = c.width().unwrap_or(0) <= left;
        left = left.saturating_sub(c.width().unwrap_or(0));
        fits
    });
    Some(fitting.chain(['…']).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustyline::Config;
    use rustyline::history::History;

    fn past(lines: &[&str]) -> Past {
        let past = Past::with_config(&Config::default());
        past.with_lines(|past| lines.iter().for_each(|line| assert!(past.add(line).unwrap())));
        past
    }

    #[test]
    fn the_newest_line_that_begins_alike_goes_on() {
        let past = past(&["get a", "get b", "ls", "get \u{1b}[2J", "get a\nls"]);
        for (line, rest) in
            [("g", Some("et b")), ("get ", Some("b")), ("get a", None), ("ls", None), ("", None), ("x", None)]
        {
            assert_eq!(past.rest_of(line).as_deref(), rest, "{line:?}");
        }
    }

    #[test]
    fn a_command_without_arguments_shows_its_usage_which_nobody_can_take_over() {
        let past = past(&[]);
        for (line, shown) in [
            ("rename", Some(" [-l] oldpath newpath")),
            ("-RENAME ", Some("[-l] oldpath newpath")),
            ("rename a", None),
            ("rename  'a", None),
            ("pwd", None),
            ("frobnicate", None),
            ("", None),
        ] {
            let found = Suggestion::of(line, &past, 80);
            assert_eq!(found.as_ref().map(Hint::display), shown, "{line:?}");
            assert_eq!(found.as_ref().and_then(Hint::completion), None, "{line:?}");
        }
    }

    #[test]
    fn a_suggestion_ends_with_the_row() {
        for (text, room, shown) in [
            ("abc", 3, Some("abc")),
            ("abcd", 3, Some("ab…")),
            ("日本語", 4, Some("日…")),
            ("abc", 1, Some("…")),
            ("abc", 0, None),
        ] {
            assert_eq!(shortened(text, room).as_deref(), shown, "{text} in {room}");
        }
        let long = Suggestion::of("g", &past(&["get long"]), 3).unwrap();
        assert_eq!((long.display(), long.completion()), ("et…", Some("et long")));
    }

    #[test]
    fn a_word_is_taken_with_the_blanks_before_it() {
        for (rest, word) in [(" -r docs", " -r"), ("ocs/a b", "ocs/"), ("/a", "/"), ("tes", "tes"), ("", "")] {
            assert_eq!(first_word(rest), word, "{rest:?}");
        }
    }
}
