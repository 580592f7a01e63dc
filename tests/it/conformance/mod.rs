//! The conformance table: sftp(1)'s behaviour for each line, and a check that ours is equal.
//!
//! Each table is a text file (`*.txt` here), and each row a few lines of it; `row.rs` describes their marks. Each row
//! runs with our program and, if the machine has one, with its `sftp`: both must do as the row says. For a
//! difference, the row names a line of `docs/differences.md` (`@ KEY`) and describes *our* behaviour; or it names the
//! first version of sftp(1) that does as the row says (`@ since 10.0`). In all rows, our stderr may append text to
//! sftp's words, and add hints.
//!
//! `UPDATE=1 cargo test --test it conformance::` records the actual behaviour: sftp's, or ours in a row with a key.

mod coverage;
mod row;
mod trial;

use self::row::{Row, Seen};
use self::trial::Trial;
use crate::sources::marks;
use crate::support::program;
use sftpsh::commands::COMMANDS;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

/// Defines one test per table.
macro_rules! tables {
    ($($name:ident),*) => {
        const TABLES: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { try_table(stringify!($name)); })*
    };
}

tables!(changes, get, lines, links_and_copies, looking, ls, places, put, trees);

/// The results of a row with both programs.
struct Tried {
    ours: Trial,
    theirs: Option<Trial>,
}

fn try_table(name: &str) {
    let path = table(name);
    let mut rows = row::read(&fs::read_to_string(&path).unwrap());
    let tried = try_all(&rows);
    if std::env::var_os("UPDATE").is_some() {
        for (row, tried) in rows.iter_mut().zip(&tried) {
            let theirs = tried.theirs.as_ref().filter(|_| row.differs.is_none() && speaks_for(row));
            row.seen = theirs.unwrap_or(&tried.ours).seen.clone();
        }
        fs::write(&path, row::write(&rows)).unwrap();
    }
    let mut report = String::new();
    for (row, tried) in rows.iter().zip(&tried) {
        judge(row, tried, &mut report);
    }
    assert!(report.is_empty(), "{name}.txt does not hold:\n{report}");
}

/// Runs rows in parallel: each consists of two short programs that mostly wait for each other.
fn try_all(rows: &[Row]) -> Vec<Tried> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((at, row)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, rows.get(at)?)))
                {
                    let theirs = sftp().filter(|_| speaks_for(row)).map(|(program, _)| trial::run(row, program));
                    let tried = Tried { ours: trial::run(row, &program()), theirs };
                    done.lock().unwrap().push((at, tried));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    assert_eq!(done.len(), rows.len(), "a row could not be tried");
    done.into_iter().map(|(_, tried)| tried).collect()
}

fn judge(row: &Row, Tried { ours, theirs }: &Tried, report: &mut String) {
    let mut wrong = Vec::new();
    if !holds(&row.seen, &ours.seen) {
        wrong.push(("we do not as the row says", Some(ours)));
    }
    match (theirs, &row.differs) {
        (None, _) => (),
        (Some(theirs), None) => {
            if theirs.seen != row.seen {
                wrong.push(("sftp(1) does not as the row says", Some(theirs)));
            } else if ours.stdout != theirs.stdout {
                wrong.push(("we print other blanks than sftp(1)", Some(theirs)));
            }
        }
        // The fault is fixed in that version.
        (Some(_), Some(_)) if row.since.as_ref().is_some_and(|since| speaks_for_version(since)) => (),
        (Some(theirs), Some(_)) if theirs.seen == row.seen && theirs.stdout == ours.stdout => {
            wrong.push(("sftp(1) does the same: the row needs no key", None));
        }
        (Some(_), Some(_)) => (),
    }
    for (what, trial) in wrong {
        let _ = writeln!(report, "* {}: {what}", row.name());
        if let Some(trial) = trial {
            let _ = writeln!(report, "  row  {:?}\n  seen {:?}", row.seen, trial.seen);
            let _ = writeln!(report, "  stdout {:?}\n  stderr {:?}", trial.stdout, trial.stderr);
        }
    }
}

