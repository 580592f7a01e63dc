//! One file on its way to the server.
//!
//! Once the last WRITE is sent, the requests that end the file follow without waiting: a server works on one file's requests in
//! their order (draft-ietf-secsh-filexfer-02, section 6).
//!
//! | state | answer | next state |
//! |---|---|---|
//! | `Looking`: a file may exist at the target | no such file | `Opening`; with `-a --atomic` `LookingBeside` |
//! | | attributes | `Opening`, `OpeningToCompare`, `AlreadyThere`, `Left`, or `Looking` for a numbered name |
//! | `LookingBeside`: an earlier run may have left a partial file | attributes | `OpeningToCompare` |
//! | | no such file | `Opening` |
//! | `Opening`, `OpeningToAppend` | HANDLE | `Sending`; `Measuring` where OPEN may empty an existing file |
//! | `Opening` | STATUS, because a file may have appeared | `Looking`, once |
//! | `OpeningToCompare` | HANDLE | `Comparing` |
//! | | STATUS | `OpeningToAppend` |
//! | `Comparing` | equal | `Sending`; `OpeningToAppend` where the handle only reads |
//! | | different | `Opening` |
//! | `Measuring` | as long as before | `Sending` |
//! | | shorter | `StartingOver` |
//! | `Sending` | all WRITEs sent | `Proving` with `--verify`, else `Closing` |
//! | | parts were refused that came over several connections | `StartingOver` |
//! | `StartingOver` | all handles closed | `Opening` |
//! | `Proving` | equal | `Closing` |
//! | | STATUS, before CLOSE | `Closing`, then `OpeningToProve` |
//! | `Closing` | all handles closed | `Arrived`; `Placing` for a partial file; `OpeningToProve` where the handle only wrote |
//! | `OpeningToProve` | HANDLE | `Proving` |
//! | `Placing` | the partial file is at its target | `Placed`, then `Arrived` |
//!
//! A failure keeps the state, waits for the answers in flight, and ends the file. After the last connection of the file
//! was lost, [`Upload::resume`] chooses the next state.

pub(crate) mod directories;
#[cfg(test)]
mod flows;
pub(crate) mod landing;
pub(crate) mod links;
mod looking;
mod opening;
mod placing;
mod proving;
mod sending;
mod sent;
pub(crate) mod source;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use crate::name::RemotePath;
use crate::sftp::{self, Attributes, Extension, Reply, StatusCode, Statvfs, Times, calls};
use crate::transfer::conflict::{Conflict, Version};
use crate::transfer::connections::handles::Handles;
use crate::transfer::connections::io::{Io, Turn, Wire};
use crate::transfer::connections::pool::ConnectionId;
use crate::transfer::connections::tag::PutTag;
use crate::transfer::event::{Event, File, Note, Proof};
use crate::transfer::failure::{Act, Cause, Failure, NO_ROOM_THERE};
use crate::transfer::mover::Mover;
use crate::transfer::plan::PutFile;
use crate::transfer::progress::pace::Clock;
use crate::transfer::progress::reporter::{Places, Sequence};
use crate::transfer::put::landing::{Claim, Landing};
use crate::transfer::put::sent::Sent;
use crate::transfer::put::source::Source;
use crate::transfer::put::state::{Link, State};
use crate::transfer::removal::Moved;
use crate::transfer::request::{Direction, OnConflict, Verify};

pub(crate) use crate::transfer::put::looking::is_complete;

/// Bytes that must be left of a file before more connections are used for it.
const SPREADING_BYTES: u64 = 16 << 20;

/// One file on its way to the server.
pub(crate) struct Upload {
    sequence: Sequence,
    plan: PutFile,
    source: Source,
    /// The permissions that the file gets.
    mode: u32,
    landing: Landing,
    state: State,
    handles: Handles,
    sent: Sent,
    /// True if parts of the file went out over several connections.
    was_spread: bool,
    /// True if the handle that writes never reads, so that the file has to be opened again to be read.
    only_writes: bool,
    /// The way in which the file was found to equal its source.
    proof: Option<Proof>,
    /// The report of the start, once bytes may move.
    started: Option<Arc<File>>,
    clock: Clock,
    /// Requests without an answer that the end of the file waits for.
    outstanding: usize,
    /// The first failure. It decides about the file, even if later requests succeed.
    failure: Option<Failure>,
    /// True if the server was asked for its free space after a failure.
    has_asked_for_room: bool,
}

