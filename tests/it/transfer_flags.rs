//! Further flags of `get` and `put`: links, `--chmod`, `--remove-source`, `--dry-run`, and checks of the free space.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::support::{Entry, Remote, Shell, World};

/// Checks the target of a link.
fn leads(world: &World, path: &str, target: &str) -> Option<String> {
    let found = fs::read_link(world.root().join(path));
    (found.as_ref().ok() != Some(&Path::new(target).to_owned())).then(|| format!("{path} leads to {found:?}"))
}

fn linked() -> Vec<Entry> {
    vec![
        Entry::file("t/a/f", "f"),
        Entry::link("t/a/up", "../b"),
        Entry::link("t/b", "a/f"),
        Entry::link("t/d", "a"),
        Entry::link("t/none", "nowhere"),
    ]
}

#[test]
fn links_are_copied_as_links_when_asked() {
    let shell = Shell::on(Remote::with(linked()));
    let outcome = shell.types("get -r --links t").types("get -r --links t").succeeds().quietly();
    let outcome = outcome.local_holds(&["t/", "t/a/", "t/a/f", "t/a/up", "t/b", "t/d", "t/none"]);
    outcome
        .holds(|world| leads(world, "local/t/a/up", "../b"))
        .holds(|world| leads(world, "local/t/d", "a"))
        .holds(|world| leads(world, "local/t/none", "nowhere"));
    let shell = Shell::on(Remote::empty()).here(linked());
    let outcome = shell.types("put -r --links t").types("put -r --links t").succeeds().quietly();
    let outcome = outcome.remote_holds(&["t/", "t/a/", "t/a/f", "t/a/up", "t/b", "t/d", "t/none"]);
    outcome
        .holds(|world| leads(world, "remote/t/a/up", "../b"))
        .holds(|world| leads(world, "remote/t/d", "a"))
        .holds(|world| leads(world, "remote/t/none", "nowhere"));
}

#[test]
fn a_link_replaces_links_and_files_but_no_directory() {
    let there = || {
        [
            Entry::link("t/b", "other"),
            Entry::file("t/d", "old"),
            Entry::file("t/none/x", "x"),
            Entry::file("t/a/f", "old"),
        ]
    };
    Shell::on(Remote::with(linked()))
        .here(there())
        .types("get -r --links t")
        .reports("local symlink \"t/none\": ")
        .holds(|world| leads(world, "local/t/b", "a/f"))
        .holds(|world| leads(world, "local/t/d", "a"))
        .local_holds(&["t/", "t/a/", "t/a/f", "t/a/up", "t/b", "t/d", "t/none/", "t/none/x"]);
    Shell::on(Remote::with(there()))
        .here(linked())
        .types("put -r --links t")
        .reports("remote symlink \"REMOTE/t/none\": ")
        .holds(|world| leads(world, "remote/t/b", "a/f"))
        .holds(|world| leads(world, "remote/t/d", "a"))
        .remote_holds(&["t/", "t/a/", "t/a/f", "t/a/up", "t/b", "t/d", "t/none/", "t/none/x"]);
}

#[test]
fn a_server_that_answers_in_another_order_gets_the_links_too() {
    let shell = Shell::on(Remote::empty().lying("reorder")).here(linked());
    shell.types("put -r --links t").succeeds().quietly().holds(|world| leads(world, "remote/t/a/up", "../b"));
}

#[test]
fn a_fetched_link_leads_to_nothing_outside_of_its_tree() {
    let entries = [
        Entry::link("t/absolute", "/etc/passwd"),
        Entry::link("t/climbs", "../x"),
        Entry::link("t/sub/far", "../../x"),
        Entry::link("t/sub/hidden", "../sub/../../x"),
        Entry::file("t/z", "z"),
    ];
    let refused = |name: &str, target: &str| {
        format!("download REMOTE/t/{name}: a link that leads out of the tree (to \"{target}\")")
    };
    Shell::on(Remote::with(entries))
        .types("get -r --links t")
        .complains(&[
            &refused("absolute", "/etc/passwd"),
            &refused("climbs", "../x"),
            &refused("sub/far", "../../x"),
            &refused("sub/hidden", "../sub/../../x"),
        ])
        .local_holds(&["t/", "t/sub/", "t/z"]);
}

