//! Commands that change files on the server: `mkdir rmdir rm rename ln symlink cp chmod chown chgrp`.

use crate::support::{Entry, Remote, Shell, group, user};
use std::os::unix::fs::MetadataExt;

/// Types a line in a fixed world and checks the whole of stderr. A complaint implies that the line fails in a batch.
#[track_caller]
fn refused(line: &str, complaint: &[&str]) {
    let world = Remote::with([Entry::from("a"), "b".into(), "dir/".into(), "full/c".into(), Entry::link("link", "a")]);
    Shell::on(world)
        .types(line)
        .types("mkdir never")
        .as_batch()
        .exits(1)
        .complains(complaint)
        .remote_holds(&["a", "b", "dir/", "full/", "full/c", "link"])
        .remote_still_has("a")
        .remote_still_has("b");
}

#[test]
fn what_the_server_refuses_is_said_in_sftps_words() {
    for (line, complaint) in [
        ("mkdir dir", &["remote mkdir \"REMOTE/dir\": Failure (it exists already)"][..]),
        ("mkdir no/where", &["remote mkdir \"REMOTE/no/where\": No such file or directory"]),
        ("rmdir gone", &["remote rmdir \"REMOTE/gone\": No such file or directory"]),
        ("rmdir a", &["remote rmdir \"REMOTE/a\": No such file or directory (it is not a directory)"]),
        ("rmdir full", &["remote rmdir \"REMOTE/full\": Failure (is it empty?)"]),
        ("rm gone", &["remote delete REMOTE/gone: No such file or directory"]),
        ("rm gone*", &["remote delete REMOTE/gone*: No such file or directory"]),
        ("rm dir", &["remote delete REMOTE/dir: Failure (it is a directory)"]),
        ("rm -r ..", &["rm: \"REMOTE/..\" is not removed: name a directory by its own name"]),
        ("rename gone x", &["remote rename \"REMOTE/gone\" to \"REMOTE/x\": No such file or directory"]),
        (
            "rename a dir",
            &["remote rename \"REMOTE/a\" to \"REMOTE/dir\": Failure (the new name is that of a directory)"],
        ),
        ("rename -l a b", &["remote rename \"REMOTE/a\" to \"REMOTE/b\": Failure (the new name is taken)"]),
        ("ln gone x", &["remote link \"REMOTE/gone\" to \"REMOTE/x\": No such file or directory"]),
        ("ln a b", &["remote link \"REMOTE/a\" to \"REMOTE/b\": Failure (the link's name is taken)"]),
        ("ln -s x b", &["remote symlink file \"x\" to \"REMOTE/b\": Failure (the link's name is taken)"]),
        ("symlink x b", &["remote symlink file \"x\" to \"REMOTE/b\": Failure (the link's name is taken)"]),
        ("cp gone x", &["stat remote: No such file or directory: \"REMOTE/gone\""]),
        ("cp dir x", &["Cannot copy non-regular file: REMOTE/dir"]),
        ("cp a a", &["Couldn't copy file \"REMOTE/a\" to \"REMOTE/a\": they are the same file"]),
        ("cp a link", &["Couldn't copy file \"REMOTE/a\" to \"REMOTE/link\": they are the same file"]),
        ("cp a no/x", &["remote open(\"REMOTE/no/x\"): No such file or directory"]),
        ("chmod 600 gone", &["remote setstat \"REMOTE/gone\": No such file or directory"]),
        ("chmod u+x gone", &["stat remote: No such file or directory: \"REMOTE/gone\""]),
        ("chown 1 gone", &["stat remote: No such file or directory: \"REMOTE/gone\""]),
        ("chgrp -h 1 gone", &["stat remote: No such file or directory: \"REMOTE/gone\""]),
    ] {
        refused(line, complaint);
    }
}

#[test]
fn what_a_server_does_not_offer_is_said_in_sftps_words() {
    for (denied, line, complaint) in [
        ("hardlink", "ln a b", "Server does not support hardlink@openssh.com extension"),
        ("lsetstat", "chmod -h 600 a", "Server does not support lsetstat@openssh.com extension"),
        ("lsetstat", "chown -h 0 a", "Server does not support lsetstat@openssh.com extension"),
        ("statvfs", "df", "Server does not support statvfs@openssh.com extension"),
    ] {
        let world = Remote::with(["a"]).server_words(&["-P", denied]);
        Shell::on(world).types(line).as_batch().exits(1).complains(&[complaint]);
    }
}

