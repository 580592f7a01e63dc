//! How fast data may go, where the user sets a limit (`-l`).

use std::time::{Duration, Instant};

/// Time that may be saved up and spent at once: what a busy engine is late by is made up for, and no burst is longer.
const LONGEST_BURST: Duration = Duration::from_millis(250);

/// Spaces requests so that the bytes they move keep to a rate. Each request pushes the earliest time of the next one.
#[derive(Debug)]
pub(super) struct Pace {
    bytes_per_second: u64,
    next: Instant,
}

impl Pace {
    /// `bytes_per_second` is at least 1; the first request may go out at `now`.
    pub(super) fn new(bytes_per_second: u64, now: Instant) -> Pace {
        Pace { bytes_per_second: bytes_per_second.max(1), next: now }
    }

    /// How long the next request must wait; zero when it may go.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        self.next.saturating_duration_since(now)
    }

    /// A request that moves so many bytes goes out.
    pub(super) fn issue(&mut self, bytes: u64, now: Instant) {
        let earliest = now.checked_sub(LONGEST_BURST).unwrap_or(now);
        self.next = self.next.max(earliest) + self.time_for(bytes);
    }

    /// So many bytes that were counted did not move: the file was shorter than the request.
    pub(super) fn refund(&mut self, bytes: u64) {
        self.next = self.next.checked_sub(self.time_for(bytes)).unwrap_or(self.next);
    }

    fn time_for(&self, bytes: u64) -> Duration {
        let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second);
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1024;

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    #[test]
    fn requests_are_spaced_by_what_they_move() {
        let start = Instant::now();
        let mut pace = Pace::new(64 * KIB, start);
        assert_eq!(pace.wait(start), Duration::ZERO);
        pace.issue(32 * KIB, start);
        assert_eq!(pace.wait(start), Duration::from_millis(500));
        assert_eq!(pace.wait(after(start, 500)), Duration::ZERO);
        pace.issue(32 * KIB, after(start, 500));
        assert_eq!(pace.wait(after(start, 500)), Duration::from_millis(500));
    }

    #[test]
    fn what_a_late_engine_may_make_up_for_is_bounded() {
        let start = Instant::now();
        let mut pace = Pace::new(64 * KIB, start);
        pace.issue(16 * KIB, after(start, 100));
        assert_eq!(pace.wait(after(start, 100)), Duration::from_millis(150), "100 ms late are made up for");
        pace.issue(64 * KIB, after(start, 10_000));
        assert_eq!(
            pace.wait(after(start, 10_000)),
            Duration::from_millis(750),
            "of ten seconds a quarter of one counts"
        );
    }

    #[test]
    fn what_did_not_move_is_given_back() {
        let start = Instant::now();
        let mut pace = Pace::new(64 * KIB, start);
        pace.issue(32 * KIB, start);
        pace.refund(24 * KIB);
        assert_eq!(pace.wait(start), Duration::from_millis(125));
    }
}
