//! The server is killed at each of the first 200 requests of each command, over one connection and two, with and
//! without
//! `--retry`: the program ends, and with 0 only if its work is done.
//!
//! By default a sample of the requests is tried. All of them take some minutes:
//! `SFTPSH_EVERY_REQUEST=1 cargo test --test it ending::killed`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{Entry, Outcome, Remote, Shell};

/// The maximum number of requests of one command.
const MOST: u64 = 200;

/// The default samples without and with `--retry`, which takes pauses of up to a second.
const SAMPLE: [u64; 12] = [1, 2, 3, 4, 5, 7, 9, 13, 21, 34, 77, MOST];
const SAMPLE_WITH_RETRY: [u64; 2] = [4, 9];

/// The number of programs that run in parallel; most of them only wait.
const AT_ONCE: usize = 6;

pub(super) const COMMANDS: &[&str] = &[
    "get big",
    "get -r tree",
    "get -rp --links tree",
    "get -r --remove-source tree",
    "get --verify=read big",
    "get -r --dry-run tree",
    "reget big part",
    "put new",
    "put -rp sent",
    "put -r --remove-source sent",
    "put --atomic new big",
    "put -f --verify=read new",
    "put -r --dry-run --on-conflict newer sent",
    "put -r --on-conflict rename sent",
    "reput big part",
    "rm -r tree",
    "ls -l tree",
    "ls tree/*",
    "find tree",
    "du tree",
    "cat big",
    "tail tree/g",
    "cp big copy",
    "rename big other",
    "mkdir -p a/b/c",
    "chmod -R 700 tree",
    "ln -s big link",
    "cd tree",
];

/// Files of all sorts, some of them in directories of a tree.
fn tree(root: &str) -> Vec<Entry> {
    let small = (0..8).map(|number| Entry::sized(format!("{root}/{}/f{number}", number % 3), 3000));
    [Entry::sized("big", 300_000), Entry::sized(format!("{root}/g"), 70_000)].into_iter().chain(small).collect()
}

/// A batch in a world in which each command has something to do.
pub(super) fn shell(lie: &str) -> Shell {
    let remote = [tree("tree"), vec![Entry::sized("sent/g", 50), Entry::sized("part", 100_000)]].concat();
    let local = [tree("sent"), vec![Entry::sized("new", 200_000), Entry::sized("part", 100_000)]].concat();
    Shell::on(Remote::with(remote).lying(lie)).here(local).as_batch()
}

/// The result of a run: the lines of its stdout, and the files of both sides.
#[derive(PartialEq)]
struct Work {
    lines: Vec<String>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Work {
    fn of(outcome: &Outcome) -> Self {
        let world = outcome.the_world();
        // Files over several connections finish in any order.
        let mut lines: Vec<String> = outcome.stdout().lines().map(str::to_owned).collect();
        lines.sort();
        let mut files = BTreeMap::new();
        for side in [world.local(), world.remote()] {
            collect(&side, world.root(), &mut files);
        }
        Self { lines, files }
    }
}

/// Collects what is in a directory, by its path below `root`: bytes of files, targets of links.
fn collect(directory: &Path, root: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        let contents = match fs::read_link(&path) {
            // Each world has its own root.
            Ok(target) => target.file_name().unwrap_or_default().as_bytes().to_vec(),
            Err(_) if path.is_dir() => Vec::new(),
            Err(_) => fs::read(&path).unwrap(),
        };
        if path.is_dir() && !path.is_symlink() {
            collect(&path, root, files);
        }
        files.insert(path.strip_prefix(root).unwrap().to_owned(), contents);
    }
}

/// Runs a command against servers that die later and later, until it succeeds: then all its work is done.
fn dies_later_and_later(line: &str, options: &[&str], requests: impl IntoIterator<Item = u64>) -> Option<String> {
    let run = |lie: &str| shell(lie).with_args(options).types(line).run();
    for count in requests {
        let outcome = run(&format!("die-after={count}"));
        match outcome.code() {
            0 if Work::of(&outcome) == Work::of(&run("none")) => return None,
            0 => return Some(format!("{line}, {options:?}, {count} requests: 0 for half of the work")),
            255 => {}
            code => return Some(format!("{line}, {options:?}, {count} requests: {code}: {}", outcome.stderr())),
        }
    }
    None
}

/// Tries all cases, several in parallel, and fails with all faults that were found.
pub(super) fn none_of<T: Sync>(cases: &[T], fault: impl Fn(&T) -> Option<String> + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        let cases = std::iter::from_fn(|| cases.get(next.fetch_add(1, Ordering::Relaxed)));
        cases.filter_map(&fault).collect::<Vec<_>>()
    };
    let faults: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Checks that every command ends with these options, no matter when the server dies.
fn all_end(options: &[&str], sample: &[u64]) {
    let all = std::env::var_os("SFTPSH_EVERY_REQUEST").map(|_| (1..=MOST).collect());
    let requests: Vec<u64> = all.unwrap_or_else(|| sample.to_vec());
    none_of(COMMANDS, |line| dies_later_and_later(line, options, requests.iter().copied()));
}

#[test]
fn over_one_connection_the_end_of_the_server_ends_every_command() {
    all_end(&["-j", "1", "--retry", "0"], &SAMPLE);
}

// fault: the server dies at any request
#[test]
fn over_two_connections_the_end_of_the_server_ends_every_command() {
    all_end(&["-j", "2", "--retry", "0"], &SAMPLE);
}

#[test]
fn a_server_that_dies_again_and_again_is_given_up() {
    all_end(&["-j", "1", "--retry", "2"], &SAMPLE_WITH_RETRY);
}

#[test]
fn servers_that_die_again_and_again_are_given_up() {
    all_end(&["-j", "2", "--retry", "2"], &SAMPLE_WITH_RETRY);
}
