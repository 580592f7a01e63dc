//! Reads an open remote file in order, with many READs in flight.
//!
//! Answers that come early are held until those before them are here. What is held and what is in flight is never more
//! than the window, so a slow reader keeps the file on the server.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::remote::interrupt::Interrupt;
use crate::remote::reads::{Part, Reads, WINDOW};
use crate::sftp::{self, Completions, Handle, Reply, Session, calls};

/// Bytes that are read ahead at first if perhaps only the beginning is wanted.
const FIRST_WINDOW: u64 = 32 << 10;

/// How much of a file to read before it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// As much as the window holds: all of the file is wanted.
    Much,
    /// A little, and twice as much with each piece that is taken: the reader may stop early.
    Little,
}

/// The bytes of an open file, piece by piece.
pub struct Reader<'a> {
    session: &'a Session,
    handle: &'a Handle,
    interrupt: &'a Interrupt,
    queue: Completions<Part>,
    reads: Reads,
    /// Bytes that came, by their offset.
    held: BTreeMap<u64, Bytes>,
    held_bytes: u64,
    /// Bytes that may be held or in flight.
    window: u64,
    /// The offset of the next piece.
    offset: u64,
}

impl<'a> Reader<'a> {
    /// Creates a reader that starts at an offset. `expected` is the reported size of the file, or the offset at which
    /// the caller will stop; a wrong size costs round trips, never bytes.
    #[must_use]
    pub fn new(
        session: &'a Session,
        handle: &'a Handle,
        start: u64,
        expected: u64,
        ahead: Ahead,
        interrupt: &'a Interrupt,
    ) -> Reader<'a> {
        Reader {
            session,
            handle,
            interrupt,
            queue: Completions::new(),
            reads: Reads::new(session, start, expected),
            held: BTreeMap::new(),
            held_bytes: 0,
            window: if ahead == Ahead::Much { WINDOW } else { FIRST_WINDOW },
            offset: start,
        }
    }

    /// Returns the offset of the next piece.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the next piece of the file, or `None` at its end.
    ///
    /// # Errors
    /// The server refuses, the connection ends, or Ctrl-C is pressed.
    pub fn next_piece(&mut self) -> Result<Option<Bytes>, sftp::Error> {
        loop {
            if self.interrupt.was_pressed() {
                return Err(sftp::Error::Interrupted);
            }
            if let Some(piece) = self.held.remove(&self.offset) {
                self.offset += piece.len() as u64;
                self.held_bytes -= piece.len() as u64;
                self.window = WINDOW.min(self.window * 2);
                return Ok(Some(piece));
            }
            self.request();
            if self.reads.end().is_some() {
                return Ok(None);
            }
            self.take_answers()?;
        }
    }

    /// Requests what the window has room for. If nothing is in flight, the next piece is missing and is requested
    /// anyway.
    fn request(&mut self) {
        while (self.reads.in_flight() == 0 || self.reads.in_flight() + self.held_bytes < self.window)
            && let Some(part) = self.reads.next_part()
        {
            let call = calls::Read { handle: self.handle, offset: part.offset, length: part.length };
            self.session.submit_to(&self.queue, part, &call);
        }
    }

    fn take_answers(&mut self) -> Result<(), sftp::Error> {
        let watch = self.interrupt.watch(self.queue.wakeup());
        if watch.was_pressed() {
            return Err(sftp::Error::Interrupted);
        }
        for (part, outcome) in self.queue.wait(None) {
            match outcome {
                Ok(Reply::Data(data)) => {
                    // The session has checked that the data is no longer than requested.
                    let length = u32::try_from(data.len()).unwrap_or(part.length);
                    self.reads.got(part, length);
                    self.held_bytes += u64::from(length);
                    self.held.insert(part.offset, data);
                }
                Err(error) if !error.is_eof() => return Err(error),
                Ok(_) | Err(_) => self.reads.got_end(part),
            }
        }
        Ok(())
    }
}
