//! Ends in the middle: of our process, of the server, and of two processes of ours in parallel.

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use crate::support::{Entry, PATIENCE, Relay, Remote, Running, Shell, World, kill_tree, until};

const SIZE: usize = 2_000_000;

/// Slow enough for a signal in the middle.
const SLOW: u64 = 400_000;

/// Few requests in flight, so that the wait for them is short.
const BRIEF: [&str; 4] = ["--progress", "plain", "-R", "8"];

fn parts(directory: &Path) -> Vec<u64> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| {
            let name = entry.file_name().into_string().unwrap();
            assert!(name == "f" || name.starts_with(".f.") && name.ends_with(".sftpsh-part"), "{name}");
            name != "f"
        })
        .map(|entry| entry.metadata().unwrap().len())
        .collect()
}

fn download() -> Shell {
    Shell::on(Remote::with([Entry::sized("f", SIZE)]).over_ssh()).here([Entry::file("f", "old")])
}

fn upload() -> Shell {
    Shell::on(Remote::with([Entry::file("f", "old")]).over_ssh()).here([Entry::sized("f", SIZE)])
}

/// Runs a line over a slow connection and sends a signal once data has been transferred.
fn ended_by(shell: Shell, line: &str, signal: Signal) -> (i32, World) {
    let slow = Relay::plain().bytes_per_second(SLOW);
    let shell = shell.through(slow).as_batch().types(line).types("get f never").with_args(BRIEF);
    let (mut running, world) = shell.start();
    running.reports("Transfer of 'f' is at ").reports("Transfer of 'f' is at ").signals(signal);
    let code = running.ends().code;
    assert!(!world.local().join("never").exists());
    (code, world)
}

/// Runs the line again, over an intact connection.
fn completed_by(world: World, line: &str) {
    // Data of the ended run that is still in transit must not arrive after that of this run.
    world.line().cut();
    world.line().heal();
    let shell = Shell::in_world(world).as_batch().types(line);
    let outcome = shell.succeeds().same("f", "f").local_holds(&["f"]);
    // The partial file of --atomic stays if the connection was cut before it could be removed.
    if !line.contains("--atomic") {
        outcome.remote_holds(&["f"]);
    }
}

// fault: SIGTERM and SIGHUP in a download
#[test]
fn a_request_to_end_keeps_what_came_under_its_own_name_and_ends_with_1() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let (code, world) = ended_by(download(), "get f", signal);
        assert_eq!(code, 1, "{signal:?}");
        assert_eq!(fs::read(world.local().join("f")).unwrap(), b"old");
        let parts = parts(&world.local());
        assert!(matches!(parts[..], [1..=u64::MAX]), "{signal:?}: {parts:?}");
        completed_by(world, "get -a f");
    }
}

#[test]
fn a_request_to_end_keeps_what_was_sent_and_ends_with_1() {
    for (line, again) in [("put f", "put -a f"), ("put --atomic f", "put -a --atomic f")] {
        let (code, world) = ended_by(upload(), line, Signal::TERM);
        assert_eq!(code, 1, "{line}");
        let there = fs::read(world.remote().join("f")).unwrap();
        let is_sound =
            there == b"old" || line == "put f" && fs::read(world.local().join("f")).unwrap().starts_with(&there);
        assert!(is_sound, "{line}: {} bytes", there.len());
        parts(&world.remote());
        completed_by(world, again);
    }
}

// fault: SIGTERM in an upload that can't be continued
#[test]
fn a_request_to_end_takes_away_what_nothing_can_continue() {
    // One request in flight, so that its answer arrives in the half second allowed.
    let brief = ["--progress", "plain", "-R", "1"];
    let cases = [Signal::INT, Signal::TERM, Signal::HUP].map(|signal| [(signal, &brief[..]), (signal, &brief[..2])]);
    for (signal, words) in cases.into_iter().flatten() {
        let slow = Relay::plain().bytes_per_second(SLOW);
        // More data than can be in flight.
        let shell = Shell::on(Remote::with([Entry::file("f", "old")]).over_ssh()).here([Entry::sized("f", 3 * SIZE)]);
        let shell = shell.through(slow).as_batch().with_args(words).types("put --atomic f");
        let (mut running, world) = shell.start();
        running.reports("Transfer of 'f' is at ").signals(signal);
        let finished = running.ends();
        assert_eq!(finished.code, 1, "{signal:?}");
        assert!(fs::read(world.remote().join("f")).unwrap() == b"old");
        let stderr = String::from_utf8(finished.stderr).unwrap();
        if stderr.contains("f: the data sent so far is kept in ") {
            // More was in flight than could be answered in time.
            assert_eq!(words.len(), 2, "{signal:?} {words:?}: {stderr}");
            continue;
        }
        until("the server to remove the partial file", || parts(&world.remote()).is_empty());
    }
}

