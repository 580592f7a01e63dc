//! Programs that read the output they wait for and hang up: a command that has begun is completed, and the next is
//! not run.

use crate::support::{Entry, PATIENCE, Remote, Shell, World, detach, sftp_server, wait};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A program that drives a client. It reads the client's output from sockets: a socket that is shut down refuses the
/// next byte at once, while a pipe may stay open in a process that is just being started elsewhere.
struct Driver {
    client: Child,
    stdout: UnixStream,
    stderr: UnixStream,
}

impl Driver {
    fn of(mut command: Command) -> Driver {
        let [(stdout, its_stdout), (stderr, its_stderr)] = [(), ()].map(|()| UnixStream::pair().unwrap());
        command.stdin(Stdio::piped()).stdout(OwnedFd::from(its_stdout)).stderr(OwnedFd::from(its_stderr));
        detach(&mut command);
        Driver { client: command.spawn().unwrap(), stdout, stderr }
    }

    fn types(&mut self, lines: &str) -> &mut Driver {
        // A client that has ended does not read any more.
        let _ = self.client.stdin.as_mut().unwrap().write_all(lines.as_bytes());
        self
    }

    /// Reads stdout up to a mark, and not a byte more.
    fn reads(&mut self, mark: &str) -> &mut Driver {
        let (mut seen, mut byte) = (Vec::new(), [0]);
        while !seen.ends_with(mark.as_bytes()) {
            assert_eq!(self.stdout.read(&mut byte).unwrap(), 1, "{mark:?} not in {}", String::from_utf8_lossy(&seen));
            seen.extend(byte);
        }
        self
    }

    /// Stops reading stdout and stderr.
    fn looks_away(&mut self) -> &mut Driver {
        for stream in [&self.stdout, &self.stderr] {
            stream.shutdown(Shutdown::Both).unwrap();
        }
        self
    }

    /// Closes stdin and returns how the client ended.
    fn waits(mut self) -> i32 {
        self.client.stdin = None;
        let (status, hung) = wait(&mut self.client, PATIENCE);
        assert!(!hung, "it had to be killed");
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
    }
}

/// The size of a file that is transferred while the reader hangs up.
const SIZE: usize = 2 << 20;

const MANY: usize = 300;

fn shell() -> Shell {
    let files = (0..MANY).map(|number| Entry::file(format!("many/{number}"), "x"));
    let remote = ["a", "tree/b"].map(Entry::from).into_iter().chain(files).chain([Entry::sized("large", SIZE)]);
    Shell::on(Remote::with(remote)).here([Entry::sized("big", SIZE), Entry::file("site/index", "x")])
}

fn length(path: &Path) -> usize {
    path.metadata().map_or(0, |metadata| metadata.len() as usize)
}

fn many(world: &World) -> usize {
    world.remote().join("many").read_dir().unwrap().count()
}

