//! `--dry-run` describes the effects of the same line without it: many trees are transferred once without and once
//! with effect.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::support::{Entry, Outcome, Remote, Shell, noise};

/// The number of trees per direction; the variable `TREES` changes it.
const TREES: usize = 60;

/// Random choices that are equal in each run.
struct Dice(std::vec::IntoIter<u8>);

impl Dice {
    fn of(name: &str) -> Dice {
        Dice(noise(name.as_bytes(), 4096).into_iter())
    }

    fn below(&mut self, most: usize) -> usize {
        usize::from(self.0.next().unwrap()) % most
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// Fills a directory: files of one repeated byte, so that each is the beginning of every longer one, directories,
/// links. A link's target is one of these, `up` (the directory above the tree) or `NAME` (its own name). Two links
/// never have the same file as a target that is created meanwhile, because then the run itself would depend on which
/// is faster.
fn fill(directory: &str, depth: usize, names: &[&str], links: &[&str], dice: &mut Dice, entries: &mut Vec<Entry>) {
    entries.push(Entry::directory(directory));
    for name in names {
        let path = format!("{directory}/{name}");
        match dice.below(8) {
            0..=2 => entries.push(Entry::file(path, vec![b'x'; 1 + dice.below(9)])),
            3 if depth > 0 => fill(&path, depth - 1, names, links, dice, entries),
            4 => {
                let up = "../".repeat(directory.split('/').count());
                let leads_to = dice.one_of(links).replace("up/", &up).replace("NAME", name);
                entries.push(Entry::link(path, leads_to));
            }
            _ => {}
        }
    }
}

/// One line, and the files at both ends before it.
struct Case {
    line: String,
    source: Vec<Entry>,
    target: Vec<Entry>,
    /// The modification times of the target's files, alternately; those of the source are at 1500.
    changed: [u64; 2],
}

impl Case {
    fn of(command: &str, number: usize) -> Case {
        const NAMES: [&str; 4] = ["a", "b", "c", "d"];
        const LINKS: [&str; 5] = ["a", "b", "nowhere", "../a", "c/a"];
        const LINKS_THERE: [&str; 4] = ["gone-NAME", "gone/NAME", "up/kept/file", "up/kept/directory"];
        let mut dice = Dice::of(&format!("{command} {number}"));
        let (mut source, mut target) = (Vec::new(), Vec::new());
        fill("t", 2, &NAMES, &LINKS, &mut dice, &mut source);
        fill("u/t", 1, &NAMES, &LINKS, &mut dice, &mut source);
        if dice.below(4) > 0 {
            fill("t", 2, &["a", "b", "c", "d", "a.1"], &LINKS_THERE, &mut dice, &mut target);
            target.extend([Entry::file("kept/file", "xxxx"), Entry::directory("kept/directory")]);
        }
        let mut line = format!("{command} -r");
        let policy = ["", "skip", "newer", "rename", "overwrite"][dice.below(5)];
        if !policy.is_empty() {
            line += &format!(" --on-conflict={policy}");
        }
        let or_not = ["", "", ""];
        line += dice.one_of(&["", " --links", " --links", " -L"]);
        line += dice.one_of(&[&or_not[..], &[" --exclude=b", " --exclude=c/", " --max-size=5"]].concat());
        line += dice.one_of(&[&or_not[..], &[" -p"]].concat());
        // With -L and --remove-source, the first link's transfer removes the target that a second link needs too.
        if !line.contains("-L") {
            line += dice.one_of(&[&or_not[..], &[" --remove-source"]].concat());
        }
        if policy.is_empty() {
            line += dice.one_of(&["", " -a"]);
        }
        if command == "put" {
            line += dice.one_of(&["", "", " --atomic"]);
        }
        let (one, several) = ([" t .", " t .", " t new/deep"], [" t u/t .", " -o . t u/t"]);
        // A link that this run created may lead to a directory that this run created as well.
        line += match command == "put" && line.contains("--links") {
            true => dice.one_of(&one),
            false => dice.one_of(&[&one[..], &several].concat()),
        };
        Case { line, source, target, changed: [[1400, 1600], [1600, 1400]][dice.below(2)] }
    }

    fn world(&self, command: &str) -> Shell {
        let (here, there) = if command == "get" { (&self.target, &self.source) } else { (&self.source, &self.target) };
        let shell = Shell::on(Remote::with(there.clone())).here(here.clone());
        let (get, changed) = (command == "get", self.changed);
        shell.prepare(move |world| {
            let (source, target) = if get { (world.remote(), world.local()) } else { (world.local(), world.remote()) };
            for (number, path) in files(&source).iter().enumerate() {
                set_time(&source.join(path), 1500 + number as u64 % 2);
            }
            for (number, path) in files(&target).iter().enumerate() {
                set_time(&target.join(path), changed[number % 2]);
            }
        })
    }
}

fn set_time(path: &Path, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds);
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// Returns the entries below a directory: `/` for a directory, `@…` for a link, a length for a file.
fn tree(directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let kind = match metadata.file_type() {
                kind if kind.is_dir() => "/".to_owned(),
                kind if kind.is_symlink() => {
                    format!("@{}", String::from_utf8_lossy(fs::read_link(&path).unwrap().as_os_str().as_bytes()))
                }
                _ => metadata.len().to_string(),
            };
            found.insert(path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned(), kind);
            if metadata.is_dir() {
                waiting.push(path);
            }
        }
    }
    found
}

