//! `cmp`, `diff`, `sum` and `tree`: remote files beside local ones, their hashes, and trees at a glance.

use crate::support::{Entry, Remote, Shell, World, noise};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

fn pair(here: &str, there: &str) -> Shell {
    Shell::on(Remote::with([Entry::file("there", there), Entry::file("a b", "x\n"), "dir/here".into()]))
        .here([Entry::file("here", here), Entry::file("a b", "x\n")])
        .as_batch()
}

#[test]
fn cmp_prints_the_first_difference_and_fails() {
    let long = String::from_utf8(vec![b'x'; 300_000]).unwrap();
    for (here, there, stdout, complaint) in [
        ("1\n2\n", "1\n2\n", "", ""),
        ("", "", "", ""),
        (&long, &long, "", ""),
        ("1\n2\n", "1\n3\n", "here there differ: byte 3, line 2\n", ""),
        (&format!("{long}a"), &format!("{long}b"), "here there differ: byte 300001, line 1\n", ""),
        ("1\n", "1\n2\n", "", "cmp: EOF on here after byte 2, in line 2"),
        ("1\n2\n", "1\n", "", "cmp: EOF on there after byte 2, in line 2"),
        ("", "1\n", "", "cmp: EOF on here which is empty"),
        ("1\n", "", "", "cmp: EOF on there which is empty"),
    ] {
        let outcome = pair(here, there).types("@cmp here there").exits(i32::from(here != there)).stdout_is(stdout);
        outcome.complains(if complaint.is_empty() { &[] } else { std::slice::from_ref(&complaint) });
    }
    pair("1", "2").types("@cmp -s here there").exits(1).stdout_is("").complains(&[]);
    pair("1", "2").types("@cmp 'a b' .").succeeds().stdout_is("");
    for (line, complaint) in [
        ("cmp gone there", "read local \"gone\": No such file or directory"),
        ("cmp here gone", "stat remote: No such file or directory: \"REMOTE/gone\""),
        ("cmp . dir", "read local \".\": not a regular file"),
        ("cmp here", "You must specify two paths after a cmp command."),
    ] {
        pair("1", "2").types(line).exits(1).complains(&[complaint]);
    }
}

#[test]
fn diff_shows_the_changes_from_here_to_there() {
    let unified = "--- here\n+++ there\n@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n";
    pair("1\n2\n3\n", "1\ntwo\n3\n").types("@diff here there").exits(1).stdout_is(unified);
    let narrow = "--- here\n+++ there\n@@ -2 +2 @@\n-2\n+two\n";
    pair("1\n2\n3\n", "1\ntwo\n3\n").types("@diff -U 0 here there").exits(1).stdout_is(narrow);
    pair("1\n", "1\n").types("@diff here there").succeeds().stdout_is("");
    let open = "--- here\n+++ there\n@@ -1 +1 @@\n-1\n+1\n\\ No newline at end of file\n";
    pair("1\n", "1").types("@diff here there").exits(1).stdout_is(open);
    pair("1\0", "2\0").types("@diff here there").exits(1).stdout_is("Binary files here and there differ\n");
    pair("1\n", "2\n").types("@diff -q here there").exits(1).stdout_is("Files here and there differ\n");
    let grow = |world: &World| fs::File::create(world.remote().join("big")).unwrap().set_len(17 << 20).unwrap();
    let complaint = ["diff: \"big\" is larger than 16 MiB"];
    pair("1\n", "2\n").prepare(grow).types("diff here big").exits(1).complains(&complaint);
    pair("1\n", "2\n").prepare(grow).types("@diff -q here big").exits(1).stdout_is("Files here and big differ\n");
    pair("1\n", "2\n").types("diff . dir").exits(1).complains(&["diff: both are directories"]);
}

/// The server's text is printable on a terminal.
#[test]
fn diff_obeys_no_control_characters() {
    let remote = Remote::with([Entry::file("there", "a\x1b[2Jb\n")]);
    let terminal = Shell::on(remote).here([Entry::file("here", "x\n")]).at_a_terminal().types("diff here there");
    terminal.sees("-x\n+a\\033[2Jb\n").types("bye").ends_with(0);
}

#[test]
fn diff_r_names_what_one_side_lacks_and_what_differs() {
    let remote = Remote::with([
        Entry::file("tree/same", "1\n"),
        Entry::file("tree/size", "12\n"),
        Entry::file("tree/text", "a\n"),
        Entry::file("tree/sub/deep", "x\n"),
        Entry::file("tree/there/in", "x\n"),
        Entry::file("tree/kind", "x\n"),
        Entry::link("tree/link", "same"),
        Entry::link("tree/other", "same"),
    ]);
    let here = [
        Entry::file("tree/same", "1\n"),
        Entry::file("tree/size", "1\n"),
        Entry::file("tree/text", "b\n"),
        Entry::file("tree/sub/deep", "x\n"),
        Entry::file("tree/sub/here", "x\n"),
        "tree/kind/in".into(),
    ];
    let link = |world: &World| {
        symlink("same", world.local().join("tree/link")).unwrap();
        symlink("text", world.local().join("tree/other")).unwrap();
    };
    let stdout = "File tree/kind is a directory while file tree/kind is a regular file\n\
                  Symbolic links tree/other and tree/other differ\n\
                  Files tree/size and tree/size differ\n\
                  Files tree/text and tree/text differ\n\
                  Only in tree: there\n\
                  Only in tree/sub: here\n";
    Shell::on(remote).here(here).prepare(link).types("@diff -r tree tree").as_batch().exits(1).stdout_is(stdout);
    let equal = Shell::on(Remote::with(["t/a", "t/b/c"])).here(["t/a", "t/b/c"]).types("@diff -r t t");
    equal.as_batch().succeeds().stdout_is("");
}

