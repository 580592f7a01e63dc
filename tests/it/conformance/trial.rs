//! A row's run through a program: the world it gets, and what it made of it.

use super::row::{Row, Seen};
use crate::support::{Entry, PATIENCE, Remote, Running, World, sftp_server, user};
use rustix::fs::{AtFlags, Timespec, Timestamps};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// Every file of a world was changed at this time and as many seconds as its name's bytes add up to, so that a copied time shows.
const CHANGED: u64 = 1_000_000_000;

/// What lies there in every row.
const REMOTE: &[(&str, &str)] = &[
    ("a.txt", "12345"),
    ("b.txt", "b"),
    (".hid", "h"),
    ("dir/in", "1"),
    ("dir/.dot", "d"),
    ("dir/deep/f", "z"),
    ("sp ace", "s"),
    ("st*r", "star"),
    ("q\"uote", "q"),
    ("empty/", ""),
];
const REMOTE_LINKS: &[(&str, &str)] = &[("lnk", "a.txt"), ("dlnk", "dir"), ("dangle", "gone")];
const LOCAL: &[(&str, &str)] = &[("l1", "one"), ("l2", "two"), ("ldir/x/y", "y"), ("ldir/z", "z"), ("sp l", "s")];
const LOCAL_LINKS: &[(&str, &str)] = &[("ll", "l1"), ("lld", "ldir")];

/// What came of a run, with all bytes of stdout for a comparison to the letter.
pub(super) struct Trial {
    pub(super) seen: Seen,
    /// Our additions on stderr are among these, and no one's blanks are left out of stdout.
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Runs a row through `program`.
pub(super) fn run(row: &Row, program: &Path) -> Trial {
    let world = world(row);
    let before = tree(&world);
    let mut command = world.command(program);
    if !row.piped {
        command.args(["-b", "-", "-N"]);
    }
    command.arg("-D").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/conformance/server.sh"));
    command.env("ROW_SERVER", sftp_server()).env("ROW_DIRECTORY", world.remote());
    command.env("ROW_WORDS", row.server_words.join(" "));
    let mut running = Running::start(&mut command, PATIENCE);
    running.feeds((typed(row, &world) + "\n").into_bytes());
    let finished = running.finish();
    assert!(!finished.hung, "{} hung: {}", program.display(), row.name());
    let plain = |bytes: &[u8]| anonymous(&world.plain(&String::from_utf8_lossy(bytes)), row);
    let (stdout, stderr) = (plain(&finished.stdout), plain(&finished.stderr).replace('\r', ""));
    let lines = |text: &str, left_out: fn(&str) -> bool| {
        text.lines().map(|line| line.trim_end().to_owned()).filter(|line| !left_out(line)).collect()
    };
    let seen = Seen {
        stdout: lines(&stdout, |line| line.starts_with("sftp>")),
        stderr: lines(&stderr, is_ours),
        code: finished.code,
        files: changes(&before, &tree(&world)).iter().map(|change| world.plain(change)).collect(),
    };
    Trial { seen, stdout, stderr }
}

/// The lines, with the remote directory's path and the ids of who runs the tests.
fn typed(row: &Row, world: &World) -> String {
    row.typed
        .join("\n")
        .replace("REMOTE", &world.remote().to_string_lossy())
        .replace("MYUID", &rustix::process::geteuid().as_raw().to_string())
        .replace("MYGID", &rustix::process::getegid().as_raw().to_string())
}

/// Lines that only we say, or that name the server's program: the greeting, hints, the place in a script.
fn is_ours(line: &str) -> bool {
    let place = line.split(": ").next().and_then(|first| first.rsplit_once(':'));
    line.starts_with("Attached to ")
        || line.starts_with("hint: ")
        || place.is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn world(row: &Row) -> World {
    let entries = |files: &[(&str, &str)], links: &[(&str, &str)]| {
        let file = |(path, contents): &(&str, &str)| match path.strip_suffix('/') {
            Some(directory) => Entry::directory(directory),
            None => Entry::file(path, *contents).mode(0o640),
        };
        let links = links.iter().map(|(path, target)| Entry::link(path, target));
        files.iter().map(file).chain(links).collect::<Vec<_>>()
    };
    let (mut remote, mut local) = (entries(REMOTE, REMOTE_LINKS), entries(LOCAL, LOCAL_LINKS));
    for line in &row.before {
        match line.split_once('/').expect("remote/… or local/…") {
            ("remote", rest) => remote.push(entry(rest)),
            (_, rest) => local.push(entry(rest)),
        }
    }
    let world = World::build(Remote::with(remote), &local);
    for side in [world.remote(), world.local()] {
        age(&side);
    }
    world
}

/// `PATH CONTENTS`, `PATH` (empty), `PATH/` or `PATH -> TARGET`.
fn entry(line: &str) -> Entry {
    if let Some((path, target)) = line.split_once(" -> ") {
        return Entry::link(path, target);
    }
    match line.split_once(' ') {
        Some((path, contents)) => Entry::file(path, contents).mode(0o640),
        None if line.ends_with('/') => Entry::from(line),
        None => Entry::file(line, "").mode(0o640),
    }
}

/// Sets the times of everything to [`CHANGED`].
fn age(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => age(&entry.path()),
            _ => set_time(&entry.path()),
        }
    }
    set_time(directory);
}

