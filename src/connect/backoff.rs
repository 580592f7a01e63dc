//! Pauses between attempts to connect: each about twice as long as the one before, and never the same for two clients.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// The first pause at most.
const FIRST: Duration = Duration::from_millis(500);

/// The longest pause at most.
const LONGEST: Duration = Duration::from_secs(30);

/// The attempts that are left, as the pauses before each.
#[derive(Clone, Debug)]
pub struct Backoff {
    attempts: u32,
    made: u32,
}

impl Backoff {
    /// So many attempts.
    #[must_use]
    pub fn new(attempts: u32) -> Backoff {
        Backoff { attempts, made: 0 }
    }

    /// The number of the attempt that follows the last pause, from 1 on.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.made
    }

    /// How many there are in all.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    /// The pause before the next attempt: between half and all of what doubling makes of it, so that many clients of a
    /// server that comes back do not come all at once.
    fn next(&mut self) -> Option<Duration> {
        if self.made == self.attempts {
            return None;
        }
        let longest = FIRST.saturating_mul(1 << self.made.min(16)).min(LONGEST);
        self.made += 1;
        // A hasher with random keys is what the standard library has of chance.
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
