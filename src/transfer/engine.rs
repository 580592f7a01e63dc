//! The engine: one thread, one queue of answers, hundreds of files in flight.
//!
//! The window is filled across files, the oldest first; the next files are opened with what is left of it. It never waits
//! for the plan, and of the disk only for plain reads and writes, which the page cache takes.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::download::Download;
use super::event::Event;
use super::failure::{Act, Failure};
use super::growth::Growth;
use super::io::{Asked, Io, Token, Turn};
use super::job::Canceller;
use super::local::{Directory, Parents, Place, Troubles};
use super::plan::{GetDirectory, GetFile, Next, Plan, PutFile, Step, Target};
use super::remote_tree::{Fate, RemoteTree};
use super::report::Report;
use super::reporter::{Found, Reporter, Sequence};
use super::request::{Direction, Request};
use super::settings::Settings;
use super::upload::{Source, Upload};
use super::window::Window;
use crate::sftp::{self, Completions, Reply, Session};

/// Longest sleep between two looks at everything; what matters wakes the engine anyway.
const NAP: Duration = Duration::from_millis(500);

/// Steps that may be done without having been told, because an earlier one takes long. What they will say waits in memory.
const STEPS_UNTOLD: u64 = 10_000;

/// What a file counts in the backlog at least: an OPEN is under way for it.
const LEAST_BACKLOG: u64 = 512;

/// Runs a job to its end.
pub(super) fn run(session: Session, request: Request, events: Sender<Event>, canceller: Canceller) -> Report {
    let settings = Settings::new(&session, request.options, request.server);
    let queue = Completions::new();
    let found = Arc::new(Found::default());
    let mut reporter = Reporter::new(events, Arc::clone(&found));
    let _watch = canceller.interrupt().watch(queue.nudge());
    let plan = Plan::start(&session, request.pairs, request.options, found, &canceller, queue.nudge());
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => {
            reporter.fail(Failure::new(Act::StartThread, *b"", error));
            return reporter.finish(None, false);
        }
    };
    let growth = Growth::new(settings.least_window_bytes, settings.most_window_bytes);
    let window = Window::new(growth, settings.window_requests, settings.options.bytes_per_second);
    let io = Io { session, queue, window, reporter, settings, canceller, scratch: Vec::new() };
    Engine {
        io,
        plan: Some(plan),
        postponed: None,
        next: 0,
        files: BTreeMap::new(),
        hungry: BTreeSet::new(),
        crowded: BTreeSet::new(),
        targets: HashSet::new(),
        local: LocalTree::default(),
        remote: RemoteTree::default(),
        lost: None,
    }
    .run()
}

struct Engine {
    io: Io,
    /// Gone when it has ended.
    plan: Option<Plan>,
    /// A file that can't be begun yet: its target is being written by an earlier one, or too much is open here.
    postponed: Option<Step>,
    next: Sequence,
    files: BTreeMap<Sequence, Moving>,
    /// Files that may have something to ask for.
    hungry: BTreeSet<Sequence>,
    /// Files that could not be opened while so much else was.
    crowded: BTreeSet<Sequence>,
    /// Targets that are being written, so that the last of several with one target wins, as one by one.
    targets: HashSet<PathBuf>,
    local: LocalTree,
    remote: RemoteTree,
    /// Why the connection ended.
    lost: Option<sftp::Error>,
}

/// A file in flight.
enum Moving {
    Get { download: Box<Download>, target: PathBuf },
    Put { upload: Box<Upload>, target: PathBuf, directory: Option<Sequence>, retried: bool },
}

/// The local directories that are being filled.
#[derive(Default)]
struct LocalTree {
    parents: Parents,
    /// Those that were entered and not left; nothing for one that could not be made.
    stack: Vec<Option<Rc<Directory>>>,
    troubles: Troubles,
}

