//! The engine: one thread, one queue of answers, hundreds of files in flight.
//!
//! The window is filled across files, the oldest first, and the rest of it goes to the next files. The engine never
//! waits for the plan, and on the disk only for plain reads and writes, which the page cache takes.

mod answers;
mod crowd;
mod losses;
mod moving;
mod reopening;
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
use crate::transfer::connections::io::{Io, Turn};
use crate::transfer::connections::pool::{ConnectionId, Pool};
use crate::transfer::connections::tag::{Tag, Token};
use crate::transfer::engine::crowd::Crowd;
use crate::transfer::engine::moving::{Moving, Way};
use crate::transfer::event::Event;
use crate::transfer::failure::{Act, Failure};
use crate::transfer::hold::Hold;
use crate::transfer::local::{Directory, Parents, Troubles};
use crate::transfer::mover::Mover;
use crate::transfer::plan::{GetDirectory, Plan, PlanOptions, Step, Target};
use crate::transfer::progress::pace::Pace;
use crate::transfer::progress::reporter::{Found, Reporter, Sequence};
use crate::transfer::proof::hashing::Hashes;
use crate::transfer::put::directories::RemoteTree;
use crate::transfer::put::links::RemoteLinks;
use crate::transfer::rehearsal;
use crate::transfer::removal::Removals;
use crate::transfer::report::Report;
use crate::transfer::request::Request;
use crate::transfer::settings::Settings;

/// The longest sleep between two looks at everything. Answers, steps and new connections end it.
const NAP: Duration = Duration::from_millis(500);

/// Steps that may end before their turn to be reported, because an earlier one takes long. Their news waits in
/// memory.
const STEPS_UNTOLD: u64 = 10_000;

/// Runs a job to its end.
pub(crate) fn run(
    session: Session,
    request: Request,
    events: Sender<Vec<Event>>,
    canceller: Canceller,
    hold: Hold,
) -> Report {
    let direction = request.direction();
    let mut settings = Settings::new(&session, direction, request.options, request.server);
    settings.mode = request.mode;
    settings.files = request.learnt.allowed_files().map_or(settings.files, |files| files.min(settings.files));
    let queue = Completions::new();
    let connections =
        if request.options.dry_run { request.connections.without_new_ones() } else { request.connections };
    let pool = Pool::new(&session, connections, &settings, canceller.clone(), queue.wakeup());
    let found = Arc::new(Found::default());
    let mut reporter = Reporter::new(events, Arc::clone(&found));
    let _watch = canceller.interrupt().watch(queue.wakeup());
    hold.wakes(queue.wakeup());
    let plan_options = PlanOptions { options: request.options, selection: request.selection };
    let plan = Plan::start(pool.lifeline(), request.pairs, plan_options, found, &canceller, queue.wakeup());
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => {
            reporter.fail(Failure::new(Act::StartThread, *b"", error));
            return reporter.finish(None, false, pool.into_sessions());
        }
    };
    let hashes = Hashes::new(session.hashing(), request.options.verify);
    let (limit, learnt) = (request.limit, request.learnt);
    let io = Io {
        pool,
        queue,
        limit,
        hashes,
        pace: Pace::starting(Instant::now()),
        reporter,
        settings,
        learnt,
        canceller,
        hold,
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
        crowd: Crowd::default(),
        hashing: BTreeSet::new(),
        targets: HashSet::new(),
        local: LocalTree::default(),
        remote: RemoteTree::default(),
        disconnected: BTreeSet::new(),
        links: RemoteLinks::default(),
        removals: Removals::new(request.options.remove_source, request.working_directories),
        unanswered: Vec::new(),
        lost: None,
    }
    .run()
}

struct Engine {
    io: Io,
    /// Gone when it has ended.
    plan: Option<Plan>,
    /// A step that can't begin yet: an earlier one writes its target, or too much is open.
    postponed: Option<Step>,
    next: Sequence,
    files: BTreeMap<Sequence, Moving>,
    crowd: Crowd,
    /// Files that have a part of their local file to hash.
    hashing: BTreeSet<Sequence>,
    /// Targets that are being written. If several files have one target, the last one wins, as it does one by one.
    targets: HashSet<PathBuf>,
    local: LocalTree,
    remote: RemoteTree,
    /// Files whose connection was lost, and that continue when there is another.
    disconnected: BTreeSet<Sequence>,
    links: RemoteLinks,
    removals: Removals,
    /// Requests that belong to no file, and whose answers were lost.
    unanswered: Vec<(Sequence, Tag)>,
    /// Why the job ends with its connections.
    lost: Option<sftp::Error>,
}

