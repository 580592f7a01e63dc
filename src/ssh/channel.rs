//! An SSH channel as a transport.
//!
//! libssh2 must be driven in one particular way. Left to itself, it widens the receive window from within a read.
//! That read then waits for a half-sent write while poll reports readable data: the result is a busy loop or a dead
//! connection. So we keep the window ourselves. Each step grants, writes and reads, in this order. All reads have one
//! length and happen only while the window is so wide that libssh2 doesn't touch it.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use libssh2_sys as raw;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use ssh2::{BlockDirections, Channel, ErrorCode};

use crate::ssh::connection::{Connection, Fault};
use crate::ssh::error::Error;
use crate::ssh::keepalive::{Due, Keepalive, Patience};
use crate::transport::{Awaited, End, Inbox, Killer, Outbox, Step, Transport};

/// The program to start on the server, which speaks SFTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A subsystem with this name, usually `sftp`.
    Subsystem(String),
    /// A command for the user's shell on the server, such as the path of an SFTP server.
    Command(String),
}

/// Receive window at the opening of the channel. It is small, because libssh2 widens a window by itself as soon as it
/// is narrower than three quarters of this one plus the length of a read.
const OPENING_WINDOW: u32 = 128 << 10;

/// Largest packet that we accept: RFC 4253, section 6.1, demands 32 KiB from every implementation.
const PACKET_BYTES: u32 = 32 << 10;

/// Length of every read. It must not change while one of libssh2's own window adjustments could be pending.
const READ_BYTES: usize = 128 << 10;

/// Narrowest window at which libssh2 reads without adjusting it.
const READABLE_WINDOW: u64 = OPENING_WINDOW as u64 / 4 * 3 + READ_BYTES as u64;

/// Smallest receive window that we keep up. On a fast network, a wider one would only fill libssh2's packet lists.
const LEAST_WINDOW: u64 = 2 << 20;

/// Largest receive window that we keep up, which is how much a hostile server can make us hold.
const MOST_WINDOW: u64 = 16 << 20;

/// Packets written before the next read, so that a long put doesn't delay replies.
const PACKETS_PER_STEP: usize = 8;

/// How much of the remote program's standard error is kept.
const LAST_WORDS_BYTES: usize = 4 << 10;

/// Limit for opening the channel and starting the subsystem.
const OPENING_LIMIT: Duration = Duration::from_secs(60);

/// Limit for the orderly end: the remaining output and the exit status of the remote program.
const ENDING_LIMIT: Duration = Duration::from_secs(4);

/// Receives the remote program's standard error, piece by piece, and the server's reason for ending the connection.
pub type StderrSink = Box<dyn FnMut(&[u8]) + Send>;

