//! The thread that owns a connection's transport: it sends queued requests, delivers replies, sleeps, and keeps the
//! idle clock.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::sftp::delivery::Deliveries;
use crate::sftp::error::Error;
use crate::sftp::extensions::Extensions;
use crate::sftp::reply::{Expects, kind};
use crate::sftp::shared::{Outcome, Shared};
use crate::sftp::waker::Waker;
use crate::sftp::wire::{MAX_NAME_PACKET_BYTES, MAX_PACKET_BYTES, Reader, Violation, Writer};
use crate::transport::{End, Inbox, Outbox, Step, Transport};

/// The protocol version that we speak (draft-ietf-secsh-filexfer-02, section 4).
const SPOKEN_VERSION: u32 = 3;

const INIT: u8 = 1;
const VERSION: u8 = 2;

/// How long a closing session may take to send its queue, which holds the CLOSEs of its handles.
const CLOSING_LIMIT: Duration = Duration::from_secs(2);

/// How long a server that received many requests at once may be silent before we assume that it dropped some of them.
/// Half of the idle limit if that is shorter.
const STALL_LIMIT: Duration = Duration::from_secs(20);

/// A transport with its two buffers.
pub(super) struct Link {
    pub(super) transport: Box<dyn Transport>,
    pub(super) outbox: Outbox,
    pub(super) inbox: Inbox,
}

/// The contents of the VERSION packet.
pub(super) struct Greeting {
    pub(super) version: u32,
    pub(super) extensions: Extensions,
}

impl Link {
    pub(super) fn new(transport: Box<dyn Transport>) -> Link {
        Link { transport, outbox: Outbox::default(), inbox: Inbox::default() }
    }

    /// Sends INIT, followed by the requests that are already queued, and waits up to `limit` for VERSION.
    pub(super) fn negotiate(&mut self, shared: &Shared, limit: Option<Duration>) -> Result<Greeting, Error> {
        let mut init = Vec::new();
        Writer::packet(&mut init, |packet| {
            packet.byte(INIT);
            packet.uint32(SPOKEN_VERSION);
        });
        self.outbox.push(&init);
        shared.append_to(&mut self.outbox);
        let deadline = limit.map(|limit| (Instant::now() + limit, limit));
        loop {
            if let Some(packet) = self.first_packet().map_err(protocol)? {
                return greeting(packet).map_err(protocol);
            }
            match self.transport.step(&mut self.outbox, &mut self.inbox).map_err(lost)? {
                Step::Moved => {}
                Step::Closed => return Err(Error::ConnectionLost("the server ended before it spoke SFTP".into())),
                Step::Blocked => {
                    let left = deadline.map(|(at, _)| at.saturating_duration_since(Instant::now()));
                    if let Some((_, limit)) = deadline
                        && left.is_some_and(|left| left.is_zero())
                    {
                        return Err(Error::TimedOut(limit));
                    }
                    self.sleep(shared.waker(), left).map_err(lost)?;
                }
            }
        }
    }

    /// Returns the number of bytes waiting to be sent, and of received bytes not yet processed.
    fn standing(&self) -> (usize, usize) {
        (self.outbox.front().len(), self.inbox.unread().len())
    }

