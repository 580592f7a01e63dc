//! Commands that look at files without fetching them (`cat head stat tail wc`), and the small ones beside them (`mv touch`).

use crate::support::{Entry, PATIENCE, Remote, Running, Shell, World, noise};
use rustix::process::Signal;
use std::fs::{File, FileTimes};
use std::time::{Duration, SystemTime};

fn numbers(last: u32) -> String {
    (1..=last).map(|number| format!("{number}\n")).collect()
}

fn shell() -> Shell {
    Shell::on(
        Remote::with([
            Entry::file("one", "1\n"),
            Entry::file("two", "2"),
            Entry::file("empty", ""),
            Entry::file("hundred", numbers(100)),
            Entry::file("many", numbers(300_000)),
            Entry::file("with blank", "b\n"),
            Entry::file("st*r", "star\n"),
            Entry::file("q\"uote", "q\n"),
            Entry::link("link", "one"),
            Entry::link("nowhere", "gone"),
        ])
        .and(["dir/f"]),
    )
}

#[test]
fn cat_shows_files_one_after_the_other() {
    for (line, stdout) in [
        ("@cat one", "1\n"),
        ("@cat one two one", "1\n21\n"),
        ("@cat link", "1\n"),
        ("@cat empty", ""),
        ("@cat 'with blank' st\\*r q\\\"uote", "b\nstar\nq\n"),
        ("@cat {two,one}", "21\n"),
        ("@cat o* w*", "1\nb\n"),
        ("@cat many", &numbers(300_000)),
    ] {
        shell().types(line).as_batch().succeeds().stdout_is(stdout);
    }
}

#[test]
fn bytes_stay_as_they_are_except_on_a_terminal() {
    let contents = noise(b"b", 3_000_000);
    let shell = Shell::on(Remote::with([Entry::file("b", contents.clone())])).types("@cat b").as_batch();
    assert!(shell.succeeds().raw_stdout() == contents);
    Shell::on(Remote::with([Entry::file("odd", "a\tb\x1b[2J\r\nc\u{e9}\nend")]))
        .at_a_terminal()
        .types("cat odd")
        .sees("cat odd\na       b\\033[2J\\015\nc\u{e9}\nend\nsftp>")
        .types("bye")
        .ends_with(0);
}

/// The server ends at the request after those: two about the session, then LSTAT, OPEN and READs.
#[test]
fn a_command_costs_few_requests() {
    let many = numbers(300_000);
    for (requests, line, stdout) in [
        (6, "@cat many.1", "1\n"),
        (6, "@head -n 1 many", "1\n"),
        (5, "@head -c 2 many", "1\n"),
        (6, "@tail -n 1 many", "300000\n"),
        (5, "@tail -c 7 many", "300000\n"),
    ] {
        let remote = Remote::with([Entry::file("many", many.as_str()), Entry::file("many.1", "1\n")]);
        let lie = format!("die-after={}", requests + 1);
        Shell::on(remote.lying(&lie)).types(line).as_batch().prints(stdout).prints_no("2\n3");
    }
}

#[test]
fn bytes_come_in_order_whatever_the_server_does() {
    let contents = numbers(300_000);
    for lie in
        ["none", "reorder", "cap-reads=5000", "gap-then-eof=1000000", "estimates=50", "estimates=200", "estimates=0"]
    {
        let shell = || Shell::on(Remote::with([Entry::file("many", contents.as_str())]).lying(lie)).as_batch();
        shell().types("@cat many").succeeds().stdout_is(&contents);
        shell().types("@head -n 299999 many").succeeds().stdout_is(contents.strip_suffix("300000\n").unwrap());
        let tail = shell().types("@set sizes estimate").types("@tail -n 2 many");
        tail.succeeds().stdout_is("299999\n300000\n");
    }
    let shell = |line: &str| {
        Shell::on(Remote::with([Entry::file("many", contents.as_str())]).lying("read-fails-at=1000000"))
            .types(line)
            .as_batch()
    };
    shell("@head -n 3 many").succeeds().stdout_is("1\n2\n3\n");
    shell("cat many").exits(1).complains(&["read remote \"REMOTE/many\": Failure (server: Input/output error)"]);
}

