//! Servers as found in practice: honest, each with its peculiarities. `docs/servers.md` describes them.

use std::fs;

use crate::support::{Entry, Outcome, Remote, Shell};

/// Returns files that are all in flight at the same time.
fn files(prefix: &str, count: usize) -> Vec<Entry> {
    (0..count).map(|number| Entry::sized(format!("{prefix}{number:02}"), 50_000)).collect()
}

fn same_files(run: Outcome, prefix: &str, count: usize) -> Outcome {
    (0..count).map(|number| format!("{prefix}{number:02}")).fold(run, |run, name| run.same(&name, &name))
}

#[test]
fn a_server_that_has_few_files_open_moves_all_of_them() {
    // It may refuse one more with any code.
    for (most, code) in [(1, 3), (1, 4), (1, 2), (1, 8), (1, 1), (1, 11), (1, 99), (2, 4), (5, 3), (29, 14)] {
        let run = Shell::on(Remote::with(files("f", 30)).lying(&format!("max-files={most},{code}")))
            .here(files("p", 30))
            .as_batch_on_stdin()
            .types("get f*")
            .types("put p*")
            .succeeds()
            .quietly();
        same_files(same_files(run, "f", 30), "p", 30);
    }
}

#[test]
fn what_is_refused_when_it_is_alone_has_failed_and_the_rest_arrives() {
    for manners in ["none", "max-files=2,3", "max-files=1,4"] {
        let far: Vec<Entry> = files("f", 30).into_iter().chain([Entry::file("f03x", "").mode(0)]).collect();
        let run = Shell::on(Remote::with(far).lying(manners))
            .unprivileged()
            .types("get f*")
            .reports("remote open \"REMOTE/f03x\": Permission denied")
            .local_lacks("f03x");
        same_files(run, "f", 30);
    }
}

#[test]
fn a_server_that_drops_requests_is_asked_for_less_at_once() {
    let big = |name| Entry::sized(name, 12_000_000);
    let note = |most| format!("requests waiting; going on with {most} at once, as -R {most} does from the start");
    for (dropped_beyond, most) in [(100, 64), (40, 16)] {
        let near = (0..150).map(|number| Entry::sized(format!("d/{number:03}"), 10)).chain([big("up")]);
        let run = Shell::on(Remote::with([big("big")]).lying(&format!("drops={dropped_beyond}")))
            .here(near)
            .with_args(["--timeout", "4"])
            .as_batch_on_stdin()
            .types("get big")
            .types("put up")
            .types("put -r d")
            .types("rm -r d")
            .succeeds()
            .same("big", "big")
            .same("up", "up")
            .reports(&note(most))
            .remote_lacks("d");
        // The limit learnt once applies to all later transfers.
        assert!(run.stderr().matches("requests waiting").count() <= 2, "{}", run.stderr());
    }
}

#[test]
fn r_says_from_the_start_how_many_requests_a_server_takes() {
    let near = (0..150).map(|number| Entry::sized(format!("d/{number:03}"), 10));
    Shell::on(Remote::with([Entry::sized("big", 3_000_000)]).lying("drops=16"))
        .here(near)
        .with_args(["--timeout", "10", "-R", "16"])
        .as_batch_on_stdin()
        .types("get big")
        .types("put -r d")
        .types("get -r d e")
        .types("rm -r d")
        .succeeds()
        .quietly()
        .same("big", "big")
        .local_has("e/149")
        .remote_lacks("d");
}

#[test]
fn a_server_that_wants_bytes_in_order_gets_them_over_one_connection() {
    let near = ["a", "b"].map(|name| Entry::sized(name, 80 << 20));
    let run = Shell::on(Remote::empty().lying("in-order"))
        .here(near)
        .with_args(["-j", "3", "-R", "16"])
        .as_batch_on_stdin()
        .types("put a")
        .types("put b")
        .succeeds()
        .same("a", "a")
        .same("b", "b")
        .reports("REMOTE/a: the server wants its bytes in order; sending it again over one connection")
        .reports_no("REMOTE/b");
    assert_eq!(fs::read_dir(run.the_world().remote()).unwrap().count(), 2);
}