/// sha256sum(1) and its relatives read the lines.
#[test]
fn sums_are_checked_by_the_programs_of_this_machine() {
    let contents = noise(b"n", 300_000);
    let entries = || [Entry::file("big", contents.clone()), Entry::file("a b", "1"), Entry::file("odd\\\nname", "2")];
    for (flags, program) in [
        ("", "sha256sum"),
        ("--md5", "md5sum"),
        ("-a sha1", "sha1sum"),
        ("-a sha512", "sha512sum"),
        ("-r", "sha256sum"),
    ] {
        let outcome = Shell::on(Remote::with(entries())).types(&format!("@sum {flags} *")).as_batch().succeeds();
        let sums = outcome.raw_stdout().to_vec();
        assert!(sums.starts_with(b"\\") || sums.windows(2).any(|pair| pair == b"\n\\"));
        let _ = outcome.holds(|world| {
            fs::write(world.root().join("sums"), &sums).unwrap();
            let mut check = Command::new(program);
            check.args(["--strict", "-c"]).arg(world.root().join("sums")).current_dir(world.remote());
            (!check.output().unwrap().status.success()).then(|| format!("{program} refuses the lines"))
        });
    }
}

#[test]
fn the_server_computes_the_hash_if_it_can() {
    let line = "@sum -v f";
    let hash = "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9  f\n";
    let shell = |remote: Remote| Shell::on(remote).as_batch();
    let remote = || Remote::with([Entry::file("f", "0")]);
    shell(remote()).types(line).succeeds().stdout_is(hash).complains(&["f: the file was read"]);
    let by_server = ["f: the server computed the hash"];
    shell(remote().lying("hash")).types(line).succeeds().stdout_is(hash).complains(&by_server);
    let md5 = "cfcd208495d565ef66e7dff9f98764da  f\n";
    shell(remote().lying("hash-md5")).types("@sum -v --md5 f").succeeds().stdout_is(md5).complains(&by_server);
    for lie in ["hash-sha1", "hash-md5", "hash-refused", "hash-short"] {
        let outcome = shell(remote().lying(lie)).types(line).succeeds().stdout_is(hash);
        outcome.complains(&["f: the file was read"]);
    }
    let read = shell(remote().lying("hash")).types("@sum -rv f");
    read.succeeds().stdout_is(hash).complains(&["f: the file was read"]);
    shell(remote()).types("sum gone").exits(1).complains(&["remote open(\"REMOTE/gone\"): No such file or directory"]);
}

#[test]
fn tree_shows_what_is_in_a_directory() {
    let remote = || {
        Remote::with(["t/a/x", "t/a/y/z", "t/b", "t/.hid/in", "t/c d", "u/one"]).and([Entry::file("t/e\x1b[2J", "")])
    };
    let all = "t\n├── .hid\n│   └── in\n├── a\n│   ├── x\n│   └── y\n│       └── z\n├── b\n├── c d\n└── e\\033[2J\n\n3 directories, 6 files\n";
    let shown =
        "t\n├── a\n│   ├── x\n│   └── y\n│       └── z\n├── b\n├── c d\n└── e\\033[2J\n\n2 directories, 5 files\n";
    for (line, stdout) in [
        ("@tree t", shown),
        ("@tree -a t", all),
        ("@tree -d t", "t\n└── a\n    └── y\n\n2 directories\n"),
        ("@tree -L 1 t", "t\n├── a\n├── b\n├── c d\n└── e\\033[2J\n\n1 directory, 3 files\n"),
        ("@tree -L 1", ".\n├── t\n└── u\n\n2 directories, 0 files\n"),
        ("@tree u t/a/y", "u\n└── one\nt/a/y\n└── z\n\n0 directories, 2 files\n"),
    ] {
        Shell::on(remote()).types(line).as_batch().succeeds().stdout_is(stdout);
    }
    let json = Shell::on(remote()).types("@tree --json -L 1 u").as_batch().succeeds();
    json.prints(r#"{"name":"one","path":"REMOTE/u/one","type":"file","#).prints_no("├");
    let failing = Shell::on(remote()).types("@tree gone u").as_batch().exits(1);
    failing.prints("u\n└── one\n").reports("No such file or directory");
}
