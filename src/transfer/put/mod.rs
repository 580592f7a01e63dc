//! One file on its way to the server: `Asking → Opening → Comparing → Moving → Verifying → Closing → Placing`, as far as it needs them.
//!
//! Once the last WRITE is sent, what ends the file is sent behind it without waiting: a server works on one file's
//! requests in their order (draft-ietf-secsh-filexfer-02, section 6).

mod beginning;
mod comparing;
pub(crate) mod directories;
pub(crate) mod landing;
pub(crate) mod links;
mod placing;
mod sending;

pub(crate) use crate::transfer::put::beginning::is_complete;

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File as LocalFile};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Instant;

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::name::RemotePath;
use crate::sftp::{self, Attributes, Extension, OpenFlags, Reply, StatusCode, Statvfs, Times, calls};
use crate::sticky;
use crate::transfer::connections::handles::Handles;
use crate::transfer::connections::io::{Asked, Io, Turn};
use crate::transfer::connections::pool::LineId;
use crate::transfer::event::{Event, File, Note, Proof};
use crate::transfer::failure::{Act, Cause, Failure, NO_ROOM_THERE};
use crate::transfer::local::bytes;
use crate::transfer::plan::{PutFile, times};
use crate::transfer::progress::pace::Clock;
use crate::transfer::progress::reporter::{Places, Sequence};
use crate::transfer::proof::hashing::Hashing;
use crate::transfer::put::landing::Landing;
use crate::transfer::removal::Moved;
use crate::transfer::request::{OnConflict, Verify};

/// How much of what is there is compared before anything is appended to it.
const TAIL_BYTES: u64 = 64 * 1024;

/// What must be left of a file before more connections are taken for it.
const SPREADING_BYTES: u64 = 64 << 20;

/// One file on its way to the server.
pub(crate) struct Upload {
    sequence: Sequence,
    source: PutFile,
    local: LocalFile,
    size: u64,
    mode: u32,
    times: Times,
    clock: Clock,
    state: State,
    handles: Handles,
    file: Option<Arc<File>>,
    /// Where the next WRITE starts.
    next: u64,
    /// WRITEs under way: offset and length.
    unanswered: BTreeMap<u64, u32>,
    /// Parts that were sent, or asked for, in vain.
    gaps: VecDeque<(u64, u32)>,
    outstanding: usize,
    /// The first thing that went wrong: it decides, whatever goes well after it.
    failure: Option<Failure>,
    /// Where the first WRITE that failed should have gone.
    hole: Option<u64>,
    /// Where the first WRITE to what was there goes, on a server that may not take it.
    continues_at: Option<u64>,
    landing: Landing,
    /// Whether it is not known yet to which file a link leads where it shall be.
    is_following: bool,
    /// What is there, until that is known.
    postponed: Option<Result<Reply, sftp::Error>>,
    /// How it is known to be equal to its source.
    proof: Option<Proof>,
    /// Whether it is known not to be.
    differs: bool,
    /// How much of it was read back and compared.
    compared: u64,
    /// Its comparison by hashes.
    hashing: Option<Hashing>,
    /// Whether all of it was sent, and its CLOSE went well.
    is_moved: bool,
    /// Whether parts of it went over several connections.
    was_spread: bool,
    /// Whether its handle for writing is never read from: what has to be read is opened a second time, for reading.
    only_writes: bool,
    /// Whether it was sent and closed, and is open for reading.
    is_written: bool,
    /// Whether its last OPEN was one for reading and writing.
    asked_for_both: bool,
    /// Whether the server was asked how much room there is, after it took no more.
    has_asked_for_room: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Asking what is there, for a resume or for who wants to keep it.
    Asking,
    /// Asking what an earlier run left beside it.
    AskingBeside,
    /// Opening to read as well, so that what is there can be compared up to `until`.
    OpeningToCompare {
        until: u64,
    },
    Opening,
    Comparing {
        at: u64,
        until: u64,
    },
    /// Asking whether what is there is still there, now that it is open for writing.
    Measuring,
    Moving,
    /// Closing what was sent in vain, to send it again from its beginning.
    ClosingToStartOver,
    /// Opening what was sent and closed, to read it back.
    OpeningToVerify,
    /// Comparing hashes of all of it.
    Hashing,
    /// Reading back what was sent, up to `until`.
    Verifying {
        at: u64,
        until: u64,
    },
    Closing,
    /// Putting it in the place of its target.
    Placing,
    Placed,
}