fn files(directory: &Path) -> Vec<String> {
    let is_file = |kind: &String| kind != "/" && !kind.starts_with('@');
    tree(directory).into_iter().filter(|(_, kind)| is_file(kind)).map(|(path, _)| path).collect()
}

/// The output of one run, in a form that does not depend on whether it was a dry run.
#[derive(Debug, Default, PartialEq)]
struct Account {
    files: Vec<String>,
    stays: Vec<String>,
    failures: Vec<String>,
    skipped: Vec<String>,
    total: (Value, Value),
}

impl Account {
    fn of(outcome: &Outcome) -> Account {
        let mut account = Account::default();
        for line in outcome.stdout().lines() {
            let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            let text = |member: &str| object[member].as_str().unwrap_or_default().to_owned();
            match (text("event").as_str(), text("intent").as_str(), text("note").as_str()) {
                ("intent", "file", _) | ("finish", ..) => account.files.push(text("target")),
                ("intent", "skip", _) => account.stays.push(text("target")),
                ("note", _, "left-there") => {
                    account.stays.push(text("message").split(" exists already").next().unwrap().to_owned());
                }
                ("note", _, "not-modified") => {
                    account.stays.push(text("message").split('"').nth(1).unwrap().to_owned())
                }
                ("note", _, "skipped" | "left-out") => account.skipped.push(text("message")),
                ("failure", ..) => account.failures.push(text("path")),
                ("intent", "total", _) | ("end", ..) if account.total.0.is_null() => {
                    account.total = (object["files"].clone(), object["bytes"].clone());
                }
                _ => {}
            }
        }
        // A file that was complete already is part of the total, but was not transferred.
        let complete = outcome.stdout().lines().filter(|line| line.contains(r#""note":"not-modified""#)).count();
        account.total.0 = (account.total.0.as_u64().unwrap() - complete as u64).into();
        if !account.failures.is_empty() {
            // A file that fails only at its end has been transferred, and is part of the actual total.
            account.total.1 = Value::Null;
        }
        account.stays.sort();
        account.failures.sort();
        account
    }
}

/// Returns the targets of the intents of one kind, as paths below the target directory.
fn intended(outcome: &Outcome, intent: &str) -> Vec<String> {
    let objects = outcome.stdout().lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let targets = objects.filter(|object| object["intent"] == intent).map(|object| {
        let target =
            object["target"].as_str().unwrap().trim_start_matches("REMOTE/").trim_start_matches("./").to_owned();
        target.trim_end_matches('/').to_owned()
    });
    let mut targets: Vec<String> = targets.collect();
    targets.sort();
    targets.dedup();
    targets
}

fn what_is_said_is_done(command: &str) {
    for number in 0..std::env::var("TREES").map_or(TREES, |trees| trees.parse().unwrap()) {
        let case = Case::of(command, number);
        let side = |outcome: &Outcome| {
            let world = outcome.the_world();
            tree(&if command == "get" { world.local() } else { world.remote() })
        };
        let json = ["--progress", "json"];
        let dry = case.world(command).with_args(json).types(&format!("@{} -n", case.line)).run();
        let (said, directories, links) = (Account::of(&dry), intended(&dry, "directory"), intended(&dry, "link"));
        let before = side(&dry);
        let run = dry.then().with_args(json).types(&format!("@{}", case.line)).run();
        let done = Account::of(&run);
        let after = side(&run);
        let story = || format!("{command} {number}: {}\nbefore {before:#?}\nafter {after:#?}", case.line);
        assert_eq!(said, done, "{}\n{}", story(), run.stderr());
        let is_new = |path: &str, kind: &str| after[path].starts_with(kind) && before.get(path) != after.get(path);
        let new = |kind: &str| -> Vec<String> { after.keys().filter(|path| is_new(path, kind)).cloned().collect() };
        assert_eq!(directories, new("/"), "{}", story());
        // A later source may have replaced it.
        let is_there =
            |link: &String| after[link].starts_with('@') || done.files.iter().any(|file| file.ends_with(link));
        assert!(links.iter().all(is_there), "{links:?}\n{}", story());
        assert!(new("@").iter().all(|link| links.contains(link)), "{links:?}\n{}", story());
    }
}

#[test]
fn a_dry_run_of_get_says_what_get_does() {
    what_is_said_is_done("get");
}

#[test]
fn a_dry_run_of_put_says_what_put_does() {
    what_is_said_is_done("put");
}
