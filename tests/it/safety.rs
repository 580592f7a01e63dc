//! Existing targets, uploads that replace their target in one step, and copies that are compared.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::support::{Entry, Fault, Relay, Remote, Shell, Toward, World};

const SIZE: usize = 200_000;

/// Checks that a directory contains exactly these names.
fn only(directory: &std::path::Path, names: &[&str]) -> Option<String> {
    let mut found: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    (found != names).then(|| format!("{found:?} are there"))
}

#[test]
fn an_atomic_upload_takes_the_place_of_its_target_and_its_mode() {
    Shell::on(Remote::with([Entry::file("f", "old").mode(0o640)]))
        .here([Entry::sized("f", SIZE), Entry::sized("new", 5)])
        .as_batch()
        .types("put --atomic f")
        .types("put --atomic new")
        .succeeds()
        .same("f", "f")
        .same("new", "new")
        .remote_mode("f", 0o640)
        .holds(|world| only(&world.remote(), &["f", "new"]));
}

#[test]
fn an_atomic_upload_that_fails_leaves_the_target_as_it_was() {
    for lie in ["write-fails-at=100000", "enospc-at=50000", "close-fails"] {
        Shell::on(Remote::with([Entry::file("f", "old")]).lying(lie))
            .here([Entry::sized("f", SIZE)])
            .as_batch()
            .types("put --atomic f")
            .exits(1)
            .remote_file("f", "old")
            .holds(|world| only(&world.remote(), &["f"]));
    }
}

// fault: a rename that replaces nothing
#[test]
fn an_atomic_upload_needs_a_server_that_replaces_only_where_something_is() {
    Shell::on(Remote::with([Entry::file("f", "old")]).lying("no-extensions"))
        .here([Entry::sized("f", SIZE), Entry::sized("new", SIZE)])
        .types("put --atomic f")
        .types("put --atomic new")
        .reports("replace remote \"REMOTE/f\": the server has no posix-rename@openssh.com")
        .remote_file("f", "old")
        .same("new", "new")
        .holds(|world| only(&world.remote(), &["f", "new"]));
}

#[test]
fn an_atomic_upload_that_broke_is_continued_by_a_resume() {
    let line = Relay::plain().at(Toward::Server, 1_000_000, Fault::Cut).only_first(1);
    let beside = |world: &World| {
        let part = fs::read_dir(world.remote())
            .unwrap()
            .any(|entry| entry.unwrap().file_name().to_string_lossy().ends_with(".sftpsh-part"));
        (!part).then(|| "nothing is left to be continued".to_owned())
    };
    Shell::on(Remote::with([Entry::file("f", "old")]).over_ssh())
        .here([Entry::sized("f", 3_000_000)])
        .through(line)
        .as_batch()
        .types("put -a --atomic f")
        .exits(255)
        .remote_file("f", "old")
        .holds(beside)
        .then()
        .as_batch()
        .types("put -a --atomic f")
        .succeeds()
        .same("f", "f")
        .holds(|world| only(&world.remote(), &["f"]));
}

#[test]
fn an_atomic_upload_goes_on_where_its_connection_broke() {
    let line = Relay::plain().at(Toward::Server, 1_000_000, Fault::Cut).only_first(2);
    Shell::on(Remote::with([Entry::file("f", "old")]).over_ssh())
        .here([Entry::sized("f", 3_000_000)])
        .through(line)
        .with_args(["-b", "-", "--retry", "2"])
        .types("put --atomic --verify f")
        .succeeds()
        .same("f", "f")
        .holds(|world| only(&world.remote(), &["f"]));
}

#[test]
fn a_copy_that_differs_from_its_source_is_found_out() {
    for (lie, line, message) in [
        ("bad-byte=70000", "put --verify f", "verify remote \"REMOTE/f\": it differs from its source at byte 70000"),
        ("bad-byte=70000", "get --verify f", "verify local \"f\": it differs from its source at byte 70000"),
    ] {
        let files = || [Entry::sized("f", SIZE)];
        let (remote, here) =
            if line.starts_with("put") { (Remote::empty(), true) } else { (Remote::with(files()), false) };
        let shell = Shell::on(remote.lying(lie)).as_batch();
        let shell = if here { shell.here(files()) } else { shell.here([Entry::file("f", "old")]) };
        let outcome = shell.types(line).exits(1).reports(message);
        if !here {
            outcome.local_file("f", "old");
        }
    }
}

