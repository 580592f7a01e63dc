//! How a channel is opened, and the program started that speaks SFTP.
//!
//! The first channel of a connection is waited for, within a limit. A further one is opened step by step, while the
//! channels in use are served.

use std::io;

use libssh2_sys as raw;
use ssh2::{Channel, ErrorCode};

use crate::ssh::connection::{Connection, Fault};
use crate::ssh::error::Error;
use crate::ssh::line::{Line, Place};

/// The program to start on the server, which speaks SFTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A subsystem with this name, usually `sftp`.
    Subsystem(String),
    /// A command for the user's shell on the server, such as the path of an SFTP server.
    Command(String),
}

/// Receive window at the opening of a channel. It is small, because libssh2 widens a window by itself as soon as it
/// is narrower than three quarters of this one plus the length of a read.
pub(super) const OPENING_WINDOW: u32 = 128 << 10;

/// Largest packet that we accept: RFC 4253, section 6.1, demands 32 KiB from every implementation.
const PACKET_BYTES: u32 = 32 << 10;

/// Opens the first channel of a connection and starts the subsystem or command.
pub(super) fn begin(connection: &Connection, start: &Start) -> Result<Channel, Error> {
    let opened = connection.complete(|| open(connection));
    let mut channel = opened.map_err(|fault| refusal(connection, start, "session", &fault))?;
    let started = connection.complete(|| run(&mut channel, start));
    let request = match start {
        Start::Subsystem(_) => "subsystem",
        Start::Command(_) => "exec",
    };
    if started.is_err() {
        // As when the transport is dropped, the channel must not be freed on a live socket.
        connection.killer().kill();
    }
    started.map(|()| channel).map_err(|fault| refusal(connection, start, request, &fault))
}

fn open(connection: &Connection) -> Result<Channel, ssh2::Error> {
    connection.session.channel_open("session", OPENING_WINDOW, PACKET_BYTES, None)
}

fn run(channel: &mut Channel, start: &Start) -> Result<(), ssh2::Error> {
    match start {
        Start::Subsystem(name) => channel.subsystem(name),
        Start::Command(command) => channel.exec(command),
    }
}

fn refusal(connection: &Connection, start: &Start, what: &'static str, fault: &Fault) -> Error {
    match fault {
        Fault::Library(error) => {
            let cause =
                if is_refusal(error) { String::from("refused by the server") } else { error.message().to_owned() };
            let subsystem = match start {
                Start::Subsystem(name) if what == "subsystem" => Some(name.clone()),
                _ => None,
            };
            Error::Refused { host: connection.peer.host.clone(), what, subsystem, cause }
        }
        fault => connection.error(fault, " while the session was opened"),
    }
}

/// Returns whether the server refused a channel or a request on it.
fn is_refusal(error: &ssh2::Error) -> bool {
    let refused = [raw::LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED, raw::LIBSSH2_ERROR_CHANNEL_FAILURE];
    refused.map(ErrorCode::Session).contains(&error.code())
}

/// A further channel on its way to a running program.
pub(super) struct Starting {
    place: Place,
    start: Start,
    channel: Option<Channel>,
    /// True if the current request was begun.
    is_under_way: bool,
}

/// How far a further channel has come.
pub(super) enum Progress {
    /// Nothing has changed.
    Waits,
    /// Its next request follows.
    Opened,
    /// The program runs.
    Started(Channel),
    /// The server refused the channel or, if there is one, its program.
    Refused(Option<Channel>),
}

impl Starting {
    pub(super) fn new(line: &Line, start: Start) -> Starting {
        Starting { place: line.enter(), start, channel: None, is_under_way: false }
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Returns whether the server has opened the channel.
    pub(super) fn is_open(&self) -> bool {
        self.channel.is_some()
    }

    /// Returns whether the server has to answer.
    pub(super) fn is_under_way(&self) -> bool {
        self.is_under_way
    }

    /// Sends the next request, or looks for its answer.
    ///
    /// # Errors
    /// The connection is broken.
    pub(super) fn step(&mut self, line: &Line) -> io::Result<Progress> {
        self.is_under_way = self.is_under_way || self.has_its_turn(line) && line.takes_short_packet(self.place);
        if !self.is_under_way {
            return Ok(Progress::Waits);
        }
        let done = match &mut self.channel {
            None => open(line.connection()).map(Some),
            Some(channel) => run(channel, &self.start).map(|()| None),
        };
        match done {
            Err(error) if error.code() == ErrorCode::Session(raw::LIBSSH2_ERROR_EAGAIN) => return Ok(Progress::Waits),
            Err(error) if !is_refusal(&error) => return Err(line.lost(&error.into())),
            _ => {}
        }
        self.is_under_way = false;
        if self.channel.is_none() {
            line.end_opening();
        }
        Ok(match (done, self.channel.take()) {
            (Ok(Some(channel)), _) => {
                self.channel = Some(channel);
                Progress::Opened
            }
            (Ok(None), Some(channel)) => Progress::Started(channel),
            (_, channel) => Progress::Refused(channel),
        })
    }

    /// Takes the channel, if the server has opened one. Returns `None` while it is still being opened or was not
    /// requested.
    pub(super) fn into_channel(self) -> Option<Channel> {
        self.channel
    }

    fn has_its_turn(&self, line: &Line) -> bool {
        self.channel.is_some() || line.begin_opening(self.place)
    }
}
