//! How an upload sends its bytes, part by part, and the requests that end the file after the last part.

use crate::sftp::{Attributes, Extension, Handle, calls};
use crate::transfer::connections::io::{Io, Turn, Wire};
use crate::transfer::connections::tag::PutTag;
use crate::transfer::event::{Event, Note};
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::put::Upload;
use crate::transfer::put::sent::Sent;
use crate::transfer::put::state::State;
use crate::transfer::settings::SPREAD_SPAN;

impl Upload {
    /// Reads the next part and sends it; after the last one, sends the requests that end the file.
    pub(super) fn send_part(&mut self, wire: &mut Wire<'_>) -> Turn {
        let in_flight = self.sent.next() - self.sent.confirmed();
        if !self.sent.has_gaps() && self.handles.len() > 1 && in_flight >= SPREAD_SPAN {
            return Turn::Waits;
        }
        let (offset, length, was_sent) = self.sent.next_part(wire.write_bytes());
        let mut scratch = std::mem::take(&mut wire.io.scratch);
        scratch.resize(length as usize, 0);
        let turn = match self.source.read_part(offset, &mut scratch) {
            Ok(0) if self.must_prove(wire.io) => self.prove_when_confirmed(wire.io),
            Ok(0) if self.may_end(wire) => {
                self.send_end(wire);
                Turn::Waits
            }
            Ok(0) => Turn::Waits,
            Ok(length) => {
                // A part that is shorter than requested ends the source.
                let ends = !was_sent && length < scratch.len();
                self.send_data(wire, offset, &scratch[..length], ends)
            }
            Err(failure) => {
                self.failure = Some(failure);
                self.turn(wire)
            }
        };
        wire.io.scratch = scratch;
        turn
    }

    fn send_data(&mut self, wire: &mut Wire<'_>, offset: u64, data: &[u8], ends: bool) -> Turn {
        let Some(handle) = self.handles.on(wire.connection) else { return Turn::Waits };
        // No longer than write_bytes, so it fits.
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        wire.ask_for_data(self.sequence, PutTag::Write { offset, length }, &calls::Write { handle, offset, data });
        self.sent.issue(offset, length);
        self.outstanding += 1;
        // The requests that end the file need no other turn of the window.
        let is_last = self.may_end(wire) && !self.must_prove(wire.io) && (ends || self.is_sent());
        if is_last {
            self.send_end(wire);
            return Turn::Waits;
        }
        Turn::MayAsk
    }

    /// Returns whether the file is to be proved before it is closed.
    fn must_prove(&self, io: &Io) -> bool {
        self.wants_proof(io) && !self.only_writes
    }

    /// All bytes are sent. Once they are confirmed, begins the proof.
    fn prove_when_confirmed(&mut self, io: &mut Io) -> Turn {
        if self.outstanding > 0 || self.sent.has_gaps() {
            return Turn::Waits;
        }
        self.begin_to_prove(io, false);
        Turn::MayAsk
    }

    /// Returns whether all of the source was sent.
    fn is_sent(&self) -> bool {
        let at = self.sent.next();
        at >= self.source.size() && matches!(self.source.read_part(at, &mut [0]), Ok(0))
    }

    /// Returns whether the requests that end the file may be sent: after all answers, or right after the data if the server keeps
    /// the order of requests.
    fn may_end(&self, wire: &Wire<'_>) -> bool {
        let may_follow = self.handles.len() == 1 && wire.session().keeps_order();
        !self.sent.has_gaps() && (may_follow || self.outstanding == 0)
    }

    /// Sends the requests that end the file. Those about the whole file go out once; CLOSE goes out on each connection.
    pub(super) fn send_end(&mut self, wire: &mut Wire<'_>) {
        // A file that was closed before has its attributes.
        let is_closed = matches!(self.state, State::Proving { is_closed: true, .. });
        self.state = State::Closing { is_closed };
        for (number, (connection, handle)) in self.handles.take().into_iter().enumerate() {
            let mut wire = wire.on(connection);
            if number == 0 && !is_closed {
                self.finish_contents(&mut wire, &handle);
            }
            wire.ask(self.sequence, PutTag::Close, &calls::Close { handle });
            self.outstanding += 1;
        }
    }