/// A typical session.
const TOUR: &[&str] = &[
    "ls -l",
    "ls -1 tree",
    "du tree",
    "find tree",
    "get f",
    "get -r tree",
    "reget half",
    "put g",
    "put -r up new/place/up",
    "put -a g",
    "put --verify g again",
    "mkdir m",
    "rename g m/h",
    "ls -l m/h",
    "cd m",
    "ls",
    "cd ../tree",
    "get sub/b b",
    "cd",
    "rm m/h",
    "rmdir m",
    "rm -r tree",
];

/// The servers of the tour.
const SERVERS: &[&str] = &[
    "none",
    "plain",
    "max-files=1,3",
    "max-files=2,4+plain",
    "max-open=1,4",
    "max-open=1,3+plain",
    "max-open=2,2",
    "max-open=3,8+no-types",
    "drops=70",
    "in-order",
    "no-read-write=8",
    "no-read-write=3+max-files=1,4",
    "realpath-of-missing",
    "home=windows",
    "home=windows+realpath-of-missing+plain",
    "home=cygwin",
    "home=share",
    "home=vms+realpath-of-missing",
    "home=mainframe",
    "home=relative",
    "refuses=7,8",
    "no-types",
    "no-types+refuses=7,8+plain",
    "one-listing=400000",
    "estimates=100",
    "late-writes",
    "late-writes+plain",
    "late-writes+max-open=1,4",
    "zeros-when-read",
    "zeros-when-read+late-writes+max-open=1,3+plain",
    "zeros-when-read+no-types+max-files=1,3",
];

#[test]
fn the_same_tour_goes_well_on_every_server() {
    for manners in SERVERS {
        let half = Entry::sized("half", 150_000);
        let whole = half.contents().unwrap().1.to_vec();
        let begun = whole[..70_000].to_vec();
        let far = [Entry::sized("f", 70_000), Entry::sized("tree/a", 10), Entry::sized("tree/sub/b", 40_000), half];
        let near = [Entry::sized("g", 90_000), Entry::sized("up/x", 20), Entry::sized("up/deep/y", 50_000)];
        let shell = Shell::on(Remote::with(far).lying(manners))
            .here(near)
            .here([Entry::file("half", begun)])
            .as_batch_on_stdin();
        TOUR.iter()
            .fold(shell, |shell, line| shell.types(line))
            .succeeds()
            .complains_like(&["File \"", "1 file was read back and is equal to its source"])
            .same("f", "f")
            .same("up/x", "new/place/up/x")
            .same("up/deep/y", "new/place/up/deep/y")
            .same("g", "again")
            .local_file("half", whole)
            .local_file("b", Entry::sized("tree/sub/b", 40_000).contents().unwrap().1)
            .local_has("tree/a")
            .remote_holds(&[
                "again",
                "f",
                "half",
                "new/",
                "new/place/",
                "new/place/up/",
                "new/place/up/deep/",
                "new/place/up/deep/y",
                "new/place/up/x",
            ]);
    }
}

#[test]
fn a_start_directory_without_a_slash_is_shown_and_used_as_the_server_calls_it() {
    for (form, home) in [("windows", "C:/Users/My Name"), ("vms", "SYS$USER:[JOE]"), ("relative", "home/joe")] {
        Shell::on(Remote::with(["d/a", "d/e/b"]).lying(&format!("home={form}")))
            .types("@pwd")
            .types("@ls d")
            .types("@ls -1 d/e")
            .types("@find d -name b")
            .types("@du -b d/e")
            .types("@cd d/e")
            .types("@pwd")
            .types("@ls")
            .succeeds()
            .quietly()
            .prints_line(&format!("Remote working directory: {home}"))
            .prints_line(&format!("Remote working directory: {home}/d/e"))
            .prints_line("d/e/b");
    }
}

#[test]
fn a_typed_drive_is_no_name_where_the_server_has_drives() {
    Shell::on(Remote::with(["d/a"]).lying("home=windows"))
        .types("@get \"C:/Users/My Name/d/a\"")
        .types("@ls C:/Users/My\\ Name/d/*")
        .succeeds()
        .same("a", "d/a")
        .prints("C:/Users/My Name/d/a")
        .then()
        .types("ls D:/nothing")
        .reports("Can't ls: \"D:/nothing\" not found");
}

