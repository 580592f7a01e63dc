//! A connection that broke is made again, and the session goes on where it was.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::performer::Performer;
use super::signals::{Phase, Signals};
use crate::child;
use crate::connect::{Backoff, Connected, Connector, Error};

/// Pause between two looks at the signals while a connection is made.
const LOOK: Duration = Duration::from_millis(50);

impl Performer {
    /// Connects again, as often as that may be tried. Whether the session lives: in the same directory, and with nothing
    /// asked that was answered before.
    pub(super) fn revive(&mut self) -> bool {
        // Whoever drops the connection by a second Ctrl-C wants no other.
        if self.signals.is_interrupted() {
            return false;
        }
        let Some(connector) = self.context.connector.clone() else { return false };
        let output = self.context.output.clone();
        let mut backoff = Backoff::new(self.context.settings.retries);
        self.signals.enter(Phase::Running);
        while let Some(pause) = backoff.next() {
            self.tell_of_loss();
            output.note(format_args!("Connecting again ({} of {})", backoff.attempt(), backoff.attempts()));
            output.flush();
            let attempt = sleep(pause, &self.signals).then(|| open(connector.clone(), &self.signals)).flatten();
            match attempt {
                None => {
                    self.signals.tell_interruption(&output);
                    return false;
                }
                Some(Ok(connected)) => {
                    output.note(connected.greeting);
                    self.signals.guard_session(&connected.session);
                    self.context.go_on_with(connected.session);
                    self.told_of_its_loss = false;
                    return true;
                }
                Some(Err(error)) => {
                    output.explain(&error);
                    if matches!(error, Error::Interrupted) {
                        self.signals.press();
                    }
                    if !error.may_pass() {
                        return false;
                    }
                }
            }
        }
        false
    }
}

/// Connects. `None` when a signal comes first: the attempt is left behind on its thread, as a name server or a host that does
/// not answer can't be hurried.
fn open(connector: Arc<Connector>, signals: &Signals) -> Option<Result<Connected, Error>> {
    let (sender, opened) = channel();
    // Nobody listens any more after a signal; the session ends as it is dropped.
    let attempt = move || drop(sender.send(connector.open_again()));
    // Without a thread, the attempt ends by itself.
    thread::Builder::new().name("connect".into()).spawn(attempt).ok()?;
    loop {
        match opened.recv_timeout(LOOK) {
            Ok(opened) => return Some(opened),
            Err(RecvTimeoutError::Timeout) if signals.is_ended() || signals.is_interrupted() => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    // No session lives, so these are the programs that the attempt has started.
    child::terminate_all();
    None
}

/// Sleeps, unless a signal comes. Whether the whole pause passed.
fn sleep(pause: Duration, signals: &Signals) -> bool {
    let until = Instant::now() + pause;
    loop {
        if signals.is_ended() || signals.is_interrupted() {
            return false;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        let mut woken = [PollFd::from_borrowed_fd(signals.woken().as_fd(), PollFlags::IN)];
        // However it ends, the clock and the signals are looked at again.
        let _ = poll(&mut woken, Timespec::try_from(left).ok().as_ref());
    }
}
