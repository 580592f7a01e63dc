//! Reports what a transfer would do, without doing it (`--dry-run`).
//!
//! A rehearsal follows the same plan and makes the same decisions as a transfer. It only sends requests that look
//! things up, for many steps at once. It remembers what earlier steps would have made, because later steps would find
//! that.

mod here;
mod there;

use std::collections::VecDeque;

use crate::sftp;
use crate::transfer::connections::io::Io;
use crate::transfer::event::{Event, Intent};
use crate::transfer::failure::Failure;
use crate::transfer::plan::{Next, Plan, Step};
use crate::transfer::rehearsal::here::Here;
use crate::transfer::rehearsal::there::{TargetQuery, There, UploadStep};
use crate::transfer::report::Report;
use crate::transfer::request::Direction;

/// The longest sleep between two looks at the canceller. Answers and steps of the plan end it.
const NAP: std::time::Duration = std::time::Duration::from_millis(500);

/// Steps whose targets are looked up ahead of their turn.
const ASKED_AHEAD: usize = 256;

/// Follows a plan to its end.
pub(crate) fn run(mut plan: Plan, mut io: Io, direction: Direction) -> Report {
    let mut rehearsal = Rehearsal {
        direction,
        here: Here::default(),
        there: There::default(),
        waiting: VecDeque::new(),
        files: 0,
        directories: 0,
        bytes: 0,
        lost: None,
    };
    while !io.canceller.is_cancelled() && rehearsal.lost.is_none() {
        match plan.next() {
            Next::Step(step) => {
                rehearsal.waiting.push_back(Waiting::of(step, &io));
                rehearsal.tell(&mut io, ASKED_AHEAD);
            }
            Next::Later if rehearsal.waiting.is_empty() => sleep(&mut io),
            Next::Later => {
                io.reporter.send();
                let left = rehearsal.waiting.len() - 1;
                rehearsal.tell(&mut io, left);
            }
            Next::End => {
                rehearsal.tell(&mut io, 0);
                if rehearsal.lost.is_none() && !io.canceller.is_cancelled() {
                    io.reporter.tell_now(Event::Intended(rehearsal.total()));
                }
                break;
            }
        }
    }
    let cancelled = io.canceller.is_cancelled();
    let sessions = io.pool.into_sessions();
    io.reporter.finish(rehearsal.lost, cancelled, sessions)
}

fn sleep(io: &mut Io) {
    io.reporter.send();
    // No request is in this queue: only the plan's wakeup, or a cancel, ends the sleep early.
    drop(io.queue.wait(Some(NAP)));
}

struct Rehearsal {
    direction: Direction,
    here: Here,
    there: There,
    /// Steps that were not reported yet, in order.
    waiting: VecDeque<Waiting>,
    files: u64,
    directories: u64,
    bytes: u64,
    lost: Option<sftp::Error>,
}

/// A step that was not reported yet.
enum Waiting {
    /// No question to the server is needed.
    Known(Step),
    /// The server's answers decide.
    Queried(TargetQuery),
}

impl Waiting {
    fn of(step: Step, io: &Io) -> Waiting {
        let step = match step {
            Step::Put(file) => UploadStep::File(file),
            Step::EnterPut(directory) => UploadStep::Directory(directory),
            Step::PutLink(link) => UploadStep::Link(link),
            step => return Waiting::Known(step),
        };
        Waiting::Queried(TargetQuery::about(step, io))
    }
}

impl Rehearsal {
    /// Reports the steps that need no answer, and waits for answers until at most `may_wait` steps are left.
    fn tell(&mut self, io: &mut Io, may_wait: usize) {
        while !io.canceller.is_cancelled() && self.lost.is_none() {
            let is_known = matches!(self.waiting.front(), Some(Waiting::Known(_)));
            if !is_known && self.waiting.len() <= may_wait {
                return;
            }
            let Some(waiting) = self.waiting.pop_front() else { return };
            match self.rehearse(waiting, io) {
                Ok(events) => {
                    for event in events {
                        self.count(&event);
                        io.reporter.tell_now(event);
                    }
                }
                Err(failure) => {
                    self.lost = failure.connection_error();
                    if self.lost.is_none() {
                        io.reporter.tell_now(Event::Failed(failure));
                    }
                }
            }
        }
    }

    /// Returns what a step would do.
    fn rehearse(&mut self, waiting: Waiting, io: &Io) -> Result<Vec<Event>, Failure> {
        let intents = match waiting {
            Waiting::Queried(query) => self.there.rehearse(query, io)?,
            Waiting::Known(step) => match step {
                Step::Note(note) => return Ok(vec![Event::Noted(note)]),
                Step::Fail(failure) => return Err(failure),
                Step::Leave if self.direction == Direction::Put => {
                    self.there.leave();
                    Vec::new()
                }
                step => self.here.rehearse(&step, io)?,
            },
        };
        Ok(intents.into_iter().map(Event::Intended).collect())
    }

    fn count(&mut self, event: &Event) {
        match event {
            Event::Intended(Intent::File { size, offset, .. }) => {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(size.unwrap_or(0).saturating_sub(*offset));
            }
            Event::Intended(Intent::Directory { .. }) => self.directories += 1,
            _ => {}
        }
    }

    fn total(&self) -> Intent {
        Intent::Total { files: self.files, directories: self.directories, bytes: self.bytes }
    }
}
