//! Searches the lines that were typed before: those that begin like the present one, and their last words.

use rustyline::history::{FileHistory, History};

use crate::shell::words;

/// Where a search looks for the next line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The next older one.
    Older,
    /// The next newer one, or the typed text after the newest.
    Newer,
    /// The oldest one.
    Oldest,
    /// The typed text.
    Typed,
}

/// The searches that belong to the line being typed.
#[derive(Default)]
pub(super) struct Recall {
    lines: Option<Lines>,
    words: Option<Words>,
}

/// A search for lines.
struct Lines {
    /// The text that the user typed, with which all found lines begin.
    prefix: String,
    /// The position of the line that was found, or the number of lines.
    at: usize,
    /// The text that was found. If the line is another one, the user has changed it, and a new search begins.
    shown: String,
}

/// A search for last words.
struct Words {
    /// The line without the word.
    stem: String,
    /// The position of the line that has the word.
    at: usize,
    /// The line with the word.
    shown: String,
}

impl Recall {
    /// Returns the next line that begins with the typed text, or `None` if there is none.
    pub(super) fn line(&mut self, past: &FileHistory, typed: &str, way: Way) -> Option<String> {
        let search = self.lines.take().filter(|search| search.shown == typed);
        let (prefix, at) = search.map_or_else(|| (typed.to_owned(), past.len()), |search| (search.prefix, search.at));
        let at = at.min(past.len());
        let fits = |at: &usize| past[*at].starts_with(&prefix) && is_shown_as_typed(&past[*at]);
        let differs = |at: &usize| past[*at] != *typed && fits(at);
        let found = match way {
            Way::Older => (0..at).rev().find(differs),
            Way::Newer => (at + 1..past.len()).find(differs),
            Way::Oldest => (0..at).find(fits),
            Way::Typed => None,
        };
        let (at, shown) = match (found, way) {
            (Some(found), _) => (found, past[found].clone()),
            (None, Way::Older | Way::Oldest) => (at, typed.to_owned()),
            (None, Way::Newer | Way::Typed) => (past.len(), prefix.clone()),
        };
        self.lines = Some(Lines { prefix, at, shown: shown.clone() });
        (shown != typed).then_some(shown)
    }

    /// Returns the typed text with the last word of the line before it, or with that of an older line if the typed
    /// text already ends with one that was found. Returns `None` if there is no older one.
    pub(super) fn with_last_word(&mut self, past: &FileHistory, typed: &str) -> Option<String> {
        let search = self.words.take().filter(|search| search.shown == typed);
        let (stem, at) = search.map_or_else(|| (typed.to_owned(), past.len()), |search| (search.stem, search.at));
        let mut older = (0..at.min(past.len())).rev().filter(|&at| is_shown_as_typed(&past[at]));
        let found = older.find_map(|at| {
            let shown = format!("{stem}{}", last_word(&past[at])?);
            (shown != typed).then_some((at, shown))
        });
        let (at, shown) = found.clone().unwrap_or_else(|| (at, typed.to_owned()));
        self.words = Some(Words { stem, at, shown });
        found.map(|(_, shown)| shown)
    }
}

/// Returns the last word of a line as it was written, or `None` if it has none.
fn last_word(line: &str) -> Option<&str> {
    let words = words::split(line.as_bytes()).ok()?;
    line.get(words.last()?.span())
}

/// Returns whether a terminal shows a line as it is, and doesn't obey a part of it.
fn is_shown_as_typed(line: &str) -> bool {
    !line.chars().any(|c| c.is_control() && c != '\n' && c != '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(lines: &[&str]) -> FileHistory {
        let mut past = FileHistory::new();
        for line in lines {
            past.add(line).unwrap();
        }
        past
    }

    #[test]
    fn lines_that_begin_alike_come_from_the_newest_to_the_oldest_and_back() {
        use Way::{Newer, Older, Oldest, Typed};
        let past = past(&["get old", "ls", "get new", "put a", "get old"]);
        let mut recall = Recall::default();
        let mut line = "get".to_owned();
        for (way, expected) in [
            (Newer, None),
            (Older, Some("get old")),
            (Older, Some("get new")),
            (Older, Some("get old")),
            (Older, None),
            (Newer, Some("get new")),
            (Newer, Some("get old")),
            (Newer, Some("get")),
            (Older, Some("get old")),
            (Oldest, None),
            (Older, None),
            (Newer, Some("get new")),
            (Typed, Some("get")),
            (Older, Some("get old")),
        ] {
            let found = recall.line(&past, &line, way);
            assert_eq!(found.as_deref(), expected, "{way:?} after {line:?}");
            line = found.unwrap_or(line);
        }
    }

    #[test]
    fn a_line_that_was_changed_begins_another_search() {
        let past = past(&["put b", "get a", "get b"]);
        let mut recall = Recall::default();
        assert_eq!(recall.line(&past, "", Way::Older).as_deref(), Some("get b"));
        assert_eq!(recall.line(&past, "p", Way::Older).as_deref(), Some("put b"));
        assert_eq!(recall.line(&past, "x", Way::Older), None);
        assert_eq!(recall.line(&past, "", Way::Oldest).as_deref(), Some("put b"));
    }

    #[test]
    fn last_words_come_from_older_and_older_lines() {
        let past = past(&["bye", "get 'a b'", "!ls 'open", "# none", "put c"]);
        let mut recall = Recall::default();
        let mut line = "rm ".to_owned();
        for expected in [Some("rm c"), Some("rm 'a b'"), Some("rm bye"), None, None] {
            let found = recall.with_last_word(&past, &line);
            assert_eq!(found.as_deref(), expected, "after {line:?}");
            line = found.unwrap_or(line);
        }
        assert_eq!(recall.with_last_word(&past, "rm x ").as_deref(), Some("rm x c"));
    }

    #[test]
    fn a_line_that_the_terminal_would_obey_is_not_found() {
        let past = past(&["get a", "get \u{1b}[2J", "get \u{9b}2J"]);
        assert_eq!(Recall::default().line(&past, "", Way::Older).as_deref(), Some("get a"));
        assert_eq!(Recall::default().with_last_word(&past, "").as_deref(), Some("a"));
    }
}
