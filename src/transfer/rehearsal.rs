//! Says what a transfer would do, and does nothing (`--dry-run`).
//!
//! The plan is the same; only who follows it is another. No request goes out but those by which things are found, and what
//! depends on targets that are there is asked for many files at once.

mod prospect;

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;

use super::event::{Event, Intent};
use super::failure::Failure;
use super::io::Io;
use super::local::{Parents, Place, bytes};
use super::plan::{GetFile, Next, Plan, PutFile, Step, Target};
use super::report::Report;
use super::request::{Direction, LocalPath, OnConflict};
use crate::sftp;
use crate::sticky;
use prospect::{Prospect, Sending, path_of};

/// Longest sleep between two looks at a cancel; what is found wakes us anyway.
const NAP: std::time::Duration = std::time::Duration::from_millis(500);

/// Files about whose targets the server is asked at once.
const ASKED_AHEAD: usize = 256;

/// Follows a plan to its end.
pub(super) fn run(mut plan: Plan, mut io: Io, direction: Direction) -> Report {
    let mut rehearsal = Rehearsal {
        direction,
        removes: io.settings.options.remove_source,
        stack: Vec::new(),
        parents: Parents::default(),
        taken: HashSet::new(),
        waiting: VecDeque::new(),
        files: 0,
        directories: 0,
        bytes: 0,
        lost: None,
    };
    while !io.canceller.is_cancelled() && rehearsal.lost.is_none() {
        match plan.next() {
            Next::Step(step) => {
                if let Some(foreseen) = rehearsal.take(step, &io) {
                    rehearsal.waiting.push_back(foreseen);
                }
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
    let sessions = io.lines.into_sessions();
    io.reporter.finish(rehearsal.lost, cancelled, sessions)
}

fn sleep(io: &mut Io) {
    io.reporter.send();
    // Nothing was asked, so nothing is answered: only the plan's nudge ends it early.
    drop(io.queue.wait(Some(NAP)));
}

struct Rehearsal {
    direction: Direction,
    removes: bool,
    /// The local directories that were entered and not left.
    stack: Vec<Here>,
    parents: Parents,
    /// Targets that would be there by then.
    taken: HashSet<PathBuf>,
    /// What is to be told, in its order.
    waiting: VecDeque<Foreseen>,
    files: u64,
    directories: u64,
    bytes: u64,
    lost: Option<sftp::Error>,
}

/// A step's news.
enum Foreseen {
    /// It is known.
    Known(Event),
    /// It depends on what the server says.
    Asked(Sending),
}

/// A path here: where it is, and how it is shown.
struct Here {
    path: PathBuf,
    shown: PathBuf,
}

impl Rehearsal {
    /// Tells what is known, and of the rest as much as there is beyond so many that may wait.
    fn tell(&mut self, io: &mut Io, may_wait: usize) {
        while !io.canceller.is_cancelled() && self.lost.is_none() {
            let is_known = matches!(self.waiting.front(), Some(Foreseen::Known(_)));
            if !is_known && self.waiting.len() <= may_wait {
                return;
            }
            let event = match self.waiting.pop_front() {
                Some(Foreseen::Known(event)) => Some(event),
                Some(Foreseen::Asked(sending)) => {
                    let (file, size, prospect) = sending.prospect(&self.taken, io);
                    let prospect = match prospect {
                        Prospect::Fails(failure) => Prospect::Fails(file.failed(failure)),
                        prospect => prospect,
                    };
                    let (source, target) = (bytes(&file.shown).to_vec(), file.remote.as_bytes().to_vec());
                    self.foreseen(source, target, Some(size), prospect)
                }
                None => return,
            };
            event.into_iter().for_each(|event| io.reporter.tell_now(event));
        }
    }

    fn take(&mut self, step: Step, io: &Io) -> Option<Foreseen> {
        match step {
            Step::Put(file) => match Sending::ask(file, io) {
                Ok(sending) => Some(Foreseen::Asked(sending)),
                Err(file) => self.put(&file).map(Foreseen::Known),
            },
            step => self.take_known(step, io).map(Foreseen::Known),
        }
    }

    fn put(&mut self, file: &PutFile) -> Option<Event> {
        let size = std::fs::metadata(&file.local).ok().map(|metadata| metadata.len());
        let target = file.remote.as_bytes().to_vec();
        let prospect = Prospect::Moves { target: target.clone(), offset: 0, asks: false };
        self.foreseen(bytes(&file.shown).to_vec(), target, size, prospect)
    }

    fn get(&mut self, file: &GetFile, io: &Io) -> Option<Event> {
        let options = io.settings.options;
        let Here { path, shown } = self.place(&file.target);
        let target = bytes(&shown).to_vec();
        let place = match &file.target {
            _ if !options.resume && options.on_conflict == OnConflict::Overwrite => None,
            Target::Named(local) => Place::named(local, &mut self.parents).ok(),
            // What a tree holds is never looked for through a link.
            Target::Beneath(_) => Place::named(&LocalPath::listed(path, shown), &mut self.parents).ok(),
        };
        let prospect = match place {
            Some(place) => prospect::of_get(file, place, &self.taken, io),
            None => Prospect::Moves { target: target.clone(), offset: 0, asks: false },
        };
        self.foreseen(file.remote.as_bytes().to_vec(), target, file.attributes.size, prospect)
    }

    fn foreseen(&mut self, source: Vec<u8>, target: Vec<u8>, size: Option<u64>, prospect: Prospect) -> Option<Event> {
        let intent = match prospect {
            Prospect::Fails(failure) => return self.fail(failure),
            Prospect::Stays(reason) => Intent::Skip { source, target, reason },
            Prospect::Moves { target, offset, asks } => {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(size.unwrap_or(0).saturating_sub(offset));
                self.taken.insert(path_of(&target));
                let (direction, removes) = (self.direction, self.removes);
                Intent::File { direction, source, target, size, offset, asks, removes }
            }
        };
        Some(Event::Intended(intent))
    }

    fn take_known(&mut self, step: Step, io: &Io) -> Option<Event> {
        let intent = match step {
            Step::Announce(_) => return None,
            Step::Leave => {
                self.stack.pop();
                return None;
            }
            Step::Note(note) => return Some(Event::Noted(note)),
            Step::Fail(failure) => return self.fail(failure),
            Step::Get(file) => return self.get(&file, io),
            Step::Put(file) => return self.put(&file),
            Step::EnterGet(directory) => {
                let here = self.place(&directory.target);
                let is_there = sticky::is_dir(&here.path);
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
