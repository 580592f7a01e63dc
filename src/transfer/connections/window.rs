//! The window of a connection: it limits the bytes in flight, and also the requests if the user says so.
//!
//! It starts like that of OpenSSH's client, and grows while growth pays. The right number of bytes in flight is bandwidth x
//! delay, and neither is known. So whenever one window of bytes has been answered, its times are examined. If answers came
//! about as fast as the fastest one ever did, nothing queues up and there is room for more. If they took longer, the link,
//! the server or this process is busy, and more bytes in flight would only wait in a queue. `docs/engine.md` has the reasons
//! and the measurements.

use std::time::{Duration, Instant};

/// The window grows again only if the rate has risen by this factor since it grew last.
const PAYING: f64 = 1.25;

/// The window grows if answers took, on average, at most this many times as long as the fastest one.
const UNQUEUED: f64 = 1.5;

/// The window shrinks if answers took, on average, more than this many times as long as the fastest one: the bytes in
/// flight are several times what the link holds.
const CROWDED: f64 = 6.0;

/// The time that one request takes on a link that is fast enough for large ones. Fewer requests cost fewer context
/// switches. But progress is visible, and a broken connection loses data, by whole requests.
const REQUEST_TIME: Duration = Duration::from_millis(2);

/// Bytes of the smallest request. Larger ones are multiples of it. Every server accepts it.
pub(crate) const LEAST_REQUEST_BYTES: u32 = 32 * 1024;

/// A window holds at least this many requests, so that some are under way while one is being worked on.
const LEAST_REQUESTS: u64 = 8;

/// The window that OpenSSH's server grants a channel, in bytes.
const CHANNEL_WINDOW: u64 = 2 << 20;

/// A server with a shorter round trip is near enough for one channel, which carries 200 MiB/s and more then.
const FAR: Duration = Duration::from_millis(10);

/// Smaller differences come from clocks and schedulers, not from the link.
const NOISE: Duration = Duration::from_millis(1);

/// The limits of a window, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The width at the start, and the least width later.
    pub(crate) least: u64,
    /// The greatest width.
    pub(crate) most: u64,
    /// The greatest factor by which the window grows at once, if its answers come so close together that the link
    /// must hold as much. Otherwise the factor is 2.
    pub(crate) widest_step: u32,
}

impl Bounds {
    /// Returns the limits of a window that never changes.
    pub(crate) fn fixed(bytes: u64) -> Bounds {
        Bounds { least: bytes, most: bytes, widest_step: 1 }
    }
}

/// The bytes and requests in flight, and their limits.
#[derive(Debug)]
pub(crate) struct Window {
    bytes: u64,
    growth: Growth,
    requests: usize,
    most_requests: usize,
}

impl Window {
    pub(super) fn new(bounds: Bounds, most_requests: usize) -> Window {
        Window { bytes: 0, growth: Growth::new(bounds), requests: 0, most_requests }
    }

    /// Returns whether another request may go out. The last one may exceed the window, so that a window smaller than
    /// one request still lets one through.
    pub(super) fn has_room(&self) -> bool {
        self.bytes < self.growth.width() && self.requests < self.most_requests
    }

    /// Returns how many bytes may be in flight.
    pub(super) fn width(&self) -> u64 {
        self.growth.width()
    }

    /// Returns how many bytes the next request may move.
    pub(super) fn request_bytes(&self) -> u32 {
        self.growth.request_bytes()
    }

    /// Returns whether the window of the channel limits the transfer: the server is far, and the link holds about as much
    /// as that window.
    pub(super) fn fills_channel(&self, round_trip: Duration) -> bool {
        self.growth.fills_channel(round_trip)
    }

    /// Lowers the greatest width.
    pub(super) fn limit(&mut self, most: u64) {
        self.growth.limit(most);
    }

    /// Counts a request that goes out.
    pub(super) fn issue(&mut self, bytes: u64, now: Instant) {
        self.requests += 1;
        self.bytes += bytes;
        self.growth.issued(!self.has_room(), now);
    }

    /// Takes the answer to a request that was sent at `issued`.
    pub(super) fn answered(&mut self, bytes: u64, issued: Instant, now: Instant) {
        self.requests -= 1;
        self.bytes -= bytes;
        self.growth.answered(bytes, issued, now);
    }

