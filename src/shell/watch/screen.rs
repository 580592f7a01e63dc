//! The terminal, as indicatif draws on it. indicatif would panic if the terminal was closed; this doesn't.
//!
//! While meters move on it, keys are not echoed: text typed ahead, and the `^C` of an interrupt, would break the line
//! with the cursor. The next prompt shows the typed text.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::Mutex;

use indicatif::TermLike;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::lock::lock;

/// The terminal on stdout. Each drawing is one write.
#[derive(Debug, Default)]
pub(super) struct Screen {
    drawing: Mutex<String>,
}

impl Screen {
    fn draw(&self, add: impl FnOnce(&mut String)) -> io::Result<()> {
        add(&mut lock(&self.drawing));
        Ok(())
    }

    /// Writes a control sequence with a count. A terminal takes a count of zero as one.
    fn go(&self, count: usize, direction: char) -> io::Result<()> {
        self.draw(|drawing| {
            if count > 0 {
                let _ = write!(drawing, "\x1b[{count}{direction}");
            }
        })
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        size().0
    }

    fn height(&self) -> u16 {
        size().1
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.go(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.go(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.go(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.go(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.draw(|drawing| {
            drawing.push_str(text);
            drawing.push('\n');
        })
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.draw(|drawing| drawing.push_str(text))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.draw(|drawing| drawing.push_str("\r\x1b[2K"))
    }

    fn flush(&self) -> io::Result<()> {
        let drawing = std::mem::take(&mut *lock(&self.drawing));
        let mut stdout = io::stdout().lock();
        // The code that prints results notices that the terminal was closed.
        let _ = stdout.write_all(drawing.as_bytes()).and_then(|()| stdout.flush());
        Ok(())
    }
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