impl Engine {
    fn run(mut self) -> Report {
        loop {
            let stops = self.stops();
            if !stops {
                self.take_steps();
                self.fill_window();
            }
            let is_idle = self.io.queue.outstanding() == 0;
            if is_idle && (stops || self.is_done()) {
                break;
            }
            for (token, outcome) in self.io.queue.wait(Some(self.nap())) {
                self.answer(token, outcome);
            }
            if !stops && self.crowded.len() == self.files.len() {
                // Nothing else is open any more.
                self.open_crowded();
            }
        }
        self.conclude()
    }

    /// How long nothing need be looked at: until the user's limit lets the next request out, when it is that which is waited for.
    fn nap(&self) -> Duration {
        match self.io.window.pause() {
            pause if pause.is_zero() => NAP,
            pause => pause.min(NAP),
        }
    }

    fn stops(&self) -> bool {
        self.lost.is_some() || self.io.canceller.is_cancelled()
    }

    fn is_done(&self) -> bool {
        self.plan.is_none() && self.files.is_empty() && self.postponed.is_none()
    }

    fn conclude(mut self) -> Report {
        let cancelled = self.io.canceller.is_cancelled();
        for (_, moving) in std::mem::take(&mut self.files) {
            if let Moving::Get { download, .. } = moving {
                download.interrupt(&mut self.io);
            }
        }
        // Directories that are left now get their final mode and times.
        let LocalTree { parents, stack, troubles } = self.local;
        drop((parents, stack, self.plan));
        for failure in troubles.take() {
            self.io.reporter.fail(failure);
        }
        self.io.reporter.finish(self.lost, cancelled)
    }

    /// Begins with what comes next, as far as there is room for it.
    fn take_steps(&mut self) {
        let mut backlog: u64 = self.files.values().map(Moving::backlog).sum();
        while self.files.len() < self.io.settings.files
            && backlog < self.io.window.width()
            && self.io.reporter.ahead(self.next) < STEPS_UNTOLD
            && self.crowded.is_empty()
            && !self.stops()
        {
            let Some(step) = self.next_step() else { return };
            if self.must_wait(&step) {
                self.postponed = Some(step);
                return;
            }
            let sequence = self.next;
            self.next += 1;
            self.take(sequence, step);
            backlog += self.files.get(&sequence).map_or(0, Moving::backlog);
        }
    }

    fn next_step(&mut self) -> Option<Step> {
        if let Some(step) = self.postponed.take() {
            return Some(step);
        }
        match self.plan.as_ref()?.next() {
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
            Step::Get(file) => self.local.path_of(&file.target).is_some_and(|path| self.targets.contains(&path)),
            Step::Put(file) => self.targets.contains(&path_there(file)),
            _ => false,
        }
    }

