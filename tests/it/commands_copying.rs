//! `cp` of several files and of trees, and the questions of `rm`.

use crate::support::{Entry, Key, Remote, Shell, Terminal, until};

fn shell() -> Shell {
    Shell::on(Remote::with([
        Entry::file("a.html", "a"),
        Entry::file("b.html", "b"),
        Entry::file("st*r", "star"),
        Entry::file("star", "no star"),
        Entry::file("site/index", "i").mode(0o640),
        Entry::file("site/sub/deep", "d"),
        Entry::link("site/link", "index"),
        "old/".into(),
    ]))
}

#[test]
fn several_files_are_copied_into_a_directory() {
    for (line, copies) in [
        ("cp a.html b.html old", &["a.html", "b.html"][..]),
        ("cp *.html old", &["a.html", "b.html"]),
        ("cp {a,b}.html old", &["a.html", "b.html"]),
        ("cp st*r old", &["st*r"]),
        ("cp [ab].html 'st*r' old", &["a.html", "b.html", "st*r"]),
    ] {
        let outcome = shell().types(line).as_batch().succeeds().holds(|world| {
            let mut found: Vec<String> = std::fs::read_dir(world.remote().join("old"))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
                .collect();
            found.sort();
            (found != copies).then(|| format!("{line}: old holds {found:?}"))
        });
        drop(outcome);
    }
    for (line, complaint) in [
        ("cp a.html b.html star", "cp: \"REMOTE/star\" is not a directory"),
        ("cp none* old", "stat remote: No such file or directory: \"REMOTE/none*\""),
        ("cp site old", "Cannot copy non-regular file: REMOTE/site"),
        (
            "cp -r site site/sub",
            "Couldn't copy file \"REMOTE/site\" to \"REMOTE/site/sub/site\": the copy would be in its source",
        ),
        (
            "cp -r site site/new",
            "Couldn't copy file \"REMOTE/site\" to \"REMOTE/site/new\": the copy would be in its source",
        ),
        ("cp a.html a.html", "Couldn't copy file \"REMOTE/a.html\" to \"REMOTE/a.html\": they are the same file"),
    ] {
        shell().types(line).as_batch().exits(1).complains(&[complaint]).remote_still_has("a.html");
    }
}

#[test]
fn a_tree_is_copied_with_its_modes_and_links() {
    for (line, top) in [("cp -r site new", "new"), ("cp -r site old", "old/site"), ("cp -r site/ old", "old/site")] {
        let outcome = shell().types("chmod 500 site/sub").types(line).as_batch().succeeds();
        outcome
            .remote_file(&format!("{top}/index"), "i")
            .remote_mode(&format!("{top}/index"), 0o640)
            .remote_file(&format!("{top}/sub/deep"), "d")
            .remote_mode(&format!("{top}/sub"), 0o500)
            .remote_still_has("site/index")
            .holds(|world| {
                let target = world.remote().join(top).join("link").read_link().ok();
                (target.as_deref() != Some("index".as_ref())).then(|| format!("the link leads to {target:?}"))
            });
    }
    // The rest is copied.
    let remote = Remote::with([Entry::file("t/a", "a"), Entry::file("t/c", "c")]);
    let fifo = |world: &crate::support::World| {
        rustix::fs::mkfifoat(rustix::fs::CWD, world.remote().join("t/b"), rustix::fs::Mode::RUSR).unwrap();
    };
    let outcome = Shell::on(remote).prepare(fifo).types("cp -r t u").as_batch().exits(1);
    outcome.complains(&["Cannot copy non-regular file: REMOTE/t/b"]).remote_file("u/a", "a").remote_file("u/c", "c");
}

#[test]
fn rm_f_ignores_what_is_missing() {
    let removed = shell().types("@rm -f gone a.html none*").succeeds().quietly();
    removed.answers(&["Removing REMOTE/a.html"]).remote_lacks("a.html");
    shell().types("rm -rf gone site").as_batch().succeeds().quietly().remote_lacks("site");
    shell().types("rm -f site").as_batch().exits(1).reports("remote delete REMOTE/site: Failure");
}

#[test]
fn rm_i_asks_for_each_name() {
    let terminal = shell().at_a_terminal().types("rm -i *.html site");
    let terminal = terminal.answers("Remove a.html (y/n)? ", "y").answers("Remove b.html (y/n)? ", "");
    let terminal = terminal.answers("Remove site (y/n)? ", "n").at_the_prompt().types("bye");
    terminal.ends_with(0).remote_lacks("a.html").remote_still_has("b.html").remote_still_has("site/index");
    shell().types("rm -i a.html").as_batch().exits(1).complains(&["rm: -i needs a terminal"]).remote_has("a.html");
    shell().types("rm -if a.html").as_batch().succeeds().remote_lacks("a.html");
}

/// Presses Enter after a line that was typed by hand, and answers the question.
fn asked(terminal: Terminal, line: &str, answer: &str) -> Terminal {
    let question = "This removes more than 3 names. Go on (y/n)? ";
    terminal.types_by_hand(line).presses(Key::Enter).answers(question, answer).at_the_prompt()
}

// difference: many-removals
#[test]
fn a_person_is_asked_before_many_names_are_removed() {
    let few = |shell: Shell| shell.at_a_terminal().types("set confirm-removals 3");
    let kept = asked(few(shell()), "rm -r site old", "n").sees("rm: nothing was removed").types("bye");
    kept.ends_with(0).remote_still_has("site/index");
    let kept = asked(few(shell()), "rm *", "").types("bye").ends_with(0);
    kept.remote_still_has("a.html");
    asked(few(shell()), "rm -r site", "yes").types("bye").ends_with(0).remote_lacks("site");
    // Few names, -f, a line that a program types, and a script need no answer.
    for line in ["rm -r site/sub", "rm -rf site/sub old st*"] {
        let terminal = few(shell()).types_by_hand(line).presses(Key::Enter).sees("Removing ").at_the_prompt();
        until("the directory to be gone", || !terminal.world().remote().join("site/sub").exists());
    }
    few(shell())
        .at_the_prompt()
        .sends(b"rm -r site\r")
        .sees("Removing ")
        .at_the_prompt()
        .types("bye")
        .ends_with(0)
        .remote_lacks("site");
    let script = shell().types("set confirm-removals 1").types("rm -r site");
    script.as_batch().succeeds().quietly().remote_lacks("site");
    for (line, value) in [("set confirm-removals", "1000"), ("@set confirm-removals off\n@set confirm-removals", "off")]
    {
        shell().types(line).prints_line(value);
    }
}

#[test]
fn the_root_and_the_way_back_are_never_removed() {
    for (line, why) in [
        ("rm -r /", "rm: \"/\" is not removed: everything on the server is in it"),
        ("rm -rf //", "rm: \"/\" is not removed: everything on the server is in it"),
        ("rm -r .", "rm: \"REMOTE/.\" is not removed: name a directory by its own name"),
        ("rm -rf site/..", "rm: \"REMOTE/site/..\" is not removed: name a directory by its own name"),
        ("rm -r site/../", "rm: \"REMOTE/site/../\" is not removed: name a directory by its own name"),
    ] {
        shell().types(line).as_batch().exits(1).complains(&[why]).remote_still_has("site/index");
    }
}
