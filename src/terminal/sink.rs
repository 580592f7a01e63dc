//! The streams that the output ends in: the process's own, or memory.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::tcgetwinsize;

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

/// Where printed text goes.
pub(super) enum Sink {
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
    /// Returns a sink that keeps its text.
    pub(super) fn captured() -> Sink {
        Sink::Captured { stdout: Vec::new(), stderr: Vec::new(), merged: Vec::new() }
    }

    pub(super) fn put(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
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

    pub(super) fn is_terminal(&self, stream: Stream) -> bool {
        match (self, stream) {
            (Sink::Standard, Stream::Stdout) => io::stdout().is_terminal(),
            (Sink::Standard, Stream::Stderr) => io::stderr().is_terminal(),
            #[cfg(test)]
            (Sink::Screen(_), _) => true,
            _ => false,
        }
    }

    /// Returns the columns of the terminal on stdout, or else of the terminal on stdin, or else 80.
    pub(super) fn width(&self) -> usize {
        match self {
            Sink::Standard => columns_of(io::stdout()).or_else(|| columns_of(io::stdin())).unwrap_or(DEFAULT_WIDTH),
            _ => DEFAULT_WIDTH,
        }
    }

    /// Like [`Sink::width`], but 0 if the terminal on stdin has no size.
    pub(super) fn listing_width(&self) -> usize {
        let is_standard = matches!(self, Sink::Standard);
        match is_standard && tcgetwinsize(io::stdin()).is_ok_and(|size| size.ws_col == 0) {
            true => 0,
            false => self.width(),
        }
    }

    /// Returns the text that a captured output holds; nothing for any other.
    pub(super) fn captured_text(&self) -> Captured {
        match self {
            Sink::Captured { stdout, stderr, merged } => {
                let [stdout, stderr, merged] =
                    [stdout, stderr, merged].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
                Captured { stdout, stderr, merged }
            }
            _ => Captured::default(),
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
}
