//! Asks the person at the controlling terminal, whatever stdin and stdout are.
//!
//! It reads every key itself, and Ctrl-C is a key like any other: it ends the question, not the process, so the
//! terminal is always restored first. (`rpassword` raises SIGINT before it restores the terminal.) The signal handler
//! deals with signals from outside: it ends the question with [`end_question`], and calls [`restore`] before it ends
//! the process.
//!
//! Without a controlling terminal, a question is an error.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use unicode_width::UnicodeWidthChar;
use zeroize::{Zeroize, Zeroizing};

use crate::terminal::printable::{Printable, lines};

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The process has no controlling terminal.
    #[error("there is no terminal for a prompt")]
    NoTerminal,
    /// Ctrl-C, or [`end_question`].
    #[error("interrupted")]
    Interrupted,
    /// Ctrl-D on an empty line, or the terminal was closed.
    #[error("no answer was given")]
    Ended,
    /// The answer is not UTF-8, which the protocol can't represent.
    #[error("the answer is not valid UTF-8")]
    NotUtf8,
    /// The terminal failed.
    #[error("the terminal failed: {0}")]
    Terminal(#[from] io::Error),
}

/// Asks a question and shows the answer while the user types it.
///
/// The last line of the question is the prompt. The question is made printable here, because it may be a server's.
///
/// # Errors
/// [`Unanswered`] gives the reason why there is no answer.
pub fn ask(question: &str) -> Result<String, Unanswered> {
    let mut answer = converse(&mut terminal()?, question, Echo::Shown)?;
    Ok(std::mem::take(&mut *answer))
}

/// Asks for a secret. The answer is not shown, and is wiped when it is dropped.
///
/// # Errors
/// [`Unanswered`] gives the reason why there is no answer.
pub fn secret(question: &str) -> Result<Zeroizing<String>, Unanswered> {
    converse(&mut terminal()?, question, Echo::Hidden)
}

/// Asks a question that one key answers, and removes the question again, on a terminal that can move its cursor.
///
/// # Errors
/// [`Unanswered`] gives the reason why there is no answer. Ctrl-C is a key, too.
pub fn key(question: &str) -> Result<u8, Unanswered> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut terminal = terminal()?;
    let keys = KeyByKey::on(&terminal)?;
    write!(terminal, "{question}")?;
    let key = keys.next(&mut terminal);
    terminal.write_all(b"\r\x1b[K")?;
    key
}

/// Returns whether there is a terminal to ask on.
#[must_use]
pub fn possible() -> bool {
    terminal().is_ok()
}

/// Restores the terminal if a question is open. For a process that a signal ends.
pub fn restore() {
    if let Some(question) = open_question().take() {
        // The process is about to end, so a failure can't be reported.
        let _ = termios::tcsetattr(&question.terminal, OptionalActions::Now, &question.before);
    }
}

/// Ends the open question from any thread. Its answer is then [`Unanswered::Interrupted`].
pub fn end_question() {
    if let Some(question) = &*open_question() {
        // One byte always fits, and a second one would have no effect.
        let _ = (&question.waker).write(&[0]);
    }
}

/// A question that waits for its answer.
struct OpenQuestion {
    terminal: File,
    /// The terminal's settings before the question.
    before: Termios,
    /// Wakes the thread that waits for the answer.
    waker: UnixStream,
}

/// The open question. It is global because a process has one controlling terminal, and a signal can end the process
/// at any point.
static OPEN_QUESTION: Mutex<Option<OpenQuestion>> = Mutex::new(None);

fn open_question() -> MutexGuard<'static, Option<OpenQuestion>> {
    OPEN_QUESTION.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets threads ask one at a time.
static TURN: Mutex<()> = Mutex::new(());

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Echo {
    Shown,
    Hidden,
}

fn terminal() -> Result<File, Unanswered> {
    OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(|_| Unanswered::NoTerminal)
}

