//! Counts the bytes received on an SSH connection, and ends a connection that receives too many.
//!
//! libssh2 reads whatever arrives, and keeps packets that it doesn't know as long as the session lives. So its
//! receive callback takes each byte from the connection's [`Budget`]. Before the login, no bytes are given back.
//! After it, bytes that come out of the channel are given back, together with the share of their packets.
//!
//! This counts the bytes that were sent. A compressed packet may be a thousand times longer in memory, so libssh2's
//! memory is counted as well, by its allocator.
//!
//! The callbacks find their counter by the socket and by the session's address. The session's `abstract` pointer, the
//! usual way, belongs to ssh2, which redirects it during keyboard-interactive.
//!
//! This module also keeps the traces of why a connection ended: the server's reason and, until the keys are
//! exchanged, the received bytes.

use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use crate::budget::{self, Budget};
use crate::lock::lock;
use crate::ssh::disconnect::Reason;

/// The counters of all connections of this process, by socket.
static COUNTERS: RwLock<BTreeMap<RawFd, Arc<Counter>>> = RwLock::new(BTreeMap::new());

/// The counters from [`COUNTERS`], by the address of their session.
static HOLDERS: RwLock<BTreeMap<usize, Arc<Counter>>> = RwLock::new(BTreeMap::new());

/// The count of one connection. It must be dropped before the socket is closed.
#[derive(Debug)]
pub(super) struct Intake {
    socket: RawFd,
    /// The address of the session whose memory is counted.
    session: Option<usize>,
    counter: Arc<Counter>,
}

#[derive(Debug)]
struct Counter {
    budget: Budget,
    /// The memory that libssh2 holds.
    memory: Budget,
    /// The number of bytes received so far.
    received: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// The time up to which [`budget::OVERHEAD_PER_SECOND`] has been given back.
    credited: Instant,
    excess: Option<Excess>,
    /// The bytes of the key exchange, which [`budget::BEFORE_KEYS`] limits.
    opening: Vec<u8>,
    /// Why the server ended the connection.
    disconnect: Option<Reason>,
}

/// The phase of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    KeyExchange,
    Login,
    Channel,
}

/// The server exceeded a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    /// It sent too many bytes.
    Sent {
        phase: Phase,
        /// The limit in bytes.
        limit: u64,
    },
    /// Its packets take too much memory.
    Held {
        /// The limit in bytes.
        limit: u64,
    },
}

impl Intake {
    /// Counts the bytes received on `socket`, beginning with the key exchange.
    pub(super) fn on(socket: &impl AsRawFd) -> Intake {
        let state = State {
            phase: Phase::KeyExchange,
            credited: Instant::now(),
            excess: None,
            opening: Vec::new(),
            disconnect: None,
        };
        let (budget, memory) = (Budget::new(budget::BEFORE_KEYS), Budget::new(budget::HELD_BEFORE_LOGIN));
        let counter = Arc::new(Counter { budget, memory, received: AtomicU64::new(0), state: Mutex::new(state) });
        let socket = socket.as_raw_fd();
        COUNTERS.write().unwrap_or_else(PoisonError::into_inner).insert(socket, Arc::clone(&counter));
        Intake { socket, session: None, counter }
    }

    /// Also counts the memory of the session at this address.
    pub(super) fn count_memory(&mut self, session: usize) {
        HOLDERS.write().unwrap_or_else(PoisonError::into_inner).insert(session, Arc::clone(&self.counter));
        self.session = Some(session);
    }

    /// Begins the login, after the key exchange.
    pub(super) fn begin_login(&self) {
        self.counter.begin(Phase::Login, budget::BEFORE_LOGIN);
    }

    /// Begins a channel with a receive window of `window` bytes, after the login.
    pub(super) fn begin_channel(&self, window: u64) {
        self.counter.begin(Phase::Channel, window + budget::UNCLAIMED);
        self.widen(window);
    }

    /// Allows a receive window of `window` bytes from now on.
    pub(super) fn widen(&self, window: u64) {
        if self.excess().is_none() {
            self.counter.budget.raise(window + budget::UNCLAIMED);
            self.counter.memory.raise(window * budget::HELD_WINDOWS + budget::UNCLAIMED);
        }
    }

    /// Gives back `bytes` that came out of the channel.
    pub(super) fn claim(&self, bytes: usize) {
        let bytes = bytes as u64;
        self.counter.budget.give_back(bytes + bytes / budget::OVERHEAD_SHARE);
    }

    /// Allows for the packets with which the server may respond to `bytes` that were sent.
    pub(super) fn note_sent(&self, bytes: usize) {
        self.counter.budget.give_back(bytes as u64 / budget::ECHO_SHARE);
    }

    /// Allows for the overhead of the answers to `requests` more requests.
    pub(super) fn note_requests(&self, requests: u64) {
        self.counter.budget.give_back(requests.saturating_mul(budget::OVERHEAD_PER_REQUEST));
    }

    /// Counts bytes that were read outside of libssh2. Returns whether the connection may go on.
    pub(super) fn take(&self, bytes: &[u8]) -> bool {
        self.counter.may_take(bytes)
    }

