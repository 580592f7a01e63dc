//! How a download receives bytes: it writes them in order, whatever the order of the answers, and makes sure of the file's end.

use bytes::Bytes;

use crate::sftp::{self, Reply, calls};
use crate::transfer::connections::io::{Io, Turn, Wire};
use crate::transfer::connections::tag::GetTag;
use crate::transfer::failure::{Act, Failure};
use crate::transfer::get::end::{DOUBTS, End};
use crate::transfer::get::{Download, State, length_within};

impl Download {
    /// Sends the next READ, if there is one to send.
    pub(super) fn read_part(&mut self, wire: &mut Wire<'_>) -> Turn {
        let Some((offset, length)) = self.next_part(wire.read_bytes()) else { return Turn::Waits };
        let Some(handle) = self.handles.on(wire.connection) else { return Turn::Waits };
        self.outstanding += 1;
        wire.ask_for_data(self.sequence, GetTag::Read { offset, length }, &calls::Read { handle, offset, length });
        Turn::MayAsk
    }

    /// Returns the next part to read: offset and length.
    fn next_part(&mut self, read_bytes: u32) -> Option<(u64, u32)> {
        if let Some(gap) = self.gaps.pop_front() {
            return Some(gap);
        }
        let State::Reading(end) = &mut self.state else { return None };
        match *end {
            End::Ahead => {}
            End::Doubted(times) if self.outstanding == 0 => {
                *end = End::AskedAgain(times + 1);
                return Some((self.written, read_bytes));
            }
            End::Doubted(_) | End::AskedAgain(_) | End::Weighed | End::Reached => return None,
        }
        let size = self.likely_size();
        let offset = self.next;
        let length = if offset < size {
            // One byte more than there should be: an answer without it shows that the file ends there.
            length_within(read_bytes, size - offset + 1)
        } else if offset == size || self.outstanding == 0 {
            // After the size from STAT, READs go out one at a time until the server reports the end.
            read_bytes
        } else {
            return None;
        };
        self.next = offset + u64::from(length);
        Some((offset, length))
    }

    /// Takes the answer to a READ.
    pub(super) fn got(
        &mut self,
        wire: &mut Wire<'_>,
        offset: u64,
        length: u32,
        outcome: Result<Reply, sftp::Error>,
    ) -> Result<Turn, Failure> {
        let State::Reading(end) = self.state else { return Ok(Turn::Waits) };
        match outcome {
            Ok(Reply::Data(data)) => self.got_data(wire, end, offset, length, data)?,
            Err(error) if error.is_eof() => self.got_end(wire, end, offset),
            Err(error) => return Err(self.failure(Act::ReadRemote, error)),
            Ok(_) => {}
        }
        Ok(Turn::MayAsk)
    }

    fn got_data(
        &mut self,
        wire: &mut Wire<'_>,
        end: End,
        offset: u64,
        length: u32,
        data: Bytes,
    ) -> Result<(), Failure> {
        match end {
            // Everything after the doubtful end is read again.
            End::Doubted(_) if offset > self.written => return Ok(()),
            End::Doubted(_) => return self.write(wire.io, offset, &data),
            End::AskedAgain(_) => {
                // There is more after all.
                self.write(wire.io, offset, &data)?;
                self.state = State::Reading(End::Ahead);
                self.next = self.written;
                return Ok(());
            }
            End::Ahead | End::Weighed | End::Reached => {}
        }
        let (data_end, wanted_end) = (offset + data.len() as u64, offset + u64::from(length));
        if data_end < wanted_end {
            self.got_less(data_end, wanted_end);
        }
        if offset > self.written {
            wire.window().hold(data.len() as u64);
            self.early.insert(offset, (wire.connection, data));
            return Ok(());
        }
        self.write(wire.io, offset, &data)?;
        self.write_what_came_early(wire.io)
    }

    fn write_what_came_early(&mut self, io: &mut Io) -> Result<(), Failure> {
        while let Some(entry) = self.early.first_entry()
            && *entry.key() <= self.written
        {
            let (offset, (connection, data)) = entry.remove_entry();
            io.pool.release(connection, data.len() as u64);
            self.write(io, offset, &data)?;
        }
        Ok(())
    }

    /// Takes a short answer, which ends at `end`. Where the file should end, it does; elsewhere the rest is read again.
    fn got_less(&mut self, end: u64, wanted_end: u64) {
        let size = self.likely_size();
        if end == size && size > 0 {
            self.state = State::Reading(End::Reached);
        } else if end < size {
            self.gaps.push_back((end, length_within(u32::MAX, wanted_end - end)));
        } else {
            // Reading continues after the size from STAT, one READ at a time.
            self.next = end;
        }
    }

    fn got_end(&mut self, wire: &mut Wire<'_>, end: End, offset: u64) {
        let size = self.likely_size();
        self.state = State::Reading(match end {
            End::Ahead if offset >= size => End::Reached,
            End::Ahead | End::Reached if offset < size => {
                self.forget_what_came_early(wire.io);
                End::Doubted(0)
            }
            End::AskedAgain(times) if times < DOUBTS => End::Doubted(times),
            End::AskedAgain(_) if self.is_estimated => {
                self.estimate = None;
                End::Reached
            }
            End::AskedAgain(_) => {
                self.outstanding += 1;
                wire.ask(self.sequence, GetTag::FileSystem, &calls::StatFileSystem { path: &self.remote });
                End::Weighed
            }
            End::Ahead | End::Doubted(_) | End::Weighed | End::Reached => end,
        });
    }

    /// Takes the answer to STATVFS. On a file system that stores nothing, such as /sys, STAT's size means nothing: the file ends
    /// where reading it ended.
    pub(super) fn end_weighed(&mut self, outcome: Result<Reply, sftp::Error>) -> Result<Turn, Failure> {
        match outcome {
            Ok(Reply::Statvfs(system)) if system.stores_nothing() => {
                self.attributes.size = None;
                self.state = State::Reading(End::Reached);
                Ok(Turn::MayAsk)
            }
            _ => Err(self.truncated()),
        }
    }

    fn write(&mut self, io: &mut Io, offset: u64, data: &[u8]) -> Result<(), Failure> {
        // A part that was requested twice comes twice.
        let skip = usize::try_from(self.written - offset).unwrap_or(usize::MAX);
        let Some(fresh) = data.get(skip..) else { return Ok(()) };
        let Some(sink) = &mut self.sink else { return Ok(()) };
        sink.write(self.written, fresh, &io.canceller)?;
        self.written += fresh.len() as u64;
        io.reporter.advance(self.sequence, self.written, fresh.len() as u64);
        Ok(())
    }
}