#[test]
fn what_cannot_be_shown_fails_by_its_name() {
    for (line, complaint) in [
        ("cat gone", "remote open(\"REMOTE/gone\"): No such file or directory"),
        ("cat go*", "remote open(\"REMOTE/go*\"): No such file or directory"),
        ("cat nowhere", "remote open(\"REMOTE/nowhere\"): No such file or directory"),
        ("cat dir", "remote open(\"REMOTE/dir\"): Is a directory"),
        ("head dir", "remote open(\"REMOTE/dir\"): Is a directory"),
        ("tail -n 1 gone", "remote open(\"REMOTE/gone\"): No such file or directory"),
        ("cat /dev/null", "remote open(\"/dev/null\"): not a regular file"),
    ] {
        shell().types(line).as_batch().exits(1).complains(&[complaint]);
    }
    // The first failure ends a batch, but no other session.
    let line = "@cat one gone two";
    let complaint = ["remote open(\"REMOTE/gone\"): No such file or directory"];
    shell().types(line).succeeds().prints("1\n2").complains(&complaint);
    shell().types(line).as_batch().exits(1).stdout_is("1\n").complains(&complaint);
    shell()
        .types("@head -n 1 gone one empty")
        .succeeds()
        .prints("==> one <==\n1\n\n==> empty <==\n")
        .complains(&complaint);
}

#[test]
fn head_and_tail_show_the_beginning_and_the_end() {
    let lines = |from: u32, to: u32| (from..=to).map(|number| format!("{number}\n")).collect::<String>();
    for (line, stdout) in [
        ("@head hundred", lines(1, 10)),
        ("@head -n 2 hundred", lines(1, 2)),
        ("@head -n 0 hundred", String::new()),
        ("@head -n 1000 hundred", lines(1, 100)),
        ("@head -n 200000 many", lines(1, 200_000)),
        ("@head -c 3 hundred", "1\n2".to_owned()),
        ("@head -c 0 hundred", String::new()),
        ("@head -c 1K two", "2".to_owned()),
        ("@head two", "2".to_owned()),
        ("@head empty", String::new()),
        ("@tail hundred", lines(91, 100)),
        ("@tail -n 2 hundred", lines(99, 100)),
        ("@tail -n 0 hundred", String::new()),
        ("@tail -n 1000 hundred", lines(1, 100)),
        ("@tail -n 100 hundred", lines(1, 100)),
        ("@tail -n 99 hundred", lines(2, 100)),
        ("@tail -n 200000 many", lines(100_001, 300_000)),
        ("@tail -c 4 hundred", "100\n".to_owned()),
        ("@tail -c 1M hundred", lines(1, 100)),
        ("@tail two", "2".to_owned()),
        ("@tail empty", String::new()),
        ("@head -n 1 one two", "==> one <==\n1\n\n==> two <==\n2".to_owned()),
        ("@tail -c 1 one REMOTE/tw?", "==> one <==\n\n\n==> REMOTE/two <==\n2".to_owned()),
    ] {
        let shell = shell();
        let line = line.replace("REMOTE", &shell.world().remote().to_string_lossy());
        shell.types(&line).as_batch().succeeds().stdout_is(&stdout);
    }
}

/// /proc reports no sizes, and a server may report wrong ones.
#[test]
fn a_wrong_size_loses_no_bytes() {
    let status = std::fs::read_to_string("/proc/version").unwrap();
    for line in ["@cat /proc/version", "@head /proc/version", "@tail /proc/version", "@tail -n 1 /proc/version"] {
        shell().types(line).as_batch().succeeds().stdout_is(&status);
    }
}

#[test]
fn wc_counts_lines_words_and_bytes() {
    let remote = || Remote::with([Entry::file("a", "one two\n\tthree \n\nfour"), Entry::file("b", ""), "dir/f".into()]);
    for (line, stdout) in [
        ("@wc a", "       3        4       21 a\n"),
        ("@wc -l a b", "       3 a\n       0 b\n       3 total\n"),
        ("@wc -cw a", "       4       21 a\n"),
    ] {
        Shell::on(remote()).types(line).as_batch().succeeds().stdout_is(stdout);
    }
    // A word may be in two answers.
    let short = remote().lying("cap-reads=3");
    Shell::on(short).types("@wc a").as_batch().succeeds().stdout_is("       3        4       21 a\n");
    let line = "@wc -c dir a";
    let shell = Shell::on(remote()).types(line).succeeds().prints("      21 a\n      21 total\n");
    shell.complains(&["remote open(\"REMOTE/dir\"): Is a directory"]);
}

