//! ServerAliveInterval and ServerAliveCountMax: whether anybody is still at the other end of a line on which nothing moves.
//!
//! The question goes to the SSH server itself, which answers whatever its program is busy with. libssh2 keeps the answers
//! to itself; that bytes come at all is what counts, as for ssh.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// libssh2 sends no two keepalives within two seconds, by a clock that may be another one than ours.
const LEAST_INTERVAL: Duration = Duration::from_secs(3);

/// How often a silent server is asked, and how often it may leave that unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// ServerAliveInterval: after so much silence it is asked.
    pub interval: Duration,
    /// ServerAliveCountMax.
    pub most_unanswered: u32,
}

/// What is to be done about a silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    Nothing,
    /// To ask the server.
    Question,
    /// To give it up.
    End,
}

/// The clock of one connection.
#[derive(Debug)]
pub(super) struct Keepalive {
    patience: Patience,
    /// When something was heard, or asked, last.
    since: Instant,
    unanswered: u32,
    has_heard: bool,
}

impl Keepalive {
    pub(super) fn new(patience: Patience, now: Instant) -> Keepalive {
        let patience = Patience { interval: patience.interval.max(LEAST_INTERVAL), ..patience };
        Keepalive { patience, since: now, unanswered: 0, has_heard: false }
    }

    /// Bytes came.
    pub(super) fn hear(&mut self) {
        self.has_heard = true;
    }

    /// Whether it must be looked whether bytes are there: they may be for libssh2 alone.
    pub(super) fn must_listen(&self, now: Instant) -> bool {
        !self.has_heard && (self.unanswered > 0 || self.left(now).is_zero())
    }

    /// Whether it was asked and nothing was heard since.
    pub(super) fn awaits_answer(&self) -> bool {
        self.unanswered > 0
    }

    /// What is to be done now. Whoever is told to ask is taken to have asked.
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

    /// How long nothing need be done.
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
