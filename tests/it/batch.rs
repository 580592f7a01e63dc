//! Lines from a file or a pipe: which are echoed, which end the run, and how invalid ones are reported.

use crate::support::{Mode, Outcome, PATIENCE, Remote, Running, Shell};
use rustix::process::Signal;

fn batch(lines: &[u8]) -> Shell {
    Shell::on(Remote::empty()).types_bytes(lines).as_batch()
}

#[test]
fn a_line_that_cannot_be_read_is_complained_of_before_its_echo_and_one_that_fails_after() {
    let shell = Shell::on(Remote::empty());
    let mut running = Running::start(&mut shell.command_in("exec \"$0\" \"$@\" 2>&1"), PATIENCE);
    running.sends(b"verison\ncd nowhere\npwd 'x\nlpwd\n");
    let said = String::from_utf8(running.finish().stdout).unwrap();
    let said = shell.world().plain(&said);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines[1..7],
        [
            "Invalid command. There is no \"verison\".",
            "sftp> verison",
            "sftp> cd nowhere",
            "stat remote: No such file or directory: \"REMOTE/nowhere\"",
            "Unterminated quoted argument: the quote at column 5 is not closed",
            "sftp> pwd 'x",
        ]
    );
}

#[test]
fn lines_are_echoed_byte_for_byte() {
    let script = b"\n  pwd\n# caf\xe9\n\t-@ pwd\n@lpwd\nversion # x\r\nVERSION";
    let outcome = Shell::on(Remote::empty()).types_bytes(script).run();
    let world = outcome.the_world();
    let mut wanted = Vec::new();
    for piece in [
        &b"sftp> \nsftp>   pwd\nRemote working directory: "[..],
        world.remote().as_os_str().as_encoded_bytes(),
        b"\nsftp> # caf\xe9\nRemote working directory: ",
        world.remote().as_os_str().as_encoded_bytes(),
        b"\nLocal working directory: ",
        world.local().as_os_str().as_encoded_bytes(),
        b"\nsftp> version # x\r\nSFTP protocol version 3\nsftp> VERSION\nSFTP protocol version 3\n",
    ] {
        wanted.extend_from_slice(piece);
    }
    assert_eq!(String::from_utf8_lossy(outcome.raw_stdout()), String::from_utf8_lossy(&wanted));
    outcome.succeeds();
}

#[test]
fn the_first_failure_ends_a_batch_and_no_other_run() {
    for line in ["cd nowhere", "mkdir", "frobnicate", "mkdir -x a", "pwd 'x", "lcd nowhere", "rmdir a", "rename a b"] {
        for mode in [Mode::BatchFile, Mode::BatchOnStdin] {
            let outcome = Shell::on(Remote::empty()).types(line).types("version").in_mode(mode).exits(1);
            outcome.prints_line(&format!("sftp> {line}")).prints_no("SFTP protocol");
        }
        let outcome = Shell::on(Remote::empty()).types(line).types("version").succeeds();
        outcome.prints_line("SFTP protocol version 3");
    }
}

#[test]
fn what_a_dash_stands_before_and_what_a_local_shell_does_ends_no_batch() {
    for line in
        ["-cd nowhere", "@-cd nowhere", " - mkdir", "-frobnicate", "-pwd 'x", "!exit 3", "lls nowhere", "#", "-"]
    {
        batch(format!("{line}\nversion\n").as_bytes()).succeeds().prints_line("SFTP protocol version 3");
    }
    batch(b"!exit 3\n").succeeds().reports("Shell exited with status 3");
}

#[test]
fn an_empty_script_and_one_of_comments_do_nothing() {
    batch(b"").succeeds().stdout_is("").stderr_is("");
    batch(b"# one\n\n  # two").succeeds().stdout_is("sftp> # one\nsftp> \nsftp>   # two\n").stderr_is("");
}

// difference: byte-order-mark
#[test]
fn a_byte_order_mark_and_carriage_returns_do_no_harm() {
    batch(b"\xef\xbb\xbfversion\r\nmkdir a\r\n").succeeds().remote_holds(&["a/"]);
}

