//! A libssh2 session on its socket, before there is a channel: calls are repeated until they are done, and a watchdog
//! bounds them all.
//!
//! The session is non-blocking from its first call to its last; whatever waits, waits in a poll of ours.
#![forbid(unsafe_code)]

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use libssh2_sys as raw;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use ssh2::{BlockDirections, ErrorCode, MethodType, Session};

use crate::ssh::error::Error;
use crate::ssh::intake::{Excess, Intake};
use crate::ssh::native;
use crate::ssh::watchdog::Watchdog;
use crate::transport::Killer;

/// What OpenSSH's server says in place of its first line when it takes no connection (sshd.c: MaxStartups, PerSourcePenalties).
const BUSY: [&[u8]; 2] = [b"Exceeded MaxStartups", b"Not allowed at this time"];

/// Reads of what a server sent before it hung up, at most.
const LEFTOVER_READS: usize = 64;

/// Bytes looked at to tell an SSH server from another one.
const GREETING_BYTES: usize = 255;

/// A connected socket to an SSH server, and what must live as long as it does.
pub struct Socket {
    descriptor: OwnedFd,
    keeper: Option<Box<dyn Send>>,
}

impl Socket {
    /// Takes a connected stream socket. `keeper` is dropped after the connection: the ProxyCommand at the other end.
    #[must_use]
    pub fn new(descriptor: impl Into<OwnedFd>, keeper: Option<Box<dyn Send>>) -> Socket {
        Socket { descriptor: descriptor.into(), keeper }
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Socket({:?})", self.descriptor)
    }
}

/// Why a call to libssh2 came to nothing.
#[derive(Debug)]
pub(super) enum Fault {
    /// The watchdog ended it.
    TimedOut,
    /// The server sent more than it may.
    Flooded(Excess),
    /// The connection is gone.
    Closed,
    /// libssh2's own error.
    Library(ssh2::Error),
}

impl Fault {
    /// libssh2's code, where it gave one.
    pub(super) fn code(&self) -> Option<i32> {
        match self {
            Fault::Library(error) => match error.code() {
                ErrorCode::Session(code) | ErrorCode::SFTP(code) => Some(code),
            },
            Fault::TimedOut | Fault::Flooded(_) | Fault::Closed => None,
        }
    }
}

/// Who is at the other end, for messages.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) host: String,
    pub(super) port: u16,
}

/// An SSH session on its socket. Dropping it shuts the socket down first: libssh2 leaks a session that is still alive.
pub(super) struct Connection {
    // Declared, and so dropped, before the session: the session's socket is open until then.
    intake: Intake,
    pub(super) session: Session,
    pub(super) peer: Peer,
    socket: Arc<OwnedFd>,
    killer: Killer,
    watchdog: Option<Watchdog>,
    greeting: Vec<u8>,
    _keeper: Option<Box<dyn Send>>,
}