/// A local file that was opened to be sent.
pub(crate) struct Source {
    local: LocalFile,
    metadata: fs::Metadata,
}

impl Source {
    pub(crate) fn open(plan: &PutFile) -> Result<Source, Failure> {
        // Not blocking: it may have become a FIFO since it was looked at.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = match plan.is_named {
            true => sticky::open_with(&plan.local, flags),
            false => openat(CWD, &plan.local, flags | OFlags::NOFOLLOW, Mode::empty()).map_err(sticky::Error::from),
        };
        let local = LocalFile::from(opened.map_err(|error| Failure::new(Act::OpenLocal, bytes(&plan.shown), error))?);
        let metadata = local.metadata().map_err(|error| Failure::new(Act::StatLocal, bytes(&plan.shown), error))?;
        if !metadata.is_file() {
            return Err(Failure::new(Act::Upload, bytes(&plan.shown), Cause::NotRegular));
        }
        Ok(Source { local, metadata })
    }

    /// Its length.
    pub(crate) fn size(&self) -> u64 {
        self.metadata.len()
    }

    /// Its times, as the protocol has them.
    pub(crate) fn times(&self) -> Times {
        times(&self.metadata)
    }
}

impl Upload {
    /// Sends the first request.
    pub(crate) fn begin(sequence: Sequence, plan: PutFile, source: Source, io: &mut Io) -> Upload {
        let Source { local, metadata } = source;
        let mut upload = Upload {
            sequence,
            local,
            size: metadata.len(),
            mode: match &io.settings.mode {
                Some(change) => change.apply(Some(metadata.mode())).unwrap_or(metadata.mode()) & 0o7777,
                None => metadata.mode() & 0o777,
            },
            times: times(&metadata),
            landing: Landing::at(&plan.remote),
            source: plan,
            clock: Clock::default(),
            state: State::Asking,
            handles: Handles::default(),
            file: None,
            next: 0,
            unanswered: BTreeMap::new(),
            gaps: VecDeque::new(),
            outstanding: 0,
            failure: None,
            hole: None,
            continues_at: None,
            is_following: false,
            postponed: None,
            proof: None,
            differs: false,
            compared: 0,
            hashing: None,
            is_moved: false,
            was_spread: false,
            only_writes: !io.session().reads_what_it_writes(),
            is_written: false,
            asked_for_both: false,
            has_asked_for_room: false,
        };
        upload.send_first(io);
        upload
    }

    /// What was sent, if it was.
    pub(crate) fn moved(&self) -> Option<Moved> {
        self.is_moved.then(|| Moved::Sent {
            local: self.source.local.clone(),
            shown: self.source.shown.clone(),
            remote: self.source.remote.clone(),
            length: self.next,
            modified: self.times.modified,
        })
    }

    /// The time of its bytes.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Bytes that are known to go and have not been sent.
    pub(crate) fn backlog(&self) -> u64 {
        self.size.saturating_sub(self.next)
    }

    /// Sends the first request once more: its directory was not there yet.
    pub(crate) fn send_first(&mut self, io: &mut Io) {
        let options = io.settings.options;
        if options.resume || options.atomic || options.on_conflict != OnConflict::Overwrite {
            self.state = State::Asking;
            self.landing.target = self.source.remote.clone();
            if options.atomic {
                self.ask_for_link(io);
            }
            io.ask(self.sequence, Asked::Stat, &calls::Stat { path: &self.source.remote });
        } else {
            self.open_empty(io);
        }
    }

    /// Sends the first request once more, when nothing else is open or when less is.
    pub(crate) fn open_again(&mut self, io: &mut Io) {
        match self.state {
            State::OpeningToVerify => self.open_to_verify(io),
            State::OpeningToCompare { until } => self.open_to_compare(io, until),
            // What is there was compared.
            State::Opening if self.next > 0 => self.open_to_append(io),
            _ => self.send_first(io),
        }
    }

