//! Which file an upload takes the place of, how it gets there, and what becomes of what was written beside it otherwise.

use crate::sftp::{self, Attributes, Extension, Reply, calls};
use crate::transfer::conflict::Verdict;
use crate::transfer::connections::io::{Asked, Io};
use crate::transfer::event::{Event, Note};
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::put::{State, Upload, may_replace};

impl Upload {
    /// Asks whether a link is where it shall be: what it leads to is replaced, and not the link.
    pub(crate) fn ask_for_link(&mut self, io: &mut Io) {
        self.is_following = true;
        io.ask(self.sequence, Asked::Follow, &calls::Readlink { path: &self.landing.target });
    }

    /// A link, or none: then what was learned meanwhile counts.
    pub(crate) fn followed(&mut self, io: &mut Io, outcome: Result<Reply, sftp::Error>) {
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

    pub(crate) fn place(&mut self, io: &mut Io) {
        self.state = State::Placing;
        self.outstanding += 1;
        let (from, to) = (&self.landing.path, &self.landing.target);
        if self.landing.is_linked {
            io.ask(self.sequence, Asked::Unlink, &calls::Remove { path: from });
        } else if self.landing.replaces || may_replace(io) {
            match io.session().offers(Extension::PosixRename) {
                true => io.ask(self.sequence, Asked::Replace, &calls::PosixRename { from, to }),
                false => io.ask(self.sequence, Asked::Replace, &calls::Rename { from, to }),
            }
        } else if io.session().offers(Extension::Hardlink) && !self.landing.is_link_refused {
            // link(2) replaces nothing; a RENAME does on some servers (those in Go).
            io.ask(self.sequence, Asked::Link, &calls::Hardlink { existing: from, link: to });
        } else if self.landing.is_free {
            io.ask(self.sequence, Asked::Replace, &calls::Rename { from, to });
        } else {
            io.ask(self.sequence, Asked::WhatCame, &calls::Lstat { path: to });
        }
    }

    /// It has the name of its target, or something else has, or this file system knows no hard links.
    pub(crate) fn linked(&mut self, io: &mut Io, outcome: Result<Reply, sftp::Error>) {
        match outcome {
            Ok(_) => self.landing.is_linked = true,
            Err(error) if error.leaves_the_session_alive() => self.landing.is_link_refused = true,
            Err(error) => return self.remember(Act::ReplaceRemote, error),
        }
        self.place(io);
    }

    /// Its other name is gone.
    pub(crate) fn unlinked(&mut self, io: &mut Io, outcome: Result<Reply, sftp::Error>) {
        self.state = State::Placed;
        if outcome.is_err_and(|error| !error.is_no_such_file()) {
            let (part, target) = (self.landing.path.as_bytes().to_vec(), self.source.remote.as_bytes().to_vec());
            io.reporter.tell(self.sequence, Event::Noted(Note::KeptThere { part, target }));
        }
    }

    /// What is where it shall be now, when nothing was when it was decided about.
    pub(crate) fn looked_what_came(&mut self, io: &mut Io, outcome: Result<Reply, sftp::Error>) {
        match outcome {
            Ok(Reply::Attributes(there)) => self.came_meanwhile(io, &there),
            Err(error) if error.is_no_such_file() => {
                self.landing.is_free = true;
                self.place(io);
            }
            Err(error) => self.remember(Act::StatRemote, error),
            Ok(_) => {}
        }
    }

    fn came_meanwhile(&mut self, io: &mut Io, there: &Attributes) {
        if self.landing.may_be_placed && there.size == Some(self.next) {
            // By ourselves, and the answer was lost.
            self.landing.is_linked = true;
            return self.place(io);
        }
        match io.decide(self.conflict_with(there)) {
            Verdict::Overwrite if !io.session().offers(Extension::PosixRename) => {
                let target = self.source.remote.as_bytes();
                self.failure = Some(Failure::new(Act::ReplaceRemote, target, Cause::NoReplacing));
            }
            Verdict::Overwrite => {
                self.landing.replaces(there);
                self.place(io);
            }
            Verdict::Skip => {
                io.leave_there(self.sequence, self.source.remote.as_bytes().to_vec());
                self.landing.is_passed_over = true;
            }
            Verdict::Rename => {
                self.source.remote = self.landing.numbering.next(&self.source.remote);
                self.landing.target = self.source.remote.clone();
                (self.landing.is_link_refused, self.landing.is_free) = (false, false);
                self.place(io);
            }
        }
    }

    /// It could not be put in its place.
    pub(crate) fn not_placed(&mut self, io: &mut Io, error: sftp::Error) {
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
    pub(crate) fn looked_whose(&mut self, io: &mut Io, there: &Attributes) {
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
    pub(crate) fn withdraw(&self, io: &mut Io) {
        let is_under_way = !matches!(self.state, State::Closing | State::Placing | State::Placed);
        if self.landing.is_beside && !self.is_of_use() && is_under_way {
            io.ask(self.sequence, Asked::Withdraw, &calls::Remove { path: &self.landing.path });
        }
    }

    /// Stops before all of it is there: what is there shall be its beginning.
    pub(crate) fn interrupt(mut self, io: &mut Io) {
        let confirmed = self.confirmed();
        if confirmed < self.next && (!self.landing.is_beside || self.is_of_use()) {
            self.cut_at(io, confirmed);
        }
        self.handles.clear();
        self.clear_away(io);
        let is_left = self.landing.is_beside && self.landing.is_made && self.state != State::Placed;
        // Where it was to be removed and nobody knows whether it was, the session may end before that.
        if is_left && !self.landing.is_withdrawn {
            let (part, target) = (self.landing.path.as_bytes().to_vec(), self.source.remote.as_bytes().to_vec());
            io.reporter.tell(self.sequence, Event::Noted(Note::KeptThere { part, target }));
        }
    }

    /// What was written beside a target is of no use when it can't be found again, or is known to be wrong.
    pub(crate) fn clear_away(&self, io: &Io) {
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
