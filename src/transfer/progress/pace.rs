//! Measures the time of each file's bytes, while many files share the connection.
//!
//! Between its OPEN and its CLOSE, a file mostly waits for the bytes of others. So the time between two batches of
//! answers is divided among the bytes of the second batch. A file that waits for its turn takes no time, and the
//! times of all files add up to the time in which bytes moved.

use std::time::{Duration, Instant};

/// The latest batch of answers with bytes.
#[derive(Debug)]
pub(crate) struct Pace {
    arrived: Instant,
    took: Duration,
    bytes: u64,
}

impl Pace {
    /// Returns the pace at the start of a job.
    pub(crate) fn starting(now: Instant) -> Pace {
        Pace { arrived: now, took: Duration::ZERO, bytes: 0 }
    }

    /// Takes a batch of answers that moved `bytes`. `ready` is the time at which the first of its files could move
    /// bytes; the time before doesn't count. The time of a batch without bytes is added to the next one.
    pub(crate) fn batch(&mut self, now: Instant, bytes: u64, ready: Option<Instant>) {
        if bytes > 0 {
            let since = ready.map_or(self.arrived, |ready| ready.max(self.arrived));
            *self = Pace { arrived: now, took: now.saturating_duration_since(since), bytes };
        }
    }

    /// Excludes the time until now, in which the job waited for the user.
    pub(crate) fn paused_until(&mut self, now: Instant) {
        self.arrived = now;
    }

    /// Returns the time that this number of bytes took in the latest batch.
    fn share(&self, bytes: u64) -> Duration {
        let nanos = self.took.as_nanos() * u128::from(bytes) / u128::from(self.bytes.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// The time of one file's bytes.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ready: Option<Instant>,
    taken: Duration,
}

impl Clock {
    /// Notes that the file was opened, so that its bytes can move from now on.
    pub(crate) fn is_ready(&mut self, now: Instant) {
        self.ready = Some(now);
    }

    /// Returns when the file was opened last.
    pub(crate) fn ready(&self) -> Option<Instant> {
        self.ready
    }

    /// Adds the time of bytes that came with the latest batch.
    pub(crate) fn moved(&mut self, bytes: u64, pace: &Pace) {
        self.taken += pace.share(bytes);
    }

    /// Returns the time of the bytes so far.
    pub(crate) fn taken(&self) -> Duration {
        self.taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1 << 10;

    /// Returns the times of files, in milliseconds, given when each of them is ready and which of them move bytes at
    /// which times.
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
    fn the_time_of_a_question_or_of_a_lost_connection_belongs_to_no_file() {
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