#[test]
fn what_cannot_be_read_back_is_said_not_to_be_verified() {
    Shell::on(Remote::with([Entry::sized("f", SIZE)]))
        .as_batch()
        .types("get --verify f /dev/null")
        .succeeds()
        .complains(&["/dev/null: the copy can't be read back, so it is not verified"]);
    Shell::on(Remote::with([Entry::sized("f", SIZE)]))
        .here([Entry::file("f", "old")])
        .prepare(|world| fs::hard_link(world.local().join("f"), world.local().join("other")).unwrap())
        .as_batch()
        .types("get --verify f")
        .succeeds()
        .same("other", "f")
        .reports("1 file was read back");
    Shell::on(Remote::with([Entry::sized("f", SIZE)]))
        .here([Entry::file("f", "old").mode(0o200), Entry::directory(".").mode(0o555)])
        .unprivileged()
        .as_batch()
        .types("get --verify f")
        .succeeds()
        .reports("f: the copy can't be read back, so it is not verified");
}

#[test]
fn a_resume_does_not_take_a_size_for_a_proof_when_asked_to_verify() {
    let other: Vec<u8> = vec![b'x'; SIZE];
    for (line, here) in [("put -a --verify f", true), ("get -a --verify f", false)] {
        // Only the end is equal.
        let mut like = Entry::sized("f", SIZE).contents().unwrap().1.to_vec();
        like[..1000].copy_from_slice(&other[..1000]);
        let (one, two) = (Entry::sized("f", SIZE), Entry::file("f", like));
        let shell =
            if here { Shell::on(Remote::with([two])).here([one]) } else { Shell::on(Remote::with([one])).here([two]) };
        shell.as_batch().types(line).exits(1).reports("it differs from its source at byte 0");
    }
}

#[test]
fn copies_that_are_equal_are_counted() {
    let files = || [Entry::sized("f", SIZE), Entry::sized("g", 7), Entry::sized("empty", 0)];
    Shell::on(Remote::with(files()))
        .as_batch()
        .types("get --verify *")
        .types("mkdir sent")
        .types("put --verify f g empty sent")
        .succeeds()
        .reports("2 files were read back and are equal to their sources")
        .same("f", "sent/f")
        .same("g", "sent/g")
        .same("empty", "sent/empty");
}

/// Three files on each side, of which the target's is older, newer or missing.
fn world_of_conflicts(get: bool) -> Shell {
    let (new, old) = (
        [Entry::file("older", "new"), Entry::file("newer", "new"), Entry::file("missing", "new")],
        [Entry::file("older", "there"), Entry::file("newer", "there")],
    );
    let shell = if get { Shell::on(Remote::with(new)).here(old) } else { Shell::on(Remote::with(old)).here(new) };
    shell.prepare(move |world| {
        let there = if get { world.local() } else { world.remote() };
        for (name, seconds) in [("older", 1_000_000_000), ("newer", 4_000_000_000)] {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            fs::File::options().write(true).open(there.join(name)).unwrap().set_modified(time).unwrap();
        }
    })
}

#[test]
fn targets_that_are_there_are_treated_as_asked_both_ways() {
    for (policy, older, newer) in [("skip", "there", "there"), ("newer", "new", "there"), ("overwrite", "new", "new")] {
        world_of_conflicts(true)
            .types(&format!("get --on-conflict={policy} *"))
            .succeeds()
            .local_file("older", older)
            .local_file("newer", newer)
            .local_file("missing", "new");
        world_of_conflicts(false)
            .types(&format!("put --on-conflict {policy} *"))
            .succeeds()
            .remote_file("older", older)
            .remote_file("newer", newer)
            .remote_file("missing", "new");
    }
    world_of_conflicts(true).types("get --on-conflict=skip older").reports("older exists already: skipped").succeeds();
}