#[test]
fn the_topmost_directory_that_cannot_be_made_is_the_one_that_is_named() {
    for manners in ["none", "realpath-of-missing", "realpath-of-missing+home=windows", "plain"] {
        let home = if manners.contains("windows") { "C:/Users/My Name" } else { "REMOTE" };
        Shell::on(Remote::with([Entry::directory("closed").mode(0o555)]).lying(manners))
            .here(["d/a"])
            .unprivileged()
            .as_batch_on_stdin()
            .types("put -r d closed/new/sub/d")
            .fails_with(&format!("remote mkdir \"{home}/closed/new\": Permission denied"))
            .remote_holds(&["closed/"]);
    }
}

#[test]
fn an_upload_is_verified_where_no_file_is_open_for_reading_and_writing() {
    for manners in ["no-read-write=8", "no-read-write=3", "no-read-write=4+max-files=1,3", "no-read-write=8+plain"] {
        let run = Shell::on(Remote::empty().lying(manners))
            .here(files("p", 5))
            .as_batch_on_stdin()
            .types("put --verify p*")
            .types("put --verify --atomic p00 whole")
            .types("put --verify -a p00")
            .succeeds()
            .reports("5 files were read back and are equal to their sources")
            .same("p00", "whole");
        assert_eq!(run.stderr().matches("read back and").count(), 3, "{}", run.stderr());
        same_files(run, "p", 5);
    }
    // A wrong byte is found nevertheless.
    Shell::on(Remote::empty().lying("no-read-write=8+bad-byte=100"))
        .here(files("p", 1))
        .types("put --verify p00")
        .reports("verify remote \"REMOTE/p00\": it differs from its source at byte 100");
}

#[test]
fn a_handle_that_writes_is_never_read_from() {
    let whole = Entry::sized("half", 400_000).contents().unwrap().1.to_vec();
    for manners in
        ["zeros-when-read", "zeros-when-read+plain", "zeros-when-read+max-files=1,4", "zeros-when-read+late-writes"]
    {
        let begun = ["half", "proved"].map(|name| Entry::file(name, &whole[..300_000]));
        let run = Shell::on(Remote::with(begun).lying(manners))
            .here(["half", "proved"].map(|name| Entry::file(name, &whole[..])))
            .here(files("p", 5))
            .as_batch_on_stdin()
            .types("put --verify p*")
            .types("put --verify --atomic p00 whole")
            .types("put -a half")
            .types("put -a --verify proved")
            .succeeds()
            .reports("6 files were read back and are equal to their sources")
            .reports_no("starting over")
            .same("p00", "whole");
        assert_eq!(run.stderr().matches("read back and").count(), 3, "{}", run.stderr());
        let run = ["half", "proved"].into_iter().fold(run, |run, name| run.same(name, name));
        same_files(run, "p", 5);
    }
    // A wrong byte is found nevertheless.
    Shell::on(Remote::empty().lying("zeros-when-read+bad-byte=100"))
        .here(files("p", 1))
        .types("put --verify p00")
        .reports("verify remote \"REMOTE/p00\": it differs from its source at byte 100");
}

#[test]
fn what_is_sent_again_is_opened_when_all_of_the_vain_attempt_is_closed() {
    for connections in ["2", "2", "3"] {
        Shell::on(Remote::empty().lying("in-order+stores-at-close"))
            .here([Entry::sized("a", 80 << 20)])
            .with_args(["-j", connections, "-R", "16"])
            .types("put a")
            .succeeds()
            .reports("sending it again over one connection")
            .same("a", "a");
    }
}

#[test]
fn a_file_that_is_emptied_as_it_is_opened_is_sent_from_its_beginning() {
    let whole = Entry::sized("half", 400_000).contents().unwrap().1.to_vec();
    let names = ["half", "proved", "trusted"];
    for manners in [
        "empties",
        "empties+plain",
        "empties+zeros-when-read+max-open=1,4",
        "empties+late-writes",
        "from-the-beginning",
        "from-the-beginning+zeros-when-read+late-writes+plain",
    ] {
        let run = Shell::on(Remote::with(names.map(|name| Entry::file(name, &whole[..300_000]))).lying(manners))
            .here(names.map(|name| Entry::file(name, &whole[..])))
            .as_batch_on_stdin()
            .types("put -a half")
            .types("put -a --verify proved")
            .types("put --resume=size trusted")
            .succeeds()
            .reports("REMOTE/half: the server empties a file that is opened for writing; starting over");
        names.into_iter().fold(run, |run, name| run.same(name, name));
    }
}

