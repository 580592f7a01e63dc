//! ServerAliveInterval and ServerAliveCountMax: finds out whether the server is still there if no bytes arrive.
//!
//! The question goes to the SSH server itself, which answers no matter how busy its program is. libssh2 keeps the
//! answers to itself, so any received byte counts as an answer, as in ssh.

use std::time::{Duration, Instant};

/// libssh2 sends keepalives at least two seconds apart, by a clock that may differ from ours.
const LEAST_INTERVAL: Duration = Duration::from_secs(3);

/// When to ask a silent server, and how many questions it may leave unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// ServerAliveInterval: the silence after which to ask.
    pub interval: Duration,
    /// ServerAliveCountMax.
    pub most_unanswered: u32,
}

/// The action that a silence requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// None yet.
    Nothing,
    /// Ask the server.
    Question,
    /// Give the server up.
    End,
}

/// The clock of one connection.
#[derive(Debug)]
pub(super) struct Keepalive {
    patience: Patience,
    /// When bytes were last received, or the last question was asked.
    since: Instant,
    unanswered: u32,
    has_heard: bool,
}

impl Keepalive {
    pub(super) fn new(patience: Patience, now: Instant) -> Keepalive {
        let patience = Patience { interval: patience.interval.max(LEAST_INTERVAL), ..patience };
        Keepalive { patience, since: now, unanswered: 0, has_heard: false }
    }

    /// Notes that bytes were received.
    pub(super) fn hear(&mut self) {
        self.has_heard = true;
    }

    /// Returns whether to check the socket for bytes, which may be for libssh2 alone.
    pub(super) fn must_listen(&self, now: Instant) -> bool {
        !self.has_heard && (self.unanswered > 0 || self.left(now).is_zero())
    }

    /// Returns whether the server was asked and no bytes were received since.
    pub(super) fn awaits_answer(&self) -> bool {
        self.unanswered > 0
    }

    /// Returns the action that is due. [`Due::Question`] counts as asked.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        if std::mem::take(&mut self.has_heard) {
            (self.since, self.unanswered) = (now, 0);
        }
        if !self.left(now).is_zero() {
            return Due::Nothing;
        }
        if self.unanswered >= self.patience.most_unanswered {
            return Due::End;
        }
        self.unanswered += 1;
        self.since = now;
        Due::Question
    }

    /// Returns how long no action is due.
    pub(super) fn left(&self, now: Instant) -> Duration {
        self.patience.interval.saturating_sub(now.saturating_duration_since(self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_server_is_asked_so_often_and_then_given_up() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let patience = Patience { interval: Duration::from_secs(5), most_unanswered: 2 };
        let mut keepalive = Keepalive::new(patience, start);
        for (seconds, due) in [
            (4, Due::Nothing),
            (5, Due::Question),
            (6, Due::Nothing),
            (10, Due::Question),
            (14, Due::Nothing),
            (15, Due::End),
        ] {
            assert_eq!(keepalive.due(at(seconds)), due, "{seconds}");
        }
        let mut keepalive = Keepalive::new(patience, start);
        for seconds in [5, 10, 15, 20, 25, 30] {
            assert_eq!(keepalive.due(at(seconds)), Due::Question, "{seconds}");
            assert!(keepalive.must_listen(at(seconds)));
            keepalive.hear();
            assert_eq!(keepalive.due(at(seconds)), Due::Nothing, "{seconds}");
            assert!(!keepalive.must_listen(at(seconds)));
        }
    }

    #[test]
    fn libssh2_is_not_asked_for_more_than_it_sends() {
        let start = Instant::now();
        let patience = Patience { interval: Duration::from_secs(2), most_unanswered: 1 };
        assert_eq!(Keepalive::new(patience, start).left(start), LEAST_INTERVAL);
    }
}
