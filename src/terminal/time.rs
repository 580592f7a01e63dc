//! Dates of listings in the local zone, and durations of transfers.
#![forbid(unsafe_code)]

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

/// What "now" and "here" are for a listing. Taken once for all its lines, so that they agree.
#[derive(Clone, Debug)]
pub struct Clock {
    now: Timestamp,
    zone: TimeZone,
}

/// Half a year, as sftp(1) and ls(1) reckon it: within it a date needs no year.
const RECENT_SECONDS: i64 = 365 * 24 * 60 * 60 / 2;

impl Clock {
    /// This moment in the system's zone.
    #[must_use]
    pub fn local() -> Clock {
        Clock::new(Timestamp::now(), TimeZone::system())
    }

    /// A given moment in a given zone.
    #[must_use]
    pub fn new(now: Timestamp, zone: TimeZone) -> Clock {
        Clock { now, zone }
    }
}

/// When a file was changed, as `ls -l` writes it: `Nov 24 06:00` of the last half year, else `Feb  3  2020`.
///
/// `modified` counts seconds since 1970, unsigned as in the protocol (draft-ietf-secsh-filexfer-02, section 5).
#[must_use]
pub fn listing(modified: u32, clock: &Clock) -> String {
    let seconds = i64::from(modified);
    // Every 32-bit count of seconds is within a timestamp's range; the epoch stands in for none.
    let stamp = Timestamp::from_second(seconds).unwrap_or_default();
    let now = clock.now.as_second();
    let recent = now - RECENT_SECONDS < seconds && seconds <= now;
    stamp.to_zoned_datetime(clock.zone.clone()).strftime(if recent { "%b %e %H:%M" } else { "%b %e  %Y" }).to_string()
}

/// A duration as the progress meter writes it: `00:08`, `1:02:03`.
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
        assert_eq!(listing(u32::try_from(midnight.as_second()).unwrap(), &clock), "Oct 31 21:30");
    }

    #[test]
    fn durations_grow_an_hour_when_they_have_one() {
        for (seconds, text) in [(0, "00:00"), (8, "00:08"), (754, "12:34"), (3723, "1:02:03"), (360_000, "100:00:00")] {
            assert_eq!(elapsed(Duration::from_secs(seconds)), text);
        }
        assert_eq!(elapsed(Duration::from_millis(1999)), "00:01");
    }
}