fn converse(terminal: &mut File, question: &str, echo: Echo) -> Result<Zeroizing<String>, Unanswered> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // Echo must be off before the question appears, because the user may type at once.
    let keys = KeyByKey::on(terminal)?;
    let shown: Vec<String> = lines(question.as_bytes()).map(|line| line.to_string()).collect();
    terminal.write_all(shown.join("\n").as_bytes())?;
    let mut line = Line::new(keys.erase, echo);
    loop {
        let mut key = match keys.next(terminal) {
            Err(Unanswered::Interrupted) => {
                terminal.write_all(b"\n")?;
                return Err(Unanswered::Interrupted);
            }
            key => key?,
        };
        let step = line.take(key);
        key.zeroize();
        terminal.write_all(line.feedback.as_bytes())?;
        line.feedback.zeroize();
        match step {
            Step::More => {}
            Step::Done => return line.answer(),
            Step::Interrupted => return Err(Unanswered::Interrupted),
            Step::Ended => return Err(Unanswered::Ended),
        }
    }
}

/// The terminal without echo, line editing and signals. Dropping it restores the terminal.
struct KeyByKey {
    erase: u8,
    /// Readable when another thread ends the question.
    woken: UnixStream,
}

impl KeyByKey {
    fn on(terminal: &File) -> io::Result<KeyByKey> {
        let before = termios::tcgetattr(terminal)?;
        let erase = before.special_codes[SpecialCodeIndex::VERASE];
        let mut during = before.clone();
        during.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        during.special_codes[SpecialCodeIndex::VMIN] = 1;
        during.special_codes[SpecialCodeIndex::VTIME] = 0;
        let (waker, woken) = UnixStream::pair()?;
        *open_question() = Some(OpenQuestion { terminal: terminal.try_clone()?, before, waker });
        let keys = KeyByKey { erase, woken };
        // Keys typed before the question appeared are no answer to it.
        termios::tcsetattr(terminal, OptionalActions::Flush, &during)?;
        Ok(keys)
    }

