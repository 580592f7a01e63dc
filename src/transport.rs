//! The seam between SSH and SFTP: a full-duplex byte stream that never sleeps.
//!
//! A transport moves what can be moved and says what to poll for; it is the session's driver (or a jump's pump)
//! that sleeps, wakes and keeps the deadlines. So the same SFTP session runs over an ssh2 channel and over a
//! child process, and no transport can stall it.
#![forbid(unsafe_code)]

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustix::event::PollFd;

/// What one [`Transport::step`] achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes went out or came in; another step may move more.
    Moved,
    /// Nothing can move until one of the descriptors of [`Transport::interest`] is ready.
    Blocked,
    /// The peer will send nothing more.
    Closed,
}

/// A full-duplex byte stream that never sleeps.
pub trait Transport: Send {
    /// Moves what can be moved without waiting: from `out` to the peer, from the peer into `inbox`.
    ///
    /// # Errors
    /// The stream is broken; nothing more will move in either direction.
    fn step(&mut self, out: &mut Outbox, inbox: &mut Inbox) -> io::Result<Step>;

    /// Adds what to poll for, asked right after [`Step::Blocked`]. `out_pending` tells whether the outbox still holds bytes.
    fn interest<'a>(&'a self, out_pending: bool, fds: &mut Vec<PollFd<'a>>);

    /// Announces what the server was asked for, so that a receive window and a budget can follow.
    fn expect(&mut self, _awaited: Awaited) {}

    /// How long may be slept at most before the next step, though nothing moves. `None` is for ever.
    fn rest(&self) -> Option<Duration> {
        None
    }

    /// A handle that ends the stream from any thread, also while this transport sleeps in a poll.
    fn killer(&self) -> Killer;

    /// Ends a stream on which nothing is awaited any more; where that is nothing else, by [`Transport::finish`].
    fn leave(self: Box<Self>) {
        let _ = self.finish();
    }

    /// Closes the stream in an orderly way, in bounded time, and tells how the far end ended.
    fn finish(self: Box<Self>) -> End;
}

/// What the far end was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Awaited {
    /// Bytes of replies in flight towards us.
    pub reply_bytes: u64,
    /// Requests that were made since the session began.
    pub requests: u64,
}

/// How the far end of a transport ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Exit status of the remote program or of the child, where one was reported.
    pub exit_status: Option<i32>,
    /// The last bytes that the far end wrote to its standard error (bounded; not made printable).
    pub last_words: Vec<u8>,
}

/// Ends a connection from any thread: shuts its socket down in both directions, which wakes whoever polls it.
#[derive(Clone)]
pub struct Killer(Arc<OwnedFd>);

impl Killer {
    /// Takes a duplicate of the connection's socket.
    #[must_use]
    pub fn new(socket: OwnedFd) -> Killer {
        Killer(Arc::new(socket))
    }

    /// Shuts the socket down. Calling it again, or on a dead connection, does nothing.
    pub fn kill(&self) {
        // ENOTCONN is the only failure there is, and it means that the work is done already.
        let _ = rustix::net::shutdown(&*self.0, rustix::net::Shutdown::Both);
    }
}

impl fmt::Debug for Killer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Killer")
    }
}

/// Bytes on their way to the peer: one contiguous stream, because one write to libssh2 is one SSH packet, and a
/// packet carries thirty to forty small requests.
///
/// What was offered to a transport once is committed: it can't be withdrawn, and the front moves only by [`Outbox::advance`].
#[derive(Debug, Default)]
pub struct Outbox {
    buffer: Vec<u8>,
    sent: usize,
}

impl Outbox {
    /// The bytes that have not been sent.
    #[must_use]
    pub fn front(&self) -> &[u8] {
        &self.buffer[self.sent..]
    }

    /// Whether everything was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sent == self.buffer.len()
    }

    /// Appends bytes behind those that wait.
    pub fn push(&mut self, bytes: &[u8]) {
        self.make_room();
        self.buffer.extend_from_slice(bytes);
    }

    /// Takes all of `staged`, which is left empty with a capacity to fill again. Nothing is copied when this outbox is empty.
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
    /// When more is marked than there is: a transport claims to have sent what it never got.
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

/// Bytes that came from the peer: large chunks that reads go straight into, from which a packet is taken as a slice.
#[derive(Debug, Default)]
pub struct Inbox {
    /// Always initialised to its full length; the first `filled` bytes are data.
    chunk: BytesMut,
    filled: usize,
}

/// Size of a fresh chunk: a few hundred small replies, or four of the largest ones, share one allocation.
const CHUNK_BYTES: usize = 1 << 20;

impl Inbox {
    /// The bytes that have come and were not taken.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.chunk[..self.filled]
    }

    /// Room for a read of exactly `length` bytes. Follow it with [`Inbox::commit`].
    pub fn space(&mut self, length: usize) -> &mut [u8] {
        if self.chunk.len() - self.filled < length {
            let mut fresh = BytesMut::zeroed((self.filled + length).max(2 * self.filled).max(CHUNK_BYTES));
            fresh[..self.filled].copy_from_slice(&self.chunk[..self.filled]);
            self.chunk = fresh;
        }
        &mut self.chunk[self.filled..self.filled + length]
    }

    /// Adds the first `read` bytes of the room that [`Inbox::space`] gave.
    ///
    /// # Panics
    /// When more is claimed than there was room for.
    pub fn commit(&mut self, read: usize) {
        assert!(self.filled + read <= self.chunk.len(), "a transport read more than it had room for");
        self.filled += read;
    }

    /// Takes the first `length` unread bytes, without copying them.
    ///
    /// # Panics
    /// When fewer are unread.
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
}
