//! A connection that several channels use: who may send, what may be received, and the questions to a silent server.
//!
//! libssh2 has one packet under way for the whole connection. Until a packet that was sent in part is complete, no
//! other may begin. So the channel that began it holds the line, and the others only read.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use libssh2_sys as raw;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use ssh2::{BlockDirections, ErrorCode};

use crate::lock::lock;
use crate::ssh::connection::Connection;
use crate::ssh::keepalive::{Due, Keepalive, Patience};

/// The number of a channel on its connection.
pub(super) type Place = u32;

/// A connection with the state that its channels share. One thread uses them all.
pub(super) struct Line {
    connection: Connection,
    state: Mutex<State>,
}

struct State {
    next_place: Place,
    /// Channels that a session uses.
    in_use: usize,
    /// The channel whose packet is sent only in part.
    holder: Option<Place>,
    /// The channel that is being opened. libssh2 opens one at a time.
    opener: Option<Place>,
    /// The channels whose next short packet waits for room in the socket.
    lack_room: BTreeSet<Place>,
    /// The sum of the receive windows of all channels.
    window: u64,
    keepalive: Option<Keepalive>,
    /// True if an answer to a keepalive is due and no bytes have arrived. libssh2 must not read them before we notice
    /// them.
    listens: bool,
    /// True if the server has stopped answering.
    is_deserted: bool,
    /// True if the server's reason for ending the connection was taken.
    has_told_reason: bool,
}

