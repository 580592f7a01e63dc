//! One file on its way from the server: `Opening → Comparing → Moving`, then its place.
//!
//! Bytes are written in their order only, whatever the order of answers, so that what is there is always a beginning of
//! the file and a resume can go on from it, whatever killed us.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::event::{Event, File, Note};
use super::failure::{Act, Cause, Failure};
use super::handles::Handles;
use super::io::{Asked, Io, SPREADING_BYTES, Turn, may_be_crowded};
use super::lines::LineId;
use super::local::{Opened, Place, Sink, Wanted, bytes};
use super::removal::Moved;
use super::reporter::Sequence;
use crate::name::RemotePath;
use crate::sftp::{self, Attributes, Handle, OpenFlags, Reply, calls};

/// How much of what is there is compared before anything is appended to it.
const TAIL_BYTES: u64 = 64 * 1024;

/// How often the server must say that a file ends too early, at one offset, before it is believed.
const DOUBTS: u32 = 2;

/// One file on its way from the server.
pub(super) struct Download {
    sequence: Sequence,
    remote: RemotePath,
    attributes: Attributes,
    place: Place,
    is_in_tree: bool,
    began: Instant,
    state: State,
    /// Whether its OPEN was sent once more, when less was open.
    is_second_try: bool,
    handles: Handles,
    sink: Option<Sink>,
    file: Option<Arc<File>>,
    /// Where the next request starts that asks for something new.
    next: u64,
    /// All before this is in the sink.
    written: u64,
    /// Parts that were asked for and not given.
    gaps: VecDeque<(u64, u32)>,
    /// Data that came before its turn.
    early: BTreeMap<u64, (LineId, Bytes)>,
    outstanding: usize,
    end: End,
    /// Whether all of it was fetched, and lies in its place.
    is_moved: bool,
    /// Whether it was read once more and is equal to what is here.
    is_verified: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opening,
    /// Comparing what is there with the source, from `at` to `until`.
    Comparing {
        at: u64,
        until: u64,
    },
    Moving,
    /// Reading the source once more, from `at` to `until`, to compare it with what was fetched.
    Verifying {
        at: u64,
        until: u64,
    },
}

/// What is known of the file's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It lies where STAT said, or beyond.
    Ahead,
    /// The server said that the file ends before what STAT said. It is asked again where the data ends, which was done so
    /// many times.
    Doubted(u32),
    /// Asked there so many times, and not answered.
    AskedAgain(u32),
    /// It does end there, and the server is asked whether sizes mean anything on its file system.
    Weighed,
    /// The server gave all there is.
    Reached,
}

impl Download {
    /// Sends OPEN.
    pub(super) fn begin(
        sequence: Sequence,
        remote: RemotePath,
        attributes: Attributes,
        place: Place,
        is_in_tree: bool,
        io: &mut Io,
    ) -> Download {
        let download = Download {
            sequence,
            remote,
            // A file of size 0 may be one of those that only tell when they are read (/proc).
            attributes: Attributes { size: attributes.size.filter(|&size| size > 0), ..attributes },
            place,
            is_in_tree,
            began: Instant::now(),
            state: State::Opening,
            is_second_try: false,
            handles: Handles::default(),
            sink: None,
            file: None,
            next: 0,
            written: 0,
            gaps: VecDeque::new(),
            early: BTreeMap::new(),
            outstanding: 0,
            end: End::Ahead,
            is_moved: false,
            is_verified: false,
        };
        download.open(io);
        download
    }

    fn open(&self, io: &mut Io) {
        let open = calls::Open { path: &self.remote, flags: OpenFlags::READ, attributes: Attributes::default() };
        io.ask(self.sequence, Asked::Open, &open);
    }

    /// Sends OPEN once more.
    pub(super) fn open_again(&mut self, io: &mut Io) {
        self.is_second_try = true;
        self.open(io);
    }

    /// Whether it holds a handle of the server.
    pub(super) fn is_open(&self) -> bool {
        !self.handles.is_empty()
    }

