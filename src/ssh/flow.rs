//! The bytes of an open channel, both ways.
//!
//! libssh2 must be driven in one particular way. Left to itself, it widens the receive window from within a read.
//! That read then waits for a half-sent write while poll reports readable data: the result is a busy loop or a dead
//! connection. So we keep the window ourselves. Each step grants, writes and reads, in this order. All reads have one
//! length and happen only while the window is so wide that libssh2 doesn't touch it.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use ssh2::Channel;

use crate::ssh::line::{Line, Place};
use crate::ssh::start::OPENING_WINDOW;
use crate::transport::{End, Inbox, Outbox, Step};

/// Length of every read. It must not change while one of libssh2's own window adjustments could be pending.
const READ_BYTES: usize = 128 << 10;

/// Narrowest window at which libssh2 reads without adjusting it.
const READABLE_WINDOW: u64 = OPENING_WINDOW as u64 / 4 * 3 + READ_BYTES as u64;

/// Smallest receive window that we keep up. On a fast network, a wider one would only fill libssh2's packet lists.
pub(super) const LEAST_WINDOW: u64 = 2 << 20;

/// Packets written before the next read, so that a long put doesn't delay replies.
const PACKETS_PER_STEP: usize = 8;

/// How much of the remote program's standard error is kept.
const LAST_WORDS_BYTES: usize = 4 << 10;

/// Limit for the orderly end: the remaining output and the exit status of the remote program.
const ENDING_LIMIT: Duration = Duration::from_secs(4);

/// Receives the remote program's standard error, piece by piece, and the server's reason for ending the connection.
pub type StderrSink = Box<dyn FnMut(&[u8]) + Send>;

/// An open channel.
pub(super) struct Flow {
    place: Place,
    channel: Channel,
    /// The target width of the receive window.
    window: u64,
    /// A window adjustment that is not sent yet. It must be repeated with the same number.
    pending_adjustment: Option<u64>,
    /// True if a packet is only partly sent. Nothing else may be sent until the rest of it is.
    half_written: bool,
    /// True if the last blocked call waits for the peer, not for room in the socket.
    awaits_input: bool,
    last_words: VecDeque<u8>,
    stderr_sink: Option<StderrSink>,
}

impl Flow {
    pub(super) fn new(place: Place, channel: Channel, stderr_sink: Option<StderrSink>) -> Flow {
        Flow {
            place,
            channel,
            window: LEAST_WINDOW,
            pending_adjustment: None,
            half_written: false,
            awaits_input: false,
            last_words: VecDeque::new(),
            stderr_sink,
        }
    }

    pub(super) fn set_stderr_sink(&mut self, stderr_sink: StderrSink) {
        self.stderr_sink = Some(stderr_sink);
    }

    pub(super) fn set_window(&mut self, window: u64) {
        self.window = window;
    }

    pub(super) fn advance(&mut self, line: &Line, out: &mut Outbox, inbox: &mut Inbox) -> io::Result<Step> {
        self.awaits_input = false;
        let granted = self.grant(line)?;
        let mut written = self.write(line, out)?;
        let read = self.read(line, inbox)?;
        if read != Step::Blocked {
            return Ok(read);
        }
        if written || granted {
            return Ok(Step::Moved);
        }
        if !out.is_empty() && !line.blocks_outbound() && self.channel.write_window().remaining > 0 {
            // The read may have received the window that the write waits for, and poll would never report it.
            written = self.write(line, out)?;
        }
        // The read may have used up so much of the window that it must be widened; otherwise the peer stops sending.
        let lacks = self.may_grant(line) && self.pending_adjustment.is_none() && self.lacking_window().is_some();
        // In the same way, a write may have received data that a read waits for.
        let hidden = self.may_read() && self.channel.read_window().available > 0;
        if self.channel.eof() {
            return Ok(Step::Closed);
        }
        Ok(if written || hidden || lacks { Step::Moved } else { Step::Blocked })
    }

    fn may_grant(&self, line: &Line) -> bool {
        !self.half_written && line.may_send(self.place)
    }