/// The SFTP stream over an SSH channel.
pub struct ChannelTransport {
    // Declared before the connection, and so dropped before it, because it holds a part of the session.
    channel: Channel,
    connection: Connection,
    /// The target width of the receive window.
    window: u64,
    /// Requests made so far.
    requests: u64,
    /// A window adjustment that is not sent yet. It must be repeated with the same number.
    pending_adjustment: Option<u64>,
    /// True if a packet is only partly sent. Nothing else may be sent until the rest of it is.
    half_written: bool,
    /// True if the last blocked call waits for the peer, not for room in the socket.
    awaits_input: bool,
    last_words: VecDeque<u8>,
    stderr_sink: Option<StderrSink>,
    keepalive: Option<Keepalive>,
    /// True if an answer to a keepalive is due and no bytes have arrived. libssh2 must not read them before we notice
    /// them.
    listens: bool,
    /// True if the server has stopped answering.
    is_deserted: bool,
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
        let channel = match begin(&connection, start) {
            Ok(channel) => channel,
            Err((what, fault)) => return Err(refusal(&connection, start, what, &fault)),
        };
        connection.dismiss_watchdog();
        if patience.is_some() {
            // libssh2's clock must not be slower than ours, which decides when to ask.
            connection.session.set_keepalive(true, 1);
        }
        Ok(ChannelTransport {
            channel,
            connection,
            window: LEAST_WINDOW,
            requests: 0,
            pending_adjustment: None,
            half_written: false,
            awaits_input: false,
            last_words: VecDeque::new(),
            stderr_sink: None,
            keepalive: patience.map(|patience| Keepalive::new(patience, Instant::now())),
            listens: false,
            is_deserted: false,
        })
    }

    /// Passes the remote program's standard error to `stderr_sink` as it arrives.
    pub fn set_stderr_sink(&mut self, stderr_sink: StderrSink) {
        self.stderr_sink = Some(stderr_sink);
    }

    /// Returns the server's identification, such as `SSH-2.0-OpenSSH_9.2p1 Debian-2`. Empty if it has none.
    #[must_use]
    pub fn server_version(&self) -> &[u8] {
        self.connection.session.banner_bytes().unwrap_or_default()
    }

    fn advance(&mut self, out: &mut Outbox, inbox: &mut Inbox) -> io::Result<Step> {
        self.awaits_input = false;
        let granted = self.grant()?;
        let mut written = self.write(out)?;
        let read = self.read(inbox)?;
        if read != Step::Blocked {
            return Ok(read);
        }
        if written || granted {
            return Ok(Step::Moved);
        }
        if !out.is_empty() && !self.blocks_outbound() && self.channel.write_window().remaining > 0 {
            // The read may have received the window that the write waits for, and poll would never report it.
            written = self.write(out)?;
        }
        // The read may have used up so much of the window that it must be widened; otherwise the peer stops sending.
        let lacks = !self.half_written && self.pending_adjustment.is_none() && self.lacking_window().is_some();
        // In the same way, a write may have received data that a read waits for.
        let hidden = self.may_read() && self.channel.read_window().available > 0;
        if self.channel.eof() {
            return Ok(Step::Closed);
        }
        Ok(if written || hidden || lacks { Step::Moved } else { Step::Blocked })
    }

    /// Widens the receive window if it is too narrow. Sends no data while an adjustment is pending.
    fn grant(&mut self) -> io::Result<bool> {
        if self.half_written {
            return Ok(false);
        }
        let Some(wanted) = self.pending_adjustment.or_else(|| self.lacking_window()) else {
            return Ok(false);
        };
        match self.channel.adjust_receive_window(wanted, true).map_err(io::Error::from) {
            Ok(_) => {
                self.pending_adjustment = None;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.pending_adjustment = Some(wanted);
                self.note_wait();
                Ok(false)
            }
            Err(error) => Err(self.lost(&error)),
        }
    }

    /// Returns by how much to widen the window, once a quarter of it is used up.
    fn lacking_window(&self) -> Option<u64> {
        let left = u64::from(self.channel.read_window().remaining);
        (left <= self.window / 4 * 3).then(|| self.window - left)
    }

    /// Writes a few packets of up to 32,700 bytes. libssh2 completes a packet with the length it began with, even if
    /// the next call offers more data.
    fn write(&mut self, out: &mut Outbox) -> io::Result<bool> {
        let mut moved = false;
        for _ in 0..PACKETS_PER_STEP {
            if out.is_empty() || self.pending_adjustment.is_some() {
                break;
            }
            match self.channel.write(out.front()) {
                // The window has no room, but another packet was received: try again.
                Ok(0) => moved = true,
                Ok(sent) => {
                    out.advance(sent);
                    self.connection.intake().note_sent(sent);
                    self.half_written = false;
                    moved = true;
                    self.grant()?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // An empty window begins no packet, so an adjustment may go out meanwhile.
                    self.half_written = self.channel.write_window().remaining > 0;
                    self.note_wait();
                    break;
                }
                Err(error) => return Err(self.lost(&error)),
            }
        }
        Ok(moved)
    }

    fn read(&mut self, inbox: &mut Inbox) -> io::Result<Step> {
        if !self.may_read() || (self.listens && self.channel.read_window().available == 0) {
            return Ok(Step::Blocked);
        }
        match self.channel.read(inbox.space(READ_BYTES)) {
            Ok(0) => {
                // Unread data on standard error hides the end of the stream.
                self.read_last_words()?;
                Ok(if self.channel.eof() { Step::Closed } else { Step::Moved })
            }
            Ok(read) => {
                inbox.commit(read);
                self.connection.intake().claim(read);
                self.keepalive.iter_mut().for_each(Keepalive::hear);
                Ok(Step::Moved)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // Standard error uses the same window, so another step must follow.
                Ok(if self.read_last_words()? { Step::Moved } else { Step::Blocked })
            }
            Err(error) => Err(self.lost(&error)),
        }
    }

    /// Reads standard error. It shares the window, so leaving it unread would block the channel forever.
    fn read_last_words(&mut self) -> io::Result<bool> {
        let mut moved = false;
        let mut scrap = [0; LAST_WORDS_BYTES];
        while self.may_read() && self.channel.read_window().available > 0 {
            match self.channel.stderr().read(&mut scrap) {
                Ok(0) => break,
                Ok(read) => {
                    moved = true;
                    self.connection.intake().claim(read);
                    self.stderr_sink.iter_mut().for_each(|sink| sink(&scrap[..read]));
                    self.last_words.extend(&scrap[..read]);
                    let surplus = self.last_words.len().saturating_sub(LAST_WORDS_BYTES);
                    self.last_words.drain(..surplus);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(self.lost(&error)),
            }
        }
        Ok(moved)
    }

    /// Returns whether libssh2 would read without adjusting the window.
    fn may_read(&self) -> bool {
        u64::from(self.channel.read_window().remaining) >= READABLE_WINDOW
    }

    fn blocks_outbound(&self) -> bool {
        matches!(self.connection.session.block_directions(), BlockDirections::Outbound | BlockDirections::Both)
    }

    /// Notes, right after a blocked call, whether it waits for the peer: for its window, or for its part of a key
    /// exchange.
    fn note_wait(&mut self) {
        self.awaits_input |= !self.blocks_outbound();
    }

    /// Asks a server that was silent for long whether it is still there, and gives it up if it doesn't answer.
    fn attend(&mut self) -> io::Result<()> {
        let Some(keepalive) = &mut self.keepalive else { return Ok(()) };
        let now = Instant::now();
        if keepalive.must_listen(now) && is_ready(self.connection.socket(), PollFlags::IN) {
            keepalive.hear();
        }
        let due = keepalive.due(now);
        self.listens = keepalive.awaits_answer();
        match due {
            Due::Nothing => Ok(()),
            Due::End => {
                self.is_deserted = true;
                let host = &self.connection.peer.host;
                Err(io::Error::new(ErrorKind::TimedOut, format!("Timeout, server {host} not responding")))
            }
            // If a packet is partly sent or the socket is full, that packet serves as the question.
            Due::Question if self.half_written || self.pending_adjustment.is_some() => Ok(()),
            Due::Question if !is_ready(self.connection.socket(), PollFlags::OUT) => Ok(()),
            Due::Question => {
                let asked = self.connection.session.keepalive_send();
                asked.map(drop).map_err(|error| self.lost(&error.into()))
            }
        }
    }

    /// Puts an error into the user's words. libssh2's text names the place of the error; its code names the cause.
    fn lost(&self, error: &io::Error) -> io::Error {
        if let Some(excess) = self.connection.intake().excess() {
            return io::Error::new(ErrorKind::InvalidData, excess.to_string());
        }
        let last = ssh2::Error::last_session_error(&self.connection.session);
        let reason = last.as_ref().and_then(|error| self.connection.disconnect_reason(error));
        match last.map(|error| error.code()) {
            _ if reason.is_some() => io::Error::new(ErrorKind::ConnectionReset, "the server hung up"),
            Some(ErrorCode::Session(
                raw::LIBSSH2_ERROR_SOCKET_DISCONNECT | raw::LIBSSH2_ERROR_SOCKET_RECV | raw::LIBSSH2_ERROR_SOCKET_SEND,
            )) => io::Error::new(ErrorKind::ConnectionReset, "the server hung up"),
            Some(ErrorCode::Session(raw::LIBSSH2_ERROR_INVALID_MAC | raw::LIBSSH2_ERROR_DECRYPT)) => {
                io::Error::new(ErrorKind::InvalidData, "what came was corrupted on its way")
            }
            _ => io::Error::new(error.kind(), format!("SSH: {error}")),
        }
    }

    /// Passes on the server's reason for ending the connection, if it gave one, together with the remote program's
    /// standard error. That is where an ssh program prints it.
    fn report_disconnect(&mut self) {
        let (Some(reason), Some(sink)) = (self.connection.intake().disconnect(), &mut self.stderr_sink) else { return };
        if self.last_words.back().is_some_and(|&byte| byte != b'\n') {
            sink(b"\n");
        }
        for line in self.connection.disconnected(reason).lines() {
            sink(line.as_bytes());
            sink(b"\n");
        }
    }

    /// Ends our stream, reads the remaining data, and waits for the peer to close the channel, all in bounded time.
    fn conclude(&mut self) {
        let deadline = Instant::now() + ENDING_LIMIT;
        let mut out = Outbox::default();
        if self.half_written
            || !self.repeat(deadline, |transport| transport.channel.send_eof().map_err(io::Error::from))
        {
            return;
        }
        loop {
            // A fresh inbox each time, because data that arrives now is dropped.
            match self.advance(&mut out, &mut Inbox::default()) {
                Ok(Step::Closed) => break,
                Ok(Step::Moved) if Instant::now() < deadline => {}
                Ok(Step::Blocked) if self.wait(deadline) => {}
                _ => return,
            }
        }
        self.repeat(deadline, |transport| transport.channel.close().map_err(io::Error::from));
    }

    /// Calls `attempt` until it no longer has to wait. Returns false at the deadline or on an error.
    fn repeat(&mut self, deadline: Instant, attempt: impl Fn(&mut Self) -> io::Result<()>) -> bool {
        loop {
            match attempt(self) {
                Ok(()) => return true,
                Err(error) if error.kind() == ErrorKind::WouldBlock && self.wait(deadline) => {}
                Err(_) => return false,
            }
        }
    }

    /// Sleeps until bytes can move. Returns false at the deadline.
    fn wait(&self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let events = if self.blocks_outbound() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let mut fds = [PollFd::new(self.connection.socket(), events)];
        !left.is_zero() && poll(&mut fds, Timespec::try_from(left).ok().as_ref()).is_ok()
    }
}