impl Upload {
    /// Sends the first request.
    pub(crate) fn begin(sequence: Sequence, plan: PutFile, source: Source, wire: &mut Wire<'_>) -> Upload {
        let mode = match &wire.io.settings.mode {
            Some(change) => change.apply(Some(source.mode())).unwrap_or(source.mode()) & 0o7777,
            None => source.mode() & 0o777,
        };
        let mut upload = Upload {
            sequence,
            landing: Landing::at(&plan.remote),
            plan,
            source,
            mode,
            state: State::LookingBeside,
            handles: Handles::default(),
            sent: Sent::default(),
            was_spread: false,
            only_writes: !wire.session().reads_what_it_writes(),
            proof: None,
            started: None,
            clock: Clock::default(),
            outstanding: 0,
            failure: None,
            has_asked_for_room: false,
        };
        upload.send_first(wire);
        upload
    }

    /// Sends the first request: at the beginning, and again if its directory did not exist yet.
    pub(crate) fn send_first(&mut self, wire: &mut Wire<'_>) {
        let options = wire.io.settings.options;
        let has_to_look = options.resume || options.atomic || options.on_conflict != OnConflict::Overwrite;
        match has_to_look && self.landing.claim != Claim::Ours {
            true => self.look(wire),
            false => self.open_empty(wire),
        }
    }

    /// Returns whether a refusal may only mean that the file's directory does not exist yet. A link is followed to its end first.
    pub(crate) fn may_lack_its_directory(&self, tag: PutTag) -> bool {
        let is_following = matches!(&self.state, State::Looking(Link::Following { .. }));
        tag != PutTag::Follow && !is_following && self.is_at_its_beginning()
    }

    /// Returns whether nothing of the file is on the server yet, so that it can be begun again.
    pub(crate) fn is_at_its_beginning(&self) -> bool {
        self.sent.next() == 0 && matches!(self.state, State::Looking(_) | State::LookingBeside | State::Opening(_))
    }

    /// Takes an answer.
    pub(crate) fn answer(&mut self, wire: &mut Wire<'_>, tag: PutTag, outcome: Result<Reply, sftp::Error>) -> Turn {
        self.outstanding -= usize::from(tag.is_awaited());
        match (tag, outcome) {
            (PutTag::Stat, outcome) => self.looked(wire, outcome),
            (PutTag::Follow, outcome) => self.followed(wire, outcome),
            (PutTag::Open, outcome) => {
                if let Some(turn) = self.open_answered(wire, outcome) {
                    return turn;
                }
            }
            (PutTag::Proof(tag), outcome) => self.compared(wire, tag, outcome),
            (PutTag::Write { offset, length }, Ok(_)) => {
                self.clock.moved(length.into(), &wire.io.pace);
                self.sent.confirm(offset);
                wire.io.reporter.advance(self.sequence, self.sent.confirmed(), length.into());
            }
            (PutTag::Write { offset, .. }, Err(error)) => {
                self.sent.fail(offset);
                self.remember(Act::WriteRemote, error);
            }
            (PutTag::SetAttributes, Err(error)) if error.leaves_the_session_alive() => {
                self.attributes_refused(wire.io, error);
            }
            (PutTag::Size, outcome) if matches!(self.state, State::Measuring) => self.measured(wire, outcome),
            (PutTag::Size, Ok(Reply::Attributes(attributes))) => self.check_size(&attributes),
            (PutTag::Place(tag), outcome) => self.place_answered(wire, tag, outcome),
            (PutTag::Withdraw, Ok(_)) => self.state = State::Withdrawn,
            (PutTag::FileSystem, Ok(Reply::Statvfs(system))) => self.heard_of_room(&system),
            (PutTag::Sync, Err(error)) => self.remember(Act::SyncRemote, error),
            // The file is sent again anyway.
            (PutTag::Close, Err(error))
                if matches!(self.state, State::StartingOver) && error.leaves_the_session_alive() => {}
            (PutTag::Close, Err(error)) => self.remember(Act::CloseRemote, error),
            _ => {}
        }
        self.turn(wire)
    }

    /// Returns the next activity, after any answer.
    fn turn(&mut self, wire: &mut Wire<'_>) -> Turn {
        if self.failure.is_none() && !self.waits_for_all_answers() {
            return match &self.state {
                State::Proving { proving, .. } if proving.has_to_hash() => Turn::Hashes,
                _ => Turn::MayAsk,
            };
        }
        if self.outstanding > 0 {
            return Turn::Waits;
        }
        if self.failure.is_some() {
            return self.failed(wire);
        }
        match self.state {
            State::Closing { is_closed: false } if self.has_to_be_read(wire.io) => self.open_to_prove(wire),
            State::Closing { .. } if self.landing.is_beside() && self.started.is_some() => self.place(wire, false),
            State::StartingOver => self.open_empty(wire),
            _ => return self.conclude(wire),
        }
        Turn::Waits
    }

