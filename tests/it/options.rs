//! Options of the command line, by their effects. The tests of `cli` cover how they are parsed.

use crate::support::{Entry, Remote, Shell};
use std::time::{Duration, SystemTime};

fn remote() -> Remote {
    Remote::with([
        Entry::sized("big", 100_000),
        Entry::from("tree/leaf"),
        Entry::file("notes", "0123456789").mode(0o640),
    ])
}

/// A server that prints each request on stderr.
fn told() -> Remote {
    remote().server_words(&["-e", "-l", "debug3"])
}

#[test]
fn a_session_is_quiet_or_not_by_q_b_and_big_n() {
    for (options, says) in [(&["-b", "-"][..], false), (&["-Nb", "-"], true), (&["-b", "-", "-qN"], true)] {
        let outcome = Shell::on(remote()).with_args(options).types("get notes").types("rm notes").succeeds();
        let fetched = "sftp> get notes\nFetching REMOTE/notes to notes\nsftp> rm notes\nRemoving REMOTE/notes\n";
        outcome.stdout_is(if says { fetched } else { "sftp> get notes\nsftp> rm notes\n" }).local_has("notes");
    }
    let outcome = Shell::on(remote()).with_args(["-q"]).types("get notes").types("rm notes").succeeds();
    outcome.stdout_is("sftp> get notes\nsftp> rm notes\n").stderr_is("");
}

#[test]
fn letters_cluster_and_the_last_takes_what_is_left_or_the_next_word() {
    let lines =
        || Shell::on(remote()).prepare(|world| std::fs::write(world.local().join("lines"), "version\n").unwrap());
    for options in
        [&["-qrb", "lines"][..], &["-qrblines"], &["-fpab", "lines"], &["-vvvblines"], &["-R3", "-B4", "-blines"]]
    {
        lines().with_args(options).succeeds().stdout_is("sftp> version\nSFTP protocol version 3\n");
    }
}

#[test]
fn r_holds_for_every_transfer() {
    Shell::on(remote())
        .here(["branch/leaf"])
        .with_args(["-r"])
        .types("get tree")
        .types("put branch")
        .succeeds()
        .local_has("tree/leaf")
        .remote_has("branch/leaf");
}

#[test]
fn p_holds_for_every_transfer() {
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let kept = |path: std::path::PathBuf| {
        let modified = path.metadata().unwrap().modified().unwrap();
        (modified != then).then(|| format!("{} is of {modified:?}", path.display()))
    };
    Shell::on(remote())
        .prepare(|world| {
            std::fs::File::open(world.remote().join("notes")).unwrap().set_modified(then).unwrap();
        })
        .with_args(["-p"])
        .types("get notes")
        .types("put notes sent")
        .succeeds()
        .local_mode("notes", 0o640)
        .remote_mode("sent", 0o640)
        .holds(|world| kept(world.local().join("notes")).or_else(|| kept(world.remote().join("sent"))));
}

#[test]
fn a_holds_for_every_transfer() {
    Shell::on(remote())
        .here([("notes", "01234")])
        .with_args(["-a"])
        .types("get notes")
        .types("get notes")
        .succeeds()
        .answers(&["Resuming REMOTE/notes to notes", "Resuming REMOTE/notes to notes"])
        .reports("File \"notes\" was not modified")
        .same("notes", "notes");
}

// fault: no fsync
#[test]
fn f_holds_for_every_transfer() {
    Shell::on(told()).with_args(["-f"]).types("get notes").types("put notes sent").succeeds().reports("fsync \"");
    Shell::on(told()).types("get notes").types("put notes sent").succeeds().reports_no("fsync \"");
    // If the server has no fsync, none is requested and no message is printed.
    let without = remote().server_words(&["-P", "fsync"]);
    Shell::on(without).with_args(["-f"]).types("get notes").types("put notes sent").succeeds().quietly();
}

#[test]
fn requests_are_as_long_and_as_many_as_was_asked_for() {
    for options in [["-B", "1000"], ["-X", "buffer=1000"]] {
        let outcome = Shell::on(told()).with_args(options).types("get big").types("put big sent").succeeds();
        outcome.same("big", "big").reports(" off 2000 len 1000\n").reports_no("len 32768");
    }
    for options in [["-R", "1"], ["-X", "nrequests=1"]] {
        let outcome = Shell::on(remote()).with_args(options).types("get big").types("put big sent").succeeds();
        outcome.same("big", "big").same("big", "sent");
    }
}

#[test]
fn a_verbose_session_tells_how_it_was_made() {
    let outcome = Shell::on(remote().over_ssh()).with_args(["-v"]).types("version").succeeds();
    outcome
        .reports("debug1: Authenticated to 127.0.0.1 using \"publickey\".\n")
        .reports_no("debug2: ")
        .prints("SFTP protocol version 3");
    let outcome = Shell::on(remote()).with_args(["-vv"]).types("version").succeeds();
    outcome
        .reports("debug2: Remote version: 3\ndebug2: Server supports extension \"posix-rename@openssh.com\"\n")
        .reports_no("debug3: ");
    let outcome = Shell::on(remote()).with_args(["-vvvb", "-"]).types("version").succeeds();
    outcome
        .reports("debug3: server upload/download buffer sizes ")
        .stdout_is("sftp> version\nSFTP protocol version 3\n");
}

#[test]
fn compression_and_ciphers_are_the_ones_asked_for() {
    let shell = || Shell::on(remote().sshd_config("LogLevel DEBUG")).types("get big");
    shell().with_args(["-C"]).succeeds().same("big", "big").server_logs("compression: zlib@openssh.com");
    shell().succeeds().server_logs("compression: none");
    shell().with_args(["-c", "aes128-ctr"]).succeeds().server_logs("client->server cipher: aes128-ctr ");
}

// difference: own-options
#[test]
fn a_server_that_falls_silent_is_given_up_after_the_timeout() {
    Shell::on(Remote::with([Entry::sized("big", 1 << 20)]).lying("stall-at=500000"))
        .here([Entry::file("big", "old")])
        .with_args(["--timeout", "1", "-b", "-"])
        .types("get big")
        .exits(255)
        .reports("the server was silent for 1 s")
        .local_file("big", "old");
    for wrong in ["soon", "-1", "1.5", ""] {
        let text = format!("invalid number of seconds {wrong:?}");
        Shell::on(remote()).with_args(["--timeout", wrong]).exits(1).reports(&text);
    }
}
