//! Says what a transfer would do, and does nothing (`--dry-run`).
//!
//! The plan is the same; only who follows it is another. No request goes out but those by which things are found.

use std::path::PathBuf;

use super::event::{Event, Intent};
use super::failure::Failure;
use super::io::{Io, Token};
use super::local::bytes;
use super::plan::{Next, Plan, Step, Target};
use super::report::Report;
use super::request::Direction;
use crate::sftp::{self, Completions};

/// Longest sleep between two looks at a cancel; what is found wakes us anyway.
const NAP: std::time::Duration = std::time::Duration::from_millis(500);

/// Follows a plan to its end.
pub(super) fn run(plan: &Plan, mut io: Io, direction: Direction) -> Report {
    let mut rehearsal = Rehearsal {
        direction,
        removes: io.settings.options.remove_source,
        stack: Vec::new(),
        files: 0,
        directories: 0,
        bytes: 0,
        lost: None,
    };
    while !io.canceller.is_cancelled() && rehearsal.lost.is_none() {
        match plan.next() {
            Next::Step(step) => {
                if let Some(event) = rehearsal.take(step) {
                    io.reporter.tell_now(event);
                }
            }
            Next::Later => sleep(&io.queue),
            Next::End => {
                io.reporter.tell_now(Event::Intended(rehearsal.total()));
                break;
            }
        }
    }
    let cancelled = io.canceller.is_cancelled();
    let sessions = io.lines.into_sessions();
    io.reporter.finish(rehearsal.lost, cancelled, sessions)
}

fn sleep(queue: &Completions<Token>) {
    // Nothing was asked, so nothing is answered: only the plan's nudge ends it early.
    drop(queue.wait(Some(NAP)));
}

struct Rehearsal {
    direction: Direction,
    removes: bool,
    /// The local directories that were entered and not left.
    stack: Vec<Here>,
    files: u64,
    directories: u64,
    bytes: u64,
    lost: Option<sftp::Error>,
}

/// A path here: where it is, and how it is shown.
struct Here {
    path: PathBuf,
    shown: PathBuf,
}

impl Rehearsal {
    fn take(&mut self, step: Step) -> Option<Event> {
        let intent = match step {
            Step::Announce(_) => return None,
            Step::Leave => {
                self.stack.pop();
                return None;
            }
            Step::Note(note) => return Some(Event::Noted(note)),
            Step::Fail(failure) => return self.fail(failure),
            Step::Get(file) => {
                let target = bytes(&self.place(&file.target).shown).to_vec();
                self.file(file.remote.as_bytes().to_vec(), target, file.attributes.size)
            }
            Step::Put(file) => {
                let size = std::fs::metadata(&file.local).ok().map(|metadata| metadata.len());
                self.file(bytes(&file.shown).to_vec(), file.remote.as_bytes().to_vec(), size)
            }
            Step::EnterGet(directory) => {
                let here = self.place(&directory.target);
                let is_there = here.path.is_dir();
                let target = bytes(&here.shown).to_vec();
                self.stack.push(here);
                if is_there {
                    return None;
                }
                self.directory(target, true)
            }
            Step::EnterPut(directory) => self.directory(directory.remote.as_bytes().to_vec(), false),
            Step::GetLink(link) => Intent::Link {
                source: link.remote.as_bytes().to_vec(),
                target: bytes(&self.place(&link.target).shown).to_vec(),
                removes: self.removes,
            },
            Step::PutLink(link) => Intent::Link {
                source: bytes(&link.shown).to_vec(),
                target: link.remote.as_bytes().to_vec(),
                removes: self.removes,
            },
        };
        Some(Event::Intended(intent))
    }

    fn fail(&mut self, failure: Failure) -> Option<Event> {
        self.lost = failure.connection_error();
        self.lost.is_none().then_some(Event::Failed(failure))
    }

    fn file(&mut self, source: Vec<u8>, target: Vec<u8>, size: Option<u64>) -> Intent {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(size.unwrap_or(0));
        Intent::File { direction: self.direction, source, target, size, removes: self.removes }
    }

    fn directory(&mut self, target: Vec<u8>, is_missing: bool) -> Intent {
        self.directories += 1;
        Intent::Directory { target, is_missing }
    }

    fn place(&self, target: &Target) -> Here {
        match (target, self.stack.last()) {
            (Target::Named(local), _) => Here { path: local.path().to_owned(), shown: local.shown().to_owned() },
            (Target::Beneath(name), Some(above)) => Here { path: above.path.join(name), shown: above.shown.join(name) },
            // A plan enters a directory before what is in it.
            (Target::Beneath(name), None) => Here { path: PathBuf::from(name), shown: PathBuf::from(name) },
        }
    }

    fn total(&self) -> Intent {
        Intent::Total { files: self.files, directories: self.directories, bytes: self.bytes }
    }
}
