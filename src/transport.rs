//! The interface between SSH and SFTP: a full-duplex byte stream that never sleeps.
//!
//! A transport moves bytes and says what to poll for. The session's driver sleeps, wakes and keeps the deadlines. So
//! one SFTP session runs over an ssh2 channel or a child process, and no transport can stall it.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustix::event::PollFd;

/// The result of one [`Transport::step`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes went out or came in; another step may move more.
    Moved,
    /// Nothing can move until one of the descriptors of [`Transport::interest`] is ready.
    Blocked,
    /// The peer will send nothing more.
    Closed,
    /// The peer doesn't open this stream. Other streams of the connection go on.
    Refused,
}

/// A full-duplex byte stream that never sleeps.
pub trait Transport: Send {
    /// Moves as many bytes as possible without waiting: from `out` to the peer, and from the peer into `inbox`.
    ///
    /// # Errors
    /// The connection is broken. Nothing will move in either direction any more, on this and on all its other streams.
    fn step(&mut self, out: &mut Outbox, inbox: &mut Inbox) -> io::Result<Step>;

    /// Adds the descriptors to poll, right after [`Step::Blocked`]. `out_pending` says whether the outbox still holds
    /// bytes.
    fn interest<'a>(&'a self, out_pending: bool, fds: &mut Vec<PollFd<'a>>);

    /// Announces how much the server has to answer, so that the receive window and the budget can follow.
    fn expect(&mut self, _awaited: Awaited) {}

    /// Returns how long to sleep at most before the next step, even if nothing moves. `None` means without limit.
    fn rest(&self) -> Option<Duration> {
        None
    }

    /// Returns a handle that ends the connection from any thread, even while the driver sleeps in a poll.
    fn killer(&self) -> Killer;

    /// Returns another stream on the same connection, which opens while it is stepped. The same thread must step all
    /// streams of a connection, and poll for all of them. `None` if there can't be another.
    fn another(&self) -> Option<Box<dyn Transport>> {
        None
    }

    /// Ends a stream when no answers are expected. `unsent` is its outbox. By default this is [`Transport::finish`].
    fn leave(self: Box<Self>, unsent: Outbox) {
        let _ = self.finish(unsent);
    }

    /// Closes the stream in an orderly way, in bounded time, and returns how the far end closed. `unsent` is its outbox.
    /// The last stream of a connection ends the connection. An earlier one returns at once, and its end is completed while
    /// the others are stepped.
    fn finish(self: Box<Self>, unsent: Outbox) -> End;
}

/// The answers that the far end owes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Awaited {
    /// Bytes of replies in flight towards us.
    pub reply_bytes: u64,
    /// The number of requests since the session began.
    pub requests: u64,
}

/// How the far end of a transport closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// The exit status of the remote program or the child, if it was reported.
    pub exit_status: Option<i32>,
    /// The end of the far end's standard error, limited in length and not made printable.
    pub last_words: Vec<u8>,
}

/// Ends a connection, or one stream of it, from any thread.
#[derive(Clone)]
pub struct Killer(Arc<dyn Fn() + Send + Sync>);

impl Killer {
    /// Takes a duplicate of the connection's socket. The killer shuts it down in both directions, which wakes a thread
    /// that polls it.
    #[must_use]
    pub fn new(socket: OwnedFd) -> Killer {
        Killer::by(move || {
            // ENOTCONN is the only possible failure, and means that the socket is shut down already.
            let _ = rustix::net::shutdown(&socket, rustix::net::Shutdown::Both);
        })
    }

    /// Returns a killer that calls `end`, which must not block.
    #[must_use]
    pub fn by(end: impl Fn() + Send + Sync + 'static) -> Killer {
        Killer(Arc::new(end))
    }

    /// Ends the stream. Calling it again, or on a dead connection, does nothing.
    pub fn kill(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Killer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Killer")
    }
}

/// Bytes on their way to the peer. They form one contiguous stream, because one write to libssh2 is one SSH packet,
/// and a packet holds thirty to forty small requests.
///
/// Bytes that a transport has seen are committed: they can't be withdrawn, and only [`Outbox::advance`] moves past
/// them.
#[derive(Debug, Default)]
pub struct Outbox {
    buffer: Vec<u8>,
    sent: usize,
}

impl Outbox {
    /// Returns the bytes that have not been sent.
    #[must_use]
    pub fn front(&self) -> &[u8] {
        &self.buffer[self.sent..]
    }

    /// Returns whether all bytes were sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sent == self.buffer.len()
    }

    /// Appends bytes to the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.make_room();
        self.buffer.extend_from_slice(bytes);
    }

    /// Takes all bytes of `staged`, which is left empty with capacity for more. If the outbox is empty, no bytes are
    /// copied.
    pub fn refill(&mut self, staged: &mut Vec<u8>) {
        if self.is_empty() {
            self.buffer.clear();
            self.sent = 0;
            std::mem::swap(&mut self.buffer, staged);
        } else {
            self.push(staged);
            staged.clear();
        }
    }

    /// Marks the first `sent` bytes of [`Outbox::front`] as sent.
    ///
    /// # Panics
    /// If it has fewer bytes: the transport claims to have sent bytes that it never got.
    pub fn advance(&mut self, sent: usize) {
        assert!(sent <= self.front().len(), "a transport sent more than it was given");
        self.sent += sent;
    }

    fn make_room(&mut self) {
        if self.is_empty() {
            self.buffer.clear();
            self.sent = 0;
        } else if self.sent > self.buffer.len() / 2 {
            self.buffer.drain(..self.sent);
            self.sent = 0;
        }
    }
}

