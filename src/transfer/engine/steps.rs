//! How the engine takes the steps of its plan.

use std::path::PathBuf;
use std::rc::Rc;

use rustix::io::Errno;

use crate::sftp::Attributes;
use crate::transfer::connections::pool::ConnectionId;
use crate::transfer::engine::moving::{InDirectory, Moving, Way};
use crate::transfer::engine::{Engine, STEPS_UNTOLD, path_there};
use crate::transfer::event::{Event, Note};
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::get::{self, Download, MOST_DECISIONS};
use crate::transfer::local::{Place, bytes, make_link};
use crate::transfer::plan::{GetDirectory, GetFile, GetLink, Next, PutDirectory, PutFile, PutLink, Step, Target};
use crate::transfer::progress::reporter::Sequence;
use crate::transfer::put::Upload;
use crate::transfer::put::directories::DirectoryState;
use crate::transfer::put::source::Source;
use crate::transfer::removal::{Moved, may_be_itself};
use crate::transfer::request::Direction;

impl Engine {
    /// Begins the next steps, as long as there is room for them.
    pub(super) fn take_steps(&mut self) {
        let mut backlog: u64 = self.files.values().map(Moving::backlog).sum();
        while self.files.len() < self.io.settings.files
            && backlog < self.io.pool.width()
            && self.io.reporter.ahead(self.next) < STEPS_UNTOLD
            && self.crowd.is_empty()
            && !self.stops()
        {
            let Some(step) = self.next_step() else { return };
            let connection = self.connection_for(&step).filter(|_| !self.must_wait(&step));
            let Some(connection) = connection else {
                self.postponed = Some(step);
                return;
            };
            let sequence = self.next;
            self.next += 1;
            self.io.pool.made_progress();
            self.take(sequence, step, connection);
            backlog += self.files.get(&sequence).map_or(0, Moving::backlog);
        }
    }

    fn next_step(&mut self) -> Option<Step> {
        if let Some(step) = self.postponed.take() {
            return Some(step);
        }
        match self.plan.as_mut()?.next() {
            Next::Step(step) => Some(step),
            Next::Later => None,
            Next::End => {
                self.plan = None;
                None
            }
        }
    }

    fn must_wait(&self, step: &Step) -> bool {
        match step {
            Step::Get(GetFile { target, .. })
            | Step::GetLink(GetLink { target, .. })
            | Step::EnterGet(GetDirectory { target, .. }) => {
                self.local.path_of(target).is_some_and(|path| self.targets.contains(&path))
            }
            Step::Put(PutFile { remote, .. })
            | Step::PutLink(PutLink { remote, .. })
            | Step::EnterPut(PutDirectory { remote, .. }) => {
                self.targets.contains(&path_there(remote)) || self.links.is_making(remote)
            }
            _ => false,
        }
    }

    /// Returns the connection for a step. A file goes out on the connection on which its directory is being made.
    fn connection_for(&self, step: &Step) -> Option<ConnectionId> {
        let follows_directory = matches!(step, Step::Put(_) | Step::PutLink(_) | Step::EnterPut(_))
            && self.remote.current_state() == Some(DirectoryState::Pending);
        let directory = self.remote.connection().filter(|_| follows_directory);
        let living = directory.filter(|&connection| self.io.pool.get(connection).lost.is_none());
        living.or_else(|| self.io.pool.idlest())
    }

    /// Adds a file in flight, whose home is the given connection.
    fn add_file(&mut self, sequence: Sequence, way: Way, target: PathBuf, home: ConnectionId) {
        self.io.pool.get_mut(home).files += 1;
        self.targets.insert(target.clone());
        self.files.insert(sequence, Moving::new(way, target, home));
    }

    fn take(&mut self, sequence: Sequence, step: Step, connection: ConnectionId) {
        self.note_others(sequence);
        match step {
            Step::Get(file) => return self.take_get(sequence, file, connection),
            Step::Put(file) => return self.take_put(sequence, file, connection),
            Step::EnterPut(directory) => {
                return self.remote.enter(sequence, directory, &mut self.io.on(connection));
            }
            Step::PutLink(link) => return self.take_put_link(sequence, link, connection),
            Step::GetLink(link) => self.take_get_link(sequence, &link, connection),
            Step::EnterGet(directory) => self.enter_local(sequence, &directory),
            Step::Leave => self.leave(connection),
            Step::Announce(file) => self.io.reporter.tell(sequence, Event::Announced(file)),
            // It helps only before anything is moved.
            Step::Note(note @ Note::Shortage { .. }) => self.io.reporter.interject(note),
            Step::Note(note) => self.io.reporter.tell(sequence, Event::Noted(note)),
            Step::Fail(failure) => self.fail_step(sequence, failure),
        }
        self.io.reporter.conclude(sequence);
    }

    fn fail_step(&mut self, sequence: Sequence, failure: Failure) {
        match failure.connection_error() {
            Some(error) => self.lose(error),
            None => self.io.reporter.tell(sequence, Event::Failed(failure)),
        }
    }

    fn leave(&mut self, connection: ConnectionId) {
        // A plan goes one way only.
        if self.local.stack.pop().is_none() {
            self.remote.leave(&mut self.io.on(connection));
        }
    }

    fn enter_local(&mut self, sequence: Sequence, step: &GetDirectory) {
        let Some(made) = self.local.enter(step, &self.io.settings) else {
            return self.local.stack.push(None);
        };
        let directory = step.remote.as_bytes().to_vec();
        self.io.reporter.tell(sequence, Event::Entered { direction: Direction::Get, directory });
        match made {
            Ok(made) => {
                self.removals.entered_remote(&step.remote);
                self.local.stack.push(Some(Rc::new(made)));
            }
            Err(failure) => {
                self.io.reporter.tell(sequence, Event::Failed(failure));
                self.local.stack.push(None);
            }
        }
    }

