//! Detects from the standard streams whether the process is used interactively.

use std::io::{self, IsTerminal};

use rustix::termios::tcgetwinsize;

use crate::terminal::Output;

/// Values of `TERM` for terminals that can't move their cursor. The line editor has the same list.
const TYPEWRITERS: [&str; 4] = ["", "dumb", "cons25", "emacs"];

/// A variable that means `--plain` unless it is empty, for programs that drive us and can't choose our options.
const PLAIN: &str = "SFTPSH_PLAIN";

/// Returns whether stdout is a terminal that can move its cursor and knows its size, unless plain lines were
/// requested.
pub(crate) fn moves_cursor(plain: bool) -> bool {
    if plain || std::env::var_os(PLAIN).is_some_and(|value| !value.is_empty()) {
        return false;
    }
    let term = std::env::var_os("TERM").unwrap_or_default();
    let is_typewriter = TYPEWRITERS.iter().any(|name| term.eq_ignore_ascii_case(name));
    !is_typewriter && tcgetwinsize(io::stdout()).is_ok_and(|size| size.ws_col > 0 && size.ws_row > 0)
}

/// Returns whether a person probably types here and reads the output, as far as that is known before the first key:
/// stdin, stdout and stderr are a terminal that could have a line editor.
pub(crate) fn may_have_a_person(plain: bool, output: &Output) -> bool {
    io::stdin().is_terminal() && output.stdout_is_terminal() && output.stderr_is_terminal() && moves_cursor(plain)
}
