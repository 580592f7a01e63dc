//! Names of all kinds survive both directions: blanks, stars, quotes, backslashes, umlauts, and bytes that are not
//! UTF-8.

use crate::support::{Entry, Mode, Outcome, Remote, Shell};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

/// A name, and the form in which it is typed.
const NAMES: &[(&[u8], &[u8])] = &[
    (b"two words", b"\"two words\""),
    (b"two words", b"two\\ words"),
    (b" edge ", b"' edge '"),
    (b"star*", b"star\\*"),
    (b"star*", b"\"star*\""),
    (b"what?", b"'what?'"),
    (b"[set]", b"\\[set]"),
    (b"{a,b}", b"'{a,b}'"),
    (b"say \"hi\"", b"'say \"hi\"'"),
    (b"say \"hi\"", b"\"say \\\"hi\\\"\""),
    (b"it's", b"\"it's\""),
    (b"it's", b"it\\'s"),
    (b"back\\slash", b"back\\\\slash"),
    (b"end\\", b"end\\\\"),
    (b"hash#tag", b"'hash#tag'"),
    (b"#", b"\\#"),
    ("Äpfel".as_bytes(), "Äpfel".as_bytes()),
    ("日本語".as_bytes(), "日本語".as_bytes()),
    ("e\u{301}".as_bytes(), "e\u{301}".as_bytes()),
    (b"latin-\xe4\xf6", b"latin-\xe4\xf6"),
    (b"\xff\xfe", b"\"\xff\xfe\""),
    (b"-r", b"./-r"),
    (b"$HOME `id` $(id)", b"'$HOME `id` $(id)'"),
    (b";&|<>!", b"';&|<>!'"),
    (b"tab\tnew\x1besc", b"'tab\tnew\x1besc'"),
    (b"~", b"./~"),
    (b".hidden", b".hidden"),
];

fn path(outcome: &Outcome, side: &str, name: &[u8]) -> std::path::PathBuf {
    outcome.the_world().root().join(side).join(OsStr::from_bytes(name))
}

/// Returns all names in a directory, sorted by bytes.
fn listed(outcome: &Outcome, side: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(path(outcome, side, b"")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().as_bytes().to_vec()).collect();
    names.sort();
    names
}

/// Returns a file with its own contents for each name.
fn files() -> Vec<Entry> {
    let mut names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| Entry::file(name, [name, b"!"].concat())).collect()
}

#[test]
fn one_by_one_they_are_fetched() {
    for (name, typed) in NAMES {
        let line = [b"get ", *typed, b"\n"].concat();
        let outcome = Shell::on(Remote::with(files())).in_mode(Mode::BatchOnStdin).types_bytes(&line).run();
        assert_eq!(listed(&outcome, "local"), [name.to_vec()], "{}\n{}", line.escape_ascii(), outcome.stderr());
        let fetched = fs::read(path(&outcome, "local", name)).unwrap();
        assert_eq!(fetched, [*name, b"!"].concat(), "{}", line.escape_ascii());
        outcome.succeeds();
    }
}

#[test]
fn one_by_one_they_are_sent() {
    for (name, typed) in NAMES {
        let line = [b"put ", *typed, b"\n"].concat();
        let outcome = Shell::on(Remote::empty()).here(files()).in_mode(Mode::BatchOnStdin).types_bytes(&line).run();
        assert_eq!(listed(&outcome, "remote"), [name.to_vec()], "{}\n{}", line.escape_ascii(), outcome.stderr());
        outcome.succeeds();
    }
}

#[test]
fn by_a_star_all_are_fetched_and_sent() {
    let fetched = Shell::on(Remote::with(files())).as_batch().types("get *").types("get .h*").succeeds();
    let sent = Shell::on(Remote::empty()).here(files()).as_batch().types("put *").types("put .h*").succeeds();
    for (outcome, source, target) in [(&fetched, "remote", "local"), (&sent, "local", "remote")] {
        assert_eq!(listed(outcome, source), listed(outcome, target));
        for name in listed(outcome, source) {
            assert_eq!(fs::read(path(outcome, target, &name)).unwrap(), [name.as_slice(), b"!"].concat());
        }
    }
}

#[test]
fn with_their_tree_they_are_fetched_and_sent() {
    let tree = || files().into_iter().map(|file| file.beneath("tree")).chain([Entry::file(b"tree/d\xe4r/x", "x")]);
    let fetched = Shell::on(Remote::with(tree())).as_batch().types("get -r tree").succeeds();
    let sent = Shell::on(Remote::empty()).here(tree()).as_batch().types("put -r tree").succeeds();
    for (outcome, source, target) in [(&fetched, "remote", "local"), (&sent, "local", "remote")] {
        let tree = |side: &str| listed(outcome, &format!("{side}/tree"));
        assert_eq!(tree(source), tree(target));
        assert_eq!(fs::read(path(outcome, target, b"tree/d\xe4r/x")).unwrap(), b"x");
    }
}

#[test]
fn one_by_one_they_are_renamed_and_removed() {
    for (name, typed) in NAMES {
        let lines =
            [b"rename ", *typed, b" plain\nrename plain ", *typed, b"\nchmod 600 ", *typed, b"\nrm ", *typed, b"\n"]
                .concat();
        let outcome =
            Shell::on(Remote::with([Entry::file(name, "x")])).in_mode(Mode::BatchOnStdin).types_bytes(&lines).run();
        assert_eq!(listed(&outcome, "remote"), Vec::<Vec<u8>>::new(), "{}\n{}", lines.escape_ascii(), outcome.stderr());
        outcome.succeeds();
    }
}

#[test]
fn what_is_shown_of_them_is_printable() {
    let outcome = Shell::on(Remote::with(files())).as_batch().types("ls -1a").types("ls -la").succeeds();
    let invalid = |bytes: &[u8]| bytes.iter().copied().find(|byte| *byte < b' ' && *byte != b'\n' || *byte == 0x7f);
    assert_eq!(invalid(outcome.raw_stdout()), None, "{}", outcome.stdout());
    assert!(std::str::from_utf8(outcome.raw_stdout()).is_ok());
    outcome.prints_line("latin-\\344\\366").prints_line("tab\\011new\\033esc").prints_line("Äpfel");
}
