//! Passes the keys of a terminal to the line editor, one by one.
//!
//! rustyline reads as much from stdin as it can. But we have read the first keys of a line before it starts, and the
//! bytes after a line are for the next reader. So while it edits, stdin is a pseudo terminal of our own, into which a
//! thread puts the keys, and none after the end of a line.

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

use crate::shell::prompt::codes::write;
use crate::shell::prompt::cursor::Cursor;
use crate::shell::signals::Signals;

/// How long the editor may take to return after it has read the end of a line. Keys typed meanwhile wait.
const RETURNING: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// The control codes by which a terminal begins and ends to mark pastes (bracketed paste).
const MARK_PASTES: &[u8] = b"\x1b[?2004h";
const MARK_NO_PASTES: &[u8] = b"\x1b[?2004l";

/// The terminal without echo, line editing and signals. Dropping it restores the terminal.
///
/// A Ctrl-D that is typed meanwhile and not read stays the byte 0x04 for the next reader, and doesn't become an end
/// of file. Linux marks it as one only while it reads lines (`n_tty_receive_char_canon`), and takes all waiting bytes
/// as one line when that mode begins (`n_tty_set_termios`). Typing it again with TIOCSTI needs
/// `dev.tty.legacy_tiocsti` or CAP_SYS_ADMIN, and would put it after the other bytes.
pub(super) struct KeyByKey {
    terminal: Arc<OwnedFd>,
    before: Termios,
    during: Termios,
    /// True if the terminal marks pastes.
    marks_pastes: bool,
    /// True if dropping this value restores the terminal.
    restores: bool,
}

impl KeyByKey {
    /// Reads each key as it is pressed from now on.
    ///
    /// # Errors
    /// Stdin is not a terminal any more.
    pub(super) fn begin() -> io::Result<KeyByKey> {
        let terminal = Arc::new(fcntl_dupfd_cloexec(io::stdin(), 3)?);
        let before = tcgetattr(&terminal)?;
        let mut during = before.clone();
        during.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::IEXTEN | LocalModes::ISIG;
        during.input_modes -= InputModes::ICRNL | InputModes::INLCR | InputModes::IGNCR | InputModes::IXON;
        during.special_codes[SpecialCodeIndex::VMIN] = 1;
        during.special_codes[SpecialCodeIndex::VTIME] = 0;
        let keys = KeyByKey { terminal, before, during, marks_pastes: false, restores: true };
        keys.set(&keys.during);
        Ok(keys)
    }

    /// Lets the terminal mark the beginning and the end of a paste, so that its newlines end no line.
    pub(super) fn mark_pastes(&mut self) {
        self.marks_pastes = true;
        write(MARK_PASTES);
    }

    /// Returns the earlier settings of the terminal.
    pub(super) fn before(&self) -> &Termios {
        &self.before
    }

    /// Returns the key of a special character, such as the one that suspends a process, if the terminal has one.
    pub(super) fn key(&self, special: SpecialCodeIndex) -> Option<KeyEvent> {
        let code = self.before.special_codes[special];
        matches!(code, 1..=26).then(|| KeyEvent::ctrl(char::from(b'@' + code)))
    }

    /// Suspends the process as the terminal would, with the earlier settings until it continues.
    pub(super) fn suspend(&self) {
        self.give_back();
        // If it can't be suspended, the session simply goes on.
        let _ = kill_current_process_group(Signal::TSTP);
        self.set(&self.during);
        if self.marks_pastes {
            write(MARK_PASTES);
        }
    }

    /// Returns a handle to the terminal for another thread, which doesn't restore it.
    pub(super) fn shared(&self) -> KeyByKey {
        KeyByKey {
            terminal: Arc::clone(&self.terminal),
            before: self.before.clone(),
            during: self.during.clone(),
            marks_pastes: self.marks_pastes,
            restores: false,
        }
    }

    fn give_back(&self) {
        if self.marks_pastes {
            write(MARK_NO_PASTES);
        }
        self.set(&self.before);
    }

    fn set(&self, settings: &Termios) {
        // After pending output, and without losing typed keys. If the terminal was closed, there is nothing to set.
        let _ = tcsetattr(&self.terminal, OptionalActions::Drain, settings);
    }
}

impl Drop for KeyByKey {
    fn drop(&mut self) {
        if self.restores {
            self.give_back();
        }
    }
}

