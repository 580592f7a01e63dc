//! The Tab key: which words it completes, how it quotes, and that it never blocks for long.

use crate::support::{Entry, Key, Remote, Shell};

/// Presses Tab after each text and checks the resulting line.
fn completes(remote: Remote, cases: &[(&str, &str)]) {
    let mut terminal = Shell::on(remote).here(["local file", "log/"]).at_a_terminal();
    for (typed, line) in cases {
        terminal = terminal.at_the_prompt().keys_in(typed).presses(Key::Tab).line_is(&format!("sftp> {line}"));
        terminal = terminal.presses(Key::Ctrl('c'));
    }
    terminal.types("bye").ends_with(0);
}

#[test]
fn command_names_whatever_their_case() {
    completes(
        Remote::empty(),
        &[("ver", "version "), ("REN", "rename "), ("-@lp", "-@lpwd "), ("help ren", "help rename ")],
    );
}

// difference: line-editor
#[test]
fn remote_names_are_quoted_as_they_were_begun() {
    let remote = Remote::with(["docs/a b", "docs/it's", "notes", "x#y", "#z"]).and([(&b"caf\xe9"[..], &b"1"[..])]);
    completes(
        remote,
        &[
            ("cd d", "cd docs/"),
            ("rmdir \"d", "rmdir \"docs/"),
            ("rename docs/a", "rename docs/a\\ b "),
            ("rename docs/a\\ ", "rename docs/a\\ b "),
            ("rename \"docs/a ", "rename \"docs/a b\" "),
            ("rename 'docs/it", "rename 'docs/it\\'s' "),
            ("rename x", "rename x\\#y "),
            ("rename \\#", "rename \\#z "),
            ("rename caf", "rename caf$'\\351' "),
            ("ln -s notes no", "ln -s notes notes "),
        ],
    );
}

#[test]
fn local_names_where_the_command_takes_them() {
    completes(
        Remote::with(["remote"]),
        &[("lcd l", "lcd log/"), ("lmkdir lo", "lmkdir lo"), ("lmkdir loc", "lmkdir local\\ file ")],
    );
}

#[test]
fn each_operand_by_what_the_command_makes_of_it() {
    completes(
        Remote::with(["remote file", "remote.d/"]),
        &[
            ("get re", "get remote"),
            ("get -r remote.", "get -r remote.d/"),
            ("get x lo", "get x lo"),
            ("get x log", "get x log/"),
            ("get x remote\\ ", "get x remote\\ file "),
            ("put loc", "put local\\ file "),
            ("put x remote.", "put x remote.d/"),
            ("chmod 644 remote\\ ", "chmod 644 remote\\ file "),
            ("chmod 6", "chmod 6"),
            ("cp x remote\\ ", "cp x remote\\ file "),
            ("cd re", "cd remote.d/"),
            ("ls remote\\ ", "ls remote\\ file "),
            ("lls loc", "lls local\\ file "),
            ("!ls loc", "!ls local\\ file "),
            ("!l", "!l"),
            ("!cat <\"loc", "!cat <\"local file\" "),
            ("lls -l l*", "lls -l l*"),
            ("ll", "lls "),
            ("frobnicate re", "frobnicate re"),
            ("pwd re", "pwd re"),
        ],
    );
}

#[test]
fn several_candidates_are_listed_printable_and_hidden_ones_only_when_asked_for() {
    let remote = Remote::with(["messages.1", "messages.2", ".hidden", "dir/"]).and([(&b"me\x1b[2Jss"[..], &b"1"[..])]);
    let terminal = Shell::on(remote)
        .at_a_terminal()
        .at_the_prompt()
        .keys_in("rename m")
        .presses(Key::Tab)
        .line_is("sftp> rename me")
        .presses(Key::Tab)
        .presses(Key::Tab)
        .sees("messages.1")
        .sees("me\\033[2Jss")
        .presses(Key::Ctrl('c'));
    let terminal = terminal.at_the_prompt().keys_in("rename ").presses(Key::Tab).presses(Key::Tab).sees("dir/");
    assert!(!terminal.roll().contains(".hidden"), "{}", terminal.roll());
    let terminal = terminal.presses(Key::Ctrl('c')).at_the_prompt().keys_in("rename .").presses(Key::Tab);
    terminal.line_is("sftp> rename .hidden ").presses(Key::Ctrl('c')).types("bye").ends_with(0);
}

