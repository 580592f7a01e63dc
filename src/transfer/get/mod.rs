//! One file on its way from the server: `Opening → Comparing → Moving`, then its place.
//!
//! Bytes are written in their order only, whatever the order of answers, so that what is there is always a beginning of
//! the file and a resume can go on from it, whatever killed us.

mod comparing;
mod receiving;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rustix::io::Errno;

use crate::name::RemotePath;
use crate::sftp::{self, Attributes, Handle, OpenFlags, Reply, calls};
use crate::transfer::connections::handles::Handles;
use crate::transfer::connections::io::{Asked, Io, Turn};
use crate::transfer::connections::pool::LineId;
use crate::transfer::event::{Event, File, Note};
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::local::{Opened, Place, Sink, Standing, Wanted, bytes};
use crate::transfer::progress::pace::Clock;
use crate::transfer::progress::reporter::{Places, Sequence};
use crate::transfer::proof::hashing::Hashing;
use crate::transfer::removal::Moved;
use crate::transfer::request::Verify;

/// How much of what is there is compared before anything is appended to it.
const TAIL_BYTES: u64 = 64 * 1024;

/// How often the server must say that a file ends too early, at one offset, before it is believed.
const DOUBTS: u32 = 2;

/// What must be left of a file before more connections are taken for it.
const SPREADING_BYTES: u64 = 16 << 20;

/// Where a download goes.
pub(crate) struct Target {
    /// Where it was asked for.
    pub(crate) asked: Place,
    /// Where it goes: there, or beside what stays there.
    pub(crate) place: Place,
    /// What it may take the place of.
    pub(crate) standing: Standing,
}

/// How often a target is decided about anew because something came to be there.
pub(crate) const MOST_DECISIONS: u32 = 100;

/// One file on its way from the server.
pub(crate) struct Download {
    sequence: Sequence,
    remote: RemotePath,
    /// Of an estimated size, none.
    attributes: Attributes,
    /// Where the file may end, if its size is an estimate and reading has not found another end.
    estimate: Option<u64>,
    is_estimated: bool,
    asked: Place,
    place: Place,
    standing: Standing,
    /// How often it was decided about anew.
    decisions: u32,
    is_in_tree: bool,
    clock: Clock,
    state: State,
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
    /// Whether it is known to be equal to what is here.
    is_verified: bool,
    /// How much of it was read once more and compared.
    compared: u64,
    /// Its comparison by hashes.
    hashing: Option<Hashing>,
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
    /// Comparing hashes of all of it.
    Hashing,
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
    pub(crate) fn begin(
        sequence: Sequence,
        remote: RemotePath,
        attributes: Attributes,
        target: Target,
        is_in_tree: bool,
        io: &mut Io,
    ) -> Download {
        let Target { asked, place, standing } = target;
        // A file of size 0 may be one of those that only tell when they are read (/proc).
        let told = attributes.size.filter(|&size| size > 0);
        let is_estimate = io.settings.options.estimated_sizes;
        let mut download = Download {
            sequence,
            remote,
            attributes: Attributes { size: told.filter(|_| !is_estimate), ..attributes },
            estimate: told.filter(|_| is_estimate),
            is_estimated: is_estimate,
            asked,
            place,
            standing,
            decisions: 0,
            is_in_tree,
            clock: Clock::default(),
            state: State::Opening,
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
            compared: 0,
            hashing: None,
        };
        download.open(io);
        download
    }

    /// Sends OPEN.
    pub(crate) fn open(&mut self, io: &mut Io) {
        let open = calls::Open { path: &self.remote, flags: OpenFlags::READ, attributes: Attributes::default() };
        io.ask(self.sequence, Asked::Open, &open);
    }

    /// Whether it holds a handle of the server.
    pub(crate) fn is_open(&self) -> bool {
        !self.handles.is_empty()
    }