    /// Waits for the next key.
    fn next(&self, terminal: &mut File) -> Result<u8, Unanswered> {
        let mut key = [0];
        loop {
            if self.is_ended(terminal) {
                return Err(Unanswered::Interrupted);
            }
            match terminal.read(&mut key) {
                Ok(0) => return Err(Unanswered::Ended),
                Ok(_) => {
                    let pressed = key[0];
                    key.zeroize();
                    return Ok(pressed);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for a key. Returns true if another thread ends the question first.
    fn is_ended(&self, terminal: &File) -> bool {
        loop {
            let mut fds = [PollFd::new(terminal, PollFlags::IN), PollFd::new(&self.woken, PollFlags::IN)];
            match poll(&mut fds, None) {
                Ok(_) => return fds[1].revents().contains(PollFlags::IN),
                Err(Errno::INTR) => {}
                // If the terminal can't be polled, read it right away.
                Err(_) => return false,
            }
        }
    }
}

impl Drop for KeyByKey {
    fn drop(&mut self) {
        restore();
    }
}

/// Longest answer in bytes. The buffer has this size from the start, so that it never grows and leaves copies of a
/// secret.
const LONGEST_ANSWER: usize = 4096;

/// An answer that is being typed.
struct Line {
    typed: Zeroizing<Vec<u8>>,
    erase: u8,
    echo: Echo,
    /// Text to send to the terminal for the last key.
    feedback: String,
    escape: Escape,
}

/// The position within the sequence of a cursor or function key. Such keys have no effect here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    Outside,
    Begun,
    Parameters,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    More,
    Done,
    Interrupted,
    Ended,
}

impl Line {
    fn new(erase: u8, echo: Echo) -> Line {
        let typed = Zeroizing::new(Vec::with_capacity(LONGEST_ANSWER));
        Line { typed, erase, echo, feedback: String::with_capacity(64), escape: Escape::Outside }
    }

    fn take(&mut self, key: u8) -> Step {
        if self.escape != Escape::Outside || key == ESCAPE {
            self.escape = match (self.escape, key) {
                (Escape::Outside, _) => Escape::Begun,
                (Escape::Begun, b'[' | b'O') => Escape::Parameters,
                (Escape::Parameters, 0x20..=0x3F) => Escape::Parameters,
                _ => Escape::Outside,
            };
            return Step::More;
        }
        match key {
            b'\n' | b'\r' => return self.end(Step::Done),
            CTRL_C => return self.end(Step::Interrupted),
            CTRL_D if self.typed.is_empty() => return self.end(Step::Ended),
            CTRL_U => while self.rub_out().is_some() {},
            CTRL_W => self.rub_out_word(),
            BACKSPACE | DELETE => _ = self.rub_out(),
            key if key == self.erase => _ = self.rub_out(),
            0..b' ' => {}
            key if self.typed.len() < LONGEST_ANSWER => self.push(key),
            _ => {}
        }
        Step::More
    }

    fn end(&mut self, step: Step) -> Step {
        // The terminal still adds the carriage return.
        self.feedback.push('\n');
        step
    }

    fn push(&mut self, key: u8) {
        self.typed.push(key);
        let Some(start) = self.last_start() else { return };
        // A character is shown once its last byte has arrived.
        if self.echo == Echo::Shown
            && let Ok(last) = std::str::from_utf8(&self.typed[start..])
        {
            self.feedback.push_str(&Printable(last.as_bytes()).text());
        }
    }

    /// Returns the position of the last character.
    fn last_start(&self) -> Option<usize> {
        let is_first = |&byte: &u8| byte & 0xC0 != 0x80;
        if self.typed.is_empty() { None } else { Some(self.typed.iter().rposition(is_first).unwrap_or(0)) }
    }

    /// Removes the last character and returns it.
    fn rub_out(&mut self) -> Option<char> {
        let start = self.last_start()?;
        let last = std::str::from_utf8(&self.typed[start..]).ok().and_then(|text| text.chars().next());
        let columns = last.and_then(UnicodeWidthChar::width).unwrap_or(0);
        self.typed[start..].zeroize();
        self.typed.truncate(start);
        if self.echo == Echo::Shown {
            self.feedback.extend(std::iter::repeat_n("\x08 \x08", columns));
        }
        Some(last.unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn rub_out_word(&mut self) {
        let mut within = false;
        while let Some(last) = self.typed.last() {
            let blank = *last == b' ';
            if blank && within {
                break;
            }
            within |= !blank;
            self.rub_out();
        }
    }

    fn answer(mut self) -> Result<Zeroizing<String>, Unanswered> {
        match String::from_utf8(std::mem::take(&mut *self.typed)) {
            Ok(text) => Ok(Zeroizing::new(text)),
            Err(error) => {
                error.into_bytes().zeroize();
                Err(Unanswered::NotUtf8)
            }
        }
    }
}

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const CTRL_U: u8 = 0x15;
const CTRL_W: u8 = 0x17;
const ESCAPE: u8 = 0x1B;
const DELETE: u8 = 0x7F;

#[cfg(test)]
mod tests {
    use super::*;
    use portable_pty::{MasterPty, PtySize, native_pty_system};

    fn typed(keys: &[u8], echo: Echo) -> (Result<String, Unanswered>, String) {
        let mut line = Line::new(DELETE, echo);
        for &key in keys {
            match line.take(key) {
                Step::More => {}
                Step::Done => {
                    let feedback = line.feedback.clone();
                    return (line.answer().map(|answer| answer.to_string()), feedback);
                }
                Step::Interrupted => return (Err(Unanswered::Interrupted), line.feedback.clone()),
                Step::Ended => return (Err(Unanswered::Ended), line.feedback.clone()),
            }
        }
        panic!("{keys:?} does not end");
    }

    #[test]
    fn keys_edit_the_answer() {
        for (keys, answer) in [
            (&b"secret\r"[..], "secret"),
            (b"secret\n", "secret"),
            (b"\r", ""),
            (b"sekr\x7f\x7fcret\r", "secret"),
            (b"\x7f\x08x\r", "x"),
            (b"wrong\x15right\r", "right"),
            (b"two words \x17\x17one\r", "one"),
            (b"a\x1b[A\x1bOP\x1b[1;5Cb\r", "ab"),
            (b"tab\tbell\x07\r", "tabbell"),
            (b"a\x04b\r", "ab"),
            ("pässwörd\r".as_bytes(), "pässwörd"),
            ("ö\x7fo\r".as_bytes(), "o"),
        ] {
            assert_eq!(typed(keys, Echo::Hidden).0.unwrap(), answer, "{:?}", keys.escape_ascii().to_string());
        }
        assert!(matches!(typed(b"half\x03", Echo::Hidden).0, Err(Unanswered::Interrupted)));
        assert!(matches!(typed(b"\x04", Echo::Hidden).0, Err(Unanswered::Ended)));
        assert!(matches!(typed(b"\xe4\r", Echo::Hidden).0, Err(Unanswered::NotUtf8)));
        let long = [vec![b'x'; LONGEST_ANSWER + 9], b"\r".to_vec()].concat();
        assert_eq!(typed(&long, Echo::Hidden).0.unwrap().len(), LONGEST_ANSWER);
    }

    #[test]
    fn a_secret_leaves_no_trace_and_an_answer_is_echoed() {
        assert_eq!(typed(b"ab\x7fc\x15d\r", Echo::Hidden).1, "\n");
        assert_eq!(typed("aö\x7f日\x7f\r".as_bytes(), Echo::Shown).1, "aö\x08 \x08日\x08 \x08\x08 \x08\n");
    }

    struct Pty {
        master: Box<dyn MasterPty + Send>,
        screen: Box<dyn Read + Send>,
        keyboard: Box<dyn Write + Send>,
        terminal: File,
        _slave: Box<dyn portable_pty::SlavePty + Send>,
    }

    impl Pty {
        fn open() -> Pty {
            let pair = native_pty_system().openpty(PtySize::default()).unwrap();
            let name = pair.master.tty_name().unwrap();
            Pty {
                screen: pair.master.try_clone_reader().unwrap(),
                keyboard: pair.master.take_writer().unwrap(),
                terminal: OpenOptions::new().read(true).write(true).open(name).unwrap(),
                master: pair.master,
                _slave: pair.slave,
            }
        }

        fn wait_for(&mut self, mark: &str) -> String {
            let mut seen = Vec::new();
            while !String::from_utf8_lossy(&seen).contains(mark) {
                let mut byte = [0];
                self.screen.read_exact(&mut byte).unwrap();
                seen.push(byte[0]);
            }
            String::from_utf8_lossy(&seen).into_owned()
        }
    }

    #[test]
    fn the_terminal_is_hidden_for_a_secret_and_put_back_on_every_path() {
        for (keys, expected) in [(&b"hush\r"[..], Some("hush")), (b"hu\x03", None), (b"\x04", None)] {
            let mut pty = Pty::open();
            let modes = |pty: &Pty| termios::tcgetattr(&pty.terminal).unwrap().local_modes;
            let before = modes(&pty);
            assert!(before.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG));
            let mut terminal = pty.terminal.try_clone().unwrap();
            let asking = std::thread::spawn(move || converse(&mut terminal, "Password\x1b: ", Echo::Hidden));
            assert_eq!(pty.wait_for(": "), "Password\\033: ");
            assert!(!modes(&pty).intersects(LocalModes::ECHO | LocalModes::ISIG));
            pty.keyboard.write_all(keys).unwrap();
            assert_eq!(pty.wait_for("\n"), "\r\n", "the typing was shown");
            let answer = asking.join().unwrap();
            assert_eq!(answer.ok().map(|secret| secret.to_string()).as_deref(), expected);
            assert_eq!(modes(&pty), before);
            drop(pty.master);
        }
    }
}