#[test]
fn stat_shows_all_that_the_server_reports() {
    let set = |world: &World| {
        let times = FileTimes::new().set_accessed(at(86_400)).set_modified(at(1_000_000_000));
        File::open(world.remote().join("a b")).unwrap().set_times(times).unwrap();
    };
    let shell = || {
        let remote = Remote::with([Entry::file("a b", "12345").mode(0o640), Entry::link("link", "a b")]);
        Shell::on(remote).prepare(set).env("TZ", "UTC").as_batch()
    };
    shell()
        .types("@stat a\\ b link")
        .succeeds()
        .prints("    name: a b\n    type: file\n    mode: -rw-r----- (0640)\n    size: 5\n   owner: ")
        .prints("accessed: 1970-01-02T00:00:00+00:00\nmodified: 2001-09-09T01:46:40+00:00\n\n    name: link\n")
        .prints("    type: symlink\n")
        .prints("  target: a b\n");
    shell()
        .types("@stat --json link 'a b'")
        .succeeds()
        .prints(r#"{"name":"link","path":"REMOTE/link","type":"symlink","size":3,"#)
        .prints(r#","target":"a b"}"#)
        .prints(r#","mtime":1000000000,"atime":86400,"target":null}"#);
    let bare = Remote::with(["f"]).lying("no-attributes");
    Shell::on(bare).types("@stat f").as_batch().succeeds().prints_no("mode: ?");
    shell().types("stat gone").exits(1).complains(&["stat remote: No such file or directory: \"REMOTE/gone\""]);
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn touch_creates_files_and_sets_times() {
    let modified = |world: &World, name: &str| world.remote().join(name).metadata().unwrap().modified().unwrap();
    let set = |world: &World| File::open(world.remote().join("one")).unwrap().set_modified(at(1)).unwrap();
    let began = SystemTime::now() - Duration::from_secs(2);
    shell()
        .prepare(set)
        .types("touch one dir 'new name'")
        .types("touch -c none")
        .types("touch -d 2001-09-09T01:46:40Z two three")
        .as_batch()
        .succeeds()
        .remote_still_has("one")
        .remote_file("new name", "")
        .remote_lacks("none")
        .holds(|world| (modified(world, "one") < began).then(|| "one is old".to_owned()))
        .holds(|world| (modified(world, "dir") < began).then(|| "dir is old".to_owned()))
        .holds(|world| (modified(world, "two") != at(1_000_000_000)).then(|| "two has another time".to_owned()))
        .holds(|world| (modified(world, "three") != at(1_000_000_000)).then(|| "three has another time".to_owned()));
    for (line, complaint) in [
        ("touch gone/x", "remote open(\"REMOTE/gone/x\"): No such file or directory"),
        ("touch gone*", "File \"REMOTE/gone*\" not found."),
        ("touch -d 1960-01-01 one", "touch: the protocol has no times before 1970 or after 2106"),
    ] {
        shell().types(line).as_batch().exits(1).complains(&[complaint]);
    }
}

#[test]
fn mv_renames_and_moves_into_directories() {
    shell()
        .types("mkdir sub")
        .types("mv one 'new name'")
        .types("mv two with* sub")
        .types("mv empty sub/other")
        .types("mv sub dir")
        .as_batch()
        .succeeds()
        .remote_file("new name", "1\n")
        .remote_file("dir/sub/two", "2")
        .remote_file("dir/sub/with blank", "b\n")
        .remote_file("dir/sub/other", "")
        .remote_lacks("sub");
    shell().types("mv one two").as_batch().succeeds().remote_file("two", "1\n").remote_lacks("one");
    for (line, complaint) in [
        ("mv -n one two", "remote rename \"REMOTE/one\" to \"REMOTE/two\": the new name is taken"),
        ("mv one two empty", "mv: \"REMOTE/empty\" is not a directory"),
        ("mv gone dir", "remote rename \"REMOTE/gone\" to \"REMOTE/dir/gone\": No such file or directory"),
        ("mv .. dir", "mv: \"REMOTE/..\" is not moved: name a directory by its own name"),
        ("mv one", "You must specify two paths after a mv command."),
    ] {
        shell()
            .types(line)
            .as_batch()
            .exits(1)
            .complains(&[complaint])
            .remote_file("one", "1\n")
            .remote_file("two", "2");
    }
}

/// A batch on a server with a file of ten gigabytes.
fn large(line: &str) -> Shell {
    let grow = |world: &World| File::create(world.remote().join("big")).unwrap().set_len(10 << 30).unwrap();
    Shell::on(Remote::empty()).prepare(grow).types(line).as_batch()
}

#[test]
fn ctrl_c_ends_a_large_cat() {
    let (mut running, _world) = large("cat big").start();
    running.prints("cat big\n");
    running.signals(Signal::INT);
    assert_eq!(running.ends().code, 1);
}

#[test]
fn a_reader_that_went_away_ends_cat_as_it_ends_ls() {
    let shell = large("@cat big");
    let mut command = shell.command_in("(\"$0\" \"$@\"; echo code $? >&2) | head -c 5 >/dev/null");
    let finished = Running::start(&mut command, PATIENCE).ends();
    let stderr = String::from_utf8_lossy(&finished.stderr);
    assert!(stderr.contains("code 1") && !stderr.contains("roken pipe"), "{stderr}");
}
