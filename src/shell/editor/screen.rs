//! Draws the prompt and the line with as few bytes as possible.
//!
//! Only what changed is drawn: a character that is typed at the end of the line is that character and nothing else, as a
//! terminal's own echo would be. A program that reads along finds what it typed, and each prompt once.

use super::text::Cell;

/// What is on the screen, from the prompt on.
pub(super) struct Screen {
    width: usize,
    shown: Vec<Cell>,
    /// The cell that the cursor is before.
    at: usize,
    /// Where the cursor is.
    cursor: Place,
}

/// A row below the prompt's first, and a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    row: usize,
    /// Equal to the width after the last cell of a full row: the terminal goes to the next row only with the next cell.
    column: usize,
}

impl Screen {
    /// Returns a screen with nothing on it.
    pub(super) fn new() -> Screen {
        Screen { width: 1, shown: Vec::new(), at: 0, cursor: Place::default() }
    }

    /// Notes that these cells were just written from the start of a row, on a terminal of this width.
    pub(super) fn begin(&mut self, width: usize, cells: Vec<Cell>) {
        self.width = width.max(1);
        self.shown = cells;
        self.at = self.shown.len();
        self.cursor = self.place(self.at);
    }

    /// Draws the cells over what is on the screen, with the cursor before the cell `at`.
    pub(super) fn draw(&mut self, cells: &[Cell], at: usize, out: &mut Vec<u8>) {
        let same = self.shown.iter().zip(cells).take_while(|(old, new)| old == new).count();
        if same < self.shown.len() {
            let end = self.place(self.shown.len());
            self.go_to(same, out);
            self.shown.truncate(same);
            // A wide cell that went may have begun a row of its own; what comes now may fit on the row before.
            let here = self.place(same);
            if here.column < self.width && here != self.cursor {
                self.move_to(here, out);
                self.cursor = here;
            }
            out.extend_from_slice(if self.cursor.row == end.row { b"\x1b[K" } else { b"\x1b[J" });
        }
        if same < cells.len() {
            self.go_to(same, out);
            cells[same..].iter().for_each(|cell| out.extend_from_slice(cell.shown.as_bytes()));
            self.shown.extend_from_slice(&cells[same..]);
            self.at = self.shown.len();
            self.cursor = self.place(self.at);
        }
        self.go_to(at, out);
    }

    /// Draws everything again, for a terminal that has this width now.
    pub(super) fn redraw(&mut self, width: usize, cells: &[Cell], at: usize, out: &mut Vec<u8>) {
        self.width = width.max(1);
        // Most terminals fill their rows anew when their width changes.
        steps(self.place(self.at).row, 0, b'A', b'B', out);
        out.extend_from_slice(b"\r\x1b[J");
        self.begin(width, Vec::new());
        self.draw(cells, at, out);
    }

    /// Returns whether the cells on the screen are at other places on a terminal of this width.
    pub(super) fn is_moved_by(&self, width: usize) -> bool {
        let total: usize = self.shown.iter().flat_map(Cell::widths).sum();
        width.max(1) != self.width && total >= width.min(self.width)
    }

    /// Notes a width that moves no cell.
    pub(super) fn set_width(&mut self, width: usize) {
        self.width = width.max(1);
    }

    /// Moves the cursor before a cell, or after the last one.
    fn go_to(&mut self, target: usize, out: &mut Vec<u8>) {
        if target == self.at {
            return;
        }
        let to = self.place(target);
        match self.shown.last() {
            // A cursor gets behind a full row only by writing the last cell of it.
            Some(last) if to.column == self.width && target == self.shown.len() => {
                self.move_to(self.place(target - 1), out);
                out.extend_from_slice(last.shown.as_bytes());
            }
            _ => self.move_to(to, out),
        }
        self.at = target;
        self.cursor = to;
    }

    fn move_to(&self, to: Place, out: &mut Vec<u8>) {
        let mut from = self.cursor;
        if from.column == self.width || (to.column == 0 && from.column > 0) {
            out.push(b'\r');
            from.column = 0;
        }
        steps(from.row, to.row, b'A', b'B', out);
        match from.column.checked_sub(to.column) {
            Some(1) => out.push(0x08),
            _ => steps(from.column, to.column, b'D', b'C', out),
        }
    }

    /// Returns where a cell begins, or where the cursor is after the last one.
    fn place(&self, index: usize) -> Place {
        let mut place = Place::default();
        for (at, cell) in self.shown.iter().enumerate() {
            for (nth, width) in cell.widths().map(|width| width.min(self.width)).enumerate() {
                if place.column + width > self.width {
                    place = Place { row: place.row + 1, column: 0 };
                }
                if at == index && nth == 0 {
                    return place;
                }
                place.column += width;
            }
        }
        place
    }
}

/// Moves by the distance of two rows or columns.
fn steps(from: usize, to: usize, back: u8, forth: u8, out: &mut Vec<u8>) {
    let (distance, letter) = if to < from { (from - to, back) } else { (to - from, forth) };
    match distance {
        0 => {}
        1 => out.extend_from_slice(&[0x1b, b'[', letter]),
        _ => out.extend_from_slice(format!("\x1b[{distance}{}", char::from(letter)).as_bytes()),
    }
}
