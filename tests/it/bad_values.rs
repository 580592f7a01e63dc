//! A command refuses an invalid value or flag with a line that names it and says what is expected.

use crate::support::{Entry, Remote, Shell};

fn shell() -> Shell {
    Shell::on(Remote::with(["f", "dir/a"]))
}

#[test]
fn a_bad_value_names_its_option_and_what_is_allowed() {
    for (line, message) in [
        (
            "get --on-conflict maybe f",
            "get: --on-conflict \"maybe\": it must be one of overwrite, skip, newer, rename, ask",
        ),
        ("put --on-conflict=no f", "put: --on-conflict \"no\": it must be one of overwrite, skip, newer, rename, ask"),
        (
            "get --on-conflict",
            "get: --on-conflict needs a value: it must be one of overwrite, skip, newer, rename, ask",
        ),
        ("du --max-depth", "du: --max-depth needs a value: depth"),
        ("get f --exclude", "get: --exclude needs a value: pattern"),
        ("get --resume=most f", "get: --resume \"most\": it must be one of compare, size"),
        ("get --verify=maybe f", "get: --verify \"maybe\": it must be one of auto, read"),
        ("get --chmod u+q f", "get: --chmod \"u+q\": a mode is octal, such as 644, or symbolic, such as u+x,go-w"),
        ("head --lines", "head: --lines needs a value: count"),
        ("tail -n few", "tail: --lines \"few\": a count is a whole number, 0 or more"),
        ("du -d deep", "du: --max-depth \"deep\": a depth is a whole number, 0 or more"),
        ("du -d 'a*\\\\b'", "du: --max-depth \"a*\\b\": a depth is a whole number, 0 or more"),
        ("find -maxdepth -1", "find: --maxdepth \"-1\": a depth is a whole number, 0 or more"),
        ("find -type q", "find: --type \"q\": it must be one of f, d, l"),
        ("find -size much", "find: --size \"much\": a size is a number, as 5M or 300K"),
        ("du -a -s", "du: --summarize and --all contradict each other; give one of them"),
        ("find dir -exec", "find: Invalid flag -exec"),
        ("find dir -newer", "find: --newer needs a value: file"),
        ("find dir -delete -print0", "find: --null and --delete contradict each other; give one of them"),
        ("du dir -x", "du: Invalid flag -x"),
        ("chmod -x f", "chmod: Invalid flag -x"),
        ("get f nodir/", "open local \"nodir/\": Is a directory (there is no such directory)"),
    ] {
        let outcome = shell().types(line).as_batch().exits(1);
        assert!(outcome.stderr().starts_with(&format!("{message}\n")), "{line}: {}", outcome.stderr());
    }
}

#[test]
fn an_upload_into_a_directory_that_is_missing_says_so() {
    shell().here(["f"]).types("put f nodir/").as_batch().fails_with("nodir/\": Failure (there is no such directory)");
}

#[test]
fn json_is_json_whatever_stands_beside_it() {
    for line in
        ["ls --json -l", "ls -l --json", "ls -1 --json", "ls --json -1", "ls -n --json", "ls --json -n", "ls -h --json"]
    {
        let outcome = shell().types(&format!("@{line}")).succeeds();
        assert!(outcome.stdout().lines().all(|line| line.starts_with("{\"name\":\"")), "{line}: {}", outcome.stdout());
    }
    for line in ["ls -0 -l", "ls -l -0", "ls -1 -0", "ls -0 -n"] {
        shell().types(&format!("@{line}")).succeeds().prints("dir\0f\0");
    }
}

#[test]
fn find_tells_programs_the_owner_and_a_clean_path() {
    let remote = Remote::with(["dir/a"]).lying("owners");
    let outcome = Shell::on(remote).types("@find ./dir --json").succeeds();
    let record: serde_json::Value = serde_json::from_str(outcome.stdout().trim_end()).unwrap();
    let uid = record["uid"].as_u64().unwrap();
    assert_eq!(record["owner"], format!("u{uid}"));
    assert!(record["path"].as_str().unwrap().ends_with("/dir/a") && !record["path"].as_str().unwrap().contains("/./"));
}

#[test]
fn du_counts_a_link_as_itself() {
    let remote = Remote::with([Entry::sized("big", 300_000), Entry::link("link", "big"), Entry::link("there", ".")]);
    Shell::on(remote).types("@du -b link").types("@du -b there").succeeds().prints("3\tlink\n1\tthere\n");
}