#[test]
fn directories_are_made_and_removed_several_at_once() {
    Shell::on(Remote::empty()).types("mkdir a b c").types("rmdir a c").as_batch().succeeds().remote_holds(&["b/"]);
}

#[test]
fn mkdir_p_makes_what_is_missing_and_leaves_what_is_there() {
    Shell::on(Remote::with(["a/x"]))
        .types("mkdir -p a a/b/c /dev/shm/../../tmp")
        .as_batch()
        .succeeds()
        .remote_holds(&["a/", "a/x", "a/b/", "a/b/c/"])
        .then()
        .types("mkdir -p a/x/y")
        .as_batch()
        .exits(1)
        .reports("remote mkdir \"REMOTE/a/x/y\": ");
}

#[test]
fn rm_removes_every_match_and_says_so() {
    Shell::on(Remote::with(["a1", "a2", "b", ".a3"]))
        .types("rm a* b")
        .succeeds()
        .answers(&["Removing REMOTE/a1", "Removing REMOTE/a2", "Removing REMOTE/b"])
        .remote_holds(&[".a3"]);
}

#[test]
fn rm_goes_on_after_a_failure_at_a_prompt_and_stops_in_a_batch() {
    let world = || Remote::with(["a", "b/", "c"]);
    let refusal = "remote delete REMOTE/b: Failure (it is a directory)";
    Shell::on(world()).types("rm *").succeeds().reports(refusal).remote_holds(&["b/"]);
    Shell::on(world()).types("-rm *").as_batch().succeeds().reports(refusal).remote_holds(&["b/"]);
    Shell::on(world()).types("rm *").as_batch().exits(1).reports(refusal).remote_holds(&["b/", "c"]);
}

#[test]
fn rm_takes_a_link_and_not_what_it_leads_to() {
    let world = || Remote::with([Entry::from("dir/kept"), Entry::link("dir/loop", ".."), Entry::link("link", "dir")]);
    Shell::on(world()).types("rm -r link").as_batch().succeeds().remote_holds(&["dir/", "dir/kept", "dir/loop"]);
    Shell::on(world()).types("rm -r dir").as_batch().succeeds().remote_holds(&["link"]);
}

#[test]
fn rm_r_spares_what_an_empty_word_or_a_link_with_a_slash_would_mean() {
    let names = || [Entry::from("dir/kept"), "top".into(), Entry::link("link", "dir")];
    for (line, complaint) in [
        ("rm -r \"\"", "remote delete REMOTE/: Failure (it is a directory)"),
        ("rm -r {,gone}", "remote delete REMOTE/: Failure (it is a directory)"),
        ("rm -r link/", "rm: \"REMOTE/link\" is a symbolic link"),
        ("rm -r li*//", "rm: \"REMOTE/link\" is a symbolic link"),
    ] {
        Shell::on(Remote::with(names()))
            .types(line)
            .succeeds()
            .reports(complaint)
            .remote_holds(&["dir/", "dir/kept", "link", "top"]);
    }
    Shell::on(Remote::with(names())).types("rm -r dir//").as_batch().succeeds().remote_holds(&["link", "top"]);
}

#[test]
fn rm_r_removes_trees_of_any_names_from_within() {
    let names = ["t/ leading", "t/a/b/c/d", "t/a/.hidden", "t/star*", "t/-r", "t/empty/", "u"];
    Shell::on(Remote::with(names))
        .types("rm -r t u")
        .succeeds()
        .quietly()
        .prints_line("Removing REMOTE/t/a/b/c")
        .remote_holds(&[]);
}

#[test]
fn rm_r_removes_thousands_of_files_and_tells_of_one_that_stays() {
    let names = (0..2000).map(|number| format!("t/{:02}/{number}", number % 40));
    Shell::on(Remote::with(names)).types("rm -R t").as_batch().succeeds().remote_holds(&[]);
    Shell::on(Remote::with([Entry::from("t/a/x"), Entry::from("t/b/y"), Entry::directory("t/a").mode(0o500)]))
        .unprivileged()
        .types("rm -r t")
        .succeeds()
        .complains(&["remote delete REMOTE/t/a/x: Permission denied"])
        .remote_holds(&["t/", "t/a/", "t/a/x"]);
}

