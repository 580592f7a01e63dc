//! The engine: one thread, one queue of answers, hundreds of files in flight.
//!
//! The window is filled across files, the oldest first; the next files are opened with what is left of it. It never waits
//! for the plan, and of the disk only for plain reads and writes, which the page cache takes.

mod losses;
mod steps;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::name::RemotePath;
use crate::sftp::{self, Completions, Reply, Session};
use crate::transfer::canceller::Canceller;
use crate::transfer::connections::io::{Asked, Io, Token, Turn};
use crate::transfer::connections::pool::{LineId, Lines};
use crate::transfer::event::Event;
use crate::transfer::failure::{Act, Failure};
use crate::transfer::get::Download;
use crate::transfer::local::{Directory, Parents, Troubles};
use crate::transfer::plan::{GetDirectory, Plan, Step, Target, Wishes};
use crate::transfer::progress::pace::{Clock, Pace};
use crate::transfer::progress::reporter::{Found, Reporter, Sequence};
use crate::transfer::proof::hashing::Hashes;
use crate::transfer::put::Upload;
use crate::transfer::put::directories::{Fate, RemoteTree};
use crate::transfer::put::links::RemoteLinks;
use crate::transfer::rehearsal;
use crate::transfer::removal::Removals;
use crate::transfer::report::Report;
use crate::transfer::request::Request;
use crate::transfer::settings::Settings;

/// Longest sleep between two looks at everything; what matters wakes the engine anyway.
const NAP: Duration = Duration::from_millis(500);

/// Steps that may be done without having been told, because an earlier one takes long. What they will say waits in memory.
const STEPS_UNTOLD: u64 = 10_000;

/// What a file counts in the backlog at least: an OPEN is under way for it.
const LEAST_BACKLOG: u64 = 512;

/// Runs a job to its end.
pub(crate) fn run(session: Session, request: Request, events: Sender<Vec<Event>>, canceller: Canceller) -> Report {
    let direction = request.direction();
    let mut settings = Settings::new(&session, direction, request.options, request.server);
    settings.mode = request.mode;
    settings.files = request.learnt.allowed_files().map_or(settings.files, |files| files.min(settings.files));
    let queue = Completions::new();
    let connections =
        if request.options.dry_run { request.connections.without_new_ones() } else { request.connections };
    let lines = Lines::new(&session, connections, &settings, canceller.clone(), queue.wakeup());
    let found = Arc::new(Found::default());
    let mut reporter = Reporter::new(events, Arc::clone(&found));
    let _watch = canceller.interrupt().watch(queue.wakeup());
    let wishes = Wishes { options: request.options, selection: request.selection };
    let plan = Plan::start(lines.lifeline(), request.pairs, wishes, found, &canceller, queue.wakeup());
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => {
            reporter.fail(Failure::new(Act::StartThread, *b"", error));
            return reporter.finish(None, false, lines.into_sessions());
        }
    };
    let hashes = Hashes::new(session.hashing(), request.options.verify);
    let (limit, learnt) = (request.limit, request.learnt);
    let io = Io {
        lines,
        line: 0,
        queue,
        limit,
        hashes,
        pace: Pace::starting(Instant::now()),
        reporter,
        settings,
        learnt,
        canceller,
        has_others: false,
        scratch: Vec::new(),
    };
    if request.options.dry_run {
        return rehearsal::run(plan, io, direction);
    }
    Engine {
        io,
        plan: Some(plan),
        postponed: None,
        next: 0,
        files: BTreeMap::new(),
        crowded: BTreeSet::new(),
        alone: None,
        hashing: BTreeSet::new(),
        targets: HashSet::new(),
        local: LocalTree::default(),
        remote: RemoteTree::default(),
        homeless: BTreeSet::new(),
        links: RemoteLinks::default(),
        removals: Removals::new(request.options.remove_source, request.standing),
        unanswered: Vec::new(),
        lost: None,
    }
    .run()
}

