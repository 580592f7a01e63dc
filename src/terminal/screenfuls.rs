//! A plain pager, for a user without a pager program: a screenful, then a question.

use std::io::{self, Write};

use unicode_width::UnicodeWidthChar;

use crate::terminal::output::Output;
use crate::terminal::prompt::{self, Unanswered};

/// The question after each screenful.
const QUESTION: &str = "--More-- (space: next page, Enter: next line, q: quit)";

/// Columns from one tab stop to the next.
const TAB: usize = 8;

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;

/// Printable text on its way to a terminal, which stops after each screenful.
pub struct Screenfuls<'a> {
    output: &'a Output,
    screenful: Screenful,
}

impl<'a> Screenfuls<'a> {
    /// Begins on a new row.
    #[must_use]
    pub fn on(output: &'a Output) -> Screenfuls<'a> {
        // The last row is for the question.
        let (rows, columns) = (output.rows().saturating_sub(1).max(1), output.width().max(1));
        Screenfuls { output, screenful: Screenful { rows, columns, row: 0, column: 0 } }
    }

    /// Asks for the next key. Returns an error if it quits.
    fn ask(&mut self) -> io::Result<()> {
        self.output.flush();
        match prompt::key(QUESTION) {
            Ok(b'q' | b'Q' | CTRL_C | CTRL_D) | Err(Unanswered::Interrupted | Unanswered::Ended) => {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            Ok(b'\r' | b'\n') => {
                self.screenful.leave(1);
                Ok(())
            }
            // Without a terminal for the question, all of the text is shown.
            Ok(_) | Err(_) => {
                self.screenful.leave(self.screenful.rows);
                Ok(())
            }
        }
    }
}

/// `BrokenPipe` means that the user has quit.
impl Write for Screenfuls<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let mut rest = &*text;
        while !rest.is_empty() {
            let (shown, later) = rest.split_at(self.screenful.fit(rest));
            self.output.writer().write_all(shown.as_bytes())?;
            rest = later;
            if !rest.is_empty() {
                self.ask()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush();
        Ok(())
    }
}

/// The part of a screen that is filled.
struct Screenful {
    rows: usize,
    columns: usize,
    row: usize,
    column: usize,
}

impl Screenful {
    /// Fills the screen, and returns how many bytes of the text fit.
    fn fit(&mut self, text: &str) -> usize {
        for (at, character) in text.char_indices() {
            let before = self.row;
            self.place(character);
            // The line break that fills the last row still fits.
            if before >= self.rows || self.row >= self.rows && character != '\n' {
                return at;
            }
        }
        text.len()
    }

    /// Leaves this number of rows free, and begins at the left.
    fn leave(&mut self, rows: usize) {
        (self.row, self.column) = (self.rows - rows, 0);
    }

    fn place(&mut self, character: char) {
        let width = match character {
            '\n' => {
                (self.row, self.column) = (self.row + 1, 0);
                return;
            }
            '\t' => TAB - self.column % TAB,
            other => other.width().unwrap_or(0),
        };
        if self.column + width > self.columns {
            (self.row, self.column) = (self.row + 1, 0);
        }
        self.column += width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screenful_ends_where_the_rows_do() {
        for (rows, columns, text, shown) in [
            (2, 80, "a\nb\nc\n", "a\nb\n"),
            (2, 80, "a\nb\n", "a\nb\n"),
            (2, 80, "a\nb", "a\nb"),
            (2, 3, "abcdefghi", "abcdef"),
            (1, 4, "日本語", "日本"),
            (2, 80, "a\n\n\n", "a\n\n"),
            (1, 9, "\tx\ny", "\tx\n"),
        ] {
            let mut screenful = Screenful { rows, columns, row: 0, column: 0 };
            assert_eq!(&text[..screenful.fit(text)], shown, "{text:?}");
        }
    }
}
