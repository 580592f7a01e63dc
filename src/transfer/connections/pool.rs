//! The connections of a job: what is under way on each, and how a lost one comes back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::connect::{self, Backoff, Connector};
use crate::remote::Lifeline;
use crate::sftp::{self, Session, Wakeup, Wide};
use crate::transfer::canceller::Canceller;
use crate::transfer::connections::growth::{Bounds, Growth};
use crate::transfer::connections::window::Window;
use crate::transfer::progress::reporter::Sequence;
use crate::transfer::request::Connections;
use crate::transfer::settings::Settings;

/// Connections in a row that may be lost although the job did not get on: a bad line needs some luck.
const MOST_USELESS: u32 = 8;

/// Which connection.
pub(crate) type LineId = usize;

/// One connection.
pub(crate) struct Line {
    pub(crate) session: Session,
    /// Lets the session have as many requests waiting as a transfer needs.
    _wide: Wide,
    /// How many times the session had given up what waited when the line began.
    given_up: usize,
    pub(crate) window: Window,
    /// Requests without an answer.
    pub(crate) outstanding: usize,
    /// Files that may have something to ask for here.
    pub(crate) hungry: BTreeSet<Sequence>,
    /// Files that have their home here.
    pub(crate) files: usize,
    /// Why it ended.
    pub(crate) lost: Option<sftp::Error>,
}

/// All connections of a job. The first one is always there, if only as one that was lost.
pub(crate) struct Lines {
    list: Vec<Line>,
    /// Whose session the plan uses.
    lifeline: Lifeline,
    connections: Connections,
    newcomers: Receiver<Newcomer>,
    sender: Sender<Newcomer>,
    /// Connections that are being made.
    expected: usize,
    canceller: Canceller,
    wakeup: Wakeup,
    window: Bounds,
    bytes_on_all: u64,
    window_requests: usize,
    /// Whether anything was answered since the last connection was lost.
    has_moved: bool,
    /// Connections that were lost since the job last got on.
    useless: u32,
    /// Whether the connections beside the first were asked for.
    has_opened_more: bool,
}

/// What comes of an attempt to connect.
pub(crate) enum Newcomer {
    /// It is there.
    Line(Session),
    /// It was there all the time, and has fewer requests waiting now.
    Narrower(Session),
    /// The attempt of this number, of so many, comes next.
    Attempt(u32, u32),
    /// There will be none, and why, unless that was said before.
    None(Option<String>),
}

impl Line {
    /// Whether another request may go out. One always may: a window can be full of what waits for a part that was lost
    /// with another connection.
    pub(crate) fn may_ask(&self) -> bool {
        self.window.has_room() || self.outstanding == 0
    }
}

impl Lines {
    pub(crate) fn new(
        session: &Session,
        mut connections: Connections,
        settings: &Settings,
        canceller: Canceller,
        wakeup: Wakeup,
    ) -> Lines {
        let (sender, newcomers) = channel();
        // A rehearsal looks after no connection.
        let may_narrow = session.width().narrower_than(usize::MAX).is_some() && !settings.options.dry_run;
        let lifeline = match connections.may_come_back() || may_narrow {
            true => Lifeline::new(session),
            false => Lifeline::single(session),
        };
        let spares = std::mem::take(&mut connections.spares);
        let mut lines = Lines {
            list: Vec::new(),
            lifeline,
            newcomers,
            sender,
            expected: 0,
            canceller,
            wakeup,
            window: settings.window,
            bytes_on_all: settings.bytes_on_all,
            window_requests: settings.window_requests,
            has_moved: true,
            useless: 0,
            has_opened_more: false,
            connections,
        };
        lines.add(session.clone());
        for spare in spares {
            if spare.end().is_none() && lines.list.len() < lines.connections.most {
                lines.add(spare);
            }
        }
        lines
    }

    /// There is work for several connections: those that may be had beside the first are made, once in a job.
    pub(crate) fn open_more(&mut self) {
        if !std::mem::replace(&mut self.has_opened_more, true) {
            for _ in self.list.len()..self.connections.most {
                self.open_one_more();
            }
        }
    }

    /// The session for whoever plans.
    pub(crate) fn lifeline(&self) -> &Lifeline {
        &self.lifeline
    }

    pub(crate) fn get(&self, line: LineId) -> &Line {
        &self.list[line]
    }