struct Engine {
    io: Io,
    /// Gone when it has ended.
    plan: Option<Plan>,
    /// A step that can't be begun yet: its target is being written by an earlier one, or too much is open here.
    postponed: Option<Step>,
    next: Sequence,
    files: BTreeMap<Sequence, Moving>,
    /// Files that could not be opened while others were.
    crowded: BTreeSet<Sequence>,
    /// One of them that is tried once more now that nothing else is open.
    alone: Option<Sequence>,
    /// Files that have something to hash here.
    hashing: BTreeSet<Sequence>,
    /// Targets that are being written, so that the last of several with one target wins, as one by one.
    targets: HashSet<PathBuf>,
    local: LocalTree,
    remote: RemoteTree,
    /// Files whose connection was lost, and that go on when there is another.
    homeless: BTreeSet<Sequence>,
    links: RemoteLinks,
    removals: Removals,
    /// Requests about directories whose answers were lost.
    unanswered: Vec<(Sequence, Asked)>,
    /// Why the job ends with the connection.
    lost: Option<sftp::Error>,
}

/// A file in flight.
struct Moving {
    file: Way,
    target: PathBuf,
    /// The connection that it was opened on first.
    home: LineId,
    /// Connections on which it was opened, or tried to be, beside that.
    spread: Vec<LineId>,
    /// How far it ever was: bytes of it that were at their place.
    reached: u64,
    /// How many files were open when it was refused because of them, perhaps.
    refused_beside: Option<usize>,
    /// Whether it was refused again beside others.
    waits_to_be_alone: bool,
}

