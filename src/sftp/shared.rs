//! What the session's handles and its driver share: the queue of encoded requests, the table of outstanding ones, the waker.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::calls::Call;
use super::error::Error;
use super::extensions::{Extension, Extensions};
use super::reply::{Expects, Reply};
use super::wire::Writer;
use crate::transport::{End, Outbox};

/// Whoever waits for replies. Completing and announcing are two steps, so that a queue wakes its engine once for all
/// the replies that one turn of the driver brought.
pub(super) trait Complete: Send + Sync {
    /// Takes the outcome of the request that `key` stands for.
    fn complete(&self, key: usize, outcome: Result<Reply, Error>);

    /// Wakes whoever waits.
    fn announce(&self);
}

/// Where the outcome of one request goes.
pub(super) struct Completion {
    pub(super) to: Arc<dyn Complete>,
    pub(super) key: usize,
}

/// A request that was submitted and has no outcome yet.
pub(super) struct Outstanding {
    pub(super) expects: Expects,
    reply_bytes: u64,
    may_take_long: bool,
    pub(super) completion: Completion,
}

#[derive(Default)]
struct Queue {
    /// Encoded requests that the driver has not taken yet.
    staged: Vec<u8>,
    outstanding: HashMap<u32, Outstanding>,
    next_id: u32,
    reply_bytes: u64,
    /// How many of the outstanding requests may keep the server silent for long.
    long_ones: usize,
    closing: bool,
    /// Somebody wants to know how the far end ends.
    with_care: bool,
    /// Why nothing can be submitted any more.
    end: Option<Error>,
    far_end: Option<End>,
}

/// What the driver has to know before each turn.
pub(super) struct Work {
    /// Bytes of replies in flight towards us.
    pub(super) reply_bytes: u64,
    /// Whether a server that stays silent is a server that is gone.
    pub(super) answer_is_due: bool,
    /// The last handle is gone, or the session is being finished.
    pub(super) closing: bool,
    /// Nothing is left to be sent.
    pub(super) all_taken: bool,
}

pub(super) struct Shared {
    queue: Mutex<Queue>,
    finished: Condvar,
    waker: Waker,
    /// What VERSION told. Before it is there, whoever asks takes the risk that the server knows no such request.
    extensions: OnceLock<Extensions>,
    pub(super) polls: AtomicU64,
    requests: AtomicU64,
}

