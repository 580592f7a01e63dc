//! Wakes the thread that drives a connection.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

/// Wakes the driver from its poll. It writes the byte only while the driver sleeps, so that a burst of submissions
/// costs one system call.
pub(super) struct Waker {
    asleep: AtomicBool,
    sender: UnixStream,
    receiver: UnixStream,
}

impl Waker {
    /// Returns a waker whose driver is awake.
    pub(super) fn new() -> std::io::Result<Waker> {
        let (sender, receiver) = UnixStream::pair()?;
        sender.set_nonblocking(true)?;
        receiver.set_nonblocking(true)?;
        Ok(Waker { asleep: AtomicBool::new(false), sender, receiver })
    }

    /// Wakes the driver if it sleeps.
    pub(super) fn wake(&self) {
        if self.asleep.swap(false, Ordering::SeqCst) {
            // A full socket already holds a byte, which is enough.
            let _ = (&self.sender).write(&[1]);
        }
    }

    /// Marks the driver as sleeping. The driver must check for news after this call and before its poll.
    pub(super) fn fall_asleep(&self) {
        self.asleep.store(true, Ordering::SeqCst);
    }

    /// Marks the driver as awake, and takes the byte that may have ended the poll. It reads whatever the flag says,
    /// because a byte written late would stay and end every later poll at once.
    pub(super) fn rise(&self) {
        self.asleep.store(false, Ordering::SeqCst);
        let _ = (&self.receiver).read(&mut [0; 16]);
    }

    /// Returns the descriptor that becomes readable when the driver is woken.
    pub(super) fn receiver(&self) -> BorrowedFd<'_> {
        self.receiver.as_fd()
    }
}
