//! How much may be in flight on one connection: bytes, and where the user says so, requests.

use std::time::Instant;

use crate::transfer::connections::growth::Growth;

/// What is in flight and what may be.
#[derive(Debug)]
pub(crate) struct Window {
    bytes: u64,
    growth: Growth,
    requests: usize,
    most_requests: usize,
}

impl Window {
    pub(super) fn new(growth: Growth, most_requests: usize) -> Window {
        Window { bytes: 0, growth, requests: 0, most_requests }
    }

    /// Whether another request may go out. The last one may overshoot: a window smaller than one request lets one through.
    pub(super) fn has_room(&self) -> bool {
        self.bytes < self.growth.width() && self.requests < self.most_requests
    }

    /// Bytes that may be in flight now.
    pub(super) fn width(&self) -> u64 {
        self.growth.width()
    }

    /// Bytes that the next request may move.
    pub(super) fn request_bytes(&self) -> u32 {
        self.growth.request_bytes()
    }

    /// A request that moves so many bytes goes out.
    pub(super) fn issue(&mut self, bytes: u64, now: Instant) {
        self.requests += 1;
        self.bytes += bytes;
        self.growth.issued(!self.has_room(), now);
    }

    /// The answer to a request for so many bytes is there, which was issued then.
    pub(super) fn answered(&mut self, bytes: u64, issued: Instant, now: Instant) {
        self.requests -= 1;
        self.bytes -= bytes;
        self.growth.answered(bytes, issued, now);
    }

    /// Bytes that came ahead of their turn wait in memory, so they still count.
    pub(crate) fn hold(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Bytes that waited are where they belong, or dropped.
    pub(super) fn release(&mut self, bytes: u64) {
        self.bytes -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::connections::growth::Bounds;

    fn window(bytes: u64, requests: usize) -> Window {
        Window::new(Growth::new(Bounds::fixed(bytes)), requests)
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
