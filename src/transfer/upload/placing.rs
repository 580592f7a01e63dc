//! Which file an upload takes the place of, how it gets there, and what becomes of what was written beside it otherwise.

use super::super::event::{Event, Note};
use super::super::failure::{Act, Cause, Failure};
use super::super::io::{Asked, Io};
use super::{State, Upload, may_replace};
use crate::sftp::{self, Attributes, Extension, Reply, calls};

impl Upload {
    /// Asks whether a link is where it shall be: what it leads to is replaced, and not the link.
    pub(super) fn ask_for_link(&mut self, io: &mut Io) {
        self.is_following = true;
        io.ask(self.sequence, Asked::Follow, &calls::Readlink { path: &self.landing.target });
    }

    /// A link, or none: then what was learned meanwhile counts.
    pub(super) fn followed(&mut self, io: &mut Io, outcome: Result<Reply, sftp::Error>) {
        if !self.is_following {
            return;
        }
        if let Ok(Reply::Path(path)) = outcome
            && self.landing.follow(&path)
        {
            return self.ask_for_link(io);
        }
        self.is_following = false;
        if let Some(outcome) = self.postponed.take() {
            self.looked(io, outcome);
        }
    }

    pub(super) fn place(&mut self, io: &mut Io) {
        self.state = State::Placing;
        self.outstanding += 1;
        let (from, to) = (&self.landing.path, &self.landing.target);
        // The other one fails where something came to be that shall stay.
        if io.session().offers(Extension::PosixRename) && (self.landing.replaces || may_replace(io)) {
            io.ask(self.sequence, Asked::Replace, &calls::PosixRename { from, to });
        } else {
            io.ask(self.sequence, Asked::Replace, &calls::Rename { from, to });
        }
    }

    /// It could not be put in its place.
    pub(super) fn not_placed(&mut self, io: &mut Io, error: sftp::Error) {
        match error.is_no_such_file() {
            true if self.landing.may_be_placed => self.state = State::Placed,
            // Another transfer of the same file writes the same part, and may have been faster.
            true if self.landing.is_known => {
                self.outstanding += 1;
                io.ask(self.sequence, Asked::WhoseIsIt, &calls::Stat { path: &self.landing.target });
            }
            _ => self.remember(Act::ReplaceRemote, error),
        }
    }

    /// What is at its target after its part went away: what another transfer of the same file has put there, or what was there.
    pub(super) fn looked_whose(&mut self, io: &mut Io, there: &Attributes) {
        let modified = there.times.map(|times| times.modified);
        let is_another = !self.landing.replaces || modified != self.landing.modified;
        let target = self.source.remote.as_bytes();
        if there.size == Some(self.next) && is_another {
            io.reporter.tell(self.sequence, Event::Noted(Note::PutThereByAnother(target.to_vec())));
            self.state = State::Placed;
        } else {
            self.failure = Some(Failure::new(Act::ReplaceRemote, target, Cause::PartIsGone));
        }
    }

    /// The job is stopped: what was written beside a target and is of no use goes, behind all that is under way for it.
    pub(in super::super) fn withdraw(&self, io: &mut Io) {
        let is_under_way = !matches!(self.state, State::Closing | State::Placing | State::Placed);
        if self.landing.is_beside && !self.is_of_use() && is_under_way {
            io.ask(self.sequence, Asked::Withdraw, &calls::Remove { path: &self.landing.path });
        }
    }

    /// Stops before all of it is there: what is there shall be its beginning.
    pub(in super::super) fn interrupt(mut self, io: &mut Io) {
        let confirmed = self.confirmed();
        if confirmed < self.next && (!self.landing.is_beside || self.is_of_use()) {
            self.cut_at(io, confirmed);
        }
        self.handles.clear();
        self.clear_away(io);
        let is_lost = io.session().end().is_some();
        let is_left = self.landing.is_beside && self.landing.is_made && self.state != State::Placed;
        if is_left && !self.landing.is_withdrawn && (is_lost || self.is_of_use()) {
            let (part, target) = (self.landing.path.as_bytes().to_vec(), self.source.remote.as_bytes().to_vec());
            io.reporter.tell(self.sequence, Event::Noted(Note::KeptThere { part, target }));
        }
    }

    /// What was written beside a target is of no use when it can't be found again, or is known to be wrong.
    pub(super) fn clear_away(&self, io: &Io) {
        let is_left = self.landing.is_beside && self.state != State::Placed && !self.landing.is_withdrawn;
        if is_left && !self.is_of_use() {
            drop(io.session().submit(&calls::Remove { path: &self.landing.path }));
        }
    }

    /// Whether a later run can go on with what was written beside the target.
    fn is_of_use(&self) -> bool {
        self.landing.is_known && !self.differs
    }
}
