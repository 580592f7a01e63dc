//! Features for scripts: the place of a failure, whether the run continues, commands on the command line.

use crate::support::{Entry, Mode, PATIENCE, Remote, Running, Shell};

fn shell() -> Shell {
    Shell::on(Remote::with(["notes.txt", "two words", "site/index.html"]))
}

/// Runs with these commands on the command line instead of lines on stdin.
fn commands(options: &[&str]) -> Shell {
    shell().with_args(options)
}

#[test]
fn a_batch_that_fails_names_the_script_the_line_and_the_command() {
    let lines = "# one\n\n  -rm nothing\nput a.txt # no such file\r\nrm notes.txt\n";
    let told = [
        "stat a.txt: No such file or directory",
        "WORLD/batch:4: put a.txt # no such file: failed, and the script ends here",
    ];
    let outcome = shell().types_bytes(lines.as_bytes()).as_batch().exits(1).remote_still_has("notes.txt");
    let lines_told: Vec<_> = outcome.stderr().lines().collect();
    assert!(lines_told.ends_with(&told), "{lines_told:#?}");
    shell()
        .types("pwd 'x")
        .as_batch_on_stdin()
        .exits(1)
        .complains(&["Unterminated quoted argument: the quote at column 5 is not closed"])
        .reports("\nstdin:1: pwd 'x: failed, and the script ends here\n");
    // If no later line depends on it, nothing is printed.
    shell().types("put a.txt").succeeds().complains(&told[..1]);
    shell().types("-put a.txt").as_batch().succeeds().complains(&told[..1]);
}

// difference: nul-bytes
#[test]
fn whatever_is_wrong_with_a_line_its_number_is_told() {
    for (lines, place) in [
        (&b"version\nfrobnicate\nmkdir never\n"[..], "2: frobnicate"),
        (b"\xef\xbb\xbf# a comment\r\n\r\nput 'x\r\nmkdir never\r\n", "3: put 'x"),
        (b"get a\\\nmkdir never\n", "1: get a\\"),
        (b"@version\n@ rm a\0b\nmkdir never", "2: rm a\\000b"),
        (b"-frobnicate\nls -l nothing", "2: ls -l nothing"),
        (b"\n\n\xff\xfe\x80\nmkdir never\n", "3: \\377\\376\\200"),
    ] {
        shell()
            .types_bytes(lines)
            .as_batch()
            .exits(1)
            .remote_lacks("never")
            .reports(&format!("\nWORLD/batch:{place}: failed, and the script ends here\n"));
    }
}

#[test]
fn the_command_is_shown_printable_and_short() {
    let line = format!("\x1b[2J{}", "x".repeat(200));
    let shown = format!("WORLD/batch:1: \\033[2J{}...: failed, and the script ends here\n", "x".repeat(116));
    shell().types(&line).as_batch().exits(1).reports(&shown);
}

// difference: own-options
#[test]
fn keep_going_does_the_rest_and_ends_with_1() {
    for mode in [Mode::BatchFile, Mode::BatchOnStdin, Mode::Piped] {
        let script = if mode == Mode::BatchFile { "WORLD/batch" } else { "stdin" };
        shell()
            .types("frobnicate")
            .types("mkdir a")
            .types("rm nothing notes.txt")
            .types("bye")
            .types("mkdir b")
            .in_mode(mode)
            .with_args(["--keep-going"])
            .exits(1)
            .remote_holds(&["a/", "site/", "site/index.html", "two words"])
            .reports(&format!("\n{script}:1: frobnicate: failed\n"))
            .reports(&format!("\n{script}:3: rm nothing notes.txt: failed\n"));
        shell().types("-frobnicate").types("mkdir a").in_mode(mode).with_args(["--keep-going"]).succeeds();
    }
}

// difference: own-options
#[test]
fn strict_makes_a_batch_of_what_is_piped_in() {
    let strict = || shell().with_args(["--strict"]);
    strict()
        .types("get notes.txt")
        .types("frobnicate")
        .types("mkdir a")
        .exits(1)
        .remote_lacks("a")
        .complains(&["Invalid command. There is no \"frobnicate\"."])
        .reports("\nstdin:2: frobnicate: failed, and the script ends here\n");
    let quiet = strict().types("get notes.txt").succeeds();
    quiet.stdout_is("sftp> get notes.txt\n").stderr_is("").local_has("notes.txt");
    shell().types("frobnicate").types("mkdir a").succeeds().remote_has("a");
}

