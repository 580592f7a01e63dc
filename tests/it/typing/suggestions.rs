//! The dim text after the cursor: who sees it, which keys take it, and that it leaves nothing behind.

use crate::support::{Key, Look, Remote, Shell, Terminal};
use std::fs;

/// A session in which two lines were typed.
fn session() -> Terminal {
    let terminal = Shell::on(Remote::with(["docs/a b", "docs/c"])).at_a_terminal();
    terminal.types("ls -1 docs/c").types("version").at_the_prompt()
}

#[test]
fn the_rest_of_an_earlier_line_is_dim_and_the_right_arrow_takes_it() {
    for key in [Key::Right, Key::End, Key::Ctrl('e'), Key::Ctrl('f')] {
        session()
            .types_by_hand("ls")
            .row_is("sftp> ls -1 docs/c")
            .row_has(Look::Dim, " -1 docs/c")
            .line_is("sftp> ls")
            .presses(key)
            .line_is("sftp> ls -1 docs/c")
            .row_has(Look::Dim, "")
            .presses(Key::Enter)
            .sees("docs/c\nsftp>")
            .types("bye")
            .ends_with(0);
    }
}

#[test]
fn alt_f_takes_a_word_or_a_directory() {
    session()
        .types_by_hand("ls")
        .presses(Key::Alt('f'))
        .line_is("sftp> ls -1")
        .row_has(Look::Dim, " docs/c")
        .presses(Key::Alt('f'))
        .line_is("sftp> ls -1 docs/")
        .row_has(Look::Dim, "c")
        .presses_letter('x')
        .row_is("sftp> ls -1 docs/x")
        .presses(Key::Ctrl('c'))
        .types("bye")
        .ends_with(0);
}

#[test]
fn the_suggestion_follows_each_letter() {
    session()
        .types_by_hand("ve")
        .row_is("sftp> version")
        .row_has(Look::Dim, "rsion")
        .presses_letter('x')
        .row_is("sftp> vex")
        .presses(Key::Backspace)
        .row_is("sftp> version")
        .presses(Key::Backspace)
        .presses(Key::Backspace)
        .at_the_prompt()
        .types_by_hand("ls")
        .row_is("sftp> ls -1 docs/c")
        .presses(Key::Ctrl('c'))
        .types("bye")
        .ends_with(0);
}

#[test]
fn a_line_that_ends_leaves_no_suggestion() {
    session()
        .types_by_hand("vers")
        .presses(Key::Ctrl('c'))
        .at_the_prompt()
        .types_by_hand("ls")
        .row_is("sftp> ls -1 docs/c")
        .presses(Key::Enter)
        .at_the_prompt()
        .screen_ends_with(&[
            "sftp> ls -1 docs/c",
            "docs/c",
            "sftp> version",
            "SFTP protocol version 3",
            "sftp> vers",
            "sftp> ls",
            "docs",
            "sftp>",
        ])
        .types("bye")
        .ends_with(0);
}

#[test]
fn a_command_without_arguments_shows_its_usage() {
    session()
        .types_by_hand("ren")
        .row_is("sftp> ren")
        .presses_letter('a')
        .presses_letter('m')
        .presses_letter('e')
        .row_is("sftp> rename [-l] oldpath newpath")
        .row_has(Look::Dim, " [-l] oldpath newpath")
        // Nobody means the words of a usage.
        .presses(Key::Right)
        .presses_letter(' ')
        .row_is("sftp> rename [-l] oldpath newpath")
        .line_is("sftp> rename ")
        .presses_letter('x')
        .row_is("sftp> rename x")
        .presses(Key::Ctrl('c'))
        .types("bye")
        .ends_with(0);
}

#[test]
fn a_suggestion_ends_with_the_row() {
    let long = format!("ls {}", "x".repeat(60));
    let terminal = Shell::on(Remote::empty()).at_a_terminal_of(24, 40).types(&long).sees("not found");
    let cut = format!("sftp> ls {}…", "x".repeat(29));
    let terminal = terminal.types_by_hand("ls").row_is(&cut).presses(Key::Right).line_is(&"x".repeat(29));
    terminal.presses(Key::Ctrl('c')).types("bye").ends_with(0);
}

#[test]
fn a_line_with_a_command_to_the_terminal_is_not_suggested() {
    let shell = Shell::on(Remote::empty()).prepare(|world| {
        let directory = world.home().join(".local/state/sftpsh");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("history"), "#V2\nget fine\nget \u{1b}]0;evil\u{7}\u{1b}[2J\n").unwrap();
    });
    let terminal = shell.at_a_terminal().types_by_hand("get").row_is("sftp> get fine");
    let terminal = terminal.presses(Key::Up).line_is("sftp> get fine").presses(Key::Ctrl('c')).at_the_prompt();
    assert!(!String::from_utf8_lossy(&terminal.raw()).contains("evil"));
    terminal.types("bye").ends_with(0);
}

#[test]
fn colours_may_be_off_and_the_suggestion_is_dim_all_the_same() {
    let shell = Shell::on(Remote::empty()).env("NO_COLOR", "1").with_args(["--color=never"]);
    let terminal = shell.at_a_terminal().types("version").types_by_hand("ve").row_has(Look::Dim, "rsion");
    terminal.presses(Key::Ctrl('c')).types("bye").ends_with(0);
}

#[test]
fn programs_see_nothing_of_it() {
    let terminal = session();
    let before = terminal.raw().len();
    // The beginning of a known line, in pieces and as a whole.
    let terminal = terminal.sends(b"ls -1").line_is("sftp> ls -1").sends(b" docs").line_is("sftp> ls -1 docs");
    let terminal = terminal.sends(b"\n").sees("docs/a b\ndocs/c").at_the_prompt().sends(b"version\n").at_the_prompt();
    let raw = String::from_utf8_lossy(&terminal.raw()[before..]).into_owned();
    assert!(!raw.contains('\x1b'), "{raw:?}");
    terminal.types("bye").ends_with(0);
}

#[test]
fn plain_terminals_see_nothing_of_it() {
    for shell in [Shell::on(Remote::empty()).with_args(["--plain"]), Shell::on(Remote::empty()).env("TERM", "dumb")] {
        let terminal = shell.at_a_terminal().types("version").types_by_hand("versio").row_is("sftp> versio");
        let raw = String::from_utf8_lossy(&terminal.raw()).into_owned();
        assert!(!raw.contains('\x1b'), "{raw:?}");
        terminal.presses(Key::Ctrl('c')).types("bye").ends_with(0);
    }
}
