//! State shared by a session's handles and its driver: the queue of encoded requests, and the table of outstanding
//! ones.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::budget::{self, Budget};
use crate::lock::lock;
use crate::sftp::calls::Call;
use crate::sftp::delivery::{self, Deliveries};
use crate::sftp::error::Error;
use crate::sftp::extensions::{Extension, Extensions};
use crate::sftp::manners::Manners;
use crate::sftp::openings::{Opening, Openings};
use crate::sftp::reply::{Expects, Reply};
use crate::sftp::waker::Waker;
use crate::sftp::width::Width;
use crate::sftp::wire::Writer;
use crate::transport::{Awaited, End, Outbox};

/// Bytes that are worth a packet of the transport: as many as one SSH packet holds.
const PACKET_BYTES: usize = 32 * 1024;

/// How long a smaller number of bytes may wait for more. The far end could work on them meanwhile.
const LONGEST_STAY: Duration = Duration::from_micros(500);

/// How a request ended.
pub(super) type Outcome = Result<Reply, Error>;

/// The receiver of one request's outcome.
pub(super) type Completion = delivery::Completion<Outcome>;

/// A submitted request without an outcome.
pub(super) struct Outstanding {
    pub(super) expects: Expects,
    reply_bytes: u64,
    may_take_long: bool,
    submitted: Instant,
    /// For a request to open: the handles that were open when it was sent.
    opening: Option<Opening>,
    /// True if the answer ends a handle.
    closes: bool,
    /// How many requests were waiting for an answer when this one was sent, itself included.
    crowd: usize,
    pub(super) completion: Completion,
}

struct Queue {
    width: Width,
    /// The number of transfers that run on this session.
    transfers: usize,
    /// Encoded requests that the driver has not taken yet.
    staged: Vec<u8>,
    /// True if the driver may take them. Until then, more requests may join them in the same packet of the transport.
    is_ready: bool,
    /// When the first of them was staged.
    staged_since: Option<Instant>,
    outstanding: HashMap<u32, Outstanding>,
    /// Handles for which no CLOSE has been submitted.
    handles: HashSet<Bytes>,
    /// Encoded requests, with their ids, that are held back until fewer others wait for an answer.
    held: VecDeque<(u32, Vec<u8>)>,
    /// Requests that were given up. A late answer to one is checked and dropped.
    unanswered: HashMap<u32, Outstanding>,
    /// The reason for each time that requests were given up.
    given_up: Vec<Error>,
    next_id: u32,
    reply_bytes: u64,
    /// The shortest time that an answer has taken.
    round_trip: Option<Duration>,
    /// The number of outstanding requests that may keep the server silent for long.
    long_ones: usize,
    closing: bool,
    /// True if plain waits for answers end at once.
    gives_up: bool,
    /// The session doesn't wait until the far end has closed, and what can't be sent at once may be lost.
    abandoned: bool,
    /// A caller wants to know how the far end closes.
    with_care: bool,
    /// Why no request can be submitted any more.
    end: Option<Error>,
    far_end: Option<End>,
}

/// The state that the driver needs for one round.
#[derive(Default)]
pub(super) struct Work {
    /// Why the session has ended, if it has.
    pub(super) end: Option<Error>,
    /// The bytes and requests that the server owes us.
    pub(super) awaited: Awaited,
    /// True if the server must not stay silent.
    pub(super) answer_is_due: bool,
    /// The last clone of the session is gone, or the session is being finished.
    pub(super) closing: bool,
    /// No request is left to send.
    pub(super) all_taken: bool,
}

pub(super) struct Shared {
    queue: Mutex<Queue>,
    finished: Condvar,
    waker: Arc<Waker>,
    /// The extensions of the VERSION packet. Until it has arrived, a caller takes the risk that the server doesn't
    /// know its request.
    extensions: OnceLock<Extensions>,
    manners: Manners,
    /// The budget for received names that no caller has taken yet.
    waiting_names: Arc<Budget>,
    /// This session's share of the server's open handles.
    opened: AtomicUsize,
    requests: AtomicU64,
}

