//! How an upload sends: part by part, and what ends the file behind the last one.

use std::os::unix::fs::FileExt;

use crate::sftp::{Attributes, Extension, Handle, calls};
use crate::transfer::connections::io::{Asked, Io, Turn};
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::local::bytes;
use crate::transfer::put::{State, Upload, stores_nothing};
use crate::transfer::settings::SPREAD_SPAN;

impl Upload {
    /// Reads the next part and sends it; behind the last one, what ends the file.
    pub(crate) fn send_part(&mut self, io: &mut Io) -> Turn {
        if self.gaps.is_empty() && self.handles.len() > 1 && self.next - self.confirmed() >= SPREAD_SPAN {
            return Turn::Waits;
        }
        let gap = self.gaps.pop_front();
        let (offset, length) = gap.unwrap_or((self.next, io.write_bytes()));
        let mut scratch = std::mem::take(&mut io.scratch);
        scratch.resize(length as usize, 0);
        let turn = match self.read_part(offset, &mut scratch) {
            Ok(0) if self.must_verify(io) => self.begin_to_verify(io),
            Ok(0) if self.may_end(io) => self.send_end(io),
            Ok(0) => Turn::Waits,
            Ok(length) => {
                if gap.is_none() {
                    self.next += length as u64;
                }
                // What is shorter than it was asked for ends the source.
                let ends = gap.is_none() && length < scratch.len();
                self.send_data(io, offset, &scratch[..length], ends)
            }
            Err(failure) => {
                self.failure = Some(failure);
                self.turn(io)
            }
        };
        io.scratch = scratch;
        turn
    }

    fn send_data(&mut self, io: &mut Io, offset: u64, data: &[u8], ends: bool) -> Turn {
        let Some(handle) = self.handles.on(io.line) else { return Turn::Waits };
        // No longer than write_bytes, so it fits.
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        io.ask_for_data(self.sequence, Asked::Write { offset, length }, &calls::Write { handle, offset, data });
        self.unanswered.insert(offset, length);
        self.outstanding += 1;
        // What ends it needs no other turn of the window.
        let is_last = self.may_end(io) && !self.must_verify(io) && (ends || self.has_ended());
        if is_last { self.send_end(io) } else { Turn::MayAsk }
    }

    /// Whether nothing is left of the source.
    fn has_ended(&self) -> bool {
        self.next >= self.size && matches!(self.read_part(self.next, &mut [0]), Ok(0))
    }

    /// Returns whether what ends the file may be sent: when all was answered, or right behind the data, where the server works in the
    /// order of the requests.
    fn may_end(&self, io: &Io) -> bool {
        let may_follow = self.handles.len() == 1 && io.session().keeps_order();
        self.gaps.is_empty() && (may_follow || self.outstanding == 0)
    }

    /// Reads from `offset`. Nothing is the end of the file, where it should be or beyond.
    pub(crate) fn read_part(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Failure> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.local.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::new(Act::ReadLocal, bytes(&self.source.shown), error)),
            }
        }
        let end = offset + filled as u64;
        if filled < buffer.len() && end < self.size && !stores_nothing(&self.local) {
            let cause = Cause::Truncated { got: end, expected: self.size };
            return Err(Failure::new(Act::ReadLocal, bytes(&self.source.shown), cause));
        }
        Ok(filled)
    }

    /// Closes it on each connection; what concerns the whole file is asked once.
    pub(crate) fn send_end(&mut self, io: &mut Io) -> Turn {
        self.state = State::Closing;
        let line = io.line;
        for (number, (on, handle)) in self.handles.take().into_iter().enumerate() {
            io.line = on;
            // What was closed once has its attributes.
            if number == 0 && !self.is_written {
                self.send_attributes(io, &handle);
            }
            io.ask(self.sequence, Asked::Close, &calls::Close { handle });
            self.outstanding += 1;
        }
        io.line = line;
        Turn::Waits
    }

    /// Sets what its attributes shall be, if anything: through a handle that is open for writing, or by its path.
    pub(crate) fn set_attributes(&mut self, io: &mut Io, handle: Option<&Handle>) {
        let preserve = io.settings.options.preserve;
        let kept = self.landing.kept_mode.filter(|_| self.landing.is_beside && io.settings.mode.is_none());
        if preserve || io.settings.mode.is_some() || kept.is_some() {
            let times = preserve.then_some(self.times);
            // What is written in place keeps the mode of what was there, so this does, too.
            let mode = if preserve { self.mode } else { kept.unwrap_or(self.mode) };
            let attributes = Attributes { permissions: Some(mode), times, ..Attributes::default() };
            let (asked, path) = (Asked::SetAttributes, &self.landing.path);
            match handle {
                Some(handle) => io.ask(self.sequence, asked, &calls::Fsetstat { handle, attributes }),
                None => io.ask(self.sequence, asked, &calls::Setstat { path, attributes }),
            };
            self.outstanding += 1;
        }
    }

    /// What is asked of the whole file before it is closed.
    fn send_attributes(&mut self, io: &mut Io, handle: &Handle) {
        self.set_attributes(io, Some(handle));
        if io.settings.options.fsync && io.session().offers(Extension::Fsync) {
            io.ask(self.sequence, Asked::Sync, &calls::Fsync { handle });
            self.outstanding += 1;
        }
        if self.landing.is_beside {
            io.ask(self.sequence, Asked::Size, &calls::Fstat { handle });
            self.outstanding += 1;
        }
    }
}
