//! Pauses between attempts to connect. Each is about twice as long as the one before, with a random part.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// Upper limit of the first pause.
const FIRST: Duration = Duration::from_millis(500);

/// Upper limit of all pauses.
const LONGEST: Duration = Duration::from_secs(30);

/// Returns the pause before an attempt, by the attempt's number from 1: a random time between half of the doubled limit
/// and all of it. Otherwise many clients would reconnect at once when their server comes back.
pub(super) fn pause_before(number: u32) -> Duration {
    let longest = longest_pause_before(number);
    // The standard library's only source of randomness is a hasher with random keys.
    let chance = RandomState::new().build_hasher().finish();
    longest / 2 + (longest / 2).mul_f64(chance as f64 / u64::MAX as f64)
}

fn longest_pause_before(number: u32) -> Duration {
    let doublings = number.saturating_sub(1).min(16);
    FIRST.saturating_mul(1 << doublings).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let limits: Vec<u128> =
            [1, 2, 3, 7, 12, u32::MAX].map(|number| longest_pause_before(number).as_millis()).into();
        assert_eq!(limits, [500, 1000, 2000, 30_000, 30_000, 30_000]);
        for number in 1..=12 {
            let (pause, longest) = (pause_before(number), longest_pause_before(number));
            assert!((longest / 2..=longest).contains(&pause), "{number}: {pause:?}");
        }
    }
}