/// Bytes from the peer. Reads fill large chunks directly, and a packet is taken as a slice of its chunk.
#[derive(Debug, Default)]
pub struct Inbox {
    /// Always initialised to its full length; the first `filled` bytes are data.
    chunk: BytesMut,
    filled: usize,
    /// The empty ends of full chunks, the oldest first. A chunk of which no slice is left is used again, because the
    /// pages of a new one cost more than filling it.
    full: VecDeque<BytesMut>,
}

/// Full chunks that are kept for the time when their slices are gone.
const MOST_FULL_CHUNKS: usize = 4;

/// Size of a new chunk. A few hundred small replies, or four of the largest, share one allocation.
const CHUNK_BYTES: usize = 1 << 20;

impl Inbox {
    /// Returns the bytes that have arrived and were not taken.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.chunk[..self.filled]
    }

    /// Returns room for a read of exactly `length` bytes. [`Inbox::commit`] must follow.
    pub fn space(&mut self, length: usize) -> &mut [u8] {
        if self.chunk.len() - self.filled < length {
            let mut next = self.next_chunk((self.filled + length).max(2 * self.filled).max(CHUNK_BYTES));
            next[..self.filled].copy_from_slice(&self.chunk[..self.filled]);
            self.full.push_back(std::mem::replace(&mut self.chunk, next));
            let surplus = self.full.len().saturating_sub(MOST_FULL_CHUNKS);
            self.full.drain(..surplus);
        }
        &mut self.chunk[self.filled..self.filled + length]
    }

    /// Returns a chunk of this length: a full one of which no slice is left, or a new one.
    fn next_chunk(&mut self, length: usize) -> BytesMut {
        let unused = self.full.iter_mut().position(|full| {
            full.clear();
            full.try_reclaim(length)
        });
        match unused.and_then(|place| self.full.remove(place)) {
            Some(mut chunk) => {
                chunk.resize(length, 0);
                chunk
            }
            None => BytesMut::zeroed(length),
        }
    }

    /// Adds the first `read` bytes of the room from [`Inbox::space`].
    ///
    /// # Panics
    /// If there was less room.
    pub fn commit(&mut self, read: usize) {
        assert!(self.filled + read <= self.chunk.len(), "a transport read more than it had room for");
        self.filled += read;
    }

    /// Takes the first `length` unread bytes, without copying them.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn take(&mut self, length: usize) -> Bytes {
        assert!(length <= self.filled, "more taken than was read");
        self.filled -= length;
        self.chunk.split_to(length).freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outbox_is_one_stream_whatever_the_pushes() {
        let mut out = Outbox::default();
        out.push(b"abc");
        out.advance(2);
        out.push(b"defg");
        assert_eq!(out.front(), b"cdefg");
        out.refill(&mut b"hi".to_vec());
        assert_eq!(out.front(), b"cdefghi");
        out.advance(7);
        assert!(out.is_empty());
        let mut staged = b"next".to_vec();
        out.refill(&mut staged);
        assert_eq!(out.front(), b"next");
        assert!(staged.is_empty());
    }

    #[test]
    fn an_inbox_gives_slices_and_keeps_what_is_left_over_a_chunk_boundary() {
        let mut inbox = Inbox::default();
        let first = CHUNK_BYTES - 3;
        inbox.space(first).fill(b'a');
        inbox.commit(first);
        let taken = inbox.take(first - 2);
        inbox.space(8).copy_from_slice(b"12345678");
        inbox.commit(8);
        assert_eq!(inbox.unread(), b"aa12345678");
        assert!(taken.iter().all(|&byte| byte == b'a'));
        assert_eq!(&inbox.take(3)[..], b"aa1");
        assert_eq!(inbox.unread(), b"2345678");
    }

    #[test]
    fn an_inbox_uses_a_chunk_again_once_its_slices_are_gone_and_not_before() {
        let mut inbox = Inbox::default();
        let mut fill = |byte| {
            let room = inbox.space(CHUNK_BYTES);
            room.fill(byte);
            let place = room.as_ptr();
            inbox.commit(CHUNK_BYTES);
            (place, inbox.take(CHUNK_BYTES))
        };
        let (first_place, first) = fill(b'1');
        let (second_place, second) = fill(b'2');
        let kept = first.slice(5..7);
        drop((first, second));
        // The second chunk is still the current one, so it is not among the full ones.
        let (third_place, third) = fill(b'3');
        assert!(![first_place, second_place].contains(&third_place));
        let (fourth_place, fourth) = fill(b'4');
        assert_eq!(fourth_place, second_place);
        assert_eq!(&kept[..], b"11");
        drop((kept, third, fourth));
        assert_eq!(fill(b'5').0, first_place);
    }
}
