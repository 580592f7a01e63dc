//! Limits what is in flight on one connection: the bytes, and also the requests if the user says so.

use std::time::Instant;

use crate::transfer::connections::growth::Growth;

/// The bytes and requests in flight, and their limits.
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