impl Engine {
    fn run(mut self) -> Report {
        let mut has_withdrawn = false;
        loop {
            self.look_after_connections();
            let stops = self.stops();
            let is_held = self.is_held();
            if !stops && !is_held {
                self.move_disconnected_files();
                self.take_steps();
                if self.files.len() > 1 || self.files.values().any(|moving| moving.mover().is_large()) {
                    self.io.pool.open_more();
                    self.open_channels();
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
                // The requests in flight are done or not; the person who stops the job doesn't wait to hear of them.
                break;
            }
            self.io.reporter.send();
            let answers = self.io.queue.wait(Some(self.nap().min(patience.unwrap_or(NAP))));
            self.keep_time(&answers);
            for (token, outcome) in answers {
                self.answer(&token, outcome);
            }
            if !stops && !is_held {
                self.open_crowded();
            }
        }
        self.conclude()
    }

    /// Takes the time of the bytes that answers bring.
    fn keep_time(&mut self, answers: &VecDeque<(Token, Result<Reply, sftp::Error>)>) {
        let moved = || answers.iter().filter(|(token, _)| token.tag.moves_file());
        let ready = moved().filter_map(|(token, _)| self.files.get(&token.sequence)?.mover().clock().ready()).min();
        let bytes = moved().map(|(token, outcome)| token.tag.moved_bytes(outcome)).sum();
        self.io.pace.batch(Instant::now(), bytes, ready);
    }

    /// Removes directories whose contents were moved, when everything else is done. Returns whether some are left to wait for.
    fn empty_directories(&mut self) -> bool {
        for directory in self.remote.arrived() {
            self.removals.entered_local(directory);
        }
        let connection = self.io.pool.idlest().unwrap_or_default();
        self.removals.remove_directories(&mut self.io.on(connection))
    }

    /// Returns how long the engine may sleep. A user's limit may be the only reason to wake it.
    fn nap(&self) -> Duration {
        if self.io.hold.is_set() {
            return NAP;
        }
        if !self.hashing.is_empty() && !self.stops() {
            return Duration::ZERO;
        }
        match self.io.pause() {
            pause if pause.is_zero() => NAP,
            pause => pause.min(NAP),
        }
    }

    /// Returns whether the user holds the job. That time doesn't count as the time of any bytes.
    fn is_held(&mut self) -> bool {
        let is_held = self.io.hold.is_set();
        if is_held {
            self.io.pace.paused_until(Instant::now());
        }
        is_held
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
            let connection = moving.open_connections().next().or_else(|| self.io.pool.idlest()).unwrap_or(moving.home);
            let mover: Box<dyn Mover> = match moving.way {
                Way::Get(download) => download,
                Way::Put { upload, .. } => upload,
            };
            mover.interrupt(&mut self.io.on(connection));
        }
        // Directories that are left now get their final permissions and times.
        let LocalTree { parents, stack, troubles } = self.local;
        let sessions = self.io.pool.into_sessions();
        drop((parents, stack, self.plan));
        for failure in troubles.take() {
            self.io.reporter.fail(failure);
        }
        self.io.reporter.finish(self.lost, cancelled, sessions)
    }

    /// Removes the partial files that no later run could continue. This happens as soon as the job is stopped,
    /// because there may be little time.
    fn withdraw(&mut self) {
        for moving in self.files.values() {
            if let Way::Put { upload, .. } = &moving.way {
                upload.withdraw(&mut self.io.on(moving.connection()));
            }
        }
    }

    fn lose(&mut self, error: sftp::Error) {
        self.lost.get_or_insert(error);
    }

    /// Sends as many requests as each connection takes, those of the oldest file first.
    fn fill_windows(&mut self) {
        loop {
            let mut has_asked = false;
            for connection in self.io.pool.living() {
                if self.io.pause().is_zero() && self.io.pool.get(connection).may_ask() {
                    has_asked |= self.ask_on(connection);
                }
            }
            if !has_asked {
                return;
            }
        }
    }

