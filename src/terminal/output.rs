//! Prints every line of the program, by its role.
//!
//! The role decides the stream and whether a quiet session drops the line. Callers choose neither stream nor colour.
//! stdout is buffered, and flushed before each line on stderr, so that the two keep their order on a terminal.
//! Printing never returns an error: if stdout can't be written any more, later output is dropped, a command that only
//! prints is stopped ([`Output::stop_when_ended`]), and the shell checks [`Output::ended`].

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::tcgetwinsize;

use crate::terminal::explain::Explain;
use crate::terminal::printable::Printable;

/// The program's output. Clones share it.
#[derive(Clone)]
pub struct Output {
    shared: Arc<Mutex<Shared>>,
}

/// How much output is dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quiet {
    /// None.
    #[default]
    No,
    /// Status lines and notes, as in sftp(1) with `-b`.
    Status,
    /// Warnings too, as with `-q`.
    Warnings,
}

/// Why stdout accepts no more output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its reader went away (`… | head`).
    Unread,
    /// It can't be written, for example because the disk is full. The text is the system's.
    Failed(String),
}

/// All text printed on a captured output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// The text on stdout.
    pub stdout: String,
    /// The text on stderr.
    pub stderr: String,
    /// The text of both, as one terminal would show it.
    pub merged: String,
}

/// Columns of a terminal that doesn't report its size.
const DEFAULT_WIDTH: usize = 80;

/// Rows of a terminal that doesn't report its size.
const DEFAULT_ROWS: usize = 24;

/// How many bytes may wait for stdout before they are written.
const BUFFERED_BYTES: usize = 32 * 1024;

impl Output {
    /// Returns output on the process's own stdout and stderr.
    #[must_use]
    pub fn standard() -> Output {
        Output::on(Sink::Standard)
    }

    /// Returns output that is kept instead of shown. [`Output::captured_text`] returns it.
    #[must_use]
    pub fn captured() -> Output {
        Output::on(Sink::Captured { stdout: Vec::new(), stderr: Vec::new(), merged: Vec::new() })
    }

    fn on(sink: Sink) -> Output {
        let shared = Shared {
            sink,
            waiting: Vec::new(),
            quiet: Quiet::No,
            hints: false,
            colors: false,
            ended: None,
            stop: None,
            has_stopped: false,
        };
        Output { shared: Arc::new(Mutex::new(shared)) }
    }

    /// Prints a line of the result that the user asked for, on stdout.
    pub fn answer(&self, line: impl Display) {
        self.lock().stdout_line(&line);
    }

    /// Prints a name for a program (`ls -0`): its bytes and a NUL byte, on stdout. A terminal would obey control
    /// bytes, so there it prints a line of printable text instead.
    pub fn name(&self, name: &[u8]) {
        let mut shared = self.lock();
        if shared.sink.is_terminal(Stream::Stdout) {
            shared.stdout_line(&Printable(name));
        } else {
            shared.stdout_bytes(name);
            shared.stdout_bytes(b"\0");
        }
    }

    /// Prints what a command is about to do (`Fetching …`), on stdout like sftp(1), unless the session is quiet.
    /// Flush it before the command begins.
    pub fn status(&self, line: impl Display) {
        let mut shared = self.lock();
        if shared.quiet < Quiet::Status {
            shared.stdout_line(&line);
        }
    }

    /// Prints information about the session (`Connected to …`), on stderr, unless the session is quiet.
    pub fn note(&self, line: impl Display) {
        let mut shared = self.lock();
        if shared.quiet < Quiet::Status {
            shared.stderr_line(&line);
        }
    }

    /// Prints a warning on stderr, except with `-q`.
    pub fn warning(&self, line: impl Display) {
        let mut shared = self.lock();
        if shared.quiet < Quiet::Warnings {
            shared.stderr_line(&line);
        }
    }

    /// Prints an error on stderr.
    pub fn failure(&self, line: impl Display) {
        self.lock().stderr_line(&line);
    }

    /// Prints an error, then its hint.
    pub fn explain(&self, error: &impl Explain) {
        error.lines().iter().for_each(|line| self.failure(line));
        error.hint().iter().for_each(|hint| self.hint(hint));
    }

    /// Prints advice after an error, on stderr, but only for a person: programs wait for exact lines.
    pub fn hint(&self, advice: impl Display) {
        let mut shared = self.lock();
        if shared.hints {
            shared.stderr_line(&format_args!("hint: {advice}"));
        }
    }