    /// Calls `look` with all bytes received during the key exchange; after the exchange, with no bytes.
    pub(super) fn look_at_opening<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        look(&self.counter.lock().opening)
    }

    /// Returns the server's reason for ending the connection.
    pub(super) fn disconnect(&self) -> Option<Reason> {
        self.counter.lock().disconnect.clone()
    }

    /// Returns whether the first key exchange is under way.
    pub(super) fn is_opening(&self) -> bool {
        self.counter.lock().phase == Phase::KeyExchange
    }

    /// Returns the bytes of memory that the session holds.
    #[cfg(test)]
    pub(super) fn held(&self) -> u64 {
        self.counter.memory.taken()
    }

    /// Returns the number of bytes received so far.
    pub(super) fn received(&self) -> u64 {
        self.counter.received.load(Ordering::Relaxed)
    }

    /// Returns the exceeded limit, if that ended the connection.
    pub(super) fn excess(&self) -> Option<Excess> {
        self.counter.lock().excess
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        COUNTERS.write().unwrap_or_else(PoisonError::into_inner).remove(&self.socket);
        if let Some(session) = self.session {
            HOLDERS.write().unwrap_or_else(PoisonError::into_inner).remove(&session);
        }
    }
}

/// Counts memory that the session at this address allocated (`more` bytes) and freed (`fewer` bytes).
pub(super) fn note_memory(session: usize, more: usize, fewer: usize) {
    let counter = HOLDERS.read().unwrap_or_else(PoisonError::into_inner).get(&session).cloned();
    if let Some(counter) = counter {
        counter.memory.give_back(fewer as u64);
        if let Err(exceeded) = counter.memory.take(more as u64) {
            counter.end(Excess::Held { limit: exceeded.limit });
        }
    }
}

/// Stores the reason for which the server ends the connection of the session at this address.
pub(super) fn note_disconnect(session: usize, reason: Reason) {
    let counter = HOLDERS.read().unwrap_or_else(PoisonError::into_inner).get(&session).cloned();
    if let Some(counter) = counter {
        counter.lock().disconnect.get_or_insert(reason);
    }
}

/// Counts `bytes` that were received on a socket. Returns whether its connection may go on.
pub(super) fn may_take(socket: RawFd, bytes: &[u8]) -> bool {
    let counter = COUNTERS.read().unwrap_or_else(PoisonError::into_inner).get(&socket).cloned();
    counter.is_some_and(|counter| counter.may_take(bytes))
}

impl Counter {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn begin(&self, phase: Phase, limit: u64) {
        let mut state = self.lock();
        (state.phase, state.credited, state.opening) = (phase, Instant::now(), Vec::new());
        self.budget.renew(limit);
    }

    fn may_take(&self, bytes: &[u8]) -> bool {
        let count = bytes.len() as u64;
        self.received.fetch_add(count, Ordering::Relaxed);
        let taken = self.budget.take(count);
        let mut state = self.lock();
        let Err(exceeded) = taken else {
            if state.phase == Phase::KeyExchange {
                state.opening.extend_from_slice(bytes);
            }
            return true;
        };
        if state.excess.is_none() && state.phase == Phase::Channel {
            let seconds = state.credited.elapsed().as_secs();
            self.budget.give_back(seconds.saturating_mul(budget::OVERHEAD_PER_SECOND));
            state.credited += std::time::Duration::from_secs(seconds);
            if self.budget.take(count).is_ok() {
                return true;
            }
        }
        let phase = state.phase;
        drop(state);
        self.end(Excess::Sent { phase, limit: exceeded.limit });
        false
    }