    fn waits_for_all_answers(&self) -> bool {
        match self.state {
            State::Closing { .. } | State::StartingOver | State::Placing(_) | State::Placed => true,
            State::AlreadyThere | State::Left | State::Arrived => true,
            State::Looking(_) | State::LookingBeside | State::Opening(_) | State::OpeningToCompare { .. } => false,
            State::OpeningToAppend(_) | State::OpeningToProve | State::Comparing(_) | State::Measuring => false,
            State::Sending | State::Proving { .. } | State::Withdrawn => false,
        }
    }

    /// Ends a file that has failed, once all answers are in, unless it can be sent in another way.
    fn failed(&mut self, wire: &mut Wire<'_>) -> Turn {
        if self.sent.refused_appending() {
            return self.look_whether_emptied(wire);
        }
        if let Some(turn) = self.retry_in_order(wire) {
            return turn;
        }
        if self.wants_to_know_room(wire) {
            self.has_asked_for_room = true;
            self.outstanding += 1;
            wire.ask(self.sequence, PutTag::FileSystem, &calls::StatFileSystem { path: self.landing.path() });
            return Turn::Waits;
        }
        self.conclude(wire)
    }

    /// Reports that bytes are next, unless that was reported before a connection was lost.
    fn start(&mut self, io: &mut Io) {
        self.state = State::Sending;
        self.clock.is_ready(Instant::now());
        if self.started.is_some() {
            return;
        }
        let offset = self.sent.next();
        let file = Arc::new(File {
            direction: Direction::Put,
            source: self.source.shown().to_vec(),
            target: self.plan.remote.as_bytes().to_vec(),
            size: Some(self.source.size()),
            offset,
            resumes: io.settings.options.resume,
        });
        self.started = Some(Arc::clone(&file));
        io.reporter.already_there(self.sequence, offset);
        io.reporter.tell(self.sequence, Event::Started(file));
    }

    /// Leaves the existing file, and sends nothing.
    fn leave_existing(&mut self, io: &mut Io) {
        io.leave_there(self.sequence, self.plan.remote.as_bytes().to_vec());
        self.state = State::Left;
    }

    /// Leaves the existing file, and goes to a numbered name.
    fn take_next_name(&mut self) {
        self.plan.remote = self.landing.numbering.next(&self.plan.remote);
        self.landing.target = self.plan.remote.clone();
    }

    fn conflict_with(&self, there: &Attributes) -> Conflict {
        let modified = |times: Times| i64::from(times.modified);
        Conflict {
            direction: Direction::Put,
            target: self.plan.remote.as_bytes().to_vec(),
            there: Version { size: there.size, modified: there.times.map(modified) },
            new: Version { size: Some(self.source.size()), modified: Some(modified(self.source.times())) },
        }
    }

    fn wants_proof(&self, io: &Io) -> bool {
        io.settings.options.verify != Verify::No && self.proof.is_none()
    }

    /// Returns whether the file, which was sent and closed, has to be opened again to be proved.
    fn has_to_be_read(&self, io: &Io) -> bool {
        self.only_writes && self.wants_proof(io) && self.started.is_some() && self.sent.next() > 0
    }

    fn check_size(&mut self, there: &Attributes) {
        let expected = self.sent.next();
        if let Some(got) = there.size.filter(|&size| size != expected) {
            self.fail(Act::WriteRemote, Cause::Truncated { got, expected });
        }
    }

    fn attributes_refused(&self, io: &mut Io, error: sftp::Error) {
        let failure = Failure::new(Act::SetOpenAttributes, self.plan.remote.as_bytes(), error);
        let note = match self.landing.existing.is_some() && self.landing.is_beside() && !io.settings.options.preserve {
            true => Note::ModeNotKept(failure),
            false => Note::NotPreserved(failure),
        };
        io.reporter.tell(self.sequence, Event::Noted(note));
    }

    /// Keeps a failure about the target, unless there is one already.
    fn fail(&mut self, act: Act, cause: impl Into<Cause>) {
        self.failure.get_or_insert(Failure::new(act, self.plan.remote.as_bytes(), cause));
    }

    /// Keeps the server's refusal, unless there is a failure already. The end of the session is the more important one.
    fn remember(&mut self, act: Act, error: sftp::Error) {
        let failure = Failure::new(act, self.plan.remote.as_bytes(), error);
        if self.failure.is_none() || failure.is_fatal() {
            self.failure = Some(failure);
        }
    }

