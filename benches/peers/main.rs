//! Compares the speed of sftpsh with this machine's `sftp`, `lftp` and `rclone`: the same work on a real sshd of our own, in
//! interleaved runs.
//!
//! `cargo bench --bench peers` runs the rows without a delay; `-- list get-small` runs those two; `-- far` runs the rows over a
//! round trip of 50 ms, and `-- farther` those over 200 ms, which take sftp up to minutes each; `-- all` runs all; `--runs 3`
//! takes medians of three, and `--channels 1` goes on to sftpsh. `--save FILE` adds the figures to a JSON file, and `--plot FILE`
//! draws `docs/images/performance.svg` from one, without running anything. Every result is checked byte for byte. The bench is
//! no test: it prints a table.
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

mod figures;
mod files;
mod plot;
mod rows;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use figures::Figures;
use rows::{Line, Peer, ROWS, Row};
use serde_json::{Map, Value, json};
use support::{Relay, Remote, World};

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Ours,
    Sftp,
    Lftp,
    Rclone,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Program::Ours => "sftpsh",
            Program::Sftp => "sftp",
            Program::Lftp => "lftp",
            Program::Rclone => "rclone",
        }
    }
}

impl Peer {
    fn program(self) -> Program {
        match self {
            Peer::Sftp => Program::Sftp,
            Peer::Lftp => Program::Lftp,
        }
    }
}

/// One run of one program.
#[derive(Clone, Copy, Debug)]
struct Run {
    seconds: f64,
    peak_mib: f64,
}

/// What the command line asks for.
struct Arguments {
    rows: Vec<&'static Row>,
    /// Runs of each row by each program.
    runs: usize,
    /// Options of all runs of sftpsh.
    ours: Vec<String>,
    save: Option<PathBuf>,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [option, file] = &words[..]
        && option == "--plot"
    {
        let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images/performance.svg");
        return fs::write(picture, plot::draw(&Figures::read(Path::new(file)))).unwrap();
    }
    let arguments = arguments(words);
    let mut figures = arguments.save.as_deref().map(Figures::read);
    warn_if_busy();
    let mut world = World::build(Remote::empty().over_ssh(), &[]);
    println!(
        "{:<44} {:>8} {:>8} {:>8} {:>8} {:>7} {:>8} {:>6} {:>8}",
        "work", "sftp s", "lftp s", "rclone s", "sftpsh s", "ratio", "promised", "MiB", "peer MiB"
    );
    for line in Line::ALL {
        let rows: Vec<_> = arguments.rows.iter().filter(|row| row.line == line).collect();
        if rows.is_empty() {
            continue;
        }
        if let Some(one_way) = line.one_way() {
            println!("-- over a round trip of {} ms", 2 * one_way.as_millis());
            world.relay(Relay::plain().delay(one_way));
        }
        for row in rows {
            (row.build)(&world);
            let measured = measure(&world, row, &arguments);
            if let (Some(figures), Some(file)) = (&mut figures, &arguments.save) {
                figures.add(as_json(row, &measured));
                figures.write(file);
            }
        }
    }
}

fn arguments(mut words: Vec<String>) -> Arguments {
    let mut value_of = |option: &str| {
        let at = words.iter().position(|word| word == option)?;
        assert!(at + 1 < words.len(), "{option} takes a value");
        words.drain(at..=at + 1).nth(1)
    };
    let runs = value_of("--runs").map_or(5, |number| number.parse().expect("--runs takes a number"));
    assert!(runs > 0, "--runs takes a number above 0");
    let save = value_of("--save").map(PathBuf::from);
    let ours = value_of("--channels").map_or_else(Vec::new, |number| vec!["--channels".to_owned(), number]);
    let chosen = |row: &&Row| match row.line {
        Line::Near if words.is_empty() => true,
        line => words.iter().any(|word| word == row.name || word == "all" || word == line.name()),
    };
    let rows: Vec<_> = ROWS.iter().filter(chosen).collect();
    let names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
    assert!(!rows.is_empty(), "no such row; there are {}, and near, far, farther and all", names.join(", "));
    Arguments { rows, runs, ours, save }
}

