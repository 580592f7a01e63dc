//! The colours of the line: faults are red and wildcards cyan, while it is typed, without the server.

use crate::support::{Key, Look, Remote, Shell, Terminal};

fn session() -> Terminal {
    Shell::on(Remote::with(["remote"])).here(["notes", "log/"]).at_a_terminal()
}

/// Types each text and checks its red characters.
fn reddens(cases: &[(&str, &str)]) {
    let mut terminal = session();
    for (text, red) in cases {
        terminal = terminal.types_by_hand(text).row_has(Look::Red, red).presses(Key::Ctrl('c'));
    }
    terminal.types("bye").ends_with(0);
}

#[test]
fn an_unknown_command_is_red_as_soon_as_it_can_be_no_other() {
    reddens(&[("ge", ""), ("gxt", "gxt"), ("ge ", "ge"), ("get ", ""), ("-@frob", "frob")]);
}

#[test]
fn an_option_that_the_command_lacks_is_red() {
    reddens(&[("ls -l", ""), ("ls -Q", "-Q"), ("ls --js", ""), ("ls --js ", "--js"), ("rename a -x", "")]);
}

#[test]
fn a_local_file_that_does_not_exist_is_red_where_the_command_needs_it() {
    reddens(&[("put no", ""), ("put nu", "nu"), ("put no ", "no"), ("lcd lag", "lag"), ("get remote nu", "")]);
}

#[test]
fn an_open_quote_is_red_until_it_is_closed() {
    session()
        .types_by_hand("put 'no")
        .row_has(Look::Red, "'")
        .presses_letter('t')
        .presses_letter('e')
        .presses_letter('s')
        .presses_letter('\'')
        .row_has(Look::Red, "")
        .line_is("sftp> put 'notes'")
        .presses(Key::Enter)
        .types("bye")
        .ends_with(0)
        .same("notes", "notes");
}

#[test]
fn wildcards_are_cyan_unless_they_are_quoted() {
    let terminal = session().types_by_hand("ls *.[ab]\\*'?'").row_has(Look::Cyan, "*[]").row_has(Look::Red, "");
    terminal.presses(Key::Ctrl('c')).types("bye").ends_with(0);
}

#[test]
fn colours_stay_off_where_they_are_not_wanted() {
    let shell = || Shell::on(Remote::empty());
    for shell in [shell().env("NO_COLOR", "1"), shell().env("CLICOLOR", "0"), shell().with_args(["--color=never"])] {
        let terminal = shell.at_a_terminal().types_by_hand("gxt 'a").row_is("sftp> gxt 'a").row_has(Look::Red, "");
        terminal.presses(Key::Ctrl('c')).types("bye").ends_with(0);
    }
    let terminal = shell().env("NO_COLOR", "1").with_args(["--color=always"]).at_a_terminal();
    terminal.types_by_hand("gxt").row_has(Look::Red, "gxt").presses(Key::Ctrl('c')).types("bye").ends_with(0);
}