    /// Counts bytes that came before their turn and wait in memory.
    pub(crate) fn hold(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Takes back bytes that waited in memory, and are written or dropped now.
    pub(super) fn release(&mut self, bytes: u64) {
        self.bytes -= bytes;
    }
}

/// The width of a window, in bytes.
#[derive(Debug)]
struct Growth {
    bounds: Bounds,
    width: u64,
    /// The shortest time that an answer has taken, which is the best estimate of the round trip.
    fastest: Option<Duration>,
    /// The rate before the window last grew, in bytes per second.
    rate_before: f64,
    request_bytes: u32,
    /// The highest rate while the window was full, in bytes per second.
    best_rate: f64,
    round: Round,
}

/// The answers to one window of bytes.
#[derive(Debug)]
struct Round {
    began: Option<Instant>,
    first_answer: Option<Instant>,
    bytes: u64,
    answers: u32,
    waited: Duration,
    was_full: bool,
}

impl Round {
    fn new(began: Option<Instant>) -> Round {
        Round { began, first_answer: None, bytes: 0, answers: 0, waited: Duration::ZERO, was_full: false }
    }
}

impl Growth {
    /// Returns a window of the least width.
    fn new(bounds: Bounds) -> Growth {
        let (width, request_bytes) = (bounds.least, LEAST_REQUEST_BYTES);
        let round = Round::new(None);
        Growth { bounds, width, fastest: None, rate_before: 0.0, request_bytes, best_rate: 0.0, round }
    }

    /// Returns whether the server is far and the link has held at least half of a channel's window. The bytes that a link
    /// holds are its rate times the round trip, however many wait in queues.
    fn fills_channel(&self, round_trip: Duration) -> bool {
        round_trip >= FAR && self.best_rate * round_trip.as_secs_f64() >= CHANNEL_WINDOW as f64 / 2.0
    }

    /// Lowers the greatest width.
    fn limit(&mut self, most: u64) {
        self.bounds.most = self.bounds.most.min(most.max(self.bounds.least));
        self.width = self.width.min(self.bounds.most);
    }

    /// Returns how many bytes may be in flight.
    fn width(&self) -> u64 {
        self.width
    }

    /// Returns how many bytes the next request may move: as many as the link carries in [`REQUEST_TIME`], and a part
    /// of the window at most.
    fn request_bytes(&self) -> u32 {
        self.request_bytes.min(whole_requests(self.width / LEAST_REQUESTS))
    }

    /// Notes that a request went out, and whether it has filled the window.
    fn issued(&mut self, is_full: bool, now: Instant) {
        self.round.began.get_or_insert(now);
        self.round.was_full |= is_full;
    }

    /// Takes the answer to a request of `bytes` that was sent at `issued`.
    fn answered(&mut self, bytes: u64, issued: Instant, now: Instant) {
        let took = now.saturating_duration_since(issued);
        self.fastest = Some(self.fastest.map_or(took, |fastest| fastest.min(took)));
        self.round.first_answer.get_or_insert(now);
        self.round.bytes += bytes;
        self.round.answers += 1;
        self.round.waited += took;
        if self.round.bytes >= self.width {
            self.end_round(now);
        }
    }

