//! `set prompt` and `set title`: the text of the prompt, and the title of the terminal's window.

use rustix::process::Signal;

use crate::support::{Entry, Key, Remote, Shell, Terminal, until};

/// The title is put away, and replaced.
const TITLED: &str = "\x1b[22;2t\x1b]2;sftp server:~\x07";

/// The earlier title comes back.
const RESTORED: &str = "\x1b[23;2t";

fn remote() -> Remote {
    Remote::with(["site/index.html", "a-long-name/another-long-name/end/x", "日本/日本語/x"])
}

fn at_a_terminal() -> Terminal {
    Shell::on(remote().over_ssh()).at_a_terminal().at_the_prompt()
}

/// Types a line at any prompt.
fn enters(at: Terminal, line: &str) -> Terminal {
    at.keys_in(line).presses(Key::Enter)
}

fn bytes_of(at: &Terminal) -> String {
    String::from_utf8_lossy(&at.raw()).into_owned()
}

// difference: prompt
#[test]
fn the_full_prompt_shows_the_host_and_the_directory() {
    let mut at = enters(at_a_terminal().by_hand(), "set prompt full").line_is("sftp server:~> ");
    for (line, prompt) in [
        ("cd site", "sftp server:~/site> "),
        ("cd ../a-long-name/another-long-name/end", "sftp server:~/a/a/end> "),
        ("cd", "sftp server:~> "),
        ("cd /", "sftp server:/> "),
        ("cd", "sftp server:~> "),
        ("cd 日本/日本語", "sftp server:~/日/日本語> "),
        ("close", "sftp (not connected)> "),
        ("pwd", "sftp (not connected)> "),
        ("reconnect", "sftp server:~/日/日本語> "),
        ("set prompt default", "sftp> "),
    ] {
        at = enters(at, line).line_is(prompt);
    }
    enters(at, "bye").ends_with(0);
}

