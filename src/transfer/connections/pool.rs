//! The connections of a job: how they are opened, and how a lost one is replaced.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::connect::{self, Attempt, Connector, reconnect};
use crate::remote::Lifeline;
use crate::sftp::{self, Session, Wakeup, Wide};
use crate::transfer::canceller::Canceller;
use crate::transfer::connections::window::{Bounds, Window};
use crate::transfer::progress::reporter::Sequence;
use crate::transfer::request::Connections;
use crate::transfer::settings::Settings;

/// Connections in a row that may be lost while the job makes no progress. On a bad network, the next one may last
/// longer.
const MOST_USELESS: u32 = 8;

/// The place of a connection in the pool. A new connection may take the place of a lost one once nothing is in flight there.
pub(crate) type ConnectionId = usize;

/// One connection of a job.
pub(crate) struct Connection {
    pub(crate) session: Session,
    /// Lets the session have as many requests waiting as a transfer needs.
    _wide: Wide,
    /// How many times the session had given up its waiting requests when it joined the pool.
    given_up: usize,
    pub(crate) window: Window,
    /// Requests without an answer.
    pub(crate) outstanding: usize,
    /// Files that may have a request to send here.
    pub(crate) ready_files: BTreeSet<Sequence>,
    /// Files that have their home here.
    pub(crate) files: usize,
    /// Why the connection ended.
    pub(crate) lost: Option<sftp::Error>,
}

/// All connections of a job. The first one is always there, even if it was lost.
pub(crate) struct Pool {
    list: Vec<Connection>,
    /// Gives the plan its session.
    lifeline: Lifeline,
    allowed: Connections,
    newcomers: Receiver<Newcomer>,
    sender: Sender<Newcomer>,
    /// Connections that are being made.
    expected: usize,
    canceller: Canceller,
    wakeup: Wakeup,
    window: Bounds,
    bytes_on_all: u64,
    window_requests: usize,
    /// True if an answer has come since the last connection was lost.
    was_answered: bool,
    /// Connections that were lost since the job last made progress.
    useless: u32,
    /// True once the pool has begun to open further connections.
    has_opened_more: bool,
    /// True if further channels may help and were not opened on this connection.
    may_open_channels: bool,
    /// True if further channels were lost, so that a new connection may have them too.
    has_lost_channels: bool,
    /// Channels that are being opened.
    opening: usize,
    /// Spare channels that this job doesn't use.
    unused: Vec<Session>,
}

/// The reason to open further channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MoreChannels {
    /// The number of further channels.
    pub(crate) count: usize,
    /// The time that an answer takes.
    pub(crate) round_trip: Duration,
}

/// The result of an attempt to connect.
pub(crate) enum Newcomer {
    /// A new connection.
    Connection(Session),
    /// A further channel of a connection, or why there is none.
    Channel(Result<Session, sftp::Error>),
    /// The session of before, which keeps fewer requests waiting from now on.
    Narrower(Session),
    /// The next attempt.
    Attempt(Attempt),
    /// No connection, and the reason unless it was reported before.
    None(Option<String>),
}

impl Connection {
    /// Returns whether another request may go out. One always may: a window can be full of data that waits for a part that was
    /// lost with another connection.
    pub(crate) fn may_ask(&self) -> bool {
        self.window.has_room() || self.outstanding == 0
    }
}

impl Pool {
    /// Returns a pool of the given session and the spare ones of `allowed`.
    pub(crate) fn new(
        session: &Session,
        mut allowed: Connections,
        settings: &Settings,
        canceller: Canceller,
        wakeup: Wakeup,
    ) -> Pool {
        let (sender, newcomers) = channel();
        // A rehearsal doesn't replace lost connections.
        let may_narrow = session.width().narrower_than(usize::MAX).is_some() && !settings.options.dry_run;
        let may_change = allowed.may_come_back() || allowed.channels > 1;
        let lifeline = match may_change || may_narrow {
            true => Lifeline::new(session),
            false => Lifeline::single(session),
        };
        let spares = std::mem::take(&mut allowed.spares);
        let mut pool = Pool {
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
            was_answered: true,
            useless: 0,
            has_opened_more: false,
            may_open_channels: settings.may_use_channels,
            has_lost_channels: false,
            opening: 0,
            unused: Vec::new(),
            allowed,
        };
        pool.add(session.clone());
        for spare in spares.into_iter().filter(|spare| spare.end().is_none()) {
            pool.use_spare(spare, settings);
        }
        pool.share_bytes();
        pool
    }