    pub(crate) fn get_mut(&mut self, line: LineId) -> &mut Line {
        &mut self.list[line]
    }

    /// The connections that live.
    pub(crate) fn living(&self) -> impl Iterator<Item = LineId> + use<> {
        let living: Vec<LineId> = (0..self.list.len()).filter(|&line| self.list[line].lost.is_none()).collect();
        living.into_iter()
    }

    /// The living connection with the fewest files.
    pub(crate) fn idlest(&self) -> Option<LineId> {
        self.living().min_by_key(|&line| self.list[line].files)
    }

    /// Bytes that may be in flight on all of them.
    pub(crate) fn width(&self) -> u64 {
        self.list.iter().map(|line| line.window.width()).sum()
    }

    /// Returns whether the server has nothing open for any connection, the plan's directories included.
    pub(crate) fn nothing_is_open(&self) -> bool {
        self.first().openings().are_none()
    }

    /// Wakes the engine as soon as that is so.
    pub(crate) fn wake_when_nothing_is_open(&self) {
        self.first().openings().wake_when_none(self.wakeup.clone());
    }

    /// The session that the job began with; all connections share the count of what is open.
    fn first(&self) -> &Session {
        &self.list[0].session
    }

    /// An answer came on a line.
    pub(crate) fn moved(&mut self) {
        self.has_moved = true;
    }

    /// The job got on: bytes arrived that never had, or a step is done.
    pub(crate) fn got_on(&mut self) {
        self.useless = 0;
    }

    /// Bytes that came ahead of their turn, on this line, are where they belong, or dropped.
    pub(crate) fn release(&mut self, line: LineId, bytes: u64) {
        self.list[line].window.release(bytes);
    }

    /// Lines that ended without anybody having been told: nothing was under way on them.
    pub(crate) fn ended_unnoticed(&self) -> Option<(LineId, sftp::Error)> {
        self.living().find_map(|line| {
            let Line { session, given_up, .. } = &self.list[line];
            Some((line, session.end().or_else(|| session.given_up(*given_up))?))
        })
    }

    /// A connection was lost. Another takes its place for the plan; where none is left, one is made again, if that may be.
    /// Why the job ends, if it does.
    pub(crate) fn lose(&mut self, line: LineId, error: &sftp::Error) -> Result<(), sftp::Error> {
        let lost = &mut self.list[line];
        if lost.lost.replace(error.clone()).is_some() {
            return Ok(());
        }
        lost.hungry.clear();
        if is_narrowing(&lost.session, error) {
            let session = lost.session.clone();
            self.lifeline.replace(&session);
            self.expected += 1;
            // The receiver is ours.
            let _ = self.sender.send(Newcomer::Narrower(session));
            return Ok(());
        }
        if let Some(other) = self.living().next() {
            self.lifeline.replace(&self.list[other].session);
            return Ok(());
        }
        // One that breaks before it was of any use would break for ever, and so would those that never bring the job on.
        self.useless += 1;
        let is_of_use = std::mem::take(&mut self.has_moved) && self.useless <= MOST_USELESS;
        let may_retry = self.connections.may_come_back() && is_of_use;
        match self.connections.connector.clone().filter(|_| may_retry) {
            Some(connector) => {
                self.come_back(connector);
                Ok(())
            }
            None if self.expected > 0 => Ok(()),
            None => {
                self.lifeline.give_up();
                Err(error.clone())
            }
        }
    }

    /// What has come of attempts to connect.
    pub(crate) fn newcomer(&mut self) -> Option<Newcomer> {
        let newcomer = self.newcomers.try_recv().ok()?;
        if !matches!(newcomer, Newcomer::Attempt(..)) {
            self.expected -= 1;
        }
        Some(newcomer)
    }

    /// Why a log-in that nobody watched was refused, if nobody has said so yet.
    pub(crate) fn unsaid_refusal(&self) -> Option<String> {
        self.connections.connector.as_ref()?.unsaid_refusal()
    }

    /// Whether a connection may still come.
    pub(crate) fn expects(&self) -> bool {
        self.expected > 0
    }

    /// Takes in a connection: in place of a lost one, where there is one on which nothing is under way any more.
    pub(crate) fn welcome(&mut self, session: Session) -> LineId {
        let had_none = self.living().next().is_none();
        if had_none {
            self.lifeline.replace(&session);
        }
        let free = self.list.iter().position(|line| line.lost.is_some() && line.outstanding == 0);
        match free {
            Some(line) => {
                let files = self.list[line].files;
                self.list[line] = self.line(session);
                self.list[line].files = files;
                line
            }
            None => self.add(session),
        }
    }

