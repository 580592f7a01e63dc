//! A libssh2 session on its socket, before there is a channel. Calls are repeated until they are done, and a watchdog
//! limits their time.
//!
//! The session never blocks. All waiting is done in our own poll.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use libssh2_sys as raw;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use ssh2::{BlockDirections, ErrorCode, Session};

use crate::ssh::disconnect::{Disconnected, Reason};
use crate::ssh::error::Error;
use crate::ssh::intake::{Excess, Intake};
use crate::ssh::native;
use crate::ssh::opening::{self, Cause, Offer};
use crate::ssh::watchdog::Watchdog;
use crate::transport::Killer;

/// How OpenSSH's server refuses a connection instead of its first line (sshd.c: MaxStartups, PerSourcePenalties).
const BUSY: [&[u8]; 2] = [b"Exceeded MaxStartups", b"Not allowed at this time"];

/// libssh2's codes for a key exchange that failed because the connection ended.
const ENDS_THERE: [i32; 3] =
    [raw::LIBSSH2_ERROR_KEX_FAILURE, raw::LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE, raw::LIBSSH2_ERROR_BANNER_RECV];

/// How many reads to spend on data that a server sent before it hung up.
const LEFTOVER_READS: usize = 64;

/// Length of each of these reads in bytes.
const LEFTOVER_BYTES: usize = 1024;

/// A connected socket to an SSH server, and a value that must live as long as it does.
pub struct Socket {
    descriptor: OwnedFd,
    keeper: Option<Box<dyn Send + Sync>>,
}

impl Socket {
    /// Takes a connected stream socket. `keeper`, such as the process of a ProxyCommand, is dropped after the
    /// connection.
    #[must_use]
    pub fn new(descriptor: impl Into<OwnedFd>, keeper: Option<Box<dyn Send + Sync>>) -> Socket {
        Socket { descriptor: descriptor.into(), keeper }
    }

    /// Returns the socket itself.
    pub(super) fn descriptor(&self) -> &OwnedFd {
        &self.descriptor
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Socket({:?})", self.descriptor)
    }
}

/// Why a call to libssh2 failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The watchdog ended the connection.
    TimedOut,
    /// The server sent more than it may.
    Flooded(Excess),
    /// The server ended the connection with a reason.
    Disconnected(Reason),
    /// The connection has ended.
    Closed,
    /// An error of libssh2.
    Library(ssh2::Error),
}

impl Fault {
    /// Returns libssh2's code, if it gave one.
    pub(super) fn code(&self) -> Option<i32> {
        match self {
            Fault::Library(error) => match error.code() {
                ErrorCode::Session(code) | ErrorCode::SFTP(code) => Some(code),
            },
            Fault::TimedOut | Fault::Flooded(_) | Fault::Disconnected(_) | Fault::Closed => None,
        }
    }
}

/// The server, as messages name it.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) host: String,
    /// The numeric address; `None` if a program makes the connection.
    pub(super) address: Option<String>,
    pub(super) port: u16,
}

/// An SSH session on its socket. Dropping it shuts the socket down first, because libssh2 leaks a session that is
/// still alive.
pub(super) struct Connection {
    // Declared before the session, and so dropped before it, while the session's socket is still open.
    intake: Intake,
    pub(super) session: Session,
    pub(super) peer: Peer,
    socket: Arc<OwnedFd>,
    killer: Killer,
    watchdog: Option<Watchdog>,
    _keeper: Option<Box<dyn Send + Sync>>,
}