// difference: own-options
#[test]
fn commands_are_given_by_e() {
    commands(&["-e", "mkdir a; mkdir 'b;c'", "-emkdir\td"]).succeeds().stdout_is("").quietly().remote_holds(&[
        "a/",
        "b;c/",
        "d/",
        "notes.txt",
        "site/",
        "site/index.html",
        "two words",
    ]);
    commands(&["-e", "ls -1; get notes.txt"])
        .succeeds()
        .stdout_is("notes.txt\nsite\ntwo words\nFetching REMOTE/notes.txt to notes.txt\n");
    commands(&["-e", "mkdir a; rmdir nothing; mkdir b"])
        .exits(1)
        .remote_has("a")
        .remote_lacks("b")
        .complains(&["remote rmdir \"REMOTE/nothing\": No such file or directory"])
        .reports("\n-e:2: rmdir nothing: failed, and the script ends here\n");
    commands(&["-e", "-rmdir nothing; mkdir b"]).succeeds().remote_has("b");
    commands(&["--keep-going", "-e", "rmdir nothing; mkdir b"]).exits(1).remote_has("b");
    commands(&["-e", ""]).succeeds().stdout_is("");
}

#[test]
fn what_needs_no_stdin_leaves_it_to_the_next_program() {
    let batch = shell().types("version").as_batch();
    let fetch = Shell::on(Remote::with(["notes.txt"]).over_ssh()).to(["server:notes.txt"]);
    for shell in [batch, commands(&["-e", "version"]), fetch] {
        let mut running = Running::start(&mut shell.command_in("\"$0\" \"$@\"; cat"), PATIENCE);
        running.types("left alone");
        let said = String::from_utf8(running.finish().stdout).unwrap();
        assert!(said.ends_with("\nleft alone\n"), "{said}");
    }
}

// difference: command-behind-host
#[test]
fn one_command_stands_behind_two_dashes() {
    let remote = || Remote::with(["notes.txt", "two words", "docs/a", "docs/b"]).over_ssh();
    let run = |words: &[&str]| Shell::on(remote()).to(words);
    run(&["server", "--", "ls", "-1", "docs"]).succeeds().stdout_is("docs/a\ndocs/b\n").quietly();
    run(&["server", "--", "ls", "-1", "*s*"]).succeeds().stdout_is("docs/\nnotes.txt\ntwo words\n");
    run(&["server:docs", "--", "ls", "-1"]).succeeds().prints("\na\nb\n");
    run(&["server", "--", "rm", "two words"]).succeeds().remote_lacks("two words").remote_has("notes.txt");
    run(&["server", "--", "mkdir", "it's \"#\" ;"]).succeeds().remote_has("it's \"#\" ;");
    run(&["server", "--", "cd", "nowhere"])
        .exits(1)
        .complains(&["stat remote: No such file or directory: \"REMOTE/nowhere\""]);
    run(&["server", "--", "frobnicate"]).exits(1);
    run(&["server:nowhere", "--", "ls"]).exits(1).stdout_is("Changing to: REMOTE/nowhere\n");
    run(&["server", "--", "lls", "-d", "."]).succeeds().stdout_is(".\n");
    run(&["server", "--", "!", "echo", "a  b;c"]).succeeds().stdout_is("a  b;c\n");
    run(&["server", "--", "!exit 3"]).succeeds().reports("Shell exited with status 3");
}

// difference: surplus-words
#[test]
fn what_stands_behind_the_destination_and_has_no_effect_is_said() {
    let run = |words: &[&str]| Shell::on(Remote::empty().over_ssh()).to(words).types("pwd");
    run(&["server", "-v"]).succeeds().complains(&["\"-v\" after the destination has no effect: nothing is fetched"]);
    run(&["server", "-v"]).with_args(["-q"]).succeeds().stderr_is("");
    run(&["server", "--strict"])
        .exits(1)
        .stdout_is("")
        .complains(&["\"--strict\" is after the destination, where options have no effect"]);
    run(&["server", "-P", "22"])
        .exits(1)
        .stdout_is("")
        .complains(&["\"-P\" is after the destination, where options have no effect"]);
}

// difference: own-options
#[test]
fn local_programs_can_be_switched_off() {
    for line in ["!touch made", "lls .; touch made", "!", " -@!touch made"] {
        let outcome = shell().types(line).types("version").with_args(["--no-shell-escape"]).succeeds();
        outcome
            .complains(&["Local programs are switched off by --no-shell-escape"])
            .prints("SFTP protocol version 3")
            .local_holds(&[]);
    }
    shell()
        .types("!touch made")
        .types("mkdir a")
        .as_batch()
        .with_args(["--no-shell-escape"])
        .exits(1)
        .remote_lacks("a");
    shell().types("!touch made").types("lls").succeeds().local_has("made");
}

#[test]
fn a_wildcard_may_match_a_hundred_thousand_files() {
    let shell = shell().here([Entry::directory("many")]).prepare(|world| {
        let many = world.local().join("many");
        for at in 0..100_000 {
            std::fs::File::create(many.join(format!("{at:06}"))).unwrap();
        }
    });
    shell
        .types("put many/* notes.txt")
        .types("version")
        .succeeds()
        .complains(&["Multiple paths match, but destination \"REMOTE/notes.txt\" is not a directory"])
        .prints("SFTP protocol version 3")
        .remote_still_has("notes.txt");
}