    /// No connection will come any more, and none is there.
    pub(crate) fn give_up(&self) {
        self.lifeline.give_up();
    }

    /// The sessions that live, for the next job. One on which a stopped job left much under way would keep the next job
    /// waiting, and its answers would use up the line: it is cut, unless there is no other.
    pub(crate) fn into_sessions(mut self) -> Vec<Session> {
        let mut sessions = Vec::new();
        for line in std::mem::take(&mut self.list).into_iter().filter(|line| line.lost.is_none()) {
            if sessions.is_empty() || line.outstanding == 0 {
                sessions.push(line.session);
            } else {
                line.session.killer().kill();
            }
        }
        sessions
    }

    fn add(&mut self, session: Session) -> LineId {
        let line = self.line(session);
        self.list.push(line);
        self.list.len() - 1
    }

    fn line(&self, session: Session) -> Line {
        self.canceller.guards(session.killer());
        let share = (self.bytes_on_all / self.connections.most.max(1) as u64).max(self.window.least);
        let bounds = Bounds { most: self.window.most.min(share), ..self.window };
        let window = Window::new(Growth::new(bounds), self.window_requests.min(session.width().most(true)));
        let given_up = (0..).take_while(|&times| session.given_up(times).is_some()).count();
        Line {
            _wide: session.widen(),
            given_up,
            session,
            window,
            outstanding: 0,
            hungry: BTreeSet::new(),
            files: 0,
            lost: None,
        }
    }

    /// Opens a connection beside those that are there. One attempt must do: the job goes on without it.
    fn open_one_more(&mut self) {
        let Some(connector) = self.connections.connector.clone() else { return };
        self.spawn(move |tell| match connector.open_unasked() {
            Ok(session) => tell(Newcomer::Line(session)),
            Err(connect::Error::RefusedBefore) => tell(Newcomer::None(None)),
            Err(error) => tell(Newcomer::None(Some(error.to_string()))),
        });
    }

    /// Makes the connection again, as often as that may be tried.
    fn come_back(&mut self, connector: Arc<Connector>) {
        let (mut backoff, canceller) = (Backoff::new(self.connections.retries), self.canceller.clone());
        self.spawn(move |tell| {
            let mut reason = None;
            while let Some(pause) = backoff.next() {
                tell(Newcomer::Attempt(backoff.attempt(), backoff.attempts()));
                if !sleep(pause, &canceller) {
                    break;
                }
                match connector.open_unasked() {
                    Ok(session) => return tell(Newcomer::Line(session)),
                    Err(error) => {
                        reason = connector.unsaid_refusal().or_else(|| Some(error.to_string()));
                        if !error.may_pass() {
                            break;
                        }
                    }
                }
            }
            tell(Newcomer::None(reason));
        });
    }

    fn spawn(&mut self, work: impl FnOnce(&dyn Fn(Newcomer)) + Send + 'static) {
        self.expected += 1;
        let (sender, wakeup) = (self.sender.clone(), self.wakeup.clone());
        let tell = move |newcomer| {
            // A job that has ended wants none; its session ends with it.
            let _ = sender.send(newcomer);
            wakeup.wake();
        };
        let started = thread::Builder::new().name("connect".into()).spawn({
            let tell = tell.clone();
            move || work(&tell)
        });
        if let Err(error) = started {
            tell(Newcomer::None(Some(error.to_string())));
        }
    }
}

/// Whoever waits for the next session waits no longer than the job lasts.
impl Drop for Lines {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// Returns whether a session goes on with fewer requests waiting, and only what waited is lost.
pub(crate) fn is_narrowing(session: &Session, error: &sftp::Error) -> bool {
    matches!(error, sftp::Error::Unanswered { .. }) && session.end().is_none()
}

/// Longest sleep between two looks at a cancel.
const LOOK: Duration = Duration::from_millis(50);

/// Sleeps, unless the job is cancelled. Whether the whole pause passed.
fn sleep(mut pause: Duration, canceller: &Canceller) -> bool {
    while !pause.is_zero() && !canceller.is_cancelled() {
        let nap = pause.min(LOOK);
        thread::sleep(nap);
        pause -= nap;
    }
    pause.is_zero()
}
