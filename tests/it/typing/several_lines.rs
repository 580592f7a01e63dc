//! A command over several lines, and pastes of several commands.

use crate::support::{Entry, Key, Relay, Remote, Shell};

#[test]
fn an_open_quote_goes_on_in_the_next_line() {
    Shell::on(Remote::empty())
        .at_a_terminal()
        .types_by_hand("mkdir 'a")
        .presses(Key::Enter)
        .presses_letter('b')
        .screen_ends_with(&["sftp> mkdir 'a", "b"])
        .presses_letter('\'')
        .presses(Key::Enter)
        .types("bye")
        .ends_with(0)
        .remote_holds(&["a\nb/"]);
}

#[test]
fn a_backslash_joins_the_next_line() {
    Shell::on(Remote::empty())
        .at_a_terminal()
        .types_by_hand("mkdir a\\")
        .presses(Key::Enter)
        .presses_letter('b')
        .screen_ends_with(&["sftp> mkdir a\\", "b"])
        .presses(Key::Enter)
        .at_the_prompt()
        .presses(Key::Up)
        .line_is("sftp> mkdir ab")
        .presses(Key::Ctrl('c'))
        .types("bye")
        .ends_with(0)
        .remote_holds(&["ab/"]);
}

#[test]
fn ctrl_c_gives_an_unfinished_command_up() {
    Shell::on(Remote::empty())
        .at_a_terminal()
        .types_by_hand("mkdir 'a")
        .presses(Key::Enter)
        .presses_letter('b')
        .presses(Key::Ctrl('c'))
        .at_the_prompt()
        .screen_ends_with(&["sftp> mkdir 'a", "b", "sftp>"])
        .types("mkdir c")
        .types("bye")
        .ends_with(0)
        .remote_holds(&["c/"]);
}

#[test]
fn a_paste_is_shown_and_runs_in_order_when_enter_is_pressed() {
    let terminal = Shell::on(Remote::empty()).at_a_terminal().types_by_hand("version").presses(Key::Enter);
    let terminal = terminal.at_the_prompt();
    assert!(terminal.picture().bracketed_paste());
    let terminal = terminal
        .sends(b"\x1b[200~mkdir a\r\ncd a\r\nmkdir 'b\tc\r\nd'\r\nmkdir e \\\r\n f\x1b[201~")
        .line_is(" f")
        .screen_ends_with(&["sftp> mkdir a", "cd a", "mkdir 'b        c", "d'", "mkdir e \\", " f"]);
    assert!(!terminal.world().remote().join("a").exists());
    terminal.presses(Key::Enter).sees("sftp> cd a").at_the_prompt().types("bye").ends_with(0).remote_holds(&[
        "a/",
        "a/b\tc\nd/",
        "a/e/",
        "a/f/",
    ]);
}

#[test]
fn ctrl_c_drops_the_rest_of_a_paste() {
    let remote = Remote::with([Entry::sized("big", 4_000_000)]).over_ssh();
    Shell::on(remote)
        .through(Relay::plain().bytes_per_second(400_000))
        .at_a_terminal()
        .at_the_prompt()
        .sends(b"\x1b[200~get big\nmkdir never\x1b[201~")
        .line_is("mkdir never")
        .presses(Key::Enter)
        .sees("ETA")
        .presses(Key::Ctrl('c'))
        .sees("Interrupt")
        .types("bye")
        .ends_with(0)
        .remote_holds(&["big"]);
}

#[test]
fn programs_get_no_paste_mode() {
    let terminal = Shell::on(Remote::empty()).at_a_terminal().types("version").at_the_prompt().sends(b"version\n");
    let raw = terminal.at_the_prompt().sends(b"bye\n").ends_with(0).raw_stdout().to_vec();
    assert!(!String::from_utf8_lossy(&raw).contains("?2004"));
}