impl Shared {
    pub(super) fn new(waker: Arc<Waker>, manners: Manners) -> Shared {
        Shared {
            queue: Mutex::new(Queue::new(manners.width.clone())),
            finished: Condvar::new(),
            waker,
            extensions: OnceLock::new(),
            manners,
            waiting_names: Arc::new(Budget::new(budget::WAITING_NAMES)),
            opened: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
        }
    }

    /// Stores the extensions that the server offers. Later calls have no effect.
    pub(super) fn learn(&self, extensions: Extensions) {
        if extensions.are_of_openssh() {
            self.manners.width.trust();
        }
        let _ = self.extensions.set(extensions);
    }

    /// Returns the budget for names that no caller has taken yet.
    pub(super) fn waiting_names(&self) -> &Arc<Budget> {
        &self.waiting_names
    }

    pub(super) fn hashing(&self) -> Option<Extension> {
        self.extensions.get().and_then(|extensions| extensions.hashing())
    }

    pub(super) fn offers(&self, extension: Extension) -> bool {
        self.extensions.get().is_some_and(|extensions| extensions.offers(extension))
    }

    /// Queues a request and wakes the driver. Never blocks. A request that can't be sent completes at once with the
    /// reason.
    pub(super) fn submit<C: Call>(&self, call: &C, completion: Completion) {
        self.stage(call, completion);
        self.send();
    }

    /// Like [`Shared::submit`], but the request may wait until [`Shared::send`] sends it together with others: each
    /// packet of the transport costs both ends more than its contents. A full packet is sent at once.
    pub(super) fn stage<C: Call>(&self, call: &C, completion: Completion) {
        match self.enqueue(call, completion) {
            Ok(true) => self.send(),
            Ok(false) => {}
            Err((completion, error)) => completion.complete(Err(error)),
        }
    }

    /// Lets the driver send the staged requests.
    pub(super) fn send(&self) {
        {
            let mut queue = lock(&self.queue);
            queue.is_ready = !queue.staged.is_empty();
            queue.staged_since = None;
            if !queue.is_ready {
                return;
            }
        }
        self.waker.wake();
    }

    /// Ends all plain waits for answers, including those that begin later, until [`Shared::wait_again`].
    pub(super) fn give_up(&self) {
        let waiting: Vec<_> = {
            let mut queue = lock(&self.queue);
            queue.gives_up = true;
            queue.outstanding.values().map(|request| Arc::clone(&request.completion.to)).collect()
        };
        waiting.iter().for_each(|waiting| waiting.give_up());
    }

    /// Lets plain waits last until their answer comes again.
    pub(super) fn wait_again(&self) {
        lock(&self.queue).gives_up = false;
    }

    /// Submits a request and ignores its outcome.
    pub(super) fn submit_for_nobody<C: Call>(&self, call: &C) {
        self.submit(call, Completion::to_nobody());
    }

    /// Queues a request. Returns whether the staged requests are now worth a packet.
    fn enqueue<C: Call>(&self, call: &C, completion: Completion) -> Result<bool, (Completion, Error)> {
        if let Some(extension) = C::NEEDS
            && self.extensions.get().is_some_and(|extensions| !extensions.offers(extension))
        {
            return Err((completion, Error::Unsupported(extension)));
        }
        if call.handles().into_iter().flatten().any(|handle| !handle.is_of(self)) {
            let error = Error::ConnectionLost("the handle is one of a session that has ended".into());
            return Err((completion, error));
        }
        let mut queue = lock(&self.queue);
        if let Some(end) = &queue.end {
            let end = end.clone();
            return Err((completion, end));
        }
        if C::CLOSES {
            for handle in call.handles().into_iter().flatten() {
                queue.handles.remove(handle.as_bytes());
            }
        }
        let (id, now) = (queue.unused_id(), Instant::now());
        let encode = |out: &mut Vec<u8>| {
            Writer::packet(out, |packet| {
                packet.byte(C::TYPE);
                packet.uint32(id);
                call.encode_in(self.manners.symlink_order, packet);
            });
        };
        let (has_room, crowd) = (queue.has_room(), queue.waiting() + 1);
        if has_room {
            encode(&mut queue.staged);
        } else {
            let mut packet = Vec::new();
            encode(&mut packet);
            queue.held.push_back((id, packet));
        }
        let expects = call.expects();
        let opening = (expects == Expects::Handle).then(|| {
            self.opened.fetch_add(1, Ordering::Relaxed);
            self.manners.openings.begin()
        });
        let request = Outstanding {
            expects,
            opening,
            closes: C::CLOSES,
            reply_bytes: call.reply_bytes(),
            may_take_long: C::MAY_TAKE_LONG,
            submitted: now,
            crowd,
            completion,
        };
        if queue.gives_up {
            request.completion.to.give_up();
        }
        queue.reply_bytes += request.reply_bytes;
        queue.long_ones += usize::from(request.may_take_long);
        queue.outstanding.insert(id, request);
        self.requests.fetch_add(1, Ordering::Relaxed);
        if !has_room {
            return Ok(false);
        }
        let since = *queue.staged_since.get_or_insert(now);
        Ok(queue.staged.len() >= PACKET_BYTES || now.duration_since(since) >= LONGEST_STAY)
    }

