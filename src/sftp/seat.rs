//! One session as its driver sees it: it sends queued requests, delivers replies, and keeps the idle clock.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::sftp::delivery::Deliveries;
use crate::sftp::error::Error;
use crate::sftp::link::{Link, protocol};
use crate::sftp::reply::Expects;
use crate::sftp::shared::{Outcome, Shared, Work};
use crate::sftp::wire::{Reader, Violation};
use crate::transport::{End, Step, Transport};

/// How long a closing session may take to send its queue, which holds the CLOSEs of its handles.
const CLOSING_LIMIT: Duration = Duration::from_secs(2);

/// How long a server that received many requests at once may be silent before we assume that it dropped some of them.
/// Half of the idle limit if that is shorter.
const STALL_LIMIT: Duration = Duration::from_secs(20);

/// A session that waits for VERSION.
pub(super) struct Applicant {
    pub(super) shared: Arc<Shared>,
    /// How long VERSION may take.
    pub(super) greeting_limit: Option<Duration>,
    /// How long the server may stay silent while an answer is due.
    pub(super) idle_limit: Option<Duration>,
    /// Receives the protocol version that the server speaks, or why there is no session.
    pub(super) tell: Sender<Result<u32, Error>>,
}

pub(super) struct Seat {
    link: Link,
    shared: Arc<Shared>,
    work: Work,
    /// Set until VERSION has come.
    awaits_greeting: Option<AwaitsGreeting>,
    idle_limit: Option<Duration>,
    /// When bytes last moved, or when an answer became due after an idle time.
    last_sign: Instant,
    /// When the session began to close.
    closing_since: Option<Instant>,
    /// The value of `last_sign` for which we already know that the silence doesn't mean dropped requests.
    weighed: Option<Instant>,
    ending: Option<Ending>,
}

struct AwaitsGreeting {
    tell: Sender<Result<u32, Error>>,
    since: Instant,
    limit: Option<Duration>,
}

/// Why a session ends.
enum Ending {
    /// The last clone of the session was dropped, or the session is being closed.
    Ours,
    /// The server closed the stream.
    Closed,
    /// The server didn't open the stream.
    Refused,
    /// The connection broke, and all of its sessions end.
    Lost(String),
    /// The server broke the protocol or was silent for too long, or the session was killed.
    Cut(Error),
}

impl Seat {
    /// Sends INIT on a transport, followed by the requests that are already queued.
    pub(super) fn new(transport: Box<dyn Transport>, applicant: Applicant) -> Seat {
        let Applicant { shared, greeting_limit, idle_limit, tell } = applicant;
        let mut link = Link::new(transport);
        shared.append_to(&mut link.outbox);
        let now = Instant::now();
        Seat {
            link,
            shared,
            work: Work::default(),
            awaits_greeting: Some(AwaitsGreeting { tell, since: now, limit: greeting_limit }),
            idle_limit,
            last_sign: now,
            closing_since: None,
            weighed: None,
            ending: None,
        }
    }

    pub(super) fn transport(&self) -> &dyn Transport {
        &*self.link.transport
    }

    /// Returns whether bytes wait to be sent.
    pub(super) fn has_unsent(&self) -> bool {
        !self.link.outbox.is_empty()
    }

    /// Returns whether the session has ended, so that [`Seat::conclude`] must follow.
    pub(super) fn has_ended(&self) -> bool {
        self.ending.is_some()
    }

    /// Returns why the connection broke, if this session found that out.
    pub(super) fn lost(&self) -> Option<&str> {
        match &self.ending {
            Some(Ending::Lost(reason)) => Some(reason),
            _ => None,
        }
    }

    /// Ends the session because the connection broke, unless it has ended for another reason. From now on, no request
    /// can be submitted.
    pub(super) fn lose(&mut self, reason: &str) {
        self.shared.end_with(&Error::ConnectionLost(reason.to_owned()));
        self.ending.get_or_insert_with(|| Ending::Lost(reason.to_owned()));
    }

    /// Takes the requests that were queued.
    pub(super) fn collect(&mut self) {
        self.work = self.shared.collect(&mut self.link.outbox);
    }

    /// Does one round after [`Seat::collect`]: sends, receives, delivers. Returns whether anything moved.
    pub(super) fn turn(&mut self) -> bool {
        let moved = self.step();
        moved.unwrap_or_else(|ending| {
            self.ending = Some(ending);
            true
        })
    }

    fn step(&mut self) -> Result<bool, Ending> {
        if let Some(error) = self.work.end.take() {
            return Err(Ending::Cut(error));
        }
        if self.work.closing && self.may_close() {
            return Err(Ending::Ours);
        }
        self.link.transport.expect(self.work.awaited);
        let before = self.link.standing();
        let step = self.link.transport.step(&mut self.link.outbox, &mut self.link.inbox);
        match step.map_err(|error| Ending::Lost(error.to_string()))? {
            Step::Moved => {
                // Only SFTP bytes count as a sign of life: a server may write to its standard error forever.
                if self.link.standing() != before || !self.work.answer_is_due {
                    self.last_sign = Instant::now();
                }
                self.hand_out().map_err(Ending::Cut)?;
                self.patience().map(|_| true)
            }
            Step::Closed => {
                self.hand_out().map_err(Ending::Cut)?;
                Err(Ending::Closed)
            }
            Step::Refused => Err(Ending::Refused),
            Step::Blocked => Ok(false),
        }
    }

