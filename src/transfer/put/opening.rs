//! How an upload opens its file: empty, to compare and continue it, to append to it, or to read it again.

use crate::sftp::{self, Attributes, Handle, OpenFlags, Reply, StatusCode, calls};
use crate::transfer::connections::io::{Io, Turn, Wire};
use crate::transfer::connections::tag::PutTag;
use crate::transfer::event::{Event, Note};
use crate::transfer::failure::{Act, WITHOUT_ATOMIC};
use crate::transfer::proof::TAIL_BYTES;
use crate::transfer::proof::comparison::Comparison;
use crate::transfer::put::landing::Claim;
use crate::transfer::put::sent::Sent;
use crate::transfer::put::state::{Access, State};
use crate::transfer::put::{SPREADING_BYTES, Upload, may_replace};
use crate::transfer::request::Verify;
use crate::transfer::settings::SPREAD_SPAN;

impl Upload {
    /// Opens an empty file.
    pub(super) fn open_empty(&mut self, wire: &mut Wire<'_>) {
        let flags = self.writing(wire.io) | OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let flags = if self.landing.must_be_new() { flags | OpenFlags::EXCLUSIVE } else { flags };
        self.state = State::Opening(access(flags));
        self.open(wire, flags);
    }

    /// Opens the file to compare its end, before `until`, and to continue there.
    pub(super) fn open_to_compare(&mut self, wire: &mut Wire<'_>, until: u64) {
        let flags = if self.only_writes { OpenFlags::READ } else { OpenFlags::READ | OpenFlags::WRITE };
        self.state = State::OpeningToCompare { until, access: access(flags) };
        self.open(wire, flags);
    }

    /// Opens the file to write after its existing bytes.
    pub(super) fn open_to_append(&mut self, wire: &mut Wire<'_>) {
        let flags = self.writing_on(wire);
        self.state = State::OpeningToAppend(access(flags));
        self.open(wire, flags);
    }

    /// Opens a file that was sent and closed, to read it again.
    pub(super) fn open_to_prove(&mut self, wire: &mut Wire<'_>) {
        self.state = State::OpeningToProve;
        self.open(wire, OpenFlags::READ);
    }

    fn open(&self, wire: &mut Wire<'_>, flags: OpenFlags) {
        // A file that replaces a private one is never less private.
        let kept = self.landing.kept_mode().unwrap_or(0o777);
        let attributes = match flags == OpenFlags::READ {
            true => Attributes::default(),
            false => Attributes::with_permissions(self.mode & kept & 0o777),
        };
        wire.ask(self.sequence, PutTag::Open, &calls::Open { path: self.landing.path(), flags, attributes });
    }

    /// Returns the flags to write the file with, and to read it if the user wants proof.
    fn writing(&self, io: &Io) -> OpenFlags {
        match io.settings.options.verify {
            Verify::Yes | Verify::ByReading if !self.only_writes => OpenFlags::READ | OpenFlags::WRITE,
            _ => OpenFlags::WRITE,
        }
    }

    /// Returns the flags to write to a file of which a part exists already.
    pub(super) fn writing_on(&self, wire: &Wire<'_>) -> OpenFlags {
        match wire.session().empties_files() {
            true => OpenFlags::READ | OpenFlags::WRITE,
            false => self.writing(wire.io),
        }
    }

    /// The first bytes exist already and are right: only the rest is sent.
    pub(super) fn continue_at(&mut self, existing: u64) {
        self.sent = Sent::continuing(existing);
    }

    /// Takes the answer to an OPEN. Returns the next activity, unless it depends on the new state alone.
    pub(super) fn open_answered(&mut self, wire: &mut Wire<'_>, outcome: Result<Reply, sftp::Error>) -> Option<Turn> {
        match outcome {
            Ok(Reply::Handle(handle)) => self.opened(wire, handle),
            Err(error) if self.may_have_appeared(wire.io, &error) => self.look_again(wire),
            // The parts that would have gone there go where the file is open already.
            Err(_) if self.is_past_opening() => {}
            Err(error) if self.may_try_again_later() && wire.may_be_crowded(&error) => return Some(Turn::Crowded),
            Err(error) => self.not_opened(wire, error),
            Ok(_) => {}
        }
        None
    }

    /// Takes a handle.
    fn opened(&mut self, wire: &mut Wire<'_>, handle: Handle) {
        match self.state {
            // The file has ended: dropping the handle closes it.
            State::Closing { .. } | State::StartingOver | State::Placing(_) | State::Placed => return,
            State::AlreadyThere | State::Left | State::Withdrawn | State::Arrived => return,
            _ => {}
        }
        // From now on, the file is this job's own.
        self.landing.claim = Claim::Ours;
        match self.state {
            State::OpeningToCompare { until, .. } => {
                let span = if self.source.size() >= SPREADING_BYTES { SPREAD_SPAN } else { 0 };
                self.state = State::Comparing(Comparison::of(until.saturating_sub(span + TAIL_BYTES)..until));
            }
            State::OpeningToProve => self.begin_to_prove(wire.io, true),
            // Some servers empty every file that is opened for writing.
            State::OpeningToAppend(_) if !wire.session().reads_what_it_writes() => {
                self.state = State::Measuring;
                self.sent = Sent::appending_at(self.sent.next());
                self.outstanding += 1;
                wire.ask(self.sequence, PutTag::Size, &calls::Fstat { handle: &handle });
            }
            State::Opening(_) | State::OpeningToAppend(_) => self.start(wire.io),
            // One more connection.
            _ => {}
        }
        self.handles.add(wire.connection, handle);
        self.was_spread |= self.handles.len() > 1;
    }

