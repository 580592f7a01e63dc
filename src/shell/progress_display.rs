//! The display of a transfer's progress, chosen when it starts from the terminal, the options and the `progress`
//! command.

use std::io;

use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;

use crate::cli;
use crate::commands::Context;

/// The display of a transfer's progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgressDisplay {
    /// Only lines about files and failures.
    None,
    /// Lines without control codes.
    Plain,
    /// A JSON object for each event, which replaces all other lines on stdout.
    Json,
    /// Meters on a terminal, redrawn as the transfer proceeds. The last one of each file stays.
    Meter {
        /// True if the terminal can move its cursor. If it can't, only the last meters are drawn.
        moves_cursor: bool,
    },
}

impl ProgressDisplay {
    /// Chooses the display for the next transfer.
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

/// Returns whether stdout is a terminal with this process in its foreground; only then may meters be drawn on it.
fn is_in_the_foreground() -> bool {
    tcgetpgrp(io::stdout()).is_ok_and(|foreground| foreground == getpgrp())
}