    /// Closes all handles.
    pub(super) fn close_all(&mut self, wire: &mut Wire<'_>) {
        for (connection, handle) in self.handles.take() {
            wire.on(connection).ask(self.sequence, PutTag::Close, &calls::Close { handle });
            self.outstanding += 1;
        }
    }

    /// Sets permissions and times, if they have to be set: through a handle that writes, or by the path.
    pub(super) fn set_attributes(&mut self, wire: &mut Wire<'_>, handle: Option<&Handle>) {
        let (preserve, changes_mode) = (wire.io.settings.options.preserve, wire.io.settings.mode.is_some());
        let kept = self.landing.kept_mode().filter(|_| !changes_mode);
        if !preserve && !changes_mode && kept.is_none() {
            return;
        }
        let times = preserve.then_some(self.source.times());
        // A file that is written in place keeps its mode, so a file that replaces one does too.
        let mode = if preserve { self.mode } else { kept.unwrap_or(self.mode) };
        let attributes = Attributes { permissions: Some(mode), times, ..Attributes::default() };
        let (tag, path) = (PutTag::SetAttributes, self.landing.path());
        match handle {
            Some(handle) => wire.ask(self.sequence, tag, &calls::Fsetstat { handle, attributes }),
            None => wire.ask(self.sequence, tag, &calls::Setstat { path, attributes }),
        }
        self.outstanding += 1;
    }

    /// Sends the requests about the whole file, before its CLOSE.
    fn finish_contents(&mut self, wire: &mut Wire<'_>, handle: &Handle) {
        self.set_attributes(wire, Some(handle));
        if wire.io.settings.options.fsync && wire.session().offers(Extension::Fsync) {
            wire.ask(self.sequence, PutTag::Sync, &calls::Fsync { handle });
            self.outstanding += 1;
        }
        if self.landing.is_beside() {
            wire.ask(self.sequence, PutTag::Size, &calls::Fstat { handle });
            self.outstanding += 1;
        }
    }

    /// Returns whether the server refused parts that came over several connections: perhaps it takes bytes only in order.
    fn wants_order(&self) -> bool {
        let Some(Failure { act, cause, .. }) = &self.failure else { return false };
        let is_refused = match cause {
            Cause::Remote(error) => error.leaves_the_session_alive(),
            Cause::Truncated { .. } => true,
            _ => false,
        };
        self.was_spread && is_refused && matches!(act, Act::WriteRemote | Act::CloseRemote | Act::SyncRemote)
    }

    /// Sends the file again over one connection, and all later files too, if the server refused parts that came over several.
    /// Returns the next activity in that case.
    pub(super) fn retry_in_order(&mut self, wire: &mut Wire<'_>) -> Option<Turn> {
        if !self.wants_order() {
            return None;
        }
        wire.io.learnt.wants_order();
        let target = self.plan.remote.as_bytes().to_vec();
        wire.io.reporter.tell(self.sequence, Event::Noted(Note::SentInOrder(target)));
        self.start_over(wire);
        Some(self.turn(wire))
    }

    /// Sends the file again from its beginning, once all handles are closed: a server may store the bytes of a handle only when it
    /// is closed, over those that came through another handle in the meantime.
    pub(super) fn start_over(&mut self, wire: &mut Wire<'_>) {
        if self.started.is_some() {
            wire.io.reporter.take_back(self.sequence);
        }
        self.failure = None;
        self.proof = None;
        self.was_spread = false;
        self.sent = Sent::default();
        self.state = State::StartingOver;
        self.close_all(wire);
    }
}