    /// Ends the connection: libssh2 receives no more bytes. The first reason is kept.
    fn end(&self, excess: Excess) {
        self.lock().excess.get_or_insert(excess);
        self.budget.renew(0);
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Excess::Sent { phase: Phase::KeyExchange, limit } => {
                write!(f, "the server sent more than {} KiB before the keys were settled", limit >> 10)
            }
            Excess::Sent { phase: Phase::Login, limit } => {
                write!(f, "the server sent more than {} MiB before the login was done", limit >> 20)
            }
            Excess::Sent { phase: Phase::Channel, limit } => {
                write!(f, "the server sent more than {} MiB outside of the session's data", limit >> 20)
            }
            Excess::Held { limit } => {
                write!(f, "the server's data takes more than {} MiB of memory", limit >> 20)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    const MIB: usize = 1 << 20;

    /// Counts this number of bytes.
    fn may_take(socket: RawFd, bytes: usize) -> bool {
        static ZEROS: [u8; 18 * MIB] = [0; 18 * MIB];
        super::may_take(socket, &ZEROS[..bytes])
    }

    fn intake() -> (UnixStream, Intake) {
        let socket = UnixStream::pair().unwrap().0;
        let intake = Intake::on(&socket);
        (socket, intake)
    }

    #[test]
    fn each_phase_has_a_budget_of_its_own_and_says_which_was_exceeded() {
        for (prepare, limit, words) in [
            (
                &(|_: &Intake| {}) as &dyn Fn(&Intake),
                256 << 10,
                "the server sent more than 256 KiB before the keys were settled",
            ),
            (&|intake| intake.begin_login(), 4 * MIB, "the server sent more than 4 MiB before the login was done"),
            (
                &|intake| intake.begin_channel(2 << 20),
                18 * MIB,
                "the server sent more than 18 MiB outside of the session's data",
            ),
        ] {
            let (socket, intake) = intake();
            prepare(&intake);
            assert!(may_take(socket.as_raw_fd(), limit), "{words}");
            assert_eq!(intake.excess(), None);
            assert!(!may_take(socket.as_raw_fd(), 1), "{words}");
            assert_eq!(intake.excess().map(|excess| excess.to_string()).as_deref(), Some(words));
            intake.claim(limit);
            assert!(!may_take(socket.as_raw_fd(), 1), "{words}: it goes on");
        }
    }

    /// The traffic of honest servers for 64 GiB: bytes in, bytes out of the channel, bytes sent, requests.
    #[test]
    fn honest_sessions_never_come_to_their_limit() {
        for (what, in_, out, sent, requests) in [
            ("a get in packets of 32 KiB", 32_768 + 60, 32_768, 30, 1),
            ("a get in packets of 1 KiB", 32 * (1024 + 60), 32_768, 30, 1),
            ("a put with a window adjustment for each packet", 120, 28, 32_800, 1),
            ("a get with new keys after each MiB", MIB + 4096 + 2048, MIB, 1000, 32),
            ("a put with new keys after each MiB", 4096 + 32 * 120, 32 * 28, MIB, 32),
            ("attributes, each in a packet of its own", 160, 41, 60, 1),
            ("lines of 80 bytes on standard error for each request", 3 * 140 + 100, 240 + 41, 60, 1),
        ] {
            let (socket, intake) = intake();
            intake.begin_channel(2 << 20);
            for step in 0..1_000_000 {
                assert!(may_take(socket.as_raw_fd(), in_), "{what}: step {step}");
                intake.claim(out);
                intake.note_sent(sent);
                intake.note_requests(requests);
            }
        }
    }

    #[test]
    fn what_may_come_grows_by_what_was_claimed_sent_and_asked() {
        for (what, more, bytes) in [
            ("nothing", &(|_: &Intake| {}) as &dyn Fn(&Intake), 0),
            ("a wider window", &|intake| intake.widen(3 << 20), MIB),
            ("a narrower window", &|intake| intake.widen(1 << 20), 0),
            ("bytes of the channel", &|intake| intake.claim(16_000), 17_000),
            ("bytes that were sent", &|intake| intake.note_sent(25_600), 100),
            ("requests", &|intake| intake.note_requests(3), 768),
        ] {
            let (socket, intake) = intake();
            intake.begin_channel(2 << 20);
            assert!(may_take(socket.as_raw_fd(), 18 * MIB), "{what}");
            more(&intake);
            assert!(may_take(socket.as_raw_fd(), bytes), "{what}");
            assert!(!may_take(socket.as_raw_fd(), 256), "{what}");
        }
    }

    #[test]
    fn what_is_not_claimed_ends_however_much_is() {
        let (socket, intake) = intake();
        intake.begin_channel(2 << 20);
        let flood = (0..10_000).find(|_| {
            let goes_on = may_take(socket.as_raw_fd(), 2 * 32_768);
            intake.claim(32_768);
            !goes_on
        });
        assert!(flood.is_some_and(|steps| steps < 1000), "{flood:?}");
    }

    #[test]
    fn what_is_held_ends_a_connection_however_little_was_sent() {
        let (socket, mut intake) = intake();
        // Any number that is not the address of a session.
        let session = intake.socket.unsigned_abs() as usize;
        intake.count_memory(session);
        note_memory(session, 8 * MIB, 0);
        note_memory(session, 8 * MIB, 8 * MIB);
        assert_eq!(intake.excess(), None);
        intake.begin_login();
        intake.begin_channel(2 << 20);
        note_memory(session, 16 * MIB, 0);
        intake.widen(3 << 20);
        note_memory(session, 4 * MIB, 0);
        assert!(may_take(socket.as_raw_fd(), 1));
        note_memory(session, 1, 0);
        let words = "the server's data takes more than 28 MiB of memory";
        assert_eq!(intake.excess().map(|excess| excess.to_string()).as_deref(), Some(words));
        intake.widen(16 << 20);
        assert!(!may_take(socket.as_raw_fd(), 1));
        assert_eq!(intake.excess().map(|excess| excess.to_string()).as_deref(), Some(words));
        drop(intake);
        note_memory(session, 1, 0);
    }

    #[test]
    fn a_socket_that_nobody_counts_gives_nothing() {
        let (socket, intake) = intake();
        assert!(may_take(socket.as_raw_fd(), 1));
        drop(intake);
        assert!(!may_take(socket.as_raw_fd(), 1));
    }
}