    fn end_round(&mut self, now: Instant) {
        let round = std::mem::replace(&mut self.round, Round::new(Some(now)));
        let (Some(began), Some(fastest), true) = (round.began, self.fastest, round.was_full) else { return };
        let elapsed = now.saturating_duration_since(began);
        self.request_bytes = request_bytes(round.bytes, elapsed);
        let rate = round.bytes as f64 / elapsed.as_secs_f64().max(f64::EPSILON);
        self.best_rate = self.best_rate.max(rate);
        let took = round.waited / round.answers.max(1);
        let within = |times: f64| took <= fastest.mul_f64(times) + NOISE;
        if within(UNQUEUED) && rate >= self.rate_before * PAYING {
            self.rate_before = rate;
            let arriving = round.first_answer.map_or(Duration::ZERO, |first| now.saturating_duration_since(first));
            let Bounds { widest_step, most, .. } = self.bounds;
            let step = if arriving * widest_step <= fastest { widest_step.max(2) } else { 2 };
            self.width = (self.width * u64::from(step)).min(most);
        } else if !within(CROWDED) {
            self.rate_before = 0.0;
            self.width = (self.width / 2).max(self.bounds.least);
        }
    }
}

/// Returns the bytes that a link moves in [`REQUEST_TIME`], in whole multiples of the smallest request, if it moved
/// `bytes` in `elapsed`.
fn request_bytes(bytes: u64, elapsed: Duration) -> u32 {
    let carried = u128::from(bytes) * REQUEST_TIME.as_nanos() / elapsed.as_nanos().max(1);
    whole_requests(u64::try_from(carried).unwrap_or(u64::MAX))
}

/// Returns `bytes` rounded down to a multiple of the smallest request, but at least one of those.
fn whole_requests(bytes: u64) -> u32 {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    (bytes - bytes % LEAST_REQUEST_BYTES).max(LEAST_REQUEST_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1024;
    const REQUEST: u64 = LEAST_REQUEST_BYTES as u64;
    const GET: Bounds = Bounds { least: 2048 * KIB, most: 16 * 1024 * KIB, widest_step: 4 };

    /// A simulated link, with its delay and its rate.
    struct Link {
        round_trip: Duration,
        bytes_per_second: f64,
        now: Instant,
        free: Instant,
        in_flight: std::collections::VecDeque<(Instant, Instant)>,
    }

    impl Link {
        fn new(milliseconds: u64, bytes_per_second: f64) -> Link {
            let now = Instant::now();
            let round_trip = Duration::from_millis(milliseconds);
            Link { round_trip, bytes_per_second, now, free: now, in_flight: std::collections::VecDeque::new() }
        }

        /// Keeps a window full until this many bytes have passed.
        fn carry(&mut self, growth: &mut Growth, bytes: u64) {
            for _ in 0..bytes / REQUEST {
                while self.in_flight.len() as u64 * REQUEST < growth.width() {
                    let passes = self.free.max(self.now + self.round_trip)
                        + Duration::from_secs_f64(REQUEST as f64 / self.bytes_per_second);
                    self.free = passes;
                    self.in_flight.push_back((self.now, passes));
                    growth.issued(self.in_flight.len() as u64 * REQUEST >= growth.width(), self.now);
                }
                let (issued, answered) = self.in_flight.pop_front().expect("one was sent just now");
                self.now = answered;
                growth.answered(REQUEST, issued, answered);
            }
        }
    }

    fn width_on(milliseconds: u64, mib_per_second: f64) -> u64 {
        let mut growth = Growth::new(GET);
        Link::new(milliseconds, mib_per_second * 1024.0 * 1024.0).carry(&mut growth, 256 << 20);
        growth.width() / KIB
    }

    #[test]
    fn a_near_or_slow_link_keeps_the_window_as_it_was() {
        assert_eq!(width_on(0, 400.0), 2048, "400 MiB/s without a delay");
        assert_eq!(width_on(1, 110.0), 2048, "a gigabit over 1 ms holds 113 KiB");
        assert_eq!(width_on(50, 10.0), 2048, "50 ms of 10 MiB/s are half a MiB");
    }

    #[test]
    fn a_long_and_wide_link_opens_it() {
        assert_eq!(width_on(50, 1000.0), 16 * 1024, "50 ms of 1,000 MiB/s are 50 MiB");
        assert_eq!(width_on(10, 300.0), 8 * 1024, "10 ms of 300 MiB/s are 3 MiB");
    }

    #[test]
    fn the_first_answers_tell_how_much_more_a_link_holds() {
        for (mib_per_second, width) in [(1000.0, 8 * 1024), (100.0, 4 * 1024)] {
            let mut growth = Growth::new(GET);
            Link::new(50, mib_per_second * 1024.0 * 1024.0).carry(&mut growth, 2 << 20);
            assert_eq!(growth.width() / KIB, width, "50 ms of {mib_per_second} MiB/s after one window");
        }
        let mut put = Growth::new(Bounds { widest_step: 2, ..GET });
        Link::new(50, 1e9).carry(&mut put, 2 << 20);
        assert_eq!(put.width() / KIB, 4 * 1024);
    }

    #[test]
    fn a_far_and_wide_link_fills_a_channel() {
        for (milliseconds, mib_per_second, fills) in [
            (0, 1000.0, false),
            (1, 1000.0, false),
            (9, 1000.0, false),
            (10, 200.0, true),
            (50, 10.0, false),
            (50, 15.0, false),
            (50, 40.0, true),
            (200, 4.0, false),
            (200, 10.0, true),
        ] {
            let mut growth = Growth::new(Bounds { widest_step: 2, ..GET });
            Link::new(milliseconds, mib_per_second * 1024.0 * 1024.0).carry(&mut growth, 16 << 20);
            assert_eq!(
                growth.fills_channel(Duration::from_millis(milliseconds)),
                fills,
                "{milliseconds} ms of {mib_per_second} MiB/s"
            );
        }
    }

    #[test]
    fn a_window_that_is_limited_is_never_wider() {
        let mut growth = Growth::new(GET);
        let mut link = Link::new(50, 1e9);
        link.carry(&mut growth, 64 << 20);
        growth.limit(4096 * KIB);
        assert_eq!(growth.width(), 4096 * KIB);
        link.carry(&mut growth, 64 << 20);
        assert_eq!(growth.width(), 4096 * KIB);
        growth.limit(1);
        assert_eq!(growth.width(), 2048 * KIB, "the least width stays");
    }

    /// Simulates a round whose answers all come at its end, each after `took`.
    fn round(growth: &mut Growth, now: &mut Instant, lasts: u64, took: u64) {
        growth.issued(true, *now);
        *now += Duration::from_millis(lasts);
        let issued = *now - Duration::from_millis(took);
        growth.answered(growth.width(), issued, *now);
    }

    #[test]
    fn a_growth_that_does_not_pay_is_the_last() {
        let (mut growth, mut now) = (Growth::new(GET), Instant::now());
        round(&mut growth, &mut now, 50, 50);
        assert_eq!(growth.width(), 8 * 1024 * KIB, "2 MiB in 50 ms");
        round(&mut growth, &mut now, 180, 50);
        assert_eq!(growth.width(), 8 * 1024 * KIB, "8 MiB in 180 ms are little more");
        round(&mut growth, &mut now, 100, 50);
        assert_eq!(growth.width(), 16 * 1024 * KIB, "8 MiB in 100 ms are");
    }

    #[test]
    fn a_crowded_window_closes_by_half() {
        let (mut growth, mut now) = (Growth::new(GET), Instant::now());
        round(&mut growth, &mut now, 50, 50);
        round(&mut growth, &mut now, 320, 299);
        assert_eq!(growth.width(), 8 * 1024 * KIB, "six times as long is not yet too long");
        round(&mut growth, &mut now, 320, 303);
        assert_eq!(growth.width(), 4 * 1024 * KIB);
    }

    #[test]
    fn a_request_is_as_large_as_the_link_is_fast() {
        let request_on = |milliseconds, mib_per_second: f64| {
            let mut growth = Growth::new(GET);
            Link::new(milliseconds, mib_per_second * 1024.0 * 1024.0).carry(&mut growth, 256 << 20);
            growth.request_bytes() / 1024
        };
        assert_eq!(request_on(0, 1.0), 32, "a slow link");
        assert_eq!(request_on(1, 110.0), 224, "a gigabit");
        assert_eq!(request_on(50, 10.0), 32, "a slow and long link");
        assert_eq!(request_on(0, 480.0), 256, "a loopback: an eighth of the window");
    }

    #[test]
    fn a_fixed_window_stays() {
        let mut growth = Growth::new(Bounds::fixed(64 * KIB));
        Link::new(50, 1e9).carry(&mut growth, 8 << 20);
        assert_eq!(growth.width(), 64 * KIB);
    }

    #[test]
    fn a_window_that_is_never_full_stays() {
        let mut growth = Growth::new(GET);
        let mut now = Instant::now();
        for _ in 0..1000 {
            growth.issued(false, now);
            let issued = now;
            now += Duration::from_millis(50);
            growth.answered(REQUEST, issued, now);
        }
        assert_eq!(growth.width(), 2048 * KIB);
    }

    #[test]
    fn a_link_that_slows_down_closes_it_again() {
        let mut growth = Growth::new(GET);
        let mut link = Link::new(50, 1e9);
        link.carry(&mut growth, 256 << 20);
        assert_eq!(growth.width(), 16 * 1024 * KIB);
        link.bytes_per_second = 1e6;
        link.carry(&mut growth, 64 << 20);
        assert_eq!(growth.width(), 2048 * KIB);
    }

    fn window(bytes: u64, requests: usize) -> Window {
        Window::new(Bounds::fixed(bytes), requests)
    }

    #[test]
    fn a_window_is_full_by_bytes_or_by_requests() {
        let now = Instant::now();
        let mut window = window(100, 3);
        window.issue(90, now);
        assert!(window.has_room());
        window.issue(90, now);
        assert!(!window.has_room(), "180 of 100 bytes");
        window.answered(90, now, now);
        window.hold(20);
        assert!(!window.has_room(), "what waits in memory counts");
        window.release(20);
        window.answered(90, now, now);
        for _ in 0..3 {
            window.issue(1, now);
        }
        assert!(!window.has_room(), "three of three requests");
    }

    #[test]
    fn a_window_smaller_than_a_request_lets_one_through() {
        let mut window = window(5, usize::MAX);
        assert!(window.has_room());
        window.issue(32 * 1024, Instant::now());
        assert!(!window.has_room());
    }
}
