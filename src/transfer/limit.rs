//! The user's limit on the rate of data (`-l`, `--limit`, `set limit`).

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::lock::lock;

/// Time that may be saved up and spent at once, so that a busy engine makes up for sending late.
const LONGEST_SAVING: Duration = Duration::from_millis(125);

/// One request may take this part of a second. Together with the saved time, no burst is longer than a quarter of a
/// second.
const REQUESTS_PER_SECOND: u64 = 8;

/// Bytes of the smallest request, however low the limit is: dividing it further isn't worth the overhead.
const SMALLEST_REQUEST: u32 = 512;

/// A limit on the bytes of files that move in a second. Clones share the limit, and it may be changed while transfers
/// run.
///
/// The default is no limit.
#[derive(Clone, Debug, Default)]
pub struct Limit(Arc<Mutex<Option<Pace>>>);

impl Limit {
    /// Returns a limit in bytes per second, or no limit for `None`.
    #[must_use]
    pub fn new(bytes_per_second: Option<u64>) -> Limit {
        let limit = Limit::default();
        limit.set(bytes_per_second);
        limit
    }

    /// Returns the limit in bytes per second, or `None` if there is none.
    #[must_use]
    pub fn bytes_per_second(&self) -> Option<u64> {
        self.pace().as_ref().map(|pace| pace.bytes_per_second)
    }

    /// Changes the limit of all clones. Bytes that were already sent count at the new rate.
    pub fn set(&self, bytes_per_second: Option<u64>) {
        let now = Instant::now();
        let mut pace = self.pace();
        *pace = bytes_per_second.map(|rate| match pace.as_ref() {
            Some(old) => old.at(rate, now),
            None => Pace::new(rate, now),
        });
    }

    /// Returns how long the next request must wait: zero if it may go out now.
    pub(crate) fn wait(&self) -> Duration {
        self.pace().as_ref().map_or(Duration::ZERO, |pace| pace.wait(Instant::now()))
    }

    /// Counts a request that will move this number of bytes.
    pub(crate) fn issue(&self, bytes: u64, now: Instant) {
        if let Some(pace) = self.pace().as_mut() {
            pace.issue(bytes, now);
        }
    }

    /// Returns bytes that were counted but did not move, because the file was shorter than the request.
    pub(crate) fn refund(&self, bytes: u64) {
        if let Some(pace) = self.pace().as_mut() {
            pace.refund(bytes);
        }
    }

    /// Returns the bytes of one request, given those that it would have without a limit.
    pub(crate) fn request_bytes(&self, bytes: u32) -> u32 {
        self.pace().as_ref().map_or(bytes, |pace| pace.request_bytes(bytes))
    }

    fn pace(&self) -> MutexGuard<'_, Option<Pace>> {
        lock(&self.0)
    }
}

/// Spaces requests so that their bytes keep to a rate. Each request delays the next one.
#[derive(Debug)]
struct Pace {
    bytes_per_second: u64,
    next: Instant,
}

impl Pace {
    /// Returns the pace for a rate, which is at least 1. The first request may go out at `now`.
    fn new(bytes_per_second: u64, now: Instant) -> Pace {
        Pace { bytes_per_second: bytes_per_second.max(1), next: now }
    }

    /// Returns the pace for a new rate, which also applies to bytes whose time has not passed yet.
    fn at(&self, bytes_per_second: u64, now: Instant) -> Pace {
        let owed = self.wait(now).as_nanos() * u128::from(self.bytes_per_second) / 1_000_000_000;
        let mut pace = Pace::new(bytes_per_second, now);
        pace.next += pace.time_for(u64::try_from(owed).unwrap_or(u64::MAX));
        pace
    }

    fn wait(&self, now: Instant) -> Duration {
        self.next.saturating_duration_since(now)
    }

    fn issue(&mut self, bytes: u64, now: Instant) {
        let earliest = now.checked_sub(LONGEST_SAVING).unwrap_or(now);
        self.next = self.next.max(earliest) + self.time_for(bytes);
    }