/// Sets a modification time older than that of any file that is written during the test.
fn is_old(path: &Path) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn a_name_that_is_chosen_is_the_name_that_is_reported() {
    let names = [Entry::file("a", "new"), Entry::file("b", "new"), Entry::file("t/c", "new")];
    let there = [Entry::file("a", "old"), Entry::file("a.1", "old"), Entry::file("t/c", "old")];
    Shell::on(Remote::with(names.clone()))
        .here(there.clone())
        .types("get -r --on-conflict=rename *")
        .succeeds()
        .prints("Fetching REMOTE/a to a.2\nFetching REMOTE/b to b\nFetching REMOTE/t/ to t\n")
        .complains(&["a exists already: written to a.2", "t/c exists already: written to t/c.1"]);
    Shell::on(Remote::with(there.clone()))
        .here(names.clone())
        .types("put -r --on-conflict=rename *")
        .succeeds()
        .prints("Uploading a to REMOTE/a.2\nUploading b to REMOTE/b\nUploading t/ to REMOTE/t\n")
        .complains(&[
            "REMOTE/a exists already: written to REMOTE/a.2",
            "REMOTE/t/c exists already: written to REMOTE/t/c.1",
        ]);
    Shell::on(Remote::with(names))
        .here(there)
        .with_args(["--progress", "json"])
        .types("@get -r --on-conflict=rename *")
        .succeeds()
        .prints(r#""target":"a.2""#)
        .prints(r#""target":"t/c.1""#)
        .prints(r#"{"event":"note","note":"renamed","#)
        .prints_no(r#""target":"a","#);
}

#[test]
fn a_download_replaces_nothing_that_came_to_be_meanwhile() {
    // While the target is opened, and while the source is read.
    for when in ["meanwhile=1", "meanwhile=2"] {
        for (policy, is_there) in [("skip", false), ("newer", false), ("rename", false), ("newer", true)] {
            let shell = Shell::on(Remote::with([Entry::file("f", "new")]).lying(when)).prepare(|world| {
                is_old(&world.remote().join("f"));
                if is_there {
                    fs::write(world.local().join("f"), "old").unwrap();
                    let time = SystemTime::UNIX_EPOCH;
                    fs::File::options().write(true).open(world.local().join("f")).unwrap().set_modified(time).unwrap();
                }
            });
            let outcome = shell.types(&format!("get --on-conflict={policy} f")).as_batch().succeeds();
            let outcome = outcome.local_file("f", "theirs");
            match policy {
                "rename" => outcome
                    .local_file("f.1", "new")
                    .local_holds(&["f", "f.1"])
                    .complains(&["f exists already: written to f.1"]),
                _ => outcome.reports("f exists already").local_holds(&["f"]),
            };
        }
    }
}

#[test]
fn an_upload_replaces_nothing_that_came_to_be_meanwhile() {
    for server in ["meanwhile=3", "meanwhile=4"] {
        for policy in ["skip", "newer", "rename"] {
            for flag in ["", "--atomic"] {
                let shell = Shell::on(Remote::empty().lying(server)).here([Entry::file("f", "new")]);
                let shell = shell.prepare(|world| is_old(&world.local().join("f")));
                let line = format!("put --on-conflict={policy} {flag} f");
                let outcome = shell.types(&line).as_batch().succeeds().remote_file("f", "theirs");
                match policy {
                    "rename" => outcome
                        .remote_file("f.1", "new")
                        .remote_holds(&["f", "f.1"])
                        .complains(&["REMOTE/f exists already: written to REMOTE/f.1"]),
                    _ => outcome.reports("f exists already").remote_holds(&["f"]),
                };
            }
        }
    }
}

#[test]
fn links_of_a_tree_that_are_there_are_treated_as_asked_both_ways() {
    for (policy, kept, other) in [("skip", "there", None), ("rename", "there", Some("new")), ("newer", "there", None)] {
        let both = || Remote::with([Entry::link("tree/link", "new")]);
        let outcome = Shell::on(both()).here([Entry::link("tree/link", "there")]);
        let outcome = outcome.types(&format!("get -r --links --on-conflict={policy} tree")).succeeds();
        let link = |path: &Path| fs::read_link(path).ok();
        let local = outcome.the_world().local();
        assert_eq!(link(&local.join("tree/link")), Some(kept.into()), "get {policy}");
        assert_eq!(link(&local.join("tree/link.1")), other.map(Into::into), "get {policy}");
        if policy == "rename" {
            outcome.reports("tree/link exists already: written to tree/link.1");
        }
        let outcome =
            Shell::on(Remote::with([Entry::link("tree/link", "there")])).here([Entry::link("tree/link", "new")]);
        let outcome = outcome.types(&format!("put -r --links --on-conflict={policy} tree")).succeeds();
        let remote = outcome.the_world().remote();
        assert_eq!(link(&remote.join("tree/link")), Some(kept.into()), "put {policy}");
        assert_eq!(link(&remote.join("tree/link.1")), other.map(Into::into), "put {policy}");
        if policy == "rename" {
            outcome.reports("REMOTE/tree/link exists already: written to REMOTE/tree/link.1");
        }
    }
}

#[test]
fn a_target_that_is_there_may_keep_its_name() {
    world_of_conflicts(true)
        .here([Entry::file("older.1", "too")])
        .types("get --on-conflict=rename *")
        .succeeds()
        .local_file("older", "there")
        .local_file("older.1", "too")
        .local_file("older.2", "new")
        .local_file("newer.1", "new")
        .local_file("missing", "new");
    world_of_conflicts(false)
        .types("put --on-conflict=rename *")
        .types("put --on-conflict=rename older")
        .succeeds()
        .remote_file("older", "there")
        .remote_file("older.1", "new")
        .remote_file("older.2", "new")
        .remote_file("missing", "new");
}

#[test]
fn a_person_is_asked_about_each_target_or_once_for_all() {
    world_of_conflicts(true)
        .at_a_terminal()
        .types("get --on-conflict=ask *")
        .answers("for all that follow: ", "x")
        .answers("for all that follow: ", "s")
        .answers("for all that follow: ", "O")
        .types("bye")
        .ends_with(0)
        .local_file("newer", "there")
        .local_file("older", "new")
        .local_file("missing", "new");
    world_of_conflicts(false)
        .at_a_terminal()
        .types("put --on-conflict=ask *")
        .sees("for all that follow: ")
        .sends(b"\x03")
        .sees("Interrupt")
        .at_the_prompt()
        .types("pwd")
        .sees("Remote working directory")
        .types("bye")
        .ends_with(0)
        .reports_no("skipped")
        .remote_file("newer", "there")
        .remote_file("older", "there");
    Shell::on(Remote::with(["a"]))
        .as_batch()
        .types("get --on-conflict=ask a")
        .exits(1)
        .reports("--on-conflict=ask needs a terminal");
}

#[test]
fn sizes_are_trusted_only_when_that_is_asked_for() {
    let other = vec![b'x'; 1000];
    for (line, trusts) in [("get -a f", false), ("get --resume=size f", true)] {
        let outcome = Shell::on(Remote::with([Entry::sized("f", SIZE)]))
            .here([Entry::file("f", other.clone())])
            .types(line)
            .succeeds();
        let begins = fs::read(outcome.the_world().local().join("f")).unwrap().starts_with(&other);
        assert_eq!(begins, trusts, "{line}");
    }
    for (line, trusts) in [("put -a f", false), ("put --resume=size f", true), ("reput f", false)] {
        let outcome = Shell::on(Remote::with([Entry::file("f", other.clone())]))
            .here([Entry::sized("f", SIZE)])
            .types(line)
            .succeeds();
        let begins = fs::read(outcome.the_world().remote().join("f")).unwrap().starts_with(&other);
        assert_eq!(begins, trusts, "{line}");
    }
}

#[test]
fn a_complete_file_with_another_time_gets_its_time() {
    let modified = |path: std::path::PathBuf| fs::metadata(path).unwrap().modified().unwrap();
    let make = || [Entry::sized("f", 1000)];
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let outcome = Shell::on(Remote::with(make()))
        .here(make())
        .prepare(move |world| fs::File::open(world.remote().join("f")).unwrap().set_modified(old).unwrap())
        .types("get -ap f")
        .succeeds();
    assert_eq!(modified(outcome.the_world().local().join("f")), old);
    let outcome = Shell::on(Remote::with(make()))
        .here(make())
        .prepare(move |world| fs::File::open(world.local().join("f")).unwrap().set_modified(old).unwrap())
        .types("put -ap f")
        .succeeds();
    assert_eq!(modified(outcome.the_world().remote().join("f")), old);
    let mode = fs::metadata(outcome.the_world().remote().join("f")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, fs::metadata(outcome.the_world().local().join("f")).unwrap().permissions().mode() & 0o777);
}

#[test]
fn a_dry_run_tells_what_would_become_of_targets_that_are_there() {
    for (get, act) in [(true, "fetch"), (false, "send")] {
        let (command, from, to) = if get { ("get", "REMOTE/", "") } else { ("put", "", "REMOTE/") };
        let would = |name: &str, target: &str| format!("would {act} {from}{name} to {to}{target} (3B)");
        let skip = |name: &str, why: &str| format!("would skip {from}{name}: {to}{name} {why}");
        let missing = would("missing", "missing");
        for (policy, newer, older) in [
            ("skip", skip("newer", "exists already"), skip("older", "exists already")),
            ("newer", skip("newer", "exists already and is not older"), would("older", "older")),
            ("rename", would("newer", "newer.1"), would("older", "older.1")),
            ("overwrite", would("newer", "newer"), would("older", "older")),
        ] {
            let moved = [&missing, &newer, &older].into_iter().filter(|line| line.contains(act)).count();
            let total = format!("total: {moved} file{}, {}B", if moved == 1 { "" } else { "s" }, 3 * moved);
            let line = format!("{command} -n --on-conflict={policy} *");
            world_of_conflicts(get).types(&line).succeeds().answers(&[&missing, &newer, &older, &total]);
        }
    }
    Shell::on(Remote::with(["a"]))
        .here([("a", "there")])
        .as_batch()
        .types("get -n --on-conflict=ask a")
        .succeeds()
        .answers(&["would ask, and then fetch REMOTE/a to a (11B)", "total: 1 file, 11B"]);
}

/// The files of a transfer.
fn sources() -> Vec<Entry> {
    ["begun", "empty", "longer", "new", "whole"].map(|name| Entry::sized(name, SIZE)).into()
}

/// One target that a resume continues, one that it finds complete, and one that it can't continue.
fn targets() -> Vec<Entry> {
    let begun = Entry::sized("begun", SIZE).contents().unwrap().1[..50_000].to_vec();
    let others = [Entry::sized("whole", SIZE), Entry::sized("longer", SIZE + 1), Entry::file("empty", "")];
    [Entry::file("begun", begun)].into_iter().chain(others).collect()
}

#[test]
fn a_dry_run_tells_where_a_get_would_resume() {
    Shell::on(Remote::with(sources()))
        .here(targets())
        .types("get -an *")
        .answers(&[
            "would fetch REMOTE/begun to begun from byte 50000 (195K)",
            "would fetch REMOTE/empty to empty (195K)",
            "would fetch REMOTE/new to new (195K)",
            "would skip REMOTE/whole: whole is complete",
            "total: 3 files, 537K",
        ])
        .reports("Unable to resume download of \"longer\": local file is larger than remote");
}

#[test]
fn a_dry_run_tells_where_a_put_would_resume() {
    Shell::on(Remote::with(targets()))
        .here(sources())
        .types("put -an *")
        .answers(&[
            "would send begun to REMOTE/begun from byte 50000 (195K)",
            "would send empty to REMOTE/empty (195K)",
            "would send new to REMOTE/new (195K)",
            "would skip whole: REMOTE/whole is complete",
            "total: 3 files, 537K",
        ])
        .reports("resume \"longer\": destination file same size or larger");
}

#[test]
fn a_dry_run_tells_where_a_transfer_that_was_cut_would_resume() {
    let line = |toward| Relay::plain().at(toward, 1_000_000, Fault::Cut).only_first(1);
    let big = || [Entry::sized("f", 3_000_000)];
    let goes_on = |line: &str| line.contains(" to ") && line.contains(" from byte ");
    for (shell, toward, command) in [
        (Shell::on(Remote::with(big()).over_ssh()), Toward::Client, "get -a"),
        (Shell::on(Remote::empty().over_ssh()).here(big()), Toward::Server, "put -a --atomic"),
    ] {
        let outcome = shell.through(line(toward)).as_batch().types(&format!("{command} f")).exits(255);
        let outcome = outcome.then().as_batch().types(&format!("{command} -n f")).succeeds();
        assert!(outcome.stdout().lines().any(goes_on), "{command}: {}", outcome.stdout());
    }
}

#[test]
fn what_is_there_is_either_continued_or_left() {
    for command in ["get -a", "put -a", "reget", "reput"] {
        Shell::on(Remote::with(["a"]))
            .here(["a"])
            .as_batch()
            .types(&format!("{command} --on-conflict=skip a"))
            .exits(1)
            .reports("--on-conflict=skip keeps the existing file, and -a continues it");
    }
    Shell::on(Remote::with([Entry::sized("a", SIZE)]))
        .here([("a", "there")])
        .with_args(["-a"])
        .types("get --on-conflict=skip a")
        .succeeds()
        .local_file("a", "there");
}

/// A tree to send, part of which exists on the server.
fn atomic_tree(remote: Remote) -> Shell {
    let old = [Entry::file("t/a", "old").mode(0o640), Entry::file("t/d/big", "old"), Entry::file("t/d/kept", "kept")];
    let new = [
        Entry::file("t/a", "new"),
        Entry::sized("t/d/big", SIZE),
        Entry::file("t/e/new", "new"),
        Entry::sized("t/e/empty", 0),
    ];
    Shell::on(remote.and(old)).here(new).as_batch()
}

const ATOMIC_TREE: [&str; 8] = ["t/", "t/a", "t/d/", "t/d/big", "t/d/kept", "t/e/", "t/e/empty", "t/e/new"];

#[test]
fn each_file_of_a_tree_takes_its_place_in_one_step() {
    for line in ["put -r --atomic t", "put -rp --atomic t", "put -ra --atomic --verify t"] {
        let outcome = atomic_tree(Remote::empty()).types(line).succeeds();
        let outcome =
            ["t/a", "t/d/big", "t/e/new", "t/e/empty"].iter().fold(outcome, |outcome, name| outcome.same(name, name));
        let outcome = outcome.remote_holds(&ATOMIC_TREE).remote_file("t/d/kept", "kept");
        if !line.contains("-rp") {
            outcome.remote_mode("t/a", 0o640);
        }
    }
    let failed = atomic_tree(Remote::empty().lying("enospc-at=50000")).types("put -r --atomic t").exits(1);
    failed.remote_holds(&ATOMIC_TREE).remote_file("t/d/big", "old").same("t/a", "t/a").same("t/e/new", "t/e/new");
}

#[test]
fn whenever_the_server_dies_each_file_of_a_tree_is_the_old_or_the_new_one() {
    for count in (1..).step_by(3) {
        assert!(count < 200, "it never ends");
        let outcome =
            atomic_tree(Remote::empty().lying(&format!("die-after={count}"))).types("put -r --atomic t").run();
        let (here, there) = (outcome.the_world().local(), outcome.the_world().remote());
        for name in ["t/a", "t/d/big", "t/e/new", "t/e/empty"] {
            let found = fs::read(there.join(name)).ok();
            let is_old = found.as_deref() == if name.contains("/e/") { None } else { Some(b"old") };
            assert!(is_old || found == fs::read(here.join(name)).ok(), "{count} requests: {name}");
        }
        match outcome.code() {
            0 => return,
            code => assert_eq!(code, 255, "{count} requests: {}", outcome.stderr()),
        }
    }
}

#[test]
fn the_directory_of_a_file_that_is_flushed_is_flushed_too() {
    let get = |line: &str| {
        Shell::on(Remote::with([("f", "new")]))
            .here([Entry::directory("d").mode(0o300)])
            .unprivileged()
            .as_batch()
            .types(line)
    };
    get("get f d").succeeds();
    // A file that can't be opened can't be flushed, so the error shows that it was tried.
    get("get -f f d").exits(1).reports("local sync \"d\": Permission denied").holds(|world| {
        (fs::read(world.local().join("d/f")).ok().as_deref() != Some(b"new")).then(|| "no f".to_owned())
    });
}
