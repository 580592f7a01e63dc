//! The terminal as indicatif draws on it. A terminal that went away is no reason to panic, as indicatif would.
//!
//! While something moves on it, keys are not echoed: what is typed ahead, and the `^C` of an interrupt, would break the
//! line on which the cursor stands. The next prompt shows what was typed.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::Mutex;

use indicatif::TermLike;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::lock::lock;

/// stdout's terminal; a drawing goes out in one write.
#[derive(Debug, Default)]
pub(super) struct Screen {
    drawing: Mutex<String>,
}

impl Screen {
    fn draw(&self, add: impl FnOnce(&mut String)) -> io::Result<()> {
        add(&mut lock(&self.drawing));
        Ok(())
    }

    /// A control sequence with a count; a terminal takes a count of zero for one.
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
        // Whoever prints answers notices that the terminal is gone.
        let _ = stdout.write_all(drawing.as_bytes()).and_then(|()| stdout.flush());
        Ok(())
    }
}

/// Columns of the terminal.
pub(super) fn width() -> usize {
    size().0.into()
}

/// Keeps keys from being echoed until it is dropped.
pub(super) struct Unechoed(Option<Termios>);

impl Unechoed {
    /// From now on. Where that can't be, keys are echoed.
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
            // A terminal that went away needs nothing back.
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
