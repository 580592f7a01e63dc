//! One file on its way from the server.
//!
//! Bytes are written in order only, whatever the order of answers. So the local file is always a beginning of the remote
//! one, and a later run can resume it even after a crash.
//!
//! | state | answer | next state |
//! |---|---|---|
//! | `Opening` | HANDLE | `Resuming` if some bytes exist locally, else `Reading` |
//! | | STATUS | the file fails; if other files are open, it may be opened later |
//! | `Resuming` | DATA equal to the local bytes | `Resuming`, at their end `Reading` |
//! | | other DATA, EOF | `Reading` from the beginning |
//! | `Reading` | DATA | `Reading`; with all of it `Proving` or `Placed` |
//! | | EOF | `Reading`, with another [`End`] |
//! | `Proving` | equal | `Placed` |
//! | | different | the file fails |
//! | any | lost with the last connection | `Opening` |

mod end;
mod receiving;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rustix::io::Errno;

use crate::name::RemotePath;
use crate::sftp::{self, Attributes, Handle, OpenFlags, Reply, calls};
use crate::transfer::connections::handles::Handles;
use crate::transfer::connections::io::{Io, Turn, Wire};
use crate::transfer::connections::pool::ConnectionId;
use crate::transfer::connections::tag::{GetTag, ProofTag, Tag};
use crate::transfer::event::{Event, File, Note};
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::get::end::End;
use crate::transfer::local::{Opened, Place, Replaceable, Sink, Wanted, bytes};
use crate::transfer::mover::Mover;
use crate::transfer::progress::pace::Clock;
use crate::transfer::progress::reporter::{Places, Sequence};
use crate::transfer::proof::comparison::{Compared, Comparison};
use crate::transfer::proof::{Proving, TAIL_BYTES, Verdict};
use crate::transfer::removal::Moved;
use crate::transfer::request::{Direction, Verify};

/// Bytes that must be left of a file before more connections are used for it.
const SPREADING_BYTES: u64 = 16 << 20;

/// How many times a target is decided about again because something new has appeared there.
pub(crate) const MOST_DECISIONS: u32 = 100;

/// Where a download goes.
pub(crate) struct Target {
    /// The place that the user asked for.
    pub(crate) asked: Place,
    /// The place that is written: the same, or one beside a file that stays.
    pub(crate) place: Place,
    /// The existing entry that may be replaced there.
    pub(crate) replaceable: Replaceable,
}

/// One file on its way from the server.
pub(crate) struct Download {
    sequence: Sequence,
    remote: RemotePath,
    /// The source's attributes, without a size that is only an estimate.
    attributes: Attributes,
    /// Where the file may end, if its size is an estimate and reading has not found another end.
    estimate: Option<u64>,
    is_estimated: bool,
    target: Target,
    /// How many times the target was decided about again.
    decisions: u32,
    is_in_tree: bool,
    clock: Clock,
    state: State,
    handles: Handles,
    /// The local file, once it is open.
    sink: Option<Sink>,
    /// The report of the start, once bytes may move.
    started: Option<Arc<File>>,
    /// Where the next READ starts that asks for new bytes.
    next: u64,
    /// All bytes before this are in the sink.
    written: u64,
    /// Parts whose READ came back short, or was lost: offset and length.
    gaps: VecDeque<(u64, u32)>,
    /// Data that came before its turn.
    early: BTreeMap<u64, (ConnectionId, Bytes)>,
    /// Requests without an answer, except OPEN.
    outstanding: usize,
}

enum State {
    /// OPEN was sent.
    Opening,
    /// The end of the existing bytes is compared with the source.
    Resuming(Comparison),
    /// Bytes are fetched.
    Reading(End),
    /// All bytes have arrived, and are compared with the source.
    Proving(Proving),
    /// The file is at its target.
    Placed,
}

