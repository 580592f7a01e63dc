//! What every file in flight works with: the session, the queue of answers, the window, the reporter.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sftp::{self, Attributes, Call, Completions, Extension, Handle, Reply, Session, calls};
use crate::transfer::canceller::Canceller;
use crate::transfer::conflict::{Conflict, Question, Verdict, Version};
use crate::transfer::connections::pool::{LineId, Lines};
use crate::transfer::connections::window::Window;
use crate::transfer::event::{Event, File, Note};
use crate::transfer::learnt::Learnt;
use crate::transfer::limit::Limit;
use crate::transfer::local::{Place, Standing, bytes};
use crate::transfer::progress::pace::Pace;
use crate::transfer::progress::reporter::{Reporter, Sequence};
use crate::transfer::proof::hashing::Hashes;
use crate::transfer::request::{Direction, OnConflict};
use crate::transfer::settings::Settings;

/// The engine's tools, lent to one file at a time.
pub(crate) struct Io {
    pub(crate) lines: Lines,
    /// The connection that is meant: that of the answer which is worked on, or of the window that is filled.
    pub(crate) line: LineId,
    pub(crate) queue: Completions<Token>,
    pub(crate) limit: Limit,
    pub(crate) hashes: Hashes,
    pub(crate) pace: Pace,
    pub(crate) reporter: Reporter,
    pub(crate) settings: Settings,
    pub(crate) learnt: Learnt,
    pub(crate) canceller: Canceller,
    /// Whether files are in flight beside the one that is worked on, those aside that wait to be opened.
    pub(crate) has_others: bool,
    /// Room for one WRITE's data, used again and again.
    pub(crate) scratch: Vec<u8>,
}

/// Which request of which step an answer belongs to, and which connection it went out on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) sequence: Sequence,
    pub(crate) asked: Asked,
    pub(crate) line: LineId,
    pub(crate) issued: Instant,
}

/// A request of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Stat,
    /// Where a link leads to, if there is one.
    Follow,
    Open,
    /// To compare what is there.
    Verify {
        offset: u64,
        length: u32,
    },
    Read {
        offset: u64,
        length: u32,
    },
    Write {
        offset: u64,
        length: u32,
    },
    /// The server's hash of all of it.
    Hash,
    /// Which file system it lies on.
    FileSystem,
    SetAttributes,
    /// How long what was written is.
    Size,
    Sync,
    Close,
    /// To put what was written in the place of its target.
    Replace,
    /// To give what was written the name of its target, which nothing may have.
    Link,
    /// To take its other name from it then.
    Unlink,
    /// What is where it shall be, just before it is put there.
    WhatCame,
    /// What is at the target after what was written beside it went away.
    WhoseIsIt,
    /// To remove what was written beside a target that stays.
    Withdraw,
    /// Whether what was moved is still what was moved.
    StatMoved,
    RemoveMoved,
    RemoveEmptied,
    MakeLink,
    /// What stands where a link could not be made.
    ReadLink,
    RemoveLink,
    MakeDirectory,
    StatDirectory,
    SetDirectory,
}

/// What a file does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It may have something to ask.
    MayAsk,
    /// It waits for answers.
    Waits,
    /// It hashes what is here, a part whenever nothing else is to be done.
    Hashes,
    /// It could not be opened, perhaps only because too much is open; it may be tried once more when less is.
    Crowded,
    /// It is over, well or badly, and told.
    Concluded,
}

impl Io {
    /// What to do where a target exists already; asks whoever watches, and waits for the answer, if that was asked for.
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
    pub(crate) fn standing_unasked(&self) -> Standing {
        let options = self.settings.options;
        match options.resume || options.on_conflict == OnConflict::Overwrite {
            true => Standing::Anything,
            false => Standing::Nothing,
        }
    }

