//! What a download compares: the end of what is here before anything is appended, and all of it once it is there.

use bytes::Bytes;

use super::super::event::{Event, Note};
use super::super::failure::{Act, Cause, Failure};
use super::super::io::{Asked, Io, Turn};
use super::super::local::bytes;
use super::{Download, State, length_within};
use crate::sftp::{self, Reply, calls};

impl Download {
    pub(super) fn ask_to_verify(&mut self, io: &mut Io) -> Turn {
        let State::Verifying { at, until } = self.state else { return Turn::Waits };
        let Some(handle) = self.handles.on(io.line) else { return Turn::Waits };
        let (offset, length) = match self.gaps.pop_front() {
            Some(gap) => gap,
            None if at < until => {
                let length = length_within(io.read_bytes(), until - at);
                self.state = State::Verifying { at: at + u64::from(length), until };
                (at, length)
            }
            None => return Turn::Waits,
        };
        self.outstanding += 1;
        io.ask_for_data(self.sequence, Asked::Verify { offset, length }, &calls::Read { handle, offset, length });
        Turn::MayAsk
    }

    /// A part of the source was read once more.
    pub(super) fn verified(
        &mut self,
        io: &mut Io,
        offset: u64,
        length: u32,
        outcome: Result<Reply, sftp::Error>,
    ) -> Result<Turn, Failure> {
        let State::Verifying { at, until } = self.state else { return Ok(Turn::Waits) };
        let data = match outcome {
            Ok(Reply::Data(data)) => data,
            Err(error) if !error.is_eof() => return Err(self.failure(Act::ReadRemote, error)),
            _ => Bytes::new(),
        };
        let difference = self.sink.as_ref().and_then(|sink| sink.difference(offset, &data));
        if data.is_empty() || difference.is_some() {
            let at = difference.unwrap_or(offset);
            return Err(Failure::new(Act::VerifyLocal, bytes(self.place.shown()), Cause::Differs { at }));
        }
        let missing = length - length_within(length, data.len() as u64);
        if missing > 0 {
            self.gaps.push_back((offset + data.len() as u64, missing));
        }
        if at == until && self.gaps.is_empty() && self.outstanding == 0 {
            self.is_verified = true;
            io.reporter.verified();
            self.state = State::Moving;
        }
        Ok(Turn::MayAsk)
    }

    pub(super) fn compared(
        &mut self,
        io: &mut Io,
        offset: u64,
        outcome: Result<Reply, sftp::Error>,
    ) -> Result<Turn, Failure> {
        self.outstanding = 0;
        let State::Comparing { until, .. } = self.state else { return Ok(Turn::Waits) };
        let data = match outcome {
            Ok(Reply::Data(data)) => data,
            Err(error) if !error.is_eof() => return Err(self.failure(Act::ReadRemote, error)),
            // The source ends before what is there.
            _ => Bytes::new(),
        };
        if data.is_empty() || !self.sink.as_ref().is_some_and(|sink| sink.holds(offset, &data)) {
            return self.start_over(io);
        }
        let at = offset + data.len() as u64;
        if at < until {
            self.state = State::Comparing { at, until };
        } else if self.file.is_some() {
            self.state = State::Moving;
        } else {
            self.start(io);
        }
        Ok(Turn::MayAsk)
    }

    pub(super) fn start_over(&mut self, io: &mut Io) -> Result<Turn, Failure> {
        let target = bytes(self.place.shown()).to_vec();
        io.reporter.tell(self.sequence, Event::Noted(Note::StartedOver(target)));
        if let Some(sink) = self.sink.take() {
            self.sink = Some(sink.start_over(&self.wanted(io))?);
        }
        if self.file.is_some() {
            io.reporter.take_back(self.written);
        }
        (self.next, self.written) = (0, 0);
        self.start(io);
        Ok(Turn::MayAsk)
    }
}