fn set_time(path: &Path) {
    let name = path.file_name().unwrap().as_encoded_bytes();
    let seconds = CHANGED + name.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    let time = Timespec { tv_sec: seconds.cast_signed(), tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(rustix::fs::CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// Every path, with its kind, mode, time where it is not new, and contents.
fn tree(world: &World) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for side in ["local", "remote"] {
        grow(&world.root().join(side), side, &mut found);
    }
    found
}

fn grow(directory: &Path, shown: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let (path, shown) = (entry.path(), format!("{shown}/{}", entry.file_name().to_string_lossy()));
        let about = path.symlink_metadata().unwrap();
        if about.is_symlink() {
            found.insert(shown, format!("-> {}", fs::read_link(&path).unwrap().to_string_lossy()));
            continue;
        }
        let mode = about.permissions().mode() & 0o7777;
        let owner = if about.uid() == rustix::process::geteuid().as_raw() { "" } else { " (given away)" };
        if about.is_dir() {
            grow(&path, &shown, found);
            found.insert(shown + "/", format!("{mode:o}{owner}"));
            continue;
        }
        let age = about.mtime() - CHANGED.cast_signed();
        let old = if (0..1_000_000).contains(&age) { format!(" @{age}") } else { String::new() };
        let contents = fs::read(&path).unwrap();
        found.insert(shown, format!("{mode:o}{old}{owner} {}", String::from_utf8_lossy(&contents)));
    }
}

fn changes(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let gone = before.keys().filter(|path| !after.contains_key(*path)).map(|path| format!("- {path}"));
    let there = after.iter().filter_map(|(path, about)| match before.get(path) {
        None => Some(format!("+ {path} {about}")),
        Some(earlier) if earlier != about => Some(format!("~ {path} {about}")),
        Some(_) => None,
    });
    let mut changes: Vec<String> = gone.chain(there).collect();
    changes.iter_mut().for_each(|change| change.truncate(change.trim_end().len()));
    changes
}

/// The text without what differs from machine to machine: who runs the tests, and how full the disk is.
fn anonymous(text: &str, row: &Row) -> String {
    let owner = format!("{:<8} {:<8}", user(), group());
    let ids = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    // A directory's size is its file system's affair.
    let line = |line: &str| match line.split_whitespace().nth(4) {
        Some(size) if line.starts_with("drwx") => line.replacen(&format!("{size:>8} "), "    SIZE ", 1),
        _ => line.to_owned(),
    };
    let text: String = text.lines().map(|each| line(each) + "\n").collect();
    let text =
        text.replace(&owner, "OWNER    GROUP   ").replace(&format!("{:<8} {:<8}", ids.0, ids.1), "UID      GID     ");
    if !row.typed.iter().any(|line| line.starts_with("df")) {
        return text;
    }
    text.lines()
        .map(|line| if line.contains(">") || line.contains('"') { line.to_owned() } else { numberless(line) } + "\n")
        .collect()
}

/// `N` for each number, one blank for several.
fn numberless(line: &str) -> String {
    let word = |word: &str| {
        let rest = word.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
        if rest.len() < word.len() { "N".to_owned() } else { word.to_owned() }
    };
    line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

fn group() -> &'static str {
    static GROUP: OnceLock<String> = OnceLock::new();
    GROUP.get_or_init(|| {
        let output = Command::new("id").arg("-gn").output().expect("id(1) is everywhere");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    })
}
