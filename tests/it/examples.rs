//! The examples of help and README, run: each does what it says.

use self::Effect::{Local, Mode, NoLocal, NoRemote, Prints, PrintsNo, There};
use crate::support::{Entry, Outcome, Remote, Shell};

/// What an example leads to.
#[derive(Clone, Copy)]
enum Effect {
    Prints(&'static str),
    PrintsNo(&'static str),
    /// This exists on the server then.
    There(&'static str),
    NoRemote(&'static str),
    Local(&'static str),
    NoLocal(&'static str),
    Mode(&'static str, u32),
}

/// Every line that help or README shows, with its effects.
const LINES: &[(&str, &[Effect])] = &[
    ("cd www", &[Prints("REMOTE/www")]),
    ("cd -", &[Prints("REMOTE\n")]),
    ("chmod 644 *.html", &[Mode("index.html", 0o644)]),
    ("chmod go-w notes.txt", &[Mode("notes.txt", 0o644)]),
    ("chown 1000 *.log", &[]),
    ("chgrp 100 *.log", &[]),
    ("cp index.html index.html.bak", &[There("index.html.bak"), There("index.html")]),
    ("df -h", &[Prints("Avail")]),
    ("du -sh *", &[Prints("big.log"), Prints("site"), PrintsNo("site/a")]),
    ("du -h -d 1 /srv", &[Prints("/srv")]),
    ("find -name '*.log' -size +10M", &[Prints("big.log"), PrintsNo("a.log"), PrintsNo("notes")]),
    ("find /srv -type f -newer-than 2d", &[]),
    ("get messages.*", &[Local("messages.1"), Local("messages.2"), NoLocal("a.tmp")]),
    ("get notes.txt copy.txt", &[Local("copy.txt")]),
    ("get -r site backup", &[Local("backup/a"), Local("backup/x.o")]),
    ("get -r --exclude *.o site", &[Local("site/a"), NoLocal("site/x.o")]),
    ("get -r --exclude '*.o' site", &[Local("site/a"), NoLocal("site/x.o")]),
    ("get -r --exclude '*.o' --include keep.o site", &[Local("site/keep.o"), NoLocal("site/x.o")]),
    ("help get", &[Prints("Usage: get")]),
    ("ln notes.txt again.txt", &[There("again.txt")]),
    ("ln -s notes.txt link", &[There("link")]),
    ("ls -l", &[Prints("notes.txt"), Prints("-rw-")]),
    ("ls -1tr *.log", &[Prints("a.log\n"), PrintsNo("notes.txt")]),
    ("ls --json *.log", &[Prints("\"name\":\"a.log\""), PrintsNo("notes.txt")]),
    ("ls {src,tests}/*.rs", &[Prints("src/a.rs"), Prints("tests/b.rs")]),
    ("mkdir photos", &[There("photos")]),
    ("mkdir -p a/b/c", &[There("a/b/c")]),
    ("put *.html", &[There("a.html"), NoRemote("mine.txt")]),
    ("put notes.txt docs", &[There("docs/notes.txt")]),
    ("put -r site www", &[There("www/site/mine")]),
    ("put -r --exclude *.o site", &[There("site/mine"), NoRemote("site/y.o")]),
    ("put -r --exclude '*.o' site", &[There("site/mine"), NoRemote("site/y.o")]),
    ("rename draft.txt final.txt", &[There("final.txt"), NoRemote("draft.txt")]),
    ("rm *.tmp", &[NoRemote("a.tmp"), There("a.log")]),
    ("rm -r old", &[NoRemote("old")]),
    ("set", &[Prints("jobs")]),
    ("set limit 5M", &[Prints("limit     5M")]),
    ("set limit off", &[Prints("limit     off")]),
    ("set jobs 4", &[Prints("jobs      4")]),
    ("set retry 10", &[Prints("retry     10")]),
    ("set sizes estimate", &[Prints("sizes     estimate")]),
    ("set progress plain", &[Prints("progress  plain")]),
    ("!wc -l *.log", &[Prints("a.log")]),
    ("lls -lt", &[Prints("a.html")]),
];

fn run(line: &str) -> Outcome {
    let files = ["messages.1", "messages.2", "index.html", "draft.txt", "a.tmp", "a.log", "old/x"];
    let trees = ["site/a", "site/x.o", "site/keep.o", "www/", "docs/", "src/a.rs", "tests/b.rs"];
    let odd = [Entry::sized("big.log", 11 << 20), Entry::file("notes.txt", "notes").mode(0o666)];
    let before = if line == "cd -" { "cd www" } else { "lpwd" };
    let after = if line.starts_with("set ") { "set" } else { "pwd" };
    let shell = Shell::on(Remote::with(files).and(trees).and(odd));
    let shell = shell.here(["a.log", "a.html", "mine.txt", "notes.txt", "site/mine", "site/y.o"]);
    shell.types(before).types(line).types(after).as_batch().succeeds().quietly()
}

#[test]
fn every_example_does_what_it_says() {
    for (line, effects) in LINES {
        if line.starts_with("ch") && line.contains("*.log") && !rustix::process::geteuid().is_root() {
            continue;
        }
        effects.iter().fold(run(line), |outcome, effect| match *effect {
            Prints(text) => outcome.prints(text),
            PrintsNo(text) => outcome.prints_no(text),
            There(path) => outcome.remote_has(path),
            NoRemote(path) => outcome.remote_lacks(path),
            Local(path) => outcome.local_has(path),
            NoLocal(path) => outcome.local_lacks(path),
            Mode(path, mode) => outcome.remote_mode(path, mode),
        });
    }
}

#[test]
fn every_example_is_tried() {
    let tried = |line: &str| LINES.iter().any(|(known, _)| *known == line);
    for entry in sftpsh::commands::COMMANDS {
        for example in entry.examples {
            assert!(tried(example.line), "the help of {} shows {:?}", entry.name(), example.line);
        }
    }
    // In the README, what has a command with a value in it.
    let readme = include_str!("../../README.md");
    for span in readme.split('`').skip(1).step_by(2).filter(|span| span.contains(' ') && !span.contains('\n')) {
        let name = span.split(' ').next().unwrap_or_default();
        let is_whole = !span.split(' ').next_back().is_some_and(|last| last.starts_with('-')) && !span.contains('…');
        if is_whole && sftpsh::commands::COMMANDS.iter().any(|entry| entry.name() == name) {
            assert!(tried(span), "README.md shows {span:?}");
        }
    }
    assert!(readme.contains("`--exclude '*.o' --include keep.o`"));
}
