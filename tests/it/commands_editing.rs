//! `edit`: a remote file in a local editor.

use crate::support::{Entry, Remote, Shell, Terminal, World};
use std::fs;
use std::path::PathBuf;

fn shell(editor: &str) -> Shell {
    let remote = Remote::with([Entry::file("notes", "one\n").mode(0o640), Entry::file("a b", "x\n"), "dir/f".into()]);
    let shell = Shell::on(remote.and([Entry::link("link", "notes")]));
    let editor = editor.replace("REMOTE", &shell.world().remote().to_string_lossy());
    shell.env("EDITOR", editor)
}

/// An editor that appends a line.
const APPENDS: &str = r#"sh -c 'echo two >> "$0"'"#;

/// An editor during which another user changes the file.
const IS_LATE: &str = r#"sh -c 'echo theirs > REMOTE/notes; echo mine > "$0"'"#;

const QUESTION: &str = "(o)verwrite it, (k)eep both (yours as notes.mine), (a)bandon yours? ";

/// Returns the private copies that are left.
fn copies(world: &World) -> Vec<PathBuf> {
    let directories = fs::read_dir(world.root().join("tmp")).unwrap().flatten();
    let files = directories.flat_map(|directory| fs::read_dir(directory.path()).into_iter().flatten().flatten());
    files.map(|file| file.path()).collect()
}

fn ends(terminal: Terminal) -> crate::support::Outcome {
    terminal.at_the_prompt().types("bye").ends_with(0)
}

fn leaves_no_copy(world: &World) -> Option<String> {
    let copies = copies(world);
    (!copies.is_empty()).then(|| format!("copies are left: {copies:?}"))
}

#[test]
fn a_changed_file_replaces_the_remote_one_and_keeps_its_mode() {
    for (line, name, contents) in [
        ("edit notes", "notes", "one\ntwo\n"),
        ("edit 'a b'", "a b", "x\ntwo\n"),
        ("edit link", "notes", "one\ntwo\n"),
        ("edit new", "new", "two\n"),
    ] {
        let outcome = ends(shell(APPENDS).at_a_terminal().types(line).sees("Uploading "));
        let mode = if name == "notes" { 0o640 } else { 0o644 };
        outcome.remote_file(name, contents).remote_mode(name, mode).holds(leaves_no_copy);
    }
    ends(shell(APPENDS).at_a_terminal().types("edit link")).remote_has("link").holds(|world| {
        let is_link = world.remote().join("link").is_symlink();
        (!is_link).then(|| "the link was replaced".to_owned())
    });
}

#[test]
fn the_copy_is_private_and_has_the_name_of_the_file() {
    let editor = r#"sh -c 'stat -c "mode %a" "$0" "${0%/*}"; echo "name ${0##*/}"'"#;
    let terminal = shell(editor).at_a_terminal().types("edit 'a b'");
    let terminal = terminal.sees("mode 600\nmode 700\nname a b\n").sees("a b was not changed");
    ends(terminal).remote_still_has("a b").holds(leaves_no_copy);
}

#[test]
fn an_unchanged_file_is_not_sent() {
    for (editor, line) in [("true", "edit notes"), (r#"sh -c 'touch "$0"'"#, "edit notes"), ("true", "edit new")] {
        let outcome = ends(shell(editor).at_a_terminal().types(line).sees(" was not changed"));
        outcome.remote_still_has("notes").remote_lacks("new").holds(leaves_no_copy);
    }
}

#[test]
fn a_file_that_was_changed_meanwhile_is_a_question() {
    let ask = |answer: &str| shell(IS_LATE).at_a_terminal().types("edit notes").answers(QUESTION, answer);
    ends(ask("o")).remote_file("notes", "mine\n").remote_mode("notes", 0o640).holds(leaves_no_copy);
    let kept = ends(ask("k")).remote_file("notes", "theirs\n").remote_file("notes.mine", "mine\n");
    kept.holds(leaves_no_copy);
    let abandoned = ends(ask("a").sees("notes stays as it is").sees("Your version is kept in "));
    abandoned.remote_file("notes", "theirs\n").remote_lacks("notes.mine").holds(|world| {
        let copies = copies(world);
        let contents = copies.first().map(|copy| fs::read_to_string(copy).unwrap());
        (contents.as_deref() != Some("mine\n")).then(|| format!("the copies are {copies:?}"))
    });
}

#[test]
fn a_failure_keeps_the_copy_and_names_it() {
    // The editor gives up after a change, as with :cq in vim.
    let editor = r#"sh -c 'echo two >> "$0"; exit 1'"#;
    let terminal = shell(editor).at_a_terminal().types("edit notes").sees("the editor failed");
    let outcome = ends(terminal.sees("Your version is kept in ").sees("hint: put ").sees(" sends it"));
    outcome.remote_still_has("notes").holds(|world| (copies(world).len() != 1).then(|| "no copy".to_owned()));
    let remote = Remote::with([Entry::file("notes", "one\n")]).lying("enospc-at=0");
    let terminal = Shell::on(remote).env("EDITOR", APPENDS).at_a_terminal().types("edit notes");
    let outcome = ends(terminal.sees("Your version is kept in "));
    outcome.remote_still_has("notes").holds(|world| (copies(world).len() != 1).then(|| "no copy".to_owned()));
}

#[test]
fn what_cannot_be_edited_is_refused_before_the_editor_starts() {
    for (line, complaint) in [
        ("edit dir", "Is a directory"),
        ("edit /dev/null", "not a regular file"),
        ("edit ..", "is not the name of a file"),
        ("edit", "You must specify a path after an edit command."),
    ] {
        let terminal = shell("echo started").at_a_terminal().types(line).sees(complaint).at_the_prompt();
        assert!(!terminal.roll().contains("started"));
    }
    let terminal = shell("/no/such").at_a_terminal().types("edit notes");
    ends(terminal.sees("EDITOR=\"/no/such\": No such file or directory"));
    let forbidden = shell("echo started").with_args(["--no-shell-escape"]).at_a_terminal().types("edit notes");
    ends(forbidden.sees("Local programs are switched off by --no-shell-escape"));
    let complaint = ["edit: an editor needs a terminal, and doesn't run in a script"];
    shell("echo started").types("edit notes").as_batch().exits(1).complains(&complaint);
    shell("echo started").types("edit notes").complains(&complaint).prints_no("started");
    let script = shell("echo started").with_args(["-e", "edit notes"]).at_a_terminal().sees(complaint[0]);
    script.ends_with(1).prints_no("started");
}

#[test]
fn visual_comes_before_editor_and_both_may_hold_words() {
    let visual = shell("false").env("VISUAL", "sed -i 's/one/a \"quoted\" word/'").at_a_terminal();
    ends(visual.types("edit notes")).remote_file("notes", "a \"quoted\" word\n");
}
