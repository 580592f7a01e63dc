//! A program on one end of a socket pair, as a transport (`-D`, `-S`) or as a plain socket (ProxyCommand).
//!
//! One socket serves as the program's standard input and output. So there is one descriptor to poll, and a [`Killer`]
//! can shut it down. The program's standard error stays ours. Ctrl-C must not end the transport, nor Ctrl-Z
//! hold it up, but a process group of its own would keep ssh from prompting on the terminal, so the program starts with
//! both signals ignored.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_socket_send_buffer_size;
use rustix::process::{Pid, Signal, kill_process};

use crate::lock::lock;
use crate::program;
use crate::transport::{End, Inbox, Killer, Outbox, Step, Transport};

/// How long a program may take to end by itself after its input has ended.
const PATIENCE: Duration = Duration::from_secs(2);

/// Pause between two checks of a program that has closed its output but not ended. No portable call waits for a child
/// with a time limit.
const REAP_PAUSE: Duration = Duration::from_millis(5);

/// How long programs may take to end after [`terminate_all`] asks them to, before they are killed.
const LAST_CHANCE: Duration = Duration::from_millis(150);

/// Room for one read: a few replies of usual size.
const READ_BYTES: usize = 128 << 10;

/// Bytes that may be buffered between us and the program in each direction, as far as the system allows.
const BUFFER_BYTES: usize = 1 << 20;

/// Starts the program with SIGINT and SIGTSTP ignored: an ignored signal stays ignored after `exec`.
const IGNORE_KEYS: &str = r#"trap "" INT TSTP; exec "$0" "$@""#;

/// A running program that doesn't outlive this process, because [`terminate_all`] ends it.
///
/// Clones are handles to one program. Dropping the last one neither ends the program nor waits for it.
#[derive(Clone, Debug)]
pub struct Program(Arc<Mutex<Child>>);

/// The programs that this process runs. The list is global, because the children belong to the process, and a signal
/// can end the process at any point.
static PROGRAMS: Mutex<Vec<Weak<Mutex<Child>>>> = Mutex::new(Vec::new());

/// Returns the programs that are running.
#[must_use]
pub fn running() -> Vec<Program> {
    lock(&PROGRAMS).iter().filter_map(Weak::upgrade).map(Program).collect()
}

/// Ends every running [`Program`]: sends SIGTERM, waits up to 150 ms, then kills it.
///
/// For a process that is about to exit. A program that waits for a dead network doesn't notice the end of its input.
pub fn terminate_all() {
    terminate_others(&[]);
}

/// Like [`terminate_all`], but spares these programs.
pub fn terminate_others(spared: &[Program]) {
    let is_spared = |program: &Program| spared.iter().any(|spared| Arc::ptr_eq(&spared.0, &program.0));
    let running: Vec<Program> = running().into_iter().filter(|program| !is_spared(program)).collect();
    running.iter().for_each(|program| program.signal(Signal::TERM));
    let deadline = Instant::now() + LAST_CHANCE;
    while !running.iter().all(Program::has_ended) && Instant::now() < deadline {
        thread::sleep(REAP_PAUSE);
    }
    running.iter().for_each(|program| program.signal(Signal::KILL));
}

impl Program {
    /// Starts `command`.
    ///
    /// # Errors
    /// The program can't be started.
    pub fn spawn(command: &mut Command) -> io::Result<Program> {
        // Under the lock, so that no program starts unnoticed while [`terminate_all`] runs.
        let mut programs = lock(&PROGRAMS);
        let program = Arc::new(Mutex::new(command.spawn()?));
        programs.retain(|other| other.strong_count() > 0);
        programs.push(Arc::downgrade(&program));
        Ok(Program(program))
    }

    /// Takes our end of the program's standard output, if it was piped.
    #[must_use]
    pub fn stdout(&self) -> Option<ChildStdout> {
        lock(&self.0).stdout.take()
    }

    /// Takes our end of the program's standard input, if it was piped.
    #[must_use]
    pub fn stdin(&self) -> Option<ChildStdin> {
        lock(&self.0).stdin.take()
    }

    /// Waits for the program to end.
    ///
    /// # Errors
    /// Another thread has waited for the program.
    pub fn wait(&self) -> io::Result<ExitStatus> {
        loop {
            // The lock is free between the checks, because ending the program needs it.
            if let Some(status) = lock(&self.0).try_wait()? {
                return Ok(status);
            }
            thread::sleep(REAP_PAUSE);
        }
    }

