//! The line as it is edited: cells with a cursor between two of them.
//!
//! A line is bytes, because names are. A cell is what the cursor steps over at once: a character with the combining
//! characters after it, or a byte that belongs to no character.

use unicode_width::UnicodeWidthChar;

use crate::terminal::Printable;

/// What the cursor steps over at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    bytes: Vec<u8>,
    /// What the terminal gets for it.
    pub(super) shown: String,
}

impl Cell {
    fn new(bytes: &[u8]) -> Cell {
        // How wide a tab is depends on where it is; here it is a blank like any other.
        let shown = if bytes == b"\t" { " ".to_owned() } else { Printable(bytes).text().into_owned() };
        Cell { bytes: bytes.to_vec(), shown }
    }

    /// Returns the columns that each character of it takes. An escape such as `\377` is several characters, and may be
    /// on two rows.
    pub(super) fn widths(&self) -> impl Iterator<Item = usize> {
        self.shown.chars().map(|character| character.width().unwrap_or(0))
    }

    fn is_of_a_word(&self) -> bool {
        self.bytes.iter().any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
    }

    fn is_blank(&self) -> bool {
        self.bytes.iter().all(u8::is_ascii_whitespace)
    }
}

/// Turns bytes into cells.
pub(super) fn cells_of(bytes: &[u8]) -> Vec<Cell> {
    let mut text = Text::default();
    text.insert(bytes);
    text.cells
}

/// Turns cells back into bytes.
pub(super) fn bytes_of(cells: &[Cell]) -> Vec<u8> {
    cells.iter().flat_map(|cell| cell.bytes.iter().copied()).collect()
}

/// A line with a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    cells: Vec<Cell>,
    at: usize,
}

impl Text {
    /// Returns this line with the cursor at its end.
    pub(super) fn of(line: &[u8]) -> Text {
        let cells = cells_of(line);
        let at = cells.len();
        Text { cells, at }
    }

    pub(super) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Returns how many cells are before the cursor.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        bytes_of(&self.cells)
    }

    /// Returns the bytes before the cursor.
    pub(super) fn before(&self) -> Vec<u8> {
        bytes_of(&self.cells[..self.at])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Puts the cursor before this cell, or at the end if there are fewer.
    pub(super) fn move_to(&mut self, at: usize) {
        self.at = at.min(self.cells.len());
    }

    /// Puts the cursor where this many bytes are before it.
    pub(super) fn move_to_byte(&mut self, mut bytes: usize) {
        self.at = self
            .cells
            .iter()
            .take_while(|cell| {
                let is_before = bytes > 0;
                bytes = bytes.saturating_sub(cell.bytes.len());
                is_before
            })
            .count();
    }

    /// Inserts bytes before the cursor.
    pub(super) fn insert(&mut self, bytes: &[u8]) {
        let mut added: Vec<Cell> = Vec::new();
        for chunk in bytes.utf8_chunks() {
            let mut buffer = [0; 4];
            for character in chunk.valid().chars() {
                let cell = Cell::new(character.encode_utf8(&mut buffer).as_bytes());
                match added.last_mut().or_else(|| self.at.checked_sub(1).map(|last| &mut self.cells[last])) {
                    Some(last) if cell.widths().sum::<usize>() == 0 => {
                        *last = Cell::new(&[&last.bytes[..], &cell.bytes[..]].concat())
                    }
                    _ => added.push(cell),
                }
            }
            added.extend(chunk.invalid().iter().map(|byte| Cell::new(&[*byte])));
        }
        let count = added.len();
        self.cells.splice(self.at..self.at, added);
        self.at += count;
    }

    /// Inserts cells before the cursor.
    pub(super) fn insert_cells(&mut self, cells: &[Cell]) {
        self.cells.splice(self.at..self.at, cells.iter().cloned());
        self.at += cells.len();
    }

    /// Removes the cells between the cursor and `other`, and leaves the cursor there.
    pub(super) fn remove_to(&mut self, other: usize) -> Vec<Cell> {
        let other = other.min(self.cells.len());
        let (start, end) = (self.at.min(other), self.at.max(other));
        self.at = start;
        self.cells.drain(start..end).collect()
    }

    /// Returns where the word before the cursor starts.
    pub(super) fn word_left(&self) -> usize {
        self.back_over(self.back_over(self.at, |cell| !cell.is_of_a_word()), Cell::is_of_a_word)
    }

    /// Returns where the word after the cursor ends.
    pub(super) fn word_right(&self) -> usize {
        self.forth_over(self.forth_over(self.at, |cell| !cell.is_of_a_word()), Cell::is_of_a_word)
    }

    /// Returns where the word before the cursor starts, if only blanks separate words, as Ctrl-W has it.
    pub(super) fn blank_word_left(&self) -> usize {
        self.back_over(self.back_over(self.at, Cell::is_blank), |cell| !cell.is_blank())
    }

    /// Swaps the two cells before the cursor at the end of the line, elsewhere those around the cursor.
    pub(super) fn transpose(&mut self) {
        if self.at == 0 || self.cells.len() < 2 {
            return;
        }
        let right = self.at.min(self.cells.len() - 1);
        self.cells.swap(right - 1, right);
        self.at = right + 1;
    }

    fn back_over(&self, from: usize, passes: impl Fn(&Cell) -> bool) -> usize {
        from - self.cells[..from].iter().rev().take_while(|cell| passes(cell)).count()
    }

    fn forth_over(&self, from: usize, passes: impl Fn(&Cell) -> bool) -> usize {
        from + self.cells[from..].iter().take_while(|cell| passes(cell)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(line: &str) -> Text {
        let (before, after) = line.split_once('|').unwrap();
        let mut text = Text::of(format!("{before}{after}").as_bytes());
        text.move_to_byte(before.len());
        text
    }

    #[test]
    fn words_have_ends_and_starts() {
        for (line, left, blank_left, right) in [
            ("get a/b c|", 8, 8, 9),
            ("get a/b |c", 6, 4, 9),
            ("|get a", 0, 0, 3),
            ("get -r|  x ", 5, 4, 9),
            ("é日|", 0, 0, 2),
            ("|", 0, 0, 0),
        ] {
            let text = text(line);
            assert_eq!(
                (text.word_left(), text.blank_word_left(), text.word_right()),
                (left, blank_left, right),
                "{line}"
            );
        }
    }

    #[test]
    fn transposing_swaps_what_is_around_the_cursor() {
        for (line, swapped) in [("ab|", "ba"), ("a|bc", "bac"), ("|ab", "ab"), ("a|", "a"), ("abc|d", "abdc")] {
            let mut text = text(line);
            text.transpose();
            assert_eq!(text.bytes(), swapped.as_bytes(), "{line}");
        }
    }

    #[test]
    fn a_combining_character_shares_the_cell_of_its_base() {
        let mut text = Text::of("e\u{301}x".as_bytes());
        assert_eq!(text.cells().len(), 2);
        text.move_to(0);
        text.remove_to(1);
        assert_eq!(text.bytes(), b"x");
    }

    proptest! {
        #[test]
        fn no_byte_is_lost(bytes in prop::collection::vec(any::<u8>(), 0..60), at in 0usize..60) {
            let mut text = Text::of(&bytes);
            prop_assert_eq!(text.bytes(), bytes.clone());
            text.move_to(at);
            let before = text.before();
            let removed = text.remove_to(0);
            prop_assert_eq!(bytes_of(&removed), before);
            text.insert_cells(&removed);
            prop_assert_eq!(text.bytes(), bytes);
        }
    }
}
