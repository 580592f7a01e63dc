//! `less`, `more`, `zless` and `zcat`: pages at a terminal, and the bytes elsewhere.

use crate::support::{Entry, Key, Remote, Shell, World};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::Write;

fn gzip(contents: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(contents.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn lines(count: u32) -> String {
    (1..=count).map(|number| format!("line {number}\n")).collect()
}

fn shell() -> Shell {
    Shell::on(Remote::with([
        Entry::file("one", "1\n"),
        Entry::file("odd", "a\x1b[2Jb\n"),
        Entry::file("many", lines(200_000)),
        Entry::file("many.gz", gzip(&lines(200_000))),
        Entry::file("two.gz", [gzip("a\n"), gzip("b\n")].concat()),
        Entry::file("half.gz", &gzip(&lines(2000))[..3000]),
        Entry::file("wrong.gz", b"\x1f\x8bnonsense"),
        Entry::file("empty", ""),
    ]))
}

#[test]
fn without_a_terminal_they_show_the_bytes() {
    for (line, stdout) in [
        ("@less one odd", "1\na\x1b[2Jb\n"),
        ("@more one", "1\n"),
        ("@zless two.gz one", "a\nb\n1\n"),
        ("@zcat two.gz", "a\nb\n"),
        ("@zcat one empty two.*", "1\na\nb\n"),
        ("@zcat many.gz", &lines(200_000)),
    ] {
        shell().env("PAGER", "false").types(line).as_batch().succeeds().stdout_is(stdout);
    }
    // No one pages in a script.
    for script in [&["-e", "less one"][..], &["-e", "zless one"]] {
        shell().env("PAGER", "false").with_args(script).at_a_terminal().sees("1").ends_with(0);
    }
}

#[test]
fn damaged_data_is_a_failure() {
    for (name, beginning) in [("half.gz", "line 1\nline 2\n"), ("wrong.gz", "")] {
        let complaint = format!("\"{name}\": the compressed data is damaged or ends too early");
        shell().types(&format!("@zcat {name}")).as_batch().exits(1).complains(&[&complaint]).prints(beginning);
        let line = format!("zless one {name}");
        shell().env("PAGER", "cat").at_a_terminal().types(&line).sees("==> one <==\n1\n").sees(&complaint);
    }
}

/// A file of ten gigabytes, of which a pager reads as much as it shows.
fn large(pager: &str) -> Shell {
    let grow = |world: &World| File::create(world.remote().join("big")).unwrap().set_len(10 << 30).unwrap();
    shell().prepare(grow).env("PAGER", pager)
}

#[test]
fn a_pager_that_ends_ends_the_reading() {
    large("head -n 2").at_a_terminal().types("less many").sees("line 1\nline 2\nsftp> ").types("bye").ends_with(0);
    for pager in ["head -c 20", "true", "sh -c 'exec <&-; read key </dev/tty'"] {
        large(pager).at_a_terminal().types("less big").sends(b"\n").at_the_prompt().types("bye").ends_with(0);
    }
    // A server that no longer answers doesn't keep a pager that has ended.
    let silent = Remote::with([Entry::file("many", lines(200_000))]).lying("stall-at=150000");
    let pager = "sh -c 'head -c 100000 >/dev/null; echo READ; read key </dev/tty'";
    let terminal = Shell::on(silent).env("PAGER", pager).at_a_terminal().types("less many").sees("READ");
    terminal.sends(b"\n").at_the_prompt();
}

#[test]
fn less_pages_and_quits() {
    let terminal = large("less").at_a_terminal().types("less many").sees("line 23\n");
    let terminal = terminal.sends(b" ").sees("line 46\n").sends(b"q").at_the_prompt();
    assert!(!terminal.roll().contains("line 93"));
    terminal.types("zless many.gz").sees("line 23\n").sends(b"q").at_the_prompt().types("bye").ends_with(0);
}

#[test]
fn a_pager_gets_printable_text_and_names() {
    let terminal = shell().env("PAGER", "sed s/^/:/").at_a_terminal().types("less odd one");
    terminal.sees(":==> odd <==\n:a\\033[2Jb\n:==> one <==\n:1\nsftp>").types("bye").ends_with(0);
}

#[test]
fn ctrl_c_is_for_the_pager() {
    let pager = r#"sh -c 'trap "echo caught; exit" INT; echo ready; while read line; do :; done; while :; do read key </dev/tty; done'"#;
    let terminal = large(pager).at_a_terminal().types("less one").sees("ready");
    terminal.presses(Key::Ctrl('c')).sees("caught").at_the_prompt().types("bye").ends_with(0);
}

#[test]
fn failures_are_printed_when_the_screen_is_free() {
    let shell = || shell().env("PAGER", "sed s/^/:/");
    let terminal = shell().at_a_terminal().types("less gone one");
    terminal.sees(":1\nremote open(\"").sees("gone\"): No such file or directory\nsftp>");
    // No pager starts for nothing.
    let terminal = shell().env("PAGER", "echo started").at_a_terminal().types("less gone").sees("No such file");
    assert!(!terminal.at_the_prompt().roll().contains("started"));
    for (pager, complaint) in [
        ("/no/such", "PAGER=\"/no/such\": No such file or directory"),
        ("less 'x", "PAGER=\"less 'x\": a quote is not closed"),
    ] {
        shell().env("PAGER", pager).at_a_terminal().types("less one").sees(complaint).at_the_prompt();
    }
}

#[test]
fn without_local_programs_there_are_pages_of_our_own() {
    let terminal = shell().env("PAGER", "false").with_args(["--no-shell-escape"]).at_a_terminal_of(6, 60);
    let terminal = terminal.types("less many").sees("line 5\n--More--").presses(Key::Enter).sees("line 6\n--More--");
    let terminal = terminal.sends(b" ").sees("line 11\n--More--").sends(b"q").at_the_prompt();
    assert!(!terminal.roll().contains("line 12") && !terminal.roll().contains("--More--"));
    let terminal = terminal.types("less many").sees("--More--").presses(Key::Ctrl('c')).at_the_prompt();
    terminal.types("less one").sees("less one\n1\nsftp>").types("bye").ends_with(0);
}
