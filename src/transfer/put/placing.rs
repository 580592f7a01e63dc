//! Moves a complete partial file to its target, and removes or reports one that is left.

use crate::sftp::{self, Attributes, Extension, Reply, calls};
use crate::transfer::conflict::Verdict;
use crate::transfer::connections::io::Wire;
use crate::transfer::connections::tag::{PlaceTag, PutTag};
use crate::transfer::event::{Event, Note};
use crate::transfer::failure::{Act, Cause};
use crate::transfer::put::state::{Placing, State};
use crate::transfer::put::{Upload, may_replace};

impl Upload {
    /// Moves the partial file to its target. `may_be_done` is true if it may be there already, because an answer was
    /// lost.
    pub(super) fn place(&mut self, wire: &mut Wire<'_>, may_be_done: bool) {
        let replaces = self.landing.existing.is_some() || may_replace(wire.io);
        let request = match self.state {
            State::Placing(Placing { request: PlaceTag::Unlink, .. }) => PlaceTag::Unlink,
            _ if replaces => PlaceTag::Rename,
            // link(2) replaces nothing; RENAME does on some servers, such as those written in Go.
            _ if wire.session().offers(Extension::Hardlink) => PlaceTag::Link,
            _ => PlaceTag::LookAtTarget,
        };
        self.ask_to_place(wire, Placing { request, may_be_done });
    }

    fn ask_to_place(&mut self, wire: &mut Wire<'_>, placing: Placing) {
        self.state = State::Placing(placing);
        self.outstanding += 1;
        let (part, target) = (self.landing.path(), self.landing.target());
        let replaces = self.landing.existing.is_some() || may_replace(wire.io);
        let (sequence, tag) = (self.sequence, PutTag::Place(placing.request));
        match placing.request {
            PlaceTag::Rename if replaces && wire.session().offers(Extension::PosixRename) => {
                wire.ask(sequence, tag, &calls::PosixRename { from: part, to: target });
            }
            PlaceTag::Rename => wire.ask(sequence, tag, &calls::Rename { from: part, to: target }),
            PlaceTag::Link => wire.ask(sequence, tag, &calls::Hardlink { existing: part, link: target }),
            PlaceTag::Unlink => wire.ask(sequence, tag, &calls::Remove { path: part }),
            PlaceTag::LookAtTarget => wire.ask(sequence, tag, &calls::Lstat { path: target }),
            PlaceTag::LookForPart => wire.ask(sequence, tag, &calls::Stat { path: target }),
        }
    }

    /// Takes an answer.
    pub(super) fn place_answered(&mut self, wire: &mut Wire<'_>, tag: PlaceTag, outcome: Result<Reply, sftp::Error>) {
        let State::Placing(placing) = self.state else { return };
        let asks = |request| Placing { request, ..placing };
        match (tag, outcome) {
            (PlaceTag::Rename, Ok(_)) => self.state = State::Placed,
            (PlaceTag::Rename, Err(error)) if error.is_no_such_file() && placing.may_be_done => {
                self.state = State::Placed;
            }
            // Another transfer of the same file writes the same partial file, and may have been faster.
            (PlaceTag::Rename, Err(error)) if error.is_no_such_file() && self.landing.is_known() => {
                self.ask_to_place(wire, asks(PlaceTag::LookForPart));
            }
            (PlaceTag::Link, Ok(_)) => self.ask_to_place(wire, asks(PlaceTag::Unlink)),
            // A file exists at the target, or the file system knows no hard links.
            (PlaceTag::Link, Err(error)) if error.leaves_the_session_alive() => {
                self.ask_to_place(wire, asks(PlaceTag::LookAtTarget));
            }
            (PlaceTag::Unlink, outcome) => {
                self.state = State::Placed;
                if outcome.is_err_and(|error| !error.is_no_such_file()) {
                    self.report_part(wire);
                }
            }
            (PlaceTag::LookAtTarget, Ok(Reply::Attributes(there))) => self.target_exists(wire, placing, &there),
            (PlaceTag::LookAtTarget, Err(error)) if error.is_no_such_file() => {
                self.ask_to_place(wire, asks(PlaceTag::Rename));
            }
            (PlaceTag::LookAtTarget, Err(error)) => self.remember(Act::StatRemote, error),
            (PlaceTag::LookForPart, Ok(Reply::Attributes(there))) => self.part_has_gone(wire, &there),
            (PlaceTag::Rename | PlaceTag::Link | PlaceTag::LookForPart, Err(error)) => {
                self.remember(Act::ReplaceRemote, error);
            }
            (PlaceTag::LookAtTarget | PlaceTag::LookForPart, Ok(_)) => {}
        }
    }

    /// A file exists at the target, where none was when the upload began.
    fn target_exists(&mut self, wire: &mut Wire<'_>, placing: Placing, there: &Attributes) {
        if placing.may_be_done && there.size == Some(self.sent.next()) {
            // This job has made the link, and the answer was lost.
            return self.ask_to_place(wire, Placing { request: PlaceTag::Unlink, ..placing });
        }
        match wire.io.decide(self.conflict_with(there)) {
            Verdict::Overwrite if !wire.session().offers(Extension::PosixRename) => {
                self.fail(Act::ReplaceRemote, Cause::NoReplacing);
            }
            Verdict::Overwrite => {
                self.landing.replaces(there);
                self.place(wire, false);
            }
            Verdict::Skip => self.leave_existing(wire.io),
            Verdict::Rename => {
                self.take_next_name();
                self.place(wire, false);
            }
        }
    }

    /// The partial file has gone. Looks whether another transfer of the same file has moved it to the target, or whether the file
    /// there is the one that existed before.
    fn part_has_gone(&mut self, wire: &mut Wire<'_>, there: &Attributes) {
        let modified = there.times.map(|times| times.modified);
        let is_another = self.landing.existing.is_none_or(|existing| existing.modified != modified);
        if there.size == Some(self.sent.next()) && is_another {
            let target = self.plan.remote.as_bytes().to_vec();
            wire.io.reporter.tell(self.sequence, Event::Noted(Note::PutThereByAnother(target)));
            self.state = State::Placed;
        } else {
            self.fail(Act::ReplaceRemote, Cause::PartIsGone);
        }
    }

    /// Reports that the partial file is still on the server.
    pub(super) fn report_part(&self, wire: &mut Wire<'_>) {
        let (part, target) = (self.landing.path().as_bytes().to_vec(), self.plan.remote.as_bytes().to_vec());
        wire.io.reporter.tell(self.sequence, Event::Noted(Note::KeptThere { part, target }));
    }

    /// Removes a partial file that no later run can use.
    pub(super) fn clear_away(&self, wire: &Wire<'_>) {
        if self.has_useless_part() {
            drop(wire.session().submit(&calls::Remove { path: self.landing.path() }));
        }
    }
}
