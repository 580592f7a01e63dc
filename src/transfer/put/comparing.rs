//! What an upload compares: the end of what is there before anything is appended, and all of it once it is sent.

use std::os::unix::fs::FileExt;

use crate::sftp::{self, Reply, StatusCode, calls};
use crate::transfer::connections::io::{Asked, Io, Turn};
use crate::transfer::event::{Event, Note, Proof};
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::local::bytes;
use crate::transfer::proof::hashing::{Hashing, Next};
use crate::transfer::put::{State, Upload};
use crate::transfer::request::Verify;

impl Upload {
    pub(crate) fn ask_to_compare(&mut self, io: &mut Io, at: u64, until: u64) -> Turn {
        let Some(handle) = self.handles.on(io.line) else { return Turn::Waits };
        let (offset, length) = match self.gaps.pop_front() {
            Some(gap) => gap,
            None if at < until => {
                let length = u32::try_from(until - at).unwrap_or(u32::MAX).min(io.read_bytes());
                let at_next = at + u64::from(length);
                self.state = match self.state {
                    State::Verifying { .. } => State::Verifying { at: at_next, until },
                    _ => State::Comparing { at: at_next, until },
                };
                (at, length)
            }
            None => return Turn::Waits,
        };
        self.outstanding += 1;
        let asked = Asked::Verify { offset, length };
        io.ask_for_data(self.sequence, asked, &calls::Read { handle, offset, length });
        Turn::MayAsk
    }

    pub(crate) fn compared(&mut self, io: &mut Io, offset: u64, length: u32, outcome: Result<Reply, sftp::Error>) {
        let (State::Comparing { at, until } | State::Verifying { at, until }) = self.state else { return };
        let verifies = matches!(self.state, State::Verifying { .. });
        let data = match outcome {
            Ok(Reply::Data(data)) => data,
            Err(error) if error.status_code() == Some(StatusCode::PERMISSION_DENIED) && !verifies => {
                // As where it can't be opened for reading.
                return self.append(io, until);
            }
            // What is open for writing too may be unreadable until it is closed.
            Err(error) if verifies && !self.is_written && error.leaves_the_session_alive() => {
                self.only_writes = true;
                self.gaps.clear();
                self.send_end(io);
                return;
            }
            Err(error) if !error.is_eof() => return self.remember(Act::ReadRemote, error),
            _ => bytes::Bytes::new(),
        };
        let mut here = vec![0; data.len()];
        let is_read = self.local.read_exact_at(&mut here, offset).is_ok();
        if verifies && (data.is_empty() || !is_read || here != data) {
            let first = here.iter().zip(&data).position(|(one, other)| one != other).unwrap_or(0);
            let cause = Cause::Differs { at: offset + first as u64 };
            self.differs = true;
            self.failure = Some(Failure::new(Act::VerifyRemote, self.source.remote.as_bytes(), cause));
            return;
        }
        if data.is_empty() || !is_read || here != data {
            let target = self.source.remote.as_bytes().to_vec();
            io.reporter.tell(self.sequence, Event::Noted(Note::StartedOver(target)));
            if self.file.is_some() {
                io.reporter.take_back(self.sequence);
            }
            // Their drop closes them; the next one empties the file.
            self.handles.clear();
            self.gaps.clear();
            self.next = 0;
            return self.open_empty(io);
        }
        if verifies {
            self.compared += data.len() as u64;
            io.reporter.compared(self.sequence, self.next, self.compared);
        }
        // No longer than what was asked for.
        let missing = length - u32::try_from(data.len()).unwrap_or(length);
        if missing > 0 {
            self.gaps.push_back((offset + data.len() as u64, missing));
        } else if at == until && self.gaps.is_empty() && self.outstanding == 0 {
            if verifies {
                self.proof = Some(Proof::ReadBack);
                return self.start(io);
            }
            self.append(io, until);
        }
    }

    /// Goes on behind what is there, which was compared as far as it can be.
    fn append(&mut self, io: &mut Io, from: u64) {
        self.next = from;
        if !self.only_writes {
            return self.start(io);
        }
        if from == self.size {
            // Nothing is left to be written, and to open it for writing could empty it.
            self.is_written = true;
            self.set_attributes(io, None);
            return self.start(io);
        }
        // Their drop closes what was open for reading.
        self.handles.clear();
        self.gaps.clear();
        self.open_to_append(io);
    }

