//! Points in time.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use jiff::{Span, Timestamp, ZonedDateTime, civil};

use crate::commands::argument::reader::Argument;
use crate::commands::{Failure, LocalDirectory, Word, home};
use crate::os_error;
use crate::terminal::Printable;

/// A point in time: an age, such as `2d`, a date, or when a local file was modified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The given time, in seconds since 1970-01-01 UTC.
    At(i64),
    /// The modification time of the local file with this path.
    OfFile(PathBuf),
}

impl Argument for Moment {
    fn read(word: &Word) -> Result<Moment, String> {
        let text = home::expand(word).plain();
        let time = std::str::from_utf8(&text).ok().and_then(|text| time(text, &ZonedDateTime::now()));
        Ok(time.map_or_else(|| Moment::OfFile(OsString::from_vec(text).into()), Moment::At))
    }
}

impl Moment {
    /// Returns the moment in seconds since 1970-01-01 UTC. A relative path is resolved against `local`; `flag` is
    /// named in messages.
    ///
    /// # Errors
    /// The file does not exist or can't be queried; the value may have been meant as a time.
    pub fn seconds(&self, flag: &str, local: &LocalDirectory) -> Result<i64, Failure> {
        let path = match self {
            Moment::At(seconds) => return Ok(*seconds),
            Moment::OfFile(path) => path,
        };
        let metadata = fs::metadata(local.resolve(path)).map_err(|error| {
            let value = Printable(path.as_os_str().as_encoded_bytes());
            Failure::new(format!("--{flag} \"{value}\": neither a time nor a file: {}", os_error::text(&error)))
                .with_hint("a time is an age, such as 2d or 1h30m, or a date, such as 2026-11-01 or 2026-11-01T12:00")
        })?;
        Ok(metadata.mtime())
    }
}

/// Reads a time: an age, a moment with an offset, or a date in the local time zone.
fn time(text: &str, now: &ZonedDateTime) -> Option<i64> {
    if let Ok(age) = text.parse::<Span>() {
        return Some(now.checked_sub(age.abs()).ok()?.timestamp().as_second());
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment.as_second());
    }
    let here: civil::DateTime = text.parse().ok()?;
    Some(here.to_zoned_datetime(now.time_zone().clone()).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_ages_or_dates() {
        let now = civil::date(2026, 11, 24).at(12, 0, 0, 0).to_zoned_datetime(jiff::tz::TimeZone::UTC).unwrap();
        let ago = |seconds| Some(now.timestamp().as_second() - seconds);
        for (text, moment) in [
            ("2d", ago(2 * 86400)),
            ("1h30m", ago(5400)),
            ("90s", ago(90)),
            ("1w", ago(7 * 86400)),
            ("2026-11-24", ago(12 * 3600)),
            ("2026-11-24T11:00", ago(3600)),
            ("2026-11-24 11:00:30", ago(3570)),
            ("2026-11-24T13:00:00+02:00", ago(3600)),
            ("notes.txt", None),
            ("", None),
            ("7", None),
        ] {
            assert_eq!(time(text, &now), moment, "{text}");
        }
    }
}
