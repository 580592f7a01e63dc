//! How wide the window is: it starts as OpenSSH's own client has it, and opens while the link pays for it.
//!
//! What must be in flight is bandwidth x delay, and neither is known beforehand. So each time that one window of bytes has
//! been answered, it is looked at what it took: if answers came about as fast as the fastest ever did, nothing queues
//! up anywhere and there is room for more; if they took longer, the link, the server or this process is busy already, and
//! more in flight would only wait in a queue. `docs/engine.md` has the reasons and the measurements.

use std::time::{Duration, Instant};

/// How many times as fast the last opening must have made things, or it did not pay.
const PAYING: f64 = 1.25;

/// How many times the fastest answer an answer may take on average, so that nothing queues up.
const UNQUEUED: f64 = 1.5;

/// How many times the fastest answer is too long: what is in flight is several times what the link holds.
const CROWDED: f64 = 6.0;

/// How long the link takes over one request, where it is fast enough for larger ones than the smallest. Each request costs
/// every process on its way some turns, so fewer are cheaper; but progress is seen, and a cut is felt, by whole requests.
const REQUEST_TIME: Duration = Duration::from_millis(2);

/// Bytes of the smallest request, of which the larger ones are multiples. Every server takes it.
pub(crate) const LEAST_REQUEST_BYTES: u32 = 32 * 1024;

/// Into how many requests a window is divided at least, so that one is worked on while others are under way.
const LEAST_REQUESTS: u64 = 8;

/// Differences below this are the work of clocks and schedulers, not of a link.
const NOISE: Duration = Duration::from_millis(1);

/// How a window opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Where it begins, and closes to.
    pub(crate) least: u64,
    /// How far it opens.
    pub(crate) most: u64,
    /// How many times wider it becomes at once where its answers come so close together that the link holds as many. It is
    /// 2 otherwise.
    pub(crate) widest_step: u32,
}

impl Bounds {
    /// Always the same.
    pub(crate) fn fixed(bytes: u64) -> Bounds {
        Bounds { least: bytes, most: bytes, widest_step: 1 }
    }
}

/// The width of a window, in bytes.
#[derive(Debug)]
pub(crate) struct Growth {
    bounds: Bounds,
    width: u64,
    /// The shortest time that an answer has ever taken: the link's round trip, as far as anyone can know.
    fastest: Option<Duration>,
    /// Bytes per second before the window was opened the last time.
    rate_before: f64,
    request_bytes: u32,
    round: Round,
}

/// One window of answers.
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
    /// Begins with the least.
    pub(super) fn new(bounds: Bounds) -> Growth {
        let (width, request_bytes) = (bounds.least, LEAST_REQUEST_BYTES);
        Growth { bounds, width, fastest: None, rate_before: 0.0, request_bytes, round: Round::new(None) }
    }

    /// Bytes that may be in flight now.
    pub(super) fn width(&self) -> u64 {
        self.width
    }

    /// Bytes that the next request may move: what the link carries in two milliseconds, and a part of the window.
    pub(super) fn request_bytes(&self) -> u32 {
        self.request_bytes.min(whole_requests(self.width / LEAST_REQUESTS))
    }

    /// A request went out, and whether the window is full with it.
    pub(super) fn issued(&mut self, is_full: bool, now: Instant) {
        self.round.began.get_or_insert(now);
        self.round.was_full |= is_full;
    }

    /// The answer to a request of `bytes` came, which was sent at `issued`.
    pub(super) fn answered(&mut self, bytes: u64, issued: Instant, now: Instant) {
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

/// What a link that moved `bytes` in a time moves in [`REQUEST_TIME`], in whole multiples of the smallest request.
fn request_bytes(bytes: u64, elapsed: Duration) -> u32 {
    let carried = u128::from(bytes) * REQUEST_TIME.as_nanos() / elapsed.as_nanos().max(1);
    whole_requests(u64::try_from(carried).unwrap_or(u64::MAX))
}

/// So many bytes, or fewer, in whole multiples of the smallest request.
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

    /// A link, as far as a window can feel it: how long bytes travel, and how many pass in a second.
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

        /// Keeps a window full until so many bytes have passed.
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

    /// A round whose answers all come at its end, each having taken `took`.
    fn round(growth: &mut Growth, now: &mut Instant, lasts: u64, took: u64) {
        growth.issued(true, *now);
        *now += Duration::from_millis(lasts);
        let issued = *now - Duration::from_millis(took);
        growth.answered(growth.width(), issued, *now);
    }

    #[test]
    fn an_opening_that_does_not_pay_is_the_last() {
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
    fn a_window_that_is_never_full_tells_nothing() {
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
}
