//! How an upload looks at the target before it opens a file: for a resume, and for files that may have to stay.

use crate::sftp::{self, Attributes, Extension, FileType, Reply, Times, calls};
use crate::transfer::conflict::Verdict;
use crate::transfer::connections::io::Wire;
use crate::transfer::connections::tag::PutTag;
use crate::transfer::event::{Event, Note};
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::put::landing::Claim;
use crate::transfer::put::state::{Link, State};
use crate::transfer::put::{Upload, may_replace};
use crate::transfer::request::{OnConflict, Options, Verify};

impl Upload {
    /// Looks at the file that the user named.
    pub(super) fn look(&mut self, wire: &mut Wire<'_>) {
        self.landing.target = self.plan.remote.clone();
        let follows = wire.io.settings.options.atomic;
        if follows {
            self.ask_for_link(wire);
        }
        let link = if follows { Link::Following { found: None } } else { Link::Followed };
        self.look_at_target(wire, link);
    }

    /// Looks at the target again, because a file has appeared there since the first look.
    pub(super) fn look_again(&mut self, wire: &mut Wire<'_>) {
        self.landing.was_looked_at_again = true;
        self.look_at_target(wire, Link::Followed);
    }

    fn look_at_target(&mut self, wire: &mut Wire<'_>, link: Link) {
        self.state = State::Looking(link);
        wire.ask(self.sequence, PutTag::Stat, &calls::Stat { path: &self.plan.remote });
    }

    /// Asks whether the target is a link: the file that it leads to is replaced, not the link.
    fn ask_for_link(&self, wire: &mut Wire<'_>) {
        wire.ask(self.sequence, PutTag::Follow, &calls::Readlink { path: self.landing.target() });
    }

    /// Takes the answer to READLINK. Once there is no further link, the answer to STAT counts.
    pub(super) fn followed(&mut self, wire: &mut Wire<'_>, outcome: Result<Reply, sftp::Error>) {
        let State::Looking(link @ Link::Following { .. }) = &mut self.state else { return };
        if let Ok(Reply::Path(path)) = outcome
            && self.landing.follow(&path)
        {
            return self.ask_for_link(wire);
        }
        if let Link::Following { found: Some(found) } = std::mem::replace(link, Link::Followed) {
            self.looked(wire, found);
        }
    }

    /// Takes the answer to STAT or LSTAT.
    pub(super) fn looked(&mut self, wire: &mut Wire<'_>, outcome: Result<Reply, sftp::Error>) {
        match &mut self.state {
            State::Looking(Link::Following { found }) => *found = Some(outcome),
            State::Looking(Link::Followed) => self.looked_at_target(wire, outcome),
            State::LookingBeside => match outcome {
                Ok(Reply::Attributes(there)) => self.continue_beside(wire, &there),
                // If a file exists there after all, OPEN is refused.
                _ => self.open_empty(wire),
            },
            _ => {}
        }
    }

    fn looked_at_target(&mut self, wire: &mut Wire<'_>, outcome: Result<Reply, sftp::Error>) {
        match outcome {
            // An OPEN of this job has made it, whose answer was lost, and nothing was written to it.
            Ok(Reply::Attributes(there)) if self.has_made(&there) => {
                self.landing.claim = Claim::Ours;
                self.begin_empty(wire);
            }
            Ok(Reply::Attributes(there)) => self.found(wire, &there),
            Err(error) => {
                // A target that can't be looked at may still be written, unless an existing file must stay.
                let may_write = !wire.io.settings.options.resume && may_replace(wire.io);
                match error.is_no_such_file() || may_write {
                    true => self.found_nothing(wire),
                    false => self.remember(Act::StatRemote, error),
                }
            }
            Ok(_) => {}
        }
    }

    fn has_made(&self, there: &Attributes) -> bool {
        self.landing.claim == Claim::NewOrOurs && !self.landing.is_beside() && there.size == Some(0)
    }