#[test]
fn rename_replaces_a_file_and_takes_any_name() {
    Shell::on(Remote::with(["a", "b", "d/"]))
        .types("rename a b")
        .types("rename d e")
        .types("rename b -new")
        .as_batch()
        .succeeds()
        .remote_holds(&["-new", "e/"])
        .remote_file("-new", "This is a.\n");
}

#[test]
fn links_lead_where_they_were_told_to() {
    Shell::on(Remote::with(["a", "d/"]))
        .types("ln a hard")
        .types("cd d")
        .types("ln -s ../a soft")
        .types("symlink /no/where dangling")
        .as_batch()
        .succeeds()
        .holds(|world| {
            let links = std::fs::metadata(world.remote().join("a")).unwrap().nlink();
            (links != 2).then(|| format!("a has {links} names"))
        })
        .remote_file("d/soft", "This is a.\n")
        .holds(|world| {
            let target = std::fs::read_link(world.remote().join("d/dangling")).unwrap();
            (target.to_str() != Some("/no/where")).then(|| format!("{target:?}"))
        });
}

#[test]
fn cp_copies_on_the_server_and_into_directories() {
    for words in [&[][..], &["-P", "copy-data"]] {
        Shell::on(Remote::with([Entry::sized("big", 700_000).mode(0o640), "d/".into()]).server_words(words))
            .types("cp big copy")
            .types("copy big d")
            .as_batch()
            .succeeds()
            .quietly()
            .remote_still_has("big")
            .remote_mode("copy", 0o640)
            .holds(|world| {
                let read = |name| std::fs::read(world.remote().join(name)).unwrap();
                (read("big") != read("copy") || read("big") != read("d/big")).then(|| "the copies differ".to_owned())
            });
    }
}

#[test]
fn cp_is_whole_or_a_failure() {
    for (lie, complaint) in [
        ("none", None),
        ("cap-reads=3000", None),
        ("gap-then-eof=500000", None),
        ("reorder", None),
        ("size=0", None),
        ("made-up=9000000", None),
        ("copies-less=700000", None),
        ("copies-less=40000", Some(": the copy ends at byte 40000 of 700000")),
        ("eof-at=40000", Some(": the copy ends at byte 40000 of 700000")),
        ("size=9000000", Some(": the copy ends at byte 700000 of 9000000")),
        ("read-fails-at=300000", Some(": Failure")),
        ("enospc-at=300000", Some(": Failure")),
        ("close-fails", Some(": Failure")),
    ] {
        let outcome =
            Shell::on(Remote::with([Entry::sized("big", 700_000)]).lying(lie)).types("cp big copy").as_batch();
        let Some(complaint) = complaint else {
            outcome.succeeds().quietly().remote_file("copy", crate::support::noise(b"big", 700_000));
            continue;
        };
        outcome.exits(1).reports(&format!("Couldn't copy file \"REMOTE/big\" to \"REMOTE/copy\"{complaint}"));
    }
}

#[test]
fn ctrl_c_stops_a_copy_from_a_server_that_says_nothing() {
    let (mut running, _world) =
        Shell::on(Remote::with([Entry::sized("big", 700_000)]).lying("stall-at=300000")).start();
    running.types("cp big copy").prints("sftp> cp big copy\n").signals(rustix::process::Signal::INT);
    running.reports("Interrupt\n");
    let finished = running.ends();
    assert_eq!((finished.code, finished.hung), (1, false));
}

#[test]
fn chmod_takes_octal_and_symbolic_modes() {
    Shell::on(Remote::with([Entry::file("a", "").mode(0o644), Entry::file("b", "").mode(0o755)]))
        .types("chmod 600 a")
        .types("chmod go-rx,u-w b")
        .succeeds()
        .answers(&["Changing mode on REMOTE/a", "Changing mode on REMOTE/b"])
        .remote_mode("a", 0o600)
        .remote_mode("b", 0o500);
}