enum Way {
    Get(Box<Download>),
    Put { upload: Box<Upload>, directory: Option<Sequence>, retried: bool },
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
        let mut has_withdrawn = false;
        loop {
            self.look_after_lines();
            let stops = self.stops();
            if !stops {
                self.settle();
                self.take_steps();
                if self.files.len() > 1 || self.files.values().any(Moving::is_large) {
                    self.io.lines.open_more();
                }
                self.fill_windows();
                self.hash_a_part();
            }
            if stops && !std::mem::replace(&mut has_withdrawn, true) {
                self.withdraw();
            }
            let is_idle = self.io.queue.outstanding() == 0;
            if is_idle && (stops || self.is_done() && !self.empty_directories()) {
                break;
            }
            let patience = self.io.canceller.interrupt().patience();
            if patience.is_some_and(|left| left.is_zero()) {
                // What was sent is done or not; whoever stops the job waits no longer to hear of it.
                break;
            }
            self.io.reporter.send();
            let answers = self.io.queue.wait(Some(self.nap().min(patience.unwrap_or(NAP))));
            self.keep_time(&answers);
            for (token, outcome) in answers {
                self.answer(token, outcome);
            }
            if !stops {
                self.open_crowded();
            }
        }
        self.conclude()
    }

    /// Takes the time of the bytes that answers bring.
    fn keep_time(&mut self, answers: &VecDeque<(Token, Result<Reply, sftp::Error>)>) {
        let moved = || answers.iter().filter(|(token, _)| token.asked.moves_file());
        let ready = moved().filter_map(|(token, _)| self.files.get(&token.sequence)?.clock().ready()).min();
        let bytes = moved().map(|(token, outcome)| token.asked.moved_bytes(outcome)).sum();
        self.io.pace.batch(Instant::now(), bytes, ready);
    }

    /// All else is done: removes directories whose contents were moved. Whether some are left to wait for.
    fn empty_directories(&mut self) -> bool {
        for directory in self.remote.arrived() {
            self.removals.entered_local(directory);
        }
        self.io.line = self.io.lines.idlest().unwrap_or(self.io.line);
        self.removals.remove_directories(&mut self.io)
    }

    /// How long nothing need be looked at: until the user's limit lets the next request out, when it is that which is waited for.
    fn nap(&self) -> Duration {
        if !self.hashing.is_empty() && !self.stops() {
            return Duration::ZERO;
        }
        match self.io.pause() {
            pause if pause.is_zero() => NAP,
            pause => pause.min(NAP),
        }
    }

    fn stops(&self) -> bool {
        self.lost.is_some() || self.io.canceller.is_cancelled()
    }

    fn is_done(&self) -> bool {
        self.plan.is_none()
            && self.files.is_empty()
            && self.postponed.is_none()
            && self.unanswered.is_empty()
            && self.links.is_empty()
            && self.removals.is_idle()
    }

    fn conclude(mut self) -> Report {
        let cancelled = self.io.canceller.is_cancelled();
        for (_, moving) in std::mem::take(&mut self.files) {
            self.io.line = moving.lines().next().or_else(|| self.io.lines.idlest()).unwrap_or(moving.home);
            match moving.file {
                Way::Get(download) => download.interrupt(&mut self.io),
                Way::Put { upload, .. } => upload.interrupt(&mut self.io),
            }
        }
        // Directories that are left now get their final mode and times.
        let LocalTree { parents, stack, troubles } = self.local;
        let sessions = self.io.lines.into_sessions();
        drop((parents, stack, self.plan));
        for failure in troubles.take() {
            self.io.reporter.fail(failure);
        }
        self.io.reporter.finish(self.lost, cancelled, sessions)
    }

    /// The job is stopped: what nothing could continue goes at once, for there may be little time.
    fn withdraw(&mut self) {
        for moving in self.files.values() {
            if let Way::Put { upload, .. } = &moving.file {
                self.io.line = moving.lines().next().unwrap_or(moving.home);
                upload.withdraw(&mut self.io);
            }
        }
    }

    fn lose(&mut self, error: sftp::Error) {
        self.lost.get_or_insert(error);
    }

    /// Sends what there is to ask for, the oldest file first, on each connection as much as it takes.
    fn fill_windows(&mut self) {
        loop {
            let mut has_asked = false;
            for line in self.io.lines.living() {
                if self.io.pause().is_zero() && self.io.lines.get(line).may_ask() {
                    has_asked |= self.ask_on(line);
                }
            }
            if !has_asked {
                return;
            }
        }
    }

    /// Has the oldest file that may have something to ask for on a connection ask for it. Whether there was one.
    fn ask_on(&mut self, line: LineId) -> bool {
        let Some(&sequence) = self.io.lines.get(line).hungry.first() else { return self.spread_to(line) };
        self.io.line = line;
        let turn = match self.files.get_mut(&sequence).map(|moving| &mut moving.file) {
            Some(Way::Get(download)) => download.ask(&mut self.io),
            Some(Way::Put { upload, .. }) => upload.ask(&mut self.io),
            None => Turn::Waits,
        };
        if turn == Turn::Waits {
            self.io.lines.get_mut(line).hungry.remove(&sequence);
        } else {
            self.follow(sequence, turn);
        }
        true
    }

    /// A connection has nothing to do: a large file that is moved on another one is opened here as well.
    fn spread_to(&mut self, line: LineId) -> bool {
        if self.io.lines.get(line).session.wants_one_handle() {
            return false;
        }
        let takes_any_order = self.io.learnt.takes_any_order();
        let candidate = self.files.iter_mut().find(|(_, moving)| {
            moving.home != line && !moving.spread.contains(&line) && moving.may_spread(takes_any_order)
        });
        let Some((_, moving)) = candidate else { return false };
        moving.spread.push(line);
        self.io.line = line;
        match &mut moving.file {
            Way::Get(download) => download.spread(&mut self.io),
            Way::Put { upload, .. } => upload.spread(&mut self.io),
        }
        false
    }

    /// Has the oldest file that hashes what is here hash a little of it: answers must not wait for all of it.
    fn hash_a_part(&mut self) {
        let Some(sequence) = self.hashing.pop_first() else { return };
        let Some(moving) = self.files.get_mut(&sequence) else { return };
        if let Some(line) = moving.lines().next() {
            self.io.line = line;
        }
        let turn = match &mut moving.file {
            Way::Get(download) => download.hash_part(&mut self.io),
            Way::Put { upload, .. } => upload.hash_part(&mut self.io),
        };
        self.follow(sequence, turn);
    }

    fn follow(&mut self, sequence: Sequence, turn: Turn) {
        match turn {
            Turn::Hashes => {
                self.hashing.insert(sequence);
            }
            Turn::MayAsk => {
                let lines: Vec<LineId> =
                    self.files.get(&sequence).map(|moving| moving.lines().collect()).unwrap_or_default();
                for line in lines {
                    self.io.lines.get_mut(line).hungry.insert(sequence);
                }
            }
            Turn::Waits => {}
            Turn::Crowded => self.crowd_out(sequence),
            Turn::Concluded => self.end_file(sequence),
        }
    }

    fn end_file(&mut self, sequence: Sequence) {
        if let Some(Moving { file, target, home, spread, .. }) = self.files.remove(&sequence) {
            self.targets.remove(&target);
            self.io.lines.get_mut(home).files -= 1;
            for line in std::iter::once(home).chain(spread) {
                self.io.lines.get_mut(line).hungry.remove(&sequence);
            }
            let moved = match &file {
                Way::Get(download) => download.moved(),
                Way::Put { upload, .. } => upload.moved(),
            };
            if let Some(moved) = moved {
                self.io.line = home;
                self.removals.begin(sequence, moved, &mut self.io);
            }
            if let Way::Put { directory: Some(directory), .. } = file {
                self.remote.release(directory, &mut self.io);
            }
        }
        self.alone.take_if(|alone| *alone == sequence);
        self.io.reporter.conclude(sequence);
        self.io.lines.got_on();
    }

    /// A file could not be opened while others were, or directories: its turn comes later.
    fn crowd_out(&mut self, sequence: Sequence) {
        self.alone.take_if(|alone| *alone == sequence);
        let open = self.files.values().filter(|moving| moving.is_open()).count();
        if let Some(moving) = self.files.get_mut(&sequence) {
            moving.waits_to_be_alone = moving.refused_beside.replace(open).is_some();
        }
        self.crowded.insert(sequence);
    }

    /// A file was opened that had been refused while others were open: so many may be open at once, and no more.
    fn learn_from(&mut self, sequence: Sequence) {
        let Some(moving) = self.files.get_mut(&sequence).filter(|moving| moving.is_open()) else { return };
        let Some(open) = moving.refused_beside.take() else { return };
        self.alone.take_if(|alone| *alone == sequence);
        self.io.learnt.allows(open);
        self.io.settings.files = self.io.settings.files.min(open.max(1));
    }

    /// Tries files that could not be opened once more: the first one alone, which tells why it was refused, and the others as soon
    /// as there is room for them by what that has told.
    fn open_crowded(&mut self) {
        while self.alone.is_none() {
            let others = self.files.len() - self.crowded.len();
            let has_room = self.io.learnt.allowed_files().is_some_and(|files| others < files);
            let is_alone = others == 0 && self.io.lines.nothing_is_open();
            let may_open = |sequence: &&Sequence| {
                is_alone || has_room && !self.files.get(sequence).is_some_and(|moving| moving.waits_to_be_alone)
            };
            let Some(sequence) = self.crowded.iter().find(may_open).copied() else {
                if others == 0 && !self.crowded.is_empty() {
                    // A walk has directories open.
                    self.plan.iter().for_each(Plan::let_go);
                    self.io.lines.wake_when_nothing_is_open();
                }
                return;
            };
            self.crowded.remove(&sequence);
            self.alone = is_alone.then_some(sequence);
            let Some(moving) = self.files.get_mut(&sequence) else { continue };
            self.io.line = moving.home;
            self.io.has_others = others > 0;
            match &mut moving.file {
                Way::Get(download) => download.open(&mut self.io),
                Way::Put { upload, .. } => upload.open_again(&mut self.io),
            }
        }
    }

    fn answer(&mut self, token: Token, outcome: Result<Reply, sftp::Error>) {
        let Token { sequence, asked, line, .. } = token;
        self.io.answered(&token, &outcome);
        // A handle that came before the connection was lost, and is taken out of the queue after that, is lost with it.
        let lost = self.io.lines.get(line).lost.as_ref().filter(|_| matches!(outcome, Ok(Reply::Handle(_))));
        let outcome = lost.map_or(outcome, |lost| Err(lost.clone()));
        if let Err(error) = &outcome
            && !error.leaves_the_session_alive()
        {
            self.lose_line(line, error);
            return self.give_back(sequence, asked);
        }
        self.io.lines.moved();
        match asked {
            Asked::MakeDirectory | Asked::StatDirectory | Asked::SetDirectory => {
                self.io.lines.got_on();
                for file in self.remote.answer(sequence, asked, outcome, &mut self.io) {
                    self.go_on(file);
                }
            }
            Asked::MakeLink | Asked::ReadLink | Asked::RemoveLink => {
                self.io.lines.got_on();
                let fate = self.links.directory(sequence).and_then(|directory| self.remote.fate(directory));
                let course = self.links.answer(sequence, asked, outcome, fate, &mut self.io);
                self.follow_link(sequence, course);
            }
            Asked::StatMoved | Asked::RemoveMoved | Asked::RemoveEmptied => {
                self.io.lines.got_on();
                self.removals.answer(sequence, asked, outcome, &mut self.io);
            }
            _ => self.answer_file(sequence, asked, outcome),
        }
    }

    fn answer_file(&mut self, sequence: Sequence, asked: Asked, outcome: Result<Reply, sftp::Error>) {
        self.note_others(sequence);
        let is_opened = asked == Asked::Open && outcome.is_ok();
        let turn = match self.files.get_mut(&sequence).map(|moving| &mut moving.file) {
            Some(Way::Get(download)) => download.answer(&mut self.io, asked, outcome),
            Some(Way::Put { upload, directory: Some(directory), retried: false })
                // That there is no link says nothing about it, and what is there is looked at once all links are known.
                if outcome.is_err() && asked != Asked::Follow && upload.is_at_its_beginning() && !upload.is_following() =>
            {
                // Perhaps only because its directory was not there yet.
                match self.remote.fate(*directory) {
                    Some(Fate::Open) => return self.remote.wait_for(*directory, sequence),
                    _ => return self.go_on(sequence),
                }
            }
            Some(Way::Put { upload, .. }) => upload.answer(&mut self.io, asked, outcome),
            // It failed, and this was still under way.
            None => return,
        };
        if let Some(moving) = self.files.get_mut(&sequence)
            && moving.has_advanced()
        {
            self.io.lines.got_on();
        }
        if is_opened {
            self.learn_from(sequence);
        }
        self.follow(sequence, turn);
    }

    /// The fate of a file's directory is known.
    fn go_on(&mut self, sequence: Sequence) {
        self.note_others(sequence);
        let fate = self.links.directory(sequence).and_then(|directory| self.remote.fate(directory));
        if let Some(course) = self.links.go_on(sequence, fate, &mut self.io) {
            return self.follow_link(sequence, course);
        }
        let Some(moving) = self.files.get_mut(&sequence) else { return };
        let Way::Put { upload, directory: Some(directory), retried } = &mut moving.file else { return };
        if self.remote.fate(*directory) == Some(Fate::Refused) {
            return self.abandon(sequence);
        }
        // One whose connection was lost meanwhile may have been opened on another: to open it anew would empty it.
        if !upload.is_at_its_beginning() {
            return;
        }
        *retried = true;
        self.io.line = moving.home;
        upload.send_first(&mut self.io);
    }

    /// Notes whether files are in flight beside this one.
    pub(crate) fn note_others(&mut self, sequence: Sequence) {
        let in_flight = self.files.len() - self.crowded.len();
        let is_one = self.files.contains_key(&sequence) && !self.crowded.contains(&sequence);
        self.io.has_others = in_flight > usize::from(is_one);
    }

    /// A file whose directory can't be made, which was said.
    fn abandon(&mut self, sequence: Sequence) {
        self.io.reporter.file_left(sequence);
        self.follow(sequence, Turn::Concluded);
    }
}

