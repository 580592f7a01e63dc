//! How fast: the same work by sftpsh and by this machine's `sftp`, on a real sshd of our own, in interleaved runs.
//!
//! `cargo bench --bench peers` runs the near rows; `-- list get-small` runs those two; `-- --runs 3` takes medians of three; `-- far` runs
//! the rows over a line of 50 ms round trip, which take sftp a minute each. Every run is checked byte for byte. Not a test: it prints a table.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Relay, Remote, World, noise};

const SMALL_FILES: usize = 5_000;
const FAR_FILES: usize = 300;
const SMALL_SIZE: usize = 4 * 1024;
const BIG_SIZE: u64 = 1 << 30;
const FAR_BIG_SIZE: u64 = 64 << 20;
const ENTRIES: usize = 20_000;

/// Half of the far line's round trip.
const FAR_ONE_WAY: Duration = Duration::from_millis(25);

/// What sftpsh promises of its memory, in MiB.
const MEMORY_PROMISED: u64 = 64;

/// One row of the table.
struct Row {
    name: &'static str,
    work: &'static str,
    /// What the ratio of the times may be.
    promised: f64,
    far: bool,
    batch: &'static str,
    prepare: fn(&World),
    check: fn(&World, &[u8]) -> Result<(), String>,
}

const ROWS: &[Row] = &[
    Row {
        name: "get-small",
        work: "get 5,000 files of 4 KiB",
        promised: 0.30,
        far: false,
        batch: "get small/* got\n",
        prepare: empty_got,
        check: |world, _| same_files(&world.remote().join("small"), &world.local().join("got"), SMALL_FILES),
    },
    Row {
        name: "put-small",
        work: "put 5,000 files of 4 KiB",
        promised: 0.30,
        far: false,
        batch: "put small/* sent\n",
        prepare: empty_sent,
        check: |world, _| same_files(&world.local().join("small"), &world.remote().join("sent"), SMALL_FILES),
    },
    Row {
        name: "get-big",
        work: "get one file of 1 GiB",
        promised: 1.4,
        far: false,
        batch: "get big got\n",
        prepare: empty_got,
        check: |world, _| same_file(&world.remote().join("big"), &world.local().join("got/big")),
    },
    Row {
        name: "put-big",
        work: "put one file of 1 GiB",
        promised: 1.4,
        far: false,
        batch: "put big sent\n",
        prepare: empty_sent,
        check: |world, _| same_file(&world.local().join("big"), &world.remote().join("sent/big")),
    },
    Row {
        name: "list",
        work: "list 20,000 entries",
        promised: 0.6,
        far: false,
        batch: "ls -1 entries\n",
        prepare: |_| (),
        check: |_, stdout| lists(stdout, "entries"),
    },
    Row {
        name: "far-get-small",
        work: "get 300 files of 4 KiB, 50 ms",
        promised: 0.05,
        far: true,
        batch: "get few/* got\n",
        prepare: empty_got,
        check: |world, _| same_files(&world.remote().join("few"), &world.local().join("got"), FAR_FILES),
    },
    Row {
        name: "far-put-small",
        work: "put 300 files of 4 KiB, 50 ms",
        promised: 0.05,
        far: true,
        batch: "put few/* sent\n",
        prepare: empty_sent,
        check: |world, _| same_files(&world.local().join("few"), &world.remote().join("sent"), FAR_FILES),
    },
    Row {
        name: "far-get-big",
        work: "get one file of 64 MiB, 50 ms",
        promised: 0.5,
        far: true,
        batch: "get far-big got\n",
        prepare: empty_got,
        check: |world, _| same_file(&world.remote().join("far-big"), &world.local().join("got/far-big")),
    },
    Row {
        name: "far-put-big",
        work: "put one file of 64 MiB, 50 ms",
        promised: 1.0,
        far: true,
        batch: "put far-big sent\n",
        prepare: empty_sent,
        check: |world, _| same_file(&world.local().join("far-big"), &world.remote().join("sent/far-big")),
    },
];

/// One run of one program.
#[derive(Clone, Copy, Debug)]
struct Run {
    seconds: f64,
    peak_mib: f64,
}

