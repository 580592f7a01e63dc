//! Tests of the tests' own tools: a builder that can't fail proves nothing.

use crate::support::embedded::Round;
use crate::support::{Embedded, Entry, Fault, Relay, Remote, Shell, Toward};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Returns the failure message of a test chain that does not hold.
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
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_program_that_hangs_is_killed_and_told() {
    let report = complaint(|| {
        Shell::on(Remote::empty())
            .env("SHELL", "/bin/sh")
            .types("!sleep 1000")
            .patience(Duration::from_millis(300))
            .succeeds();
    });
    assert!(report.contains("it hung"), "{report}");
}

#[test]
fn a_terminal_is_typed_at_and_read() {
    Shell::on(Remote::with(["notes.txt"]))
        .at_a_terminal()
        .types("ls")
        .sees("notes.txt")
        .types("pwd")
        .sees("Remote working directory: ")
        .types("bye")
        .ends_with(0)
        .prints("sftp> ls\nnotes.txt");
}

#[test]
fn a_relay_delays_and_cuts_a_line() {
    let line = Relay::plain().at(Toward::Client, 60_000, Fault::Cut);
    Shell::on(Remote::with([Entry::sized("big", 1_000_000)]).over_ssh())
        .through(line)
        .types("get big")
        .exits(255)
        .holds(|world| (world.line().moved(Toward::Server) == 0).then(|| "nothing went through the relay".to_owned()));

    let delay = Duration::from_millis(40);
    let begin = Instant::now();
    Shell::on(Remote::empty().over_ssh()).through(Relay::plain().delay(delay)).types("pwd").succeeds();
    assert!(begin.elapsed() > delay * 10, "a login and a command take more than five round trips");
}

#[test]
fn a_relay_resets_and_stalls_a_line() {
    let echo = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = echo.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in echo.incoming().map_while(Result::ok) {
            std::thread::spawn(move || io::copy(&mut &stream, &mut &stream));
        }
    });
    let answer = |fault| {
        let relay = Relay::plain().at(Toward::Client, 3, fault).start(target);
        let mut stream = TcpStream::connect(("127.0.0.1", relay.port())).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        stream.write_all(b"hello").unwrap();
        let mut heard = Vec::new();
        (stream.read_to_end(&mut heard).map_err(|error| error.kind()), heard)
    };
    assert_eq!(answer(Fault::Cut), (Ok(3), b"hel".to_vec()));
    assert_eq!(answer(Fault::HalfClose), (Ok(3), b"hel".to_vec()));
    assert_eq!(answer(Fault::Stall), (Err(io::ErrorKind::WouldBlock), b"hel".to_vec()));
    assert_eq!(answer(Fault::Reset).0, Err(io::ErrorKind::ConnectionReset));
}

#[test]
fn the_lying_server_is_honest_but_for_its_lie() {
    let remote = || Remote::with([Entry::sized("big", 100_000), Entry::from("d/inner.txt"), Entry::from("old.txt")]);
    Shell::on(remote().lying("none"))
        .here(["up.txt"])
        .types("get big")
        .types("get -r d")
        .types("put -p up.txt")
        .types("mkdir m")
        .types("rename old.txt new.txt")
        .types("ln -s new.txt link")
        .types("chmod 600 new.txt")
        .types("ls -l")
        .succeeds()
        .quietly()
        .same("big", "big")
        .same("d/inner.txt", "d/inner.txt")
        .same("up.txt", "up.txt")
        .remote_mode("new.txt", 0o600)
        .remote_holds(&["big", "d/", "d/inner.txt", "link", "m/", "new.txt", "up.txt"]);
    Shell::on(remote().lying("die-at=50000")).types("get big").exits(255);
    Shell::on(remote().lying("wrong-id")).types("get big").exits(255);
    Shell::on(remote().lying("names").over_ssh()).types("ls").prints("big").reports("evil");
    Shell::on(remote().lying("cap-reads=1000")).types("get big").succeeds().same("big", "big");
}

#[test]
fn the_embedded_server_asks_for_a_password_and_a_code() {
    let code = Round { prompts: vec![("Code: ".into(), true, "1234".into())], ..Round::default() };
    let login = Embedded::new().password("open sesame").keyboard_interactive([code]).all_required().banner("Beware.\n");
    Shell::on(Remote::with(["notes.txt"]).served_by(login))
        .with_args(["-oPreferredAuthentications=password,keyboard-interactive"])
        .at_a_terminal()
        .answers("password: ", "wrong")
        .sees("try again.")
        .answers("password: ", "open sesame")
        .answers("Code: ", "1234")
        .types("pwd")
        .sees("Remote working directory: /")
        .types("get notes.txt")
        .types("bye")
        .ends_with(0)
        .prints("Beware.")
        .same("notes.txt", "notes.txt")
        .server_logs("Failed password")
        .server_logs("Accepted keyboard-interactive");
}

#[test]
fn an_ordinary_user_is_stopped_by_permissions() {
    Shell::on(Remote::with([Entry::from("secret").mode(0o000), Entry::from("open")]))
        .unprivileged()
        .types("get secret")
        .types("get open")
        .reports("Permission denied")
        .local_holds(&["open"]);
}