    /// Returns whether the file needs no further handle, so that a refused OPEN means nothing.
    pub(super) fn is_past_opening(&self) -> bool {
        match self.state {
            State::Looking(_) | State::LookingBeside | State::Opening(_) | State::OpeningToProve => false,
            State::OpeningToCompare { .. } | State::OpeningToAppend(_) => false,
            State::Comparing(_) | State::Measuring | State::Sending | State::StartingOver | State::Withdrawn => true,
            State::Proving { .. } | State::Closing { .. } | State::Placing(_) | State::Placed => true,
            State::AlreadyThere | State::Left | State::Arrived => true,
        }
    }

    /// Returns whether nothing is lost if the last OPEN is sent again later.
    fn may_try_again_later(&self) -> bool {
        match self.state {
            State::OpeningToProve => true,
            State::Opening(access) | State::OpeningToAppend(access) | State::OpeningToCompare { access, .. } => {
                access == Access::One
            }
            _ => false,
        }
    }

    /// Returns whether OPEN was refused because a file may have appeared at the target since the first look.
    fn may_have_appeared(&self, io: &Io, error: &sftp::Error) -> bool {
        matches!(self.state, State::Opening(_))
            && self.landing.must_be_new()
            && !self.landing.was_looked_at_again
            && !self.landing.is_beside()
            && !may_replace(io)
            && error.leaves_the_session_alive()
    }

    /// Takes the refusal of an OPEN.
    fn not_opened(&mut self, wire: &mut Wire<'_>, error: sftp::Error) {
        self.landing.refused_open();
        let is_alive = error.leaves_the_session_alive();
        match self.state {
            // It existed a moment ago: another transfer of the same file has moved it to the target.
            State::OpeningToCompare { .. }
                if self.landing.is_beside() && error.is_no_such_file() && self.sent.next() == 0 =>
            {
                self.landing.claim = Claim::New;
                self.open_empty(wire);
            }
            // It may be writable and not readable: its size must do, as for sftp(1).
            State::OpeningToCompare { until, .. } if is_alive => {
                self.continue_at(until);
                self.open_unread(wire);
            }
            State::Opening(Access::Both) | State::OpeningToAppend(Access::Both) if is_alive => self.open_unread(wire),
            State::OpeningToProve => self.remember(Act::VerifyRemote, error),
            _ => {
                let is_closed = error.status_code() == Some(StatusCode::PERMISSION_DENIED);
                self.remember(Act::OpenTarget, error);
                let has_hint = self.landing.is_beside() && self.landing.existing.is_some();
                if let Some(failure) = self.failure.as_mut().filter(|_| is_closed && self.landing.is_beside()) {
                    failure.hint = has_hint.then_some(WITHOUT_ATOMIC);
                }
            }
        }
    }

    /// Opens only for writing a file that can't be opened for reading too.
    fn open_unread(&mut self, wire: &mut Wire<'_>) {
        self.only_writes = true;
        if self.sent.next() > 0 && !wire.session().empties_files() {
            self.state = State::OpeningToAppend(Access::One);
            return self.open(wire, OpenFlags::WRITE);
        }
        self.continue_at(0);
        self.open_empty(wire);
    }

    /// The first WRITE after the existing bytes was refused: a server that takes files only from their beginning may have emptied
    /// this one. Asks for its size.
    pub(super) fn look_whether_emptied(&mut self, wire: &mut Wire<'_>) -> Turn {
        self.sent.go_back();
        self.state = State::Measuring;
        self.close_all(wire);
        self.outstanding += 1;
        wire.ask(self.sequence, PutTag::Size, &calls::Stat { path: self.landing.path() });
        Turn::Waits
    }

    /// Takes the size of a file that is to be continued. Not every server tells it.
    pub(super) fn measured(&mut self, wire: &mut Wire<'_>, outcome: Result<Reply, sftp::Error>) {
        match outcome {
            Ok(Reply::Attributes(there)) if there.size.is_some_and(|size| size < self.sent.next()) => {
                let target = self.plan.remote.as_bytes().to_vec();
                wire.io.reporter.tell(self.sequence, Event::Noted(Note::Emptied(target)));
                self.start_over(wire);
            }
            _ if self.failure.is_none() => self.start(wire.io),
            _ => {}
        }
    }
}

/// Returns the access that an OPEN with these flags asks for.
fn access(flags: OpenFlags) -> Access {
    match flags.contains(OpenFlags::READ | OpenFlags::WRITE) {
        true => Access::Both,
        false => Access::One,
    }
}