fn main() {
    let (rows, runs) = arguments();
    let mut world = World::build(Remote::empty().over_ssh(), &[]);
    let peers = [PathBuf::from("sftp"), support::program()];
    println!(
        "{:<31} {:>9} {:>9} {:>7} {:>9} {:>10} {:>10}",
        "work", "sftp s", "sftpsh s", "ratio", "promised", "sftp MiB", "sftpsh MiB"
    );
    for far in [false, true] {
        let rows: Vec<_> = rows.iter().filter(|row| row.far == far).collect();
        if rows.is_empty() {
            continue;
        }
        if far {
            world.relay(Relay::plain().delay(FAR_ONE_WAY));
        }
        for row in rows {
            build_files(&world, row);
            print_row(row, &measure(&world, row, &peers, runs));
        }
    }
}

/// Which rows, and how many runs of each.
fn arguments() -> (Vec<&'static Row>, usize) {
    let mut words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let mut runs = 5;
    if let Some(at) = words.iter().position(|word| word == "--runs") {
        runs = words
            .get(at + 1)
            .and_then(|number| number.parse().ok())
            .filter(|runs| *runs > 0)
            .expect("--runs takes a number");
        words.drain(at..=at + 1);
    }
    let chosen = |row: &&Row| {
        if words.is_empty() {
            !row.far
        } else {
            words.iter().any(|word| row.name == word || (row.far && word == "far"))
        }
    };
    let rows: Vec<_> = ROWS.iter().filter(chosen).collect();
    let names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
    assert!(!rows.is_empty(), "no such row; there are {}, and far for all that begin so", names.join(", "));
    (rows, runs)
}

/// Interleaved runs, and who goes first alternates: a machine that warms up or slows down does so for both.
fn measure(world: &World, row: &Row, peers: &[PathBuf; 2], runs: usize) -> [Vec<Run>; 2] {
    let mut measured = [Vec::new(), Vec::new()];
    for run in 0..runs {
        for place in 0..2 {
            let peer = (place + run) % 2;
            (row.prepare)(world);
            let (outcome, stdout) = run_once(world, row, &peers[peer]);
            (row.check)(world, &stdout)
                .unwrap_or_else(|wrong| panic!("{} by {}: {wrong}", row.name, peers[peer].display()));
            measured[peer].push(outcome);
        }
    }
    measured
}

/// Runs a program on a row's batch, timed from its start to its end.
fn run_once(world: &World, row: &Row, program: &Path) -> (Run, Vec<u8>) {
    let batch = world.root().join("batch");
    fs::write(&batch, row.batch).unwrap();
    let (options, operands) = world.connecting_words();
    let stdout_path = world.root().join("stdout");
    let stderr_path = world.root().join("stderr");
    let mut command: Command = world.command(program);
    command.args(options).arg("-b").arg(&batch).args(operands).stdin(Stdio::null());
    command.stdout(File::create(&stdout_path).unwrap()).stderr(File::create(&stderr_path).unwrap());
    let begin = Instant::now();
    #[expect(clippy::zombie_processes, reason = "wait4 below is its wait")]
    let child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let (code, peak_mib) = wait(child.id());
    let seconds = begin.elapsed().as_secs_f64();
    let stderr = fs::read_to_string(&stderr_path).unwrap_or_default();
    assert_eq!(code, 0, "{} by {}:\n{stderr}", row.name, program.display());
    (Run { seconds, peak_mib }, fs::read(&stdout_path).unwrap())
}

/// Waits for a child; its exit code, and the peak memory in MiB of the hungriest process among it and those it waited for.
#[allow(unsafe_code, reason = "the standard library does not tell what a child used")]
fn wait(pid: u32) -> (i32, f64) {
    let mut status = 0;
    // SAFETY: zeroes are a valid rusage, and it is plain memory that wait4 fills.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live variables of the right types; the child is ours and not yet waited for.
    let waited = unsafe { libc::wait4(libc::pid_t::try_from(pid).unwrap(), &raw mut status, 0, &raw mut usage) };
    assert!(waited > 0, "our own child can be waited for");
    // Linux counts in KiB, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1.0 } else { 1024.0 };
    let code = if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 };
    (code, usage.ru_maxrss as f64 * unit / f64::from(1 << 20))
}

