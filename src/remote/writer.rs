//! Writes a stream to an open remote file in order, with many WRITEs in flight.

use std::time::Duration;

use crate::remote::interrupt::Interrupt;
use crate::remote::reads::WINDOW;
use crate::sftp::{self, Completions, Handle, Session, calls};

/// Most bytes of one request, so that several are in flight even if the server allows large ones.
const MOST_PIECE: u32 = 128 << 10;

/// A remote file that a stream is written to, from its beginning.
pub struct Writer<'a> {
    session: &'a Session,
    handle: &'a Handle,
    interrupt: &'a Interrupt,
    /// The length of each WRITE.
    queue: Completions<u64>,
    /// Most bytes of one request.
    piece: usize,
    offset: u64,
    in_flight: u64,
}

impl<'a> Writer<'a> {
    /// Creates a writer for an empty file.
    #[must_use]
    pub fn new(session: &'a Session, handle: &'a Handle, interrupt: &'a Interrupt) -> Writer<'a> {
        let piece = session.limits().write_bytes.clamp(1, MOST_PIECE);
        let piece = usize::try_from(piece).unwrap_or(usize::MAX);
        Writer { session, handle, interrupt, queue: Completions::new(), piece, offset: 0, in_flight: 0 }
    }

    /// Sends the next bytes. Waits only while the window is full.
    ///
    /// # Errors
    /// The server refuses these bytes or earlier ones, the connection ends, or Ctrl-C is pressed.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), sftp::Error> {
        for data in bytes.chunks(self.piece) {
            while self.in_flight >= WINDOW {
                self.take_answers(None)?;
            }
            let length = data.len() as u64;
            let call = calls::Write { handle: self.handle, offset: self.offset, data };
            self.session.submit_to(&self.queue, length, &call);
            self.offset += length;
            self.in_flight += length;
        }
        self.take_answers(Some(Duration::ZERO))
    }

    /// Waits until all bytes are written.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn finish(mut self) -> Result<(), sftp::Error> {
        while self.in_flight > 0 {
            self.take_answers(None)?;
        }
        Ok(())
    }

    fn take_answers(&mut self, limit: Option<Duration>) -> Result<(), sftp::Error> {
        let watch = self.interrupt.watch(self.queue.wakeup());
        if watch.was_pressed() {
            return Err(sftp::Error::Interrupted);
        }
        for (length, outcome) in self.queue.wait(limit) {
            outcome?;
            self.in_flight -= length;
        }
        Ok(())
    }
}
