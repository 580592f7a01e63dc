//! Words with a special meaning: quoted patterns, a leading tilde, and operators of other shells; also the examples
//! of help and README, which consist of words.

use crate::support::{Key, Outcome, Remote, Shell};
use std::fs;

const TREE: [&str; 4] = ["t/a.bin", "t/b.txt", "t/sub/c.bin", "t/sub/d.log"];

/// All ways to write a pattern as an option's value.
const WAYS: [&str; 8] = [
    "--exclude *.bin",
    "--exclude '*.bin'",
    "--exclude \"*.bin\"",
    "--exclude \\*.bin",
    "--exclude '*'.bin",
    "--exclude=*.bin",
    "--exclude='*.bin'",
    "--exclude '?.b[i]n'",
];

#[test]
fn a_quoted_pattern_of_an_option_is_a_pattern() {
    for way in WAYS {
        let left = ["t/", "t/b.txt", "t/sub/", "t/sub/d.log"];
        let fetching = || Shell::on(Remote::with(TREE)).types(&format!("get -r {way} t"));
        fetching().as_batch().succeeds().local_holds(&left);
        let sending = || Shell::on(Remote::empty()).here(TREE);
        sending().types(&format!("put -r {way} t")).as_batch().succeeds().remote_holds(&left);
        sending().with_args(["-e", &format!("put -r {way} t; pwd")]).succeeds().remote_holds(&left);
        let typed = sending().at_a_terminal().types(&format!("put -r {way} t")).types("bye");
        typed.ends_with(0).remote_holds(&left);
    }
}

#[test]
fn find_takes_quoted_patterns() {
    for line in
        ["find -name '*.bin'", "find -name *.bin", "find --name \"*.bin\"", "find -iname '*.BIN'", "find -name='*.bin'"]
    {
        let outcome = Shell::on(Remote::with(TREE)).types(line).as_batch().succeeds();
        outcome.prints_line("t/a.bin").prints_line("t/sub/c.bin").prints_no("txt");
    }
}

// difference: tilde
#[test]
fn a_tilde_is_the_home_in_every_local_word() {
    let shell = || {
        Shell::on(Remote::with(["file", "t/a.o", "t/b.c"])).here(["f"]).prepare(|world| {
            fs::create_dir(world.home().join("dir")).unwrap();
            fs::write(world.home().join("mine"), "mine").unwrap();
            fs::write(world.home().join("rules"), "*.o\n").unwrap();
        })
    };
    let at_home = |outcome: Outcome, name: &'static str| {
        outcome.holds(move |world| (!world.home().join(name).exists()).then(|| format!("~/{name} is missing")))
    };
    shell().types("put ~/mine").as_batch().succeeds().remote_has("mine");
    shell().types("put ~/m*e x").as_batch().succeeds().remote_has("x");
    shell().types("put ~/{mine,rules} .").as_batch().succeeds().remote_has("mine").remote_has("rules");
    at_home(shell().types("get file ~").as_batch().succeeds(), "file");
    at_home(shell().types("get file ~/dir/").as_batch().succeeds(), "dir/file");
    at_home(shell().types("get file ~/'a b'").as_batch().succeeds(), "a b");
    at_home(shell().types("get -o ~/dir file").as_batch().succeeds(), "dir/file");
    at_home(shell().types("lmkdir ~/new").as_batch().succeeds(), "new");
    shell().types("get -r --exclude-from ~/rules t").as_batch().succeeds().local_lacks("t/a.o").local_has("t/b.c");
    shell().types("get -r --exclude-from=~/rules t").as_batch().succeeds().local_lacks("t/a.o");
    shell().types("lcd ~/dir").types("lpwd").as_batch().succeeds().prints("HOME/dir");
    let typed =
        shell().at_a_terminal().at_the_prompt().keys_in("put ~/mi").presses(Key::Tab).line_is("sftp> put ~/mine ");
    typed.presses(Key::Enter).types("bye").ends_with(0).remote_has("mine");
}

#[test]
fn a_tilde_that_is_quoted_or_elsewhere_is_a_name() {
    for (line, name) in [
        ("get file '~'", "~"),
        ("get file \\~x", "~x"),
        ("get file ./~", "~"),
        ("get file a~", "a~"),
        ("get file ~no-such-user-here", "~no-such-user-here"),
        ("get file '~$doc.docx'", "~$doc.docx"),
    ] {
        Shell::on(Remote::with(["file"])).types(line).as_batch().succeeds().local_holds(&[name]);
    }
    // On the server it is an ordinary name.
    Shell::on(Remote::with(["~"]))
        .types("get ~ x")
        .types("rm ~")
        .as_batch()
        .succeeds()
        .local_has("x")
        .remote_lacks("~");
}

const OPERATORS: [&str; 12] = ["|", "||", "|&", ">", ">>", "<", "<<", "2>", "&", "&&", ";", "2>&1"];

// difference: operators
#[test]
fn operators_of_shells_are_refused_unless_they_are_quoted() {
    for operator in OPERATORS {
        let shell = || Shell::on(Remote::with(["file"])).here([(operator, "here"), ("x", "x")]);
        for line in [format!("get file {operator}"), format!("get file {operator} y"), format!("put x {operator}  # z")]
        {
            // -e gives the semicolon a meaning; everywhere else it is an error too.
            let outcome = shell().types(&line).as_batch().exits(1);
            outcome.reports(" not supported: ").local_file(operator, "here").local_lacks("y").remote_holds(&["file"]);
        }
        for quoted in [format!("'{operator}'"), format!("\"{operator}\"")] {
            let line = format!("put {quoted}");
            shell().types(&line).as_batch().succeeds().remote_file(operator, "here");
        }
    }
    Shell::on(Remote::with(["a&b", "x|y"]))
        .types("get a&b")
        .types("get x|y")
        .as_batch()
        .succeeds()
        .local_holds(&["a&b", "x|y"]);
    Shell::on(Remote::empty()).types("!echo a | tr a b > c && cat c").as_batch().succeeds().prints_line("b");
}