    /// Adds a spare session, as far as sessions are allowed. A channel that can't help this job is kept for the next.
    fn use_spare(&mut self, spare: Session, settings: &Settings) {
        let is_channel = spare.is_further();
        let most = if is_channel { self.allowed.in_all() } else { self.allowed.most };
        if self.list.len() + self.unused.len() >= most {
            return;
        }
        match is_channel && !settings.may_use_channels {
            true => self.unused.push(spare),
            false => drop(self.add(spare)),
        }
    }

    /// Opens as many connections as are allowed, once in a job.
    pub(crate) fn open_more(&mut self) {
        if !std::mem::replace(&mut self.has_opened_more, true) {
            for _ in self.list.len()..self.allowed.most {
                self.open_one_more();
            }
        }
    }

    /// Opens further channels if the window of a channel limits the job, once for each connection. Returns the reason.
    pub(crate) fn open_channels(&mut self) -> Option<MoreChannels> {
        if !self.may_open_channels {
            return None;
        }
        let (connection, round_trip) = self.living().find_map(|connection| {
            let Connection { session, window, .. } = &self.list[connection];
            let round_trip = session.round_trip().filter(|&round_trip| window.fills_channel(round_trip))?;
            Some((connection, round_trip))
        })?;
        self.may_open_channels = false;
        let count = self.allowed.channels.saturating_sub(self.living().count() + self.expected);
        for _ in 0..count {
            let session = self.list[connection].session.clone();
            self.opening += 1;
            let failed = |reason| Newcomer::Channel(Err(sftp::Error::ConnectionLost(reason)));
            self.spawn(failed, move |tell| tell(Newcomer::Channel(session.another_channel())));
        }
        self.share_bytes();
        (count > 0).then_some(MoreChannels { count, round_trip })
    }

    /// Returns whether the user wants to know why channels are opened.
    pub(crate) fn tells_of_channels(&self) -> bool {
        self.allowed.tells_of_channels
    }

    /// Returns whether a connection works, as far as is known.
    pub(crate) fn has_working(&self) -> bool {
        self.living().any(|connection| self.list[connection].session.end().is_none())
    }

    /// Returns the source of the plan's session.
    pub(crate) fn lifeline(&self) -> &Lifeline {
        &self.lifeline
    }

    pub(crate) fn get(&self, connection: ConnectionId) -> &Connection {
        &self.list[connection]
    }

    pub(crate) fn get_mut(&mut self, connection: ConnectionId) -> &mut Connection {
        &mut self.list[connection]
    }

    /// Returns the connections that are alive.
    pub(crate) fn living(&self) -> impl Iterator<Item = ConnectionId> + use<> {
        let living: Vec<ConnectionId> = (0..self.list.len()).filter(|&at| self.list[at].lost.is_none()).collect();
        living.into_iter()
    }

    /// Returns the living connection with the fewest files.
    pub(crate) fn idlest(&self) -> Option<ConnectionId> {
        self.living().min_by_key(|&connection| self.list[connection].files)
    }

    /// Returns the bytes that may be in flight on all connections together.
    pub(crate) fn width(&self) -> u64 {
        self.list.iter().map(|connection| connection.window.width()).sum()
    }

    /// Returns whether the server has nothing open for any connection, the plan's directories included.
    pub(crate) fn nothing_is_open(&self) -> bool {
        self.first().openings().are_none()
    }

    /// Wakes the engine as soon as [`Pool::nothing_is_open`] is true.
    pub(crate) fn wake_when_nothing_is_open(&self) {
        self.first().openings().wake_when_none(self.wakeup.clone());
    }

    /// Returns the session that the job began with. All connections share its count of open files and directories.
    pub(crate) fn first(&self) -> &Session {
        &self.list[0].session
    }