    /// Appends the staged requests to an outbox, which may hold bytes already.
    pub(super) fn append_to(&self, outbox: &mut Outbox) {
        let mut queue = lock(&self.queue);
        (queue.is_ready, queue.staged_since) = (false, None);
        outbox.refill(&mut queue.staged);
    }

    /// Moves the staged requests into an outbox if it is empty, and returns the state that the driver needs.
    pub(super) fn collect(&self, outbox: &mut Outbox) -> Work {
        let mut queue = lock(&self.queue);
        // An empty outbox makes each refill a swap, so the data of a put is copied only once, when it is encoded.
        if outbox.is_empty() && (queue.is_ready || queue.closing) {
            (queue.is_ready, queue.staged_since) = (false, None);
            outbox.refill(&mut queue.staged);
        }
        Work {
            end: queue.end.clone(),
            awaited: Awaited { reply_bytes: queue.reply_bytes, requests: self.requests() },
            answer_is_due: !queue.outstanding.is_empty() && (queue.long_ones == 0 || !self.manners.may_take_long),
            closing: queue.closing,
            all_taken: queue.staged.is_empty() && queue.held.is_empty(),
        }
    }

    /// Returns whether the session has ended or, if the driver `takes_requests`, there are requests to send or the session
    /// began to close, since the last [`Shared::collect`].
    pub(super) fn has_news(&self, takes_requests: bool) -> bool {
        let queue = lock(&self.queue);
        queue.end.is_some() || takes_requests && (queue.is_ready || queue.closing)
    }

    /// Removes the requests with these ids from the table and returns them.
    pub(super) fn answered(&self, ids: impl Iterator<Item = u32>) -> Vec<Option<Outstanding>> {
        let (mut queue, now) = (lock(&self.queue), Instant::now());
        let answered = ids.map(|id| queue.take(id, now)).collect();
        queue.release();
        answered
    }

    /// Updates the count of open handles after a request, and stores in a refusal how many other handles were open. A
    /// handle that another open file already has breaks the protocol, because a write through it could reach either
    /// file.
    pub(super) fn count_openings(&self, request: &Outstanding, outcome: &mut Outcome) {
        if let Ok(Reply::Handle(handle)) = outcome
            && !lock(&self.queue).handles.insert(handle.bytes())
        {
            handle.mark_closed();
            *outcome = Err(Error::Protocol("two open files have the same handle".into()));
        }
        match (request.opening, outcome) {
            (Some(_), Ok(_)) => {}
            (Some(opening), outcome) => {
                if let Err(Error::Status(status)) = outcome {
                    status.beside = self.manners.openings.beside(opening);
                }
                self.end_openings(1);
            }
            (None, Ok(Reply::Handle(_))) => {
                self.opened.fetch_add(1, Ordering::Relaxed);
                self.manners.openings.add_one();
            }
            (None, _) if request.closes => self.end_openings(1),
            (None, _) => {}
        }
    }