#[test]
fn a_file_that_is_whole_is_not_opened_for_writing_to_verify_it_or_to_set_its_time() {
    let modified = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    for manners in ["none", "empties", "from-the-beginning", "from-the-beginning+zeros-when-read+late-writes+plain"] {
        let run = Shell::on(Remote::with(files("p", 4)).lying(manners))
            .here(files("p", 4))
            .prepare(|world| {
                for name in ["p00", "p01", "p02", "p03"] {
                    let file = fs::File::open(world.local().join(name)).unwrap();
                    file.set_times(fs::FileTimes::new().set_modified(modified)).unwrap();
                }
            })
            .as_batch_on_stdin()
            .types("put -a --verify p00")
            .types("put -ap p01")
            .types("put -ap --verify p02")
            .types("put -p --resume=size p03")
            .succeeds()
            .reports("1 file was read back and is equal to its source")
            .reports_no("starting over");
        for name in ["p01", "p02", "p03"] {
            let found = fs::metadata(run.the_world().remote().join(name)).unwrap().modified().unwrap();
            assert_eq!(found, modified, "{manners}: {name}");
        }
        same_files(run, "p", 4);
    }
}

#[test]
fn a_resume_that_fails_leaves_what_is_there() {
    let whole = Entry::sized("half", 400_000).contents().unwrap().1.to_vec();
    Shell::on(Remote::with([Entry::file("half", &whole[..300_000])]).lying("refuses=6,4"))
        .here([Entry::file("half", &whole[..])])
        .types("put -a half")
        .fails_with("write remote \"REMOTE/half\": Failure")
        .reports_no("starting over")
        .remote_file("half", &whole[..300_000]);
}

#[test]
fn a_size_may_be_an_estimate_where_that_is_said() {
    let whole = Entry::sized("f", 100_000).contents().unwrap().1.to_vec();
    let far = || [Entry::sized("f", 100_000), Entry::sized("d/g", 300_000), Entry::sized("d/empty", 0)];
    for percent in [130, 101, 100, 70, 1] {
        Shell::on(Remote::with(far()).lying(&format!("estimates={percent}")))
            .as_batch_on_stdin()
            .types("get --sizes=estimate f")
            .types("get -r --sizes=estimate d")
            .types("get -a --sizes=estimate f")
            .types("get --sizes=estimate --remove-source f gone")
            .succeeds()
            .quietly()
            .same("d/g", "d/g")
            .same("d/empty", "d/empty")
            .local_file("f", &whole)
            .local_file("gone", &whole)
            .remote_lacks("f");
    }
}

#[test]
fn an_estimate_that_is_not_said_to_be_one_is_an_error_and_set_says_it_for_all() {
    let far = || Remote::with([Entry::sized("f", 100_000)]).lying("estimates=130");
    Shell::on(far())
        .types("get f")
        .reports("read remote \"REMOTE/f\" : it ended at byte 100000 of 130000")
        .local_lacks("f")
        .then()
        .types("set sizes estimate")
        .types("set sizes")
        .types("get f")
        .prints_line("estimate")
        .same("f", "f")
        .quietly();
}

#[test]
fn what_is_gone_once_it_was_fetched_needs_no_removal() {
    Shell::on(Remote::with(files("f", 3)).lying("gone-when-read"))
        .as_batch_on_stdin()
        .types("get --remove-source f*")
        .succeeds()
        .quietly()
        .local_holds(&["f00", "f01", "f02"])
        .remote_holds(&[]);
}

#[test]
fn a_tree_is_removed_where_the_server_does_not_say_what_is_a_directory() {
    for manners in ["refuses=7,8", "no-types", "no-types+plain", "no-types+refuses=7,8"] {
        Shell::on(Remote::with(["d/a", "d/e/b", "d/e/c"]).lying(manners))
            .as_batch_on_stdin()
            .types("ls d")
            .types("rm -r d")
            .succeeds()
            .prints("d/e")
            .remote_holds(&[]);
    }
}

