//! Faults on the local side: files that change during a transfer, directories that disappear, descriptors that run
//! out.

use std::fs;

use crate::support::{Entry, Relay, Remote, Running, Shell, World};

const SIZE: usize = 1_500_000;

/// Sends a file over a slow connection, and changes it once data has been transferred.
fn while_sending(change: impl FnOnce(&World)) -> (i32, String, World) {
    let shell = Shell::on(Remote::empty().over_ssh())
        .here([Entry::sized("f", SIZE)])
        .through(Relay::plain().bytes_per_second(1_000_000))
        .as_batch()
        .with_args(["--progress", "plain", "-R", "4"])
        .types("put f");
    while_moving(shell, change)
}

fn while_moving(shell: Shell, change: impl FnOnce(&World)) -> (i32, String, World) {
    let (mut running, world): (Running, World) = shell.start();
    running.reports("Transfer of 'f' is at ");
    change(&world);
    let finished = running.finish();
    (finished.code, String::from_utf8_lossy(&finished.stderr).into_owned(), world)
}

fn append(world: &World, bytes: &[u8]) {
    use std::io::Write;
    fs::OpenOptions::new().append(true).open(world.local().join("f")).unwrap().write_all(bytes).unwrap();
}

// fault: a source that shrinks
#[test]
fn a_file_that_shrinks_under_us_is_an_error() {
    let shrink = |world: &World| fs::File::options().write(true).open(world.local().join("f")).unwrap().set_len(10);
    let (code, stderr, _) = while_sending(|world| shrink(world).unwrap());
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("read local \"f\": it ended at byte"), "{stderr}");
}

// fault: a source that grows
#[test]
fn a_file_that_grows_under_us_arrives_as_far_as_it_was_or_is() {
    let (code, stderr, world) = while_sending(|world| append(world, b"more"));
    assert_eq!(code, 0, "{stderr}");
    let (here, there) = (fs::read(world.local().join("f")).unwrap(), fs::read(world.remote().join("f")).unwrap());
    assert!(there.len() >= SIZE && here.starts_with(&there), "{}", there.len());
}

// fault: a source that goes away
#[test]
fn a_file_that_is_removed_under_us_arrives() {
    let (code, stderr, world) = while_sending(|world| fs::remove_file(world.local().join("f")).unwrap());
    assert_eq!(code, 0, "{stderr}");
    let source = Entry::sized("f", SIZE);
    assert!(fs::read(world.remote().join("f")).unwrap() == source.contents().unwrap().1);
}

// fault: a source that is closed
#[test]
fn a_file_that_may_not_be_read_is_named() {
    Shell::on(Remote::with([("f", "old")]))
        .here([Entry::file("f", "secret").mode(0), Entry::from("g")])
        .unprivileged()
        .as_batch()
        .types("-put f")
        .types("put g")
        .succeeds()
        .reports("open local \"f\": Permission denied")
        .remote_file("f", "old")
        .same("g", "g");
}

// fault: a directory that goes away
#[test]
fn a_directory_that_goes_away_under_us_is_one_error() {
    let shell = Shell::on(Remote::with([Entry::sized("f", SIZE), Entry::from("g")]).over_ssh())
        .here(["d/"])
        .through(Relay::plain().bytes_per_second(1_000_000))
        .as_batch()
        .with_args(["--progress", "plain"])
        .types("get f d/f");
    let (code, stderr, world) = while_moving(shell, |world| fs::remove_dir_all(world.local().join("d")).unwrap());
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("d/f"), "{stderr}");
    Shell::in_world(world)
        .here(["d/"])
        .types("lcd d")
        .types("!rmdir ../d")
        .types("get g")
        .types("lcd LOCAL")
        .types("pwd")
        .exits(0)
        .prints("Remote working directory: ")
        .reports("No such file or directory");
}