/// A lock that outlives a panic of another thread: what it guards is consistent between any two statements.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(waker: Waker) -> Shared {
        Shared {
            queue: Mutex::default(),
            finished: Condvar::new(),
            waker,
            extensions: OnceLock::new(),
            polls: AtomicU64::new(0),
            requests: AtomicU64::new(0),
        }
    }

    /// Learns what the server offers, once.
    pub(super) fn learn(&self, extensions: Extensions) {
        let _ = self.extensions.set(extensions);
    }

    pub(super) fn hashing(&self) -> Option<Extension> {
        self.extensions.get().and_then(|extensions| extensions.hashing())
    }

    pub(super) fn offers(&self, extension: Extension) -> bool {
        self.extensions.get().is_some_and(|extensions| extensions.offers(extension))
    }

    /// Queues a request and wakes the driver. Never blocks; a request that can't be sent is completed at once with the reason.
    pub(super) fn submit<C: Call>(&self, call: &C, completion: Completion) {
        match self.enqueue(call, completion) {
            Ok(()) => self.waker.wake(),
            Err((completion, error)) => {
                completion.to.complete(completion.key, Err(error));
                completion.to.announce();
            }
        }
    }

    /// Submits a request whose outcome nobody wants to know.
    pub(super) fn submit_for_nobody<C: Call>(&self, call: &C) {
        self.submit(call, Completion { to: Arc::new(Nobody), key: 0 });
    }

    fn enqueue<C: Call>(&self, call: &C, completion: Completion) -> Result<(), (Completion, Error)> {
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
        let id = queue.unused_id();
        Writer::packet(&mut queue.staged, |packet| {
            packet.byte(C::TYPE);
            packet.uint32(id);
            call.encode(packet);
        });
        let request = Outstanding {
            expects: call.expects(),
            reply_bytes: call.reply_bytes(),
            may_take_long: C::MAY_TAKE_LONG,
            completion,
        };
        queue.reply_bytes += request.reply_bytes;
        queue.long_ones += usize::from(request.may_take_long);
        queue.outstanding.insert(id, request);
        self.requests.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Moves what was staged behind what an outbox holds already.
    pub(super) fn append_to(&self, outbox: &mut Outbox) {
        outbox.refill(&mut lock(&self.queue).staged);
    }

    /// Moves what was staged into an outbox that ran empty, and tells what there is to do.
    pub(super) fn collect(&self, outbox: &mut Outbox) -> Work {
        let mut queue = lock(&self.queue);
        // Waiting for an empty outbox makes every refill a swap: the data of a put is copied once, when it is encoded.
        if outbox.is_empty() && !queue.staged.is_empty() {
            outbox.refill(&mut queue.staged);
        }
        Work {
            reply_bytes: queue.reply_bytes,
            answer_is_due: !queue.outstanding.is_empty() && queue.long_ones == 0,
            closing: queue.closing,
            all_taken: queue.staged.is_empty(),
        }
    }

    /// Whether something was staged or the session began to close since the last [`Shared::collect`] found nothing.
    pub(super) fn has_news(&self) -> bool {
        let queue = lock(&self.queue);
        !queue.staged.is_empty() || queue.closing
    }

    /// Takes the request with this id off the table.
    pub(super) fn answered(&self, id: u32) -> Option<Outstanding> {
        let mut queue = lock(&self.queue);
        let request = queue.outstanding.remove(&id)?;
        queue.reply_bytes -= request.reply_bytes;
        queue.long_ones -= usize::from(request.may_take_long);
        Some(request)
    }

    /// Begins to close: what is queued is still sent.
    pub(super) fn close(&self) {
        lock(&self.queue).closing = true;
        self.waker.wake();
    }

    /// The same, and waits for the far end's end.
    pub(super) fn close_with_care(&self) {
        lock(&self.queue).with_care = true;
        self.close();
    }

    /// Whether nobody waits for anything any more, the far end's end included.
    pub(super) fn is_left(&self) -> bool {
        let queue = lock(&self.queue);
        queue.outstanding.is_empty() && !queue.with_care
    }

    /// Ends the session: nothing can be submitted any more, and all that is outstanding fails with `reason`.
    pub(super) fn fail(&self, reason: &Error) {
        let outstanding = {
            let mut queue = lock(&self.queue);
            queue.end.get_or_insert_with(|| reason.clone());
            queue.staged = Vec::new();
            std::mem::take(&mut queue.outstanding)
        };
        for completion in outstanding.into_values().map(|request| request.completion) {
            completion.to.complete(completion.key, Err(reason.clone()));
            completion.to.announce();
        }
    }

    pub(super) fn end(&self) -> Option<Error> {
        lock(&self.queue).end.clone()
    }

    /// Records how the far end ended; the driver's last act.
    pub(super) fn finish(&self, end: End) {
        lock(&self.queue).far_end = Some(end);
        self.finished.notify_all();
    }

    /// Waits until the driver has finished, `limit` at most.
    pub(super) fn wait_until_finished(&self, limit: Duration) -> Option<End> {
        let unfinished = |queue: &mut Queue| queue.far_end.is_none();
        let (queue, _) = self
            .finished
            .wait_timeout_while(lock(&self.queue), limit, unfinished)
            .unwrap_or_else(PoisonError::into_inner);
        queue.far_end.clone()
    }

    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Queue {
    /// The next id that no outstanding request has.
    fn unused_id(&mut self) -> u32 {
        loop {
            let id = self.next_id;
            self.next_id = id.wrapping_add(1);
            if !self.outstanding.contains_key(&id) {
                return id;
            }
        }
    }
}

/// Lets a reply fall; a HANDLE in it closes itself.
struct Nobody;

impl Complete for Nobody {
    fn complete(&self, _key: usize, _outcome: Result<Reply, Error>) {}

    fn announce(&self) {}
}

/// Wakes the driver out of a poll. The byte is written only while the driver says that it sleeps, so that a burst of
/// submissions costs one system call.
pub(super) struct Waker {
    asleep: AtomicBool,
    bell: UnixStream,
    ear: UnixStream,
}

impl Waker {
    pub(super) fn new() -> std::io::Result<Waker> {
        let (bell, ear) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        ear.set_nonblocking(true)?;
        Ok(Waker { asleep: AtomicBool::new(false), bell, ear })
    }

    fn wake(&self) {
        if self.asleep.swap(false, Ordering::SeqCst) {
            // A full socket means that a byte is there already, which is all that is needed.
            let _ = (&self.bell).write(&[1]);
        }
    }

    /// Says that a poll is next. Look for news once more after this and before the poll.
    pub(super) fn fall_asleep(&self) {
        self.asleep.store(true, Ordering::SeqCst);
    }

    /// Says that the poll is over, and takes the byte that may have ended it. The read is not left to the flag: a byte
    /// that is written late would stay and end every later poll at once.
    pub(super) fn rise(&self) {
        self.asleep.store(false, Ordering::SeqCst);
        let _ = (&self.ear).read(&mut [0; 16]);
    }

    /// What becomes readable when the driver is woken.
    pub(super) fn ear(&self) -> BorrowedFd<'_> {
        self.ear.as_fd()
    }
}