    /// Prints progress for a reader without a terminal, on stderr.
    pub fn progress(&self, line: impl Display) {
        self.lock().stderr_line(&line);
    }

    /// Returns stdout as a writer, for raw bytes and for listings that are written piece by piece.
    #[must_use]
    pub fn writer(&self) -> Writer<'_> {
        Writer { output: self }
    }

    /// Writes the output that waits for stdout. Called after each command, before a prompt, and before long
    /// operations.
    pub fn flush(&self) {
        self.lock().flush();
    }

    /// Returns why stdout accepts no more output, or `None` if it does.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.lock().ended.clone()
    }

    /// Sets a function to call as soon as stdout accepts no more output. It is called once, with the output locked,
    /// so it must not print. `None` removes it.
    pub fn stop_when_ended(&self, stop: Option<Box<dyn FnOnce() + Send>>) {
        self.lock().stop = stop;
    }

    /// Returns whether stdout ended and called the function of [`Output::stop_when_ended`].
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        self.lock().has_stopped
    }

    /// Turns hints on or off. They are off at first, and on if a person reads them.
    pub fn set_hints(&self, hints: bool) {
        self.lock().hints = hints;
    }

    /// Returns whether hints are on, because a person reads the output.
    #[must_use]
    pub fn hints(&self) -> bool {
        self.lock().hints
    }

    /// Turns colours on or off. They are off at first.
    pub fn set_colors(&self, colors: bool) {
        self.lock().colors = colors;
    }

    /// Returns whether text may have colours.
    #[must_use]
    pub fn colors(&self) -> bool {
        self.lock().colors
    }

    /// Sets how much output is dropped from now on.
    pub fn set_quiet(&self, quiet: Quiet) {
        self.lock().quiet = quiet;
    }

    /// Returns how much output is dropped.
    #[must_use]
    pub fn quiet(&self) -> Quiet {
        self.lock().quiet
    }

    /// Returns whether stdout is a terminal.
    #[must_use]
    pub fn stdout_is_terminal(&self) -> bool {
        self.lock().sink.is_terminal(Stream::Stdout)
    }

    /// Returns whether stderr is a terminal.
    #[must_use]
    pub fn stderr_is_terminal(&self) -> bool {
        self.lock().sink.is_terminal(Stream::Stderr)
    }

    /// Returns the columns of the terminal on stdout, or else of the terminal on stdin, like sftp(1), or else 80.
    #[must_use]
    pub fn width(&self) -> usize {
        match self.lock().sink {
            Sink::Standard => columns_of(io::stdout()).or_else(|| columns_of(io::stdin())).unwrap_or(DEFAULT_WIDTH),
            _ => DEFAULT_WIDTH,
        }
    }

    /// Returns the rows of the terminal on stdout, or else 24.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self.lock().sink {
            Sink::Standard => tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_row)),
            _ => None,
        }
        .filter(|&rows| rows > 0)
        .unwrap_or(DEFAULT_ROWS)
    }

    /// Returns the columns for names. Like [`Output::width`], but 0, which means one name per line, if the terminal
    /// on stdin has no size. sftp(1) does that, and programs that drive it through such a terminal read names line by
    /// line.
    #[must_use]
    pub fn listing_width(&self) -> usize {
        let is_standard = matches!(self.lock().sink, Sink::Standard);
        match is_standard && tcgetwinsize(io::stdin()).is_ok_and(|size| size.ws_col == 0) {
            true => 0,
            false => self.width(),
        }
    }

    /// Returns all text printed so far on a captured output; nothing for any other.
    #[must_use]
    pub fn captured_text(&self) -> Captured {
        let mut shared = self.lock();
        shared.flush();
        match &shared.sink {
            Sink::Captured { stdout, stderr, merged } => {
                let [stdout, stderr, merged] =
                    [stdout, stderr, merged].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
                Captured { stdout, stderr, merged }
            }
            _ => Captured::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A panic of another thread leaves whole lines.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// stdout as a writer; see [`Output::writer`]. An error means that stdout accepts no more output.
pub struct Writer<'a> {
    output: &'a Output,
}

impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut shared = self.output.lock();
        shared.stdout_bytes(bytes);
        shared.alive().map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut shared = self.output.lock();
        shared.flush();
        shared.alive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

struct Shared {
    sink: Sink,
    /// Bytes that wait for stdout.
    waiting: Vec<u8>,
    quiet: Quiet,
    hints: bool,
    colors: bool,
    ended: Option<Ended>,
    stop: Option<Box<dyn FnOnce() + Send>>,
    has_stopped: bool,
}

impl Shared {
    fn stdout_line(&mut self, line: &dyn Display) {
        // Writing to memory can't fail, and the text of a failing Display is kept as far as it goes.
        let _ = writeln!(self.waiting, "{line}");
        self.flush_when_full();
    }

    fn stdout_bytes(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
        self.flush_when_full();
    }

    fn stderr_line(&mut self, line: &dyn Display) {
        self.flush();
        // There is no other place to report that stderr can't be written.
        let _ = self.put(Stream::Stderr, format!("{line}\n").as_bytes());
    }

    fn flush_when_full(&mut self) {
        if self.ended.is_some() {
            self.waiting.clear();
        } else if self.waiting.len() >= BUFFERED_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let mut bytes = std::mem::take(&mut self.waiting);
        if self.ended.is_none()
            && let Err(error) = self.put(Stream::Stdout, &bytes)
        {
            self.ended = Some(match error.kind() {
                io::ErrorKind::BrokenPipe => Ended::Unread,
                _ => Ended::Failed(error.to_string()),
            });
            if let Some(stop) = self.stop.take() {
                self.has_stopped = true;
                stop();
            }
        }
        bytes.clear();
        self.waiting = bytes;
    }

    fn put(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        self.sink.put(stream, bytes)
    }

    fn alive(&self) -> io::Result<()> {
        match &self.ended {
            None => Ok(()),
            Some(Ended::Unread) => Err(io::ErrorKind::BrokenPipe.into()),
            Some(Ended::Failed(text)) => Err(io::Error::other(text.clone())),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.flush();
    }
}

enum Sink {
    Standard,
    Captured {
        stdout: Vec<u8>,
        stderr: Vec<u8>,
        merged: Vec<u8>,
    },
    /// A terminal that sends its text to the test.
    #[cfg(test)]
    Screen(std::sync::mpsc::Sender<String>),
    #[cfg(test)]
    Failing(io::ErrorKind),
}

impl Sink {
    fn put(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        match (self, stream) {
            (Sink::Standard, Stream::Stdout) => write_whole(io::stdout(), bytes),
            (Sink::Standard, Stream::Stderr) => write_whole(io::stderr(), bytes),
            (Sink::Captured { stdout, stderr, merged }, stream) => {
                let alone = if stream == Stream::Stdout { stdout } else { stderr };
                alone.extend_from_slice(bytes);
                merged.extend_from_slice(bytes);
                Ok(())
            }
            #[cfg(test)]
            (Sink::Screen(screen), _) => {
                screen.send(String::from_utf8_lossy(bytes).into_owned()).map_err(io::Error::other)
            }
            #[cfg(test)]
            (Sink::Failing(kind), _) => Err((*kind).into()),
        }
    }

    fn is_terminal(&self, stream: Stream) -> bool {
        match (self, stream) {
            (Sink::Standard, Stream::Stdout) => io::stdout().is_terminal(),
            (Sink::Standard, Stream::Stderr) => io::stderr().is_terminal(),
            #[cfg(test)]
            (Sink::Screen(_), _) => true,
            _ => false,
        }
    }
}

/// Writes without the standard library's buffers. Those lose track of what was written if another program makes a
/// shared stream non-blocking, as ssh does with its stderr.
fn write_whole(stream: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(&stream, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                // The next write shows whether the wait helped.
                let _ = poll(&mut [PollFd::new(&stream, PollFlags::OUT)], None);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn columns_of(stream: impl AsFd) -> Option<usize> {
    tcgetwinsize(stream).ok().map(|size| usize::from(size.ws_col)).filter(|&columns| columns > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn say_all(output: &Output) {
        output.hint("nobody reads this");
        output.set_hints(true);
        output.note("Connected to example.org.");
        output.status("Fetching /a to a");
        output.answer("a  b");
        output.warning("the clock is wrong");
        output.progress("a is at 1/2 bytes");
        output.failure("b: not found");
        output.hint("look elsewhere");
    }

    #[test]
    fn each_role_has_its_stream_and_the_order_is_kept() {
        let output = Output::captured();
        say_all(&output);
        let seen = output.captured_text();
        assert_eq!(seen.stdout, "Fetching /a to a\na  b\n");
        assert_eq!(
            seen.merged,
            "Connected to example.org.\nFetching /a to a\na  b\nthe clock is wrong\na is at 1/2 bytes\n\
             b: not found\nhint: look elsewhere\n"
        );
    }

    #[test]
    fn quiet_drops_what_was_not_asked_for() {
        for (quiet, merged) in [
            (Quiet::Status, "a  b\nthe clock is wrong\na is at 1/2 bytes\nb: not found\nhint: look elsewhere\n"),
            (Quiet::Warnings, "a  b\na is at 1/2 bytes\nb: not found\nhint: look elsewhere\n"),
        ] {
            let output = Output::captured();
            output.set_quiet(quiet);
            say_all(&output);
            assert_eq!(output.captured_text().merged, merged);
        }
    }

    #[test]
    fn a_name_is_exact_for_a_program_and_printable_on_a_terminal() {
        let name = b"a\x1b[2J\n\xff \xc3\xa4";
        let output = Output::captured();
        let mut exact = Vec::new();
        output.name(name);
        output.flush();
        if let Sink::Captured { stdout, .. } = &output.lock().sink {
            exact.clone_from(stdout);
        }
        assert_eq!(exact, [name, &b"\0"[..]].concat());
        let (screen, shown) = mpsc::channel();
        let output = Output::on(Sink::Screen(screen));
        output.name(name);
        output.flush();
        assert_eq!(shown.recv().unwrap(), "a\\033[2J\\012\\377 ä\n");
    }

    #[test]
    fn a_reader_that_went_away_ends_the_run_and_a_full_disk_says_so() {
        for (kind, ended) in [
            (io::ErrorKind::BrokenPipe, Ended::Unread),
            (io::ErrorKind::StorageFull, Ended::Failed(io::Error::from(io::ErrorKind::StorageFull).to_string())),
        ] {
            let output = Output::on(Sink::Failing(kind));
            output.answer("one");
            assert_eq!(output.ended(), None, "nothing was written yet");
            output.flush();
            assert_eq!(output.ended(), Some(ended));
            assert!(output.writer().write(b"more").is_err());
            output.answer("two");
            assert!(output.lock().waiting.is_empty(), "what no one reads is kept");
        }
    }

    #[test]
    fn only_what_began_before_the_end_of_stdout_is_stopped_by_it() {
        for (is_set, is_stopped) in [(true, true), (false, false)] {
            let (stopped, stops) = mpsc::channel();
            let stop = move || stopped.send(()).unwrap();
            let output = Output::on(Sink::Failing(io::ErrorKind::BrokenPipe));
            output.stop_when_ended(is_set.then(|| Box::new(stop) as Box<dyn FnOnce() + Send>));
            output.answer("one");
            assert!(!output.has_stopped() && stops.try_recv().is_err(), "nothing was written yet");
            output.flush();
            output.answer("two");
            output.flush();
            assert_eq!((output.has_stopped(), stops.try_iter().count()), (is_stopped, usize::from(is_stopped)));
        }
    }

    #[test]
    fn a_long_answer_does_not_wait_for_its_end() {
        let (screen, shown) = mpsc::channel();
        let output = Output::on(Sink::Screen(screen));
        output.writer().write_all(&[b'x'; BUFFERED_BYTES - 1]).unwrap();
        assert!(shown.try_recv().is_err());
        output.answer("");
        assert_eq!(shown.try_recv().unwrap().len(), BUFFERED_BYTES);
    }

    #[test]
    fn a_stream_that_takes_only_a_little_at_a_time_gets_all() {
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let reader = std::thread::spawn(move || {
            let mut seen = Vec::new();
            io::Read::read_to_end(&mut theirs, &mut seen).map(|_| seen)
        });
        let bytes: Vec<u8> = (0..4 << 20).map(|at: u32| at.to_le_bytes()[1]).collect();
        write_whole(&ours, &bytes).unwrap();
        drop(ours);
        assert!(reader.join().unwrap().unwrap() == bytes);
    }

    #[test]
    fn what_waits_is_written_when_the_last_clone_goes() {
        let (screen, shown) = mpsc::channel();
        let output = Output::on(Sink::Screen(screen));
        let other = output.clone();
        output.answer("last words");
        drop(output);
        assert!(shown.try_recv().is_err());
        drop(other);
        assert_eq!(shown.recv().unwrap(), "last words\n");
    }
}
