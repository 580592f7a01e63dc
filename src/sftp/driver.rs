//! The thread that owns a connection: it serves the sessions on it in turn, sleeps while nothing moves, and lets further
//! sessions join.
//!
//! The sessions of a connection share its socket, and a step for one may receive bytes for another. So the driver steps
//! all of them until a whole round moves nothing, and only then polls.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::sftp::desk::Desk;
use crate::sftp::error::Error;
use crate::sftp::seat::{Applicant, Seat};
use crate::transport::Transport;

pub(super) struct Driver {
    seats: Vec<Seat>,
    desk: Arc<Desk<Applicant>>,
}

impl Driver {
    /// Returns a driver for the first session of a connection.
    pub(super) fn new(transport: Box<dyn Transport>, first: Applicant, desk: Arc<Desk<Applicant>>) -> Driver {
        Driver { seats: vec![Seat::new(transport, first)], desk }
    }

    /// Drives the connection to its end.
    pub(super) fn run(mut self) {
        while !self.seats.is_empty() {
            let has_moved = self.round();
            if self.seats.iter().any(Seat::has_ended) {
                self.dismiss();
            } else if !has_moved && let Err(error) = self.sleep() {
                self.seats.iter_mut().for_each(|seat| seat.lose(&error.to_string()));
                self.dismiss();
            }
        }
        self.desk.close();
    }

    /// Serves each session once. Returns whether anything moved.
    fn round(&mut self) -> bool {
        for applicant in self.desk.applicants() {
            self.admit(applicant);
        }
        // If a person ends all sessions, the first one last, no round sees only the first one end: its end is that of
        // the connection.
        self.seats.iter_mut().for_each(Seat::collect);
        self.seats.iter_mut().fold(false, |moved, seat| seat.turn() | moved)
    }

    /// Lets a session join on a stream of its own.
    fn admit(&mut self, applicant: Applicant) {
        match self.seats.first().and_then(|seat| seat.transport().another()) {
            Some(transport) => self.seats.push(Seat::new(transport, applicant)),
            None => {
                // The caller waits for this.
                let _ = applicant.tell.send(Err(Error::ChannelRefused));
            }
        }
    }

    /// Removes the sessions that have ended, the last one first. If the connection broke, these are all.
    fn dismiss(&mut self) {
        if let Some(reason) = self.seats.iter().find_map(Seat::lost).map(str::to_owned) {
            self.seats.iter_mut().for_each(|seat| seat.lose(&reason));
        }
        let (ended, staying): (Vec<Seat>, Vec<Seat>) = self.seats.drain(..).partition(Seat::has_ended);
        self.seats = staying;
        let mut left = self.seats.len() + ended.len();
        for seat in ended.into_iter().rev() {
            seat.conclude(left == 1);
            left -= 1;
        }
    }

    /// Sleeps until a transport can move bytes, the waker rings, or a session has to act.
    fn sleep(&mut self) -> io::Result<()> {
        let mut limit = Duration::MAX;
        for seat in &mut self.seats {
            let Some(nap) = seat.nap() else { return Ok(()) };
            limit = limit.min(nap);
        }
        self.desk.waker.fall_asleep();
        let slept = match self.desk.has_applicants() || self.seats.iter().any(Seat::has_news) {
            true => Ok(()),
            false => self.poll(limit),
        };
        self.desk.waker.rise();
        self.seats.iter_mut().for_each(Seat::woke);
        slept
    }

    fn poll(&self, limit: Duration) -> io::Result<()> {
        self.desk.count_poll();
        let receiver = self.desk.waker.receiver();
        let mut fds = vec![PollFd::new(&receiver, PollFlags::IN)];
        for seat in &self.seats {
            seat.transport().interest(seat.has_unsent(), &mut fds);
        }
        // A limit that doesn't fit into a timespec is no limit.
        match poll(&mut fds, Timespec::try_from(limit).ok().as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