/// Returns whether our result matches a row. More text may follow sftp's words on stderr.
fn holds(row: &Seen, ours: &Seen) -> bool {
    let says = |(words, line): (&String, &String)| {
        line.strip_prefix(words.as_str()).is_some_and(|more| more.is_empty() || more.starts_with([' ', ':']))
    };
    // Their lines come in order. Lines of ours may follow each, but none comes without one of theirs.
    let mut more = ours.stderr.iter();
    (&row.stdout, row.code, &row.files) == (&ours.stdout, ours.code, &ours.files)
        && row.stderr.iter().all(|words| more.any(|line| says((words, line))))
        && row.stderr.is_empty() == ours.stderr.is_empty()
}

/// Returns whether a row applies to this machine's sftp(1). It also applies to one with a fault that a key names.
fn speaks_for(row: &Row) -> bool {
    row.differs.is_some() || row.since.as_ref().is_none_or(|since| speaks_for_version(since))
}

/// Returns whether this machine's sftp(1) is of that version or later.
fn speaks_for_version(since: &str) -> bool {
    let number = |text: &str| {
        let mut parts = text.split(['.', 'p']).map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next(), parts.next())
    };
    sftp().is_some_and(|(_, version)| number(version) >= number(since))
}

/// The machine's sftp and its version.
fn sftp() -> Option<&'static (PathBuf, String)> {
    static SFTP: OnceLock<Option<(PathBuf, String)>> = OnceLock::new();
    let find = || {
        let path = std::env::var_os("PATH")?;
        let program =
            std::env::split_paths(&path).map(|directory| directory.join("sftp")).find(|path| path.is_file())?;
        // sftp(1) does not print its version; the ssh of the same package does.
        let told = Command::new(program.with_file_name("ssh")).arg("-V").output().ok()?;
        let told = String::from_utf8_lossy(&told.stderr).into_owned();
        let version = told.strip_prefix("OpenSSH_")?.split([' ', ',']).next()?.to_owned();
        Some((program, version))
    };
    SFTP.get_or_init(find).as_ref()
}

fn table(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/conformance").join(name).with_extension("txt")
}

#[test]
fn the_table_covers_every_command() {
    let rows: Vec<Row> = TABLES.iter().flat_map(|name| row::read(&fs::read_to_string(table(name)).unwrap())).collect();
    let missing: Vec<String> = COMMANDS.iter().flat_map(|entry| coverage::missing(entry, &rows)).collect();
    assert_eq!(missing, Vec::<String>::new(), "no row shows these");
}

#[test]
fn every_difference_is_named_and_every_name_is_shown() {
    let page = include_str!("../../../docs/differences.md");
    let named: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("- `")?.split_once("`: ")).map(|(key, _)| key).collect();
    let rows: Vec<Row> = TABLES.iter().flat_map(|name| row::read(&fs::read_to_string(table(name)).unwrap())).collect();
    // A difference that no row can show has a test of its own, with a line `// difference: KEY` above it.
    let marks = marks("difference");
    let in_rows = rows.iter().filter_map(|row| row.differs.as_deref());
    let shown: BTreeSet<&str> = marks.iter().map(String::as_str).chain(in_rows).collect();
    assert_eq!(named.difference(&shown).collect::<Vec<_>>(), Vec::<&&str>::new(), "named, and nothing shows it");
    assert_eq!(
        shown.difference(&named).collect::<Vec<_>>(),
        Vec::<&&str>::new(),
        "shown, and docs/differences.md does not name it"
    );
}

#[test]
fn every_option_of_our_own_is_among_the_differences() {
    let page = include_str!("../../../docs/differences.md");
    let help = Command::new(program()).arg("--help").output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    // sftp(1) has no long options, and the short ones are those of its manual.
    let options = help.lines().filter_map(|line| line.trim_start().split([' ', '=', ',']).next());
    let is_ours = |option: &&str| {
        option.starts_with("--") && option.len() > 2
            || option.len() == 2 && option.starts_with('-') && !"46AaBbCcDFfiJlNoPpqRrSsvXh-".contains(&option[1..])
    };
    let missing: Vec<&str> = options.filter(is_ours).filter(|option| !page.contains(&format!("`{option}"))).collect();
    assert_eq!(missing, Vec::<&str>::new(), "options that docs/differences.md does not name");
}
