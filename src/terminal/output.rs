//! Where every line goes that the program prints, by the role it plays.
//!
//! A role decides the stream and whether quiet drops it; who prints names no stream and no colour. stdout is buffered,
//! and flushed before anything goes to stderr, so that the two keep their order where they meet. Printing never fails
//! on the spot: a stdout that can't be written any more is remembered, what follows is dropped, a command that only prints
//! is stopped ([`Output::stop_when_ended`]), and the shell asks [`Output::ended`].
#![forbid(unsafe_code)]

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::tcgetwinsize;

use super::explain::Explain;
use super::printable::Printable;

/// The program's output; clones share one.
#[derive(Clone)]
pub struct Output {
    shared: Arc<Mutex<Shared>>,
}

/// How much is left unsaid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quiet {
    /// Everything is said.
    #[default]
    No,
    /// No status lines and no notes, as sftp(1) under `-b`.
    Status,
    /// No warnings either, as under `-q`.
    Warnings,
}

/// Why stdout takes nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its reader went away (`… | head`).
    Unread,
    /// It can't be written, for instance because the disk is full; the text is the system's.
    Failed(String),
}

/// Everything that was printed on a captured output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// What went to stdout.
    pub stdout: String,
    /// What went to stderr.
    pub stderr: String,
    /// Both as they would have come on one terminal.
    pub merged: String,
}

/// Columns of a terminal that does not tell.
const DEFAULT_WIDTH: usize = 80;

/// stdout is written when so much is waiting, whatever comes next.
const BUFFERED_BYTES: usize = 32 * 1024;

impl Output {
    /// Output on the process's own stdout and stderr.
    #[must_use]
    pub fn standard() -> Output {
        Output::on(Sink::Standard)
    }

