//! The tools that every file in flight works with: connections, the queue of answers, the reporter.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sftp::{self, Attributes, Call, Completions, Reply, Session};
use crate::transfer::canceller::Canceller;
use crate::transfer::conflict::{Conflict, Question, Verdict, Version};
use crate::transfer::connections::pool::{ConnectionId, Pool};
use crate::transfer::connections::tag::{Tag, Token};
use crate::transfer::connections::window::Window;
use crate::transfer::event::{Event, File, Note};
use crate::transfer::hold::Hold;
use crate::transfer::learnt::Learnt;
use crate::transfer::limit::Limit;
use crate::transfer::local::{Place, Replaceable, bytes};
use crate::transfer::progress::pace::Pace;
use crate::transfer::progress::reporter::{Reporter, Sequence};
use crate::transfer::proof::hashing::Hashes;
use crate::transfer::request::{Direction, OnConflict};
use crate::transfer::settings::Settings;

/// The engine's tools, lent to one file at a time.
pub(crate) struct Io {
    pub(crate) pool: Pool,
    pub(crate) queue: Completions<Token>,
    pub(crate) limit: Limit,
    pub(crate) hashes: Hashes,
    pub(crate) pace: Pace,
    pub(crate) reporter: Reporter,
    pub(crate) settings: Settings,
    pub(crate) learnt: Learnt,
    pub(crate) canceller: Canceller,
    pub(crate) hold: Hold,
    /// True if other files are in flight besides the one that is being worked on. Files that wait to be opened don't
    /// count.
    pub(crate) has_others: bool,
    /// A reused buffer: the data of a WRITE, or a part of a file to hash.
    pub(crate) scratch: Vec<u8>,
}

/// A file's next activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It may have a request to send.
    MayAsk,
    /// It waits for answers.
    Waits,
    /// It hashes its local file, one part whenever the engine has nothing else to do.
    Hashes,
    /// It could not be opened, perhaps only because too many files are open. The engine tries again when there are
    /// fewer.
    Crowded,
    /// It has ended, and its result was reported.
    Concluded,
}

/// The engine's tools on one connection. All requests go out through a `Wire`, so that each goes to the connection
/// that its sender chose.
pub(crate) struct Wire<'io> {
    pub(crate) io: &'io mut Io,
    pub(crate) connection: ConnectionId,
}

impl Io {
    /// Decides what to do with an existing target. Asks the user, and waits for the answer, if the options say so.
    pub(crate) fn decide(&mut self, conflict: Conflict) -> Verdict {
        if let Some(verdict) = self.settings.options.on_conflict.decide(&conflict) {
            return verdict;
        }
        if self.canceller.is_cancelled() {
            return Verdict::Skip;
        }
        let answer = self.ask_person(conflict.clone());
        answer.decide(&conflict).unwrap_or(Verdict::Skip)
    }

    /// Returns what may be replaced without a decision.
    pub(crate) fn replaceable_by_default(&self) -> Replaceable {
        let options = self.settings.options;
        match options.resume || options.on_conflict == OnConflict::Overwrite {
            true => Replaceable::Anything,
            false => Replaceable::Nothing,
        }
    }

    /// Decides where a download goes: to its target, or under another name if the target exists. `taken` returns
    /// whether a path, as messages show it, will soon exist.
    ///
    /// # Errors
    /// Returns the target if it exists and stays.
    pub(crate) fn choose_place(
        &mut self,
        place: &Place,
        source: &Attributes,
        taken: impl Fn(&Path) -> bool,
    ) -> Result<(Place, Replaceable), Vec<u8>> {
        if self.replaceable_by_default() == Replaceable::Anything {
            return Ok((place.clone(), Replaceable::Anything));
        }
        let Some((there, identity)) = place.there() else { return Ok((place.clone(), Replaceable::Nothing)) };
        let target = bytes(place.shown()).to_vec();
        let modified = source.times.map(|times| i64::from(times.modified));
        let new = Version { size: source.size, modified };
        match self.decide(Conflict { direction: Direction::Get, target: target.clone(), there, new }) {
            Verdict::Overwrite => Ok((place.clone(), Replaceable::This(identity))),
            Verdict::Skip => Err(target),
            Verdict::Rename => Ok((place.clone().numbered(taken), Replaceable::Nothing)),
        }
    }

