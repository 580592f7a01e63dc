//! How transfers are shown, decided when one starts: the terminal, the options and the `progress` command all have a say.

use std::io::{self, IsTerminal};

use rustix::process::getpgrp;
use rustix::termios::{tcgetpgrp, tcgetwinsize};

use crate::cli;
use crate::commands::Context;
use crate::terminal::Output;
use crate::terminal::output::Quiet;

/// How a transfer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Not at all, but for the lines about files and failures.
    None,
    /// Lines without control codes.
    Plain,
    /// An object for each piece of news, in place of all other lines on stdout.
    Json,
    /// On a terminal: meters that move, and a last one of each file that stays.
    Meter {
        /// Whether the terminal can move its cursor; where it can't, only the last meters are shown.
        moving: bool,
    },
}

/// What the terminal can show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Showing {
    /// Whether stdout is a terminal that can move its cursor, and may.
    pub(crate) moves: bool,
}

impl Showing {
    /// How the next transfer is shown.
    pub(crate) fn progress(self, context: &Context) -> Progress {
        match context.settings.shown_progress() {
            cli::Progress::None => Progress::None,
            cli::Progress::Plain => Progress::Plain,
            cli::Progress::Json => Progress::Json,
            cli::Progress::Auto if context.output.stderr_is_terminal() && is_in_the_foreground() => {
                Progress::Meter { moving: self.moves }
            }
            cli::Progress::Auto => Progress::None,
        }
    }
}

/// Whether the `progress` command finds it enabled at the start.
pub(crate) fn is_shown_at_first(asked: cli::Progress, output: &Output) -> bool {
    match asked {
        cli::Progress::Plain | cli::Progress::Json => true,
        cli::Progress::None => false,
        cli::Progress::Auto => output.stderr_is_terminal() && output.quiet() == Quiet::No,
    }
}

/// Whether stdout is a terminal of which we are the foreground: one that is not ours must not be drawn on.
fn is_in_the_foreground() -> bool {
    tcgetpgrp(io::stdout()).is_ok_and(|foreground| foreground == getpgrp())
}

/// Terminals that can't move their cursor, by the names that `TERM` has for them. The line editor knows the same ones.
const TYPEWRITERS: [&str; 4] = ["", "dumb", "cons25", "emacs"];

/// Set to anything but nothing, it means the same as `--plain`, for programs that drive us and can't choose our options.
const PLAIN: &str = "SFTPSH_PLAIN";

/// Whether stdout is a terminal that can move its cursor and knows its size, and nobody wants plain lines.
pub(crate) fn moves_its_cursor(plain: bool) -> bool {
    if plain || std::env::var_os(PLAIN).is_some_and(|value| !value.is_empty()) {
        return false;
    }
    let term = std::env::var_os("TERM").unwrap_or_default();
    let moves = !TYPEWRITERS.iter().any(|name| term.eq_ignore_ascii_case(name));
    moves && tcgetwinsize(io::stdout()).is_ok_and(|size| size.ws_col > 0 && size.ws_row > 0)
}

/// Returns whether a person types here and reads what is printed, as far as that can be known before the first key: stdin,
/// stdout and stderr are a terminal that could have a line editor.
pub(crate) fn may_be_read_by_a_person(plain: bool, output: &Output) -> bool {
    io::stdin().is_terminal() && output.stdout_is_terminal() && output.stderr_is_terminal() && moves_its_cursor(plain)
}