#[test]
fn names_that_lead_out_of_their_directory_are_not_offered() {
    let terminal = Shell::on(Remote::with(["plain"]).lying("names"))
        .at_a_terminal()
        .at_the_prompt()
        .keys_in("rename ")
        .presses(Key::Tab)
        .presses(Key::Tab)
        .sees("plain");
    let roll = terminal.roll();
    assert!(!roll.contains("evil") && !roll.contains("passwd"), "{roll}");
    terminal.presses(Key::Ctrl('c')).types("bye").ends_with(0);
}

/// Names that would do harm if a shell read them as anything but names. All except the last three have a form in
/// every shell.
const HOSTILE: [&str; 12] = [
    "1$(touch x)",
    "2`touch x`",
    "3;touch x",
    "4&touch x",
    "5'|touch x;'",
    "6\"$(touch x)\"",
    "7!touch",
    "-rf",
    "~",
    "a\ntouch x",
    "b\x1b]0;x\x07",
    "c\u{202e}d",
];

#[test]
fn what_a_shell_will_read_is_quoted_for_it() {
    let names = || HOSTILE.map(|name| Entry::file(name, format!("the file {}\n", name.escape_debug())));
    for open in ["", "'", "\""] {
        let mut terminal = Shell::on(Remote::empty()).env("SHELL", "/bin/sh").here(names()).at_a_terminal();
        for name in &HOSTILE[..9] {
            let begun: String = name
                .chars()
                .take(1)
                .map(|c| if c == '~' && open.is_empty() { "\\~".to_owned() } else { c.into() })
                .collect();
            terminal = terminal.at_the_prompt().keys_in(&format!("!cat {open}{begun}")).presses(Key::Tab);
            terminal = terminal.presses(Key::Enter).sees(&format!("the file {}", name.escape_debug()));
        }
        for begun in ["a", "b", "c"] {
            terminal = terminal.at_the_prompt().keys_in(&format!("lls {open}{begun}")).presses(Key::Tab);
            terminal = terminal.line_is(&format!("sftp> lls {open}{begun}")).presses(Key::Ctrl('c'));
        }
        terminal.types("bye").ends_with(0).local_lacks("x");
    }
}

#[test]
fn a_long_list_ends_with_the_screen_and_takes_no_key() {
    let names: Vec<String> = (0..300).map(|n| format!("name{n:03}")).collect();
    let terminal = Shell::on(Remote::with(names.iter().map(String::as_str))).at_a_terminal().at_the_prompt();
    let terminal = terminal.keys_in("rm n").presses(Key::Tab).line_is("sftp> rm name").presses(Key::Tab);
    let terminal = terminal.sees("... 196 more").line_is("sftp> rm name").presses(Key::Ctrl('c')).at_the_prompt();
    let terminal = terminal.keys_in("rm name").presses(Key::Tab).presses(Key::Tab).keys_in("123");
    let terminal = terminal.line_is("sftp> rm name123").presses(Key::Enter);
    terminal.types("bye").ends_with(0).remote_lacks("name123").remote_still_has("name122").remote_still_has("name299");
}

#[test]
fn flags_and_their_values_are_completed_by_the_command() {
    completes(
        Remote::with([Entry::file("-r", ""), Entry::file("dir/x", "")]),
        &[
            ("put --on-conflict n", "put --on-conflict newer "),
            ("put --on-conflict=re", "put --on-conflict=rename "),
            ("get --exclude-f", "get --exclude-from "),
            ("find -newer-", "find -newer-than "),
            ("find -type f di", "find -type f dir/"),
            ("rm ./-", "rm ./-r "),
            ("rm -- -", "rm -- ./-r "),
        ],
    );
}
