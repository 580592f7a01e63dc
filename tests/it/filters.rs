//! Entries left out of trees and wildcards: `--exclude`, `--include`, `--exclude-from`, `--newer-than`, `--max-size`.

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::support::{Entry, Remote, Shell};

const TREE: [&str; 7] = ["t/a.c", "t/a.o", "t/sub/b.o", "t/sub/keep.o", "t/build/x", "t/sub/build/y", "t/only/z.o"];

fn fetching() -> Shell {
    Shell::on(Remote::with(TREE))
}

fn sending() -> Shell {
    Shell::on(Remote::empty()).here(TREE)
}

fn grow_old(path: PathBuf) {
    File::options().write(true).open(path).unwrap().set_modified(SystemTime::now() - Duration::from_hours(72)).unwrap();
}

#[test]
fn patterns_are_those_of_gitignore_both_ways() {
    let flags = "--exclude *.o --include keep.o --exclude /build";
    let left = ["t/", "t/a.c", "t/only/", "t/sub/", "t/sub/build/", "t/sub/build/y", "t/sub/keep.o"];
    fetching().types(&format!("get -r {flags} t")).succeeds().quietly().local_holds(&left);
    sending().types(&format!("put -r {flags} t")).succeeds().quietly().remote_holds(&left);
}

#[test]
fn the_order_of_flags_counts_whichever_they_are() {
    let shell = fetching().here([("rules", "# objects\n*.o\n!keep.o\n")]);
    shell
        .types("get -r --include keep.o --exclude *.o t first")
        .types("get -r --exclude-from rules --exclude build/ t second")
        .types("get -r --exclude keep.o --exclude-from rules --exclude build/ t third")
        .succeeds()
        .local_lacks("first/sub/keep.o")
        .local_has("second/sub/keep.o")
        .local_lacks("second/build")
        .local_lacks("second/sub/build")
        .local_has("third/sub/keep.o");
}

#[test]
fn everything_but_some_is_said_with_a_star_first() {
    fetching().types("get -r --exclude=* --include=*/ --include=*.c t").succeeds().local_holds(&[
        "t/",
        "t/a.c",
        "t/build/",
        "t/only/",
        "t/sub/",
        "t/sub/build/",
    ]);
}

#[test]
fn a_star_behind_a_backslash_of_the_pattern_is_a_star() {
    let shell = Shell::on(Remote::with(["t/*", "t/ab"]));
    shell
        .types(r"get -r --exclude '\*' t")
        .types(r"get -r --exclude=\\\* t u")
        .succeeds()
        .local_holds(&["t/", "t/ab", "u/", "u/ab"]);
}

#[test]
fn an_excluded_directory_is_not_looked_into() {
    let closed = Entry::directory("t/closed").mode(0o000);
    let remote = Remote::with(["t/f", "t/closed/x"]).and([closed.clone()]);
    let shell = Shell::on(remote).unprivileged();
    shell
        .types("get -r --exclude closed t")
        .succeeds()
        .quietly()
        .local_holds(&["t/", "t/f"])
        .prints_no("Retrieving REMOTE/t/closed");
    let shell = Shell::on(Remote::empty()).here(["t/f", "t/closed/x"]).here([closed]).unprivileged();
    shell.types("put -r --exclude closed t").succeeds().quietly().remote_holds(&["t/", "t/f"]);
}

#[test]
fn matches_of_wildcards_are_chosen_and_a_name_is_taken_as_it_is() {
    let names = ["d/f.o", "one.c", "one.o", "two.o"];
    Shell::on(Remote::with(names))
        .types("get -r --exclude *.o --exclude d *")
        .types("get --exclude *.o two.o")
        .types("get --exclude * *")
        .succeeds()
        .quietly()
        .local_holds(&["one.c", "two.o"]);
    Shell::on(Remote::empty())
        .here(names)
        .types("put -r --exclude *.o --exclude d *")
        .types("put --exclude *.o two.o")
        .types("put --exclude * *")
        .succeeds()
        .quietly()
        .remote_holds(&["one.c", "two.o"]);
}

#[test]
fn old_files_are_left_out_by_age_date_or_the_age_of_a_file() {
    let entries = || ["new", "old", "t/new", "t/old"];
    let lines = |command: &str| {
        format!("{command} -r --newer-than 2d t\n{command} --newer-than 2d old\n{command} --newer-than mark -r t u\n")
    };
    let told = "old: left out, it is too old";
    let shell = Shell::on(Remote::with(entries())).here(["mark"]);
    ["old", "t/old"].iter().for_each(|name| grow_old(shell.world().remote().join(name)));
    grow_old(shell.world().local().join("mark"));
    shell
        .types_bytes(lines("get").as_bytes())
        .types("get --newer-than 1999-12-31 old first")
        .types("get --newer-than 2d * .")
        .succeeds()
        .reports(&format!("REMOTE/{told}"))
        .local_holds(&["first", "mark", "new", "t/", "t/new", "u/", "u/new"]);
    let shell = Shell::on(Remote::empty()).here(entries()).here(["mark"]);
    ["old", "t/old", "mark"].iter().for_each(|name| grow_old(shell.world().local().join(name)));
    shell
        .types_bytes(lines("put").as_bytes())
        .types("put --newer-than 1999-12-31 old first")
        .succeeds()
        .reports(told)
        .remote_holds(&["first", "t/", "t/new", "u/", "u/new"]);
}

#[test]
fn large_files_are_left_out() {
    let entries = || [Entry::sized("t/large", 2049), Entry::sized("t/small", 2048)];
    Shell::on(Remote::with(entries()))
        .types("get -r --max-size 2K t")
        .types("get --max-size 2K t/large")
        .succeeds()
        .complains(&["REMOTE/t/large: left out, it is too large"])
        .local_holds(&["t/", "t/small"]);
    Shell::on(Remote::empty())
        .here(entries())
        .types("put -r --max-size 2K t")
        .types("put --max-size 2K t/large")
        .succeeds()
        .complains(&["t/large: left out, it is too large"])
        .remote_holds(&["t/", "t/small"]);
}

#[test]
fn what_is_no_pattern_time_or_size_moves_nothing() {
    for (flags, complaint) in [
        ("--exclude \"\"", "--exclude \"\": a pattern is not empty"),
        ("--include /", "--include \"/\": a pattern is not empty"),
        ("--exclude-from none", "--exclude-from \"none\": No such file or directory"),
        ("--exclude-from rules", "--exclude-from \"rules\": line 2: a pattern is not empty"),
        ("--newer-than none", "--newer-than \"none\": neither a time nor a file: No such file or directory"),
        ("--max-size much", "get: --max-size \"much\": a size is a number, as 5M or 300K"),
    ] {
        fetching()
            .here([("rules", "*.o\n!\n")])
            .as_batch()
            .types(&format!("get -r {flags} t"))
            .fails_with(complaint)
            .local_holds(&["rules"]);
    }
}