#[test]
fn links_are_followed_when_asked_and_loops_end() {
    let entries = || [linked(), vec![Entry::link("t/a/loop", ".."), Entry::file("e/g", "g")]].concat();
    let left = ["t/", "t/a/", "t/a/f", "t/a/up", "t/b", "t/d/", "t/d/f", "t/d/up"];
    Shell::on(Remote::with(entries()))
        .types("get -r -L t")
        .reports("download \"REMOTE/t/none\": not a regular file")
        .reports("REMOTE/t/a/loop")
        .local_file("t/a/up", "f")
        .local_holds(&left);
    let mut with_mine = left.to_vec();
    with_mine.extend(["e/", "e/g"]);
    let shell = Shell::on(Remote::empty()).here(entries());
    shell
        .types("put -rL e")
        .types("put -rL t")
        .reports("none: not a regular file")
        .reports("local \"t/a/loop\": a link that leads back to a directory above it")
        .remote_file("t/a/up", "f")
        .remote_holds(&with_mine);
}

#[test]
fn the_mode_of_what_arrives_is_changed() {
    let entries = || {
        [
            Entry::file("t/plain", "p").mode(0o600),
            Entry::file("t/program", "x").mode(0o755),
            Entry::file("t/kept", "k").mode(0o644),
        ]
    };
    let lines = |command: &str| {
        format!("{command} -r --chmod go-rwx t\n{command} -r --chmod a+rX t v\n{command} --chmod 444 t/plain w\n")
    };
    let expected: [(&str, u32); 5] =
        [("t/plain", 0o600), ("t/program", 0o700), ("v/plain", 0o644), ("v/program", 0o755), ("w", 0o444)];
    let outcome = Shell::on(Remote::with(entries())).types_bytes(lines("get").as_bytes()).succeeds().quietly();
    expected.iter().fold(outcome, |outcome, (path, mode)| outcome.local_mode(path, *mode));
    let outcome = Shell::on(Remote::empty()).here(entries()).types_bytes(lines("put").as_bytes()).succeeds().quietly();
    expected.iter().fold(outcome, |outcome, (path, mode)| outcome.remote_mode(path, *mode));
    Shell::on(Remote::with(entries())).as_batch().types("get --chmod u+q t/plain").fails_with("a mode is octal");
}

#[test]
fn sources_are_removed_once_they_have_arrived() {
    let entries = || {
        [Entry::sized("t/a/f", 70_000), Entry::directory("t/empty"), Entry::link("t/l", "a/f"), Entry::sized("g", 0)]
    };
    Shell::on(Remote::with(entries()))
        .types("get -r --links --remove-source t g .")
        .types("get -r --links --remove-source t")
        .reports("File \"REMOTE/t\" not found.")
        .local_holds(&["g", "t/", "t/a/", "t/a/f", "t/empty/", "t/l"])
        .remote_holds(&[]);
    Shell::on(Remote::empty())
        .here(entries())
        .types("put -r --links --remove-source t .")
        .types("put --remove-source g")
        .succeeds()
        .quietly()
        .remote_holds(&["g", "t/", "t/a/", "t/a/f", "t/empty/", "t/l"])
        .local_holds(&[]);
}

#[test]
fn what_was_left_out_or_failed_or_was_there_is_not_removed() {
    let entries = || ["t/out.o", "t/in", "t/stays/out.o", "t/link/g"];
    Shell::on(Remote::with(entries()).and([Entry::link("t/l", "in")]))
        .here([Entry::file("t/link", "in the way")])
        .types("get -r --remove-source --exclude *.o t")
        .remote_holds(&["t/", "t/l", "t/link/", "t/link/g", "t/out.o", "t/stays/", "t/stays/out.o"]);
    Shell::on(Remote::with([Entry::file("t/link", "in the way")]))
        .here(entries())
        .types("put -r --remove-source --exclude *.o t")
        .local_holds(&["t/", "t/link/", "t/link/g", "t/out.o", "t/stays/", "t/stays/out.o"]);
    Shell::on(Remote::with([("f", "same")]))
        .here([("f", "same")])
        .types("get -a --remove-source f")
        .types("put -a --remove-source f")
        .types("get --remove-source f /dev/null")
        .reports("source \"REMOTE/f\" is kept: the copy can't be verified")
        .remote_has("f")
        .local_has("f");
}

#[test]
fn two_sources_of_one_target_are_not_both_removed() {
    let entries = || [("x/f", "1"), ("y/f", "2")];
    Shell::on(Remote::with(entries()))
        .types("get --remove-source x/f y/f .")
        .reports("source \"REMOTE/y/f\" is kept: another source was moved to the same target and would be lost")
        .local_file("f", "1")
        .remote_holds(&["x/", "y/", "y/f"]);
    Shell::on(Remote::empty())
        .here(entries())
        .types("put --remove-source x/f y/f .")
        .reports("source \"y/f\" is kept")
        .remote_file("f", "1")
        .local_holds(&["x/", "y/", "y/f"]);
}