#[test]
fn what_the_server_refuses_is_explained_by_what_it_says_of_it() {
    let near = || [Entry::sized("g", 100)];
    for (manners, line, hint) in [
        ("refuses=3,17", "put g", "another program holds the file; try again when it is done"),
        ("refuses=6,14", "put g", "the remote disk is full: df shows the free space"),
        ("full", "put g", "the remote disk is full: df shows the free space"),
        ("refuses=6,15", "put g", "your disk quota is used up: remove files first"),
        ("refuses=18,4+plain", "put --atomic g new", "put without --atomic writes to the target itself"),
        ("refuses=18,3+plain", "put --atomic g new", "put without --atomic writes to the target itself"),
        ("none", "get g[1].txt", "quote a name that contains wildcards: g\\[1].txt"),
        ("none", "get h[1].txt", "ls lists the existing files"),
        ("none", "cd ~", "cd alone goes to where the session began"),
        ("none", "cd ~/x", "cd alone goes to where the session began"),
    ] {
        let far = Remote::with(["g[1].txt"]).lying(manners);
        let at = Shell::on(far).here(near()).at_a_terminal_of(24, 250).types(line);
        at.sees(&format!("hint: {hint}")).types("bye").ends_with(0).remote_lacks("new");
    }
}

#[test]
fn a_hint_does_not_tell_to_do_what_was_just_done() {
    Shell::on(Remote::empty()).types("ls nothing").complains(&["Can't ls: \"REMOTE/nothing\" not found"]);
}

#[test]
fn a_time_outside_of_what_the_protocol_knows_is_said_to_be_another() {
    let far = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(5_000_000_000);
    let set = |path: std::path::PathBuf| {
        fs::File::open(path).unwrap().set_times(fs::FileTimes::new().set_modified(far)).unwrap();
    };
    Shell::on(Remote::empty())
        .here([Entry::sized("old", 10), Entry::sized("new", 10), Entry::directory("d")])
        .prepare(|world| ["old", "d"].into_iter().for_each(|name| set(world.local().join(name))))
        .as_batch_on_stdin()
        .types("put -p old")
        .types("put -p new")
        .types("put -rp d")
        .types("put old again")
        .succeeds()
        .complains(&[
            "old: its time is outside 1970 to 2106, the range of the protocol; the nearest time is set",
            "d/: its time is outside 1970 to 2106, the range of the protocol; the nearest time is set",
        ]);
}

#[test]
fn a_rename_to_another_file_system_says_so() {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &std::path::Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    let shell = Shell::on(Remote::with(["a"]));
    // Not every machine has another file system.
    if device("/dev/shm".as_ref()).is_none_or(|other| Some(other) == device(&shell.world().remote())) {
        return;
    }
    let target = format!("/dev/shm/sftpsh-test-{}", std::process::id());
    shell.types(&format!("rename a {target}")).reports("(the two lie on different file systems)").remote_has("a");
    assert!(!std::path::Path::new(&target).exists());
}

#[test]
fn a_server_that_has_few_directories_open_lists_all_of_them() {
    let names: Vec<String> = (0..60).map(|number| format!("d/{:02}/{:02}", number / 6, number % 6)).collect();
    for manners in ["max-directories=1,3", "max-directories=1,4", "max-directories=2,8", "max-directories=1,99+plain"] {
        let run = Shell::on(Remote::with(names.iter().map(String::as_str)).lying(manners))
            .as_batch_on_stdin()
            .types("get -r d")
            .types("find d -type f")
            .types("rm -r d")
            .succeeds()
            .quietly()
            .remote_holds(&[]);
        names.iter().fold(run, |run, name| run.local_has(name).prints(name));
    }
}