#[test]
fn a_prompt_of_ones_own_is_filled_and_edited() {
    let user = crate::support::user();
    let at = enters(at_a_terminal().by_hand(), r#"set prompt "{user}@{host}:{rdir} {{{status}}> ""#);
    let at = at.line_is(&format!("{user}@server:~ {{0}}> "));
    let at = enters(at, "cd nowhere").line_is(&format!("{user}@server:~ {{1}}> "));
    let at = at.presses(Key::Enter).keys_in("lp").line_is(&format!("{user}@server:~ {{1}}> lp"));
    // The line editor draws it too.
    let at = at.presses(Key::Left).presses(Key::Left).keys_in("x").presses(Key::End);
    let at = at.line_is(&format!("{user}@server:~ {{1}}> xlp")).presses(Key::Ctrl('c'));
    let at = at.line_is(&format!("{user}@server:~ {{1}}> "));
    let at = enters(at, "set prompt").sees(r#""{user}@{host}:{rdir} {{{status}}> ""#);
    let at = enters(at.line_is(&format!("{user}@server:~ {{0}}> ")), r#"set prompt "{ldir}% ""#);
    enters(at.sees("/local% "), "bye").ends_with(0);
}

#[test]
fn the_prompt_counts_transfers_in_the_background() {
    let remote = Remote::with([Entry::sized("big", 2_000_000)]).over_ssh();
    let at = Shell::on(remote).with_args(["--limit", "1K"]).at_a_terminal().by_hand().types("set prompt '{jobs}> '");
    let at = at.line_is("0> ").keys_in("get big &").presses(Key::Enter).sees("[1] get big").line_is("1> ");
    let at = enters(at, "kill 1").sees("[1] cancelled").presses(Key::Enter).line_is("0> ");
    enters(at, "bye").ends_with(0);
}

#[test]
fn a_directory_of_the_server_is_printable_in_the_prompt_and_in_the_title() {
    let remote = Remote::with(["evil\x1b]2;x\x07/f"]).over_ssh();
    let at = Shell::on(remote).at_a_terminal().by_hand();
    let at = enters(enters(at, "set prompt full").line_is("sftp server:~> "), r"cd evil$'\033']2\;x$'\007'");
    let at = at.line_is("sftp server:…033]2;x\\007> ");
    assert!(bytes_of(&at).contains("\x1b]2;sftp server:~/evil\\033]2;x\\007\x07"), "{}", bytes_of(&at));
    enters(at, "bye").ends_with(0);
}

#[test]
fn a_prompt_with_a_fault_is_refused_by_its_name() {
    for (line, message) in [
        (
            r#"set prompt "{path}> ""#,
            r#"set prompt: "{path}> ": there is no {path}, only {host}, {user}, {rdir}, {ldir}, {status}, {jobs}"#,
        ),
        (r#"set prompt "{host> ""#, r#"set prompt: "{host> ": a } is missing; write {{ for a brace"#),
        ("set prompt ''", r#"set prompt: "": a prompt can't be empty"#),
        ("set title maybe", r#"set title: "maybe": it must be on or off"#),
    ] {
        Shell::on(remote()).types(line).as_batch().exits(1).reports(message);
    }
}

#[test]
fn the_echo_of_a_script_keeps_the_prompt_of_sftp() {
    let outcome = Shell::on(remote()).types("set prompt full").types("lpwd").succeeds();
    outcome.stdout_is("sftp> set prompt full\nsftp> lpwd\nLocal working directory: LOCAL\n");
}

#[test]
fn programs_keep_the_prompt_of_sftp() {
    for options in [&[][..], &["--plain"]] {
        let at = Shell::on(remote()).with_args(options).at_a_terminal().hears_just("sftp> ");
        let at = at.sends(b"set prompt full\n").hears_just("sftp> set prompt full\r\nsftp> ");
        at.sends(b"bye\n").ends_with(0);
    }
}

#[test]
fn a_prompt_is_saved_for_later_sessions() {
    let text = "{user} {{x}> ";
    let prompt = format!("{} {{x}}> ", crate::support::user());
    let at = at_a_terminal().by_hand().types(&format!("set --save prompt \"{text}\"")).line_is(&prompt);
    let world = enters(at, "bye").ends_with(0).then();
    let at = world.at_a_terminal().by_hand().line_is(&prompt);
    enters(enters(at, "set prompt").sees(&format!("\n\"{text}\"")).line_is(&prompt), "bye").ends_with(0);
}

#[test]
fn the_title_shows_where_a_person_is_and_is_restored() {
    let at = at_a_terminal();
    assert!(!bytes_of(&at).contains('\x1b'), "no person has typed: {}", bytes_of(&at));
    let at = at.by_hand().hears(TITLED).types("cd site").hears("\x1b]2;sftp server:~/site\x07");
    let at = at.types("close").hears("\x1b]2;sftp (not connected)\x07").types("reconnect");
    let at = at.types("set title off").hears(RESTORED).types("cd").at_the_prompt();
    let before = bytes_of(&at);
    assert_eq!(before.matches("\x1b]2;").count(), 4, "{before}");
    let at = at.types("set title on").at_the_prompt();
    let shown = bytes_of(&at)[before.len()..].to_owned();
    assert!(shown.contains(TITLED), "{shown}");
    let restored = |at: &Terminal| bytes_of(at).matches(RESTORED).count();
    assert_eq!(restored(&at), 1);
    let at = at.types("!true").at_the_prompt().presses(Key::Ctrl('d'));
    until("the earlier title", || restored(&at) == 2);
    at.ends_with(0);
}

#[test]
fn the_title_is_restored_when_a_signal_ends_the_session() {
    for signal in [Signal::TERM, Signal::HUP] {
        let at = at_a_terminal().by_hand().hears(TITLED).at_the_prompt();
        at.signals(signal).hears(RESTORED).ends_with(1);
    }
    // A second SIGTERM doesn't wait for the command.
    let at = at_a_terminal().by_hand().hears(TITLED).types("!trap '' TERM; echo running; read line");
    at.sees("\nrunning").signals(Signal::TERM).signals(Signal::TERM).hears(RESTORED).ends_with(1);
}

#[test]
fn no_program_and_no_simple_terminal_gets_a_title() {
    has_no_title(at_a_terminal().sends(b"version\n"));
    for term in ["linux", "vt100"] {
        has_no_title(Shell::on(remote()).env("TERM", term).at_a_terminal().by_hand().types("version"));
    }
    has_no_title(Shell::on(remote()).env("TERM", "dumb").at_a_terminal().types("version"));
    has_no_title(Shell::on(remote()).with_args(["--plain"]).at_a_terminal().types("version"));
}

/// Checks that no title was written before the prompt after the first line.
fn has_no_title(at: Terminal) {
    let at = at.sees("version 3").at_the_prompt();
    let heard = bytes_of(&at);
    assert!(!heard.contains("\x1b]2;") && !heard.contains("\x1b[22"), "{heard:?}");
    at.sends(b"bye\r").ends_with(0);
}