#[test]
fn a_quit_leaves_the_rest_unread() {
    batch(b"bye\nmkdir a\n").succeeds().remote_holds(&[]);
}

// difference: long-lines
#[test]
fn a_line_of_a_megabyte_is_one_bad_line() {
    let mut script = b"mkdir ".to_vec();
    script.resize(1 << 20, b'x');
    script.extend_from_slice(b"\nversion\n");
    Shell::on(Remote::empty())
        .types_bytes(&script)
        .succeeds()
        .complains(&["Line too long: 1048576 bytes; the limit is 262144"])
        .stdout_is("sftp> version\nSFTP protocol version 3\n")
        .remote_holds(&[]);
    batch(&script).exits(1).stdout_is("").remote_holds(&[]);
}

#[test]
fn binary_garbage_is_refused_line_by_line_in_printable_words() {
    let garbage: Vec<u8> = (0..20_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 11).to_le_bytes()[0]).collect();
    let outcome = Shell::on(Remote::empty()).types_bytes(&garbage).succeeds();
    let strange = outcome.raw_stderr().iter().find(|byte| byte.is_ascii_control() && **byte != b'\n').copied();
    assert_eq!(strange, None, "a control character reached stderr");
    outcome.reports("Invalid command.").remote_holds(&[]);
}

#[test]
fn every_answer_is_there_before_the_next_line_is_read() {
    let (mut running, _world) = Shell::on(Remote::empty()).start();
    running.types("version").prints("sftp> version\nSFTP protocol version 3\n");
    running.types("frobnicate").reports("Invalid command.");
    running.types("lumask 22").prints("Local umask: 022\n");
    running.types("!echo hi there").prints("hi there\n");
    assert_eq!(running.finish().code, 0);
}

// difference: batch-directory
#[test]
fn a_batch_that_cannot_be_opened_is_said_before_anything_is_connected() {
    let outcome = Shell::on(Remote::empty()).with_args(["-b", "missing"]).exits(255);
    outcome.stdout_is("").complains(&["No such file or directory (missing)."]);
    let outcome = Shell::on(Remote::empty()).with_args(["-b", "."]).exits(255);
    outcome.stdout_is("").stderr_is("Cannot read commands: Is a directory\n");
}

#[test]
fn a_signal_ends_a_wait_for_input_with_1() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (mut running, _world) = Shell::on(Remote::empty()).start();
        running.types("version").prints("SFTP protocol version 3\n").signals(signal);
        assert_eq!(running.ends().code, 1, "{signal:?}");
    }
}

// fault: nobody reads our stdout
#[test]
fn a_reader_that_went_away_ends_the_run_quietly() {
    let shell = Shell::on(Remote::empty());
    let mut running = Running::start(&mut shell.command_in("\"$0\" \"$@\" | head -n 1"), PATIENCE);
    let mut script = b"help\n".repeat(2000);
    script.extend_from_slice(b"mkdir a\n");
    running.feeds(script);
    let finished = running.finish();
    assert_eq!(finished.stdout, b"sftp> help\n");
    assert_eq!(String::from_utf8_lossy(&finished.stderr).lines().count(), 1, "only the greeting");
    assert!(!shell.world().remote().join("a").exists(), "the rest of the script was run");
}

#[test]
fn a_server_that_ends_ends_the_run_with_255() {
    let script = "head -c 0; exit 3";
    let outcome = Shell::on(Remote::empty()).with_args(["-D", &format!("sh -c '{script}'")]).exits(255);
    outcome.stdout_is("");
}

/// `--version` prints the versions of the libraries too, and nothing on stderr.
// difference: own-options
#[test]
fn the_version_names_what_is_inside() {
    let outcome: Outcome = Shell::on(Remote::empty()).with_args(["--version"]).succeeds();
    outcome.prints("sftpsh 0.").prints("libssh2 1.").prints("OpenSSL ").stderr_is("");
}