impl Connection {
    /// Puts a fresh session on `socket`. Nothing is sent yet.
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
        let watchdog = Some(watchdog);
        Ok(Connection { intake, session, peer, socket, killer, watchdog, greeting: Vec::new(), _keeper: keeper })
    }

    /// The socket, to poll.
    pub(super) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// What ends the connection from any thread.
    pub(super) fn killer(&self) -> &Killer {
        &self.killer
    }

    /// What comes in, counted.
    pub(super) fn intake(&self) -> &Intake {
        &self.intake
    }

    /// Allows `limit` for what follows.
    pub(super) fn allow(&self, limit: Duration) {
        if let Some(watchdog) = &self.watchdog {
            watchdog.allow(limit);
        }
    }

    /// Stops the clock while a person is asked.
    pub(super) fn pause(&self) {
        if let Some(watchdog) = &self.watchdog {
            watchdog.pause();
        }
    }

    /// Ends the watch: from now on whoever drives the channel keeps the time.
    pub(super) fn dismiss_watchdog(&mut self) {
        self.watchdog = None;
    }

    /// Exchanges keys.
    pub(super) fn handshake(&mut self) -> Result<(), Error> {
        // A handle of its own, as `handshake` wants the session for itself.
        let mut session = self.session.clone();
        let mut greeting = Vec::new();
        let done = self.complete(|| {
            if greeting.is_empty() {
                greeting = peek(&self.socket);
            }
            session.handshake()
        });
        // libssh2 keeps the last line that came before the key exchange. If that is no SSH server's, the first line tells more.
        let last = self.session.banner_bytes().unwrap_or_default();
        if is_ssh(last) || !is_text(&greeting) {
            greeting = last.to_vec();
        }
        self.greeting = greeting;
        done.map_err(|fault| self.handshake_error(&fault))?;
        self.intake.begin_login();
        Ok(())
    }

    /// Calls `attempt` until it does not have to wait any more.
    pub(super) fn complete<T>(&self, mut attempt: impl FnMut() -> Result<T, ssh2::Error>) -> Result<T, Fault> {
        loop {
            let error = match attempt() {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if let Some(excess) = self.intake.excess() {
                return Err(Fault::Flooded(excess));
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

    /// Sleeps until the socket is ready for what libssh2 waits for. The watchdog's shutdown ends it too.
    fn wait(&self) {
        let events = match self.session.block_directions() {
            BlockDirections::Outbound => PollFlags::OUT,
            BlockDirections::Both => PollFlags::IN | PollFlags::OUT,
            BlockDirections::Inbound | BlockDirections::None => PollFlags::IN,
        };
        acknowledge(&*self.socket);
        // An interrupted poll only makes libssh2 look once more.
        let _ = poll(&mut [PollFd::new(&*self.socket, events)], None);
    }

    /// A fault in the user's words.
    pub(super) fn error(&self, fault: &Fault, phase: &'static str) -> Error {
        let Peer { host, port } = self.peer.clone();
        match fault {
            Fault::TimedOut => Error::TimedOut { host, port, phase },
            Fault::Flooded(excess) => Error::Flooded { host, port, excess: excess.to_string() },
            Fault::Closed => Error::Closed { host, port, phase },
            Fault::Library(error) => Error::Protocol { host, port, cause: error.message().to_owned(), phase },
        }
    }

    fn handshake_error(&self, fault: &Fault) -> Error {
        let Peer { host, port } = self.peer.clone();
        if !self.greeting.is_empty() && !is_ssh(&self.greeting) {
            let end = self.greeting.iter().position(|&byte| byte == b'\n').unwrap_or(self.greeting.len());
            let said = self.greeting[..end].trim_ascii_end().to_vec();
            return match BUSY.iter().any(|words| said.starts_with(words)) {
                true => Error::Busy { host, port, said },
                false => Error::NotSsh { host, port, greeting: said },
            };
        }
        let agreed = self.session.methods(MethodType::Kex).is_some();
        match fault.code() {
            // libssh2 answers the same to a server that wants other algorithms and to one that is gone.
            Some(raw::LIBSSH2_ERROR_KEX_FAILURE) if agreed || !self.has_ended() => {
                Error::NoCommonAlgorithms { host, port }
            }
            Some(
                raw::LIBSSH2_ERROR_KEX_FAILURE
                | raw::LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE
                | raw::LIBSSH2_ERROR_BANNER_RECV,
            ) if self.has_ended() => self.error(&Fault::Closed, " during the key exchange"),
            _ => self.error(fault, " during the key exchange"),
        }
    }
}

impl Connection {
    /// Whether nothing more can come, once what has come is out of the way: the connection is given up when this is asked.
    fn has_ended(&self) -> bool {
        let mut scrap = [0; GREETING_BYTES];
        for _ in 0..LEFTOVER_READS {
            match rustix::net::recv(&*self.socket, &mut scrap, RecvFlags::DONTWAIT) {
                Ok((_, 1..)) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return false,
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

/// Acknowledges at once what has come, where the system lets us: a server that logs somebody in says several small things in
/// turn, and its TCP holds one back until the one before is acknowledged, which otherwise takes 40 ms. An SSH server needs
/// that no more once the subsystem runs.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn acknowledge(socket: impl AsFd) {
    // What is not TCP has no such delay.
    let _ = rustix::net::sockopt::set_tcp_quickack(socket, true);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn acknowledge(_socket: impl AsFd) {}

/// What lies ready to be read, without taking it.
fn peek(socket: impl AsFd) -> Vec<u8> {
    let mut start = vec![0; GREETING_BYTES];
    let length = peeked(socket, &mut start).unwrap_or(0);
    start.truncate(length);
    start
}

fn peeked(socket: impl AsFd, start: &mut [u8]) -> rustix::io::Result<usize> {
    rustix::net::recv(socket, start, RecvFlags::PEEK).map(|(_, length)| length)
}

/// Whether a greeting begins as an SSH server's may: RFC 4253, section 4.2, lets other lines come before.
fn is_ssh(greeting: &[u8]) -> bool {
    greeting.starts_with(b"SSH-") || greeting.windows(5).any(|window| window == b"\nSSH-")
}

/// Whether what came first is a line of text, and not a key exchange that followed one.
fn is_text(greeting: &[u8]) -> bool {
    !greeting.is_empty() && !greeting.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ssh_server_may_say_more_before_its_version() {
        for (greeting, ssh) in [
            (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], true),
            (b"Welcome\r\nSSH-2.0-x\r\n", true),
            (b"HTTP/1.1 400 Bad Request\r\n", false),
            (b"220 mail ESMTP SSH-2.0\r\n", false),
        ] {
            assert_eq!(is_ssh(greeting), ssh, "{}", greeting.escape_ascii());
        }
    }
}