impl Download {
    /// Sends OPEN.
    pub(crate) fn begin(
        sequence: Sequence,
        remote: RemotePath,
        attributes: Attributes,
        target: Target,
        is_in_tree: bool,
        wire: &mut Wire<'_>,
    ) -> Download {
        // A file of size 0 may be one whose size shows only when it is read (/proc).
        let told = attributes.size.filter(|&size| size > 0);
        let is_estimated = wire.io.settings.options.estimated_sizes;
        let download = Download {
            sequence,
            remote,
            attributes: Attributes { size: told.filter(|_| !is_estimated), ..attributes },
            estimate: told.filter(|_| is_estimated),
            is_estimated,
            target,
            decisions: 0,
            is_in_tree,
            clock: Clock::default(),
            state: State::Opening,
            handles: Handles::default(),
            sink: None,
            started: None,
            next: 0,
            written: 0,
            gaps: VecDeque::new(),
            early: BTreeMap::new(),
            outstanding: 0,
        };
        download.open(wire);
        download
    }

    fn open(&self, wire: &mut Wire<'_>) {
        let open = calls::Open { path: &self.remote, flags: OpenFlags::READ, attributes: Attributes::default() };
        wire.ask(self.sequence, GetTag::Open, &open);
    }

    /// Takes an answer.
    pub(crate) fn answer(&mut self, wire: &mut Wire<'_>, tag: GetTag, outcome: Result<Reply, sftp::Error>) -> Turn {
        let is_opening = matches!(self.state, State::Opening);
        self.outstanding -= usize::from(tag != GetTag::Open);
        let result = match (tag, outcome) {
            (GetTag::Open, Ok(Reply::Handle(handle))) if is_opening => self.opened(wire, handle),
            (GetTag::Open, Ok(Reply::Handle(handle))) => {
                self.handles.add(wire.connection, handle);
                Ok(Turn::MayAsk)
            }
            // The parts that it would have read are read where the file is open already.
            (GetTag::Open, Err(_)) if !is_opening => Ok(Turn::MayAsk),
            (GetTag::Open, Err(error)) if wire.may_be_crowded(&error) => Ok(Turn::Crowded),
            (GetTag::Open, Err(error)) => Err(self.failure(Act::OpenRemote, error)),
            (GetTag::Open, Ok(_)) => Ok(Turn::Waits),
            (GetTag::Proof(tag), outcome) => self.compared(wire, tag, outcome),
            (GetTag::FileSystem, outcome) => self.end_weighed(outcome),
            (GetTag::Read { offset, length }, outcome) => {
                self.clock.moved(Tag::from(tag).moved_bytes(&outcome), &wire.io.pace);
                self.got(wire, offset, length, outcome)
            }
        };
        self.turn(wire.io, result)
    }

    /// Returns the next activity. If all bytes have arrived, this ends the file.
    fn turn(&mut self, io: &mut Io, result: Result<Turn, Failure>) -> Turn {
        let result = result.and_then(|turn| match turn {
            Turn::MayAsk | Turn::Waits if self.is_here() => self.arrived_whole(io),
            turn => Ok(turn),
        });
        result.unwrap_or_else(|failure| self.fail(io, failure))
    }

    /// Notes that the answer to a request was lost with its connection.
    pub(crate) fn give_back(&mut self, tag: GetTag) {
        self.outstanding -= usize::from(tag != GetTag::Open);
        match (tag, &mut self.state) {
            (GetTag::Proof(ProofTag::Read { offset, length }), State::Resuming(comparison)) => {
                comparison.give_back(offset, length);
            }
            (GetTag::Proof(tag), State::Proving(proving)) => proving.give_back(tag),
            (GetTag::Read { offset, length }, state) => {
                let is_read_again = match state {
                    State::Reading(end) => end.give_back(),
                    _ => true,
                };
                if is_read_again {
                    self.gaps.push_back((offset, length));
                }
            }
            (GetTag::FileSystem, State::Reading(end)) => *end = End::Doubted(0),
            _ => {}
        }
    }

