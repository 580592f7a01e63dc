//! Runs the command lines of the help, README and docs, and checks that each does as described.
//!
//! The lines are collected from the texts themselves (`shown`). Each is in one of three tables: `prompt` for lines at
//! the prompt, `programs` for those of a shell, and `NOT_RUN` here, with the reason.

mod programs;
mod prompt;
mod shown;

use self::Effect::{Before, Fails, Home, Local, Mode, NoLocal, NoRemote, Notes, Prints, PrintsNo, Then, There};
use self::Reason::{Builds, Form, Names, Proved, Sftp, Takes};
use crate::support::Outcome;
use shown::Shown;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The precondition or effect of an example.
#[derive(Clone, Copy)]
enum Effect {
    /// This line is typed before it.
    Before(&'static str),
    /// This line is typed after it.
    Then(&'static str),
    /// It fails, and stderr contains this.
    Fails(&'static str),
    /// It succeeds, and stderr contains this.
    Notes(&'static str),
    Prints(&'static str),
    PrintsNo(&'static str),
    /// This exists on the server afterwards.
    There(&'static str),
    NoRemote(&'static str),
    Local(&'static str),
    NoLocal(&'static str),
    Home(&'static str),
    Mode(&'static str, u32),
}

/// A line with its preconditions and effects.
type Row = (&'static str, &'static [Effect]);

/// Checks the effects of a run.
fn checked(outcome: Outcome, effects: &[Effect]) {
    let is_to_fail = effects.iter().any(|effect| matches!(effect, Fails(_)));
    let has_notes = effects.iter().any(|effect| matches!(effect, Notes(_)));
    let outcome = if is_to_fail { outcome } else { outcome.succeeds() };
    let outcome = if is_to_fail || has_notes { outcome } else { outcome.quietly() };
    effects.iter().fold(outcome, |outcome, effect| match *effect {
        Before(_) | Then(_) => outcome,
        Fails(text) => outcome.exits(1).reports(text),
        Notes(text) => outcome.reports(text),
        Prints(text) => outcome.prints(text),
        PrintsNo(text) => outcome.prints_no(text),
        There(path) => outcome.remote_has(path),
        NoRemote(path) => outcome.remote_lacks(path),
        Local(path) => outcome.local_has(path),
        NoLocal(path) => outcome.local_lacks(path),
        Home(path) => outcome
            .holds(|world| (!world.home().join(path).exists()).then(|| format!("{path} is not in the home directory"))),
        Mode(path, mode) => outcome.remote_mode(path, mode),
    });
}

/// The reason why a line is not run here.
#[derive(Clone, Copy, Debug)]
enum Reason {
    /// It names a command with a flag, and is not meant to be typed.
    Names,
    /// It contains placeholders.
    Form,
    /// It is meant for OpenSSH's programs.
    Sftp,
    /// It builds for minutes, or benchmarks.
    Builds,
    /// It needs the network, or a tool or toolchain that few machines have.
    Takes,
    /// This test runs it.
    Proved(&'static str),
}

/// All lines that are not run, with the reason.
const NOT_RUN: &[(&str, Reason)] = &[
    ("bookmark add here", Proved("tests/it/configuration.rs::bookmarks_name_a_server_and_a_directory")),
    ("bookmark add logs", Proved("tests/it/configuration.rs::bookmarks_name_a_server_and_a_directory")),
    ("cargo +nightly fuzz run TARGET -- -max_total_time=60", Takes),
    ("cargo bench --bench peers", Builds),
    ("cargo build --release", Builds),
    ("cargo build", Builds),
    ("cargo deny check", Takes),
    ("cargo deny", Takes),
    ("cargo fuzz list", Takes),
    ("cargo install --path . --no-default-features", Builds),
    ("cargo install --path .", Builds),
    ("cargo run --release --example demo -- --tour", Builds),
    ("cargo run --release --example demo", Builds),
    ("bg 1", Proved("tests/it/jobs.rs::ctrl_z_pauses_a_transfer_and_bg_lets_it_go_on")),
    ("chmod -R", Names),
    ("chown -R", Names),
    ("chown alice:users file", Proved("tests/it/commands_files.rs::chown_and_chgrp_know_users_and_groups_by_name")),
    (
        "edit notes.txt",
        Proved("tests/it/commands_editing.rs::a_changed_file_replaces_the_remote_one_and_keeps_its_mode"),
    ),
    ("cp -r", Names),
    ("diff -r", Names),
    ("get big.iso &", Proved("tests/it/jobs.rs::gets_and_puts_run_side_by_side_while_the_prompt_answers")),
    ("get --exclude", Names),
    ("get --remove-source", Names),
    ("get --sizes=estimate", Names),
    ("get -a", Names),
    ("get -o dir", Names),
    ("get -r", Names),
    ("ln -s", Names),
    ("kill 1", Proved("tests/it/jobs.rs::kill_pause_and_resume_take_numbers")),
    ("lls …", Form),
    ("ls --sort", Names),
    ("mkdir -p", Names),
    ("open ada@backup.example.com:photos", Proved("tests/it/unconnected.rs::open_continues_with_another_server")),
    ("open local \"…\": Permission denied", Form),
    ("open backup.example.com", Proved("tests/it/unconnected.rs::open_continues_with_another_server")),
    ("open here", Proved("tests/it/configuration.rs::bookmarks_name_a_server_and_a_directory")),
    ("open logs", Proved("tests/it/configuration.rs::bookmarks_name_a_server_and_a_directory")),
    ("pause 1", Proved("tests/it/jobs.rs::kill_pause_and_resume_take_numbers")),
    ("put -r site www &", Proved("tests/it/jobs.rs::gets_and_puts_run_side_by_side_while_the_prompt_answers")),
    ("put --atomic", Names),
    ("put --verify", Names),
    ("put -a", Names),
    ("put -o dir", Names),
    ("put -p", Names),
    ("put -r", Names),
    ("queue get", Proved("tests/it/jobs.rs::a_queued_transfer_waits_for_those_before_it")),
    ("queue get big.iso", Proved("tests/it/jobs.rs::a_queued_transfer_waits_for_those_before_it")),
    ("queue put", Proved("tests/it/jobs.rs::a_queued_transfer_waits_for_those_before_it")),
    ("queue put -r site www", Proved("tests/it/jobs.rs::a_queued_transfer_waits_for_those_before_it")),
    ("queue rm 2", Proved("tests/it/jobs.rs::a_queued_transfer_waits_for_those_before_it")),
    ("queue rm 3", Proved("tests/it/jobs.rs::a_queued_transfer_waits_for_those_before_it")),
    ("queue start", Proved("tests/it/jobs.rs::a_stopped_queue_starts_again_and_runs_as_many_at_once_as_wanted")),
    ("queue stop", Proved("tests/it/jobs.rs::a_stopped_queue_starts_again_and_runs_as_many_at_once_as_wanted")),
    ("release/build", Builds),
    ("rm -f", Names),
    ("rm -i", Names),
    ("rm -r", Names),
    ("sftp host --strict", Sftp),
    ("sftpsh [user@]host[:path]", Form),
    ("sftpsh host -- get f -", Proved("tests/it/commands_streams.rs::on_the_command_line_a_dash_is_a_stream")),
    ("sftpsh host -- put - f < x", Proved("tests/it/commands_streams.rs::on_the_command_line_a_dash_is_a_stream")),
    ("ssh -G", Sftp),
    ("stat --json", Names),
    ("tail -F app.log", Proved("tests/it/commands_following.rs::the_name_leads_to_the_file_that_replaces_another")),
    ("tests/run quick", Builds),
    ("tests/run", Builds),
    ("TMPDIR=/dev/shm cargo bench --bench peers -- --runs 5", Builds),
    ("TMPDIR=/dev/shm cargo bench --bench peers -- far", Builds),
    ("TMPDIR=/dev/shm cargo bench --bench peers -- farther-get-256 farther-put-256 farther-start --runs 1", Builds),
    ("UPDATE=1 cargo test --test it completions::", Builds),
    ("UPDATE=1 cargo test --test it conformance::", Builds),
    ("UPDATE=1 cargo test --test it man_page::", Builds),
];

#[test]
fn every_line_for_the_prompt_does_what_it_says() {
    for (line, effects) in prompt::LINES {
        let needs_root = line.starts_with("chown ") || line.starts_with("chgrp ");
        if !needs_root || rustix::process::geteuid().is_root() {
            checked(prompt::run(line, effects), effects);
        }
    }
}

#[test]
fn every_line_for_a_shell_does_what_it_says() {
    for (line, effects) in programs::LINES {
        if !line.contains("/usr/lib/openssh/sftp-server") || Path::new("/usr/lib/openssh/sftp-server").exists() {
            checked(programs::run(line, effects), effects);
        }
    }
}

#[test]
fn every_line_that_a_text_shows_is_run_or_says_why_not() {
    let all = shown::everywhere();
    let known: BTreeSet<&str> = prompt::LINES
        .iter()
        .chain(programs::LINES)
        .map(|(line, _)| *line)
        .chain(NOT_RUN.iter().map(|(line, _)| *line))
        .collect();
    let unknown: Vec<&Shown> = all.iter().filter(|shown| !known.contains(&*shown.line)).collect();
    assert!(
        unknown.is_empty(),
        "put these lines into a table of tests/it/examples, with what they do or why they are not run: {unknown:#?}"
    );
    let lines: BTreeSet<&str> = all.iter().map(|shown| &*shown.line).collect();
    let stale: Vec<&&str> = known.difference(&lines).collect();
    assert!(stale.is_empty(), "no text shows these lines any more: {stale:#?}");
}

#[test]
fn every_reason_not_to_run_a_line_is_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for (line, reason) in NOT_RUN {
        let last = line.split(' ').next_back().unwrap_or_default();
        let words: Vec<&str> = line.split(' ').collect();
        match reason {
            Names => assert!(shown::is_fragment(line), "{line} could be typed as it is"),
            Form => assert!(line.contains(['[', '…']), "{line} has no placeholder"),
            Sftp => assert!(line.starts_with("sftp ") || line.starts_with("ssh "), "{line} is for sftpsh"),
            Takes => assert!(line.starts_with("cargo ") && (line.contains(" fuzz ") || line.contains(" deny"))),
            Proved(test) => {
                let (file, test) = test.split_once("::").unwrap();
                let text = fs::read_to_string(root.join(file)).unwrap();
                assert!(text.contains(&format!("fn {test}(")), "{line}: {file} has no test {test}");
            }
            // The built file must exist.
            Builds => {
                let target = |option: &str| words.iter().skip_while(move |word| **word != option).nth(1);
                for (option, kind) in [("--test", "test"), ("--bench", "bench"), ("--example", "example")] {
                    let is_there = |name: &&str| manifest.contains(&format!("[[{kind}]]\nname = \"{name}\""));
                    assert!(target(option).is_none_or(is_there), "{line}: Cargo.toml has no such {kind}");
                }
                let module = last.strip_suffix("::").map(|name| root.join("tests/it").join(name));
                let is_there = |path: std::path::PathBuf| path.is_dir() || path.with_extension("rs").exists();
                assert!(module.is_none_or(is_there), "{line}: there are no such tests");
                let program = line.split(' ').find(|word| !word.contains('=')).filter(|word| word.contains('/'));
                let program = program.map(|program| root.join(program));
                assert!(program.is_none_or(|program| program.exists()), "{line}: there is no such program");
            }
        }
    }
}
