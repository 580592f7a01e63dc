//! The line as it is on the screen. If the terminal changes its width, it may wrap the rows again, of which rustyline
//! knows nothing: it would leave rows behind, or erase earlier output.

use unicode_width::UnicodeWidthChar;

use crate::terminal::ERASE_ROWS;

/// The text on the screen.
#[derive(Clone, Debug, Default)]
pub(super) struct Drawn {
    /// The prompt.
    pub(super) prompt: String,
    /// The line.
    pub(super) line: String,
    /// The position of the cursor in the line.
    pub(super) at: usize,
    /// The suggestion after the line.
    pub(super) suggestion: String,
    /// The columns of the terminal.
    pub(super) columns: usize,
}

impl Drawn {
    /// Returns the control codes after which rustyline, which draws the line again, finds the cursor where it expects
    /// it and no row left. `column` asks for the column of the cursor. `None` if nothing has moved.
    pub(super) fn moved(&self, columns: usize, column: impl FnOnce() -> Option<usize>) -> Option<String> {
        let before = self.prompt.clone() + self.line.get(..self.at)?;
        let whole = format!("{}{}{}", self.prompt, self.line, self.suggestion);
        let (row, at) = position(&before, self.columns);
        let (wrapped_row, wrapped_at) = position(&before, columns);
        let (last, _) = position(&whole, self.columns);
        if (wrapped_row, position(&whole, columns).0) == (row, last) {
            return None;
        }
        // A terminal that doesn't wrap again cuts the rows, and the cursor stays in its row.
        let stays = at.min(columns.saturating_sub(1));
        if wrapped_row != row && (wrapped_at == stays || column() != Some(wrapped_at)) {
            return None;
        }
        Some(format!("{}{ERASE_ROWS}{}{}", up(wrapped_row), "\n".repeat(last), up(last - row)))
    }
}

fn up(rows: usize) -> String {
    if rows == 0 { String::new() } else { format!("\x1b[{rows}A") }
}

/// Returns the row and the column after a text, by the rules of rustyline.
fn position(text: &str, columns: usize) -> (usize, usize) {
    let (mut row, mut column) = (0, 0);
    for c in text.chars() {
        if c == '\n' {
            (row, column) = (row + 1, 0);
            continue;
        }
        let width = c.width().unwrap_or(0);
        column += width;
        if column > columns {
            (row, column) = (row + 1, width);
        }
    }
    if column == columns { (row + 1, 0) } else { (row, column) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(line: &str, at: usize, suggestion: &str) -> Drawn {
        Drawn { prompt: "> ".to_owned(), line: line.to_owned(), at, suggestion: suggestion.to_owned(), columns: 10 }
    }

    #[test]
    fn rows_that_the_terminal_wrapped_again_are_erased() {
        for (line, suggestion, columns, column, moved) in [
            // It fits as before.
            ("abc", "", 6, None, None),
            ("abcdef", "", 20, None, None),
            // The suggestion needs a second row, the cursor stays in the first.
            ("abc", "de", 6, None, Some(ERASE_ROWS.to_owned())),
            // The cursor is in a second row now, or it isn't.
            ("abcdef", "", 6, Some(2), Some(format!("\x1b[1A{ERASE_ROWS}"))),
            ("abcdef", "", 6, Some(5), None),
            ("abcdef", "", 6, None, None),
            // Two rows become one.
            ("abcdefghij", "", 20, Some(12), Some(format!("{ERASE_ROWS}\n"))),
            ("abcdefghij", "", 20, Some(2), None),
            // The cut row ends in the column of the wrapped one.
            ("abcdefg", "", 5, Some(4), None),
        ] {
            let found = drawn(line, line.len(), suggestion).moved(columns, || column);
            assert_eq!(found, moved, "{line:?} and {suggestion:?} in {columns}");
        }
        let inside = drawn("abcdefghijklmnop", 0, "").moved(6, || panic!("the cursor is in the first row"));
        assert_eq!(inside, Some(format!("{ERASE_ROWS}\n\x1b[1A")));
    }
}