    /// Waits until `deadline`, then kills the program. Returns `None` if its exit status is unknown.
    fn reap(&self, deadline: Instant) -> Option<ExitStatus> {
        while !self.has_ended() && Instant::now() < deadline {
            thread::sleep(REAP_PAUSE);
        }
        self.signal(Signal::KILL);
        lock(&self.0).wait().ok()
    }

    fn has_ended(&self) -> bool {
        !matches!(lock(&self.0).try_wait(), Ok(None))
    }

    /// Sends a signal, unless the program has ended: its process id is ours only until it is reaped.
    fn signal(&self, signal: Signal) {
        let mut child = lock(&self.0);
        if let Ok(None) = child.try_wait() {
            let _ = kill_process(Pid::from_child(&child), signal);
        }
    }
}

/// A running program, and our end of the socket pair that is its standard input and output.
///
/// Dropping it shuts the socket down and ends the program, in bounded time.
#[derive(Debug)]
pub struct Process {
    program: Program,
    socket: UnixStream,
}

impl Process {
    /// Starts `command`. Its program, arguments, environment and directory are used, but its redirections are not.
    ///
    /// # Errors
    /// The program can't be found or started.
    pub fn spawn(command: &Command) -> io::Result<Process> {
        // Looked up here: the shell in between would search PATH by its own rules, and report a missing program in
        // its own words.
        let program = program::find(command.get_program())?;
        let (socket, theirs) = UnixStream::pair()?;
        for end in [&socket, &theirs] {
            // With larger buffers, the two processes wake each other less often. A smaller buffer than requested
            // works too.
            let _ = set_socket_send_buffer_size(end, BUFFER_BYTES);
        }
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(IGNORE_KEYS).arg(program).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            shell.current_dir(directory);
        }
        shell.stdin(Stdio::from(OwnedFd::from(theirs.try_clone()?))).stdout(Stdio::from(OwnedFd::from(theirs)));
        Ok(Process { program: Program::spawn(&mut shell)?, socket })
    }

    /// Returns a second descriptor of our end, for direct communication with the program.
    ///
    /// # Errors
    /// There is no free descriptor.
    pub fn socket(&self) -> io::Result<UnixStream> {
        self.socket.try_clone()
    }

    /// Ends the program's input, and waits up to two seconds before killing the program.
    fn conclude(&mut self) -> Option<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        // A failure means that the other end is closed already.
        let _ = self.socket.shutdown(Shutdown::Write);
        self.drain(deadline);
        let status = self.program.reap(deadline);
        let _ = self.socket.shutdown(Shutdown::Both);
        status
    }

    /// Reads and drops the remaining output, so that a program that is still writing can end.
    fn drain(&mut self, deadline: Instant) {
        let mut scrap = vec![0; READ_BYTES];
        loop {
            match self.socket.read(&mut scrap) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() || !readable_within(&self.socket, left) {
                        return;
                    }
                }
                Err(_) => return,
            }
            if Instant::now() >= deadline {
                return;
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
        self.program.reap(Instant::now() + PATIENCE);
    }
}

/// The SFTP stream to a program on a socket pair.
#[derive(Debug)]
pub struct ChildTransport {
    process: Process,
    killer: Killer,
}

impl ChildTransport {
    /// Starts `command` with one end of a socket pair as its standard input and output.
    ///
    /// # Errors
    /// The program can't be found or started.
    pub fn spawn(command: &Command) -> io::Result<ChildTransport> {
        let process = Process::spawn(command)?;
        process.socket.set_nonblocking(true)?;
        let killer = Killer::new(process.socket()?.into());
        Ok(ChildTransport { process, killer })
    }

    fn write(&mut self, out: &mut Outbox) -> io::Result<Step> {
        if out.is_empty() {
            return Ok(Step::Blocked);
        }
        let written = outcome(self.process.socket.write(out.front()))?;
        Ok(match written {
            Some(sent) => {
                out.advance(sent);
                Step::Moved
            }
            None => Step::Blocked,
        })
    }

    fn read(&mut self, inbox: &mut Inbox) -> io::Result<Step> {
        Ok(match outcome(self.process.socket.read(inbox.space(READ_BYTES)))? {
            Some(0) => Step::Closed,
            Some(read) => {
                inbox.commit(read);
                Step::Moved
            }
            None => Step::Blocked,
        })
    }
}

impl Transport for ChildTransport {
    fn step(&mut self, out: &mut Outbox, inbox: &mut Inbox) -> io::Result<Step> {
        // A program may write a message before it ends, so a failed write doesn't prevent the read.
        let written = match self.write(out) {
            Err(error) if is_hang_up(&error) => Step::Blocked,
            written => written?,
        };
        let read = match self.read(inbox) {
            Err(error) if is_hang_up(&error) => Step::Closed,
            read => read?,
        };
        Ok(if read == Step::Blocked { written } else { read })
    }

