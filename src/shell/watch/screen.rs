//! The terminal, as indicatif draws on it. indicatif would panic if the terminal was closed; this doesn't.
//!
//! While meters move on it, keys are not echoed: text typed ahead, and the `^C` of an interrupt, would break the line
//! with the cursor. The next prompt shows the typed text.

use std::io::{self, Write};
use std::sync::Mutex;

use indicatif::TermLike;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use unicode_width::UnicodeWidthStr;

use crate::lock::lock;
use crate::terminal::ERASE_ROWS;

/// The terminal on stdout. Each drawing is one write.
///
/// Between two drawings, the cursor is at the beginning of the first row, and each drawing erases everything from there
/// on. So it makes no difference if a terminal of another width has wrapped the rows again, and indicatif need not move
/// the cursor.
#[derive(Debug, Default)]
pub(super) struct Screen {
    drawing: Mutex<String>,
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        size().0
    }

    fn height(&self) -> u16 {
        size().1
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        lock(&self.drawing).push_str(text.trim_start_matches('\r'));
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let drawing = std::mem::take(&mut *lock(&self.drawing));
        let mut stdout = io::stdout().lock();
        // The code that prints results notices that the terminal was closed.
        let _ = stdout.write_all(placed(&drawing, width()).as_bytes()).and_then(|()| stdout.flush());
        Ok(())
    }
}

/// Returns the control codes and the text of a drawing, whose rows fill the width of the terminal.
fn placed(drawing: &str, width: usize) -> String {
    let up = match drawing.width().saturating_sub(1) / width {
        0 => String::new(),
        rows => format!("\x1b[{rows}A"),
    };
    format!("{ERASE_ROWS}{drawing}\r{up}")
}

/// Returns the columns of the terminal.
pub(super) fn width() -> usize {
    size().0.into()
}

/// Suppresses the echo of keys until it is dropped.
pub(super) struct Unechoed(Option<Termios>);

impl Unechoed {
    /// Starts now. If that isn't possible, keys are echoed.
    pub(super) fn begin() -> Unechoed {
        let Ok(before) = tcgetattr(io::stdout()) else { return Unechoed(None) };
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ECHONL;
        let set = tcsetattr(io::stdout(), OptionalActions::Now, &quiet);
        Unechoed(set.ok().map(|()| before))
    }
}

impl Drop for Unechoed {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // If the terminal was closed, there is nothing to restore.
            let _ = tcsetattr(io::stdout(), OptionalActions::Now, before);
        }
    }
}

fn size() -> (u16, u16) {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => (80, 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_returns_to_the_first_row() {
        for (drawing, up) in [("", ""), ("1234", ""), ("12345678", "\x1b[1A"), ("日本日本日本", "\x1b[2A")] {
            assert_eq!(placed(drawing, 4), format!("{ERASE_ROWS}{drawing}\r{up}"));
        }
    }
}
