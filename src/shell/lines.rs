//! Lines of a script, or of a terminal without a line editor, as bytes.
//!
//! A line is read only when it is requested, and a signal ends the wait for it. No line makes us hold more than
//! [`LONGEST_LINE`] bytes: a longer one is skipped to its end, so that a part of it never runs as a command.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::shell::input::Input;
use crate::shell::signals::Signals;

/// Longest line in bytes: room for some thousand names. sftp(1) splits lines into several commands after 2048 bytes.
pub(crate) const LONGEST_LINE: usize = 256 << 10;

/// Bytes of one read.
const READ_BYTES: usize = 16 << 10;

/// A source of lines.
pub(crate) struct Lines {
    from: Descriptor,
    buffer: Vec<u8>,
    /// The position of the next line in the buffer.
    start: usize,
    /// How far the buffer was searched for a newline.
    searched: usize,
    at_end: bool,
}

enum Descriptor {
    Stdin(io::Stdin),
    Own(OwnedFd),
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Descriptor::Stdin(stdin) => stdin.as_fd(),
            Descriptor::Own(own) => own.as_fd(),
        }
    }
}

impl Lines {
    /// Returns the lines of standard input. Reads nothing before the first line is requested.
    pub(crate) fn of_stdin() -> Lines {
        Lines::of(Descriptor::Stdin(io::stdin()))
    }

    /// Returns the lines of a file.
    pub(crate) fn of_file(file: OwnedFd) -> Lines {
        Lines::of(Descriptor::Own(file))
    }

    fn of(from: Descriptor) -> Lines {
        Lines { from, buffer: Vec::new(), start: 0, searched: 0, at_end: false }
    }

    /// Returns the next line.
    ///
    /// # Errors
    /// The input can't be read.
    pub(crate) fn next(&mut self, signals: &Signals) -> io::Result<Input> {
        let mut passed_over: u64 = 0;
        loop {
            if let Some(line) = self.take_line() {
                return Ok(measured(line, passed_over));
            }
            if self.at_end {
                let rest = self.buffer.split_off(self.start);
                self.forget();
                let nothing = rest.is_empty() && passed_over == 0;
                return Ok(if nothing { Input::End } else { measured(rest, passed_over) });
            }
            if passed_over > 0 || self.buffer.len() - self.start > LONGEST_LINE {
                passed_over += (self.buffer.len() - self.start) as u64;
                self.forget();
            }
            if self.fill(signals)? == Filled::Interrupted {
                return Ok(Input::Interrupted);
            }
        }
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let newline = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n');
        let Some(newline) = newline.map(|at| self.searched + at) else {
            self.searched = self.buffer.len();
            return None;
        };
        let line = self.buffer[self.start..newline].to_vec();
        self.start = newline + 1;
        self.searched = self.start;
        Some(line)
    }

    /// Drops the bytes that were read ahead.
    pub(crate) fn forget(&mut self) {
        self.buffer.clear();
        self.start = 0;
        self.searched = 0;
    }

    fn fill(&mut self, signals: &Signals) -> io::Result<Filled> {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        loop {
            let mut fds = [PollFd::new(&self.from, PollFlags::IN), PollFd::new(signals.woken(), PollFlags::IN)];
            match poll(&mut fds, None) {
                Ok(_) if fds[1].revents().contains(PollFlags::IN) => return Ok(Filled::Interrupted),
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let filled = self.buffer.len();
            self.buffer.resize(filled + READ_BYTES, 0);
            let read = rustix::io::read(&self.from, &mut self.buffer[filled..]);
            self.buffer.truncate(filled + *read.as_ref().unwrap_or(&0));
            match read {
                // A terminal that was closed, or a closed descriptor, has no more lines.
                Ok(0) | Err(Errno::IO | Errno::BADF) => self.at_end = true,
                Ok(_) => {}
                Err(Errno::INTR | Errno::AGAIN) => continue,
                Err(error) => return Err(error.into()),
            }
            return Ok(Filled::Read);
        }
    }
}

#[derive(PartialEq, Eq)]
enum Filled {
    Read,
    Interrupted,
}

fn measured(line: Vec<u8>, passed_over: u64) -> Input {
    let bytes = passed_over + line.len() as u64;
    if bytes > LONGEST_LINE as u64 { Input::TooLong(bytes) } else { Input::Line(line) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::thread;

    fn lines_of(text: &[u8]) -> Vec<Input> {
        let (mut writer, reader) = UnixStream::pair().unwrap();
        let text = text.to_vec();
        let writing = thread::spawn(move || writer.write_all(&text).unwrap());
        let mut lines = Lines::of_file(reader.into());
        let signals = Signals::ignored().unwrap();
        let mut all = Vec::new();
        loop {
            match lines.next(&signals).unwrap() {
                Input::End => break,
                incoming => all.push(incoming),
            }
        }
        writing.join().unwrap();
        all
    }

    #[test]
    fn no_line_is_held_beyond_the_longest() {
        let (mut writer, reader) = UnixStream::pair().unwrap();
        let writing = thread::spawn(move || writer.write_all(&vec![b'x'; 8 << 20]).unwrap());
        let mut lines = Lines::of_file(reader.into());
        assert_eq!(lines.next(&Signals::ignored().unwrap()).unwrap(), Input::TooLong(8 << 20));
        assert!(lines.buffer.capacity() <= 4 * LONGEST_LINE, "{}", lines.buffer.capacity());
        writing.join().unwrap();
    }

    fn line(text: &[u8]) -> Input {
        Input::Line(text.to_vec())
    }

    #[test]
    fn lines_are_bytes_up_to_a_newline_or_the_end() {
        assert_eq!(lines_of(b""), []);
        assert_eq!(lines_of(b"\n"), [line(b"")]);
        assert_eq!(lines_of(b"a\n\nb"), [line(b"a"), line(b""), line(b"b")]);
        assert_eq!(lines_of(b"a\r\n\0\xff\n"), [line(b"a\r"), line(b"\0\xff")]);
    }

    #[test]
    fn a_line_that_is_too_long_is_one_line_and_the_next_is_whole() {
        let mut text = vec![b'x'; 1 << 20];
        text.extend_from_slice(b"\npwd\n");
        assert_eq!(lines_of(&text), [Input::TooLong(1 << 20), line(b"pwd")]);
        let unended = vec![b'y'; LONGEST_LINE + 1];
        assert_eq!(lines_of(&unended), [Input::TooLong(LONGEST_LINE as u64 + 1)]);
        let mut longest = vec![b'z'; LONGEST_LINE];
        longest.push(b'\n');
        assert_eq!(lines_of(&longest), [line(&longest[..LONGEST_LINE])]);
    }
}
