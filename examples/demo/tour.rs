//! A scripted tour without a terminal: the first commands of a newcomer, each with its check.

use crate::world::{MESSAGES, NAMES, SMALL_FILES, World};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How long a shell may run before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(120);

/// The output of a shell, and how it ended.
struct Seen {
    stdout: String,
    stderr: String,
    code: Option<i32>,
}

/// A step: its name, and a function that returns the failed checks.
type Step = (&'static str, fn(&World) -> io::Result<Vec<String>>);

const STEPS: [Step; 8] = [
    ("a directory is listed, names in columns and in order", listing),
    ("every messages.* is fetched, in sorted order, with progress", messages),
    ("names with blanks, stars, quotes and umlauts are fetched", names),
    ("three hundred files are fetched at once", many),
    ("a tree is fetched with its directories", tree),
    ("what is put is what arrives", put),
    ("a batch stops at its first failure, with exit code 1", batch),
    ("a host that is not known is refused, with exit code 255", stranger),
];

/// Plays all steps. Succeeds only if all their checks pass.
pub(crate) fn play() -> io::Result<ExitCode> {
    let world = World::build()?;
    let mut failed = 0;
    for (name, step) in STEPS {
        let begin = Instant::now();
        let wrong = step(&world).unwrap_or_else(|error| vec![error.to_string()]);
        println!("{} {name} ({} ms)", if wrong.is_empty() { "ok    " } else { "FAILED" }, begin.elapsed().as_millis());
        for what in &wrong {
            println!("       {what}");
        }
        failed += usize::from(!wrong.is_empty());
    }
    let root = world.root().to_owned();
    drop(world);
    let left = root.exists();
    println!("{} nothing is left behind", if left { "FAILED" } else { "ok    " });
    Ok(if failed == 0 && !left { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn listing(world: &World) -> io::Result<Vec<String>> {
    let seen = type_at(world, &[], "pwd\nls\nls -1 messages.*\n")?;
    let mut wrong = seen.must_end_with(0);
    for name in NAMES.iter().map(|(name, _)| *name).chain(["many", "tree"]) {
        if !seen.stdout.contains(name) {
            wrong.push(format!("{name} is not listed"));
        }
    }
    let order: Vec<_> = MESSAGES.iter().map(|(name, _)| *name).collect();
    if !seen.stdout.ends_with(&format!("{}\n", order.join("\n"))) {
        wrong.push("messages.* are not listed one by one, in order".to_owned());
    }
    Ok(seen.explain(wrong))
}

fn messages(world: &World) -> io::Result<Vec<String>> {
    let seen = type_at(world, &["--progress", "plain"], "get messages.*\n")?;
    let mut wrong = seen.must_end_with(0);
    wrong.extend(MESSAGES.iter().filter_map(|(name, _)| difference(world, name, name)));
    let said = [seen.stdout.as_str(), seen.stderr.as_str()].concat();
    let last_lines: Vec<_> = MESSAGES
        .iter()
        .map(|(name, size)| format!("Transfer of '{name}' is at {size}/{size} bytes (100.0%)"))
        .collect();
    let places: Vec<_> = last_lines.iter().map(|line| said.find(line.as_str())).collect();
    if places.iter().any(Option::is_none) || !places.is_sorted() {
        wrong.push("the lines of 100 % are not all there, in order".to_owned());
    }
    Ok(seen.explain(wrong))
}

fn names(world: &World) -> io::Result<Vec<String>> {
    let lines: String = NAMES.iter().map(|(_, typed)| format!("get {typed}\n")).collect();
    let seen = type_at(world, &[], &lines)?;
    let mut wrong = seen.must_end_with(0);
    wrong.extend(NAMES.iter().filter_map(|(name, _)| difference(world, name, name)));
    Ok(seen.explain(wrong))
}

fn many(world: &World) -> io::Result<Vec<String>> {
    let seen = type_at(world, &[], "lmkdir notes\nget many/* notes\n")?;
    let mut wrong = seen.must_end_with(0);
    let number = fs::read_dir(world.local().join("notes"))?.count();
    if number != SMALL_FILES {
        wrong.push(format!("{number} files came, not {SMALL_FILES}"));
    }
    for number in 0..SMALL_FILES {
        let name = format!("note-{number:03}.txt");
        wrong.extend(difference(world, &format!("notes/{name}"), &format!("many/{name}")));
    }
    Ok(seen.explain(wrong))
}

fn tree(world: &World) -> io::Result<Vec<String>> {
    let seen = type_at(world, &[], "get -r tree\n")?;
    let mut wrong = seen.must_end_with(0);
    for name in ["tree/plan.txt", "tree/oak/bark.txt", "tree/oak/branch/leaf/acorn.txt", "tree/pine/cone.txt"] {
        wrong.extend(difference(world, name, name));
    }
    Ok(seen.explain(wrong))
}

fn put(world: &World) -> io::Result<Vec<String>> {
    let seen = type_at(
        world,
        &[],
        "mkdir back\nput messages.* back\nput -r tree back\nput \"two words.txt\" back/copy.txt\n",
    )?;
    let mut wrong = seen.must_end_with(0);
    wrong.extend(MESSAGES.iter().filter_map(|(name, _)| difference(world, name, &format!("back/{name}"))));
    wrong.extend(difference(world, "tree/oak/branch/leaf/acorn.txt", "back/tree/oak/branch/leaf/acorn.txt"));
    wrong.extend(difference(world, "two words.txt", "back/copy.txt"));
    Ok(seen.explain(wrong))
}

fn batch(world: &World) -> io::Result<Vec<String>> {
    let seen = type_at(world, &["-b", "-"], "mkdir before\n-get nothing.txt\nget nothing.txt\nmkdir after\n")?;
    let mut wrong = seen.must_end_with(1);
    if !seen.stderr.contains("nothing.txt") {
        wrong.push("the missing file is not named".to_owned());
    }
    if !world.remote().join("before").exists() || world.remote().join("after").exists() {
        wrong.push("the batch did not stop where it should".to_owned());
    }
    Ok(seen.explain(wrong))
}

fn stranger(world: &World) -> io::Result<Vec<String>> {
    world.forget_the_host()?;
    let seen = type_at(world, &[], "pwd\n")?;
    let mut wrong = seen.must_end_with(255);
    if seen.stdout.contains("Remote working directory") {
        wrong.push("a session was opened".to_owned());
    }
    Ok(seen.explain(wrong))
}

/// Runs the shell with these lines on its stdin.
fn type_at(world: &World, options: &[&str], lines: &str) -> io::Result<Seen> {
    let mut command = world.shell_with(options);
    let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = shell.stdin.take() {
        // A shell that stops reading has a reason, which it prints.
        let _ = stdin.write_all(lines.as_bytes());
    }
    let (killer, guard) = guard(shell.id());
    let output = shell.wait_with_output();
    drop(killer);
    let _ = guard.join();
    let output = output?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Seen { stdout: text(&output.stdout), stderr: text(&output.stderr), code: output.status.code() })
}

/// Kills a hung shell by its process id, unless the sender is dropped first.
fn guard(pid: u32) -> (std::sync::mpsc::Sender<()>, std::thread::JoinHandle<()>) {
    let (killer, ended) = std::sync::mpsc::channel();
    let guard = std::thread::spawn(move || {
        if ended.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
            && let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    });
    (killer, guard)
}

impl Seen {
    fn must_end_with(&self, code: i32) -> Vec<String> {
        if self.code == Some(code) {
            Vec::new()
        } else {
            vec![format!("the shell ended with {:?}, not {code}", self.code)]
        }
    }

    /// Adds the output to the list of failed checks, unless that is empty.
    fn explain(&self, mut wrong: Vec<String>) -> Vec<String> {
        if !wrong.is_empty() {
            wrong.extend(self.stdout.lines().map(|line| format!("stdout: {line}")));
            wrong.extend(self.stderr.lines().map(|line| format!("stderr: {line}")));
        }
        wrong
    }
}

/// Returns the difference between a local and a remote file, if there is one.
fn difference(world: &World, local: &str, remote: &str) -> Option<String> {
    let read = |directory: &Path, name: &str| fs::read(directory.join(name));
    match (read(&world.local(), local), read(&world.remote(), remote)) {
        (Ok(ours), Ok(theirs)) if ours == theirs => None,
        (Ok(_), Ok(_)) => Some(format!("{local} differs from the server's {remote}")),
        (Err(error), _) => Some(format!("{local}: {error}")),
        (_, Err(error)) => Some(format!("{remote}: {error}")),
    }
}