    /// Notes that an answer has come.
    pub(crate) fn answered(&mut self) {
        self.was_answered = true;
    }

    /// Notes progress: new bytes have arrived, or a step has ended.
    pub(crate) fn made_progress(&mut self) {
        self.useless = 0;
    }

    /// Frees the window of bytes that came before their turn, and are written or dropped now.
    pub(crate) fn release(&mut self, connection: ConnectionId, bytes: u64) {
        self.list[connection].window.release(bytes);
    }

    /// Returns a connection that has ended while nothing was in flight on it, so that no answer has reported it.
    pub(crate) fn ended_unnoticed(&self) -> Option<(ConnectionId, sftp::Error)> {
        self.living().find_map(|connection| {
            let Connection { session, given_up, .. } = &self.list[connection];
            Some((connection, session.end().or_else(|| session.given_up(*given_up))?))
        })
    }

    /// Removes a lost connection. The plan continues with another one. If none is left, the pool makes a new one if
    /// it may.
    ///
    /// # Errors
    /// Returns the loss as an error if it ends the job.
    pub(crate) fn lose(&mut self, connection: ConnectionId, error: &sftp::Error) -> Result<(), sftp::Error> {
        let lost = &mut self.list[connection];
        if lost.lost.replace(error.clone()).is_some() {
            return Ok(());
        }
        lost.ready_files.clear();
        if is_narrowing(&lost.session, error) {
            let session = lost.session.clone();
            self.lifeline.replace(&session);
            self.expected += 1;
            // The receiver is a field of the pool.
            let _ = self.sender.send(Newcomer::Narrower(session));
            return Ok(());
        }
        self.has_lost_channels |= self.list[connection].session.is_further();
        if let Some(other) = self.living().next() {
            self.lifeline.replace(&self.list[other].session);
            return Ok(());
        }
        // A connection that breaks before its first answer would break forever, and so would those that never bring
        // progress.
        self.useless += 1;
        let was_useful = std::mem::take(&mut self.was_answered) && self.useless <= MOST_USELESS;
        let may_retry = self.allowed.may_come_back() && was_useful;
        match self.allowed.connector.clone().filter(|_| may_retry) {
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

    /// Returns the next result of an attempt to connect.
    pub(crate) fn newcomer(&mut self) -> Option<Newcomer> {
        let newcomer = self.newcomers.try_recv().ok()?;
        match newcomer {
            Newcomer::Attempt(..) => {}
            Newcomer::Channel(..) => self.opening -= 1,
            Newcomer::Connection(_) | Newcomer::Narrower(_) | Newcomer::None(_) => self.expected -= 1,
        }
        Some(newcomer)
    }

    /// Returns why an unattended login was refused, if that has not been reported yet.
    pub(crate) fn unsaid_refusal(&self) -> Option<String> {
        self.allowed.connector.as_ref()?.unsaid_refusal()
    }

    /// Returns whether a connection may still come.
    pub(crate) fn expects(&self) -> bool {
        self.expected > 0
    }

    /// Adds a connection. It takes the place of a lost one if nothing is in flight there any more.
    pub(crate) fn welcome(&mut self, session: Session) -> ConnectionId {
        let had_none = self.living().next().is_none();
        if had_none {
            self.lifeline.replace(&session);
            // It is a new connection, whose first channel may need others.
            self.may_open_channels |= self.has_lost_channels;
            self.has_lost_channels = false;
        }
        let free = self.list.iter().position(|connection| connection.lost.is_some() && connection.outstanding == 0);
        match free {
            Some(place) => {
                let files = self.list[place].files;
                self.list[place] = self.connection(session);
                self.list[place].files = files;
                place
            }
            None => self.add(session),
        }
    }

    /// Tells the plan that no further session will come.
    pub(crate) fn give_up(&self) {
        self.lifeline.give_up();
    }

    /// Returns the living sessions, for the next job. A session on which a stopped job left requests in flight would keep the
    /// next job waiting, so its connection is cut unless it is the only one.
    pub(crate) fn into_sessions(mut self) -> Vec<Session> {
        let (mut sessions, mut list) = (Vec::new(), std::mem::take(&mut self.list));
        list.retain(|connection| connection.lost.is_none());
        // A connection is cut with its first channel, so that one must not follow the others.
        list.sort_by_key(|connection| connection.session.is_further());
        for connection in list {
            if sessions.is_empty() || connection.outstanding == 0 {
                sessions.push(connection.session);
            } else {
                connection.session.killer().kill();
            }
        }
        sessions.append(&mut self.unused);
        sessions
    }

    fn add(&mut self, session: Session) -> ConnectionId {
        let connection = self.connection(session);
        self.list.push(connection);
        self.list.len() - 1
    }

    fn connection(&self, session: Session) -> Connection {
        self.canceller.guards(session.killer());
        let bounds = Bounds { most: self.window.most.min(self.share()), ..self.window };
        let window = Window::new(bounds, self.window_requests.min(session.width().most(true)));
        let given_up = (0..).take_while(|&times| session.given_up(times).is_some()).count();
        Connection {
            _wide: session.widen(),
            given_up,
            session,
            window,
            outstanding: 0,
            ready_files: BTreeSet::new(),
            files: 0,
            lost: None,
        }
    }

    /// Returns how many bytes may be in flight on each connection.
    fn share(&self) -> u64 {
        let sharers = self.allowed.most.max(self.list.len() + self.opening).max(1) as u64;
        (self.bytes_on_all / sharers).max(self.window.least)
    }

    /// Lets no connection have more than its share in flight.
    fn share_bytes(&mut self) {
        let share = self.share();
        self.list.iter_mut().for_each(|connection| connection.window.limit(share));
    }

    /// Opens one more connection with a single attempt. If it fails, the job continues without it.
    fn open_one_more(&mut self) {
        let Some(connector) = self.allowed.connector.clone() else { return };
        self.expected += 1;
        self.spawn(no_connection, move |tell| match connector.open_unasked() {
            Ok(session) => tell(Newcomer::Connection(session)),
            Err(connect::Error::RefusedBefore) => tell(Newcomer::None(None)),
            Err(error) => tell(Newcomer::None(Some(error.to_string()))),
        });
    }

    /// Makes the connection again, with as many attempts as are allowed.
    fn come_back(&mut self, connector: Arc<Connector>) {
        let (retries, canceller) = (self.allowed.retries, self.canceller.clone());
        self.expected += 1;
        self.spawn(no_connection, move |tell| {
            let mut reason = None;
            let reconnected = reconnect(
                1..=retries,
                || canceller.is_cancelled(),
                |attempt| tell(Newcomer::Attempt(attempt)),
                || {
                    let connected = connector.open_again_unasked();
                    if let Err(error) = &connected {
                        reason = connector.unsaid_refusal().or_else(|| Some(error.to_string()));
                    }
                    Some(connected)
                },
            );
            tell(reconnected.map_or(Newcomer::None(reason), Newcomer::Connection));
        });
    }

    /// Starts a thread. If that fails, the result is what `failed` makes of the reason.
    fn spawn(&self, failed: fn(String) -> Newcomer, work: impl FnOnce(&dyn Fn(Newcomer)) + Send + 'static) {
        let (sender, wakeup) = (self.sender.clone(), self.wakeup.clone());
        let tell = move |newcomer| {
            // A job that has ended needs no connection. The session ends when this message is dropped.
            let _ = sender.send(newcomer);
            wakeup.wake();
        };
        let started = thread::Builder::new().name("connect".into()).spawn({
            let tell = tell.clone();
            move || work(&tell)
        });
        if let Err(error) = started {
            tell(failed(error.to_string()));
        }
    }
}

fn no_connection(reason: String) -> Newcomer {
    Newcomer::None(Some(reason))
}

/// Ends the plan's wait for a new session together with the job.
impl Drop for Pool {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// Returns whether the session continues with fewer requests waiting, so that only the waiting requests are lost.
pub(crate) fn is_narrowing(session: &Session, error: &sftp::Error) -> bool {
    matches!(error, sftp::Error::Unanswered { .. }) && session.end().is_none()
}
