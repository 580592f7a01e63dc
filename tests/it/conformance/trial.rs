//! Runs a row with a program: prepares its world and collects the result.

use super::row::{Row, Seen};
use crate::support::{Entry, PATIENCE, Remote, Running, World, sftp_server, user};
use rustix::fs::{AtFlags, Timespec, Timestamps};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// The base of all modification times in a world. Each file adds the sum of its name's bytes in seconds, so that a
/// copied time is recognized.
const CHANGED: u64 = 1_000_000_000;

/// Files that exist in every row.
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

/// The result of a run, with all bytes of stdout for an exact comparison.
pub(super) struct Trial {
    pub(super) seen: Seen,
    /// All of stdout with trailing blanks, and all of stderr with our additional lines.
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

/// Returns the lines, with the remote directory's path and the user's numbers inserted.
fn typed(row: &Row, world: &World) -> String {
    row.typed
        .join("\n")
        .replace("REMOTE", &world.remote().to_string_lossy())
        .replace("MYUID", &rustix::process::geteuid().as_raw().to_string())
        .replace("MYGID", &rustix::process::getegid().as_raw().to_string())
}

/// Returns whether a line is left out of the comparison because only our program prints it, or because it names the
/// server's program: greeting, hints, place in a script.
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

/// Sets all modification times to those of [`CHANGED`].
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

/// Returns all paths, with type, mode, time unless it is new, and contents.
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

/// Returns the text without parts that differ between machines: the user, and the free space of the disk.
fn anonymous(text: &str, row: &Row) -> String {
    let owner = format!("{:<8} {:<8}", user(), group());
    let ids = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    // A directory's size depends on its file system.
    let line = |line: &str| match line.split_whitespace().nth(4) {
        Some(size) if line.starts_with("drwx") => line.replacen(&format!("{size:>8} "), "    SIZE ", 1),
        _ => line.to_owned(),
    };
    let text: String = text.lines().map(|each| line(each) + "\n").collect();
    let text =
        text.replace(&owner, "OWNER    GROUP   ").replace(&format!("{:<8} {:<8}", ids.0, ids.1), "UID      GID     ");
    let text = text
        .replace(&format!("owner: {} ({})\n", user(), ids.0), "owner: OWNER (UID)\n")
        .replace(&format!("group: {} ({})\n", group(), ids.1), "group: GROUP (GID)\n");
    if !row.typed.iter().any(|line| line.starts_with("df")) {
        return text;
    }
    text.lines()
        .map(|line| if line.contains(">") || line.contains('"') { line.to_owned() } else { numberless(line) } + "\n")
        .collect()
}

/// Replaces each number with `N`, and several blanks with one.
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