    /// A file exists at the target.
    fn found(&mut self, wire: &mut Wire<'_>, there: &Attributes) {
        let options = wire.io.settings.options;
        if options.resume {
            self.landing.replaces(there);
            return self.continue_target(wire, there);
        }
        let verdict = match options.on_conflict {
            OnConflict::Overwrite => Verdict::Overwrite,
            _ => wire.io.decide(self.conflict_with(there)),
        };
        match verdict {
            Verdict::Overwrite => {
                self.landing.replaces(there);
                self.landing.claim = Claim::Any;
                self.begin_empty(wire);
            }
            Verdict::Skip => self.leave_existing(wire.io),
            Verdict::Rename => {
                self.take_next_name();
                // A lost OPEN was about the other name.
                self.landing.claim = Claim::Any;
                self.look_at_target(wire, Link::Followed);
            }
        }
    }

    fn found_nothing(&mut self, wire: &mut Wire<'_>) {
        let options = wire.io.settings.options;
        if options.resume && options.atomic {
            return self.look_beside(wire);
        }
        if options.resume && self.plan.is_named {
            let target = self.plan.remote.as_bytes().to_vec();
            wire.io.reporter.tell(self.sequence, Event::Noted(Note::NothingToContinue(target)));
        }
        self.landing.claim = match self.landing.claim {
            _ if options.resume || may_replace(wire.io) => Claim::Any,
            // The server may carry out the lost OPEN later.
            Claim::NewOrOurs => Claim::NewOrOurs,
            _ => Claim::New,
        };
        self.begin_empty(wire);
    }

    /// Opens an empty file: the target, or a partial file beside it.
    fn begin_empty(&mut self, wire: &mut Wire<'_>) {
        if wire.io.settings.options.atomic {
            if self.landing.existing.is_some() && !wire.session().offers(Extension::PosixRename) {
                return self.fail(Act::ReplaceRemote, Cause::NoReplacing);
            }
            self.landing.go_beside(None);
        }
        self.open_empty(wire);
    }

    /// Looks for a partial file that an earlier run may have left.
    fn look_beside(&mut self, wire: &mut Wire<'_>) {
        let (size, times) = (Some(self.source.size()), Some(self.source.times()));
        let attributes = Attributes { size, times, ..Attributes::default() };
        self.landing.go_beside(Some((&wire.io.settings.server, &attributes)));
        self.state = State::LookingBeside;
        wire.ask(self.sequence, PutTag::Stat, &calls::Lstat { path: self.landing.path() });
    }

    fn continue_beside(&mut self, wire: &mut Wire<'_>, there: &Attributes) {
        if there.file_type() != Some(FileType::Regular) {
            // Another user who can guess the name may have put a link there.
            self.landing.go_beside(None);
            return self.open_empty(wire);
        }
        self.landing.claim = Claim::Any;
        match there.size {
            Some(size) if size > 0 && size <= self.source.size() => self.open_to_compare(wire, size),
            _ => self.open_empty(wire),
        }
    }

    /// Continues the existing file at the target.
    fn continue_target(&mut self, wire: &mut Wire<'_>, there: &Attributes) {
        let options = wire.io.settings.options;
        let source = self.source.size();
        match there.size {
            Some(size) if size > source && !options.atomic => {
                let failure = Failure::new(Act::ResumeUpload, self.source.shown(), Cause::NotSmallerThanSource);
                self.failure = Some(failure);
            }
            Some(size) if size == source && size > 0 && is_complete(options, there, self.source.times()) => {
                let target = self.plan.remote.as_bytes();
                wire.io.reporter.tell(self.sequence, Event::Noted(Note::NotModified(target.to_vec())));
                wire.io.reporter.already_there(self.sequence, size);
                self.state = State::AlreadyThere;
            }
            _ if options.atomic => self.look_beside(wire),
            Some(size) if size > 0 && options.trusts_sizes && !(self.only_writes && size == source) => {
                self.continue_at(size);
                self.open_to_append(wire);
            }
            Some(size) if size > 0 => self.open_to_compare(wire, size),
            _ => self.open_empty(wire),
        }
    }
}

/// Returns whether nothing is left to do for a copy of the right size: its times are right or don't matter, and the user wants no
/// proof.
pub(crate) fn is_complete(options: Options, there: &Attributes, source: Times) -> bool {
    options.verify == Verify::No
        && (!options.preserve || there.times.is_none_or(|times| times.modified == source.modified))
}