    /// Returns how long the driver may sleep at most before the next round. Returns `None` if the next round must follow
    /// at once, because the session has ended or has something to send.
    pub(super) fn nap(&mut self) -> Option<Duration> {
        let left = match self.closing_since {
            Some(since) => CLOSING_LIMIT.saturating_sub(since.elapsed()),
            None => match self.patience() {
                Ok(left) => left.unwrap_or(Duration::MAX),
                Err(ending) => {
                    self.ending = Some(ending);
                    return None;
                }
            },
        };
        let stall = if self.work.answer_is_due { self.weigh_silence() } else { Silence::Fair(None) };
        let Silence::Fair(until_stall) = stall else { return None };
        [Some(left), until_stall, self.link.transport.rest()].into_iter().flatten().min()
    }

    /// Returns whether there is something to do that no descriptor shows. While the outbox holds bytes, staged requests
    /// wait for the transport and are no reason to stay awake.
    pub(super) fn has_news(&self) -> bool {
        let takes_requests = self.link.outbox.is_empty() && self.closing_since.is_none();
        self.shared.has_news(takes_requests)
    }

    /// Notes that the driver has slept. The idle clock starts when an answer becomes due.
    pub(super) fn woke(&mut self) {
        if !self.work.answer_is_due && self.awaits_greeting.is_none() {
            self.last_sign = Instant::now();
        }
    }

    /// Tells everybody why the session has ended, and closes its stream. The connection ends with the last one.
    pub(super) fn conclude(self, is_last: bool) {
        let Seat { link, shared, awaits_greeting, ending, .. } = self;
        let Link { transport, outbox, .. } = link;
        let is_greeted = awaits_greeting.is_none();
        let (error, end) = match ending {
            Some(Ending::Cut(error)) => {
                if is_last {
                    transport.killer().kill();
                }
                shared.fail(&error);
                (error, transport.finish(outbox))
            }
            Some(Ending::Lost(reason)) => {
                let end = transport.finish(outbox);
                (Error::ConnectionLost(with_exit_status(reason, &end)), end)
            }
            Some(Ending::Closed) => {
                let end = transport.finish(outbox);
                let reason = if is_greeted {
                    "the server ended the connection"
                } else {
                    "the server ended before it spoke SFTP"
                };
                (Error::ConnectionLost(with_exit_status(reason.to_owned(), &end)), end)
            }
            Some(Ending::Refused) => (Error::ChannelRefused, transport.finish(outbox)),
            Some(Ending::Ours) | None => {
                let (error, is_left) = (Error::ConnectionLost("the session was closed".into()), shared.is_left());
                shared.fail(&error);
                let end = if is_left {
                    transport.leave(outbox);
                    End::default()
                } else {
                    transport.finish(outbox)
                };
                (error, end)
            }
        };
        shared.fail(&error);
        shared.finish(end);
        if let Some(AwaitsGreeting { tell, .. }) = awaits_greeting {
            // The caller waits for this.
            let _ = tell.send(Err(error));
        }
    }

    /// Takes VERSION, if it has arrived. Returns whether requests may be answered.
    fn is_greeted(&mut self) -> Result<bool, Error> {
        let Some(AwaitsGreeting { tell, .. }) = &self.awaits_greeting else { return Ok(true) };
        let Some(greeting) = self.link.greeting().map_err(protocol)? else { return Ok(false) };
        self.shared.learn(greeting.extensions);
        // The caller waits for this.
        let _ = tell.send(Ok(greeting.version));
        self.awaits_greeting = None;
        self.last_sign = Instant::now();
        Ok(true)
    }

    /// Returns whether a closing session has sent its queue or has used up its time.
    fn may_close(&mut self) -> bool {
        let since = *self.closing_since.get_or_insert_with(Instant::now);
        (self.work.all_taken && self.link.outbox.is_empty()) || since.elapsed() >= CLOSING_LIMIT
    }

    /// Returns how long the server may stay silent; `None` means without limit.
    fn patience(&self) -> Result<Option<Duration>, Ending> {
        let (limit, since) = match &self.awaits_greeting {
            Some(awaits) => (awaits.limit, awaits.since),
            None => {
                let is_due = self.work.answer_is_due && self.closing_since.is_none();
                (self.idle_limit.filter(|_| is_due), self.last_sign)
            }
        };
        let Some(limit) = limit else { return Ok(None) };
        match limit.saturating_sub(since.elapsed()) {
            Duration::ZERO => Err(Ending::Cut(Error::TimedOut(limit))),
            left => Ok(Some(left)),
        }
    }

    /// Decides whether the server may have dropped requests, which happens when it receives many at once. Call it
    /// while an answer is due.
    fn weigh_silence(&mut self) -> Silence {
        let is_open = self.awaits_greeting.is_none() && self.closing_since.is_none() && self.link.outbox.is_empty();
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
        if !self.is_greeted()? {
            return Ok(());
        }
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

/// Returns the exit status of the server program as the reason for the end of a session, if it failed.
fn with_exit_status(reason: String, end: &End) -> String {
    let status = end.exit_status.filter(|&status| status != 0);
    status.map_or(reason, |status| format!("the server program ended with status {status}"))
}