fn print_row(row: &Row, measured: &[Vec<Run>; 2]) {
    let seconds = |peer: usize| median(measured[peer].iter().map(|run| run.seconds).collect());
    let peak = |peer: usize| measured[peer].iter().map(|run| run.peak_mib).fold(0.0, f64::max);
    let ratio = seconds(1) / seconds(0);
    let mut remark = String::new();
    if ratio > row.promised {
        remark.push_str("  slower than promised");
    }
    if peak(1) >= MEMORY_PROMISED as f64 {
        remark.push_str("  more memory than promised");
    }
    println!(
        "{:<31} {:>9.3} {:>9.3} {:>7.3} {:>9.2} {:>10.1} {:>10.1}{remark}",
        row.work,
        seconds(0),
        seconds(1),
        ratio,
        row.promised,
        peak(0),
        peak(1)
    );
    std::io::stdout().flush().unwrap();
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Makes what a row works on, on the side that it comes from, once.
fn build_files(world: &World, row: &Row) {
    let side = if row.name.contains("put") { world.local() } else { world.remote() };
    match row.name.trim_start_matches("far-") {
        "list" => small_files(&world.remote().join("entries"), ENTRIES, 0),
        "get-small" | "put-small" if row.far => small_files(&side.join("few"), FAR_FILES, SMALL_SIZE),
        "get-small" | "put-small" => small_files(&side.join("small"), SMALL_FILES, SMALL_SIZE),
        _ if row.far => big_file(&side.join("far-big"), FAR_BIG_SIZE),
        _ => big_file(&side.join("big"), BIG_SIZE),
    }
}

fn small_files(directory: &Path, count: usize, size: usize) {
    if directory.exists() {
        return;
    }
    fs::create_dir(directory).unwrap();
    for number in 0..count {
        let name = format!("file-{number:05}");
        fs::write(directory.join(&name), noise(name.as_bytes(), size)).unwrap();
    }
}

fn big_file(path: &Path, size: u64) {
    const PIECE: usize = 1 << 20;
    let mut file = File::create(path).unwrap();
    for number in 0..size / PIECE as u64 {
        file.write_all(&noise(&number.to_le_bytes(), PIECE)).unwrap();
    }
}

fn empty_got(world: &World) {
    empty(&world.local().join("got"));
}

fn empty_sent(world: &World) {
    empty(&world.remote().join("sent"));
}

fn empty(directory: &Path) {
    let _ = fs::remove_dir_all(directory);
    fs::create_dir(directory).unwrap();
}

fn same_files(source: &Path, target: &Path, count: usize) -> Result<(), String> {
    let names: Vec<_> = fs::read_dir(source).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let arrived = fs::read_dir(target).unwrap().count();
    if names.len() != count || arrived != count {
        return Err(format!("{arrived} files arrived, not {count}"));
    }
    names.iter().try_for_each(|name| same_file(&source.join(name), &target.join(name)))
}

fn same_file(source: &Path, target: &Path) -> Result<(), String> {
    let open =
        |path: &Path| File::open(path).map(BufReader::new).map_err(|error| format!("{}: {error}", path.display()));
    let (mut source_file, mut target_file) = (open(source)?, open(target)?);
    let (mut ours, mut theirs) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let count = fill(&mut source_file, &mut ours);
        if count != fill(&mut target_file, &mut theirs) || ours[..count] != theirs[..count] {
            return Err(format!("{} differs from {}", target.display(), source.display()));
        }
        if count == 0 {
            return Ok(());
        }
    }
}

/// Reads until the piece is full or the file ends.
fn fill(file: &mut impl Read, piece: &mut [u8]) -> usize {
    let mut filled = 0;
    while let Ok(count @ 1..) = file.read(&mut piece[filled..]) {
        filled += count;
    }
    filled
}

fn lists(stdout: &[u8], directory: &str) -> Result<(), String> {
    let text = String::from_utf8_lossy(stdout);
    let mut lines = text.lines().filter(|line| !line.starts_with("sftp> "));
    let right = (0..ENTRIES).all(|number| lines.next() == Some(&format!("{directory}/file-{number:05}")));
    if right && lines.next().is_none() { Ok(()) } else { Err("the listing is not right".to_owned()) }
}
