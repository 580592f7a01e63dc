//! The keys of a terminal, handed to the line editor one by one.
//!
//! rustyline reads stdin, and as much of it as is there. The first keys of a line have been read before it starts, and what
//! follows a line belongs to whoever reads next. So while it edits, stdin is a pseudo terminal of our own; a thread puts
//! the keys into it, and none beyond the end of a line.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::{Errno, fcntl_dupfd_cloexec, ioctl_fionread};
use rustix::process::{Signal, kill_current_process_group};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::stdio::dup2_stdin;
use rustix::termios::{InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use rustyline::KeyEvent;

use crate::shell::signals::Signals;

/// How long the editor may take to return once it has read the end of a line. What is typed meanwhile waits.
const RETURNING: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// The terminal without echo, lines and signals; put back on drop.
///
/// A Ctrl-D that is typed meanwhile and not read stays the byte 0x04 for whoever reads next, and is no end of file: Linux marks
/// it as one only while it reads lines (`n_tty_receive_char_canon`), and takes what is there when that begins for one line
/// (`n_tty_set_termios`). Typing it once more by TIOCSTI needs `dev.tty.legacy_tiocsti` or CAP_SYS_ADMIN, and would put it behind the rest.
pub(super) struct KeyByKey {
    terminal: Arc<OwnedFd>,
    before: Termios,
    during: Termios,
    /// Whether this one puts it back.
    restores: bool,
}

impl KeyByKey {
    /// From now on each key is read as it is pressed.
    ///
    /// # Errors
    /// Stdin is no terminal any more.
    pub(super) fn begin() -> io::Result<KeyByKey> {
        let terminal = Arc::new(fcntl_dupfd_cloexec(io::stdin(), 3)?);
        let before = tcgetattr(&terminal)?;
        let mut during = before.clone();
        during.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::IEXTEN | LocalModes::ISIG;
        during.input_modes -= InputModes::ICRNL | InputModes::INLCR | InputModes::IGNCR | InputModes::IXON;
        during.special_codes[SpecialCodeIndex::VMIN] = 1;
        during.special_codes[SpecialCodeIndex::VTIME] = 0;
        let keys = KeyByKey { terminal, before, during, restores: true };
        keys.set(&keys.during);
        Ok(keys)
    }

    /// The terminal's settings as they were.
    pub(super) fn before(&self) -> &Termios {
        &self.before
    }

    /// The key that suspends a process, if the terminal has one.
    pub(super) fn suspend_key(&self) -> Option<KeyEvent> {
        let code = self.before.special_codes[SpecialCodeIndex::VSUSP];
        matches!(code, 1..=26).then(|| KeyEvent::ctrl(char::from(b'@' + code)))
    }

    /// Suspends the process as the terminal would, with the settings as they were until it goes on.
    pub(super) fn suspend(&self) {
        self.set(&self.before);
        // If it can't be, the session just goes on.
        let _ = kill_current_process_group(Signal::TSTP);
        self.set(&self.during);
    }

    /// The same terminal, for another thread; it leaves the settings alone in the end.
    pub(super) fn shared(&self) -> KeyByKey {
        KeyByKey {
            terminal: Arc::clone(&self.terminal),
            before: self.before.clone(),
            during: self.during.clone(),
            restores: false,
        }
    }

    fn set(&self, settings: &Termios) {
        // After what was written, and without losing what was typed. A terminal that went away needs nothing.
        let _ = tcsetattr(&self.terminal, OptionalActions::Drain, settings);
    }
}

impl Drop for KeyByKey {
    fn drop(&mut self) {
        if self.restores {
            self.set(&self.before);
        }
    }
}

/// A pseudo terminal in the place of stdin.
pub(super) struct Keyboard<'a> {
    terminal: &'a KeyByKey,
    master: File,
    slave: File,
}

/// What came of an edited line.
pub(super) struct Typed<T> {
    /// What the editor returned.
    pub(super) outcome: T,
    /// Bytes that were read beyond it.
    pub(super) ahead: Vec<u8>,
    /// A signal came.
    pub(super) is_interrupted: bool,
    /// The terminal is gone.
    pub(super) is_gone: bool,
}

/// Why no more keys come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The editor wants no more.
    Done,
    Interrupted,
    Gone,
}

impl<'a> Keyboard<'a> {
    /// Makes a pseudo terminal with the settings of `terminal`.
    ///
    /// # Errors
    /// The system has none left.
    pub(super) fn open(terminal: &'a KeyByKey) -> io::Result<Keyboard<'a>> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let name = std::ffi::OsStr::from_bytes(name.as_bytes());
        let flags = OFlags::NOCTTY.bits().cast_signed();
        let slave = OpenOptions::new().read(true).write(true).custom_flags(flags).open(name)?;
        tcsetattr(&slave, OptionalActions::Now, &terminal.during)?;
        Ok(Keyboard { terminal, master: master.into(), slave })
    }