    fn opened(&mut self, wire: &mut Wire<'_>, handle: Handle) -> Result<Turn, Failure> {
        if let Some(sink) = &self.sink {
            // It was open before, on a connection that is lost.
            self.clock.is_ready(Instant::now());
            let may_resume = self.written > 0 && sink.is_comparable();
            self.handles.add(wire.connection, handle);
            match may_resume {
                true => self.state = resuming(self.written),
                false => self.start(wire.io),
            }
            return Ok(Turn::MayAsk);
        }
        let Opened { sink, offset, note, is_complete } = loop {
            match self.wanted(wire.io).open() {
                Err(failure) if failure.lacks_descriptors() && wire.io.has_others => {
                    return Ok(Turn::Crowded);
                }
                Err(failure) => return Err(failure),
                Ok(Some(opened)) => break opened,
                Ok(None) if self.decides_again(wire.io)? => {}
                Ok(None) => return Ok(Turn::Concluded),
            }
        };
        if sink.is_in_place() {
            // From now on, the file at the target is this job's own.
            self.target.replaceable = Replaceable::Anything;
        }
        self.handles.add(wire.connection, handle);
        self.sink = Some(sink);
        if let Some(note) = note {
            wire.io.reporter.tell(self.sequence, Event::Noted(note));
        }
        (self.next, self.written) = (offset, offset);
        if is_complete {
            wire.io.reporter.already_there(self.sequence, offset);
            self.state = State::Reading(End::Reached);
        } else if offset > 0 && !wire.io.settings.options.trusts_sizes {
            self.state = resuming(offset);
        } else {
            self.start(wire.io);
        }
        Ok(Turn::MayAsk)
    }

    fn wanted<'a>(&'a self, io: &'a Io) -> Wanted<'a> {
        Wanted {
            remote: &self.remote,
            attributes: &self.attributes,
            place: &self.target.place,
            replaceable: self.target.replaceable,
            settings: &io.settings,
            canceller: &io.canceller,
        }
    }

    /// Decides again about a target where a new entry has appeared. Returns `false` if the file is not moved, which
    /// was reported.
    fn decides_again(&mut self, io: &mut Io) -> Result<bool, Failure> {
        self.decisions += 1;
        if self.decisions > MOST_DECISIONS {
            return Err(Failure::new(Act::ReplaceLocal, self.shown(), Errno::EXIST));
        }
        match io.choose_place(&self.target.asked, &self.attributes, |_| false) {
            Ok((place, replaceable)) => {
                (self.target.place, self.target.replaceable) = (place, replaceable);
                Ok(true)
            }
            Err(target) => {
                self.handles.clear();
                io.leave_there(self.sequence, target);
                io.reporter.file_left(self.sequence);
                Ok(false)
            }
        }
    }

    /// Begins to read. Reports the start, unless it was reported before a connection was lost.
    fn start(&mut self, io: &mut Io) {
        self.state = State::Reading(End::Ahead);
        if self.started.is_some() {
            return;
        }
        self.clock.is_ready(Instant::now());
        let file = Arc::new(File {
            direction: Direction::Get,
            source: self.remote.as_bytes().to_vec(),
            target: self.shown().to_vec(),
            size: self.attributes.size,
            offset: self.written,
            resumes: io.settings.options.resume,
        });
        self.started = Some(Arc::clone(&file));
        io.reporter.already_there(self.sequence, self.written);
        io.reporter.tell(self.sequence, Event::Started(file));
    }

    /// Takes an answer that compares the source with the local file.
    fn compared(
        &mut self,
        wire: &mut Wire<'_>,
        tag: ProofTag,
        outcome: Result<Reply, sftp::Error>,
    ) -> Result<Turn, Failure> {
        let (Some(sink), io) = (&self.sink, &mut *wire.io) else { return Ok(Turn::Waits) };
        let read = |buffer: &mut [u8], offset: u64| sink.read_at(buffer, offset);
        match (&mut self.state, tag) {
            (State::Resuming(comparison), ProofTag::Read { offset, length }) => {
                match comparison.answer(offset, length, outcome, &read) {
                    Compared::SoFar => {}
                    Compared::Equal => self.start(io),
                    Compared::Differs { .. } | Compared::Ends { .. } => self.start_over(io)?,
                    Compared::Unreadable(error) => return Err(self.failure(Act::ReadRemote, error)),
                }
                Ok(Turn::MayAsk)
            }
            (State::Proving(proving), tag) => {
                let verdict = proving.answer(io, tag, outcome, &read);
                self.weigh(io, verdict)
            }
            // An earlier comparison asked for it, and a READ may have waited for the last such answer.
            _ => Ok(Turn::MayAsk),
        }
    }

