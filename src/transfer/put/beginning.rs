//! How an upload begins: what is there is looked at, and it is opened.

use crate::sftp::{self, Attributes, Extension, FileType, Handle, OpenFlags, Reply, StatusCode, Times, calls};
use crate::transfer::conflict::{Conflict, Verdict, Version};
use crate::transfer::connections::io::{Asked, Io};
use crate::transfer::event::{Event, Note};
use crate::transfer::failure::{Act, Cause, Failure, WITHOUT_ATOMIC};
use crate::transfer::local::bytes;
use crate::transfer::put::{SPREADING_BYTES, State, TAIL_BYTES, Upload, may_replace};
use crate::transfer::request::{OnConflict, Options, Verify};
use crate::transfer::settings::SPREAD_SPAN;

impl Upload {
    /// What is where it shall be is known, or why not.
    pub(crate) fn looked(&mut self, io: &mut Io, outcome: Result<Reply, sftp::Error>) {
        match outcome {
            // Made by an OPEN whose answer was lost, and nothing was written to it: it is ours.
            Ok(Reply::Attributes(there)) if self.landing.may_be_made && there.size == Some(0) => {
                self.landing.must_be_new = false;
                self.begin_empty(io);
            }
            Ok(Reply::Attributes(there)) => self.found(io, &there),
            Err(error) if error.is_no_such_file() => self.found_nothing(io),
            // What can't be looked at may still be written, unless what is there shall stay.
            Err(_) if !io.settings.options.resume && may_replace(io) => self.found_nothing(io),
            Err(error) => self.remember(Act::StatRemote, error),
            Ok(_) => {}
        }
    }

    /// Something is where it shall be.
    pub(crate) fn found(&mut self, io: &mut Io, there: &Attributes) {
        let options = io.settings.options;
        if options.resume {
            self.landing.replaces(there);
            return self.resume(io, there);
        }
        let verdict = match options.on_conflict {
            OnConflict::Overwrite => Verdict::Overwrite,
            _ => io.decide(self.conflict_with(there)),
        };
        match verdict {
            Verdict::Overwrite => {
                self.landing.replaces(there);
                self.begin_empty(io);
            }
            Verdict::Skip => {
                io.leave_there(self.sequence, self.source.remote.as_bytes().to_vec());
                self.landing.is_passed_over = true;
                self.state = State::Closing;
            }
            Verdict::Rename => {
                self.source.remote = self.landing.numbering.next(&self.source.remote);
                self.landing.target = self.source.remote.clone();
                self.state = State::Asking;
                io.ask(self.sequence, Asked::Stat, &calls::Stat { path: &self.source.remote });
            }
        }
    }

    pub(crate) fn conflict_with(&self, there: &Attributes) -> Conflict {
        let modified = |times: Times| i64::from(times.modified);
        Conflict {
            direction: crate::transfer::Direction::Put,
            target: self.source.remote.as_bytes().to_vec(),
            there: Version { size: there.size, modified: there.times.map(modified) },
            new: Version { size: Some(self.size), modified: Some(modified(self.times)) },
        }
    }

    pub(crate) fn found_nothing(&mut self, io: &mut Io) {
        if io.settings.options.resume {
            if self.source.is_named && !io.settings.options.atomic {
                let target = self.source.remote.as_bytes().to_vec();
                io.reporter.tell(self.sequence, Event::Noted(Note::NothingToContinue(target)));
            }
            if io.settings.options.atomic {
                return self.ask_beside(io);
            }
        }
        self.landing.must_be_new = !io.settings.options.resume && !may_replace(io);
        self.begin_empty(io);
    }

    /// Opens it where it goes, with nothing in it.
    pub(crate) fn begin_empty(&mut self, io: &mut Io) {
        if io.settings.options.atomic {
            if self.landing.replaces && !io.session().offers(Extension::PosixRename) {
                let target = self.source.remote.as_bytes();
                self.failure = Some(Failure::new(Act::ReplaceRemote, target, Cause::NoReplacing));
                return;
            }
            self.landing.go_beside(None);
        } else {
            self.landing.path = self.source.remote.clone();
        }
        self.open_empty(io);
    }

    /// An earlier run may have left a part of it beside its target.
    pub(crate) fn ask_beside(&mut self, io: &mut Io) {
        let attributes = Attributes { size: Some(self.size), times: Some(self.times), ..Attributes::default() };
        self.landing.go_beside(Some((&io.settings.server, &attributes)));
        self.state = State::AskingBeside;
        io.ask(self.sequence, Asked::Stat, &calls::Lstat { path: &self.landing.path });
    }