    /// Lets `edit` read keys from stdin: `first`, and then what is typed.
    ///
    /// # Errors
    /// Stdin can't be replaced.
    pub(super) fn while_typing<T>(
        self,
        first: &[u8],
        signals: &Signals,
        edit: impl FnOnce() -> T,
    ) -> io::Result<Typed<T>> {
        let Keyboard { terminal, master, mut slave } = self;
        let stdin = InPlaceOfStdin::put(&slave, terminal)?;
        let (done, stop) = UnixStream::pair()?;
        let mut feeder = Feeder { terminal, master, slave: &slave, stop, signals };
        let (outcome, (end, mut rest)) = thread::scope(|scope| {
            let feeding = thread::Builder::new().name(String::from("keys")).spawn_scoped(scope, move || {
                let mut waiting = first.iter().copied();
                let end = feeder.feed(&mut waiting);
                (end, waiting.collect::<Vec<u8>>())
            })?;
            let outcome = edit();
            drop(done);
            // A thread that panicked has lost the keys, and the panic was shown.
            Ok::<_, io::Error>((outcome, feeding.join().unwrap_or((End::Gone, Vec::new()))))
        })?;
        drop(stdin);
        let mut ahead = left_in(&mut slave);
        ahead.append(&mut rest);
        Ok(Typed { outcome, ahead, is_interrupted: end == End::Interrupted, is_gone: end == End::Gone })
    }
}

/// Stdin is another file until this is dropped.
struct InPlaceOfStdin<'a>(&'a KeyByKey);

impl<'a> InPlaceOfStdin<'a> {
    fn put(file: &File, terminal: &'a KeyByKey) -> io::Result<InPlaceOfStdin<'a>> {
        dup2_stdin(file)?;
        Ok(InPlaceOfStdin(terminal))
    }
}

impl Drop for InPlaceOfStdin<'_> {
    fn drop(&mut self) {
        // The descriptor is open, so this can't fail.
        let _ = dup2_stdin(&self.0.terminal);
    }
}

/// Puts keys into the pseudo terminal. Its end hangs up, so that the editor returns.
struct Feeder<'a> {
    terminal: &'a KeyByKey,
    master: File,
    slave: &'a File,
    stop: UnixStream,
    signals: &'a Signals,
}

impl Feeder<'_> {
    fn feed(&mut self, waiting: &mut impl Iterator<Item = u8>) -> End {
        loop {
            let key = match waiting.next().map_or_else(|| self.next_key(), Ok) {
                Ok(key) => key,
                Err(end) => return end,
            };
            if self.master.write_all(&[key]).is_err() {
                return End::Gone;
            }
            if self.may_end_line(key) && self.ends_by_that() {
                return End::Done;
            }
        }
    }

    fn next_key(&self) -> Result<u8, End> {
        loop {
            let mut fds = [
                PollFd::new(&self.stop, PollFlags::IN),
                PollFd::new(self.signals.woken(), PollFlags::IN),
                PollFd::new(&self.terminal.terminal, PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) if !fds[0].revents().is_empty() => return Err(End::Done),
                Ok(_) if !fds[1].revents().is_empty() => return Err(End::Interrupted),
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(_) => return Err(End::Gone),
            }
            let mut key = [0];
            match rustix::io::read(&self.terminal.terminal, &mut key) {
                Ok(1..) => return Ok(key[0]),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Ok(0) | Err(_) => return Err(End::Gone),
            }
        }
    }

    fn may_end_line(&self, key: u8) -> bool {
        let special = |code| self.terminal.before.special_codes[code];
        matches!(key, b'\r' | b'\n')
            || key == special(SpecialCodeIndex::VINTR)
            || key == special(SpecialCodeIndex::VEOF)
    }

    /// Returns whether the editor returns now that it may have read the end of a line: nothing is typed to it meanwhile.
    fn ends_by_that(&self) -> bool {
        loop {
            let mut fds = [PollFd::new(&self.stop, PollFlags::IN)];
            match poll(&mut fds, Some(&RETURNING)) {
                Ok(0) if ioctl_fionread(self.slave).is_ok_and(|unread| unread > 0) => {}
                Ok(0) => return false,
                Ok(_) | Err(Errno::INTR) if !fds[0].revents().is_empty() => return true,
                Ok(_) | Err(_) => {}
            }
        }
    }
}

/// Keys that the editor did not take.
fn left_in(slave: &mut File) -> Vec<u8> {
    let mut left = Vec::new();
    let mut key = [0];
    while is_readable(&*slave) && matches!(slave.read(&mut key), Ok(1)) {
        left.push(key[0]);
    }
    left
}

fn is_readable(file: impl AsFd) -> bool {
    let mut fds = [PollFd::new(&file, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}
