//! How an upload compares: the end of the existing bytes before more are appended, and all of the file once it is sent.

use crate::sftp::{self, Reply, StatusCode};
use crate::transfer::connections::io::{Io, Turn, Wire};
use crate::transfer::connections::tag::{ProofTag, PutTag};
use crate::transfer::event::{Event, Note, Proof};
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::proof::comparison::Compared;
use crate::transfer::proof::{Proving, Verdict};
use crate::transfer::put::Upload;
use crate::transfer::put::state::State;

impl Upload {
    /// Sends the next request that compares, if there is one to send.
    pub(super) fn ask_to_compare(&mut self, wire: &mut Wire<'_>) -> Turn {
        let Some(handle) = self.handles.on(wire.connection) else { return Turn::Waits };
        let turn = match &mut self.state {
            State::Comparing(comparison) => {
                comparison.ask::<PutTag>(wire, self.sequence, handle).then_some(Turn::MayAsk)
            }
            State::Proving { proving, .. } => proving.ask::<PutTag>(wire, handle),
            _ => None,
        };
        self.outstanding += usize::from(turn.is_some());
        turn.unwrap_or(Turn::Waits)
    }

    /// Takes an answer that compares.
    pub(super) fn compared(&mut self, wire: &mut Wire<'_>, tag: ProofTag, outcome: Result<Reply, sftp::Error>) {
        let source = &self.source;
        let read = |buffer: &mut [u8], offset: u64| source.read_at(buffer, offset);
        match (&mut self.state, tag) {
            _ if self.failure.is_some() => {}
            (State::Comparing(comparison), ProofTag::Read { offset, length }) => {
                let until = comparison.until();
                match comparison.answer(offset, length, outcome, &read) {
                    Compared::SoFar => {}
                    Compared::Equal => self.append(wire, until),
                    Compared::Differs { .. } | Compared::Ends { .. } => self.send_all(wire),
                    // As where the file can't be opened for reading.
                    Compared::Unreadable(error) if error.status_code() == Some(StatusCode::PERMISSION_DENIED) => {
                        self.append(wire, until);
                    }
                    Compared::Unreadable(error) => self.remember(Act::ReadRemote, error),
                }
            }
            (State::Proving { proving, .. }, tag) => {
                let verdict = proving.answer(wire.io, tag, outcome, &read);
                self.weigh(wire, verdict);
            }
            _ => {}
        }
    }

    pub(super) fn weigh(&mut self, wire: &mut Wire<'_>, verdict: Verdict) {
        let is_closed = matches!(self.state, State::Proving { is_closed: true, .. });
        match verdict {
            Verdict::Open(_) => {}
            Verdict::Proved(proof) => {
                self.proof = Some(proof);
                self.send_end(wire);
            }
            Verdict::Differs(cause) => self.fail(Act::VerifyRemote, cause),
            // Some servers read a file that is open for writing only once it is closed, and some store it only then.
            Verdict::Unreadable(_) | Verdict::Ends { .. } if !is_closed => {
                self.only_writes = true;
                self.send_end(wire);
            }
            Verdict::Ends { at } => self.fail(Act::VerifyRemote, Cause::Differs { at }),
            Verdict::Unreadable(error) => self.remember(Act::ReadRemote, error),
            Verdict::LocalError(error) => {
                self.failure.get_or_insert(Failure::new(Act::ReadLocal, self.source.shown(), error));
            }
        }
    }

    /// The existing bytes are not the beginning of the source: sends all of it.
    fn send_all(&mut self, wire: &mut Wire<'_>) {
        let target = self.plan.remote.as_bytes().to_vec();
        wire.io.reporter.tell(self.sequence, Event::Noted(Note::StartedOver(target)));
        if self.started.is_some() {
            wire.io.reporter.take_back(self.sequence);
        }
        // Dropping them closes them, before the next OPEN empties the file.
        self.handles.clear();
        self.continue_at(0);
        self.open_empty(wire);
    }

    /// Continues after the existing bytes, which were compared as far as possible.
    fn append(&mut self, wire: &mut Wire<'_>, from: u64) {
        self.continue_at(from);
        if !self.only_writes {
            return self.start(wire.io);
        }
        if from == self.source.size() {
            // Nothing is left to send, and an OPEN for writing could empty the file.
            self.start(wire.io);
            self.set_attributes(wire, None);
            self.state = State::Closing { is_closed: false };
            return self.close_all(wire);
        }
        // Dropping them closes the file, which was open for reading.
        self.handles.clear();
        self.open_to_append(wire);
    }

    pub(super) fn begin_to_prove(&mut self, io: &mut Io, is_closed: bool) {
        if self.sent.next() == 0 {
            // Nothing can differ.
            self.proof = Some(Proof::ReadBack);
            return;
        }
        let proving = Proving::begin(io, self.sequence, self.sent.next());
        self.state = State::Proving { proving, is_closed };
    }

    /// Returns whether a partial file is on the server.
    pub(super) fn has_part(&self) -> bool {
        self.landing.is_beside() && !matches!(self.state, State::Placed | State::Withdrawn | State::Arrived)
    }

    /// Returns whether a partial file is on the server that no later run can use: its name is secret, or its bytes are wrong.
    pub(super) fn has_useless_part(&self) -> bool {
        let differs = self
            .failure
            .as_ref()
            .is_some_and(|failure| matches!(failure.cause, Cause::Differs { .. } | Cause::DiffersByHash(_)));
        self.has_part() && (differs || !self.landing.is_known())
    }
}