    /// Whether it holds a handle of the server.
    pub(crate) fn is_open(&self) -> bool {
        !self.handles.is_empty()
    }

    /// The connections on which it can send.
    pub(crate) fn lines(&self) -> impl Iterator<Item = LineId> + '_ {
        self.handles.lines()
    }

    /// Whether more connections would help: so much is left of it.
    pub(crate) fn may_spread(&self) -> bool {
        self.state == State::Moving && self.failure.is_none() && self.is_large()
    }

    /// Whether there is so much left of it that more connections pay.
    pub(crate) fn is_large(&self) -> bool {
        self.backlog() >= SPREADING_BYTES
    }

    /// Opens it on one more connection.
    pub(crate) fn spread(&self, io: &mut Io) {
        let (flags, attributes) = (self.writing_on(io), Attributes::default());
        io.ask(self.sequence, Asked::Open, &calls::Open { path: &self.landing.path, flags, attributes });
    }

    /// The answer to a request was lost with its connection.
    pub(crate) fn give_back(&mut self, asked: Asked) {
        self.outstanding -= usize::from(asked.is_awaited());
        // The file may have been made nevertheless.
        self.landing.may_be_made |= asked == Asked::Open && self.state == State::Opening;
        match asked {
            Asked::Write { offset, length } => {
                self.unanswered.remove(&offset);
                self.gaps.push_back((offset, length));
            }
            Asked::Hash => self.hashing.iter_mut().for_each(|hashing| hashing.is_asked = false),
            _ => {}
        }
    }

    /// A connection was lost, all its answers included.
    pub(crate) fn lose(&mut self, line: LineId) {
        self.handles.lose(line);
    }

    /// Goes on from what the server has confirmed, on a connection that lives, when none that it had does.
    pub(crate) fn go_on(&mut self, io: &mut Io) -> Turn {
        if self.failure.is_some() {
            return self.turn(io);
        }
        self.next = self.confirmed();
        (self.proof, self.hashing) = (None, None);
        self.gaps.clear();
        self.unanswered.clear();
        match self.state {
            _ if self.is_written => self.open_to_verify(io),
            State::OpeningToVerify => self.open_to_verify(io),
            State::OpeningToCompare { until } | State::Comparing { until, .. } => self.open_to_compare(io, until),
            State::Moving | State::Hashing | State::Verifying { .. } | State::Closing if self.next > 0 => {
                self.open_to_compare(io, self.next);
            }
            State::Moving | State::Hashing | State::Verifying { .. } | State::Closing => self.open_empty(io),
            State::ClosingToStartOver => self.open_empty(io),
            // What is there was compared, and may have changed meanwhile.
            State::Measuring => self.open_to_compare(io, self.next),
            State::Opening if self.next > 0 => self.open_to_compare(io, self.next),
            // Nobody else has this name.
            State::Opening if self.landing.is_beside && !self.landing.is_known && self.landing.may_be_made => {
                self.landing.must_be_new = false;
                self.open_empty(io);
            }
            State::Asking | State::AskingBeside | State::Opening => self.send_first(io),
            State::Placing => {
                // It may have been done, and the answer lost.
                self.landing.may_be_placed = true;
                self.place(io);
            }
            State::Placed => return self.turn(io),
        }
        Turn::Waits
    }

    /// All before this was confirmed by the server.
    pub(crate) fn confirmed(&self) -> u64 {
        let gap = self.gaps.iter().map(|(offset, _)| *offset).min();
        let sent = self.unanswered.first_key_value().map(|(offset, _)| *offset);
        [gap, sent].into_iter().flatten().fold(self.next, u64::min)
    }

    fn open_empty(&mut self, io: &mut Io) {
        let flags = self.writing(io) | OpenFlags::CREATE | OpenFlags::TRUNCATE;
        self.open(io, State::Opening, if self.landing.must_be_new { flags | OpenFlags::EXCLUSIVE } else { flags });
    }

    /// Opens what was sent and closed, to read it back.
    fn open_to_verify(&mut self, io: &mut Io) {
        self.state = State::OpeningToVerify;
        let (flags, attributes) = (OpenFlags::READ, Attributes::default());
        io.ask(self.sequence, Asked::Open, &calls::Open { path: &self.landing.path, flags, attributes });
    }

    /// How a target is opened to be written, and to be read back where that was asked for.
    fn writing(&self, io: &Io) -> OpenFlags {
        match io.settings.options.verify {
            Verify::Yes | Verify::ByReading if !self.only_writes => OpenFlags::READ | OpenFlags::WRITE,
            _ => OpenFlags::WRITE,
        }
    }

    /// How a target is opened of which a part exists already.
    fn writing_on(&self, io: &Io) -> OpenFlags {
        match io.session().empties_files() {
            true => OpenFlags::READ | OpenFlags::WRITE,
            false => self.writing(io),
        }
    }

    fn open_to_compare(&mut self, io: &mut Io, until: u64) {
        let flags = if self.only_writes { OpenFlags::READ } else { OpenFlags::READ | OpenFlags::WRITE };
        self.open(io, State::OpeningToCompare { until }, flags);
    }

    /// Opens it to write behind what is there.
    fn open_to_append(&mut self, io: &mut Io) {
        self.open(io, State::Opening, self.writing_on(io));
    }

    /// Returns whether it is not known yet where a link leads that is at its target.
    pub(crate) fn is_following(&self) -> bool {
        self.is_following
    }

    /// Whether nothing of it is on the server yet, so that it can be begun anew.
    pub(crate) fn is_at_its_beginning(&self) -> bool {
        self.next == 0 && matches!(self.state, State::Asking | State::AskingBeside | State::Opening)
    }

    fn open(&mut self, io: &mut Io, state: State, flags: OpenFlags) {
        self.state = state;
        self.asked_for_both = flags.contains(OpenFlags::READ | OpenFlags::WRITE);
        // What takes the place of a private file is never less private than that.
        let kept = self.landing.kept_mode.filter(|_| self.landing.is_beside).unwrap_or(0o777);
        let attributes = Attributes::with_permissions(self.mode & kept & 0o777);
        io.ask(self.sequence, Asked::Open, &calls::Open { path: &self.landing.path, flags, attributes });
    }

    /// Takes an answer.
    pub(crate) fn answer(&mut self, io: &mut Io, asked: Asked, outcome: Result<Reply, sftp::Error>) -> Turn {
        self.outstanding -= usize::from(asked.is_awaited());
        match (asked, outcome) {
            (Asked::Stat, Ok(Reply::Attributes(attributes))) if self.state == State::AskingBeside => {
                self.continue_beside(io, &attributes);
            }
            // If something is there nevertheless the server won't open it.
            (Asked::Stat, Err(_)) if self.state == State::AskingBeside => self.open_empty(io),
            (Asked::Follow, outcome) => self.followed(io, outcome),
            (Asked::Stat, outcome) if self.is_following => self.postponed = Some(outcome),
            (Asked::Stat, outcome) => self.looked(io, outcome),
            (Asked::Open, Ok(Reply::Handle(handle))) => self.opened(io, handle),
            (Asked::Open, Err(error)) if self.may_have_come_meanwhile(io, &error) => {
                self.landing.is_looked_at_again = true;
                self.state = State::Asking;
                io.ask(self.sequence, Asked::Stat, &calls::Stat { path: &self.source.remote });
            }
            // What can't be opened there is sent where it is open already.
            (Asked::Open, Err(_)) if self.is_past_opening() => {}
            (Asked::Open, Err(error)) if self.may_try_again_later() && io.may_be_crowded(&error) => {
                return Turn::Crowded;
            }
            (Asked::Open, Err(error)) => self.not_opened(io, error),
            (Asked::Verify { offset, length }, outcome) => self.compared(io, offset, length, outcome),
            (Asked::Hash, outcome) => self.heard_hash(io, outcome),
            (Asked::Write { offset, length }, Ok(_)) => {
                self.clock.moved(length.into(), &io.pace);
                self.unanswered.remove(&offset);
                io.reporter.advance(self.sequence, self.confirmed(), length.into());
            }
            (Asked::Write { offset, .. }, Err(error)) => {
                self.unanswered.remove(&offset);
                self.hole = Some(self.hole.map_or(offset, |hole| hole.min(offset)));
                self.remember(Act::WriteRemote, error);
            }
            (Asked::SetAttributes, Err(error)) if error.leaves_the_session_alive() => {
                let failure = Failure::new(Act::SetOpenAttributes, self.source.remote.as_bytes(), error);
                let note = match self.landing.replaces && self.landing.is_beside && !io.settings.options.preserve {
                    true => Note::ModeNotKept(failure),
                    false => Note::NotPreserved(failure),
                };
                io.reporter.tell(self.sequence, Event::Noted(note));
            }
            (Asked::Size, outcome) if self.state == State::Measuring => self.measured(io, outcome),
            (Asked::Size, Ok(Reply::Attributes(attributes))) => self.check_size(&attributes),
            (Asked::Replace, Ok(_)) => self.state = State::Placed,
            (Asked::Replace, Err(error)) => self.not_placed(io, error),
            (Asked::Link, outcome) => self.linked(io, outcome),
            (Asked::Unlink, outcome) => self.unlinked(io, outcome),
            (Asked::WhatCame, outcome) => self.looked_what_came(io, outcome),
            (Asked::WhoseIsIt, Ok(Reply::Attributes(there))) => self.looked_whose(io, &there),
            (Asked::WhoseIsIt, Err(error)) => self.remember(Act::ReplaceRemote, error),
            (Asked::Withdraw, outcome) => self.landing.is_withdrawn = outcome.is_ok(),
            (Asked::FileSystem, Ok(Reply::Statvfs(system))) => self.heard_of_room(&system),
            (Asked::Sync, Err(error)) => self.remember(Act::SyncRemote, error),
            (Asked::Close, Err(error))
                if self.state == State::ClosingToStartOver && error.leaves_the_session_alive() => {}
            (Asked::Close, Err(error)) => self.remember(Act::CloseRemote, error),
            _ => {}
        }
        self.turn(io)
    }

    /// Whether nothing is lost if its last OPEN is sent again later.
    fn may_try_again_later(&self) -> bool {
        match self.state {
            State::OpeningToVerify => true,
            State::Opening | State::OpeningToCompare { .. } => !self.asked_for_both,
            _ => false,
        }
    }

    /// What comes next, in whatever state an answer has left it.
    fn turn(&mut self, io: &mut Io) -> Turn {
        let is_over = self.failure.is_some() || self.is_closed_for_good() || self.state == State::ClosingToStartOver;
        match (is_over, self.outstanding) {
            (true, 0) if self.is_unread(io) => {
                self.open_to_verify(io);
                Turn::Waits
            }
            (true, 0) if self.failure.is_none() && self.state == State::Closing && self.wants_its_place() => {
                self.place(io);
                Turn::Waits
            }
            (true, 0) if self.failure.is_none() && self.state == State::ClosingToStartOver => {
                self.open_empty(io);
                Turn::Waits
            }
            (true, 0) if self.hole.is_some() && self.hole == self.continues_at => self.look_whether_emptied(io),
            (true, 0) if self.wants_order() => self.send_in_order(io),
            (true, 0) if self.wants_to_know_room(io) => {
                self.has_asked_for_room = true;
                self.outstanding += 1;
                io.ask(self.sequence, Asked::FileSystem, &calls::StatFileSystem { path: &self.landing.path });
                Turn::Waits
            }
            (true, 0) => self.conclude(io),
            (true, _) => Turn::Waits,
            (false, _) if self.has_to_hash() => Turn::Hashes,
            (false, _) => Turn::MayAsk,
        }
    }

    fn is_closed_for_good(&self) -> bool {
        matches!(self.state, State::Closing | State::Placing | State::Placed)
    }

    /// Whether all of it was written beside its target.
    fn wants_its_place(&self) -> bool {
        self.landing.is_beside && self.file.is_some()
    }

    fn is_past_opening(&self) -> bool {
        match self.state {
            State::Asking | State::AskingBeside | State::OpeningToVerify => false,
            State::OpeningToCompare { .. } | State::Opening | State::Comparing { .. } => false,
            State::Measuring | State::Moving | State::Hashing | State::Verifying { .. } => true,
            State::ClosingToStartOver | State::Closing | State::Placing | State::Placed => true,
        }
    }

    fn check_size(&mut self, there: &Attributes) {
        if let Some(got) = there.size.filter(|&size| size != self.next) {
            let cause = Cause::Truncated { got, expected: self.next };
            self.failure.get_or_insert(Failure::new(Act::WriteRemote, self.source.remote.as_bytes(), cause));
        }
    }

    /// Sends one more request, if there is anything to send.
    pub(crate) fn ask(&mut self, io: &mut Io) -> Turn {
        if self.failure.is_some() {
            return Turn::Waits;
        }
        match self.state {
            State::Comparing { at, until } | State::Verifying { at, until } => self.ask_to_compare(io, at, until),
            State::Moving => self.send_part(io),
            State::Hashing => self.ask_for_hash(io),
            _ => Turn::Waits,
        }
    }

    /// Says that bytes are next, unless that was said before the connection was lost.
    fn start(&mut self, io: &mut Io) {
        self.state = State::Moving;
        self.clock.is_ready(Instant::now());
        if self.file.is_some() {
            return;
        }
        let file = Arc::new(File {
            direction: crate::transfer::Direction::Put,
            source: bytes(&self.source.shown).to_vec(),
            target: self.source.remote.as_bytes().to_vec(),
            size: Some(self.size),
            offset: self.next,
            resumes: io.settings.options.resume,
        });
        self.file = Some(Arc::clone(&file));
        io.reporter.already_there(self.sequence, self.next);
        io.reporter.tell(self.sequence, Event::Started(file));
    }

    /// Only the first failure counts.
    fn remember(&mut self, act: Act, error: sftp::Error) {
        let failure = Failure::new(act, self.source.remote.as_bytes(), error);
        if self.failure.is_none() || failure.is_fatal() {
            self.failure = Some(failure);
        }
    }

    /// Whether it may have failed for want of room, which many servers call just a failure.
    fn wants_to_know_room(&self, io: &Io) -> bool {
        let may_lack_room = self.failure.as_ref().is_some_and(|failure| {
            let is_bare =
                matches!(&failure.cause, Cause::Remote(error) if error.status_code() == Some(StatusCode::FAILURE));
            is_bare && failure.hint.is_none() && matches!(failure.act, Act::WriteRemote | Act::CloseRemote)
        });
        may_lack_room && !self.has_asked_for_room && io.session().offers(Extension::Statvfs)
    }

    fn heard_of_room(&mut self, system: &Statvfs) {
        let room = system.available_blocks.saturating_mul(system.fragment_size.max(1));
        if let Some(failure) = self.failure.as_mut().filter(|_| room < self.size && !system.stores_nothing()) {
            failure.hint = Some(NO_ROOM_THERE);
        }
    }

    /// Returns whether the server refused what came over several connections: perhaps it takes bytes in their order only.
    fn wants_order(&self) -> bool {
        let Some(Failure { act, cause, .. }) = &self.failure else { return false };
        let is_refused = match cause {
            Cause::Remote(error) => error.leaves_the_session_alive(),
            Cause::Truncated { .. } => true,
            _ => false,
        };
        self.was_spread && is_refused && matches!(act, Act::WriteRemote | Act::CloseRemote | Act::SyncRemote)
    }

    /// Sends it again, over one connection, as all others after it.
    fn send_in_order(&mut self, io: &mut Io) -> Turn {
        io.learnt.wants_order();
        let target = self.source.remote.as_bytes().to_vec();
        io.reporter.tell(self.sequence, Event::Noted(Note::SentInOrder(target)));
        self.start_over(io);
        self.turn(io)
    }

    /// Sends it again from its beginning, once all of its handles are closed: a server may store what a handle wrote only when that
    /// is closed, over what came through another one meanwhile.
    fn start_over(&mut self, io: &mut Io) {
        if self.file.is_some() {
            io.reporter.take_back(self.sequence);
        }
        (self.failure, self.hole, self.hashing, self.proof) = (None, None, None, None);
        self.was_spread = false;
        self.gaps.clear();
        self.next = 0;
        self.state = State::ClosingToStartOver;
        self.close_all(io);
    }

    /// Closes it everywhere, and waits for that.
    fn close_all(&mut self, io: &mut Io) {
        let line = io.line;
        for (on, handle) in self.handles.take() {
            io.line = on;
            io.ask(self.sequence, Asked::Close, &calls::Close { handle });
            self.outstanding += 1;
        }
        io.line = line;
    }

    /// Nothing can be written behind what was there. A server that takes files from their beginning only may have emptied it.
    fn look_whether_emptied(&mut self, io: &mut Io) -> Turn {
        self.next = self.continues_at.take().unwrap_or_default();
        self.state = State::Measuring;
        self.close_all(io);
        self.outstanding += 1;
        io.ask(self.sequence, Asked::Size, &calls::Stat { path: &self.landing.path });
        Turn::Waits
    }

    /// The size of what is to be continued is known, unless the server does not tell.
    fn measured(&mut self, io: &mut Io, outcome: Result<Reply, sftp::Error>) {
        match outcome {
            Ok(Reply::Attributes(there)) if there.size.is_some_and(|size| size < self.next) => {
                let target = self.source.remote.as_bytes().to_vec();
                io.reporter.tell(self.sequence, Event::Noted(Note::Emptied(target)));
                self.start_over(io);
            }
            _ if self.failure.is_none() => self.start(io),
            _ => {}
        }
    }

    fn conclude(&mut self, io: &mut Io) -> Turn {
        if let Some(hole) = self.hole.take() {
            self.cut_at(io, hole);
        }
        // Their drop closes what is open after a failure.
        self.handles.clear();
        let file = self.file.take().filter(|_| !self.landing.is_passed_over);
        if self.failure.is_some() || self.landing.is_passed_over {
            io.reporter.file_left(self.sequence);
            self.clear_away(io);
        } else {
            io.reporter.file_done(self.sequence);
        }
        match (self.failure.take(), file) {
            (Some(failure), _) => io.reporter.tell(self.sequence, Event::Failed(self.source.failed(failure))),
            (None, Some(file)) => {
                self.is_moved = true;
                if let Some(proof) = self.proof.filter(|_| self.next > 0) {
                    io.reporter.verified(proof);
                }
                let target = self.source.remote.as_bytes();
                let asked = self.landing.numbering.asked().map_or(target, RemotePath::as_bytes);
                let places = Places { asked, target };
                io.reporter.finished(self.sequence, &file, &places, self.next, self.clock.taken());
            }
            (None, None) => {}
        }
        Turn::Concluded
    }

    /// Later WRITEs may have gone well. A file with a hole would look to a resume as if it were further than it is.
    fn cut_at(&self, io: &Io, hole: u64) {
        let attributes = Attributes { size: Some(hole), ..Attributes::default() };
        // A server that does not do it leaves what sftp(1) would leave.
        match self.handles.on(io.line) {
            Some(handle) => drop(io.session().submit(&calls::Fsetstat { handle, attributes })),
            None => drop(io.session().submit(&calls::Setstat { path: &self.landing.path, attributes })),
        }
    }
}

/// Whether what is there may be replaced without a look at it.
fn may_replace(io: &Io) -> bool {
    io.settings.options.on_conflict == OnConflict::Overwrite
}

/// Whether a file lies where nothing is stored, as in /sys: the size that such a file tells is none.
fn stores_nothing(file: &LocalFile) -> bool {
    rustix::fs::fstatvfs(file).is_ok_and(|system| {
        let (block_size, blocks, files) = (system.f_bsize, system.f_blocks, system.f_files);
        Statvfs { block_size, blocks, files, ..Statvfs::default() }.stores_nothing()
    })
}
