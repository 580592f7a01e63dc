//! How a download receives: in order, however answers come, and sure of where the file ends.

use bytes::Bytes;

use crate::sftp::{self, Reply, calls};
use crate::transfer::connections::io::{Asked, Io, Turn};
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::get::{DOUBTS, Download, End, length_within};

impl Download {
    /// The next part to ask for: offset and length.
    pub(crate) fn next_part(&mut self, read_bytes: u32) -> Option<(u64, u32)> {
        if let Some(gap) = self.gaps.pop_front() {
            return Some(gap);
        }
        match self.end {
            End::Reached => return None,
            End::Doubted(times) if self.outstanding == 0 => {
                self.end = End::AskedAgain(times + 1);
                return Some((self.written, read_bytes));
            }
            End::Doubted(_) | End::AskedAgain(_) | End::Weighed => return None,
            End::Ahead => {}
        }
        let size = self.likely_size();
        let offset = self.next;
        let length = if offset < size {
            // One byte more than there should be: an answer without it says that the file ends there.
            length_within(read_bytes, size - offset + 1)
        } else if offset == size || self.outstanding == 0 {
            // Behind what STAT said, one at a time until the server says that it ends.
            read_bytes
        } else {
            return None;
        };
        if offset > size && self.outstanding > 0 {
            return None;
        }
        self.next = offset + u64::from(length);
        Some((offset, length))
    }

    pub(crate) fn got(
        &mut self,
        io: &mut Io,
        offset: u64,
        length: u32,
        outcome: Result<Reply, sftp::Error>,
    ) -> Result<Turn, Failure> {
        match outcome {
            Ok(Reply::Data(data)) => self.got_data(io, offset, length, data)?,
            Err(error) if error.is_eof() => self.got_end(io, offset),
            Err(error) => return Err(self.failure(Act::ReadRemote, error)),
            Ok(_) => {}
        }
        Ok(Turn::MayAsk)
    }

    pub(crate) fn got_data(&mut self, io: &mut Io, offset: u64, length: u32, data: Bytes) -> Result<(), Failure> {
        match self.end {
            // What comes behind the doubtful place is asked for again.
            End::Doubted(_) if offset > self.written => return Ok(()),
            End::Doubted(_) => return self.write(io, offset, &data),
            End::AskedAgain(_) => {
                // There is more after all.
                self.write(io, offset, &data)?;
                (self.end, self.next) = (End::Ahead, self.written);
                return Ok(());
            }
            End::Ahead | End::Weighed | End::Reached => {}
        }
        let (end, wanted_end) = (offset + data.len() as u64, offset + u64::from(length));
        if end < wanted_end {
            self.got_less(end, wanted_end);
        }
        if offset > self.written {
            io.window().hold(data.len() as u64);
            self.early.insert(offset, (io.line, data));
            return Ok(());
        }
        self.write(io, offset, &data)?;
        self.write_what_came_early(io)
    }

    pub(crate) fn write_what_came_early(&mut self, io: &mut Io) -> Result<(), Failure> {
        while let Some(entry) = self.early.first_entry()
            && *entry.key() <= self.written
        {
            let (offset, (line, data)) = entry.remove_entry();
            io.lines.release(line, data.len() as u64);
            self.write(io, offset, &data)?;
        }
        Ok(())
    }

    /// A short answer. Where the file should end that is its end; elsewhere the rest is asked for again.
    pub(crate) fn got_less(&mut self, end: u64, wanted_end: u64) {
        let size = self.likely_size();
        if end == size && size > 0 {
            self.end = End::Reached;
        } else if end < size {
            let length = length_within(u32::MAX, wanted_end - end);
            self.gaps.push_back((end, length));
        } else {
            // Behind what STAT said: read on from here, one at a time.
            self.next = end;
        }
    }

    pub(crate) fn got_end(&mut self, io: &mut Io, offset: u64) {
        let size = self.likely_size();
        match self.end {
            End::Ahead if offset >= size => self.end = End::Reached,
            End::Ahead | End::Reached if offset < size => {
                self.end = End::Doubted(0);
                self.forget_what_came_early(io);
            }
            End::AskedAgain(times) if times < DOUBTS => self.end = End::Doubted(times),
            End::AskedAgain(_) if self.is_estimated => {
                self.estimate = None;
                self.end = End::Reached;
            }
            End::AskedAgain(_) => {
                self.end = End::Weighed;
                io.ask(self.sequence, Asked::FileSystem, &calls::StatFileSystem { path: &self.remote });
            }
            _ => {}
        }
    }

    /// Where nothing is stored, as in /sys, a size that STAT tells is none, and the end is where reading found it.
    pub(crate) fn weighed(&mut self, outcome: Result<Reply, sftp::Error>) -> Result<Turn, Failure> {
        match outcome {
            Ok(Reply::Statvfs(system)) if system.stores_nothing() => {
                self.attributes.size = None;
                self.end = End::Reached;
                Ok(Turn::MayAsk)
            }
            _ => Err(self.truncated()),
        }
    }

    pub(crate) fn truncated(&self) -> Failure {
        let expected = self.attributes.size.unwrap_or(0);
        self.failure(Act::ReadRemote, Cause::Truncated { got: self.written, expected })
    }

    pub(crate) fn forget_what_came_early(&mut self, io: &mut Io) {
        self.gaps.clear();
        for (line, data) in std::mem::take(&mut self.early).into_values() {
            io.lines.release(line, data.len() as u64);
        }
    }

    pub(crate) fn write(&mut self, io: &mut Io, offset: u64, data: &[u8]) -> Result<(), Failure> {
        // What was asked for twice comes twice.
        let skip = usize::try_from(self.written - offset).unwrap_or(usize::MAX);
        let Some(fresh) = data.get(skip..) else { return Ok(()) };
        let Some(sink) = &mut self.sink else { return Ok(()) };
        sink.write(self.written, fresh, &io.canceller)?;
        self.written += fresh.len() as u64;
        io.reporter.advance(self.sequence, self.written, fresh.len() as u64);
        Ok(())
    }
}