    fn ask_person(&mut self, conflict: Conflict) -> OnConflict {
        let (question, answer) = Question::new(conflict);
        self.reporter.ask(question);
        let answer = answer.recv();
        self.pace.paused_until(Instant::now());
        let Ok(answer) = answer else { return OnConflict::Skip };
        if answer.for_all {
            self.settings.options.on_conflict = answer.choice;
        }
        answer.choice
    }

    /// Reports sftp(1)'s line about a file: at once, or as soon as the name of its target is certain.
    pub(crate) fn announce(&mut self, sequence: Sequence, announced: Option<&Arc<File>>) {
        let Some(file) = announced.map(Arc::clone) else { return };
        match self.settings.options.on_conflict {
            OnConflict::Rename | OnConflict::Ask => self.reporter.announce(sequence, file),
            OnConflict::Overwrite | OnConflict::Skip | OnConflict::Newer => {
                self.reporter.tell(sequence, Event::Announced(file));
            }
        }
    }

    /// Reports that a target stays, unless the job was stopped before a decision.
    pub(crate) fn leave_there(&mut self, sequence: Sequence, target: Vec<u8>) {
        if self.canceller.is_cancelled() {
            return;
        }
        let unless_newer = self.settings.options.on_conflict == OnConflict::Newer;
        self.reporter.tell(sequence, Event::Noted(Note::LeftThere { target, unless_newer }));
    }

    /// Returns the tools on a connection.
    pub(crate) fn on(&mut self, connection: ConnectionId) -> Wire<'_> {
        Wire { io: self, connection }
    }

    /// Takes an answer from the accounts of its connection and of the limit.
    pub(crate) fn answered(&mut self, token: &Token, outcome: &Result<Reply, sftp::Error>) {
        let connection = self.pool.get_mut(token.connection);
        connection.outstanding -= 1;
        if token.tag.moves_data() {
            let bytes = token.tag.window_bytes();
            connection.window.answered(bytes, token.issued, Instant::now());
            self.limit.refund(bytes.saturating_sub(token.tag.moved_bytes(outcome)));
        }
    }

    /// Returns how long the user's limit delays the next request that moves data.
    pub(crate) fn pause(&self) -> Duration {
        self.limit.wait()
    }
}

impl Wire<'_> {
    /// Returns the tools on another connection.
    pub(crate) fn on(&mut self, connection: ConnectionId) -> Wire<'_> {
        self.io.on(connection)
    }

    /// Returns the connection's session.
    pub(crate) fn session(&self) -> &Session {
        &self.io.pool.get(self.connection).session
    }

    /// Returns the connection's window.
    pub(crate) fn window(&mut self) -> &mut Window {
        &mut self.io.pool.get_mut(self.connection).window
    }

    /// Submits a request that moves little or no data.
    pub(crate) fn ask<C: Call>(&mut self, sequence: Sequence, tag: impl Into<Tag>, call: &C) {
        self.submit(sequence, tag.into(), call, Instant::now());
    }

    /// Submits a request that moves data, which counts in the window.
    pub(crate) fn ask_for_data<C: Call>(&mut self, sequence: Sequence, tag: impl Into<Tag>, call: &C) {
        let (tag, now) = (tag.into(), Instant::now());
        let bytes = tag.window_bytes();
        self.window().issue(bytes, now);
        self.io.limit.issue(bytes, now);
        self.submit(sequence, tag, call, now);
    }

    /// Returns whether the server may have refused an OPEN only because other files were open.
    pub(crate) fn may_be_crowded(&self, error: &sftp::Error) -> bool {
        error.may_lack_handles(self.session().width().is_trusted())
    }

    /// Returns the length of the next READ, in bytes.
    pub(crate) fn read_bytes(&self) -> u32 {
        self.request_bytes(self.io.settings.read_bytes)
    }

    /// Returns the length of the next WRITE, in bytes.
    pub(crate) fn write_bytes(&self) -> u32 {
        self.request_bytes(self.io.settings.write_bytes)
    }

    /// Returns the length that suits the connection and the limit, at most `most`. A length that the user has fixed
    /// stays as it is.
    fn request_bytes(&self, most: u32) -> u32 {
        if self.io.settings.options.request_bytes.is_some() {
            return most;
        }
        self.io.limit.request_bytes(most.min(self.io.pool.get(self.connection).window.request_bytes()))
    }

    fn submit<C: Call>(&mut self, sequence: Sequence, tag: Tag, call: &C, issued: Instant) {
        let token = Token { sequence, tag, connection: self.connection, issued };
        let connection = self.io.pool.get_mut(self.connection);
        connection.outstanding += 1;
        connection.session.submit_to(&self.io.queue, token, call);
    }
}