impl Transport for ChannelTransport {
    fn step(&mut self, out: &mut Outbox, inbox: &mut Inbox) -> io::Result<Step> {
        self.attend()?;
        let done = self.advance(out, inbox);
        if done.is_err() {
            self.report_disconnect();
        }
        done
    }

    fn interest<'a>(&'a self, _out_pending: bool, fds: &mut Vec<PollFd<'a>>) {
        let mut events = PollFlags::empty();
        if self.blocks_outbound() {
            events |= PollFlags::OUT;
        }
        if self.may_read() || self.awaits_input || events.is_empty() {
            events |= PollFlags::IN;
        }
        fds.push(PollFd::new(self.connection.socket(), events));
    }

    fn expect(&mut self, awaited: Awaited) {
        // The window is widened again at three quarters, and the requested data must fit even then.
        self.window = (awaited.reply_bytes.saturating_mul(4) / 3).clamp(LEAST_WINDOW, MOST_WINDOW);
        let intake = self.connection.intake();
        intake.widen(self.window);
        let before = std::mem::replace(&mut self.requests, awaited.requests);
        intake.note_requests(awaited.requests.saturating_sub(before));
    }

    fn rest(&self) -> Option<Duration> {
        self.keepalive.as_ref().map(|keepalive| keepalive.left(Instant::now()))
    }

    fn killer(&self) -> Killer {
        self.connection.killer().clone()
    }

    /// Says goodbye without waiting for an answer, which saves a round trip.
    fn leave(mut self: Box<Self>) {
        self.listens = false;
        // Pass on the standard error that has arrived already.
        while matches!(self.advance(&mut Outbox::default(), &mut Inbox::default()), Ok(Step::Moved)) {}
        if !self.half_written && self.pending_adjustment.is_none() {
            // Each of these calls would wait for the peer, and needs no second try.
            let _ = self.channel.send_eof();
            let _ = self.channel.close();
            let _ = self.connection.session.disconnect(None, "disconnected by user", None);
        }
    }

    fn finish(mut self: Box<Self>) -> End {
        self.listens = false;
        if !self.is_deserted {
            self.conclude();
        }
        let exit_status = self.channel.eof().then(|| self.channel.exit_status().ok()).flatten();
        let last_words = std::mem::take(&mut self.last_words).into();
        End { exit_status, last_words }
    }
}