    /// Whether it is to be compared before it is closed, or before it is closed for good.
    pub(crate) fn must_verify(&self, io: &Io) -> bool {
        self.wants_proof(io) && (self.is_written || !self.only_writes)
    }

    /// Whether it was sent and closed, and is to be read back.
    pub(crate) fn is_unread(&self, io: &Io) -> bool {
        let is_closed = self.state == State::Closing && self.failure.is_none() && !self.is_written;
        is_closed && self.only_writes && self.wants_proof(io) && self.file.is_some() && self.next > 0
    }

    fn wants_proof(&self, io: &Io) -> bool {
        io.settings.options.verify != Verify::No && self.proof.is_none()
    }

    /// All is sent: when all of it is confirmed, too, its hashes are compared or it is read back.
    pub(crate) fn begin_to_verify(&mut self, io: &mut Io) -> Turn {
        if self.outstanding > 0 || !self.gaps.is_empty() {
            return Turn::Waits;
        }
        if self.next == 0 {
            self.proof = Some(Proof::ReadBack);
            return Turn::MayAsk;
        }
        io.reporter.compared(self.sequence, self.next, 0);
        io.reporter.say_how_far();
        self.hashing = Hashing::begin(&io.hashes, self.next);
        match self.hashing {
            Some(_) => self.state = State::Hashing,
            None => self.read_back(),
        }
        Turn::MayAsk
    }

    fn read_back(&mut self) {
        (self.hashing, self.compared) = (None, 0);
        self.state = State::Verifying { at: 0, until: self.next };
    }

    pub(crate) fn ask_for_hash(&mut self, io: &mut Io) -> Turn {
        let (Some(handle), Some(hashing)) = (self.handles.on(io.line), &mut self.hashing) else { return Turn::Waits };
        if !std::mem::replace(&mut hashing.is_asked, true) {
            self.outstanding += 1;
            io.ask_for_hash(self.sequence, handle, self.next);
            return Turn::Hashes;
        }
        Turn::Waits
    }

    pub(crate) fn heard_hash(&mut self, io: &mut Io, outcome: Result<Reply, sftp::Error>) {
        let (hash, Some(hashing)) = (io.hashes.heard(outcome), &mut self.hashing) else { return };
        if self.failure.is_some() {
            return;
        }
        match hash.is_some_and(|hash| hashing.heard(hash)) {
            true => self.weigh_hashes(io),
            false => self.read_back(),
        }
    }

    pub(crate) fn has_to_hash(&self) -> bool {
        self.hashing.as_ref().is_some_and(|hashing| hashing.is_asked && hashing.next() == Next::Step)
    }

    fn weigh_hashes(&mut self, io: &mut Io) {
        let Some(Next::Over { algorithm, is_equal }) = self.hashing.as_ref().map(Hashing::next) else { return };
        self.hashing = None;
        if is_equal {
            self.proof = Some(Proof::Hash(algorithm));
            return self.start(io);
        }
        self.differs = true;
        let cause = Cause::DiffersByHash(algorithm);
        self.failure = Some(Failure::new(Act::VerifyRemote, self.source.remote.as_bytes(), cause));
    }

    /// Hashes a part of the source.
    pub(crate) fn hash_part(&mut self, io: &mut Io) -> Turn {
        if let Some(hashing) = self.hashing.as_mut().filter(|hashing| hashing.next() == Next::Step) {
            match hashing.step(&mut io.scratch, |offset, buffer| self.local.read_at(buffer, offset)) {
                Ok(()) => {
                    io.reporter.compared(self.sequence, self.next, hashing.hashed());
                    if hashing.next() == Next::Wait {
                        io.reporter.say_how_far();
                    }
                    self.weigh_hashes(io);
                }
                Err(error) => {
                    self.failure = Some(Failure::new(Act::ReadLocal, bytes(&self.source.shown), error));
                }
            }
        }
        self.turn(io)
    }
}
