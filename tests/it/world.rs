//! The tests' own tools: a builder that can't fail proves nothing.

use crate::support::{Entry, Remote, Shell};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a story says when it does not hold.
fn complaint(story: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(story)).expect_err("the story held");
    panic.downcast_ref::<String>().expect("a report is text").clone()
}

#[test]
fn a_mismatch_names_everything_at_once() {
    let report = complaint(|| {
        Shell::on(Remote::with(["notes.txt"]))
            .types("pwd")
            .prints("no such words")
            .exits(77)
            .local_has("nothing.txt")
            .remote_lacks("notes.txt");
    });
    for part in
        ["no such words", "not 77", "nothing.txt is missing", "notes.txt is there", "--- typed\npwd", "world.rs:"]
    {
        assert!(report.contains(part), "{part:?} is not in\n{report}");
    }
    assert!(!report.contains("/sftpsh-test-"), "temporary paths are shown:\n{report}");
}

#[test]
fn entries_become_files_directories_and_links() {
    let remote = Remote::with(["a/b.txt", "empty/"])
        .and([("c.txt", "sea")])
        .and([Entry::link("l", "c.txt"), Entry::sized("n", 9).mode(0o640)]);
    Shell::on(remote)
        .remote_holds(&["a/", "a/b.txt", "empty/", "c.txt", "l", "n"])
        .remote_file("c.txt", "sea")
        .remote_still_has("n")
        .remote_mode("n", 0o640);
}

#[test]
fn a_real_sshd_serves_the_remote_directory() {
    Shell::on(Remote::with(["notes.txt"]).over_ssh())
        .types("pwd")
        .types("get notes.txt")
        .succeeds()
        .prints_line("Remote working directory: REMOTE")
        .same("notes.txt", "notes.txt")
        .server_logs("Accepted publickey");
}

#[test]
fn nothing_is_left_of_a_world() {
    let shell = Shell::on(Remote::with(["notes.txt"]).over_ssh());
    let (root, port) = (shell.world().root().to_owned(), shell.sshd().port());
    let (mut running, world) = shell.types("pwd").start();
    running.prints("Remote working directory");
    drop(running);
    drop(world);
    assert!(!root.exists());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_program_that_hangs_is_killed_and_told() {
    let report = complaint(|| {
        Shell::on(Remote::empty())
            .env("SHELL", "/bin/sh")
            .types("!sleep 1000")
            .patience(std::time::Duration::from_millis(300))
            .succeeds();
    });
    assert!(report.contains("it hung"), "{report}");
}
