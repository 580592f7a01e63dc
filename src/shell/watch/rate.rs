//! The rate of a transfer, from the counts of the last seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The time over which a rate is measured: long enough to be steady, short enough to follow the network.
const SPAN: Duration = Duration::from_secs(5);

/// Shortest time between two samples. Over a shorter one, the rate would reflect a burst.
const SPACING: Duration = Duration::from_millis(100);

/// How long no bytes may move before the transfer counts as stalled, as in sftp(1).
const STALL: Duration = Duration::from_secs(5);

/// The counts of the last seconds. Times in which the job does something other than move bytes can be left out.
#[derive(Debug)]
pub(crate) struct Rate {
    samples: VecDeque<(Instant, u64)>,
    last_change: Instant,
    last_bytes: u64,
    /// When the job began to do something other than move bytes, if it does.
    resting: Option<Instant>,
    /// The total of earlier times that were left out.
    rested: Duration,
}

impl Rate {
    /// Creates a rate without counts. Bytes in the first count don't add to the rate, because the time that they took
    /// is unknown.
    pub(super) fn starting(now: Instant) -> Rate {
        let samples = VecDeque::new();
        Rate { samples, last_change: now, last_bytes: 0, resting: None, rested: Duration::ZERO }
    }

    /// Notes that bytes will move next, perhaps for the first time.
    pub(super) fn begin(&mut self, now: Instant) {
        self.end_rest(now);
        if self.samples.is_empty() {
            self.count(now, 0);
        }
    }

    /// Takes a count. If `rests` is true, the job does something other than move bytes: the rate stays unchanged
    /// unless bytes have moved.
    pub(super) fn follow(&mut self, now: Instant, bytes: u64, rests: bool) {
        if rests && bytes == self.last_bytes {
            self.resting.get_or_insert(now);
        } else {
            self.count(now, bytes);
        }
    }

    fn end_rest(&mut self, now: Instant) {
        self.rested += self.resting.take().map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
    }

    /// Returns the time, without the times that are left out.
    fn clock(&self, now: Instant) -> Instant {
        let now = self.resting.unwrap_or(now);
        now.checked_sub(self.rested).unwrap_or(now)
    }

    /// Takes a count.
    pub(super) fn count(&mut self, now: Instant, bytes: u64) {
        self.end_rest(now);
        let now = self.clock(now);
        if bytes != self.last_bytes || self.samples.is_empty() {
            self.last_bytes = bytes;
            self.last_change = now;
        }
        if self.samples.back().is_some_and(|&(last, _)| now.duration_since(last) < SPACING) {
            return;
        }
        self.samples.push_back((now, bytes));
        while self.samples.len() > 2
            && self.samples.get(1).is_some_and(|&(second, _)| now.duration_since(second) > SPAN)
        {
            self.samples.pop_front();
        }
    }

    /// Returns the bytes per second.
    pub(super) fn per_second(&self, now: Instant) -> f64 {
        let Some(&(first, bytes)) = self.samples.front() else { return 0.0 };
        let time = self.clock(now).saturating_duration_since(first);
        per_second(self.last_bytes.saturating_sub(bytes), time.max(SPACING))
    }

    /// Returns whether no bytes have moved for a while.
    pub(super) fn is_stalled(&self, now: Instant) -> bool {
        self.resting.is_none() && self.clock(now).saturating_duration_since(self.last_change) >= STALL
    }
}

/// Returns bytes per second over a time; 0 if no time has passed.
#[expect(clippy::cast_precision_loss, reason = "a rate is shown with two or three digits")]
pub(super) fn per_second(bytes: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { bytes as f64 / time.as_secs_f64() }
}

/// Returns the whole seconds that this number of bytes takes, or `None` if the rate is close to 0.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seconds of a guess; the cast saturates"
)]
pub(super) fn seconds_for(bytes: u64, per_second: f64) -> Option<u64> {
    (per_second >= 1.0).then(|| (bytes as f64 / per_second) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_forgets_what_is_long_past_and_notices_a_stall() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut rate = Rate::starting(start);
        rate.begin(start);
        for second in 1..=4 {
            rate.count(at(second), second * 1000);
        }
        assert!((rate.per_second(at(4)) - 1000.0).abs() < 1.0);
        for second in 5..=20 {
            rate.count(at(second), 4000 + (second - 4) * 10);
        }
        assert!(rate.per_second(at(20)) < 20.0);
        assert!(!rate.is_stalled(at(20)));
        rate.count(at(26), 4160);
        assert!(rate.is_stalled(at(26)));
    }
    #[test]
    fn a_rate_is_of_bytes_that_moved_while_it_was_counted() {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        // The start, whether bytes are announced then, the counts, and the rate at the last one.
        for (case, begins, counts, expected) in [
            ("from the first byte on", true, &[(1000, 2000), (2000, 4000)][..], 2000.0),
            ("a file that was far when its turn came", false, &[(50, 700_000), (1050, 702_000)], 2000.0),
            ("a file that is whole when its turn comes", false, &[(50, 700_000)], 0.0),
            ("a file that is continued", false, &[(1000, 900_000), (2000, 901_000), (3000, 902_000)], 1000.0),
            ("a burst at once", true, &[(1, 1000)], 10_000.0),
            ("what is taken back", false, &[(1000, 5000), (2000, 0)], 0.0),
        ] {
            let mut rate = Rate::starting(start);
            if begins {
                rate.begin(start);
            }
            for &(millis, bytes) in counts {
                rate.count(at(millis), bytes);
            }
            let (now, _) = counts[counts.len() - 1];
            assert!((rate.per_second(at(now)) - expected).abs() < 0.5, "{case}: {}", rate.per_second(at(now)));
        }
    }

    #[test]
    fn time_in_which_something_else_is_done_counts_for_nothing() {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut rate = Rate::starting(start);
        rate.begin(start);
        rate.follow(at(1000), 3000, false);
        for millis in [1000, 2000, 60_000] {
            rate.follow(at(millis), 3000, true);
            assert!((rate.per_second(at(millis + 500)) - 3000.0).abs() < 0.5, "at {millis}");
            assert!(!rate.is_stalled(at(millis + 500)));
        }
        rate.begin(at(61_000));
        rate.follow(at(62_000), 6000, false);
        assert!((rate.per_second(at(62_000)) - 3000.0).abs() < 0.5);
        // Bytes of another file move meanwhile.
        rate.follow(at(63_000), 9000, true);
        assert!((rate.per_second(at(63_000)) - 3000.0).abs() < 0.5);
        rate.follow(at(64_000), 9000, false);
        assert!(rate.per_second(at(64_000)) < 2500.0);
    }

    #[test]
    fn a_wait_before_the_first_byte_is_not_counted() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut rate = Rate::starting(start);
        assert!(rate.is_stalled(at(6)));
        rate.begin(at(60));
        rate.count(at(61), 3000);
        rate.begin(at(61));
        assert!((rate.per_second(at(61)) - 3000.0).abs() < 0.5);
    }
}