// fault: a file in the way
#[test]
fn a_file_stands_where_a_directory_is_meant() {
    let shell = Shell::on(Remote::with(["f", "t/x"])).here([("d", "a file"), ("t", "a file")]).as_batch();
    shell
        .types("-get f d/f")
        .types("-get -r t")
        .types("-put d/f")
        .types("get f")
        .succeeds()
        .reports("\"d/f\": Not a directory")
        .local_file("d", "a file")
        .local_file("t", "a file")
        .same("f", "f");
}

// fault: few descriptors
#[test]
fn descriptors_that_are_few_are_enough_both_ways() {
    let files = || (0..200).map(|number| Entry::sized(format!("t/n{number:03}"), 50_000)).collect::<Vec<_>>();
    let outcome = Shell::on(Remote::with(files()))
        .after("ulimit -n 24")
        .as_batch()
        .types("get -r t")
        .types("put -r t sent")
        .succeeds();
    for number in [0, 99, 199] {
        let _ = &outcome;
        let name = format!("n{number:03}");
        let world = outcome.the_world();
        let first = fs::read(world.remote().join("t").join(&name)).unwrap();
        assert!(fs::read(world.local().join("t").join(&name)).unwrap() == first, "{name}");
        assert!(fs::read(world.remote().join("sent").join(&name)).unwrap() == first, "{name}");
    }
}

// fault: a name too long
#[test]
fn a_name_that_is_too_long_for_us_is_left_out_and_said() {
    let long = "n".repeat(300);
    Shell::on(Remote::with(["t/f"]).lying("huge-names"))
        .as_batch()
        .types("-get -r t")
        .types(&format!("-get t/f {long}"))
        .succeeds()
        .same("t/f", "t/f")
        .local_holds(&["t/", "t/f"])
        .reports("Server sent suspect path \"nnnnn")
        .reports(&format!("open local \"{long}\": File name too long"));
}

// fault: a closed directory on the server
#[test]
fn a_remote_directory_that_is_closed_keeps_what_it_has() {
    let closed = [Entry::file("d/f", "old").mode(0o444), Entry::directory("d").mode(0o555)];
    Shell::on(Remote::with(closed))
        .here([("f", "new"), ("g", "new")])
        .unprivileged()
        .as_batch()
        .types("-put f d")
        .types("-put --atomic f d")
        .types("-put g d")
        .types("-rm d/f")
        .types("pwd")
        .succeeds()
        .reports("dest open \"REMOTE/d/f\": Permission denied")
        .reports("dest open \"REMOTE/d/g\": Permission denied")
        .prints("Remote working directory: ")
        .remote_file("d/f", "old")
        .remote_holds(&["d/", "d/f"]);
}

// fault: names that differ by case
#[test]
fn names_that_differ_by_case_are_two_files_where_there_is_room_for_two() {
    let outcome = Shell::on(Remote::with([("t/a", "lower"), ("t/A", "UPPER")])).as_batch().types("get -r t").run();
    let local = outcome.the_world().local().join("t");
    if fs::read_dir(&local).unwrap().count() == 2 {
        outcome.succeeds().same("t/a", "t/a").same("t/A", "t/A");
    } else {
        // The file system has one name for both: the later file must be complete.
        let found = fs::read(local.join("a")).unwrap();
        assert!(found == b"lower" || found == b"UPPER", "{found:?}");
    }
}

// fault: SETSTAT is refused
#[test]
fn times_and_modes_that_the_server_refuses_to_set_leave_a_transfer_whole() {
    Shell::on(Remote::with(["down"]).server_words(&["-P", "setstat,fsetstat"]))
        .here(["up"])
        .types("put -p up")
        .types("get -p down")
        .exits(0)
        .same("up", "up")
        .same("down", "down")
        .reports("setstat");
}

// fault: known_hosts is a directory
#[test]
fn known_hosts_that_cannot_be_read_are_none() {
    Shell::on(Remote::empty().over_ssh())
        .prepare(|world| {
            let known = world.home().join(".ssh/known_hosts");
            fs::remove_file(&known).unwrap();
            fs::create_dir(&known).unwrap();
        })
        .with_args(["-oStrictHostKeyChecking=accept-new"])
        .types("pwd")
        .succeeds()
        .prints("Remote working directory: ");
}