    /// Widens the receive window if it is too narrow. Sends no data while an adjustment is pending.
    fn grant(&mut self, line: &Line) -> io::Result<bool> {
        if !self.may_grant(line) {
            return Ok(false);
        }
        let Some(wanted) = self.pending_adjustment.or_else(|| self.lacking_window()) else {
            return Ok(false);
        };
        match self.channel.adjust_receive_window(wanted, true).map_err(io::Error::from) {
            Ok(_) => {
                self.pending_adjustment = None;
                line.release(self.place);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.pending_adjustment = Some(wanted);
                line.hold(self.place);
                self.note_wait(line);
                Ok(false)
            }
            Err(error) => Err(line.lost(&error)),
        }
    }

    /// Returns by how much to widen the window, once a quarter of it is used up.
    fn lacking_window(&self) -> Option<u64> {
        let left = u64::from(self.channel.read_window().remaining);
        (left <= self.window / 4 * 3).then(|| self.window - left)
    }

    /// Writes a few packets.
    fn write(&mut self, line: &Line, out: &mut Outbox) -> io::Result<bool> {
        let mut moved = false;
        for _ in 0..PACKETS_PER_STEP {
            if out.is_empty() || self.pending_adjustment.is_some() || !self.write_packet(line, out)? {
                break;
            }
            moved = true;
            if !self.half_written {
                self.grant(line)?;
            }
        }
        Ok(moved)
    }

    /// Writes a packet of up to 32,700 bytes, or the rest of one. libssh2 completes a packet with the length it began
    /// with, even if the next call offers more data. Returns whether another call may move more.
    fn write_packet(&mut self, line: &Line, out: &mut Outbox) -> io::Result<bool> {
        if !line.may_send(self.place) {
            return Ok(false);
        }
        match self.channel.write(out.front()) {
            // The window has no room, but another packet was received: try again.
            Ok(0) => Ok(true),
            Ok(sent) => {
                out.advance(sent);
                line.connection().intake().note_sent(sent);
                self.half_written = false;
                line.release(self.place);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // An empty window begins no packet, so an adjustment may go out meanwhile.
                self.half_written = self.channel.write_window().remaining > 0;
                if self.half_written {
                    line.hold(self.place);
                }
                self.note_wait(line);
                Ok(false)
            }
            Err(error) => Err(line.lost(&error)),
        }
    }

    fn read(&mut self, line: &Line, inbox: &mut Inbox) -> io::Result<Step> {
        if !self.may_read() || (line.listens() && self.channel.read_window().available == 0) {
            return Ok(Step::Blocked);
        }
        match self.channel.read(inbox.space(READ_BYTES)) {
            Ok(0) => {
                // Unread data on standard error hides the end of the stream.
                self.read_last_words(line)?;
                Ok(if self.channel.eof() { Step::Closed } else { Step::Moved })
            }
            Ok(read) => {
                inbox.commit(read);
                line.connection().intake().claim(read);
                line.hear();
                Ok(Step::Moved)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // Standard error uses the same window, so another step must follow.
                Ok(if self.read_last_words(line)? { Step::Moved } else { Step::Blocked })
            }
            Err(error) => Err(line.lost(&error)),
        }
    }