    fn interest<'a>(&'a self, out_pending: bool, fds: &mut Vec<PollFd<'a>>) {
        let events = if out_pending { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        fds.push(PollFd::new(&self.process.socket, events));
    }

    fn killer(&self) -> Killer {
        self.killer.clone()
    }

    fn finish(mut self: Box<Self>, _unsent: Outbox) -> End {
        let exit_status = self.process.conclude().and_then(|status| status.code());
        End { exit_status, last_words: Vec::new() }
    }
}

/// Returns the result of a non-blocking operation, or `None` if it would have blocked.
fn outcome(attempt: io::Result<usize>) -> io::Result<Option<usize>> {
    match attempt {
        Ok(moved) => Ok(Some(moved)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns whether the other end was closed, possibly before it read all our data.
fn is_hang_up(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

fn readable_within(socket: &UnixStream, limit: Duration) -> bool {
    let limit = Timespec::try_from(limit).unwrap_or_default();
    let mut fds = [PollFd::new(socket, PollFlags::IN)];
    matches!(poll(&mut fds, Some(&limit)), Ok(ready) if ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    /// Steps until the peer has closed, sleeping like a driver, and returns the received bytes.
    fn read_all(transport: &mut ChildTransport, out: &mut Outbox) -> Vec<u8> {
        let mut inbox = Inbox::default();
        loop {
            match transport.step(out, &mut inbox).unwrap() {
                Step::Moved => {}
                Step::Closed | Step::Refused => return inbox.unread().to_vec(),
                Step::Blocked => {
                    let mut fds = Vec::new();
                    transport.interest(!out.is_empty(), &mut fds);
                    poll(&mut fds, Some(&Timespec { tv_sec: 10, tv_nsec: 0 })).unwrap();
                }
            }
        }
    }

    #[test]
    fn bytes_go_both_ways_and_the_exit_status_comes_back() {
        let mut transport = ChildTransport::spawn(&sh("head -c 300000; exit 7")).unwrap();
        let mut out = Outbox::default();
        let sent: Vec<u8> = (0..300_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        out.push(&sent);
        assert_eq!(read_all(&mut transport, &mut out), sent);
        assert_eq!(Box::new(transport).finish(Outbox::default()).exit_status, Some(7));
    }

    #[test]
    fn a_program_that_leaves_input_unread_has_closed_and_not_failed() {
        let mut transport = ChildTransport::spawn(&sh("printf last; exit 1")).unwrap();
        let mut out = Outbox::default();
        out.push(&[0; 100_000]);
        assert_eq!(read_all(&mut transport, &mut out), b"last");
    }

    #[test]
    fn a_kill_from_another_thread_ends_a_sleep_and_the_program() {
        let mut transport = ChildTransport::spawn(&sh("exec cat")).unwrap();
        let killer = transport.killer();
        let started = Instant::now();
        let other = thread::spawn(move || killer.kill());
        assert_eq!(read_all(&mut transport, &mut Outbox::default()), b"");
        other.join().unwrap();
        assert_eq!(Box::new(transport).finish(Outbox::default()).exit_status, Some(0));
        assert!(started.elapsed() < PATIENCE);
    }

    #[test]
    fn a_program_that_ignores_the_end_of_its_input_is_killed() {
        let transport = ChildTransport::spawn(&sh("exec sleep 60")).unwrap();
        let started = Instant::now();
        assert_eq!(Box::new(transport).finish(Outbox::default()).exit_status, None);
        assert!(started.elapsed() < PATIENCE * 2);
    }

    #[test]
    fn keys_of_the_terminal_do_not_reach_the_program() {
        let mut transport = ChildTransport::spawn(&sh("kill -INT $$; kill -TSTP $$; echo alive")).unwrap();
        assert_eq!(read_all(&mut transport, &mut Outbox::default()), b"alive\n");
    }

    #[test]
    fn what_cannot_be_run_is_said_before_anything_is_started() {
        for (program, kind) in [
            ("/nowhere/sftp-server", ErrorKind::NotFound),
            ("no-such-program-anywhere", ErrorKind::NotFound),
            ("/etc/passwd", ErrorKind::PermissionDenied),
            ("/", ErrorKind::PermissionDenied),
        ] {
            let error = ChildTransport::spawn(&Command::new(program)).unwrap_err();
            assert_eq!(error.kind(), kind, "{program}");
        }
    }
}
