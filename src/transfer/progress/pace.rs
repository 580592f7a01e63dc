//! How long the bytes of each file take while many files share the line.
//!
//! From its OPEN to its CLOSE a file mostly waits for the bytes of others. So the time between two batches of answers belongs
//! to the bytes of the second batch, to all alike: a file that waits its turn takes no time, and the times of all files add up
//! to the time in which bytes moved.

use std::time::{Duration, Instant};

/// The latest batch of answers that brought bytes.
#[derive(Debug)]
pub(crate) struct Pace {
    arrived: Instant,
    took: Duration,
    bytes: u64,
}

impl Pace {
    /// Nothing has moved yet.
    pub(crate) fn starting(now: Instant) -> Pace {
        Pace { arrived: now, took: Duration::ZERO, bytes: 0 }
    }

    /// A batch has come that moved `bytes`. `ready` is when the first of its files was ready to move any: what passed before
    /// is nobody's time. A batch without bytes leaves its time to the next one.
    pub(crate) fn batch(&mut self, now: Instant, bytes: u64, ready: Option<Instant>) {
        if bytes > 0 {
            let since = ready.map_or(self.arrived, |ready| ready.max(self.arrived));
            *self = Pace { arrived: now, took: now.saturating_duration_since(since), bytes };
        }
    }

    /// Nothing could move until now, because the job waited for a person.
    pub(crate) fn paused_until(&mut self, now: Instant) {
        self.arrived = now;
    }

    /// The time that so many bytes of the latest batch took.
    fn share(&self, bytes: u64) -> Duration {
        let nanos = self.took.as_nanos() * u128::from(bytes) / u128::from(self.bytes.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// The time that the bytes of one file took.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ready: Option<Instant>,
    taken: Duration,
}

impl Clock {
    /// From now on bytes of the file can move: it was opened, perhaps once more after its connection was lost.
    pub(crate) fn is_ready(&mut self, now: Instant) {
        self.ready = Some(now);
    }

    /// When the file was ready to move bytes.
    pub(crate) fn ready(&self) -> Option<Instant> {
        self.ready
    }

    /// Bytes of the file came with the latest batch.
    pub(crate) fn moved(&mut self, bytes: u64, pace: &Pace) {
        self.taken += pace.share(bytes);
    }

    /// The time that all its bytes took so far.
    pub(crate) fn taken(&self) -> Duration {
        self.taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1 << 10;

    /// A job in which the files named by their index are ready, and move bytes, at these milliseconds.
    fn taken(ready: &[u64], batches: &[(u64, &[(usize, u64)])]) -> Vec<u128> {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut pace = Pace::starting(start);
        let mut clocks: Vec<Clock> = ready.iter().map(|_| Clock::default()).collect();
        for (clock, &millis) in clocks.iter_mut().zip(ready) {
            clock.is_ready(at(millis));
        }
        for &(millis, moved) in batches {
            let ready = moved.iter().filter_map(|&(file, _)| clocks[file].ready()).min();
            pace.batch(at(millis), moved.iter().map(|(_, bytes)| bytes).sum(), ready);
            for &(file, bytes) in moved {
                clocks[file].moved(bytes, &pace);
            }
        }
        clocks.iter().map(|clock| clock.taken().as_millis()).collect()
    }

    #[test]
    fn a_file_takes_the_time_of_its_bytes_and_none_in_the_queue() {
        for (case, ready, batches, expected) in [
            (
                "one file, from the moment it is open",
                &[40][..],
                &[(140, &[(0, KIB)][..]), (240, &[(0, KIB)])][..],
                &[200][..],
            ),
            (
                "files that are open from the start, one after the other",
                &[0, 0, 0],
                &[(100, &[(0, KIB)]), (200, &[(1, KIB)]), (300, &[(2, KIB)])],
                &[100, 100, 100],
            ),
            ("a batch belongs to all its bytes alike", &[0, 0], &[(400, &[(0, 3 * KIB), (1, KIB)])], &[300, 100]),
            ("no file moved while the first ones were opened", &[500, 500], &[(600, &[(0, KIB), (1, KIB)])], &[50, 50]),
            ("a pause of a limit counts", &[0], &[(1, &[(0, KIB)]), (1001, &[(0, KIB)])], &[1001]),
            ("answers without bytes leave their time to the next", &[0], &[(50, &[]), (100, &[(0, KIB)])], &[100]),
        ] {
            assert_eq!(taken(ready, batches), expected, "{case}");
        }
    }

    #[test]
    fn the_time_of_a_question_or_of_a_lost_connection_is_no_files() {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let (mut pace, mut clock) = (Pace::starting(start), Clock::default());
        clock.is_ready(start);
        pace.batch(at(10), KIB, clock.ready());
        clock.moved(KIB, &pace);
        pace.paused_until(at(5000));
        pace.batch(at(5010), KIB, clock.ready());
        clock.moved(KIB, &pace);
        assert_eq!(clock.taken(), Duration::from_millis(20));
        clock.is_ready(at(9000));
        pace.batch(at(9010), KIB, clock.ready());
        clock.moved(KIB, &pace);
        assert_eq!(clock.taken(), Duration::from_millis(30));
    }
}