    /// Reads standard error. It shares the window, so leaving it unread would block the channel forever.
    fn read_last_words(&mut self, line: &Line) -> io::Result<bool> {
        let mut moved = false;
        let mut scrap = [0; LAST_WORDS_BYTES];
        while self.may_read() && self.channel.read_window().available > 0 {
            match self.channel.stderr().read(&mut scrap) {
                Ok(0) => break,
                Ok(read) => {
                    moved = true;
                    line.connection().intake().claim(read);
                    self.stderr_sink.iter_mut().for_each(|sink| sink(&scrap[..read]));
                    self.last_words.extend(&scrap[..read]);
                    let surplus = self.last_words.len().saturating_sub(LAST_WORDS_BYTES);
                    self.last_words.drain(..surplus);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(line.lost(&error)),
            }
        }
        Ok(moved)
    }

    /// Returns whether libssh2 would read without adjusting the window.
    fn may_read(&self) -> bool {
        u64::from(self.channel.read_window().remaining) >= READABLE_WINDOW
    }

    /// Returns whether bytes from the peer would let this channel move.
    pub(super) fn waits_for_peer(&self) -> bool {
        self.may_read() || self.awaits_input
    }

    /// Notes, right after a blocked call, whether it waits for the peer: for its window, or for its part of a key
    /// exchange.
    fn note_wait(&mut self, line: &Line) {
        self.awaits_input |= !line.blocks_outbound();
    }

    /// Passes on the server's reason for ending the connection, if it gave one, together with the remote program's
    /// standard error. That is where an ssh program prints it.
    pub(super) fn report_disconnect(&mut self, line: &Line) {
        let Some(sink) = &mut self.stderr_sink else { return };
        let Some(reason) = line.reason() else { return };
        if self.last_words.back().is_some_and(|&byte| byte != b'\n') {
            sink(b"\n");
        }
        for line in reason {
            sink(line.as_bytes());
            sink(b"\n");
        }
    }

    /// Says goodbye without waiting for an answer, which saves a round trip.
    pub(super) fn leave(&mut self, line: &Line) {
        // Pass on the standard error that has arrived already.
        while matches!(self.advance(line, &mut Outbox::default(), &mut Inbox::default()), Ok(Step::Moved)) {}
        if !self.half_written && self.pending_adjustment.is_none() {
            // Each of these calls would wait for the peer, and needs no second try.
            let _ = self.channel.send_eof();
            let _ = self.channel.close();
            let _ = line.connection().session.disconnect(None, "disconnected by user", None);
        }
    }

    /// Ends our stream, reads the remaining data, and waits for the peer to close the channel, all in bounded time.
    pub(super) fn conclude(&mut self, line: &Line) {
        let deadline = Instant::now() + ENDING_LIMIT;
        let mut out = Outbox::default();
        if self.half_written || !self.repeat(line, deadline, |flow| flow.channel.send_eof().map_err(io::Error::from)) {
            return;
        }
        loop {
            // A fresh inbox each time, because data that arrives now is dropped.
            match self.advance(line, &mut out, &mut Inbox::default()) {
                Ok(Step::Closed) => break,
                Ok(Step::Moved) if Instant::now() < deadline => {}
                Ok(Step::Blocked) if line.wait(deadline) => {}
                _ => return,
            }
        }
        self.repeat(line, deadline, |flow| flow.channel.close().map_err(io::Error::from));
    }

    /// Calls `attempt` until it no longer has to wait. Returns false at the deadline or on an error.
    fn repeat(&mut self, line: &Line, deadline: Instant, attempt: impl Fn(&mut Self) -> io::Result<()>) -> bool {
        loop {
            match attempt(self) {
                Ok(()) => return true,
                Err(error) if error.kind() == ErrorKind::WouldBlock && line.wait(deadline) => {}
                Err(_) => return false,
            }
        }
    }

    /// Returns how the far end closed, as far as that is known.
    pub(super) fn end(&mut self) -> End {
        let exit_status = self.channel.eof().then(|| self.channel.exit_status().ok()).flatten();
        let last_words = std::mem::take(&mut self.last_words).into();
        End { exit_status, last_words }
    }

    /// Completes the packet that is sent in part. `unsent` holds the data of that packet. Returns whether it is
    /// complete.
    ///
    /// # Errors
    /// The connection is broken.
    pub(super) fn complete_packet(&mut self, line: &Line, unsent: &mut Outbox) -> io::Result<bool> {
        if self.half_written {
            self.write_packet(line, unsent)?;
        }
        if self.pending_adjustment.is_some() {
            self.grant(line)?;
        }
        Ok(!self.half_written && self.pending_adjustment.is_none())
    }

    pub(super) fn into_channel(self) -> Channel {
        self.channel
    }
}