#[test]
fn a_file_that_may_be_its_own_copy_is_kept() {
    let shell = Shell::on(Remote::with([("f", "all there is")]));
    let there = shell.world().remote().display().to_string();
    shell
        .types(&format!("lcd {there}"))
        .types("get -p --remove-source f")
        .types("lcd ..")
        .types(&format!("get -pr --remove-source {there}"))
        .reports("source \"REMOTE/f\" is kept: its target may be the source itself")
        .remote_still_has("f");
}

/// A tree with a link.
fn tree_with_link() -> [Entry; 3] {
    [Entry::sized("t/a/f", 2048), Entry::file("t/g", "g"), Entry::link("t/l", "g")]
}

#[test]
fn a_dry_run_of_get_says_what_would_be_done_and_does_nothing() {
    Shell::on(Remote::with(tree_with_link()).server_words(&["-R"]))
        .here(["t/"])
        .types("get -rn --remove-source t")
        .types("get -n --links -r t/a new")
        .answers(&[
            "would make the directory t/a",
            "would fetch REMOTE/t/a/f to t/a/f (2.0K), and remove it",
            "would fetch REMOTE/t/g to t/g (1B), and remove it",
            "total: 2 files, 2.0K; 1 directory",
            "would make the directory new",
            "would fetch REMOTE/t/a/f to new/f (2.0K)",
            "total: 1 file, 2.0K; 1 directory",
        ])
        .reports("download \"REMOTE/t/l\": not a regular file")
        .local_holds(&["t/"]);
}

#[test]
fn a_dry_run_of_put_says_what_would_be_done_and_does_nothing() {
    Shell::on(Remote::empty())
        .here(tree_with_link())
        .types("put -rn --links t")
        .types("put -rn --exclude g t no/where")
        .succeeds()
        .remote_holds(&[])
        .answers(&[
            "would make the directory REMOTE/t",
            "would make the directory REMOTE/t/a",
            "would send t/a/f to REMOTE/t/a/f (2.0K)",
            "would send t/g to REMOTE/t/g (1B)",
            "would copy the link t/l to REMOTE/t/l",
            "total: 2 files, 2.0K; 2 directories",
            "would make the directory REMOTE/no",
            "would make the directory REMOTE/no/where",
            "would make the directory REMOTE/no/where/a",
            "would send t/a/f to REMOTE/no/where/a/f (2.0K)",
            "total: 1 file, 2.0K; 3 directories",
        ]);
}

#[test]
fn a_shortage_of_room_is_said_before_it_is_felt() {
    /// More than a test's disk has free, but not more than the maximum size of a file.
    const HUGE: u64 = 8 << 40;
    let grow = |path: std::path::PathBuf| {
        fs::File::options().write(true).open(&path).unwrap().set_len(HUGE).unwrap();
        assert_eq!(fs::metadata(path).unwrap().size(), HUGE);
    };
    let shell = Shell::on(Remote::with(["t/huge", "small"]));
    grow(shell.world().remote().join("t/huge"));
    shell
        .types("get -n t/huge")
        .types("get -n -r t")
        .types("get -n small")
        .types("get -n t/huge /dev/null")
        .holds(|_| None)
        .complains_like(&[
            "LOCAL: the transfer needs 8.0T or more, and ",
            "LOCAL: the transfer needs 8.0T or more, and ",
        ]);
    let shell = Shell::on(Remote::empty()).here(["t/huge", "small"]);
    grow(shell.world().local().join("t/huge"));
    shell.types("put -n t/huge").types("put -n -r t").types("put -n small").complains_like(&[
        "REMOTE: the transfer needs 8.0T or more, and ",
        "REMOTE: the transfer needs 8.0T or more, and ",
    ]);
}

#[test]
fn the_working_directory_is_not_removed_with_what_was_in_it() {
    let entries = || [Entry::file("w/sub/f", "f"), Entry::file("w/g", "g"), Entry::link("link", ".")];
    for (line, other) in [
        ("-r --remove-source .", "there"),
        ("-r --remove-source ../w", "there/w"),
        ("-r --remove-source ../../WORLD/link/w", "there/w"),
    ] {
        let shell = Shell::on(Remote::with(entries())).here(["there/"]);
        let line = |side: &str| line.replace("WORLD", side);
        shell
            .types("cd w")
            .types(&format!("get {} there", line("remote")))
            .types("pwd")
            .types("ls")
            .succeeds()
            .remote_holds(&["link", "w/"])
            .local_file(&format!("{other}/sub/f"), "f");
        let shell = Shell::on(Remote::with(["there/"])).here(entries());
        shell
            .types("lcd w")
            .types(&format!("put {} there", line("local")))
            .types("lpwd")
            .types("!true")
            .succeeds()
            .local_holds(&["link", "w/"])
            .remote_file(&format!("{other}/sub/f"), "f");
    }
}
