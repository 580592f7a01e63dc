//! Runs programs with a deadline: a program that misses it is killed with all its children, and every process is
//! reaped.

use super::GLANCE;
use super::capture::Capture;
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A running program in a session of its own. It has no terminal to prompt on, and is killed with its children.
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Arc<Capture>,
    stderr: Arc<Capture>,
    /// The positions after the last marks on stdout and stderr.
    seen: [usize; 2],
    patience: Duration,
    ended: bool,
    /// The largest memory use seen so far.
    peak_bytes: u64,
}

/// How a program ended, and all its output.
#[derive(Clone, Debug)]
pub struct Finished {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// The exit code, or 128 plus the signal's number, as in a shell.
    pub code: i32,
    /// True if it had to be killed, which fails the test whatever it expects.
    pub hung: bool,
    /// The largest memory use in bytes while waiting for its end; 0 if the system doesn't report it.
    pub peak_bytes: u64,
}

impl Running {
    /// Starts `command` with pipes for all three streams.
    pub fn start(command: &mut Command, patience: Duration) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        detach(command);
        let mut child = spawn(command).unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
        let stdin = child.stdin.take();
        let stdout = Capture::follow(child.stdout.take().expect("piped above"));
        let stderr = Capture::follow(child.stderr.take().expect("piped above"));
        Self { child, stdin, stdout, stderr, seen: [0, 0], patience, ended: false, peak_bytes: 0 }
    }

    /// Sends one line. A program that has stopped reading doesn't fail the test.
    pub fn types(&mut self, line: &str) -> &mut Self {
        self.sends(format!("{line}\n").as_bytes())
    }

    /// Sends bytes unchanged.
    pub fn sends(&mut self, bytes: &[u8]) -> &mut Self {
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(bytes).and_then(|()| stdin.flush());
        }
        self
    }

    /// Feeds stdin from a thread, then closes it: for input larger than a pipe holds.
    pub fn feeds(&mut self, input: Vec<u8>) {
        if let Some(mut stdin) = self.stdin.take() {
            std::thread::spawn(move || {
                let _ = stdin.write_all(&input);
            });
        }
    }

    /// Closes stdin.
    pub fn ends_input(&mut self) -> &mut Self {
        self.stdin = None;
        self
    }

    /// Waits for the next `mark` on stdout.
    #[track_caller]
    pub fn prints(&mut self, mark: &str) -> &mut Self {
        self.waits(mark, 0, "stdout")
    }

    /// Waits for the next `mark` on stderr.
    #[track_caller]
    pub fn reports(&mut self, mark: &str) -> &mut Self {
        self.waits(mark, 1, "stderr")
    }

    #[track_caller]
    fn waits(&mut self, mark: &str, which: usize, name: &str) -> &mut Self {
        let capture = [&self.stdout, &self.stderr][which];
        match capture.wait_for(mark, self.seen[which], self.patience) {
            Some(end) => self.seen[which] = end,
            None => panic!(
                "{mark:?} did not appear on {name}\n--- stdout\n{}\n--- stderr\n{}",
                self.stdout.text(),
                self.stderr.text()
            ),
        }
        self
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the program, but not to its children.
    pub fn signals(&mut self, signal: rustix::process::Signal) -> &mut Self {
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal);
        self
    }

    /// Closes its input and waits for its end.
    #[track_caller]
    pub fn finish(mut self) -> Finished {
        self.stdin = None;
        self.ends()
    }

    /// Closes its input and waits for its end, watching its memory use.
    #[track_caller]
    pub fn finish_measured(mut self) -> Finished {
        self.stdin = None;
        let deadline = Instant::now() + self.patience;
        let pid = self.child.id();
        // A zombie has no memory, and only this process can reap it.
        while Instant::now() < deadline
            && let Some(bytes) = peak_bytes(pid)
        {
            self.peak_bytes = self.peak_bytes.max(bytes);
            std::thread::sleep(GLANCE);
        }
        self.ends()
    }

    /// Waits for its end with its input open. Fails if a process that it started outlives it.
    #[track_caller]
    pub fn ends(mut self) -> Finished {
        let (status, hung) = wait(&mut self.child, self.patience);
        self.ended = true;
        if !hung {
            assert_alone(self.child.id());
        }
        // Processes that it left behind still hold its stdout. Give its last output a moment to arrive.
        if !self.stdout.wait_for_end(Duration::from_secs(2)) || !self.stderr.wait_for_end(Duration::from_secs(2)) {
            kill_group(self.child.id());
        }
        Finished {
            stdout: self.stdout.bytes(),
            stderr: self.stderr.bytes(),
            code: code(status),
            hung,
            peak_bytes: self.peak_bytes,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            kill_group(self.child.id());
            let _ = self.child.wait();
        }
    }
}