    fn take_get(&mut self, sequence: Sequence, file: GetFile, connection: ConnectionId) {
        self.io.announce(sequence, file.announced.as_ref());
        self.io.reporter.begin_file(sequence, file.attributes.size);
        // Its directory could not be made, which was said.
        let Some(path) = self.local.path_of(&file.target) else { return self.pass_over(sequence) };
        let place = match &file.target {
            Target::Named(local) => Place::named(local, &mut self.local.parents),
            Target::Beneath(name) => match self.local.stack.last() {
                Some(Some(directory)) => Ok(Place::beneath(directory, name)),
                _ => return self.pass_over(sequence),
            },
        };
        let is_in_tree = file.announced.is_none();
        match place {
            Ok(_) if !self.removals.may_write(&path) => {
                let failure = Failure::new(Act::RemoveSource, file.remote.as_bytes(), Cause::JustWritten);
                self.fail_file(sequence, failure);
            }
            Ok(place) if self.io.settings.options.remove_source && may_be_itself(&place, &file.attributes) => {
                let failure = Failure::new(Act::RemoveSource, file.remote.as_bytes(), Cause::Itself);
                self.fail_file(sequence, failure);
            }
            Ok(asked) => match self.io.choose_place(&asked, &file.attributes, |path| self.targets.contains(path)) {
                Ok((place, replaceable)) => {
                    let target = if place.shown() == asked.shown() { path } else { place.shown().to_owned() };
                    let goes = get::Target { asked, place, replaceable };
                    let (remote, attributes) = (file.remote, file.attributes);
                    let mut wire = self.io.on(connection);
                    let download = Download::begin(sequence, remote, attributes, goes, is_in_tree, &mut wire);
                    self.add_file(sequence, Way::Get(Box::new(download)), target, connection);
                }
                Err(target) => {
                    self.io.leave_there(sequence, target);
                    self.pass_over(sequence);
                }
            },
            Err(failure) => self.fail_file(sequence, failure),
        }
    }

    fn take_put(&mut self, sequence: Sequence, file: PutFile, connection: ConnectionId) {
        self.io.reporter.begin_file(sequence, Some(file.size));
        if self.remote.current_state() == Some(DirectoryState::Refused) {
            return self.pass_over(sequence);
        }
        let opened = Source::open(&file);
        if opened.as_ref().is_err_and(Failure::lacks_descriptors) && !self.files.is_empty() {
            self.io.settings.files = self.files.len();
            self.next = sequence;
            self.postponed = Some(Step::Put(file));
            return;
        }
        self.io.announce(sequence, file.announced.as_ref());
        match opened {
            Ok(_) if !self.removals.may_write(&path_there(&file.remote)) => {
                let failure = Failure::new(Act::RemoveSource, bytes(&file.shown), Cause::JustWritten);
                self.fail_file(sequence, failure);
            }
            Ok(source) => {
                let target = path_there(&file.remote);
                let upload = Box::new(Upload::begin(sequence, file, source, &mut self.io.on(connection)));
                let directory = self.remote.use_current();
                let directory = directory.map(|sequence| InDirectory { sequence, was_begun_again: false });
                self.add_file(sequence, Way::Put { upload, directory }, target, connection);
            }
            Err(failure) => self.fail_file(sequence, file.failed(failure)),
        }
    }

    fn take_get_link(&mut self, sequence: Sequence, link: &GetLink, connection: ConnectionId) {
        let (Target::Beneath(name), Some(Some(directory))) = (&link.target, self.local.stack.last()) else { return };
        let times = link.times.filter(|_| self.io.settings.options.preserve);
        let (asked, attributes) =
            (Place::beneath(directory, name), Attributes { times: link.times, ..Attributes::default() });
        let (mut place, mut replaceable) = (asked.clone(), self.io.replaceable_by_default());
        for _ in 0..MOST_DECISIONS {
            match make_link(&place, &link.points_to, times, replaceable) {
                Ok(true) => {
                    if place.shown() != asked.shown() {
                        self.io.reporter.renamed(sequence, bytes(asked.shown()), bytes(place.shown()));
                    }
                    let moved = Moved::FetchedLink(link.remote.clone());
                    return self.removals.begin(sequence, moved, &mut self.io.on(connection));
                }
                Ok(false) => {}
                Err(failure) => return self.io.reporter.tell(sequence, Event::Failed(failure)),
            }
            match self.io.choose_place(&asked, &attributes, |path| self.targets.contains(path)) {
                Ok(settled) => (place, replaceable) = settled,
                Err(target) => return self.io.leave_there(sequence, target),
            }
        }
        let failure = Failure::new(Act::MakeLocalLink, bytes(asked.shown()), Errno::EXIST);
        self.io.reporter.tell(sequence, Event::Failed(failure));
    }

    fn take_put_link(&mut self, sequence: Sequence, link: PutLink, connection: ConnectionId) {
        if self.remote.current_state() == Some(DirectoryState::Refused) {
            return self.io.reporter.conclude(sequence);
        }
        let directory = self.remote.use_current();
        self.links.begin(sequence, link, directory, &mut self.io.on(connection));
    }

    fn fail_file(&mut self, sequence: Sequence, failure: Failure) {
        self.io.reporter.tell(sequence, Event::Failed(failure));
        self.pass_over(sequence);
    }

    /// Ends a file that is not moved, for a reason that was reported.
    fn pass_over(&mut self, sequence: Sequence) {
        self.io.reporter.file_left(sequence);
        self.io.reporter.conclude(sequence);
    }
}
