//! `tail -f` and `tail -F`: files that grow, shrink, go and come.

use crate::support::{Entry, Key, Remote, Running, Shell, World};
use rustix::process::Signal;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

/// A log that the test writes.
struct Log(PathBuf);

impl Log {
    fn of(world: &World, name: &str) -> Self {
        Self(world.remote().join(name))
    }

    fn grows(&self, text: &str) {
        File::options().append(true).open(&self.0).unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Puts another file in its place.
    fn is_replaced(&self, text: &str) {
        let other = self.0.with_extension("new");
        fs::write(&other, text).unwrap();
        fs::rename(other, &self.0).unwrap();
    }
}

fn follow(line: &str) -> (Running, World) {
    Shell::on(Remote::with([Entry::file("log", "1\n2\n"), Entry::file("other", "a\n")])).types(line).as_batch().start()
}

/// Ctrl-C is the only end, and a failure as it is for `cat`.
fn ends(mut running: Running) -> String {
    running.signals(Signal::INT);
    let finished = running.ends();
    assert_eq!(finished.code, 1);
    String::from_utf8(finished.stdout).unwrap()
}

#[test]
fn what_is_appended_is_shown_until_ctrl_c() {
    let (mut running, world) = follow("@tail -n 1 -f log");
    running.prints("2\n");
    let log = Log::of(&world, "log");
    log.grows("3\n");
    running.prints("3\n");
    log.grows("with");
    running.prints("with");
    log.grows("out a break\n");
    running.prints("out a break\n");
    assert_eq!(ends(running), "2\n3\nwithout a break\n");
}

#[test]
fn the_file_stays_the_same_under_another_name() {
    let (mut running, world) = follow("@tail -n 1 -f log");
    running.prints("2\n");
    fs::rename(world.remote().join("log"), world.remote().join("log.1")).unwrap();
    fs::write(world.remote().join("log"), "another\n").unwrap();
    Log::of(&world, "log.1").grows("3\n");
    running.prints("3\n");
    assert_eq!(ends(running), "2\n3\n");
}

#[test]
fn the_name_leads_to_the_file_that_replaces_another() {
    let (mut running, world) = follow("@tail -n 1 -F log");
    let log = Log::of(&world, "log");
    running.prints("2\n");
    log.grows("3\n");
    running.prints("3\n");
    log.is_replaced("new\n");
    running.reports("log: another file has this name now, and is shown from its beginning\n").prints("new\n");
    log.grows("4\n");
    running.prints("4\n");
    fs::remove_file(&log.0).unwrap();
    running.reports("log: it is gone; sftpsh waits for another file with this name\n");
    fs::write(&log.0, "again\n").unwrap();
    running.reports("log: another file has this name now").prints("again\n");
    assert_eq!(ends(running), "2\n3\nnew\n4\nagain\n");
}

#[test]
fn a_file_that_is_shorter_is_shown_again() {
    for flag in ["-f", "-F"] {
        let (mut running, world) = follow(&format!("@tail {flag} log"));
        running.prints("2\n");
        fs::write(world.remote().join("log"), "x\n").unwrap();
        running.reports("log: it is shorter now, and is shown from its beginning\n").prints("x\n");
        assert_eq!(ends(running), "1\n2\nx\n");
    }
}

#[test]
fn several_files_have_headings() {
    let (mut running, world) = follow("@tail -n 1 -f log other");
    running.prints("==> log <==\n2\n\n==> other <==\na\n");
    Log::of(&world, "other").grows("b\n");
    running.prints("b\n");
    Log::of(&world, "log").grows("3\n");
    running.prints("\n==> log <==\n3\n");
    assert_eq!(ends(running), "==> log <==\n2\n\n==> other <==\na\nb\n\n==> log <==\n3\n");
}

#[test]
fn a_missing_file_is_a_failure_and_the_others_are_followed() {
    let shell = |line: &str| Shell::on(Remote::with([Entry::file("log", "1\n2\n")])).types(line);
    let complaint = ["remote open(\"REMOTE/gone\"): No such file or directory"];
    shell("@tail -f gone").as_batch().exits(1).complains(&complaint);
    shell("@tail -f log gone").as_batch().exits(1).complains(&complaint);
    let (mut running, _world) = shell("@tail -f gone log").start();
    running.reports("No such file or directory").prints("2\n").signals(Signal::INT);
    assert_eq!(running.ends().code, 1);
}

#[test]
fn at_a_prompt_ctrl_c_leads_back_to_it() {
    let remote = Remote::with([Entry::file("log", "half a\x1b line")]);
    let terminal = Shell::on(remote).at_a_terminal().types("tail -F log").sees("half a\\033 line");
    Log::of(terminal.world(), "log").grows(", and all of it\n");
    let terminal = terminal.sees("half a\\033 line, and all of it");
    terminal.presses(Key::Ctrl('c')).at_the_prompt().types("bye").ends_with(0);
}