    /// Returns whether a full file system may be the reason of a failure: many servers call that just a failure.
    fn wants_to_know_room(&self, wire: &Wire<'_>) -> bool {
        let may_lack_room = self.failure.as_ref().is_some_and(|failure| {
            let is_bare =
                matches!(&failure.cause, Cause::Remote(error) if error.status_code() == Some(StatusCode::FAILURE));
            is_bare && failure.hint.is_none() && matches!(failure.act, Act::WriteRemote | Act::CloseRemote)
        });
        may_lack_room && !self.has_asked_for_room && wire.session().offers(Extension::Statvfs)
    }

    fn heard_of_room(&mut self, system: &Statvfs) {
        let room = system.available_blocks.saturating_mul(system.fragment_size.max(1));
        let size = self.source.size();
        if let Some(failure) = self.failure.as_mut().filter(|_| room < size && !system.stores_nothing()) {
            failure.hint = Some(NO_ROOM_THERE);
        }
    }

    /// Reports the end of the file.
    fn conclude(&mut self, wire: &mut Wire<'_>) -> Turn {
        if let Some(hole) = self.sent.take_hole() {
            self.cut_at(wire, hole);
        }
        // After a failure some handles are still open: dropping them closes them.
        self.handles.clear();
        let reporter = &mut wire.io.reporter;
        if self.failure.is_none() && !matches!(self.state, State::Left) {
            reporter.file_done(self.sequence);
            if let Some(file) = self.started.take() {
                if let Some(proof) = self.proof.filter(|_| self.sent.next() > 0) {
                    reporter.verified(proof);
                }
                let target = self.plan.remote.as_bytes();
                let asked = self.landing.numbering.asked().map_or(target, RemotePath::as_bytes);
                let places = Places { asked, target };
                reporter.finished(self.sequence, &file, &places, self.sent.next(), self.clock.taken());
                self.state = State::Arrived;
            }
            return Turn::Concluded;
        }
        reporter.file_left(self.sequence);
        self.clear_away(wire);
        if let Some(failure) = self.failure.take() {
            wire.io.reporter.tell(self.sequence, Event::Failed(self.plan.failed(failure)));
        }
        Turn::Concluded
    }

    /// Cuts the file at a hole: WRITEs after it may have succeeded, and a resume would take the file for longer than it is.
    fn cut_at(&self, wire: &Wire<'_>, hole: u64) {
        let attributes = Attributes { size: Some(hole), ..Attributes::default() };
        // If the server refuses this, the file stays as sftp(1) would leave it.
        match self.handles.on(wire.connection) {
            Some(handle) => drop(wire.session().submit(&calls::Fsetstat { handle, attributes })),
            None => drop(wire.session().submit(&calls::Setstat { path: self.landing.path(), attributes })),
        }
    }

    /// Notes that the answer to a request was lost with its connection. Returns whether nothing of the file is open or in flight
    /// any more, so that [`Upload::resume`] has to choose the next state.
    pub(crate) fn give_back(&mut self, tag: PutTag) -> bool {
        self.outstanding -= usize::from(tag.is_awaited());
        match (tag, &mut self.state) {
            (PutTag::Open, State::Opening(_) | State::OpeningToAppend(_)) => self.landing.lost_open(),
            (PutTag::Write { offset, length }, _) => self.sent.give_back(offset, length),
            (PutTag::Proof(tag), State::Proving { proving, .. }) => proving.give_back(tag),
            // Its answer on another connection does not end the file: all that ends it is sent again.
            (_, State::Closing { is_closed: false }) => self.state = State::Sending,
            _ => {}
        }
        match tag {
            PutTag::Open => !self.is_past_opening(),
            tag if tag.is_awaited() && self.handles.is_empty() => {
                self.outstanding == 0 || matches!(self.state, State::Sending)
            }
            _ => false,
        }
    }

    /// Removes a partial file that no later run can use, because the job is stopped. REMOVE goes out after all
    /// requests in flight.
    pub(crate) fn withdraw(&self, wire: &mut Wire<'_>) {
        let has_ended = matches!(
            self.state,
            State::Closing { .. } | State::Placing(_) | State::Placed | State::AlreadyThere | State::Left
        );
        if self.has_useless_part() && !has_ended {
            wire.ask(self.sequence, PutTag::Withdraw, &calls::Remove { path: self.landing.path() });
        }
    }
}

