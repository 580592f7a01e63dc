//! The title of the terminal's window, which is restored in the end.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::terminal::Output;

/// The first parts of the names of terminals that show a title, and skip the request for one that they don't
/// understand.
const TITLED: [&str; 15] = [
    "alacritty",
    "contour",
    "foot",
    "ghostty",
    "gnome",
    "iterm2",
    "kitty",
    "konsole",
    "mlterm",
    "rxvt",
    "screen",
    "tmux",
    "vte",
    "wezterm",
    "xterm",
];

/// Puts the present title onto the terminal's stack (xterm's control sequences, "Window manipulation").
const PUSH: &[u8] = b"\x1b[22;2t";

/// Takes it back.
const POP: &[u8] = b"\x1b[23;2t";

/// True while the title is ours. It is global, because a signal can end the process at any point.
static IS_OURS: AtomicBool = AtomicBool::new(false);

/// Returns whether a terminal with this name (`$TERM`) shows a title.
#[must_use]
pub fn is_shown_by(term: &str) -> bool {
    term.split(['-', '.']).next().is_some_and(|name| TITLED.contains(&name))
}

/// The title of the window. Dropping it restores the earlier one.
#[derive(Default)]
pub struct WindowTitle {
    shown: String,
}

impl WindowTitle {
    /// Shows a printable text as the title, unless it is shown already.
    pub fn show(&mut self, text: String, output: &Output) {
        if text == self.shown {
            return;
        }
        let before = if IS_OURS.swap(true, Ordering::Relaxed) { &b""[..] } else { PUSH };
        // If the terminal is gone, there is no title either.
        let _ = output.writer().write_all(&[before, b"\x1b]2;", text.as_bytes(), b"\x07"].concat());
        self.shown = text;
    }

    /// Restores the earlier title.
    pub fn hide(&mut self) {
        self.shown.clear();
        restore();
    }
}

impl Drop for WindowTitle {
    fn drop(&mut self) {
        restore();
    }
}

/// Restores the earlier title. Also for a process that a signal ends.
pub fn restore() {
    if IS_OURS.swap(false, Ordering::Relaxed) {
        // As above.
        let _ = rustix::io::write(rustix::stdio::stdout(), POP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_terminals_show_a_title() {
        for (term, is_shown) in [
            ("xterm", true),
            ("xterm-256color", true),
            ("tmux-256color", true),
            ("screen.xterm-256color", true),
            ("foot", true),
            ("linux", false),
            ("vt100", false),
            ("dumb", false),
            ("", false),
            ("xtermish", false),
        ] {
            assert_eq!(is_shown_by(term), is_shown, "{term}");
        }
    }
}
