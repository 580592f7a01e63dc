//! What a download compares: the end of what is here before anything is appended, and all of it once it is there.

use bytes::Bytes;

use crate::sftp::{self, Reply, calls};
use crate::transfer::connections::io::{Asked, Io, Turn};
use crate::transfer::event::{Event, Note, Proof};
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::get::{Download, State, length_within};
use crate::transfer::local::bytes;
use crate::transfer::proof::hashing::{Hashing, Next};

impl Download {
    pub(crate) fn ask_to_verify(&mut self, io: &mut Io) -> Turn {
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
    pub(crate) fn verified(
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
        self.compared += data.len() as u64;
        io.reporter.compared(self.sequence, self.written, self.compared);
        let missing = length - length_within(length, data.len() as u64);
        if missing > 0 {
            self.gaps.push_back((offset + data.len() as u64, missing));
        }
        if at == until && self.gaps.is_empty() && self.outstanding == 0 {
            self.has_proved(io, Proof::ReadBack);
        }
        Ok(Turn::MayAsk)
    }

    fn has_proved(&mut self, io: &mut Io, proof: Proof) {
        self.is_verified = true;
        io.reporter.verified(proof);
        self.state = State::Moving;
    }

    /// All is here: by hashes where the server computes them, else by reading it once more.
    pub(crate) fn begin_to_verify(&mut self, io: &mut Io) {
        io.reporter.compared(self.sequence, self.written, 0);
        io.reporter.say_how_far();
        self.hashing = Hashing::begin(&io.hashes, self.written);
        match self.hashing {
            Some(_) => self.state = State::Hashing,
            None => self.read_again(),
        }
    }

    fn read_again(&mut self) {
        (self.hashing, self.compared) = (None, 0);
        self.state = State::Verifying { at: 0, until: self.written };
    }

    pub(crate) fn ask_for_hash(&mut self, io: &mut Io) -> Turn {
        let (Some(handle), Some(hashing)) = (self.handles.on(io.line), &mut self.hashing) else { return Turn::Waits };
        if !std::mem::replace(&mut hashing.is_asked, true) {
            self.outstanding += 1;
            io.ask_for_hash(self.sequence, handle, self.written);
            return Turn::Hashes;
        }
        Turn::Waits
    }

    pub(crate) fn heard_hash(&mut self, io: &mut Io, outcome: Result<Reply, sftp::Error>) -> Result<Turn, Failure> {
        let (hash, Some(hashing)) = (io.hashes.heard(outcome), &mut self.hashing) else { return Ok(Turn::Waits) };
        if !hash.is_some_and(|hash| hashing.heard(hash)) {
            self.read_again();
            return Ok(Turn::MayAsk);
        }
        self.weigh_hashes(io)
    }

    fn weigh_hashes(&mut self, io: &mut Io) -> Result<Turn, Failure> {
        match self.hashing.as_ref().map(Hashing::next) {
            Some(Next::Step) => Ok(Turn::Hashes),
            Some(Next::Over { algorithm, is_equal: true }) => {
                self.has_proved(io, Proof::Hash(algorithm));
                Ok(Turn::MayAsk)
            }
            Some(Next::Over { algorithm, is_equal: false }) => {
                let cause = Cause::DiffersByHash(algorithm);
                Err(Failure::new(Act::VerifyLocal, bytes(self.place.shown()), cause))
            }
            Some(Next::Wait) | None => Ok(Turn::Waits),
        }
    }

    /// Hashes a part of what is here.
    pub(crate) fn hash_part(&mut self, io: &mut Io) -> Turn {
        let (Some(hashing), Some(sink)) = (&mut self.hashing, &self.sink) else { return Turn::Waits };
        let step = match hashing.next() {
            Next::Step => hashing.step(&mut io.scratch, |offset, buffer| sink.read_at(buffer, offset)),
            _ => Ok(()),
        };
        io.reporter.compared(self.sequence, self.written, hashing.hashed());
        if hashing.next() == Next::Wait {
            io.reporter.say_how_far();
        }
        let result = match step {
            Ok(()) => self.weigh_hashes(io),
            Err(error) => Err(Failure::new(Act::ReadLocal, bytes(self.place.shown()), error)),
        };
        self.turn(io, result)
    }

    pub(crate) fn compared(
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

    pub(crate) fn start_over(&mut self, io: &mut Io) -> Result<Turn, Failure> {
        let target = bytes(self.place.shown()).to_vec();
        io.reporter.tell(self.sequence, Event::Noted(Note::StartedOver(target)));
        if let Some(sink) = self.sink.take() {
            self.sink = Some(sink.start_over(&self.wanted(io))?);
        }
        if self.file.is_some() {
            io.reporter.take_back(self.sequence);
        }
        (self.next, self.written) = (0, 0);
        self.start(io);
        Ok(Turn::MayAsk)
    }
}