    /// Sleeps until the transport can move bytes, the waker rings, or `limit` has passed.
    fn sleep(&self, waker: &Waker, limit: Option<Duration>) -> io::Result<()> {
        let receiver = waker.receiver();
        let mut fds = vec![PollFd::new(&receiver, PollFlags::IN)];
        self.transport.interest(!self.outbox.is_empty(), &mut fds);
        // A limit that doesn't fit into a timespec is no limit.
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        match poll(&mut fds, limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the next packet without its length field, or `None` if it has not arrived completely.
    fn packet(&mut self) -> Result<Option<Bytes>, Violation> {
        let Some((&length, rest)) = self.inbox.unread().split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(length);
        let most = match rest.first() {
            Some(&kind::NAME) | None => MAX_NAME_PACKET_BYTES,
            Some(_) => MAX_PACKET_BYTES,
        };
        if length == 0 || length > most {
            return Err(Violation::new(format!("a packet of {length} bytes")));
        }
        // A packet has at most 4 MiB, so this fits into any usize.
        let whole = length as usize + 4;
        if self.inbox.unread().len() < whole {
            return Ok(None);
        }
        Ok(Some(self.inbox.take(whole).slice(4..)))
    }

    /// Like [`Link::packet`], but reports an impossible length as text, because that is usually the output of a login
    /// script.
    fn first_packet(&mut self) -> Result<Option<Bytes>, Violation> {
        self.packet().map_err(|_| {
            let start: Vec<u8> = self.inbox.unread().iter().copied().take(80).collect();
            Violation::new(format!(
                "it sent text where SFTP should begin (a login script that prints?): \"{}\"",
                start.escape_ascii()
            ))
        })
    }
}

fn greeting(packet: Bytes) -> Result<Greeting, Violation> {
    let mut packet = Reader::new(packet);
    match (packet.byte()?, packet.uint32()?) {
        (VERSION, version) if version <= SPOKEN_VERSION => {
            Ok(Greeting { version, extensions: Extensions::decode(&mut packet)? })
        }
        (VERSION, version) => Err(Violation::new(format!("it speaks version {version} instead of {SPOKEN_VERSION}"))),
        (other, _) => Err(Violation::new(format!("a packet of type {other} where VERSION should be"))),
    }
}

/// Turns a violation of either kind into an error that ends the connection.
fn protocol(violation: Violation) -> Error {
    let (Violation::Broken(text) | Violation::Nonsense(text)) = violation;
    Error::Protocol(text)
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn lost(error: io::Error) -> Error {
    Error::ConnectionLost(error.to_string())
}

pub(super) struct Driver {
    link: Link,
    shared: Arc<Shared>,
    idle_limit: Option<Duration>,
    /// When bytes last moved, or when an answer became due after an idle time.
    last_sign: Instant,
    /// When the session began to close.
    closing_since: Option<Instant>,
    /// The value of `last_sign` for which we already know that the silence doesn't mean dropped requests.
    weighed: Option<Instant>,
}

/// Why the driver stops.
enum Ending {
    /// The last clone of the session was dropped, or the session is being closed.
    Ours,
    /// The server closed the stream, or the stream broke.
    Lost(String),
    /// The server broke the protocol or was silent for too long.
    Cut(Error),
}

impl Driver {
    pub(super) fn new(link: Link, shared: Arc<Shared>, idle_limit: Option<Duration>) -> Driver {
        Driver { link, shared, idle_limit, last_sign: Instant::now(), closing_since: None, weighed: None }
    }

    /// Drives the connection to its end.
    pub(super) fn run(mut self) {
        // Answers may have arrived together with VERSION.
        let mut done = self.hand_out().map_err(Ending::Cut);
        let ending = loop {
            match done {
                Ok(()) => done = self.turn(),
                Err(ending) => break ending,
            }
        };
        let Driver { link, shared, .. } = self;
        match ending {
            Ending::Cut(error) => {
                link.transport.killer().kill();
                shared.fail(&error);
                shared.finish(link.transport.finish());
            }
            Ending::Ours => {
                let is_left = shared.is_left();
                shared.fail(&Error::ConnectionLost("the session was closed".into()));
                if is_left {
                    link.transport.leave();
                    shared.finish(End::default());
                } else {
                    shared.finish(link.transport.finish());
                }
            }
            Ending::Lost(reason) => {
                let end = link.transport.finish();
                let status = end.exit_status.filter(|&status| status != 0);
                let reason = status.map_or(reason, |status| format!("the server program ended with status {status}"));
                shared.fail(&Error::ConnectionLost(reason));
                shared.finish(end);
            }
        }
    }

    /// Does one round: sends, receives, delivers, and sleeps if nothing moves.
    fn turn(&mut self) -> Result<(), Ending> {
        let work = self.shared.collect(&mut self.link.outbox);
        if work.closing && self.may_close(work.all_taken) {
            return Err(Ending::Ours);
        }
        self.link.transport.expect(work.awaited);
        let before = self.link.standing();
        let step = self.link.transport.step(&mut self.link.outbox, &mut self.link.inbox);
        match step.map_err(|error| Ending::Lost(error.to_string()))? {
            Step::Moved => {
                // Only SFTP bytes count as a sign of life: a server may write to its standard error forever.
                if self.link.standing() != before || !work.answer_is_due {
                    self.last_sign = Instant::now();
                }
                self.hand_out().map_err(Ending::Cut)?;
                self.patience(work.answer_is_due).map(drop)
            }
            Step::Closed => {
                self.hand_out().map_err(Ending::Cut)?;
                Err(Ending::Lost("the server ended the connection".into()))
            }
            Step::Blocked => self.sleep(work.answer_is_due),
        }
    }

    /// Returns whether a closing session has sent its queue or has used up its time.
    fn may_close(&mut self, all_taken: bool) -> bool {
        let since = *self.closing_since.get_or_insert_with(Instant::now);
        (all_taken && self.link.outbox.is_empty()) || since.elapsed() >= CLOSING_LIMIT
    }

    /// Returns how long the server may stay silent; `None` means without limit.
    fn patience(&self, answer_is_due: bool) -> Result<Option<Duration>, Ending> {
        let Some(limit) = self.idle_limit.filter(|_| answer_is_due && self.closing_since.is_none()) else {
            return Ok(None);
        };
        match limit.saturating_sub(self.last_sign.elapsed()) {
            Duration::ZERO => Err(Ending::Cut(Error::TimedOut(limit))),
            left => Ok(Some(left)),
        }
    }

    fn sleep(&mut self, answer_is_due: bool) -> Result<(), Ending> {
        let left = match self.closing_since {
            Some(since) => Some(CLOSING_LIMIT.saturating_sub(since.elapsed())),
            None => self.patience(answer_is_due)?,
        };
        let stall = if answer_is_due { self.weigh_silence() } else { Silence::Fair(None) };
        let Silence::Fair(until_stall) = stall else { return Ok(()) };
        let left = [left, until_stall, self.link.transport.rest()].into_iter().flatten().min();
        let waker = self.shared.waker();
        waker.fall_asleep();
        // While the outbox holds bytes, staged requests wait for the transport and are no reason to stay awake.
        let stay_awake = self.link.outbox.is_empty() && self.closing_since.is_none() && self.shared.has_news();
        let slept = if stay_awake {
            Ok(())
        } else {
            self.shared.polls.fetch_add(1, Ordering::Relaxed);
            self.link.sleep(waker, left)
        };
        waker.rise();
        if !answer_is_due {
            // The idle clock starts when an answer becomes due.
            self.last_sign = Instant::now();
        }
        slept.map_err(|error| Ending::Lost(error.to_string()))
    }

    /// Decides whether the server may have dropped requests, which happens when it receives many at once. Call it
    /// while an answer is due.
    fn weigh_silence(&mut self) -> Silence {
        let is_open = self.closing_since.is_none() && self.link.outbox.is_empty();
        if !is_open || self.weighed == Some(self.last_sign) || self.shared.width().narrower_than(usize::MAX).is_none() {
            return Silence::Fair(None);
        }
        let limit = self.idle_limit.map_or(STALL_LIMIT, |limit| STALL_LIMIT.min(limit / 2));
        let silence = self.last_sign.elapsed();
        if silence < limit {
            return Silence::Fair(Some(limit - silence));
        }
        if self.shared.narrow(silence) {
            return Silence::Ended;
        }
        self.weighed = Some(self.last_sign);
        Silence::Fair(None)
    }

    /// Delivers every complete packet to the caller that waits for it, and wakes each caller once.
    fn hand_out(&mut self) -> Result<(), Error> {
        let mut answers = Vec::new();
        let end = loop {
            match self.link.packet().and_then(|packet| packet.map(Answer::begin).transpose()) {
                Ok(Some(answer)) => answers.push(answer),
                Ok(None) => break None,
                Err(violation) => break Some(violation),
            }
        };
        let requests = self.shared.answered(answers.iter().map(|answer| answer.id));
        let (mut deliveries, mut broken) = (Deliveries::new(), None);
        for (answer, request) in answers.into_iter().zip(requests) {
            match (request, &broken) {
                (None, None) => broken = Some(answer.unasked()),
                (None, Some(_)) => {}
                (Some(request), Some(error)) => deliveries.add(request.completion, Err(Error::clone(error))),
                (Some(request), None) => {
                    let mut outcome = answer.decode(request.expects, &self.shared);
                    self.shared.count_openings(&request, &mut outcome);
                    broken = outcome.as_ref().err().filter(|error| matches!(error, Error::Protocol(_))).cloned();
                    deliveries.add(request.completion, outcome);
                }
            }
        }
        let result = broken.or(end.map(protocol)).map_or(Ok(()), Err);
        if let Err(error) = &result {
            // The session must have ended before a caller learns about the violation.
            self.shared.fail(error);
        }
        deliveries.deliver();
        result
    }
}

/// The meaning of a server's silence.
enum Silence {
    /// It means nothing yet. Check again after this time, if one is given.
    Fair(Option<Duration>),
    /// The server dropped requests. All outstanding ones have been given up.
    Ended,
}

/// A packet from the server, decoded up to its id.
struct Answer {
    packet_type: u8,
    id: u32,
    rest: Reader,
}

impl Answer {
    fn begin(packet: Bytes) -> Result<Answer, Violation> {
        let mut rest = Reader::new(packet);
        Ok(Answer { packet_type: rest.byte()?, id: rest.uint32()?, rest })
    }

    fn unasked(&self) -> Error {
        protocol(Violation::new(format!("an answer to request {}, which is not outstanding", self.id)))
    }

    fn decode(mut self, expects: Expects, shared: &Arc<Shared>) -> Outcome {
        expects.decode(self.packet_type, &mut self.rest, shared)?.map_err(Error::Status)
    }
}