impl Drop for ChannelTransport {
    fn drop(&mut self) {
        // Shut the socket down before the channel is dropped: on a live socket, libssh2 would wait to say goodbye,
        // and leak.
        self.connection.killer().kill();
    }
}

impl fmt::Debug for ChannelTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelTransport").field("window", &self.window).finish_non_exhaustive()
    }
}

/// Returns whether a socket is ready right now.
fn is_ready(socket: &OwnedFd, events: PollFlags) -> bool {
    poll(&mut [PollFd::new(socket, events)], Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// Opens the channel and starts the subsystem or command. An error names the request that failed.
fn begin(connection: &Connection, start: &Start) -> Result<Channel, (&'static str, Fault)> {
    let mut channel = connection
        .complete(|| connection.session.channel_open("session", OPENING_WINDOW, PACKET_BYTES, None))
        .map_err(|fault| ("session", fault))?;
    let started = match start {
        Start::Subsystem(name) => connection.complete(|| channel.subsystem(name)).map_err(|fault| ("subsystem", fault)),
        Start::Command(command) => connection.complete(|| channel.exec(command)).map_err(|fault| ("exec", fault)),
    };
    if started.is_err() {
        // As when the transport is dropped, the channel must not be freed on a live socket.
        connection.killer().kill();
    }
    started.map(|()| channel)
}

fn refusal(connection: &Connection, start: &Start, what: &'static str, fault: &Fault) -> Error {
    match fault {
        Fault::Library(error) => {
            let refused = [raw::LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED, raw::LIBSSH2_ERROR_CHANNEL_FAILURE];
            let refused = refused.map(ErrorCode::Session).contains(&error.code());
            let cause = if refused { String::from("refused by the server") } else { error.message().to_owned() };
            let subsystem = match start {
                Start::Subsystem(name) if what == "subsystem" => Some(name.clone()),
                _ => None,
            };
            Error::Refused { host: connection.peer.host.clone(), what, subsystem, cause }
        }
        fault => connection.error(fault, " while the session was opened"),
    }
}
