//! Up and Down find lines that begin alike, and Alt-. finds their last words.

use crate::support::{Key, Remote, Shell, Terminal};

/// A session in which four lines were typed.
fn session() -> Terminal {
    let terminal = Shell::on(Remote::with(["notes", "news"])).at_a_terminal();
    terminal.types("ls -1 notes").types("version").types("ls -1 news").types("lpwd").at_the_prompt()
}

#[test]
fn up_and_down_stay_with_what_was_typed() {
    session()
        .types_by_hand("ls")
        .presses(Key::Up)
        .line_is("sftp> ls -1 news")
        .presses(Key::Up)
        .line_is("sftp> ls -1 notes")
        .presses(Key::Down)
        .line_is("sftp> ls -1 news")
        .presses(Key::Down)
        .line_is("sftp> ls")
        .presses(Key::Enter)
        .types("bye")
        .ends_with(0);
}

#[test]
fn an_empty_line_finds_every_line_and_a_changed_one_begins_again() {
    session()
        .presses(Key::Up)
        .line_is("sftp> lpwd")
        .presses(Key::Ctrl('p'))
        .line_is("sftp> ls -1 news")
        .presses(Key::Ctrl('u'))
        .at_the_prompt()
        .types_by_hand("v")
        .presses(Key::Up)
        .line_is("sftp> version")
        .presses(Key::Up)
        .presses_letter('x')
        .line_is("sftp> versionx")
        .presses(Key::Ctrl('c'))
        .types("bye")
        .ends_with(0);
}

#[test]
fn the_oldest_line_is_one_key_away_and_so_is_the_typed_one() {
    session()
        .types_by_hand("l")
        .presses(Key::Alt('<'))
        .line_is("sftp> ls -1 notes")
        .presses(Key::Ctrl('n'))
        .line_is("sftp> ls -1 news")
        .presses(Key::Alt('>'))
        .line_is("sftp> l")
        .presses(Key::Ctrl('c'))
        .types("bye")
        .ends_with(0);
}

#[test]
fn recalled_lines_leave_the_killed_text_alone() {
    session()
        .types_by_hand("rm mine")
        .presses(Key::Ctrl('u'))
        .at_the_prompt()
        .presses(Key::Up)
        .presses(Key::Up)
        .line_is("sftp> ls -1 news")
        .presses(Key::Ctrl('y'))
        .line_is("sftp> ls -1 newsrm mine")
        .presses(Key::Ctrl('c'))
        .types("bye")
        .ends_with(0);
}

#[test]
fn alt_dot_takes_the_last_words_of_older_and_older_lines() {
    session()
        .types_by_hand("rm ")
        .presses(Key::Alt('.'))
        .line_is("sftp> rm lpwd")
        .presses(Key::Alt('.'))
        .line_is("sftp> rm news")
        .presses(Key::Alt('.'))
        .line_is("sftp> rm version")
        .presses(Key::Alt('.'))
        .line_is("sftp> rm notes")
        .presses(Key::Home)
        .presses(Key::Alt('.'))
        .row_is("sftp> lpwdrm notes")
        .presses(Key::Ctrl('c'))
        .types("bye")
        .ends_with(0);
}