    /// The connections on which it can ask.
    pub(crate) fn lines(&self) -> impl Iterator<Item = LineId> + '_ {
        self.handles.lines()
    }

    /// The time of its bytes.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Bytes that are written, from the first one on.
    pub(crate) fn arrived(&self) -> u64 {
        self.written
    }

    /// Whether more connections would help: so much is left of it, and that can be written in any order.
    pub(crate) fn may_spread(&self) -> bool {
        self.state == State::Moving && self.end == End::Ahead && self.is_large()
    }

    /// Whether there is so much left of it that more connections pay.
    pub(crate) fn is_large(&self) -> bool {
        self.backlog() >= SPREADING_BYTES
    }

    /// Opens it on one more connection.
    pub(crate) fn spread(&mut self, io: &mut Io) {
        self.open(io);
    }

    /// The answer to a request was lost with its connection.
    pub(crate) fn give_back(&mut self, asked: Asked) {
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
            (Asked::Hash, _) => {
                self.outstanding -= 1;
                self.hashing.iter_mut().for_each(|hashing| hashing.is_asked = false);
            }
            (Asked::FileSystem, _) => self.end = End::Doubted(0),
            _ => {}
        }
    }

    /// A connection was lost, all its answers included.
    pub(crate) fn lose(&mut self, line: LineId) {
        self.handles.lose(line);
        // The account of what waits in memory went with the line; that is fetched again.
        for (offset, (_, data)) in self.early.extract_if(.., |_, (on, _)| *on == line) {
            self.gaps.push_back((offset, length_within(u32::MAX, data.len() as u64)));
        }
    }

    /// Goes on from what is there, on a connection that lives, when none that it had does.
    pub(crate) fn go_on(&mut self, io: &mut Io) {
        self.forget_what_came_early(io);
        self.state = State::Opening;
        self.hashing = None;
        (self.next, self.end) = (self.written, End::Ahead);
        self.open(io);
    }

    /// What was fetched, if it was.
    pub(crate) fn moved(&self) -> Option<Moved> {
        let remote = self.remote.clone();
        self.is_moved.then(|| match self.place {
            Place::Stream { .. } => Moved::Unverifiable(remote),
            Place::Entry { .. } => {
                let modified = self.attributes.times.map(|times| times.modified);
                let length = (!self.is_estimated).then_some(self.written);
                Moved::Fetched { remote, length, modified }
            }
        })
    }

    /// Bytes that are known to come and have not been asked for.
    pub(crate) fn backlog(&self) -> u64 {
        self.likely_size().saturating_sub(self.next)
    }

    /// Where the file ends by what the server said, for sure or not.
    fn likely_size(&self) -> u64 {
        self.attributes.size.or(self.estimate).unwrap_or(0)
    }

    /// Takes an answer.
    pub(crate) fn answer(&mut self, io: &mut Io, asked: Asked, outcome: Result<Reply, sftp::Error>) -> Turn {
        let result = match (asked, outcome) {
            (Asked::Open, Ok(Reply::Handle(handle))) if self.state == State::Opening => self.opened(io, handle),
            (Asked::Open, Ok(Reply::Handle(handle))) => {
                self.handles.add(io.line, handle);
                Ok(Turn::MayAsk)
            }
            // What can't be opened there is asked for where it is open already.
            (Asked::Open, Err(_)) if self.state != State::Opening => Ok(Turn::MayAsk),
            (Asked::Open, Err(error)) if io.may_be_crowded(&error) => Ok(Turn::Crowded),
            (Asked::Open, Err(error)) => Err(self.failure(Act::OpenRemote, error)),
            (Asked::Verify { offset, length }, outcome) if matches!(self.state, State::Verifying { .. }) => {
                self.outstanding -= 1;
                self.verified(io, offset, length, outcome)
            }
            (Asked::Verify { offset, .. }, outcome) => self.compared(io, offset, outcome),
            (Asked::Hash, outcome) => {
                self.outstanding -= 1;
                self.heard_hash(io, outcome)
            }
            (Asked::FileSystem, outcome) => self.weighed(outcome),
            (Asked::Read { offset, length }, outcome) => {
                self.outstanding -= 1;
                self.clock.moved(asked.moved_bytes(&outcome), &io.pace);
                self.got(io, offset, length, outcome)
            }
            _ => Ok(Turn::Waits),
        };
        self.turn(io, result)
    }

    /// What comes next: when all of it is there, its end.
    fn turn(&mut self, io: &mut Io, result: Result<Turn, Failure>) -> Turn {
        let result = result.and_then(|turn| match turn {
            Turn::MayAsk | Turn::Waits if self.is_there() => self.conclude(io),
            turn => Ok(turn),
        });
        result.unwrap_or_else(|failure| self.fail(io, failure))
    }

    /// Sends one more READ, if there is anything to ask for.
    pub(crate) fn ask(&mut self, io: &mut Io) -> Turn {
        let Some(handle) = self.handles.on(io.line) else { return Turn::Waits };
        let next = match self.state {
            State::Opening => None,
            State::Comparing { at, until } if self.outstanding == 0 => {
                self.outstanding = 1;
                let length = length_within(io.read_bytes(), until - at);
                let asked = Asked::Verify { offset: at, length };
                io.ask_for_data(self.sequence, asked, &calls::Read { handle, offset: at, length });
                return Turn::Waits;
            }
            State::Comparing { .. } => None,
            State::Hashing => return self.ask_for_hash(io),
            State::Verifying { .. } => return self.ask_to_verify(io),
            State::Moving => self.next_part(io.read_bytes()),
        };
        let (Some((offset, length)), Some(handle)) = (next, self.handles.on(io.line)) else { return Turn::Waits };
        self.outstanding += 1;
        io.ask_for_data(self.sequence, Asked::Read { offset, length }, &calls::Read { handle, offset, length });
        Turn::MayAsk
    }

    /// Stops before all of it is there; what is there is kept for a resume.
    pub(crate) fn interrupt(self, io: &mut Io) {
        if let Some(partial) = self.sink.and_then(Sink::interrupt) {
            let target = self.place.shown().to_owned();
            io.reporter.tell(self.sequence, Event::Noted(Note::Kept { partial, target }));
        }
    }

    fn opened(&mut self, io: &mut Io, handle: Handle) -> Result<Turn, Failure> {
        if let Some(sink) = &self.sink {
            // It was open before, on a connection that is gone.
            self.clock.is_ready(Instant::now());
            self.handles.add(io.line, handle);
            let is_comparable = sink.is_comparable();
            match self.written {
                written if written > 0 && is_comparable => self.state = comparing(written),
                _ if self.file.is_some() => self.state = State::Moving,
                _ => self.start(io),
            }
            return Ok(Turn::MayAsk);
        }
        let Opened { sink, offset, note, is_complete } = loop {
            match self.wanted(io).open() {
                Err(failure) if failure.is_for_want_of_descriptors() && io.has_others => {
                    return Ok(Turn::Crowded);
                }
                Err(failure) => return Err(failure),
                Ok(Some(opened)) => break opened,
                Ok(None) if self.is_settled_anew(io)? => {}
                Ok(None) => return Ok(Turn::Concluded),
            }
        };
        if sink.is_in_place() {
            // From now on it is ours.
            self.standing = Standing::Anything;
        }
        self.handles.add(io.line, handle);
        self.sink = Some(sink);
        if let Some(note) = note {
            io.reporter.tell(self.sequence, Event::Noted(note));
        }
        (self.next, self.written) = (offset, offset);
        if is_complete {
            io.reporter.already_there(self.sequence, offset);
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
            standing: self.standing,
            settings: &io.settings,
            canceller: &io.canceller,
        }
    }

    /// Something else is in its place than it was decided about: decides anew. Returns whether it still goes anywhere; if it
    /// does not, that was told.
    fn is_settled_anew(&mut self, io: &mut Io) -> Result<bool, Failure> {
        self.decisions += 1;
        if self.decisions > MOST_DECISIONS {
            return Err(Failure::new(Act::ReplaceLocal, bytes(self.place.shown()), Errno::EXIST));
        }
        match io.settle(&self.asked, &self.attributes, |_| false) {
            Ok((place, standing)) => {
                (self.place, self.standing) = (place, standing);
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

    /// Says that bytes are next.
    fn start(&mut self, io: &mut Io) {
        self.state = State::Moving;
        self.clock.is_ready(Instant::now());
        let file = Arc::new(File {
            direction: crate::transfer::Direction::Get,
            source: self.remote.as_bytes().to_vec(),
            target: bytes(self.place.shown()).to_vec(),
            size: self.attributes.size,
            offset: self.written,
            resumes: io.settings.options.resume,
        });
        self.file = Some(Arc::clone(&file));
        io.reporter.already_there(self.sequence, self.written);
        io.reporter.tell(self.sequence, Event::Started(file));
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
        let verifies = io.settings.options.verify != Verify::No;
        if verifies && !self.is_verified && self.written > 0 && is_comparable {
            self.begin_to_verify(io);
            return Ok(Turn::MayAsk);
        }
        if verifies && !self.is_verified && self.file.is_some() && !is_comparable {
            let target = bytes(self.place.shown()).to_vec();
            io.reporter.tell(self.sequence, Event::Noted(Note::NotVerified(target)));
        }
        // Its drop sends CLOSE, whose answer says nothing about what was read.
        self.handles.clear();
        if let Some(mut sink) = self.sink.take() {
            while !sink.finish(self.standing)? {
                if !self.is_settled_anew(io)? {
                    sink.discard();
                    return Ok(Turn::Concluded);
                }
                sink.rename(&self.place);
            }
        }
        io.reporter.file_done(self.sequence);
        if let Some(file) = self.file.take() {
            self.is_moved = true;
            let places = Places { asked: bytes(self.asked.shown()), target: bytes(self.place.shown()) };
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
            true => failure.in_tree(crate::transfer::Direction::Get, self.remote.as_bytes(), bytes(self.place.shown())),
            false => failure,
        };
        io.reporter.tell(self.sequence, Event::Failed(failure));
        io.reporter.file_left(self.sequence);
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