    /// Lets the oldest file that may have a request for a connection send it. Returns whether there is such a file.
    fn ask_on(&mut self, connection: ConnectionId) -> bool {
        let Some(&sequence) = self.io.pool.get(connection).ready_files.first() else {
            self.spread_to(connection);
            return false;
        };
        let turn = match self.files.get_mut(&sequence) {
            Some(moving) => moving.mover_mut().ask(&mut self.io.on(connection)),
            None => Turn::Waits,
        };
        if turn == Turn::Waits {
            self.io.pool.get_mut(connection).ready_files.remove(&sequence);
        } else {
            self.follow(sequence, turn);
        }
        true
    }

    /// Opens a large file on a connection that has nothing to do, beside the connections that move it already.
    fn spread_to(&mut self, connection: ConnectionId) {
        if self.io.pool.get(connection).session.wants_one_handle() {
            return;
        }
        let takes_any_order = self.io.learnt.takes_any_order();
        let may_spread = |moving: &&mut Moving| {
            let is_new = moving.home != connection && !moving.spread.contains(&connection);
            is_new && (takes_any_order || matches!(moving.way, Way::Get(_))) && moving.mover().may_spread()
        };
        if let Some(moving) = self.files.values_mut().find(may_spread) {
            moving.spread.push(connection);
            moving.mover_mut().spread(&mut self.io.on(connection));
        }
    }

    /// Lets the oldest file that hashes its local file hash a part of it: answers must not wait for the whole file.
    fn hash_a_part(&mut self) {
        let Some(sequence) = self.hashing.pop_first() else { return };
        let Some(moving) = self.files.get_mut(&sequence) else { return };
        let connection = moving.connection();
        let turn = moving.mover_mut().hash_part(&mut self.io.on(connection));
        self.follow(sequence, turn);
    }

    fn follow(&mut self, sequence: Sequence, turn: Turn) {
        match turn {
            Turn::Hashes => {
                self.hashing.insert(sequence);
            }
            Turn::MayAsk => {
                if let Some(moving) = self.files.get(&sequence) {
                    for connection in moving.open_connections() {
                        self.io.pool.get_mut(connection).ready_files.insert(sequence);
                    }
                }
            }
            Turn::Waits => {}
            Turn::Crowded => self.crowd_out(sequence),
            Turn::Concluded => self.end_file(sequence),
        }
    }

    fn end_file(&mut self, sequence: Sequence) {
        if let Some(moving) = self.files.remove(&sequence) {
            self.targets.remove(&moving.target);
            self.io.pool.get_mut(moving.home).files -= 1;
            for connection in std::iter::once(moving.home).chain(moving.spread.iter().copied()) {
                self.io.pool.get_mut(connection).ready_files.remove(&sequence);
            }
            let mut wire = self.io.on(moving.home);
            if let Some(moved) = moving.mover().moved() {
                self.removals.begin(sequence, moved, &mut wire);
            }
            if let Way::Put { directory: Some(directory), .. } = moving.way {
                self.remote.release(directory.sequence, &mut wire);
            }
        }
        self.crowd.end_attempt(sequence);
        self.io.reporter.conclude(sequence);
        self.io.pool.made_progress();
    }

    /// Notes whether other files than this one are in flight.
    fn note_others(&mut self, sequence: Sequence) {
        let in_flight = self.files.len() - self.crowd.waiting.len();
        let is_one = self.files.contains_key(&sequence) && !self.crowd.waiting.contains(&sequence);
        self.io.has_others = in_flight > usize::from(is_one);
    }
}

/// The local directories that are being filled.
#[derive(Default)]
struct LocalTree {
    parents: Parents,
    /// Directories that were entered and not left; `None` for one that could not be made.
    stack: Vec<Option<Rc<Directory>>>,
    troubles: Troubles,
}

impl LocalTree {
    /// Returns a target's path for comparison with others, or `None` if its directory could not be made.
    fn path_of(&self, target: &Target) -> Option<PathBuf> {
        target.shown(self.stack.last().and_then(|directory| directory.as_deref()).map(Directory::shown))
    }

    /// Makes a directory. Returns `None` if the one above could not be made, which was reported.
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

/// Returns a path on the server for comparison with others: `a/./b` is `a/b`.
fn path_there(remote: &RemotePath) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(remote.as_bytes()))
}
