//! What an upload compares: the end of what is there before anything is appended, and all of it once it is sent.

use std::os::unix::fs::FileExt;

use super::super::event::{Event, Note};
use super::super::failure::{Act, Cause, Failure};
use super::super::io::{Asked, Io, Turn};
use super::{State, Upload};
use crate::sftp::{self, Reply, StatusCode, calls};

impl Upload {
    pub(super) fn ask_to_compare(&mut self, io: &mut Io, at: u64, until: u64) -> Turn {
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

    pub(super) fn compared(&mut self, io: &mut Io, offset: u64, length: u32, outcome: Result<Reply, sftp::Error>) {
        let (State::Comparing { at, until } | State::Verifying { at, until }) = self.state else { return };
        let verifies = matches!(self.state, State::Verifying { .. });
        let data = match outcome {
            Ok(Reply::Data(data)) => data,
            Err(error) if error.status_code() == Some(StatusCode::PERMISSION_DENIED) && !verifies => {
                // As where it can't be opened for reading.
                self.next = until;
                return self.start(io);
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
                io.reporter.take_back(self.next);
            }
            // Their drop closes them; the next one empties the file.
            self.handles.clear();
            self.gaps.clear();
            self.next = 0;
            return self.open_empty(io);
        }
        // No longer than what was asked for.
        let missing = length - u32::try_from(data.len()).unwrap_or(length);
        if missing > 0 {
            self.gaps.push_back((offset + data.len() as u64, missing));
        } else if at == until && self.gaps.is_empty() && self.outstanding == 0 {
            self.next = until;
            self.is_verified |= verifies;
            self.start(io);
        }
    }

    pub(super) fn must_verify(&self, io: &Io) -> bool {
        io.settings.options.verify && !self.is_verified
    }

    /// All is sent: when all of it is confirmed, too, it is read back.
    pub(super) fn begin_to_verify(&mut self) -> Turn {
        if self.outstanding > 0 || !self.gaps.is_empty() {
            return Turn::Waits;
        }
        self.is_verified = self.next == 0;
        if !self.is_verified {
            self.state = State::Verifying { at: 0, until: self.next };
        }
        Turn::MayAsk
    }
}