    fn take(&mut self, sequence: Sequence, step: Step) {
        match step {
            Step::Get(file) => return self.take_get(sequence, file),
            Step::Put(file) => return self.take_put(sequence, file),
            Step::EnterPut(directory) => return self.remote.enter(sequence, directory, &mut self.io),
            Step::EnterGet(directory) => self.enter_local(sequence, &directory),
            Step::Leave => self.leave(),
            Step::Announce(file) => self.io.reporter.tell(sequence, Event::Announced(file)),
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

    fn lose(&mut self, error: sftp::Error) {
        self.lost.get_or_insert(error);
    }

    fn leave(&mut self) {
        // A plan goes one way only.
        if self.local.stack.pop().is_none() {
            self.remote.leave(&self.io);
        }
    }

    fn enter_local(&mut self, sequence: Sequence, step: &GetDirectory) {
        let Some(made) = self.local.enter(step, &self.io.settings) else {
            return self.local.stack.push(None);
        };
        let directory = step.remote.as_bytes().to_vec();
        self.io.reporter.tell(sequence, Event::Entered { direction: Direction::Get, directory });
        match made {
            Ok(made) => self.local.stack.push(Some(Rc::new(made))),
            Err(failure) => {
                self.io.reporter.tell(sequence, Event::Failed(failure));
                self.local.stack.push(None);
            }
        }
    }

    fn take_get(&mut self, sequence: Sequence, file: GetFile) {
        // Its directory could not be made, which was said.
        let Some(target) = self.local.path_of(&file.target) else { return self.pass_over(sequence) };
        let place = match &file.target {
            Target::Named(local) => Place::named(local, &mut self.local.parents),
            Target::Beneath(name) => match self.local.stack.last() {
                Some(Some(directory)) => Ok(Place::beneath(directory, name)),
                _ => return self.pass_over(sequence),
            },
        };
        match place {
            Ok(place) => {
                let download = Download::begin(sequence, file.remote, file.attributes, place, &self.io);
                self.targets.insert(target.clone());
                self.files.insert(sequence, Moving::Get { download: Box::new(download), target });
            }
            Err(failure) => self.fail_file(sequence, failure),
        }
    }

    fn take_put(&mut self, sequence: Sequence, file: PutFile) {
        if self.remote.current_fate() == Some(Fate::Refused) {
            return self.pass_over(sequence);
        }
        match Source::open(&file) {
            Ok(source) => {
                let target = path_there(&file);
                self.targets.insert(target.clone());
                let upload = Box::new(Upload::begin(sequence, file, source, &self.io));
                let directory = self.remote.use_current();
                self.files.insert(sequence, Moving::Put { upload, target, directory, retried: false });
            }
            Err(failure) if failure.is_for_want_of_descriptors() && !self.files.is_empty() => {
                self.io.settings.files = self.files.len();
                self.next = sequence;
                self.postponed = Some(Step::Put(file));
            }
            Err(failure) => self.fail_file(sequence, failure),
        }
    }

    fn fail_file(&mut self, sequence: Sequence, failure: Failure) {
        self.io.reporter.tell(sequence, Event::Failed(failure));
        self.pass_over(sequence);
    }

    /// A file that is not moved, for a reason that was told.
    fn pass_over(&mut self, sequence: Sequence) {
        self.io.reporter.file_done(false);
        self.io.reporter.conclude(sequence);
    }

    /// Sends what there is to ask for, the oldest file first.
    fn fill_window(&mut self) {
        while self.io.window.has_room() {
            let Some(&sequence) = self.hungry.first() else { return };
            let turn = match self.files.get_mut(&sequence) {
                Some(Moving::Get { download, .. }) => download.ask(&mut self.io),
                Some(Moving::Put { upload, .. }) => upload.ask(&mut self.io),
                None => Turn::Waits,
            };
            self.follow(sequence, turn);
        }
    }

    fn follow(&mut self, sequence: Sequence, turn: Turn) {
        match turn {
            Turn::MayAsk => {
                self.hungry.insert(sequence);
            }
            Turn::Waits => {
                self.hungry.remove(&sequence);
            }
            Turn::Crowded => {
                self.hungry.remove(&sequence);
                self.crowded.insert(sequence);
            }
            Turn::Concluded => {
                self.hungry.remove(&sequence);
                self.end_file(sequence);
            }
        }
    }

    fn end_file(&mut self, sequence: Sequence) {
        let ended = self.files.remove(&sequence);
        if let Some(Moving::Get { target, .. } | Moving::Put { target, .. }) = &ended {
            self.targets.remove(target);
        }
        if let Some(Moving::Put { directory: Some(directory), .. }) = ended {
            self.remote.release(directory, &self.io);
        }
        self.io.reporter.conclude(sequence);
        self.open_crowded();
    }

    /// Something was closed: one that could not be opened is tried again, and no more are opened from now on than were then.
    fn open_crowded(&mut self) {
        let Some(sequence) = self.crowded.pop_first() else { return };
        let open = self.files.values().filter(|moving| moving.is_open()).count();
        self.io.settings.files = self.io.settings.files.min(open + 1);
        match self.files.get_mut(&sequence) {
            Some(Moving::Get { download, .. }) => download.open_again(&self.io),
            Some(Moving::Put { upload, .. }) => upload.open_again(&self.io),
            None => {}
        }
    }

    fn answer(&mut self, token: Token, outcome: Result<Reply, sftp::Error>) {
        let Token { sequence, asked, issued } = token;
        if asked.moves_data() {
            self.io.window.answered(asked.window_bytes(), asked.moved_bytes(&outcome), issued, Instant::now());
        }
        if let Err(error) = &outcome
            && !error.leaves_the_session_alive()
        {
            return self.lose(error.clone());
        }
        match asked {
            Asked::MakeDirectory | Asked::StatDirectory | Asked::SetDirectory => {
                for waiting in self.remote.answer(sequence, asked, outcome, &mut self.io) {
                    self.go_on(waiting);
                }
            }
            _ => self.answer_file(sequence, asked, outcome),
        }
    }

    fn answer_file(&mut self, sequence: Sequence, asked: Asked, outcome: Result<Reply, sftp::Error>) {
        let turn = match self.files.get_mut(&sequence) {
            Some(Moving::Get { download, .. }) => download.answer(&mut self.io, asked, outcome),
            Some(Moving::Put { upload, directory: Some(directory), retried: false, .. })
                if outcome.is_err() && upload.is_at_its_beginning() =>
            {
                // Perhaps only because its directory was not there yet.
                match self.remote.fate(*directory) {
                    Some(Fate::Open) => return self.remote.wait_for(*directory, sequence),
                    _ => return self.go_on(sequence),
                }
            }
            Some(Moving::Put { upload, .. }) => upload.answer(&mut self.io, asked, outcome),
            // It failed, and this was still under way.
            None => return,
        };
        self.follow(sequence, turn);
    }

    /// The fate of a file's directory is known.
    fn go_on(&mut self, sequence: Sequence) {
        let Some(Moving::Put { upload, directory: Some(directory), retried, .. }) = self.files.get_mut(&sequence)
        else {
            return;
        };
        if self.remote.fate(*directory) == Some(Fate::Refused) {
            return self.abandon(sequence);
        }
        *retried = true;
        upload.send_first(&self.io);
    }

    /// A file whose directory can't be made, which was said.
    fn abandon(&mut self, sequence: Sequence) {
        self.io.reporter.file_done(false);
        self.follow(sequence, Turn::Concluded);
    }
}

impl Moving {
    fn is_open(&self) -> bool {
        match self {
            Moving::Get { download, .. } => download.is_open(),
            Moving::Put { upload, .. } => upload.is_open(),
        }
    }

    fn backlog(&self) -> u64 {
        match self {
            Moving::Get { download, .. } => download.backlog().max(LEAST_BACKLOG),
            Moving::Put { upload, .. } => upload.backlog().max(LEAST_BACKLOG),
        }
    }
}

/// A file's path on the server, for comparison with others: `a/./b` is `a/b`.
fn path_there(file: &PutFile) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(file.remote.as_bytes()))
}

impl LocalTree {
    /// A file's path here, for comparison with others; nothing where its directory could not be made.
    fn path_of(&self, target: &Target) -> Option<PathBuf> {
        match (target, self.stack.last()) {
            (Target::Named(local), _) => Some(local.shown().to_owned()),
            (Target::Beneath(name), Some(Some(directory))) => Some(directory.shown().join(name)),
            (Target::Beneath(_), _) => None,
        }
    }

    /// Makes a directory; nothing where the one above could not be made, which was said.
    fn enter(&mut self, step: &GetDirectory, settings: &Settings) -> Option<Result<Directory, Failure>> {
        match (&step.target, self.stack.last()) {
            (Target::Named(local), _) => Some(Directory::make_top(local, &step.attributes, settings, &self.troubles)),
            (Target::Beneath(name), Some(Some(parent))) => {
                Some(parent.make(name, &step.attributes, settings, &self.troubles))
            }
            (Target::Beneath(_), _) => None,
        }
    }
}