    fn weigh(&mut self, io: &mut Io, verdict: Verdict) -> Result<Turn, Failure> {
        match verdict {
            Verdict::Open(turn) => Ok(turn),
            Verdict::Proved(proof) => {
                io.reporter.verified(proof);
                self.place(io)
            }
            Verdict::Differs(cause) => Err(Failure::new(Act::VerifyLocal, self.shown(), cause)),
            Verdict::Ends { at } => Err(Failure::new(Act::VerifyLocal, self.shown(), Cause::Differs { at })),
            Verdict::Unreadable(error) => Err(self.failure(Act::ReadRemote, error)),
            Verdict::LocalError(error) => Err(Failure::new(Act::ReadLocal, self.shown(), error)),
        }
    }

    /// Fetches all of the file, because the existing bytes are not the beginning of the source.
    fn start_over(&mut self, io: &mut Io) -> Result<(), Failure> {
        io.reporter.tell(self.sequence, Event::Noted(Note::StartedOver(self.shown().to_vec())));
        if let Some(sink) = self.sink.take() {
            self.sink = Some(sink.start_over(&self.wanted(io))?);
        }
        if self.started.take().is_some() {
            io.reporter.take_back(self.sequence);
        }
        (self.next, self.written) = (0, 0);
        self.start(io);
        Ok(())
    }

    /// Returns whether all bytes have arrived.
    fn is_here(&self) -> bool {
        matches!(self.state, State::Reading(End::Reached))
            && self.outstanding == 0
            && self.gaps.is_empty()
            && self.early.is_empty()
    }

    /// Proves that the complete file equals its source, if the user wants proof, and moves it to its target.
    fn arrived_whole(&mut self, io: &mut Io) -> Result<Turn, Failure> {
        if self.written < self.attributes.size.unwrap_or(0) {
            // An end was reported, but earlier bytes are missing.
            return Err(self.truncated());
        }
        let is_comparable = self.sink.as_ref().is_some_and(Sink::is_comparable);
        if io.settings.options.verify != Verify::No && self.started.is_some() {
            if is_comparable && self.written > 0 {
                self.state = State::Proving(Proving::begin(io, self.sequence, self.written));
                return Ok(Turn::MayAsk);
            }
            if !is_comparable {
                io.reporter.tell(self.sequence, Event::Noted(Note::NotVerified(self.shown().to_vec())));
            }
        }
        self.place(io)
    }

    fn place(&mut self, io: &mut Io) -> Result<Turn, Failure> {
        // Dropping the handles sends CLOSE, whose answer says nothing about the bytes that were read.
        self.handles.clear();
        if let Some(mut sink) = self.sink.take() {
            while !sink.finish(self.target.replaceable)? {
                if !self.decides_again(io)? {
                    sink.discard();
                    return Ok(Turn::Concluded);
                }
                sink.rename(&self.target.place);
            }
        }
        io.reporter.file_done(self.sequence);
        if let Some(file) = self.started.take() {
            self.state = State::Placed;
            let places = Places { asked: bytes(self.target.asked.shown()), target: self.shown() };
            io.reporter.finished(self.sequence, &file, &places, self.written, self.clock.taken());
        }
        Ok(Turn::Concluded)
    }

    fn fail(&mut self, io: &mut Io, failure: Failure) -> Turn {
        self.forget_what_came_early(io);
        self.handles.clear();
        if let Some(sink) = self.sink.take() {
            sink.discard();
        }
        let failure = match self.is_in_tree {
            true => failure.in_tree(Direction::Get, self.remote.as_bytes(), self.shown()),
            false => failure,
        };
        io.reporter.tell(self.sequence, Event::Failed(failure));
        io.reporter.file_left(self.sequence);
        Turn::Concluded
    }

    fn truncated(&self) -> Failure {
        let expected = self.attributes.size.unwrap_or(0);
        self.failure(Act::ReadRemote, Cause::Truncated { got: self.written, expected })
    }