/// A pseudo terminal that replaces stdin.
pub(super) struct Keyboard<'a> {
    terminal: &'a KeyByKey,
    master: File,
    slave: File,
}

/// The result of an edited line.
pub(super) struct Typed<T> {
    /// The return value of the editor.
    pub(super) outcome: T,
    /// Bytes that were read after the line.
    pub(super) ahead: Vec<u8>,
    /// True if a signal came.
    pub(super) is_interrupted: bool,
    /// True if the terminal was closed.
    pub(super) is_gone: bool,
}

/// Why no more keys come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The editor has returned.
    Done,
    Interrupted,
    Gone,
}

impl<'a> Keyboard<'a> {
    /// Creates a pseudo terminal with the settings of `terminal`.
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

    /// Lets `edit` read keys from stdin: first `first`, and then the typed ones. `cursor` gets its answers.
    ///
    /// # Errors
    /// Stdin can't be replaced.
    pub(super) fn while_typing<T>(
        self,
        first: &[u8],
        cursor: &Cursor,
        signals: &Signals,
        mut aside: Aside<'_>,
        edit: impl FnOnce() -> T,
    ) -> io::Result<Typed<T>> {
        let Keyboard { terminal, master, mut slave } = self;
        let stdin = InPlaceOfStdin::put(&slave, terminal)?;
        let (done, stop) = UnixStream::pair()?;
        let mut feeder = Feeder { terminal, master, slave: &slave, stop, cursor, signals, aside: &mut aside };
        let (outcome, (end, mut rest)) = thread::scope(|scope| {
            let feeding = thread::Builder::new().name(String::from("keys")).spawn_scoped(scope, move || {
                let mut waiting = first.iter().copied();
                let end = feeder.feed(&mut waiting);
                (end, waiting.collect::<Vec<u8>>())
            })?;
            let outcome = edit();
            drop(done);
            // A panic of the thread has lost its keys, and was printed.
            Ok::<_, io::Error>((outcome, feeding.join().unwrap_or((End::Gone, Vec::new()))))
        })?;
        drop(stdin);
        let mut ahead = left_in(&mut slave);
        ahead.append(&mut rest);
        Ok(Typed { outcome, ahead, is_interrupted: end == End::Interrupted, is_gone: end == End::Gone })
    }
}

/// Lines that are printed above the line that is being edited.
pub(super) struct Aside<'a> {
    /// Readable when there are lines.
    pub(super) woken: &'a UnixStream,
    /// Prints them.
    pub(super) print: &'a mut (dyn FnMut() + Send),
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

/// Writes keys to the pseudo terminal. When it stops, the terminal hangs up, so that the editor returns.
struct Feeder<'a, 'b> {
    terminal: &'a KeyByKey,
    master: File,
    slave: &'a File,
    stop: UnixStream,
    cursor: &'a Cursor,
    signals: &'a Signals,
    aside: &'a mut Aside<'b>,
}

impl Feeder<'_, '_> {
    fn feed(&mut self, waiting: &mut impl Iterator<Item = u8>) -> End {
        loop {
            let key = match waiting.next().map_or_else(|| self.next_key(), Ok) {
                Ok(key) => key,
                Err(end) => return end,
            };
            for key in self.cursor.sort_out(key) {
                if self.master.write_all(&[key]).is_err() {
                    return End::Gone;
                }
                if self.may_end_line(key) && self.ends_by_that() {
                    return End::Done;
                }
            }
        }
    }

    fn next_key(&mut self) -> Result<u8, End> {
        loop {
            let mut fds = [
                PollFd::new(&self.stop, PollFlags::IN),
                PollFd::new(self.signals.woken(), PollFlags::IN),
                PollFd::new(&self.terminal.terminal, PollFlags::IN),
                PollFd::new(self.aside.woken, PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) if !fds[0].revents().is_empty() => return Err(End::Done),
                Ok(_) if !fds[1].revents().is_empty() => return Err(End::Interrupted),
                Ok(_) if fds[2].revents().is_empty() => {
                    (self.aside.print)();
                    continue;
                }
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

    /// Returns whether the editor returns after a key that may have ended the line. It gets no more keys until that
    /// is known.
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

/// Returns the keys that the editor left unread.
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
