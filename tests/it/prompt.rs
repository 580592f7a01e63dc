//! A person at a terminal: the prompt, the line editor, Ctrl-C and Ctrl-D, and a terminal that can't move its cursor.

use crate::support::{Key, Remote, Shell};
use rustix::process::Signal;

#[test]
fn ctrl_d_ends_the_session_with_a_newline() {
    let outcome = Shell::on(Remote::empty())
        .at_a_terminal()
        .types("version")
        .at_the_prompt()
        .presses(Key::Ctrl('d'))
        .ends_with(0);
    assert!(outcome.stdout().trim_end().ends_with("sftp>"), "{}", outcome.stdout());
    let raw = outcome.raw_stdout().to_vec();
    assert!(!raw.is_empty());
}

#[test]
fn ctrl_c_discards_the_line_and_nothing_else() {
    Shell::on(Remote::empty())
        .at_a_terminal()
        .at_the_prompt()
        .keys_in("mkdir a")
        .presses(Key::Ctrl('c'))
        .at_the_prompt()
        .types("mkdir b")
        .types("bye")
        .ends_with(0)
        .remote_holds(&["b/"]);
}

#[test]
fn a_failure_leaves_the_prompt_and_the_exit_code_of_success() {
    Shell::on(Remote::empty())
        .at_a_terminal()
        .types("cd nowhere")
        .sees("No such file or directory")
        .types("verison")
        .sees("hint: did you mean version?")
        .types("bye")
        .ends_with(0);
}

#[test]
fn lines_typed_ahead_are_obeyed_in_order() {
    let terminal = Shell::on(Remote::empty()).at_a_terminal().at_the_prompt();
    terminal
        .sends(b"mkdir a\rcd a\rmkdir b\r!sleep 0.1\rcd b\rpwd\rbye\r")
        .sees("/remote/a/b")
        .ends_with(0)
        .remote_holds(&["a/", "a/b/"]);
}

#[test]
fn pasted_lines_are_obeyed_one_by_one() {
    for pasted in ["\x1b[200~mkdir a\nmkdir b\n\x1b[201~", "\x1b[200~mkdir a\nmkdir b\x1b[201~"] {
        Shell::on(Remote::empty())
            .at_a_terminal()
            .at_the_prompt()
            .sends(pasted.as_bytes())
            .presses(Key::Enter)
            .types("bye")
            .ends_with(0)
            .remote_holds(&["a/", "b/"]);
    }
}

// difference: line-editor
#[test]
fn the_history_gives_the_last_lines_back() {
    Shell::on(Remote::empty())
        .at_a_terminal()
        .types("mkdir a")
        .types("version")
        .at_the_prompt()
        .presses(Key::Up)
        .presses(Key::Up)
        .line_is("sftp> mkdir a")
        .keys_in("b")
        .presses(Key::Enter)
        .types("bye")
        .ends_with(0)
        .remote_holds(&["a/", "ab/"]);
}

#[test]
fn bytes_that_are_no_text_are_names_too() {
    Shell::on(Remote::empty())
        .at_a_terminal()
        .at_the_prompt()
        .sends(b"mkdir \xff\r")
        .types("rename $'\\377' x$'\\377'")
        .types("bye")
        .ends_with(0)
        .holds(|world| {
            let names: Vec<_> =
                std::fs::read_dir(world.remote()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            (names.len() != 1 || names[0].as_encoded_bytes() != b"x\xff").then(|| format!("{names:?}"))
        });
}

// difference: line-editor
#[test]
fn a_terminal_that_cannot_move_its_cursor_gets_plain_lines() {
    for term in ["dumb", ""] {
        let terminal = Shell::on(Remote::empty()).env("TERM", term).at_a_terminal();
        let outcome = terminal
            .at_the_prompt()
            .sends(b"mkdir a\n!printf 'do%s' ne\n")
            .sees("done")
            .sends(b"mkdir b")
            .presses(Key::Ctrl('c'))
            .at_the_prompt()
            .presses(Key::Ctrl('d'))
            .ends_with(0);
        outcome.remote_holds(&["a/"]);
    }
}

#[test]
fn no_control_code_reaches_a_dumb_terminal() {
    let terminal = Shell::on(Remote::empty())
        .env("TERM", "dumb")
        .at_a_terminal()
        .at_the_prompt()
        .sends(b"version\n")
        .sees("version 3");
    let raw = terminal.raw();
    assert!(!raw.contains(&0x1b), "{}", String::from_utf8_lossy(&raw));
    terminal.at_the_prompt().presses(Key::Ctrl('d')).ends_with(0);
}

#[test]
fn a_local_program_has_the_terminal_and_its_own_ctrl_c() {
    Shell::on(Remote::empty())
        .at_a_terminal()
        .types("!printf 'rea%s' dy; read line; echo \"got $line\"")
        .sees("ready")
        .sends(b"something\r")
        .sees("got something")
        // Short sleeps, because the trap waits for the end of a sleep that begins just before Ctrl-C.
        .types("!trap 'exit 5' INT; printf 'wait%s' ing; while sleep 0.1; do :; done")
        .sees("waiting")
        .presses(Key::Ctrl('c'))
        .sees("Shell exited with status 5")
        .types("version")
        .sees("SFTP protocol version 3")
        .types("bye")
        .ends_with(0);
}

#[test]
fn a_signal_at_the_prompt_ends_with_1_and_gives_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP] {
        let terminal = Shell::on(Remote::empty()).at_a_terminal().at_the_prompt().keys_in("half a li");
        let outcome = terminal.signals(signal).ends_with(1);
        assert!(outcome.stdout().trim_end().ends_with("half a li"), "{}", outcome.stdout());
    }
}

