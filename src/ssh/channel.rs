//! SSH channels as transports.
//!
//! Each channel is a stream of its own, with its own receive window and its own program on the server. All channels of a
//! connection share its socket: reading for one takes the packets of all, and only one can have a packet sent in part.
//! So the thread that drives a connection steps all its channels, until nothing moves.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use crate::lock::lock;
use crate::ssh::connection::Connection;
use crate::ssh::error::Error;
use crate::ssh::flow::{Flow, LEAST_WINDOW, StderrSink};
use crate::ssh::keepalive::Patience;
use crate::ssh::line::{Line, Place};
use crate::ssh::parting::Parting;
use crate::ssh::start::{self, Progress, Start, Starting};
use crate::transport::{Awaited, End, Inbox, Killer, Outbox, Step, Transport};

/// Largest receive window that we keep up, which is how much a hostile server can make us hold for each channel.
const MOST_WINDOW: u64 = 16 << 20;

/// Limit for opening the first channel and starting the subsystem.
const OPENING_LIMIT: Duration = Duration::from_secs(60);

/// Channels that a server may leave half closed before no other is opened.
const MOST_PARTING: usize = 8;

/// Makes the receiver of a channel's standard error.
type MakeSink = Box<dyn Fn() -> StderrSink + Send + Sync>;

/// The SFTP stream over an SSH channel.
pub struct ChannelTransport {
    // Declared before the trunk, and so dropped before it, because it holds a part of the session.
    stage: Stage,
    place: Place,
    window: u64,
    /// Requests made so far.
    requests: u64,
    trunk: Arc<Trunk>,
}

enum Stage {
    Starting(Starting),
    Open(Flow),
    /// The channel was refused, or its end is left to the trunk.
    Gone,
}

/// The connection and the channels that are being closed.
struct Trunk {
    // Declared before the line, for the same reason.
    parting: Mutex<Vec<Parting>>,
    line: Line,
    start: Start,
    make_sink: Mutex<Option<MakeSink>>,
}

impl ChannelTransport {
    /// Opens a channel on a connection that is logged in, and starts the program that speaks SFTP.
    pub(super) fn open(
        mut connection: Connection,
        start: &Start,
        patience: Option<Patience>,
    ) -> Result<ChannelTransport, Error> {
        connection.allow(OPENING_LIMIT);
        connection.intake().begin_channel(LEAST_WINDOW);
        let channel = start::begin(&connection, start)?;
        connection.dismiss_watchdog();
        let line = Line::new(connection, patience, LEAST_WINDOW);
        let place = line.enter();
        let (parting, make_sink) = (Mutex::default(), Mutex::default());
        let trunk = Arc::new(Trunk { parting, line, start: start.clone(), make_sink });
        let stage = Stage::Open(Flow::new(place, channel, None));
        Ok(ChannelTransport { stage, place, window: LEAST_WINDOW, requests: 0, trunk })
    }

    /// Passes the standard error of each channel's program to a sink from `make`, as it arrives.
    pub fn set_stderr_sink(&mut self, make: impl Fn() -> StderrSink + Send + Sync + 'static) {
        if let Stage::Open(flow) = &mut self.stage {
            flow.set_stderr_sink(make());
        }
        *lock(&self.trunk.make_sink) = Some(Box::new(make));
    }

    /// Returns the server's identification, such as `SSH-2.0-OpenSSH_9.2p1 Debian-2`. Empty if it has none.
    #[must_use]
    pub fn server_version(&self) -> &[u8] {
        self.trunk.line.connection().session.banner_bytes().unwrap_or_default()
    }

    fn advance(&mut self, out: &mut Outbox, inbox: &mut Inbox) -> io::Result<Step> {
        match &mut self.stage {
            Stage::Open(flow) => flow.advance(&self.trunk.line, out, inbox),
            Stage::Starting(starting) => match starting.step(&self.trunk.line)? {
                Progress::Waits => Ok(Step::Blocked),
                Progress::Opened => Ok(Step::Moved),
                Progress::Started(channel) => {
                    let sink = lock(&self.trunk.make_sink).as_ref().map(|make| make());
                    self.stage = Stage::Open(Flow::new(self.place, channel, sink));
                    Ok(Step::Moved)
                }
                Progress::Refused(channel) => {
                    self.stage = Stage::Gone;
                    self.part(Parting::of_refused(self.place, channel, self.window));
                    Ok(Step::Refused)
                }
            },
            Stage::Gone => Ok(Step::Refused),
        }
    }

    /// Leaves the end of the channel to the trunk.
    fn part(&self, parting: Parting) {
        self.trunk.line.leave();
        lock(&self.trunk.parting).push(parting);
    }

