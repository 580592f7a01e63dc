//! The screen as a person sees it: its rows as they are now, and the look of their characters.
//!
//! The keys of [`Terminal::types_by_hand`] arrive one by one, as only people send them.

use super::terminal::Terminal;

/// The look of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Dim,
    Red,
    Cyan,
    Underlined,
}

impl Look {
    fn is_of(self, cell: &vt100::Cell) -> bool {
        match self {
            Self::Dim => cell.dim(),
            Self::Red => cell.fgcolor() == vt100::Color::Idx(1),
            Self::Cyan => cell.fgcolor() == vt100::Color::Idx(6),
            Self::Underlined => cell.underline(),
        }
    }
}

impl Terminal {
    /// Waits for the prompt, then types text as a person does: presses each key after the one before has moved the
    /// cursor.
    #[track_caller]
    pub fn types_by_hand(self, text: &str) -> Self {
        let mut at = self.at_the_prompt();
        for letter in text.chars() {
            at = at.presses_letter(letter);
        }
        at
    }

    /// Shows that a person is at the prompt, by a line that is typed by hand.
    #[track_caller]
    pub fn by_hand(self) -> Self {
        let at = self.types_by_hand("history 0").presses(super::Key::Enter);
        at.waits_for_screen("the next prompt", |screen| row_of_cursor(screen).ends_with('>'));
        at
    }

    /// Presses the key of a letter, and waits until the letter is before the cursor.
    #[track_caller]
    pub fn presses_letter(self, letter: char) -> Self {
        let before = self.picture().cursor_position();
        let at = self.sends(letter.to_string().as_bytes());
        at.waits_for_screen(&format!("the echo of {letter:?}"), |screen| {
            screen.cursor_position() != before && character_before_cursor(screen) == Some(letter)
        });
        at
    }

    /// Waits until the cursor's row shows exactly this text; blanks at its end don't count.
    #[track_caller]
    pub fn row_is(self, text: &str) -> Self {
        self.waits_for_screen(&format!("the row {text:?}"), |screen| row_of_cursor(screen) == text);
        self
    }

    /// Waits until exactly these characters of the cursor's row have this look. They need not be next to each other.
    #[track_caller]
    pub fn row_has(self, look: Look, text: &str) -> Self {
        self.waits_for_screen(&format!("{look:?} {text:?}"), |screen| {
            cells_of_row(screen).filter(|cell| look.is_of(cell)).map(text_of).collect::<String>().trim_end() == text
        });
        self
    }

    /// Waits until the last rows of the screen are exactly these, without the empty rows at its end.
    #[track_caller]
    pub fn screen_ends_with(self, rows: &[&str]) -> Self {
        let wanted = format!("\n{}", rows.join("\n"));
        self.waits_for_screen(&format!("the rows{wanted}\n---\n"), |screen| screen_text(screen).ends_with(&wanted));
        self
    }
}

/// Returns the text of the screen, after a newline, without the blanks at the end of rows and the empty rows at its
/// end.
fn screen_text(screen: &vt100::Screen) -> String {
    let rows: Vec<String> = screen.rows(0, screen.size().1.get()).map(|row| row.trim_end().to_owned()).collect();
    format!("\n{}", rows.join("\n").trim_end_matches('\n'))
}

fn cells_of_row(screen: &vt100::Screen) -> impl Iterator<Item = &vt100::Cell> {
    let (row, _) = screen.cursor_position();
    let cells = (0..screen.size().1.get()).filter_map(move |column| screen.cell(row, column));
    cells.filter(|cell| !cell.is_wide_continuation())
}

fn row_of_cursor(screen: &vt100::Screen) -> String {
    cells_of_row(screen).map(text_of).collect::<String>().trim_end().to_owned()
}

fn character_before_cursor(screen: &vt100::Screen) -> Option<char> {
    let (row, column) = screen.cursor_position();
    let mut before =
        (0..column).rev().filter_map(|at| screen.cell(row, at)).filter(|cell| !cell.is_wide_continuation());
    before.next().and_then(|cell| text_of(cell).chars().next())
}

fn text_of(cell: &vt100::Cell) -> &str {
    if cell.has_contents() { cell.contents() } else { " " }
}

/// Shows the rows of a screen on a screen of another width, as one text up to the row of the cursor. What is on the
/// cursor's line after it follows. The cursor stays at its character.
pub(super) fn wrapped_again(screen: &vt100::Screen, mut other: vt100::Parser) -> vt100::Parser {
    let (row, column) = screen.cursor_position();
    let before = screen.contents_between(0, 0, row, column);
    let after = screen.contents_between(row, column, screen.size().0.get() - 1, screen.size().1.get());
    other.process(before.replace('\n', "\r\n").as_bytes());
    other.process(b"\x1b7");
    other.process(after.trim_end().replace('\n', "\r\n").as_bytes());
    other.process(b"\x1b8");
    other
}
