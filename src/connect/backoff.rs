//! Pauses between attempts to connect. Each is about twice as long as the one before, with a random part.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// Upper limit of the first pause.
const FIRST: Duration = Duration::from_millis(500);

/// Upper limit of all pauses.
const LONGEST: Duration = Duration::from_secs(30);

/// The remaining attempts. Each item is the pause before an attempt.
#[derive(Clone, Debug)]
pub struct Backoff {
    attempts: u32,
    made: u32,
}

impl Backoff {
    /// Allows this number of attempts.
    #[must_use]
    pub fn new(attempts: u32) -> Backoff {
        Backoff { attempts, made: 0 }
    }

    /// Returns the number of the attempt that follows the last pause, counted from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.made
    }

    /// Returns the number of all attempts.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    /// Returns the pause before the next attempt: a random time between half of the doubled limit and all of it.
    /// Otherwise many clients would reconnect at once when their server comes back.
    fn next(&mut self) -> Option<Duration> {
        if self.made == self.attempts {
            return None;
        }
        let longest = FIRST.saturating_mul(1 << self.made.min(16)).min(LONGEST);
        self.made += 1;
        // The standard library's only source of randomness is a hasher with random keys.
        let chance = RandomState::new().build_hasher().finish();
        Some(longest / 2 + (longest / 2).mul_f64(chance as f64 / u64::MAX as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit_and_end() {
        let pauses: Vec<_> = Backoff::new(12).collect();
        assert_eq!(pauses.len(), 12);
        for (number, pause) in pauses.iter().enumerate() {
            let longest = FIRST.saturating_mul(1 << number).min(LONGEST);
            assert!((longest / 2..=longest).contains(pause), "{number}: {pause:?}");
        }
        assert_eq!(Backoff::new(0).next(), None);
    }

    #[test]
    fn attempts_are_numbered() {
        let mut backoff = Backoff::new(2);
        assert_eq!((backoff.next().is_some(), backoff.attempt(), backoff.attempts()), (true, 1, 2));
        assert_eq!((backoff.next().is_some(), backoff.attempt()), (true, 2));
        assert_eq!((backoff.next(), backoff.attempt()), (None, 2));
    }
}
