//! Dates in listings, in the local time zone, and durations of transfers.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

/// The current time and time zone. One clock serves a whole listing, so that its lines agree.
#[derive(Clone, Debug)]
pub struct Clock {
    now: Timestamp,
    zone: TimeZone,
}

/// Half a year, as in sftp(1) and ls(1): a more recent date is shown without its year.
const RECENT_SECONDS: i64 = 365 * 24 * 60 * 60 / 2;

impl Clock {
    /// Returns the current time in the system's time zone.
    #[must_use]
    pub fn local() -> Clock {
        Clock::new(Timestamp::now(), TimeZone::system())
    }

    /// Creates a clock with the given time and time zone.
    #[must_use]
    pub fn new(now: Timestamp, zone: TimeZone) -> Clock {
        Clock { now, zone }
    }
}

/// Writes the time of a file's last change like `ls -l`: `Nov 24 06:00` within the last half year, otherwise `Feb  3
/// 2020`.
///
/// `modified` is in seconds since 1970, unsigned as in the protocol (draft-ietf-secsh-filexfer-02, section 5).
#[must_use]
pub fn listing(modified: u32, clock: &Clock) -> String {
    let seconds = i64::from(modified);
    // A timestamp can hold every 32-bit number of seconds, so the default is never used.
    let stamp = Timestamp::from_second(seconds).unwrap_or_default();
    let now = clock.now.as_second();
    let recent = now - RECENT_SECONDS < seconds && seconds <= now;
    stamp.to_zoned_datetime(clock.zone.clone()).strftime(if recent { "%b %e %H:%M" } else { "%b %e  %Y" }).to_string()
}

/// Writes a time, in seconds since 1970, in ISO 8601: `2026-11-24T06:00:34+00:00`.
#[must_use]
pub fn iso(seconds: u32, clock: &Clock) -> String {
    let stamp = Timestamp::from_second(i64::from(seconds)).unwrap_or_default();
    stamp.to_zoned_datetime(clock.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// Writes a duration like the progress meter: `00:08`, `1:02:03`.
#[must_use]
pub fn elapsed(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes:02}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_future_files_show_their_year() {
        let now: Timestamp = "2026-11-24T06:00:34Z".parse().unwrap();
        let clock = Clock::new(now, TimeZone::UTC);
        for (modified, text) in [
            ("2026-11-24T06:00:34Z", "Nov 24 06:00"),
            ("2026-11-24T06:00:35Z", "Nov 24  2026"),
            ("2026-05-25T18:00:35Z", "May 25 18:00"),
            ("2026-05-25T18:00:34Z", "May 25  2026"),
            ("2020-02-03T04:05:06Z", "Feb  3  2020"),
            ("1970-01-01T00:00:00Z", "Jan  1  1970"),
        ] {
            let stamp: Timestamp = modified.parse().unwrap();
            assert_eq!(listing(u32::try_from(stamp.as_second()).unwrap(), &clock), text, "{modified}");
        }
        assert_eq!(listing(u32::MAX, &clock), "Feb  7  2106");
    }

    #[test]
    fn dates_are_those_of_the_zone() {
        let now: Timestamp = "2026-11-24T06:00:00Z".parse().unwrap();
        let clock = Clock::new(now, TimeZone::fixed(jiff::tz::offset(-5)));
        let midnight: Timestamp = "2026-11-01T02:30:00Z".parse().unwrap();
        let midnight = u32::try_from(midnight.as_second()).unwrap();
        assert_eq!(listing(midnight, &clock), "Oct 31 21:30");
        assert_eq!(iso(midnight, &clock), "2026-10-31T21:30:00-05:00");
    }

    #[test]
    fn durations_grow_an_hour_when_they_have_one() {
        for (seconds, text) in [(0, "00:00"), (8, "00:08"), (754, "12:34"), (3723, "1:02:03"), (360_000, "100:00:00")] {
            assert_eq!(elapsed(Duration::from_secs(seconds)), text);
        }
        assert_eq!(elapsed(Duration::from_millis(1999)), "00:01");
    }
}