    /// Decides where a download goes when something exists already: there, or under another name. `taken` tells of paths, as
    /// messages show them, that will be there soon. Returns the target that stays as an error if it goes nowhere.
    pub(crate) fn settle(
        &mut self,
        place: &Place,
        source: &Attributes,
        taken: impl Fn(&Path) -> bool,
    ) -> Result<(Place, Standing), Vec<u8>> {
        if self.standing_unasked() == Standing::Anything {
            return Ok((place.clone(), Standing::Anything));
        }
        let Some((there, identity)) = place.there() else { return Ok((place.clone(), Standing::Nothing)) };
        let target = bytes(place.shown()).to_vec();
        let modified = source.times.map(|times| i64::from(times.modified));
        let new = Version { size: source.size, modified };
        match self.decide(Conflict { direction: Direction::Get, target: target.clone(), there, new }) {
            Verdict::Overwrite => Ok((place.clone(), Standing::This(identity))),
            Verdict::Skip => Err(target),
            Verdict::Rename => Ok((place.clone().numbered(taken), Standing::Nothing)),
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

    /// Tells sftp(1)'s line about a file: at once, or when it is known under which name it is written.
    pub(crate) fn announce(&mut self, sequence: Sequence, announced: Option<&Arc<File>>) {
        let Some(file) = announced.map(Arc::clone) else { return };
        match self.settings.options.on_conflict {
            OnConflict::Rename | OnConflict::Ask => self.reporter.announce(sequence, file),
            OnConflict::Overwrite | OnConflict::Skip | OnConflict::Newer => {
                self.reporter.tell(sequence, Event::Announced(file));
            }
        }
    }

    /// Says that a target stays.
    pub(crate) fn leave_there(&mut self, sequence: Sequence, target: Vec<u8>) {
        if self.canceller.is_cancelled() {
            // Nobody has decided so.
            return;
        }
        let unless_newer = self.settings.options.on_conflict == OnConflict::Newer;
        self.reporter.tell(sequence, Event::Noted(Note::LeftThere { target, unless_newer }));
    }

    /// Returns whether the server may have refused an OPEN only because others were open.
    pub(crate) fn may_be_crowded(&self, error: &sftp::Error) -> bool {
        error.may_lack_handles(self.session().width().is_trusted())
    }

    /// The session of the connection that is meant.
    pub(crate) fn session(&self) -> &Session {
        &self.lines.get(self.line).session
    }

    /// The window of the connection that is meant.
    pub(crate) fn window(&mut self) -> &mut Window {
        &mut self.lines.get_mut(self.line).window
    }

    /// Submits a request that moves no data to speak of.
    pub(crate) fn ask<C: Call>(&mut self, sequence: Sequence, asked: Asked, call: &C) {
        self.submit(sequence, asked, call, Instant::now());
    }

    /// Submits a request that moves data, which counts in the window.
    pub(crate) fn ask_for_data<C: Call>(&mut self, sequence: Sequence, asked: Asked, call: &C) {
        let (bytes, now) = (asked.window_bytes(), Instant::now());
        self.window().issue(bytes, now);
        self.limit.issue(bytes, now);
        self.submit(sequence, asked, call, now);
    }

    /// Asks for the hash of the first `length` bytes of an open file, in the way that the server knows.
    pub(crate) fn ask_for_hash(&mut self, sequence: Sequence, handle: &Handle, length: u64) {
        match self.hashes.request {
            Some(Extension::Md5Hash) => self.ask(sequence, Asked::Hash, &calls::Md5Hash { handle, offset: 0, length }),
            _ => self.ask(sequence, Asked::Hash, &calls::CheckFile { handle, offset: 0, length }),
        }
    }

    /// An answer has come; the connection that it came on is meant from now on.
    pub(crate) fn answered(&mut self, token: &Token, outcome: &Result<Reply, sftp::Error>) {
        self.line = token.line;
        self.lines.get_mut(token.line).outstanding -= 1;
        if token.asked.moves_data() {
            let bytes = token.asked.window_bytes();
            self.window().answered(bytes, token.issued, Instant::now());
            self.limit.refund(bytes.saturating_sub(token.asked.moved_bytes(outcome)));
        }
    }

    /// How long the user's limit lets no request out that moves data.
    pub(crate) fn pause(&self) -> Duration {
        self.limit.wait()
    }

    /// Bytes of the next READ.
    pub(crate) fn read_bytes(&self) -> u32 {
        self.request_bytes(self.settings.read_bytes)
    }

    /// Bytes of the next WRITE.
    pub(crate) fn write_bytes(&self) -> u32 {
        self.request_bytes(self.settings.write_bytes)
    }

    /// As many as the connection and the limit are good for. What the user pinned stays as it is.
    fn request_bytes(&self, most: u32) -> u32 {
        if self.settings.options.request_bytes.is_some() {
            return most;
        }
        self.limit.request_bytes(most.min(self.lines.get(self.line).window.request_bytes()))
    }

    fn submit<C: Call>(&mut self, sequence: Sequence, asked: Asked, call: &C, issued: Instant) {
        let line = self.lines.get_mut(self.line);
        line.outstanding += 1;
        line.session.submit_to(&self.queue, Token { sequence, asked, line: self.line, issued }, call);
    }
}

impl Asked {
    /// Whether an upload waits for its answer before it ends; the others are not counted there.
    pub(crate) fn is_awaited(self) -> bool {
        !matches!(self, Asked::Open | Asked::Stat | Asked::Follow | Asked::Withdraw)
    }

    /// Whether it counts in the window.
    pub(crate) fn moves_data(self) -> bool {
        matches!(self, Asked::Read { .. } | Asked::Verify { .. } | Asked::Write { .. })
    }

    /// Whether it moves bytes of a file to where they go.
    pub(crate) fn moves_file(self) -> bool {
        matches!(self, Asked::Read { .. } | Asked::Write { .. })
    }

    /// Bytes that it moves at most.
    pub(crate) fn window_bytes(self) -> u64 {
        match self {
            Asked::Read { length, .. } | Asked::Verify { length, .. } | Asked::Write { length, .. } => length.into(),
            _ => 0,
        }
    }

    /// Bytes that it moved.
    pub(crate) fn moved_bytes(self, outcome: &Result<Reply, sftp::Error>) -> u64 {
        match outcome {
            Ok(Reply::Data(data)) => data.len() as u64,
            Ok(_) => self.window_bytes(),
            Err(_) => 0,
        }
    }
}