/// Makes `command` start as the leader of a new session, without a controlling terminal, with a plain umask.
#[allow(unsafe_code, reason = "the standard library has no safe way to a new session")]
pub fn detach(command: &mut Command) {
    // SAFETY: between fork and exec only setsid and umask are called, and both are async-signal-safe.
    unsafe {
        command.pre_exec(|| {
            rustix::process::setsid()?;
            rustix::process::umask(rustix::fs::Mode::from_bits_retain(0o022));
            Ok(())
        });
    }
}

/// Waits for a child, and kills it and its group after `patience`. Returns how it ended and whether it was killed.
pub fn wait(child: &mut Child, patience: Duration) -> (ExitStatus, bool) {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait().expect("our own child can be waited for") {
            return (status, false);
        }
        if Instant::now() >= deadline {
            kill_group(child.id());
            return (child.wait().expect("our own child can be waited for"), true);
        }
        std::thread::sleep(GLANCE);
    }
}

/// Returns the largest memory use of a living process, if the system reports it.
fn peak_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(peak.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

/// Kills all processes of a group that we created.
pub fn kill_group(leader: u32) {
    if let Some(pid) = i32::try_from(leader).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

/// Fails the test if processes remain of a session that we created, after a moment for them to notice that their
/// leader is gone.
#[track_caller]
pub(super) fn assert_alone(leader: u32) {
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut left = session(leader);
    while !left.is_empty() && Instant::now() < deadline {
        std::thread::sleep(GLANCE);
        left = session(leader);
    }
    if !left.is_empty() {
        kill_group(leader);
        panic!("what the program started outlived it: {left:?}");
    }
}

/// Returns the living processes of a session, if the system reports them.
fn session(leader: u32) -> Vec<u32> {
    let living = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // After the name: state, parent, group, session.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        (state != "Z" && fields.nth(2)?.parse::<u32>().ok()? == leader).then_some(pid)
    };
    let directory = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    directory.filter_map(|entry| living(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// Returns the children of a process, except for those that have ended.
pub fn children(of: u32) -> Vec<u32> {
    let is_alive = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, fields)| !fields.trim_start().starts_with('Z'))
    };
    parents().into_iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| pid).filter(is_alive).collect()
}

/// Kills a process and all its descendants, because sshd's sessions lead groups of their own.
pub fn kill_tree(root: u32) {
    let mut doomed = vec![root];
    let parents = parents();
    let mut next = 0;
    while let Some(&parent) = doomed.get(next) {
        doomed.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    for pid in doomed {
        if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Returns every process with its parent.
fn parents() -> Vec<(u32, u32)> {
    let Ok(directory) = std::fs::read_dir("/proc") else { return parents_by_ps() };
    directory
        .filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name is in parentheses and may contain anything. The state and the parent follow it.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect()
}

fn parents_by_ps() -> Vec<(u32, u32)> {
    let Ok(output) = Command::new("ps").args(["-A", "-o", "pid=", "-o", "ppid="]).output() else { return Vec::new() };
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().map(str::parse);
            Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
        })
        .collect()
}

/// Starts a program. One that a test has just copied can be "busy" for a moment, while another test that is starting
/// a program still holds the copy's descriptor.
fn spawn(command: &mut Command) -> std::io::Result<Child> {
    loop {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            outcome => return outcome,
        }
    }
}