    /// Output that is kept instead of shown, to be asked for by [`Output::captured_text`].
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
            ended: None,
            stop: None,
            has_stopped: false,
        };
        Output { shared: Arc::new(Mutex::new(shared)) }
    }

    /// What was asked for: a line on stdout.
    pub fn answer(&self, line: impl Display) {
        self.lock().stdout_line(&line);
    }

    /// A name for a program (`ls -0`): its bytes as they are and a NUL byte, on stdout. A terminal obeys bytes, so there it is
    /// a printable line.
    pub fn name(&self, name: &[u8]) {
        let mut shared = self.lock();
        if shared.sink.is_terminal(Stream::Stdout) {
            shared.stdout_line(&Printable(name));
        } else {
            shared.stdout_bytes(name);
            shared.stdout_bytes(b"\0");
        }
    }

    /// What a command is about to do (`Fetching …`): a line on stdout, where sftp(1) prints it; none when quiet. Flush it
    /// before that is done.
    pub fn status(&self, line: impl Display) {
        let mut shared = self.lock();
        if shared.quiet < Quiet::Status {
            shared.stdout_line(&line);
        }
    }

    /// What is good to know about the session (`Connected to …`): a line on stderr, none when quiet.
    pub fn note(&self, line: impl Display) {
        let mut shared = self.lock();
        if shared.quiet < Quiet::Status {
            shared.stderr_line(&line);
        }
    }

    /// What may be wrong: a line on stderr, none under `-q`.
    pub fn warning(&self, line: impl Display) {
        let mut shared = self.lock();
        if shared.quiet < Quiet::Warnings {
            shared.stderr_line(&line);
        }
    }

    /// What went wrong: a line on stderr.
    pub fn failure(&self, line: impl Display) {
        self.lock().stderr_line(&line);
    }

    /// Prints an error, then its hint.
    pub fn explain(&self, error: &impl Explain) {
        error.lines().iter().for_each(|line| self.failure(line));
        error.hint().iter().for_each(|hint| self.hint(hint));
    }

    /// What helps after something went wrong: a line of its own on stderr, for a person only. Programs wait for exact lines.
    pub fn hint(&self, advice: impl Display) {
        let mut shared = self.lock();
        if shared.hints {
            shared.stderr_line(&format_args!("hint: {advice}"));
        }
    }

    /// How far something is, for a reader without a terminal: a line on stderr.
    pub fn progress(&self, line: impl Display) {
        self.lock().stderr_line(&line);
    }

    /// stdout as a writer, for bytes as they are and for listings that are written piece by piece.
    #[must_use]
    pub fn writer(&self) -> Writer<'_> {
        Writer { output: self }
    }

    /// Writes what waits for stdout: after each command, before a prompt, and before what takes long.
    pub fn flush(&self) {
        self.lock().flush();
    }

    /// Returns why stdout takes nothing more, or `None` while it does.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.lock().ended.clone()
    }

    /// Sets what is called, at once and only once, when stdout takes nothing more; `None` for nothing. It is called with the
    /// output locked, so it must not print.
    pub fn stop_when_ended(&self, stop: Option<Box<dyn FnOnce() + Send>>) {
        self.lock().stop = stop;
    }

    /// Returns whether stdout ended while there was something to stop, see [`Output::stop_when_ended`].
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        self.lock().has_stopped
    }

    /// Whether hints are printed from now on, because a person reads them. At first they are not.
    pub fn set_hints(&self, hints: bool) {
        self.lock().hints = hints;
    }

    /// What is left unsaid from now on.
    pub fn set_quiet(&self, quiet: Quiet) {
        self.lock().quiet = quiet;
    }

    /// What is left unsaid.
    #[must_use]
    pub fn quiet(&self) -> Quiet {
        self.lock().quiet
    }

    /// Whether stdout is a terminal.
    #[must_use]
    pub fn stdout_is_terminal(&self) -> bool {
        self.lock().sink.is_terminal(Stream::Stdout)
    }

    /// Whether stderr is a terminal.
    #[must_use]
    pub fn stderr_is_terminal(&self) -> bool {
        self.lock().sink.is_terminal(Stream::Stderr)
    }

    /// Columns of the terminal that stdout goes to, else of the one that commands come from, as sftp(1) has it, else 80.
    #[must_use]
    pub fn width(&self) -> usize {
        match self.lock().sink {
            Sink::Standard => columns_of(io::stdout()).or_else(|| columns_of(io::stdin())).unwrap_or(DEFAULT_WIDTH),
            _ => DEFAULT_WIDTH,
        }
    }

    /// Columns for names side by side: as [`Output::width`], but none, so a line for each name, where commands come from a
    /// terminal whose size nobody set. sftp(1) does so, and programs that drive it there read names line by line.
    #[must_use]
    pub fn listing_width(&self) -> usize {
        let is_standard = matches!(self.lock().sink, Sink::Standard);
        match is_standard && tcgetwinsize(io::stdin()).is_ok_and(|size| size.ws_col == 0) {
            true => 0,
            false => self.width(),
        }
    }

    /// All that was printed so far on a captured output; nothing on any other.
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
        // A panic elsewhere leaves whole lines behind.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// stdout as a writer; see [`Output::writer`]. An error means that stdout takes nothing more.
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
    /// What waits for stdout.
    waiting: Vec<u8>,
    quiet: Quiet,
    hints: bool,
    ended: Option<Ended>,
    stop: Option<Box<dyn FnOnce() + Send>>,
    has_stopped: bool,
}

impl Shared {
    fn stdout_line(&mut self, line: &dyn Display) {
        // Writing to memory can't fail, and a Display that fails has said what it could.
        let _ = writeln!(self.waiting, "{line}");
        self.flush_when_full();
    }

    fn stdout_bytes(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
        self.flush_when_full();
    }

    fn stderr_line(&mut self, line: &dyn Display) {
        self.flush();
        // No one is left to hear that stderr can't be written.
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
    /// A terminal that shows all it gets.
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

/// Writes past the standard library's buffers, which lose count of what is written when a stream that another program
/// shares has been made non-blocking, as ssh does with its stderr.
fn write_whole(stream: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(&stream, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                // Whether it was worth waiting for shows at the next write.
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
