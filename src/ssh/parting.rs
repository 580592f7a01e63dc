//! A channel that no session uses any more, until the server has closed it too.
//!
//! libssh2 frees a channel only when both sides have closed it. Before that, a packet of it that was sent in part must
//! be completed, because no other channel can send meanwhile.

use std::io;

use libssh2_sys as raw;
use ssh2::{Channel, ErrorCode};

use crate::ssh::flow::Flow;
use crate::ssh::line::{Line, Place};
use crate::ssh::start::{Progress, Starting};
use crate::transport::Outbox;

/// A channel that is being closed.
pub(super) struct Parting {
    place: Place,
    /// Its share of the connection's receive window.
    window: u64,
    stage: Stage,
}

enum Stage {
    /// The server has not answered yet whether it opens the channel.
    Opening(Starting),
    /// A packet may be sent in part; its data is in the outbox.
    Sending(Box<Flow>, Outbox),
    /// CLOSE is sent, or is next.
    Closing {
        channel: Channel,
        is_under_way: bool,
    },
    Gone,
}

impl Parting {
    /// Closes a channel whose program is not running yet.
    pub(super) fn of_starting(starting: Starting, window: u64) -> Parting {
        let place = starting.place();
        let stage = match starting.is_open() {
            false if starting.is_under_way() => Stage::Opening(starting),
            _ => Stage::closing(starting.into_channel()),
        };
        Parting { place, window, stage }
    }

    /// Closes an open channel. `unsent` is its outbox.
    pub(super) fn of_flow(place: Place, flow: Flow, unsent: Outbox, window: u64) -> Parting {
        Parting { place, window, stage: Stage::Sending(Box::new(flow), unsent) }
    }

    /// Closes a channel on which the server refused the program.
    pub(super) fn of_refused(place: Place, channel: Option<Channel>, window: u64) -> Parting {
        Parting { place, window, stage: Stage::closing(channel) }
    }

    /// Goes on without waiting. Returns whether the channel is gone.
    ///
    /// # Errors
    /// The connection is broken.
    pub(super) fn step(&mut self, line: &Line) -> io::Result<bool> {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Gone) {
            Stage::Opening(mut starting) => match starting.step(line)? {
                Progress::Waits => Stage::Opening(starting),
                Progress::Opened => Stage::closing(starting.into_channel()),
                Progress::Started(channel) => Stage::closing(Some(channel)),
                Progress::Refused(channel) => Stage::closing(channel),
            },
            Stage::Sending(mut flow, mut unsent) => match flow.complete_packet(line, &mut unsent) {
                Ok(true) => Stage::closing(Some(flow.into_channel())),
                Ok(false) => Stage::Sending(flow, unsent),
                Err(error) => {
                    self.stage = Stage::Sending(flow, unsent);
                    return Err(error);
                }
            },
            stage => stage,
        };
        if let Stage::Closing { channel, is_under_way } = &mut self.stage {
            *is_under_way = *is_under_way || line.takes_short_packet(self.place);
            if !*is_under_way || is_blocked(channel.close()) {
                return Ok(false);
            }
            // libssh2 drops the data that was not read.
            line.connection().intake().claim(channel.read_window().available as usize);
            self.stage = Stage::Gone;
        }
        let is_gone = matches!(self.stage, Stage::Gone);
        if is_gone {
            line.forget(self.place);
            line.change_window(self.window, 0);
        }
        Ok(is_gone)
    }
}

impl Stage {
    fn closing(channel: Option<Channel>) -> Stage {
        channel.map_or(Stage::Gone, |channel| Stage::Closing { channel, is_under_way: false })
    }
}

fn is_blocked(closed: Result<(), ssh2::Error>) -> bool {
    closed.is_err_and(|error| error.code() == ErrorCode::Session(raw::LIBSSH2_ERROR_EAGAIN))
}