// fault: kill -9
#[test]
fn a_kill_in_the_middle_leaves_the_old_file_and_what_can_be_continued() {
    let (code, world) = ended_by(download(), "get f", Signal::KILL);
    assert_eq!(code, 128 + 9);
    assert_eq!(fs::read(world.local().join("f")).unwrap(), b"old");
    assert!(matches!(parts(&world.local())[..], [1..=u64::MAX]));
    completed_by(world, "reget f");

    let (code, world) = ended_by(upload(), "put -a --atomic f", Signal::KILL);
    assert_eq!(code, 128 + 9);
    assert_eq!(fs::read(world.remote().join("f")).unwrap(), b"old");
    parts(&world.remote());
    completed_by(world, "put -a --atomic f");

    let (_, world) = ended_by(upload(), "put f", Signal::KILL);
    let there = fs::read(world.remote().join("f")).unwrap();
    assert!(fs::read(world.local().join("f")).unwrap().starts_with(&there));
    completed_by(world, "reput f");
}

/// Kills the server after each request in turn, until a run is complete.
fn at_each_request(line: &str, target: impl Fn(&World) -> std::path::PathBuf, shell: impl Fn(Remote) -> Shell) {
    let new = Entry::sized("new", 100_000).contents().unwrap().1.to_vec();
    for count in 1.. {
        assert!(count < 200, "{line} never ends");
        let outcome = shell(
            Remote::with([Entry::file("f", "old"), Entry::file("new", &*new)]).lying(&format!("die-after={count}")),
        )
        .here([Entry::file("f", "old"), Entry::file("new", &*new)])
        .as_batch()
        .types(line)
        .run();
        let found = fs::read(target(outcome.the_world())).unwrap();
        assert!(found == b"old" || found == new, "{line}, {count} requests: {} bytes", found.len());
        for side in [outcome.the_world().local(), outcome.the_world().remote()] {
            for entry in fs::read_dir(side).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                let is_ours = name.starts_with(".f.") && name.ends_with(".sftpsh-part");
                assert!(["f", "new"].contains(&&*name) || is_ours, "{line}, {count} requests: {name}");
            }
        }
        match outcome.code() {
            0 => {
                assert!(found == new, "{line}, {count} requests");
                return;
            }
            code => assert_eq!(code, 255, "{line}, {count} requests: {}", outcome.stderr()),
        }
    }
}

// fault: death at each request
#[test]
fn whenever_the_server_dies_a_target_is_the_old_or_the_new_one() {
    at_each_request("put --atomic new f", |world| world.remote().join("f"), Shell::on);
    at_each_request("get new f", |world| world.local().join("f"), Shell::on);
}

// fault: death at a WRITE
#[test]
fn a_write_that_the_server_dies_of_is_a_lost_connection() {
    for byte in [0, 32_768, 150_000, 299_999] {
        let outcome = Shell::on(Remote::empty().lying(&format!("die-at={byte}")))
            .here([Entry::sized("f", 300_000)])
            .as_batch()
            .types("put f")
            .exits(255);
        let there = fs::read(outcome.the_world().remote().join("f")).unwrap();
        assert!(there.len() as u64 <= byte, "{byte}: {}", there.len());
        assert!(fs::read(outcome.the_world().local().join("f")).unwrap().starts_with(&there));
    }
}

// fault: cut in a download, exact to the byte
#[test]
fn a_read_that_the_server_dies_of_is_a_lost_connection() {
    for byte in [0, 32_768, 150_000, 299_999] {
        Shell::on(Remote::with([Entry::sized("f", 300_000)]).lying(&format!("die-at={byte}")))
            .here([Entry::file("f", "old")])
            .as_batch()
            .types("get f")
            .exits(255)
            .local_file("f", "old")
            .holds(|world| {
                let parts = parts(&world.local());
                parts.iter().any(|&length| length > byte).then(|| format!("{byte}: {parts:?}"))
            });
    }
}

// fault: the server is killed at the prompt
#[test]
fn a_server_that_is_killed_while_nothing_moves_is_missed_by_the_next_command() {
    for mode in [crate::support::Mode::Piped, crate::support::Mode::BatchOnStdin] {
        let shell = Shell::on(Remote::with(["f"]).over_ssh()).in_mode(mode);
        let (mut running, world) = shell.start();
        running.types("pwd").prints("Remote working directory: ");
        kill_tree(world.sshd().pid());
        running.types("ls").reports("Connection closed");
        assert_eq!(running.ends().code, 255, "{mode:?}");
    }
}

/// Starts the program twice in the same world and returns both exit codes. The file must be complete in any case.
fn twice(shell: Shell) -> [i32; 2] {
    let shell = shell.through(Relay::plain().bytes_per_second(SLOW * 2)).with_args(["--progress", "plain"]).as_batch();
    let mut first = Running::start(&mut shell.command(), PATIENCE);
    first.reports("Transfer of 'f' is at ");
    let second = shell.run();
    let first = first.finish();
    let second = second.same("f", "f").local_holds(&["f"]).remote_holds(&["f"]);
    [first.code, second.code()]
}

// fault: two of us fetch one file
#[test]
fn two_of_us_fetch_one_file_and_it_is_whole() {
    assert_eq!(twice(download().types("get f")), [0, 0]);
}

// fault: two of us send one file
#[test]
fn two_of_us_send_one_file_and_it_is_whole() {
    assert_eq!(twice(upload().types("put f")), [0, 0]);
    assert_eq!(twice(upload().types("put --atomic f")), [0, 0]);
    // Both write the same partial file, and the later one finds it renamed to the target already.
    assert_eq!(twice(upload().types("put -a --atomic f")), [0, 0]);
}