/// Warns if other programs use the processors, because their work would be in all figures.
fn warn_if_busy() {
    let times = || -> Option<(f64, f64)> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let fields: Vec<f64> = stat.lines().next()?.split_whitespace().filter_map(|field| field.parse().ok()).collect();
        // user, nice, system, idle, iowait, …
        Some((fields.iter().sum(), fields.get(3)? + fields.get(4)?))
    };
    let before = times();
    std::thread::sleep(Duration::from_secs(1));
    let Some(((all, idle), (all_now, idle_now))) = before.zip(times()) else { return };
    let busy = 100.0 * (1.0 - (idle_now - idle) / (all_now - all).max(1.0));
    if busy > 5.0 {
        println!("This machine is busy: other programs use {busy:.0} % of it. Don't trust the figures.");
    }
}

/// Measures interleaved runs. The first program alternates: a machine that warms up or slows down does so for all.
fn measure(world: &World, row: &Row, arguments: &Arguments) -> Vec<(Program, Vec<Run>)> {
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
    for run in 0..arguments.runs {
        for place in 0..count {
            let (program, measured) = &mut programs[(place + run) % count];
            (row.prepare)(world);
            let (outcome, stdout) = run_once(world, row, *program, &arguments.ours);
            (row.check)(world, &stdout).unwrap_or_else(|wrong| panic!("{} by {program:?}: {wrong}", row.name));
            measured.push(outcome);
        }
    }
    print_row(row, &programs);
    programs
}

fn runs_here(program: &str, word: &str) -> bool {
    Command::new(program).arg(word).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Runs a program on a row's work, timed from its start to its end.
fn run_once(world: &World, row: &Row, program: Program, ours: &[String]) -> (Run, Vec<u8>) {
    let batch = world.root().join("batch");
    fs::write(&batch, row.batch).unwrap();
    let stdout_path = world.root().join("stdout");
    let stderr_path = world.root().join("stderr");
    let mut command = match program {
        Program::Ours => {
            let ours: Vec<&str> = ours.iter().map(String::as_str).chain(row.ours.iter().copied()).collect();
            with_batch(world, &support::program(), &ours, row.both, &batch)
        }
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

/// Returns a row's figures for the saved file.
fn as_json(row: &Row, programs: &[(Program, Vec<Run>)]) -> Value {
    let seconds: Map<String, Value> =
        programs.iter().map(|(program, runs)| (program.name().to_owned(), json!(round(seconds(runs))))).collect();
    let runs = programs.first().map_or(0, |(_, runs)| runs.len());
    let (line, peer) = (row.line.name(), row.peer.program());
    let (peak_mib, peer_peak_mib) = (round(peak(programs, Program::Ours)), round(peak(programs, peer)));
    json!({
        "name": row.name, "work": row.work, "line": line, "peer": peer.name(), "promised": row.promised, "runs": runs,
        "seconds": seconds, "peak_mib": peak_mib, "peer_peak_mib": peer_peak_mib,
    })
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Returns the median time of some runs.
fn seconds(runs: &[Run]) -> f64 {
    median(runs.iter().map(|run| run.seconds).collect())
}

/// Returns the largest memory of a program in all of its runs, in MiB.
fn peak(programs: &[(Program, Vec<Run>)], of: Program) -> f64 {
    let runs = programs.iter().filter(|(program, _)| *program == of).flat_map(|(_, runs)| runs);
    runs.map(|run| run.peak_mib).fold(0.0, f64::max)
}

fn print_row(row: &Row, programs: &[(Program, Vec<Run>)]) {
    let seconds = |program| programs.iter().find(|(of, _)| *of == program).map(|(_, runs)| seconds(runs));
    let shown = |program| seconds(program).map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.3}"));
    let peer = row.peer.program();
    let ratio = seconds(Program::Ours).zip(seconds(peer)).map(|(ours, theirs)| ours / theirs);
    let (peak, peer_peak) = (peak(programs, Program::Ours), peak(programs, peer));
    let mut remark = String::new();
    if ratio.is_some_and(|ratio| ratio > row.promised) {
        remark.push_str("  slower than promised");
    }
    if peak >= row.memory {
        remark.push_str("  more memory than promised");
    }
    println!(
        "{:<44} {:>8} {:>8} {:>8} {:>8} {:>7} {:>8} {:>6.1} {:>8.1}{remark}",
        row.work,
        shown(Program::Sftp),
        shown(Program::Lftp),
        shown(Program::Rclone),
        shown(Program::Ours),
        ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}")),
        row.promised,
        peak,
        peer_peak,
    );
    std::io::stdout().flush().unwrap();
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