#[test]
fn chmod_r_reaches_what_is_in_a_directory_and_no_link() {
    let entries = [
        Entry::file("t/a", "").mode(0o600),
        Entry::file("t/d/b", "").mode(0o600),
        Entry::file("kept", "").mode(0o600),
        Entry::link("t/link", "../kept"),
    ];
    Shell::on(Remote::with(entries))
        .types("chmod -R go=rX t")
        .as_batch()
        .succeeds()
        .quietly()
        .remote_mode("t/a", 0o644)
        .remote_mode("t/d/b", 0o644)
        .remote_mode("t/d", 0o755)
        .remote_mode("kept", 0o600);
}

#[test]
#[ignore = "needs root: gives files to others"]
fn needs_root_chown_and_chgrp_keep_the_other_id() {
    Shell::on(Remote::with(["a", "b"]))
        .types("chown 0x10 a")
        .types("chgrp 010 a")
        .types("chown 5:6 b")
        .succeeds()
        .answers(&["Changing owner on REMOTE/a", "Changing group on REMOTE/a", "Changing owner on REMOTE/b"])
        .holds(|world| {
            let owner = |name| {
                let metadata = std::fs::metadata(world.remote().join(name)).unwrap();
                (metadata.uid(), metadata.gid())
            };
            let owners = (owner("a"), owner("b"));
            (owners != ((16, 8), (5, 6))).then(|| format!("{owners:?}"))
        });
}

// difference: owners-by-name
#[test]
fn chown_and_chgrp_know_users_and_groups_by_name() {
    let (user, group) = (user(), group());
    let outcome = Shell::on(Remote::with(["a"]))
        .types(&format!("chown {user} a"))
        .types(&format!("chown {user}:{group} a"))
        .types(&format!("chown :{group} a"))
        .types(&format!("chgrp {group} a"))
        .succeeds();
    let (owner, group) = ("Changing owner on REMOTE/a", "Changing group on REMOTE/a");
    outcome.quietly().answers(&[owner, owner, group, group]);
}

#[test]
fn a_name_that_is_not_found_is_named() {
    for (line, complaint) in [
        (
            "chown no-such-user a",
            "You must supply a numeric argument to the chown command. \
             The server has no user \"no-such-user\" among those that could be asked for",
        ),
        (
            "chown 5:no-such-group a",
            "You must supply a numeric argument to the chown command. \
             The server has no group \"no-such-group\" among those that could be asked for",
        ),
        (
            "chgrp 'no such group' a",
            "You must supply a numeric argument to the chgrp command. \
             The server has no group \"no such group\" among those that could be asked for",
        ),
    ] {
        refused(line, &[complaint]);
    }
    let world = Remote::with(["a"]).server_words(&["-P", "users-groups-by-id"]);
    Shell::on(world).types("chown root a").as_batch().exits(1).complains(&[
        "You must supply a numeric argument to the chown command. The server does not tell which user \"root\" is",
    ]);
    refused("chown joe: a", &["You must supply a numeric argument to the chown command."]);
}

#[test]
#[ignore = "needs root: gives files to others"]
fn needs_root_names_are_found_by_usual_numbers_and_by_those_of_files_nearby() {
    let owner = |world: &crate::support::World, name: &str| {
        let metadata = std::fs::metadata(world.remote().join(name)).unwrap();
        (metadata.uid(), metadata.gid())
    };
    let world = Remote::with(["a", "b", "c", "d/e", "d/neighbour"]).lying("owners");
    Shell::on(world)
        .prepare(|world| {
            std::os::unix::fs::chown(world.remote().join("c"), Some(70_001), Some(70_002)).unwrap();
            std::os::unix::fs::chown(world.remote().join("d/neighbour"), Some(80_001), Some(80_002)).unwrap();
        })
        .types("chown u7:'g 1999 is it' a")
        .types("chgrp 'g 65534 is it' b")
        .types("chown u70001:8 c")
        .types("chown u80001:'g 80002 is it' d/e")
        .as_batch()
        .succeeds()
        .holds(|world| {
            let owners = ["a", "b", "c", "d/e"].map(|name| owner(world, name));
            (owners != [(7, 1999), (0, 65_534), (70_001, 8), (80_001, 80_002)]).then(|| format!("{owners:?}"))
        });
    Shell::on(Remote::with(["a"]).lying("owners")).types("chown u80001 a").as_batch().exits(1);
}