    /// Leaves the end of the channel to the trunk if other channels go on, and returns how the far end closed as far as
    /// that is known. Returns `None` if this is the last channel.
    fn end_beside_others(&mut self, unsent: Outbox) -> Option<End> {
        if matches!(self.stage, Stage::Gone) {
            return Some(End::default());
        }
        if !self.trunk.line.has_others() {
            return None;
        }
        let (end, parting) = match std::mem::replace(&mut self.stage, Stage::Gone) {
            Stage::Open(mut flow) => (flow.end(), Parting::of_flow(self.place, flow, unsent, self.window)),
            Stage::Starting(starting) => (End::default(), Parting::of_starting(starting, self.window)),
            Stage::Gone => return Some(End::default()),
        };
        self.part(parting);
        // It may be complete at once.
        let _ = self.trunk.step_parting();
        Some(end)
    }
}

impl Trunk {
    /// Goes on closing the channels that no session uses.
    fn step_parting(&self) -> io::Result<()> {
        let mut parting = lock(&self.parting);
        let mut result = Ok(());
        parting.retain_mut(|channel| match channel.step(&self.line) {
            Ok(is_gone) => !is_gone,
            Err(error) => {
                result = Err(error);
                true
            }
        });
        result
    }
}

impl Drop for Trunk {
    fn drop(&mut self) {
        // As with the transports: channels must not be freed on a live socket.
        self.line.connection().killer().kill();
    }
}

impl Transport for ChannelTransport {
    fn step(&mut self, out: &mut Outbox, inbox: &mut Inbox) -> io::Result<Step> {
        let line = &self.trunk.line;
        line.attend()?;
        let before = line.connection().intake().received();
        let done = self.trunk.step_parting().and_then(|()| self.advance(out, inbox));
        if let (Err(_), Stage::Open(flow)) = (&done, &mut self.stage) {
            flow.report_disconnect(&self.trunk.line);
        }
        // What came may be for another channel, which was stepped before.
        let line = &self.trunk.line;
        let has_received = line.has_others() && line.connection().intake().received() != before;
        Ok(match done? {
            Step::Blocked if has_received => Step::Moved,
            step => step,
        })
    }

    fn interest<'a>(&'a self, _out_pending: bool, fds: &mut Vec<PollFd<'a>>) {
        let line = &self.trunk.line;
        let room = if line.wants_room() { PollFlags::OUT } else { PollFlags::empty() };
        let reads = match &self.stage {
            Stage::Open(flow) => flow.waits_for_peer() || room.is_empty(),
            // Before it has its turn, another channel is in the way, which has interests of its own.
            Stage::Starting(starting) => starting.is_under_way(),
            Stage::Gone => false,
        };
        fds.push(PollFd::new(line.socket(), if reads { room | PollFlags::IN } else { room }));
    }

    fn expect(&mut self, awaited: Awaited) {
        // The window is widened again at three quarters, and the requested data must fit even then.
        let window = (awaited.reply_bytes.saturating_mul(4) / 3).clamp(LEAST_WINDOW, MOST_WINDOW);
        let line = &self.trunk.line;
        if window != self.window {
            line.change_window(std::mem::replace(&mut self.window, window), window);
        }
        if let Stage::Open(flow) = &mut self.stage {
            flow.set_window(window);
        }
        let before = std::mem::replace(&mut self.requests, awaited.requests);
        line.connection().intake().note_requests(awaited.requests.saturating_sub(before));
    }

    fn rest(&self) -> Option<Duration> {
        self.trunk.line.rest()
    }

    fn killer(&self) -> Killer {
        self.trunk.line.connection().killer().clone()
    }

    fn another(&self) -> Option<Box<dyn Transport>> {
        if lock(&self.trunk.parting).len() >= MOST_PARTING {
            return None;
        }
        let line = &self.trunk.line;
        line.change_window(0, LEAST_WINDOW);
        let starting = Starting::new(line, self.trunk.start.clone());
        let (place, trunk) = (starting.place(), Arc::clone(&self.trunk));
        let stage = Stage::Starting(starting);
        Some(Box::new(ChannelTransport { stage, place, window: LEAST_WINDOW, requests: 0, trunk }))
    }

    fn leave(mut self: Box<Self>, unsent: Outbox) {
        if self.end_beside_others(unsent).is_none()
            && let Stage::Open(flow) = &mut self.stage
        {
            self.trunk.line.stop_listening();
            flow.leave(&self.trunk.line);
        }
    }

    fn finish(mut self: Box<Self>, unsent: Outbox) -> End {
        if let Some(end) = self.end_beside_others(unsent) {
            return end;
        }
        let is_deserted = self.trunk.line.stop_listening();
        let Stage::Open(flow) = &mut self.stage else { return End::default() };
        if !is_deserted {
            flow.conclude(&self.trunk.line);
        }
        flow.end()
    }
}

impl Drop for ChannelTransport {
    fn drop(&mut self) {
        if !matches!(self.stage, Stage::Gone) {
            // Shut the socket down before the channel is dropped: on a live socket, libssh2 would wait to say goodbye,
            // and leak.
            self.trunk.line.connection().killer().kill();
        }
    }
}

impl fmt::Debug for ChannelTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelTransport").field("window", &self.window).finish_non_exhaustive()
    }
}
