//! How a transfer is displayed, decided when it starts: the terminal, the options and the `progress` command all have a say.

use std::io;

use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;

use crate::cli;
use crate::commands::Context;

/// How a transfer is displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgressDisplay {
    /// Only by the lines about files and failures.
    None,
    /// By lines without control codes.
    Plain,
    /// By a JSON object for each event, instead of all other lines on stdout.
    Json,
    /// On a terminal: by meters that are drawn again and again. The last one of each file stays.
    Meter {
        /// Whether the terminal can move its cursor. If it can't, only the last meters are drawn.
        moves_cursor: bool,
    },
}

impl ProgressDisplay {
    /// Chooses for the next transfer.
    pub(crate) fn choose(context: &Context, moves_cursor: bool) -> ProgressDisplay {
        match context.settings.shown_progress() {
            cli::ProgressMode::None => ProgressDisplay::None,
            cli::ProgressMode::Plain => ProgressDisplay::Plain,
            cli::ProgressMode::Json => ProgressDisplay::Json,
            cli::ProgressMode::Auto if context.output.stderr_is_terminal() && is_in_the_foreground() => {
                ProgressDisplay::Meter { moves_cursor }
            }
            cli::ProgressMode::Auto => ProgressDisplay::None,
        }
    }
}

/// Returns whether stdout is a terminal and this process is in its foreground: only then may it be drawn on.
fn is_in_the_foreground() -> bool {
    tcgetpgrp(io::stdout()).is_ok_and(|foreground| foreground == getpgrp())
}