#[test]
fn one_limit_for_files_and_directories_together_slows_a_tree_down_and_fails_nothing() {
    let names: Vec<String> = (0..120).map(|number| format!("d/{:02}/{:02}", number / 4, number % 4)).collect();
    let far = || names.iter().map(|name| Entry::sized(name, 30_000));
    for manners in [
        "max-open=1,4",
        "max-open=1,3+plain",
        "max-open=1,2",
        "max-open=2,99",
        "max-open=3,1",
        "max-open=1,8+no-types",
        "max-open=2,4+no-types+refuses=7,8",
        "max-open=5,11",
    ] {
        let run = Shell::on(Remote::with(far()).lying(manners))
            .here(names.iter().map(|name| Entry::sized(format!("up/{name}"), 20_000)))
            .as_batch_on_stdin()
            .types("get -r d")
            .types("put -r up")
            .types("find d -type f")
            .types("rm -r d")
            .succeeds()
            .quietly()
            .remote_lacks("d");
        names.iter().fold(run, |run, name| run.local_has(name).same(&format!("up/{name}"), &format!("up/{name}")));
    }
}

#[test]
fn what_can_never_be_opened_is_told_although_files_and_directories_wait_for_each_other() {
    for manners in ["none", "max-open=1,3", "max-open=2,4+plain", "max-files=1,3+max-directories=1,3"] {
        let names = |kind: &str| (0..20).map(|number| format!("d/{kind}{number:02}/f")).collect::<Vec<_>>();
        let open = names("open").into_iter().map(|name| Entry::sized(name, 30_000));
        let closed = names("closed").into_iter().map(|name| Entry::file(name, "").mode(0));
        let shut = (0..20).map(|number| Entry::directory(format!("d/shut{number:02}")).mode(0));
        let run = Shell::on(Remote::with(open.chain(closed).chain(shut)).lying(manners))
            .unprivileged()
            .types("get -r d")
            .reports("d/closed19/f\": Permission denied")
            .reports("d/shut19\"): Permission denied");
        assert_eq!(run.stderr().matches("Permission denied (server").count(), 40, "{}", run.stderr());
        names("open").iter().fold(run, |run, name| run.local_has(name));
    }
}

#[test]
fn times_and_sizes_are_right_where_data_is_written_beside_all_else() {
    let modified = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    for manners in ["none", "late-writes", "late-writes+plain"] {
        let run = Shell::on(Remote::empty().lying(manners))
            .here([Entry::sized("small", 100), Entry::sized("large", 3_000_000)])
            .prepare(|world| {
                for name in ["small", "large"] {
                    let file = fs::File::open(world.local().join(name)).unwrap();
                    file.set_times(fs::FileTimes::new().set_modified(modified)).unwrap();
                }
            })
            .as_batch_on_stdin()
            .types("put -p small")
            .types("put -p large")
            .types("put -p --atomic small whole")
            .types("put --atomic large larger")
            .succeeds()
            .quietly()
            .same("large", "larger");
        for name in ["small", "large", "whole"] {
            let found = fs::metadata(run.the_world().remote().join(name)).unwrap().modified().unwrap();
            assert_eq!(found, modified, "{manners}: {name}");
        }
    }
}

#[test]
fn a_file_that_is_replaced_where_no_mode_can_be_set_tells_how_to_keep_it() {
    for code in [3, 4, 8, 11, 1000] {
        let way = "put without --atomic writes to the target itself, and keeps the mode";
        let run = Shell::on(Remote::with([Entry::file("old", "x").mode(0o640)]).lying(&format!("refuses=10,{code}")))
            .here([Entry::sized("g", 3000)])
            .as_batch_on_stdin()
            .types("put --atomic g old")
            .types("put --atomic g new")
            .types("put g plain")
            .succeeds()
            .same("g", "old")
            .same("g", "new")
            .reports(&format!("\"REMOTE/old\"; {way}"));
        assert_eq!(run.stderr().matches("fsetstat").count(), 1, "{}", run.stderr());
        // With -p there is no way to keep the mode, so no hint names one.
        run.then().types("put -p --atomic g old").reports("remote fsetstat: ").reports_no(way);
    }
}

#[test]
fn files_that_a_server_mixes_up_are_no_success() {
    for most in [1, 2, 5] {
        let run = Shell::on(Remote::empty().lying(&format!("same-handle={most}")))
            .here(files("p", 30))
            .as_batch_on_stdin()
            .types("put p*")
            .run();
        assert_ne!(run.code(), 0);
        run.reports("the server broke the SFTP protocol: two open files have the same handle");
    }
}