    /// The connections on which it can ask.
    pub(super) fn lines(&self) -> impl Iterator<Item = LineId> + '_ {
        self.handles.lines()
    }

    /// Whether more connections would help: so much is left of it, and that can be written in any order.
    pub(super) fn may_spread(&self) -> bool {
        self.state == State::Moving && self.end == End::Ahead && self.backlog() >= SPREADING_BYTES
    }

    /// Opens it on one more connection.
    pub(super) fn spread(&self, io: &mut Io) {
        self.open(io);
    }

    /// The answer to a request was lost with its connection.
    pub(super) fn give_back(&mut self, asked: Asked) {
        match (asked, self.end) {
            (Asked::Read { offset, length }, end) => {
                self.outstanding -= 1;
                match end {
                    End::Ahead | End::Reached => self.gaps.push_back((offset, length)),
                    End::AskedAgain(_) => self.end = End::Doubted(0),
                    End::Doubted(_) | End::Weighed => {}
                }
            }
            (Asked::Verify { offset, length }, _) => {
                self.outstanding -= 1;
                self.gaps.push_back((offset, length));
            }
            (Asked::FileSystem, _) => self.end = End::Doubted(0),
            _ => {}
        }
    }

    /// A connection was lost, all its answers included.
    pub(super) fn lose(&mut self, line: LineId) {
        self.handles.lose(line);
        // The account of what waits in memory went with the line; that is fetched again.
        for (offset, (_, data)) in self.early.extract_if(.., |_, (on, _)| *on == line) {
            self.gaps.push_back((offset, length_within(u32::MAX, data.len() as u64)));
        }
    }

    /// Goes on from what is there, on a connection that lives, when none that it had does.
    pub(super) fn go_on(&mut self, io: &mut Io) {
        self.forget_what_came_early(io);
        self.state = State::Opening;
        (self.next, self.end) = (self.written, End::Ahead);
        self.open(io);
    }

    /// What was fetched, if it was.
    pub(super) fn moved(&self) -> Option<Moved> {
        let remote = self.remote.clone();
        self.is_moved.then(|| match self.place {
            Place::Stream { .. } => Moved::Unverifiable(remote),
            Place::Entry { .. } => {
                let modified = self.attributes.times.map(|times| times.modified);
                Moved::Fetched { remote, length: self.written, modified }
            }
        })
    }

    /// Bytes that are known to come and have not been asked for.
    pub(super) fn backlog(&self) -> u64 {
        self.attributes.size.unwrap_or(0).saturating_sub(self.next)
    }

    /// Takes an answer.
    pub(super) fn answer(&mut self, io: &mut Io, asked: Asked, outcome: Result<Reply, sftp::Error>) -> Turn {
        let result = match (asked, outcome) {
            (Asked::Open, Ok(Reply::Handle(handle))) if self.state == State::Opening => self.opened(io, handle),
            (Asked::Open, Ok(Reply::Handle(handle))) => {
                self.handles.add(io.line, handle);
                Ok(Turn::MayAsk)
            }
            // What can't be opened there is asked for where it is open already.
            (Asked::Open, Err(_)) if self.state != State::Opening => Ok(Turn::MayAsk),
            (Asked::Open, Err(error)) if may_be_crowded(&error) && !self.is_second_try => Ok(Turn::Crowded),
            (Asked::Open, Err(error)) => Err(self.failure(Act::OpenRemote, error)),
            (Asked::Verify { offset, length }, outcome) if matches!(self.state, State::Verifying { .. }) => {
                self.outstanding -= 1;
                self.verified(io, offset, length, outcome)
            }
            (Asked::Verify { offset, .. }, outcome) => self.compared(io, offset, outcome),
            (Asked::FileSystem, outcome) => self.weighed(outcome),
            (Asked::Read { offset, length }, outcome) => {
                self.outstanding -= 1;
                self.got(io, offset, length, outcome)
            }
            _ => Ok(Turn::Waits),
        };
        let result = result.and_then(|turn| match turn {
            Turn::MayAsk | Turn::Waits if self.is_there() => self.conclude(io),
            turn => Ok(turn),
        });
        result.unwrap_or_else(|failure| self.fail(io, failure))
    }

    /// Sends one more READ, if there is anything to ask for.
    pub(super) fn ask(&mut self, io: &mut Io) -> Turn {
        let Some(handle) = self.handles.on(io.line) else { return Turn::Waits };
        let next = match self.state {
            State::Opening => None,
            State::Comparing { at, until } if self.outstanding == 0 => {
                self.outstanding = 1;
                let length = length_within(io.settings.read_bytes, until - at);
                let asked = Asked::Verify { offset: at, length };
                io.ask_for_data(self.sequence, asked, &calls::Read { handle, offset: at, length });
                return Turn::Waits;
            }
            State::Comparing { .. } => None,
            State::Verifying { .. } => return self.ask_to_verify(io),
            State::Moving => self.next_part(io.settings.read_bytes),
        };
        let (Some((offset, length)), Some(handle)) = (next, self.handles.on(io.line)) else { return Turn::Waits };
        self.outstanding += 1;
        io.ask_for_data(self.sequence, Asked::Read { offset, length }, &calls::Read { handle, offset, length });
        Turn::MayAsk
    }

    fn ask_to_verify(&mut self, io: &mut Io) -> Turn {
        let State::Verifying { at, until } = self.state else { return Turn::Waits };
        let Some(handle) = self.handles.on(io.line) else { return Turn::Waits };
        let (offset, length) = match self.gaps.pop_front() {
            Some(gap) => gap,
            None if at < until => {
                let length = length_within(io.settings.read_bytes, until - at);
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
    fn verified(
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

    /// Stops before all of it is there; what is there is kept for a resume.
    pub(super) fn interrupt(self, io: &mut Io) {
        if let Some(partial) = self.sink.and_then(Sink::interrupt) {
            let target = self.place.shown().to_owned();
            io.reporter.tell(self.sequence, Event::Noted(Note::Kept { partial, target }));
        }
    }

    fn opened(&mut self, io: &mut Io, handle: Handle) -> Result<Turn, Failure> {
        if let Some(sink) = &self.sink {
            // It was open before, on a connection that is gone.
            self.handles.add(io.line, handle);
            let is_comparable = sink.is_comparable();
            match self.written {
                written if written > 0 && is_comparable => self.state = comparing(written),
                _ if self.file.is_some() => self.state = State::Moving,
                _ => self.start(io),
            }
            return Ok(Turn::MayAsk);
        }
        let Opened { sink, offset, note, is_complete } = match self.wanted(io).open() {
            Err(failure) if failure.is_for_want_of_descriptors() && !self.is_second_try => return Ok(Turn::Crowded),
            opened => opened?,
        };
        self.handles.add(io.line, handle);
        self.sink = Some(sink);
        if let Some(note) = note {
            io.reporter.tell(self.sequence, Event::Noted(note));
        }
        (self.next, self.written) = (offset, offset);
        if is_complete {
            io.reporter.already_there(offset);
            self.end = End::Reached;
            self.state = State::Moving;
        } else if offset > 0 && !io.settings.options.trusts_sizes {
            self.state = comparing(offset);
        } else {
            self.start(io);
        }
        Ok(Turn::MayAsk)
    }

    fn wanted<'a>(&'a self, io: &'a Io) -> Wanted<'a> {
        Wanted {
            remote: &self.remote,
            attributes: &self.attributes,
            place: &self.place,
            settings: &io.settings,
            canceller: &io.canceller,
        }
    }

    /// Says that bytes are next.
    fn start(&mut self, io: &mut Io) {
        self.state = State::Moving;
        let file = Arc::new(File {
            direction: super::Direction::Get,
            source: self.remote.as_bytes().to_vec(),
            target: bytes(self.place.shown()).to_vec(),
            size: self.attributes.size,
            offset: self.written,
            resumes: io.settings.options.resume,
        });
        self.file = Some(Arc::clone(&file));
        io.reporter.already_there(self.written);
        io.reporter.tell(self.sequence, Event::Started(file));
    }

    fn compared(&mut self, io: &mut Io, offset: u64, outcome: Result<Reply, sftp::Error>) -> Result<Turn, Failure> {
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

    fn start_over(&mut self, io: &mut Io) -> Result<Turn, Failure> {
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

    /// The next part to ask for: offset and length.
    fn next_part(&mut self, read_bytes: u32) -> Option<(u64, u32)> {
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
        let size = self.attributes.size.unwrap_or(0);
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

    fn got(
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

    fn got_data(&mut self, io: &mut Io, offset: u64, length: u32, data: Bytes) -> Result<(), Failure> {
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

    fn write_what_came_early(&mut self, io: &mut Io) -> Result<(), Failure> {
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
    fn got_less(&mut self, end: u64, wanted_end: u64) {
        let size = self.attributes.size.unwrap_or(0);
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

    fn got_end(&mut self, io: &mut Io, offset: u64) {
        let size = self.attributes.size.unwrap_or(0);
        match self.end {
            End::Ahead if offset >= size => self.end = End::Reached,
            End::Ahead | End::Reached if offset < size => {
                self.end = End::Doubted(0);
                self.forget_what_came_early(io);
            }
            End::AskedAgain(times) if times < DOUBTS => self.end = End::Doubted(times),
            End::AskedAgain(_) => {
                self.end = End::Weighed;
                io.ask(self.sequence, Asked::FileSystem, &calls::StatFileSystem { path: &self.remote });
            }
            _ => {}
        }
    }

    /// Where nothing is stored, as in /sys, a size that STAT tells is none, and the end is where reading found it.
    fn weighed(&mut self, outcome: Result<Reply, sftp::Error>) -> Result<Turn, Failure> {
        match outcome {
            Ok(Reply::Statvfs(system)) if system.stores_nothing() => {
                self.attributes.size = None;
                self.end = End::Reached;
                Ok(Turn::MayAsk)
            }
            _ => Err(self.truncated()),
        }
    }

    fn truncated(&self) -> Failure {
        let expected = self.attributes.size.unwrap_or(0);
        self.failure(Act::ReadRemote, Cause::Truncated { got: self.written, expected })
    }

    fn forget_what_came_early(&mut self, io: &mut Io) {
        self.gaps.clear();
        for (line, data) in std::mem::take(&mut self.early).into_values() {
            io.lines.release(line, data.len() as u64);
        }
    }

    fn write(&mut self, io: &mut Io, offset: u64, data: &[u8]) -> Result<(), Failure> {
        // What was asked for twice comes twice.
        let skip = usize::try_from(self.written - offset).unwrap_or(usize::MAX);
        let Some(fresh) = data.get(skip..) else { return Ok(()) };
        let Some(sink) = &mut self.sink else { return Ok(()) };
        sink.write(self.written, fresh, &io.canceller)?;
        self.written += fresh.len() as u64;
        io.reporter.advance(self.sequence, self.written, fresh.len() as u64);
        Ok(())
    }

    fn is_there(&self) -> bool {
        self.state == State::Moving
            && self.end == End::Reached
            && self.outstanding == 0
            && self.gaps.is_empty()
            && self.early.is_empty()
    }

    fn conclude(&mut self, io: &mut Io) -> Result<Turn, Failure> {
        let size = self.attributes.size.unwrap_or(0);
        if self.written < size {
            // An end was seen, but not everything before it: nothing is lost silently.
            return Err(self.truncated());
        }
        let is_comparable = self.file.is_some() && self.sink.as_ref().is_some_and(Sink::is_comparable);
        if io.settings.options.verify && !self.is_verified && self.written > 0 && is_comparable {
            self.state = State::Verifying { at: 0, until: self.written };
            return Ok(Turn::MayAsk);
        }
        // Its drop sends CLOSE, whose answer says nothing about what was read.
        self.handles.clear();
        if let Some(sink) = self.sink.take() {
            sink.finish()?;
        }
        if let Some(file) = self.file.take() {
            self.is_moved = true;
            let finished = Event::Finished { file, length: self.written, elapsed: self.began.elapsed() };
            io.reporter.tell(self.sequence, finished);
        }
        io.reporter.file_done(true);
        Ok(Turn::Concluded)
    }

    fn fail(&mut self, io: &mut Io, failure: Failure) -> Turn {
        self.forget_what_came_early(io);
        self.handles.clear();
        if let Some(sink) = self.sink.take() {
            sink.discard();
        }
        let failure = match self.is_in_tree {
            true => failure.in_tree(super::Direction::Get, self.remote.as_bytes(), bytes(self.place.shown())),
            false => failure,
        };
        io.reporter.tell(self.sequence, Event::Failed(failure));
        io.reporter.file_done(false);
        Turn::Concluded
    }

    fn failure(&self, act: Act, cause: impl Into<Cause>) -> Failure {
        Failure::new(act, self.remote.as_bytes(), cause)
    }
}

/// The end of what is there is compared before anything is appended.
fn comparing(until: u64) -> State {
    State::Comparing { at: until.saturating_sub(TAIL_BYTES), until }
}

/// As much of `bytes` as one request may ask for.
fn length_within(most: u32, bytes: u64) -> u32 {
    u32::try_from(bytes).map_or(most, |bytes| bytes.min(most))
}