impl Line {
    /// Takes a connection that is logged in. `window` is the receive window of its first channel.
    pub(super) fn new(connection: Connection, patience: Option<Patience>, window: u64) -> Line {
        if patience.is_some() {
            // libssh2's clock must not be slower than ours, which decides when to ask.
            connection.session.set_keepalive(true, 1);
        }
        let state = State {
            next_place: 0,
            in_use: 0,
            holder: None,
            opener: None,
            lack_room: BTreeSet::new(),
            window,
            keepalive: patience.map(|patience| Keepalive::new(patience, Instant::now())),
            listens: false,
            is_deserted: false,
            has_told_reason: false,
        };
        Line { connection, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Adds a channel, and returns its place.
    pub(super) fn enter(&self) -> Place {
        let mut state = self.state();
        state.next_place += 1;
        state.in_use += 1;
        state.next_place
    }

    /// Notes that a session no longer uses its channel.
    pub(super) fn leave(&self) {
        self.state().in_use -= 1;
    }

    /// Returns whether other channels are in use besides one.
    pub(super) fn has_others(&self) -> bool {
        self.state().in_use > 1
    }

    /// Returns whether the channel at `place` may begin a packet.
    pub(super) fn may_send(&self, place: Place) -> bool {
        self.state().holder.is_none_or(|holder| holder == place)
    }

    /// Returns whether a short packet may begin, which the socket takes as a whole.
    pub(super) fn takes_short_packet(&self, place: Place) -> bool {
        if !self.may_send(place) {
            return false;
        }
        let has_room = self.is_ready(PollFlags::OUT);
        match has_room {
            true => self.state().lack_room.remove(&place),
            false => self.state().lack_room.insert(place),
        };
        has_room
    }

    /// Lets no other channel send until the packet of this one is complete.
    pub(super) fn hold(&self, place: Place) {
        self.state().holder = Some(place);
    }

    /// Lets other channels send again.
    pub(super) fn release(&self, place: Place) {
        self.state().holder.take_if(|holder| *holder == place);
    }

    /// Returns whether the channel at `place` may be opened now, before any other.
    pub(super) fn begin_opening(&self, place: Place) -> bool {
        *self.state().opener.get_or_insert(place) == place
    }

    /// Forgets a channel that sends no more packets.
    pub(super) fn forget(&self, place: Place) {
        let mut state = self.state();
        state.lack_room.remove(&place);
        state.holder.take_if(|holder| *holder == place);
        state.opener.take_if(|opener| *opener == place);
    }

    /// Lets another channel be opened.
    pub(super) fn end_opening(&self) {
        self.state().opener = None;
    }

    /// Replaces the receive window of a channel in the budget of the connection.
    pub(super) fn change_window(&self, before: u64, after: u64) {
        let window = {
            let mut state = self.state();
            state.window = state.window - before + after;
            state.window
        };
        self.connection.intake().widen(window);
    }

    /// Notes that bytes of a channel were received.
    pub(super) fn hear(&self) {
        self.state().keepalive.iter_mut().for_each(Keepalive::hear);
    }

    /// Returns whether libssh2 must not read before we have noticed new bytes.
    pub(super) fn listens(&self) -> bool {
        self.state().listens
    }

    /// Ends the watch for a silent server. Returns whether it has stopped answering.
    pub(super) fn stop_listening(&self) -> bool {
        let mut state = self.state();
        state.listens = false;
        state.is_deserted
    }

    /// Returns how long no question to a silent server is due.
    pub(super) fn rest(&self) -> Option<Duration> {
        self.state().keepalive.as_ref().map(|keepalive| keepalive.left(Instant::now()))
    }

    /// Asks a server that was silent for long whether it is still there, and gives it up if it doesn't answer.
    pub(super) fn attend(&self) -> io::Result<()> {
        let mut state = self.state();
        let is_held = state.holder.is_some();
        let Some(keepalive) = &mut state.keepalive else { return Ok(()) };
        let now = Instant::now();
        if keepalive.must_listen(now) && self.is_ready(PollFlags::IN) {
            keepalive.hear();
        }
        let (due, listens) = (keepalive.due(now), keepalive.awaits_answer());
        state.listens = listens;
        match due {
            Due::Nothing => Ok(()),
            Due::End => {
                state.is_deserted = true;
                let host = &self.connection.peer.host;
                Err(io::Error::new(ErrorKind::TimedOut, format!("Timeout, server {host} not responding")))
            }
            // If a packet is partly sent or the socket is full, that packet serves as the question.
            Due::Question if is_held || !self.is_ready(PollFlags::OUT) => Ok(()),
            Due::Question => {
                let asked = self.connection.session.keepalive_send();
                asked.map(drop).map_err(|error| self.lost(&error.into()))
            }
        }
    }

    /// Returns the lines about the server's reason for ending the connection, once.
    pub(super) fn reason(&self) -> Option<Vec<String>> {
        let reason = self.connection.intake().disconnect()?;
        if std::mem::replace(&mut self.state().has_told_reason, true) {
            return None;
        }
        Some(self.connection.disconnected(reason).lines())
    }

    /// Puts an error into the user's words. libssh2's text names the place of the error; its code names the cause.
    pub(super) fn lost(&self, error: &io::Error) -> io::Error {
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

    /// Returns whether libssh2's last blocked call waits for room in the socket.
    pub(super) fn blocks_outbound(&self) -> bool {
        matches!(self.connection.session.block_directions(), BlockDirections::Outbound | BlockDirections::Both)
    }

    /// Returns whether to poll for room in the socket.
    pub(super) fn wants_room(&self) -> bool {
        self.blocks_outbound() || !self.state().lack_room.is_empty()
    }

    pub(super) fn socket(&self) -> &OwnedFd {
        self.connection.socket()
    }

    /// Sleeps until bytes can move. Returns false at the deadline.
    pub(super) fn wait(&self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let events = if self.blocks_outbound() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let mut fds = [PollFd::new(self.socket(), events)];
        !left.is_zero() && poll(&mut fds, Timespec::try_from(left).ok().as_ref()).is_ok()
    }

    /// Returns whether the socket is ready right now.
    fn is_ready(&self, events: PollFlags) -> bool {
        let mut fds = [PollFd::new(self.socket(), events)];
        poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }
}