/// A line, and a check whether all of it was done.
type Work = (&'static str, fn(&World) -> bool);

/// Commands that print before, during or after their work.
const WORK: [Work; 11] = [
    ("put big", |world| length(&world.remote().join("big")) == SIZE),
    ("put --atomic -f big", |world| length(&world.remote().join("big")) == SIZE),
    ("put -r site", |world| world.remote().join("site/index").exists()),
    ("get large", |world| length(&world.local().join("large")) == SIZE),
    ("get -r many", |world| world.local().join("many").read_dir().is_ok_and(|entries| entries.count() == MANY)),
    ("rm many/*", |world| many(world) == 0),
    ("rm -r many", |world| !world.remote().join("many").exists()),
    ("chmod 600 many/*", |world| {
        use std::os::unix::fs::PermissionsExt;
        let modes = world.remote().join("many").read_dir().unwrap();
        modes.flatten().all(|entry| entry.metadata().unwrap().permissions().mode() & 0o777 == 0o600)
    }),
    ("rename a c", |world| world.remote().join("c").exists()),
    ("cp large copy", |world| length(&world.remote().join("copy")) == SIZE),
    ("!sleep 0; ls; touch done", |world| world.local().join("done").exists()),
];

#[test]
fn what_has_begun_is_finished_though_its_reader_hangs_up() {
    for (line, is_done) in WORK {
        for options in [&["--progress=json"][..], &["-b", "-"]] {
            let shell = shell().with_args(options);
            let mut driver = Driver::of(shell.command());
            driver.types(&format!("{line}\n")).reads(&format!("sftp> {line}\n")).looks_away();
            assert_eq!(driver.waits(), 0, "{line} {options:?}");
            assert!(is_done(shell.world()), "{line} {options:?} was cut off");
        }
    }
}

// difference: unread-output
#[test]
fn a_line_after_that_is_not_run_and_its_script_has_failed() {
    for (line, is_done) in WORK {
        for options in [&["--progress=plain"][..], &["--keep-going"]] {
            let shell = shell().with_args(options);
            let mut driver = Driver::of(shell.command());
            driver.types(&format!("{line}\n")).reads(&format!("sftp> {line}\n")).looks_away();
            driver.types("mkdir after\n");
            assert_eq!(driver.waits(), 1, "{line} {options:?}");
            assert!(is_done(shell.world()), "{line} {options:?} was cut off");
            assert!(!shell.world().remote().join("after").exists(), "{options:?}: a line that nobody saw was run");
        }
    }
}

#[test]
fn sftp_finishes_the_same_and_fails_the_same() {
    for (line, is_done) in [WORK[0], WORK[3], WORK[5]] {
        for after in ["", "mkdir after\n"] {
            let shell = shell();
            let mut sftp = shell.world().command(Path::new("sftp"));
            sftp.args(["-b", "-", "-D", sftp_server(), "-s", "sftp"]);
            let mut driver = Driver::of(sftp);
            let place = format!("cd {}\n", shell.world().remote().display());
            driver.types(&place).types(&format!("{line}\n")).reads(&format!("sftp> {line}\n")).looks_away();
            driver.types(after);
            let code = driver.waits();
            assert_eq!(code == 0, after.is_empty(), "{line} {after}: {code}");
            assert!(is_done(shell.world()), "{line}");
            assert!(!shell.world().remote().join("after").exists());
        }
    }
}

// difference: unread-output
#[test]
fn what_only_prints_ends_early_and_its_script_has_failed() {
    for line in ["ls -1 many", "find", "du -a", "help", "pwd", "df", "get -n -r many"] {
        let shell = shell();
        let mut driver = Driver::of(shell.command());
        driver.types("version\n").reads("version 3\n").looks_away().types(&format!("@{line}\n@mkdir after\n"));
        assert_eq!(driver.waits(), 1, "{line}");
        assert!(!shell.world().remote().join("after").exists(), "{line}: the next line was run");
    }
}

#[test]
fn a_stdout_that_takes_nothing_is_reported_once() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let full = |line| Shell::on(Remote::with(["f"])).after("exec >/dev/full").types(line).types("mkdir after");
    let failure = "Cannot write to standard output: No space left on device (os error 28)";
    for line in ["ls", "pwd"] {
        full(line).exits(1).complains(&[failure]).remote_lacks("after");
        full(line).as_batch().exits(1).complains(&[failure]).remote_lacks("after");
    }
}

#[test]
fn a_stderr_that_nobody_reads_changes_nothing() {
    let shell = shell();
    let mut driver = Driver::of(shell.command());
    driver.stderr.shutdown(Shutdown::Both).unwrap();
    driver.types("rm nowhere\nget nowhere\nprogress\nput big\nmkdir after\n").reads("sftp> mkdir after\n");
    assert_eq!(driver.waits(), 0);
    assert_eq!(length(&shell.world().remote().join("big")), SIZE);
    assert!(shell.world().remote().join("after").exists());
}

#[test]
fn a_hang_up_of_stdin_is_an_ordinary_end() {
    for options in [&[][..], &["-b", "-"]] {
        let shell = shell().with_args(options);
        let mut driver = Driver::of(shell.command());
        driver.types("put big").client.stdin = None;
        driver.reads("sftp> put big\n");
        assert_eq!(driver.waits(), 0, "{options:?}");
        assert_eq!(length(&shell.world().remote().join("big")), SIZE);
    }
}

#[test]
fn a_local_program_dies_of_sigpipe_as_it_should() {
    let outcome = Shell::on(Remote::empty()).types("!kill -s PIPE $$; echo survived").types("!exit 3").run();
    outcome.reports("Shell exited abnormally: signal 13").reports("status 3").prints_no("\nsurvived").succeeds();
}
