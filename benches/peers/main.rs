//! How fast: the same work by sftpsh and by this machine's `sftp`, `lftp` and `rclone`, on a real sshd of our own, in interleaved runs.
//!
//! `cargo bench --bench peers` runs the rows without a delay; `-- list get-small` runs those two; `-- far` runs the rows over a
//! line of 50 ms round trip, which take sftp up to minutes each; `-- all` runs all; `--runs 3` takes medians of three. Every
//! run is checked byte for byte. Not a test: it prints a table.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs,
    reason = "a bench"
)]

mod files;
mod rows;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rows::{Line, Peer, ROWS, Row};
use support::{Relay, Remote, World};

/// Half of the far line's round trip.
const FAR_ONE_WAY: Duration = Duration::from_millis(25);

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Ours,
    Sftp,
    Lftp,
    Rclone,
}

/// One run of one program.
#[derive(Clone, Copy, Debug)]
struct Run {
    seconds: f64,
    peak_mib: f64,
}

fn main() {
    let (rows, runs) = arguments();
    let mut world = World::build(Remote::empty().over_ssh(), &[]);
    println!(
        "{:<44} {:>8} {:>8} {:>8} {:>8} {:>7} {:>8} {:>6}",
        "work", "sftp s", "lftp s", "rclone s", "sftpsh s", "ratio", "promised", "MiB"
    );
    for line in [Line::Near, Line::Far] {
        let rows: Vec<_> = rows.iter().filter(|row| row.line == line).collect();
        if rows.is_empty() {
            continue;
        }
        if line == Line::Far {
            println!("-- over a round trip of 50 ms");
            world.relay(Relay::plain().delay(FAR_ONE_WAY));
        }
        for row in rows {
            (row.build)(&world);
            measure(&world, row, runs);
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
    let chosen = |row: &&Row| match row.line {
        Line::Near if words.is_empty() => true,
        line => words.iter().any(|word| word == row.name || word == "all" || (word == "far" && line == Line::Far)),
    };
    let rows: Vec<_> = ROWS.iter().filter(chosen).collect();
    let names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
    assert!(!rows.is_empty(), "no such row; there are {}, and far and all", names.join(", "));
    (rows, runs)
}

/// Interleaved runs, and who goes first alternates: a machine that warms up or slows down does so for all.
fn measure(world: &World, row: &Row, runs: usize) {
    let mut programs = vec![(Program::Ours, Vec::new())];
    if row.peer == Peer::Sftp {
        programs.push((Program::Sftp, Vec::new()));
    }
    if row.lftp.is_some() && runs_here("lftp", "--version") {
        programs.push((Program::Lftp, Vec::new()));
    }
    if row.rclone.is_some() && runs_here("rclone", "version") {
        programs.push((Program::Rclone, Vec::new()));
    }
    let count = programs.len();
    for run in 0..runs {
        for place in 0..count {
            let (program, measured) = &mut programs[(place + run) % count];
            (row.prepare)(world);
            let (outcome, stdout) = run_once(world, row, *program);
            (row.check)(world, &stdout).unwrap_or_else(|wrong| panic!("{} by {program:?}: {wrong}", row.name));
            measured.push(outcome);
        }
    }
    print_row(row, &programs);
}

fn runs_here(program: &str, word: &str) -> bool {
    Command::new(program).arg(word).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Runs a program on a row's work, timed from its start to its end.
fn run_once(world: &World, row: &Row, program: Program) -> (Run, Vec<u8>) {
    let batch = world.root().join("batch");
    fs::write(&batch, row.batch).unwrap();
    let stdout_path = world.root().join("stdout");
    let stderr_path = world.root().join("stderr");
    let mut command = match program {
        Program::Ours => with_batch(world, &support::program(), row.ours, row.both, &batch),
        Program::Sftp => with_batch(world, Path::new("sftp"), &[], row.both, &batch),
        Program::Lftp => lftp(world, row.lftp.unwrap_or_default()),
        Program::Rclone => rclone(world, row.rclone.unwrap_or_default()),
    };
    command.stdin(Stdio::null());
    command.stdout(File::create(&stdout_path).unwrap()).stderr(File::create(&stderr_path).unwrap());
    let begin = Instant::now();
    #[expect(clippy::zombie_processes, reason = "wait4 below is its wait")]
    let child = command.spawn().unwrap_or_else(|error| panic!("{program:?}: {error}"));
    let (code, peak_mib) = wait(child.id());
    let seconds = begin.elapsed().as_secs_f64();
    let stderr = fs::read_to_string(&stderr_path).unwrap_or_default();
    assert_eq!(code, 0, "{} by {program:?}:\n{stderr}", row.name);
    (Run { seconds, peak_mib }, fs::read(&stdout_path).unwrap())
}

fn with_batch(world: &World, program: &Path, ours: &[&str], both: &[&str], batch: &Path) -> Command {
    let (options, operands) = world.connecting_words();
    let mut command = world.command(program);
    command.args(options).args(ours).args(both).arg("-b").arg(batch).args(operands);
    command
}

fn lftp(world: &World, commands: &str) -> Command {
    let config = world.ssh_config();
    let start = world.remote();
    let script = format!(
        "set cmd:fail-exit yes; set sftp:connect-program \"ssh -a -x -F {}\"; open sftp://server; cd {}; {commands}",
        config.display(),
        start.display()
    );
    let mut command = world.command(Path::new("lftp"));
    command.arg("-c").arg(script);
    command
}

/// It knows no ssh_config. Like the others it asks for no hashes, which would take a shell there, and sets no times.
fn rclone(world: &World, words: &[&str]) -> Command {
    let config = fs::read_to_string(world.ssh_config()).unwrap();
    let port = config.lines().find_map(|line| line.trim().strip_prefix("Port ")).unwrap();
    let ssh = world.home().join(".ssh");
    let remote = format!(
        ":sftp,host=127.0.0.1,port={port},user={},key_file={ssh}/id_ed25519,known_hosts_file={ssh}/known_hosts,\
         shell_type=none,disable_hashcheck=true,set_modtime=false:",
        support::user(),
        ssh = ssh.display()
    );
    let mut command = world.command(Path::new("rclone"));
    command.args(words.iter().map(|word| word.replace("R:", &remote)));
    command
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

fn print_row(row: &Row, programs: &[(Program, Vec<Run>)]) {
    let of = |program| programs.iter().find(|(of, _)| *of == program).map(|(_, runs)| runs);
    let seconds = |program| of(program).map(|runs| median(runs.iter().map(|run| run.seconds).collect()));
    let shown = |program| seconds(program).map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.3}"));
    let peer = if row.peer == Peer::Sftp { Program::Sftp } else { Program::Lftp };
    let ratio = seconds(Program::Ours).zip(seconds(peer)).map(|(ours, theirs)| ours / theirs);
    let peak = of(Program::Ours).into_iter().flatten().map(|run| run.peak_mib).fold(0.0, f64::max);
    let mut remark = String::new();
    if ratio.is_some_and(|ratio| ratio > row.promised) {
        remark.push_str("  slower than promised");
    }
    if peak >= row.memory {
        remark.push_str("  more memory than promised");
    }
    println!(
        "{:<44} {:>8} {:>8} {:>8} {:>8} {:>7} {:>8} {:>6.1}{remark}",
        row.work,
        shown(Program::Sftp),
        shown(Program::Lftp),
        shown(Program::Rclone),
        shown(Program::Ours),
        ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}")),
        row.promised,
        peak,
    );
    std::io::stdout().flush().unwrap();
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