impl Mover for Upload {
    fn handles(&self) -> &Handles {
        &self.handles
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn arrived(&self) -> u64 {
        self.sent.confirmed()
    }

    fn backlog(&self) -> u64 {
        self.source.size().saturating_sub(self.sent.next())
    }

    fn is_large(&self) -> bool {
        self.backlog() >= SPREADING_BYTES
    }

    fn may_spread(&self) -> bool {
        matches!(self.state, State::Sending) && self.failure.is_none() && self.is_large()
    }

    fn moved(&self) -> Option<Moved> {
        matches!(self.state, State::Arrived).then(|| Moved::Sent {
            local: self.plan.local.clone(),
            shown: self.plan.shown.clone(),
            remote: self.plan.remote.clone(),
            length: self.sent.next(),
            modified: self.source.times().modified,
        })
    }

    fn ask(&mut self, wire: &mut Wire<'_>) -> Turn {
        if self.failure.is_some() {
            // The last answer may have been lost with another connection of the file.
            return self.turn(wire);
        }
        if self.handles.on(wire.connection).is_none() {
            return Turn::Waits;
        }
        match self.state {
            State::Sending => self.send_part(wire),
            State::Comparing(_) | State::Proving { .. } => self.ask_to_compare(wire),
            _ => Turn::Waits,
        }
    }

    fn hash_part(&mut self, wire: &mut Wire<'_>) -> Turn {
        if let State::Proving { proving, .. } = &mut self.state {
            let source = &self.source;
            let verdict = proving.hash_part(wire.io, &|buffer: &mut [u8], offset| source.read_at(buffer, offset));
            self.weigh(wire, verdict);
        }
        self.turn(wire)
    }

    fn spread(&mut self, wire: &mut Wire<'_>) {
        let (flags, attributes) = (self.writing_on(wire), Attributes::default());
        wire.ask(self.sequence, PutTag::Open, &calls::Open { path: self.landing.path(), flags, attributes });
    }

    fn open_again(&mut self, wire: &mut Wire<'_>) {
        match self.state {
            State::OpeningToProve => self.open_to_prove(wire),
            State::OpeningToCompare { until, .. } => self.open_to_compare(wire, until),
            State::OpeningToAppend(_) => self.open_to_append(wire),
            _ => self.send_first(wire),
        }
    }

    fn lose(&mut self, connection: ConnectionId) {
        self.handles.lose(connection);
    }

    fn resume(&mut self, wire: &mut Wire<'_>) -> Turn {
        if self.failure.is_some() {
            return self.turn(wire);
        }
        self.proof = None;
        self.sent = Sent::continuing(self.sent.confirmed());
        let confirmed = self.sent.next();
        match &self.state {
            State::OpeningToProve | State::Proving { is_closed: true, .. } | State::Closing { is_closed: true } => {
                self.open_to_prove(wire);
            }
            State::OpeningToCompare { until, .. } => self.open_to_compare(wire, *until),
            State::Comparing(comparison) => self.open_to_compare(wire, comparison.until()),
            State::Sending | State::Proving { .. } | State::Closing { .. } if confirmed > 0 => {
                self.open_to_compare(wire, confirmed);
            }
            // The existing bytes were compared, and may have changed since.
            State::Measuring | State::OpeningToAppend(_) => self.open_to_compare(wire, confirmed),
            State::Sending | State::Proving { .. } | State::Closing { .. } | State::StartingOver => {
                self.open_empty(wire);
            }
            // Only this run knows the name, so a file with that name is its own.
            State::Opening(_)
                if self.landing.is_secret() && matches!(self.landing.claim, Claim::NewOrOurs | Claim::Any) =>
            {
                self.landing.claim = Claim::Any;
                self.open_empty(wire);
            }
            State::Looking(_) | State::LookingBeside | State::Opening(_) => self.send_first(wire),
            State::Placing(placing) => self.place(wire, placing.may_be_done_after_loss()),
            State::Placed | State::AlreadyThere | State::Left | State::Withdrawn | State::Arrived => {
                return self.turn(wire);
            }
        }
        Turn::Waits
    }

    fn interrupt(mut self: Box<Self>, wire: &mut Wire<'_>) {
        let confirmed = self.sent.confirmed();
        if confirmed < self.sent.next() && !self.has_useless_part() {
            self.cut_at(wire, confirmed);
        }
        self.handles.clear();
        self.clear_away(wire);
        // A REMOVE was sent, and no answer came: the session may end before the file is removed.
        if self.has_part() && self.landing.claim == Claim::Ours {
            self.report_part(wire);
        }
    }
}

/// Returns whether a file at the target may be replaced without a look at it.
fn may_replace(io: &Io) -> bool {
    io.settings.options.on_conflict == OnConflict::Overwrite
}
