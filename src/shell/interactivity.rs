//! Detects from the standard streams whether the process is used interactively.

use std::ffi::OsString;
use std::io::{self, IsTerminal};

use rustix::termios::tcgetwinsize;

use crate::cli::ColorMode;
use crate::terminal::{Output, title};

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

/// Returns whether the terminal's window has a title.
pub(crate) fn has_title() -> bool {
    std::env::var("TERM").is_ok_and(|term| title::is_shown_by(&term))
}

/// Returns whether output has colours. `person_is_here` says whether a person reads it at a terminal that can show them.
pub(crate) fn has_colors(mode: ColorMode, person_is_here: bool) -> bool {
    match mode {
        ColorMode::Always => true,
        ColorMode::Never => false,
        ColorMode::Auto => person_is_here && environment_allows_colors(|name| std::env::var_os(name)),
    }
}

/// Returns whether the environment allows colours, by the rules of <https://no-color.org> and
/// <https://bixense.com/clicolors>.
fn environment_allows_colors(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    variable("NO_COLOR").is_none_or(|value| value.is_empty()) && variable("CLICOLOR").is_none_or(|value| value != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_can_forbid_colours() {
        for (variables, allowed) in [
            (&[][..], true),
            (&[("NO_COLOR", "1")], false),
            (&[("NO_COLOR", "")], true),
            (&[("CLICOLOR", "0")], false),
            (&[("CLICOLOR", "1")], true),
            (&[("CLICOLOR", "1"), ("NO_COLOR", "x")], false),
        ] {
            let variable =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
            assert_eq!(environment_allows_colors(variable), allowed, "{variables:?}");
        }
    }

    #[test]
    fn colours_are_for_a_person_unless_the_option_decides() {
        for (mode, for_a_program) in [(ColorMode::Always, true), (ColorMode::Never, false), (ColorMode::Auto, false)] {
            assert_eq!(has_colors(mode, false), for_a_program, "{mode:?}");
        }
        assert!(!has_colors(ColorMode::Never, true));
    }
}