    fn refund(&mut self, bytes: u64) {
        self.next = self.next.checked_sub(self.time_for(bytes)).unwrap_or(self.next);
    }

    fn request_bytes(&self, bytes: u32) -> u32 {
        let most = u32::try_from(self.bytes_per_second / REQUESTS_PER_SECOND).unwrap_or(u32::MAX);
        bytes.min(most.max(SMALLEST_REQUEST))
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
    fn requests_are_spaced_by_their_bytes() {
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
    fn a_late_engine_makes_up_for_a_bounded_time() {
        let start = Instant::now();
        let mut pace = Pace::new(64 * KIB, start);
        pace.issue(16 * KIB, after(start, 100));
        assert_eq!(pace.wait(after(start, 100)), Duration::from_millis(150), "100 ms late are made up for");
        pace.issue(64 * KIB, after(start, 10_000));
        assert_eq!(
            pace.wait(after(start, 10_000)),
            Duration::from_millis(875),
            "of ten seconds an eighth of one counts"
        );
    }

    #[test]
    fn bytes_that_did_not_move_are_given_back() {
        let start = Instant::now();
        let mut pace = Pace::new(64 * KIB, start);
        pace.issue(32 * KIB, start);
        pace.refund(24 * KIB);
        assert_eq!(pace.wait(start), Duration::from_millis(125));
    }

    /// Even after an idle time, the engine sends no more than a quarter of a second's bytes at once.
    #[test]
    fn no_burst_is_longer_than_a_quarter_of_a_second() {
        for rate in [8 * KIB, 100 * KIB, 5000 * KIB] {
            let start = Instant::now();
            let mut pace = Pace::new(rate, start);
            let request = u64::from(pace.request_bytes(32 * 1024));
            // After a second of idling, the engine sends as much as it may at once.
            let now = after(start, 1000);
            let mut bytes = 0;
            while pace.wait(now).is_zero() {
                pace.issue(request, now);
                bytes += request;
            }
            assert!(bytes * 4 <= rate + 4, "{bytes} of {rate}");
        }
    }

    #[test]
    fn requests_shrink_with_the_limit() {
        for (rate, request) in [(1, 512), (4 * KIB, 512), (8 * KIB, 1024), (256 * KIB, 32_768), (u64::MAX, 32_768)] {
            assert_eq!(Limit::new(Some(rate)).request_bytes(32_768), request, "{rate}");
        }
        assert_eq!(Limit::new(None).request_bytes(32_768), 32_768);
        assert_eq!(Limit::new(Some(1)).request_bytes(100), 100);
    }

    #[test]
    fn bytes_that_still_wait_do_so_at_the_new_rate() {
        let start = Instant::now();
        let mut pace = Pace::new(64 * KIB, start);
        pace.issue(64 * KIB, start);
        assert_eq!(pace.at(128 * KIB, start).wait(start), Duration::from_millis(500));
        assert_eq!(pace.at(32 * KIB, after(start, 500)).wait(after(start, 500)), Duration::from_millis(1000));
        assert_eq!(pace.at(32 * KIB, after(start, 5000)).wait(after(start, 5000)), Duration::ZERO);
    }

    #[test]
    fn clones_share_a_limit() {
        let limit = Limit::new(Some(KIB));
        let other = limit.clone();
        other.issue(3600 * KIB, Instant::now());
        assert!(limit.wait() > Duration::from_secs(3000));
        other.refund(600 * KIB);
        assert!(limit.wait() <= Duration::from_secs(3000));
        other.set(Some(3000 * KIB));
        assert_eq!(limit.bytes_per_second(), Some(3000 * KIB));
        assert!(limit.wait() <= Duration::from_secs(1));
        other.set(None);
        assert_eq!((limit.bytes_per_second(), limit.wait()), (None, Duration::ZERO));
    }
}
