//! The loop that reconnects after a lost connection: counts the attempts, pauses before each, and stops on an
//! interruption.

use std::fmt;
use std::ops::RangeInclusive;
use std::thread;
use std::time::Duration;

use crate::connect::Error;
use crate::connect::backoff::pause_before;

/// The longest sleep between two checks for an interruption.
const LOOK: Duration = Duration::from_millis(50);

/// An attempt to reconnect. It is displayed as `1 of 3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The attempt's number, from 1.
    pub number: u32,
    /// The maximum number of attempts.
    pub of: u32,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.number, self.of)
    }
}

/// The reasons why there is no new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReconnected {
    /// The loop was interrupted.
    Interrupted,
    /// All attempts failed, or one failed for a reason that would persist.
    Failed,
}

/// Connects in attempts with these numbers, with increasing pauses before them. An attempt with the number 0 comes at
/// once, and without an announcement.
///
/// `announce` is called for each attempt before its pause. `connect` makes the attempt, and returns `None` if it was
/// interrupted; it also reports its errors, because only the last one could be returned. A pause ends soon after
/// `is_interrupted` has become true.
///
/// # Errors
/// There is no connection. No further attempt follows an error that would persist; see [`Error::may_pass`].
pub fn reconnect<T>(
    attempts: RangeInclusive<u32>,
    is_interrupted: impl Fn() -> bool,
    mut announce: impl FnMut(Attempt),
    mut connect: impl FnMut() -> Option<Result<T, Error>>,
) -> Result<T, NotReconnected> {
    let of = *attempts.end();
    for number in attempts {
        if number > 0 {
            announce(Attempt { number, of });
            if !sleep(pause_before(number), &is_interrupted) {
                return Err(NotReconnected::Interrupted);
            }
        }
        match connect() {
            Some(Ok(connected)) => return Ok(connected),
            Some(Err(error)) if error.may_pass() => {}
            Some(Err(_)) => break,
            None => return Err(NotReconnected::Interrupted),
        }
    }
    Err(NotReconnected::Failed)
}

/// Sleeps unless it is interrupted. Returns whether the whole pause has passed.
fn sleep(mut pause: Duration, is_interrupted: impl Fn() -> bool) -> bool {
    while !pause.is_zero() && !is_interrupted() {
        let nap = pause.min(LOOK);
        thread::sleep(nap);
        pause -= nap;
    }
    !is_interrupted()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sftp;

    /// Returns how the loop ends, and the attempts that it announced.
    fn run(
        attempts: RangeInclusive<u32>,
        is_interrupted: bool,
        connect: impl FnMut() -> Option<Result<&'static str, Error>>,
    ) -> (Result<&'static str, NotReconnected>, Vec<String>) {
        let mut announced = Vec::new();
        let end = reconnect(attempts, || is_interrupted, |attempt| announced.push(attempt.to_string()), connect);
        (end, announced)
    }

    #[test]
    fn an_error_that_may_pass_is_followed_by_another_attempt() {
        let mut results = vec![Ok("connected"), Err(Error::Sftp(sftp::Error::Interrupted))];
        assert_eq!(run(1..=3, false, || results.pop()), (Ok("connected"), vec!["1 of 3".into(), "2 of 3".into()]));
    }

    #[test]
    fn attempts_end_with_an_error_that_stays_or_with_their_number() {
        let failed = (Err(NotReconnected::Failed), vec!["1 of 3".into()]);
        assert_eq!(run(1..=3, false, || Some(Err(Error::NoCommand))), failed);
        let failed = (Err(NotReconnected::Failed), vec!["1 of 1".into()]);
        assert_eq!(run(1..=1, false, || Some(Err(Error::Sftp(sftp::Error::Interrupted)))), failed);
    }

    #[test]
    fn an_interruption_ends_a_pause_and_an_attempt() {
        let interrupted = (Err(NotReconnected::Interrupted), vec!["1 of 3".into()]);
        assert_eq!(run(1..=3, true, || unreachable!("it was interrupted before")), interrupted);
        assert_eq!(run(1..=3, false, || None), interrupted);
    }

    #[test]
    fn an_attempt_at_once_is_not_announced() {
        assert_eq!(run(0..=3, false, || Some(Ok("connected"))), (Ok("connected"), vec![]));
        let mut results = vec![Ok("connected"), Err(Error::Sftp(sftp::Error::Interrupted))];
        assert_eq!(run(0..=3, false, || results.pop()), (Ok("connected"), vec!["1 of 3".into()]));
    }
}
