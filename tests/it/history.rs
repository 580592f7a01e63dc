//! The history of the prompt: the lines that it keeps, its file, and the command `history`.

use crate::support::{Key, Remote, Shell, World};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// The file in the user's home.
const FILE: &str = ".local/state/sftpsh/history";

/// Returns the lines of the file, without its header.
fn lines(world: &World) -> Vec<String> {
    let text = fs::read_to_string(world.home().join(FILE)).unwrap_or_default();
    text.lines().skip(1).map(str::to_owned).collect()
}

/// Compares the lines of the file.
fn differs(world: &World, wanted: &[&str]) -> Option<String> {
    let found = lines(world);
    (found != wanted).then(|| format!("the history is {found:?}"))
}

// difference: saved-history
#[test]
fn a_later_session_has_the_lines_that_were_typed() {
    Shell::on(Remote::empty())
        .at_a_terminal()
        .types("mkdir a")
        .types(" mkdir secret")
        .types("mkdir a")
        .types("bye")
        .ends_with(0)
        .then()
        .at_a_terminal()
        .at_the_prompt()
        .presses(Key::Up)
        .presses(Key::Up)
        .line_is("sftp> mkdir a")
        .keys_in("b")
        .presses(Key::Enter)
        .types("bye")
        .ends_with(0)
        .remote_holds(&["a/", "ab/", "secret/"])
        .holds(|world| differs(world, &["mkdir a", "bye", "mkdir ab", "bye"]))
        .holds(|world| {
            let mode = fs::metadata(world.home().join(FILE)).unwrap().permissions().mode() & 0o777;
            (mode != 0o600).then(|| format!("the file's mode is {mode:o}"))
        });
}

#[test]
fn sessions_that_run_side_by_side_share_their_lines() {
    let one = Shell::on(Remote::empty()).at_a_terminal().types("pwd").at_the_prompt();
    // Another session has added a line.
    let file = one.world().home().join(FILE);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text + "version\n").unwrap();
    one.presses(Key::Up)
        .line_is("sftp> version")
        .presses(Key::Up)
        .line_is("sftp> pwd")
        .presses(Key::Enter)
        .types("bye")
        .ends_with(0)
        .holds(|world| differs(world, &["pwd", "version", "pwd", "bye"]));
}

#[test]
fn what_programs_send_is_kept_for_the_session_only() {
    Shell::on(Remote::empty())
        .at_a_terminal()
        .at_the_prompt()
        .sends(b"mkdir a\r")
        .at_the_prompt()
        .sends(b"bye\r")
        .ends_with(0)
        .remote_holds(&["a/"])
        .holds(|world| world.home().join(FILE).exists().then(|| String::from("there is a history")));
    Shell::on(Remote::empty()).types("pwd").holds(|world| differs(world, &[]));
}

#[test]
fn history_shows_the_last_lines_and_clears_them() {
    Shell::on(Remote::empty())
        .at_a_terminal()
        .types("pwd")
        .types("lpwd")
        .types("history 2")
        .sees("lpwd\nhistory 2\nsftp>")
        .types("history clear")
        .types("history")
        .sees("history\nhistory\nsftp>")
        .types("bye")
        .ends_with(0)
        .holds(|world| differs(world, &["history", "bye"]));
    Shell::on(Remote::empty()).types("history many").reports("give a number of lines, or the word clear");
}