impl Moving {
    /// Whether it is further than it ever was.
    fn has_advanced(&mut self) -> bool {
        let arrived = match &self.file {
            Way::Get(download) => download.arrived(),
            Way::Put { upload, .. } => upload.confirmed(),
        };
        let before = self.reached;
        self.reached = before.max(arrived);
        arrived > before
    }

    fn clock(&self) -> &Clock {
        match &self.file {
            Way::Get(download) => download.clock(),
            Way::Put { upload, .. } => upload.clock(),
        }
    }

    fn is_open(&self) -> bool {
        match &self.file {
            Way::Get(download) => download.is_open(),
            Way::Put { upload, .. } => upload.is_open(),
        }
    }

    fn may_spread(&self, takes_any_order: bool) -> bool {
        match &self.file {
            Way::Get(download) => download.may_spread(),
            Way::Put { upload, .. } => takes_any_order && upload.may_spread(),
        }
    }

    fn is_large(&self) -> bool {
        match &self.file {
            Way::Get(download) => download.is_large(),
            Way::Put { upload, .. } => upload.is_large(),
        }
    }

    /// The connections on which it is open.
    fn lines(&self) -> Box<dyn Iterator<Item = LineId> + '_> {
        match &self.file {
            Way::Get(download) => Box::new(download.lines()),
            Way::Put { upload, .. } => Box::new(upload.lines()),
        }
    }

    fn backlog(&self) -> u64 {
        match &self.file {
            Way::Get(download) => download.backlog().max(LEAST_BACKLOG),
            Way::Put { upload, .. } => upload.backlog().max(LEAST_BACKLOG),
        }
    }
}

/// A path on the server, for comparison with others: `a/./b` is `a/b`.
fn path_there(remote: &RemotePath) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(remote.as_bytes()))
}

impl LocalTree {
    /// A file's path here, for comparison with others; nothing where its directory could not be made.
    fn path_of(&self, target: &Target) -> Option<PathBuf> {
        target.shown(self.stack.last().and_then(|directory| directory.as_deref()).map(Directory::shown))
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
