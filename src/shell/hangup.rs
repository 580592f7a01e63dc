//! Notices that the terminal was closed: its window, or the program at its other end.
//!
//! The system sends SIGHUP only to the leader of the terminal's session. Another process that neither reads nor
//! writes doesn't notice.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::process::getpgrp;
use rustix::termios::{isatty, tcgetpgrp};

/// Calls `gone`, on a thread of its own, when a terminal of this process was closed.
///
/// # Errors
/// A thread can't be started, or a descriptor can't be duplicated.
pub(super) fn watch(gone: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let streams = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
    // Duplicates, because the line editor replaces stdin by a terminal of its own, whose end doesn't count.
    let terminals = streams.into_iter().filter(is_ours).map(|stream| fcntl_dupfd_cloexec(stream, 3));
    let terminals = terminals.collect::<Result<Vec<_>, _>>()?;
    if terminals.is_empty() {
        return Ok(());
    }
    let watching = thread::Builder::new().name("hangup".into()).spawn(move || {
        if has_hung_up(&terminals) {
            gone();
        }
    });
    watching.map(drop)
}

/// Returns whether a stream is a terminal in whose foreground we run. A user who starts a batch in the background may
/// close the window while it goes on, as with sftp(1). A terminal without job control has no foreground, and counts.
fn is_ours(stream: &BorrowedFd<'_>) -> bool {
    isatty(stream) && tcgetpgrp(stream).map_or(true, |foreground| foreground == getpgrp())
}

/// Waits until one of the terminals was closed. Returns false if they can't be watched.
fn has_hung_up(terminals: &[impl AsFd]) -> bool {
    loop {
        // A hang-up is reported even if no events are requested.
        let mut fds: Vec<_> = terminals.iter().map(|fd| PollFd::new(fd, PollFlags::empty())).collect();
        match poll(&mut fds, None) {
            Ok(_) => return fds.iter().any(|fd| fd.revents().contains(PollFlags::HUP)),
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portable_pty::{PtySize, native_pty_system};
    use std::fs::OpenOptions;

    #[test]
    fn a_terminal_whose_other_end_is_closed_has_hung_up() {
        let pair = native_pty_system().openpty(PtySize::default()).unwrap();
        let terminal = OpenOptions::new().read(true).write(true).open(pair.master.tty_name().unwrap()).unwrap();
        let watching = thread::spawn(move || has_hung_up(&[terminal]));
        drop(pair);
        assert!(watching.join().unwrap());
    }
}