#[test]
fn any_key_may_be_the_first() {
    let terminal = Shell::on(Remote::with(["file", "docs/"])).at_a_terminal().types("mkdir a");
    terminal
        .at_the_prompt()
        .presses(Key::Tab)
        .presses(Key::Tab)
        .sees("symlink")
        .presses(Key::Ctrl('c'))
        .at_the_prompt()
        .presses(Key::Ctrl('r'))
        .sends(b"mk")
        .line_is("(reverse-i-search)`mk': ")
        .presses(Key::Ctrl('e'))
        .line_is("sftp> mkdir a")
        .presses(Key::Ctrl('u'))
        .at_the_prompt()
        .presses(Key::Up)
        .keys_in("b")
        .presses(Key::Enter)
        .at_the_prompt()
        .presses(Key::Ctrl('z'))
        .types("bye")
        .ends_with(0)
        .remote_holds(&["a/", "ab/", "docs/", "file"]);
}

#[test]
fn a_paste_without_a_last_newline_waits_for_it() {
    let long = "x".repeat(1000);
    let paste = format!("mkdir 'a\tb'\nmkdir é\nmkdir {long}");
    Shell::on(Remote::empty())
        .at_a_terminal()
        .at_the_prompt()
        .sends(paste.as_bytes())
        .sees("sftp> mkdir é")
        .presses(Key::Ctrl('w'))
        .line_is("sftp> mkdir ")
        .keys_in("c")
        .presses(Key::Enter)
        .types("bye")
        .ends_with(0)
        .remote_holds(&["a\tb/", "c/", "é/"]);
}

#[test]
fn a_character_that_arrives_in_pieces_is_one() {
    let terminal = Shell::on(Remote::empty()).at_a_terminal().at_the_prompt().keys_in("mkdir x").sends(b"\xe6");
    let terminal = terminal.sends(b"\x97").sends(b"\xa5").line_is("sftp> mkdir x日").sends(b"\x1b").sends(b"[D");
    terminal
        .line_is("sftp> mkdir x")
        .keys_in("y")
        .presses(Key::Enter)
        .types("bye")
        .ends_with(0)
        .remote_holds(&["xy日/"]);
}

#[test]
fn another_size_of_the_terminal_keeps_the_line() {
    let terminal = Shell::on(Remote::empty()).at_a_terminal_of(24, 80).at_the_prompt();
    let terminal = terminal.resizes(24, 30).keys_in("mkdir a-name-that-goes").resizes(24, 20).keys_in("-on");
    terminal.presses(Key::Enter).types("bye").ends_with(0).remote_holds(&["a-name-that-goes-on/"]);
}

#[test]
fn what_is_typed_ahead_belongs_to_whoever_reads_next() {
    Shell::on(Remote::empty())
        .at_a_terminal()
        .at_the_prompt()
        .sends(b"!read line; echo \"got $line\"\nfor the program\nmkdir a\n")
        .sees("got for the program")
        .types("bye")
        .ends_with(0)
        .remote_holds(&["a/"]);
}