    fn forget_what_came_early(&mut self, io: &mut Io) {
        self.gaps.clear();
        for (connection, data) in std::mem::take(&mut self.early).into_values() {
            io.pool.release(connection, data.len() as u64);
        }
    }

    fn failure(&self, act: Act, cause: impl Into<Cause>) -> Failure {
        Failure::new(act, self.remote.as_bytes(), cause)
    }

    /// Returns the target as messages show it.
    fn shown(&self) -> &[u8] {
        bytes(self.target.place.shown())
    }

    /// Returns where the file ends according to the server, which may be wrong.
    fn likely_size(&self) -> u64 {
        self.attributes.size.or(self.estimate).unwrap_or(0)
    }
}

impl Mover for Download {
    fn handles(&self) -> &Handles {
        &self.handles
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn arrived(&self) -> u64 {
        self.written
    }

    fn backlog(&self) -> u64 {
        self.likely_size().saturating_sub(self.next)
    }

    fn is_large(&self) -> bool {
        self.backlog() >= SPREADING_BYTES
    }

    fn may_spread(&self) -> bool {
        matches!(self.state, State::Reading(End::Ahead)) && self.is_large()
    }

    fn moved(&self) -> Option<Moved> {
        let State::Placed = self.state else { return None };
        let remote = self.remote.clone();
        Some(match self.target.place {
            Place::Stream { .. } => Moved::Unverifiable(remote),
            Place::Entry { .. } => {
                let modified = self.attributes.times.map(|times| times.modified);
                let length = (!self.is_estimated).then_some(self.written);
                Moved::Fetched { remote, length, modified }
            }
        })
    }

    fn ask(&mut self, wire: &mut Wire<'_>) -> Turn {
        let Some(handle) = self.handles.on(wire.connection) else { return Turn::Waits };
        let turn = match &mut self.state {
            State::Opening | State::Placed => None,
            State::Resuming(comparison) => {
                comparison.ask::<GetTag>(wire, self.sequence, handle).then_some(Turn::MayAsk)
            }
            State::Proving(proving) => proving.ask::<GetTag>(wire, handle),
            State::Reading(_) => return self.read_part(wire),
        };
        self.outstanding += usize::from(turn.is_some());
        turn.unwrap_or(Turn::Waits)
    }

    fn hash_part(&mut self, wire: &mut Wire<'_>) -> Turn {
        let (State::Proving(proving), Some(sink)) = (&mut self.state, &self.sink) else { return Turn::Waits };
        let verdict = proving.hash_part(wire.io, &|buffer: &mut [u8], offset| sink.read_at(buffer, offset));
        let result = self.weigh(wire.io, verdict);
        self.turn(wire.io, result)
    }

    fn spread(&mut self, wire: &mut Wire<'_>) {
        self.open(wire);
    }

    fn open_again(&mut self, wire: &mut Wire<'_>) {
        self.open(wire);
    }

    fn lose(&mut self, connection: ConnectionId) {
        self.handles.lose(connection);
        // The window that counted these bytes has gone with the connection, so they are fetched again.
        for (offset, (_, data)) in self.early.extract_if(.., |_, (on, _)| *on == connection) {
            self.gaps.push_back((offset, length_within(u32::MAX, data.len() as u64)));
        }
    }

    fn resume(&mut self, wire: &mut Wire<'_>) -> Turn {
        self.forget_what_came_early(wire.io);
        self.state = State::Opening;
        self.next = self.written;
        self.open(wire);
        Turn::Waits
    }

    fn interrupt(self: Box<Self>, wire: &mut Wire<'_>) {
        let target = self.target.place.shown().to_owned();
        if let Some(partial) = self.sink.and_then(Sink::interrupt) {
            wire.io.reporter.tell(self.sequence, Event::Noted(Note::Kept { partial, target }));
        }
    }
}

/// Returns the state that compares the end of `written` existing bytes before more are appended.
fn resuming(written: u64) -> State {
    State::Resuming(Comparison::of(written.saturating_sub(TAIL_BYTES)..written))
}

/// Returns as many of `bytes` as one request may ask for.
fn length_within(most: u32, bytes: u64) -> u32 {
    u32::try_from(bytes).map_or(most, |bytes| bytes.min(most))
}