impl Connection {
    /// Starts a session on `socket`. Sends nothing yet.
    pub(super) fn new(socket: Socket, peer: Peer) -> Result<Connection, Error> {
        let local = |what| move |error| Error::Local { what, error };
        let Socket { descriptor, keeper } = socket;
        rustix::io::ioctl_fionbio(&descriptor, true)
            .map_err(|errno| local("cannot prepare the socket")(errno.into()))?;
        let killer = Killer::new(descriptor.try_clone().map_err(local("cannot duplicate the socket"))?);
        let watchdog = Watchdog::over(killer.clone()).map_err(local("cannot start a thread"))?;
        let mut session = Session::new()
            .map_err(|error| Error::Local { what: "cannot start an SSH session", error: io::Error::other(error) })?;
        let socket = Arc::new(descriptor);
        session.set_tcp_stream(Arc::clone(&socket));
        session.set_blocking(false);
        let mut intake = Intake::on(&socket);
        native::count_intake(&session);
        intake.count_memory(native::count_memory(&session));
        native::hear_disconnect(&session);
        let watchdog = Some(watchdog);
        Ok(Connection { intake, session, peer, socket, killer, watchdog, _keeper: keeper })
    }

    /// Returns the socket, for polling.
    pub(super) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// Returns the handle that ends the connection from any thread.
    pub(super) fn killer(&self) -> &Killer {
        &self.killer
    }

    /// Returns the count of received bytes.
    pub(super) fn intake(&self) -> &Intake {
        &self.intake
    }

    /// Limits the time of the following calls to `limit`.
    pub(super) fn allow(&self, limit: Duration) {
        if let Some(watchdog) = &self.watchdog {
            watchdog.allow(limit);
        }
    }

    /// Stops the clock while the user is prompted.
    pub(super) fn pause(&self) {
        if let Some(watchdog) = &self.watchdog {
            watchdog.pause();
        }
    }

    /// Ends the watch: from now on, the owner of the channel keeps the time.
    pub(super) fn dismiss_watchdog(&mut self) {
        self.watchdog = None;
    }

    /// Exchanges keys. `offer` holds the lists in this side's KEXINIT.
    pub(super) fn handshake(&mut self, offer: &Offer) -> Result<(), Error> {
        // A clone, because `handshake` borrows the session exclusively.
        let mut session = self.session.clone();
        let done = self.complete(|| {
            let done = session.handshake();
            // libssh2 would wait for packets of a server that speaks another protocol version.
            match self.intake.look_at_opening(opening::identification_flaw) {
                Some(_) => Err(ssh2::Error::from_errno(ErrorCode::Session(raw::LIBSSH2_ERROR_PROTO))),
                None => done,
            }
        });
        done.map_err(|fault| self.handshake_error(&fault, offer))?;
        self.intake.begin_login();
        Ok(())
    }