    pub(crate) fn continue_beside(&mut self, io: &mut Io, there: &Attributes) {
        if there.file_type() != Some(FileType::Regular) {
            // Not ours: whoever can foresee the name may have put a link there.
            self.landing.go_beside(None);
            return self.open_empty(io);
        }
        self.landing.must_be_new = false;
        match there.size {
            Some(size) if size > 0 && size <= self.size => self.open_to_compare(io, size),
            _ => self.open_empty(io),
        }
    }

    pub(crate) fn resume(&mut self, io: &mut Io, there: &Attributes) {
        match there.size {
            Some(size) if size > self.size && !io.settings.options.atomic => {
                self.failure =
                    Some(Failure::new(Act::ResumeUpload, bytes(&self.source.shown), Cause::NotSmallerThanSource));
            }
            Some(size) if size == self.size && size > 0 && is_complete(io.settings.options, there, self.times) => {
                let target = self.source.remote.as_bytes();
                io.reporter.tell(self.sequence, Event::Noted(Note::NotModified(target.to_vec())));
                io.reporter.already_there(self.sequence, size);
                self.state = State::Closing;
            }
            _ if io.settings.options.atomic => self.ask_beside(io),
            Some(size) if size > 0 && io.settings.options.trusts_sizes && !(self.only_writes && size == self.size) => {
                self.next = size;
                self.open_to_append(io);
            }
            Some(size) if size > 0 => self.open_to_compare(io, size),
            _ => self.open_empty(io),
        }
    }

    pub(crate) fn opened(&mut self, io: &mut Io, handle: Handle) {
        // From now on what is there is ours.
        self.landing.must_be_new = false;
        self.landing.is_made = true;
        match self.state {
            State::OpeningToCompare { until } => {
                let span = if self.size >= SPREADING_BYTES { SPREAD_SPAN } else { 0 };
                self.state = State::Comparing { at: until.saturating_sub(span + TAIL_BYTES), until };
            }
            State::OpeningToVerify => {
                self.is_written = true;
                self.handles.add(io.line, handle);
                self.state = State::Moving;
                return;
            }
            // It is over, and this one's drop closes it.
            State::Closing | State::ClosingToStartOver | State::Placing | State::Placed => return,
            // Some servers empty whatever is opened for writing.
            State::Opening if self.next > 0 && !io.session().reads_what_it_writes() => {
                self.state = State::Measuring;
                self.continues_at = Some(self.next);
                self.outstanding += 1;
                io.ask(self.sequence, Asked::Size, &calls::Fstat { handle: &handle });
            }
            State::Measuring | State::Moving | State::Hashing | State::Verifying { .. } => {}
            _ => self.start(io),
        }
        self.handles.add(io.line, handle);
        self.was_spread |= self.handles.len() > 1;
    }

    /// Returns whether a target that was not there may have come to be before it was opened.
    pub(crate) fn may_have_come_meanwhile(&self, io: &Io, error: &sftp::Error) -> bool {
        let is_new = self.landing.must_be_new && !self.landing.is_beside && !may_replace(io);
        self.state == State::Opening && is_new && error.leaves_the_session_alive() && !self.landing.is_looked_at_again
    }

    /// Opens for writing alone what is not opened for reading too.
    fn open_unread(&mut self, io: &mut Io) {
        self.only_writes = true;
        if self.next > 0 && !io.session().empties_files() {
            return self.open(io, State::Opening, OpenFlags::WRITE);
        }
        self.next = 0;
        self.open_empty(io);
    }

    pub(crate) fn not_opened(&mut self, io: &mut Io, error: sftp::Error) {
        self.landing.may_be_made = false;
        match self.state {
            // It was there a moment ago: another transfer of the same file has put it in its place.
            State::OpeningToCompare { .. } if self.landing.is_beside && error.is_no_such_file() && self.next == 0 => {
                self.landing.must_be_new = true;
                self.open_empty(io);
            }
            // It may be written and not read: its size must do, as for sftp(1).
            State::OpeningToCompare { until } if error.leaves_the_session_alive() => {
                self.next = until;
                self.open_unread(io);
            }
            State::Opening if self.asked_for_both && error.leaves_the_session_alive() => {
                self.open_unread(io);
            }
            State::OpeningToVerify => self.remember(Act::VerifyRemote, error),
            _ => {
                let is_closed = error.status_code() == Some(StatusCode::PERMISSION_DENIED);
                self.remember(Act::OpenTarget, error);
                if let Some(failure) = self.failure.as_mut().filter(|_| is_closed && self.landing.is_beside) {
                    failure.hint = self.landing.replaces.then_some(WITHOUT_ATOMIC);
                }
            }
        }
    }
}

/// Whether nothing is left to be done for one of the right size: times need not be set, or are as they should be, and
/// nobody wants its bytes compared.
pub(crate) fn is_complete(options: Options, there: &Attributes, source: Times) -> bool {
    options.verify == Verify::No
        && (!options.preserve || there.times.is_none_or(|times| times.modified == source.modified))
}
