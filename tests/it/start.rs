//! The start of a session: in a directory, or with a single file to fetch.

use crate::support::{Entry, Remote, Shell};

fn remote() -> Remote {
    Remote::with(["docs/a", "docs/b", "notes", "with space"]).and([Entry::sized("big", 300_000)]).over_ssh()
}

#[test]
fn a_directory_is_where_the_session_starts() {
    let outcome = Shell::on(remote()).to(["server:docs"]).types("ls -1").succeeds();
    outcome.stdout_is("Changing to: REMOTE/docs\nsftp> ls -1\na\nb\n").stderr_is("Connected to server.\n");
    Shell::on(remote()).to(["server:"]).types("ls docs").succeeds().prints("Changing to: REMOTE/.\n");
    Shell::on(remote()).to(["server:docs"]).with_args(["-q"]).types("pwd").succeeds().prints_no("Changing");
    let batch = Shell::on(remote()).to(["server:docs"]).types("get a").as_batch().succeeds();
    batch.stdout_is("sftp> get a\n").local_holds(&["a"]);
}

#[test]
fn a_file_is_fetched_and_the_run_ends() {
    let outcome = Shell::on(remote()).to(["server:notes"]).types("mkdir never").succeeds();
    outcome.stdout_is("Fetching REMOTE/notes to notes\n").same("notes", "notes").remote_lacks("never");
    Shell::on(remote()).to(["server:notes", "copy"]).succeeds().same("copy", "notes");
    Shell::on(remote()).to(["server:docs/*"]).succeeds().local_holds(&["a", "b"]);
    Shell::on(remote()).to(["server:with space"]).succeeds().local_holds(&["with space"]);
    Shell::on(remote()).here(["into/"]).to(["server:big", "into"]).succeeds().same("into/big", "big");
}

#[test]
fn what_cannot_be_fetched_ends_with_1() {
    let outcome = Shell::on(remote()).to(["server:nowhere"]).exits(1);
    outcome.complains(&["File \"REMOTE/nowhere\" not found."]).local_holds(&[]);
    Shell::on(remote()).to(["server:docs", "copy"]).exits(1).reports("not a regular file").local_holds(&[]);
    Shell::on(remote())
        .to(["server:docs", "copy"])
        .with_args(["-r"])
        .succeeds()
        .local_holds(&["copy/", "copy/a", "copy/b"]);
}