    /// Calls `attempt` until it no longer has to wait.
    pub(super) fn complete<T>(&self, mut attempt: impl FnMut() -> Result<T, ssh2::Error>) -> Result<T, Fault> {
        loop {
            let error = match attempt() {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if let Some(excess) = self.intake.excess() {
                return Err(Fault::Flooded(excess));
            }
            if let Some(reason) = self.disconnect_reason(&error) {
                return Err(Fault::Disconnected(reason));
            }
            let ErrorCode::Session(code) = error.code() else {
                return Err(Fault::Library(error));
            };
            match code {
                raw::LIBSSH2_ERROR_EAGAIN => self.wait(),
                _ if self.watchdog.as_ref().is_some_and(Watchdog::has_bitten) => return Err(Fault::TimedOut),
                raw::LIBSSH2_ERROR_SOCKET_DISCONNECT
                | raw::LIBSSH2_ERROR_SOCKET_RECV
                | raw::LIBSSH2_ERROR_SOCKET_SEND => return Err(Fault::Closed),
                _ => return Err(Fault::Library(error)),
            }
        }
    }

    /// Returns the server's reason for ending the connection, after a call to libssh2 failed with `error`.
    pub(super) fn disconnect_reason(&self, error: &ssh2::Error) -> Option<Reason> {
        // After a failed send, packets that arrived before it are still unread.
        let could_not_send = error.code() == ErrorCode::Session(raw::LIBSSH2_ERROR_SOCKET_SEND);
        if could_not_send && !self.intake.is_opening() && self.intake.disconnect().is_none() {
            native::take_in(&self.session);
        }
        self.intake.disconnect()
    }

    /// Describes the end of a connection for which the server gave a reason.
    pub(super) fn disconnected(&self, reason: Reason) -> Disconnected {
        let Peer { host, address, port } = self.peer.clone();
        Disconnected { address: address.unwrap_or(host), port, reason }
    }

    /// Sleeps until the socket is ready for libssh2. The watchdog's shutdown ends the sleep too.
    fn wait(&self) {
        let events = match self.session.block_directions() {
            BlockDirections::Outbound => PollFlags::OUT,
            BlockDirections::Both => PollFlags::IN | PollFlags::OUT,
            BlockDirections::Inbound | BlockDirections::None => PollFlags::IN,
        };
        acknowledge(&*self.socket);
        // An interrupted poll only makes libssh2 look again.
        let _ = poll(&mut [PollFd::new(&*self.socket, events)], None);
    }

    /// Puts a fault into the user's words.
    pub(super) fn error(&self, fault: &Fault, phase: &'static str) -> Error {
        let Peer { host, port, .. } = self.peer.clone();
        match fault {
            Fault::Disconnected(reason) => Error::Disconnected(self.disconnected(reason.clone())),
            Fault::TimedOut => Error::TimedOut { host, port, phase },
            Fault::Flooded(excess) => Error::Flooded { host, port, excess: excess.to_string() },
            Fault::Closed => Error::Closed { host, port, phase },
            Fault::Library(error) => Error::Protocol { host, port, cause: error.message().to_owned(), phase },
        }
    }

    /// Returns why the key exchange failed. libssh2 reports nearly all causes alike.
    fn handshake_error(&self, fault: &Fault, offer: &Offer) -> Error {
        let has_ended = self.take_leftovers();
        let phase = " during the key exchange";
        let Peer { host, port, .. } = self.peer.clone();
        if let Some(said) = self.intake.look_at_opening(|bytes| opening::foreign_greeting(bytes).map(<[u8]>::to_vec)) {
            return match BUSY.iter().any(|words| said.starts_with(words)) {
                true => Error::Busy { host, port, said },
                false => Error::NotSsh { host, port, greeting: said },
            };
        }
        if let Fault::Flooded(_) | Fault::Disconnected(_) = fault {
            return self.error(fault, phase);
        }
        match self.intake.look_at_opening(|bytes| opening::cause(bytes, offer)) {
            Some(Cause::Disconnect(reason)) => self.error(&Fault::Disconnected(reason), phase),
            Some(Cause::Flaw(flaw)) => Error::Malformed { host, port, flaw: flaw.to_string() },
            Some(Cause::NothingInCommon { what, offer }) => Error::NoCommonAlgorithms { host, port, what, offer },
            None if has_ended && fault.code().is_some_and(|code| ENDS_THERE.contains(&code)) => {
                self.error(&Fault::Closed, phase)
            }
            None => self.error(fault, phase),
        }
    }

    /// Reads the data that the server has sent and libssh2 has not read. Returns whether the stream has ended.
    fn take_leftovers(&self) -> bool {
        let mut leftover = [0; LEFTOVER_BYTES];
        for _ in 0..LEFTOVER_READS {
            match rustix::net::recv(&*self.socket, &mut leftover, RecvFlags::DONTWAIT) {
                Ok((_, received @ 1..)) if self.intake.take(&leftover[..received]) => {}
                Err(Errno::INTR) => {}
                Ok((_, 1..)) | Err(Errno::AGAIN) => return false,
                Ok((_, 0)) | Err(_) => return true,
            }
        }
        false
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.killer.kill();
    }
}

/// Acknowledges received data at once, if the system allows it. During a login, a server sends several small packets
/// in turn, and its TCP holds each one back until the last is acknowledged, which otherwise takes 40 ms. Once the
/// subsystem runs, that no longer matters.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn acknowledge(socket: impl AsFd) {
    // Fails for sockets other than TCP, which have no such delay.
    let _ = rustix::net::sockopt::set_tcp_quickack(socket, true);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn acknowledge(_socket: impl AsFd) {}
