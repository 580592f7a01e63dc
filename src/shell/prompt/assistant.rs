//! The line editor's callbacks: completion, suggestions and their look.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;
use std::path::PathBuf;

use nu_ansi_term::Style;
use rustyline::Helper;
use rustyline::completion::{Completer as RustylineCompleter, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use unicode_width::UnicodeWidthStr;

use crate::commands::Context;
use crate::shell::complete::Completer;
use crate::shell::prompt::codes::write;
use crate::shell::prompt::colors::{Mark, marks, painted};
use crate::shell::prompt::commands::commands;
use crate::shell::prompt::cursor::Cursor;
use crate::shell::prompt::drawn::Drawn;
use crate::shell::prompt::past::Past;
use crate::shell::prompt::size::rows_and_columns;
use crate::shell::prompt::suggestion::Suggestion;
use crate::terminal::Painted;

/// Rows of the screen that a list of candidates leaves free: for the line itself, and for earlier output.
const FREE_ROWS: usize = 3;

/// Helps a person to type a line.
pub(super) struct Assistant {
    completer: Completer,
    past: Past,
    cursor: Cursor,
    drawn: RefCell<Drawn>,
    has_colors: bool,
    /// The local working directory.
    local: PathBuf,
    /// The names of the aliases.
    aliases: Vec<String>,
}

impl Assistant {
    /// Returns an assistant that knows these lines, and gives the present one colours if it may.
    pub(super) fn new(past: Past, cursor: Cursor, has_colors: bool) -> Assistant {
        Assistant {
            completer: Completer::default(),
            past,
            cursor,
            drawn: RefCell::default(),
            has_colors,
            local: PathBuf::new(),
            aliases: Vec::new(),
        }
    }

    /// Prepares for the next line, after this prompt.
    pub(super) fn begin_line(&mut self, prompt: &str, context: &Context) {
        self.completer.begin_line(context);
        *self.drawn.get_mut() = Drawn { prompt: prompt.to_owned(), ..Drawn::default() };
        context.local.path().clone_into(&mut self.local);
        self.aliases = context.configuration.aliases.keys().cloned().collect();
    }

    /// Prepares the screen for another drawing, if the terminal has changed its width since the last one.
    fn follow_width(&self, columns: usize) {
        let drawn = self.drawn.borrow();
        if drawn.columns != 0 && drawn.columns != columns {
            drawn.moved(columns, || self.cursor.column()).iter().for_each(|codes| write(codes.as_bytes()));
        }
    }

    fn marks(&self, line: &str) -> Vec<(Range<usize>, Mark)> {
        if self.has_colors { marks(line, &self.local, &self.aliases) } else { Vec::new() }
    }
}

impl Helper for Assistant {}

impl Validator for Assistant {
    fn validate(&self, text: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let (_, open) = commands(text.input());
        Ok(if open.is_some() { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Owned(painted(line, &self.marks(line)))
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        prompt.clone_into(&mut self.drawn.borrow_mut().prompt);
        Cow::Borrowed(prompt)
    }

    fn highlight_char(&self, line: &str, at: usize, _: CmdKind) -> bool {
        self.drawn.borrow_mut().at = at;
        !self.marks(line).is_empty()
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(Painted::new(hint, Style::new().dimmed()).to_string())
    }
}

impl Hinter for Assistant {
    type Hint = Suggestion;

    fn hint(&self, line: &str, at: usize, _: &rustyline::Context<'_>) -> Option<Suggestion> {
        let (_, columns) = rows_and_columns();
        self.follow_width(columns);
        let mut drawn = self.drawn.borrow_mut();
        let room = columns - 1 - (drawn.prompt.width() + line.width()) % columns;
        let suggestion = if at == line.len() { Suggestion::of(line, &self.past, room) } else { None };
        let shown = suggestion.as_ref().map_or("", |suggestion| suggestion.display()).to_owned();
        (drawn.line, drawn.at, drawn.suggestion, drawn.columns) = (line.to_owned(), at, shown, columns);
        suggestion
    }
}

impl RustylineCompleter for Assistant {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _context: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let completion = self.completer.complete(line.get(..at).unwrap_or(line));
        // With a common replacement, shortening the list loses no part of it.
        let pair = |display| Pair { display, replacement: completion.replacement.clone() };
        Ok((completion.start, shortened(|| completion.shown()).into_iter().map(pair).collect()))
    }
}

/// Returns as many candidates as fit on the screen, and instead of the last one the number of those omitted.
fn shortened<C: ExactSizeIterator<Item = String>>(candidates: impl Fn() -> C) -> Vec<String> {
    let (rows, columns) = rows_and_columns();
    let note = |missing: usize| format!("... {missing} more");
    let count = candidates().len();
    let widths = candidates().map(|candidate| candidate.width());
    let places = places(widths.chain([note(count).width()]), rows, columns);
    if places >= count {
        return candidates().collect();
    }
    candidates().take(places - 1).chain([note(count + 1 - places)]).collect()
}

/// Returns the number of candidates that fit on a screen when rustyline lists them, in columns as wide as the widest
/// plus two.
fn places(widths: impl Iterator<Item = usize>, rows: usize, columns: usize) -> usize {
    let widest = widths.max().unwrap_or(0) + 2;
    let across = (columns / widest).max(1);
    across * rows.saturating_sub(FREE_ROWS).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_no_longer_than_the_screen() {
        for (widths, rows, columns, expected) in [
            (&[8, 8][..], 24, 80, 8 * 21),
            (&[8, 38], 24, 80, 2 * 21),
            (&[200], 24, 80, 21),
            (&[8], 1, 80, 8),
            (&[], 24, 80, 40 * 21),
        ] {
            assert_eq!(places(widths.iter().copied(), rows, columns), expected, "{widths:?} on {rows}x{columns}");
        }
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let list = shortened(|| (0..100_000).map(|number| format!("entry-{number:05}")));
        let (last, shown) = list.split_last().unwrap();
        assert_eq!(*last, format!("... {} more", 100_000 - shown.len()));
    }
}