    fn end_openings(&self, count: usize) {
        let left = |opened: usize| Some(opened.saturating_sub(count));
        // The closure always returns a value, so the update can't fail.
        let before = self.opened.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).unwrap_or_default();
        self.manners.openings.end(before.min(count));
    }

    pub(super) fn keeps_order(&self) -> bool {
        self.manners.keeps_order || self.extensions.get().is_some_and(|extensions| extensions.are_of_openssh())
    }

    pub(super) fn wants_one_handle(&self) -> bool {
        self.manners.wants_one_handle
    }

    pub(super) fn empties_files(&self) -> bool {
        self.manners.empties_files
    }

    pub(super) fn openings(&self) -> Openings {
        self.manners.openings.clone()
    }

    /// Changes the number of running transfers, which decides how many requests may wait.
    pub(super) fn count_transfers(&self, change: impl FnOnce(usize) -> usize) {
        let has_news = {
            let mut queue = lock(&self.queue);
            queue.transfers = change(queue.transfers);
            queue.release()
        };
        if has_news {
            self.waker.wake();
        }
    }

    pub(super) fn width(&self) -> Width {
        lock(&self.queue).width.clone()
    }

    /// Returns the reason why requests were given up, skipping the first `times` such events.
    pub(super) fn given_up(&self, times: usize) -> Option<Error> {
        lock(&self.queue).given_up.get(times).cloned()
    }

    /// Gives up all outstanding requests and lowers the limit, if more of them waited at once than the next lower
    /// limit allows: after `silence`, the server may have dropped some. Returns whether it did so.
    pub(super) fn narrow(&self, silence: Duration) -> bool {
        let (completions, reason, openings) = {
            let mut queue = lock(&self.queue);
            let crowd = queue.outstanding.values().map(|request| request.crowd).max().unwrap_or_default();
            let Some(narrower) = queue.width.narrower_than(crowd) else { return false };
            queue.width.narrow_to(narrower);
            let (completions, openings) = queue.give_up();
            let reason = Error::Unanswered { silence, waiting: completions.len() };
            queue.given_up.push(reason.clone());
            (completions, reason, openings)
        };
        self.end_openings(openings);
        let mut deliveries = Deliveries::new();
        for completion in completions {
            deliveries.add(completion, Err(reason.clone()));
        }
        deliveries.deliver();
        true
    }

    /// Begins to close the session. Queued requests are still sent.
    pub(super) fn close(&self) {
        lock(&self.queue).closing = true;
        self.waker.wake();
    }

    /// Like [`Shared::close`], but waits until the far end has closed.
    pub(super) fn close_with_care(&self) {
        lock(&self.queue).with_care = true;
        self.close();
    }

    /// Like [`Shared::close`], but what can't be sent at once may be lost.
    pub(super) fn abandon(&self) {
        lock(&self.queue).abandoned = true;
        self.close();
    }

    /// Returns whether no caller waits for an answer or for the far end to close.
    pub(super) fn is_left(&self) -> bool {
        let queue = lock(&self.queue);
        queue.abandoned || queue.outstanding.is_empty() && !queue.with_care
    }

    /// Lets no request be submitted any more. [`Shared::fail`] must follow.
    pub(super) fn end_with(&self, reason: &Error) {
        lock(&self.queue).end.get_or_insert_with(|| reason.clone());
    }

    /// Ends the session at once, from any thread, and wakes the driver.
    pub(super) fn kill(&self) {
        self.fail(&Error::ConnectionLost("the channel was closed".into()));
        self.waker.wake();
    }

    /// Ends the session: no request can be submitted any more, and all outstanding ones fail with `reason`.
    pub(super) fn fail(&self, reason: &Error) {
        let outstanding = {
            let mut queue = lock(&self.queue);
            queue.end.get_or_insert_with(|| reason.clone());
            queue.staged = Vec::new();
            queue.held = VecDeque::new();
            queue.unanswered = HashMap::new();
            std::mem::take(&mut queue.outstanding)
        };
        self.end_openings(usize::MAX);
        let mut deliveries = Deliveries::new();
        for request in outstanding.into_values() {
            deliveries.add(request.completion, Err(reason.clone()));
        }
        deliveries.deliver();
    }

    pub(super) fn end(&self) -> Option<Error> {
        lock(&self.queue).end.clone()
    }

    /// Stores how the far end closed. This is the last act of the driver.
    pub(super) fn finish(&self, end: End) {
        lock(&self.queue).far_end = Some(end);
        self.finished.notify_all();
    }

    /// Waits up to `limit` until the driver has finished. Returns how the far end closed, if it is known by then.
    pub(super) fn wait_until_finished(&self, limit: Duration) -> Option<End> {
        let unfinished = |queue: &mut Queue| queue.far_end.is_none();
        let (queue, _) = self
            .finished
            .wait_timeout_while(lock(&self.queue), limit, unfinished)
            .unwrap_or_else(PoisonError::into_inner);
        queue.far_end.clone()
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        lock(&self.queue).round_trip
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Queue {
    fn new(width: Width) -> Queue {
        Queue {
            width,
            transfers: 0,
            staged: Vec::new(),
            is_ready: false,
            staged_since: None,
            outstanding: HashMap::new(),
            handles: HashSet::new(),
            held: VecDeque::new(),
            unanswered: HashMap::new(),
            given_up: Vec::new(),
            next_id: 0,
            reply_bytes: 0,
            round_trip: None,
            long_ones: 0,
            closing: false,
            gives_up: false,
            with_care: false,
            abandoned: false,
            end: None,
            far_end: None,
        }
    }

    /// Returns the number of requests that were sent and not answered.
    fn waiting(&self) -> usize {
        self.outstanding.len() - self.held.len()
    }

    fn has_room(&self) -> bool {
        self.held.is_empty() && self.waiting() < self.width.most(self.transfers > 0)
    }

    /// Stages held requests, as many as may wait now. Returns whether it staged any.
    fn release(&mut self) -> bool {
        let most = self.width.most(self.transfers > 0);
        let mut has_released = false;
        while self.waiting() < most
            && let Some((id, packet)) = self.held.pop_front()
        {
            let crowd = self.waiting();
            if let Some(request) = self.outstanding.get_mut(&id) {
                request.crowd = crowd;
            }
            self.staged.extend_from_slice(&packet);
            has_released = true;
        }
        self.is_ready |= has_released;
        has_released
    }

    /// Gives up all outstanding requests, including the unsent ones. Returns their completions, and how many of them
    /// were to open or close a handle.
    fn give_up(&mut self) -> (Vec<Completion>, usize) {
        let held = std::mem::take(&mut self.held);
        (self.staged, self.is_ready, self.staged_since) = (Vec::new(), false, None);
        (self.reply_bytes, self.long_ones) = (0, 0);
        let (mut given_up, mut openings) = (Vec::with_capacity(self.outstanding.len()), 0);
        for (id, mut request) in self.outstanding.drain() {
            let nobody = Completion::to_nobody();
            openings += usize::from(request.opening.take().is_some() || std::mem::take(&mut request.closes));
            given_up.push(std::mem::replace(&mut request.completion, nobody));
            self.unanswered.insert(id, request);
        }
        for (id, _) in held {
            self.unanswered.remove(&id);
        }
        (given_up, openings)
    }

    fn take(&mut self, id: u32, now: Instant) -> Option<Outstanding> {
        let Some(request) = self.outstanding.remove(&id) else { return self.unanswered.remove(&id) };
        let took = now.saturating_duration_since(request.submitted);
        self.round_trip = Some(self.round_trip.map_or(took, |round_trip| round_trip.min(took)));
        self.reply_bytes -= request.reply_bytes;
        self.long_ones -= usize::from(request.may_take_long);
        Some(request)
    }

    /// Returns the next id that no outstanding request has.
    fn unused_id(&mut self) -> u32 {
        loop {
            let id = self.next_id;
            self.next_id = id.wrapping_add(1);
            if !self.outstanding.contains_key(&id) && !self.unanswered.contains_key(&id) {
                return id;
            }
        }
    }
}
