//! One line of progress in the columns of sftp(1)'s meter.
//!
//! The name gets the space that the terminal leaves for it (45 columns of 80). Then follow the percentage, the amount
//! in six columns, the rate in nine, and the time left or taken. Scripts that watch a terminal look for `100%` and
//! these columns.

use std::time::Duration;

use unicode_width::UnicodeWidthChar;

use crate::terminal::Printable;

/// Columns of everything except the name, including a last one that stays empty, because a terminal would wrap after
/// it.
const OTHER_COLUMNS: usize = 35;

/// Widest meter that sftp(1) draws.
const WIDEST: usize = 512;

/// Amounts below this are shown in the current unit; larger ones in the next.
const LARGEST_AMOUNT: u64 = 10_000;

/// The contents of a meter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure<'a> {
    /// The file's name.
    pub(super) name: &'a [u8],
    /// The number of bytes so far.
    pub(super) bytes: u64,
    /// The expected number of bytes.
    pub(super) total: u64,
    /// Bytes per second.
    pub(super) rate: f64,
    /// The last column.
    pub(super) clock: Clock,
}

/// The last column of a meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// The file is done and took this long.
    Took(Duration),
    /// The estimated time left.
    Left(Duration),
    /// There is no estimate yet.
    Unknown,
    /// No bytes have moved for some time.
    Stalled,
}

impl Measure<'_> {
    /// Returns the line, for a terminal of `width` columns.
    pub(super) fn line(&self, width: usize) -> String {
        let room = width.min(WIDEST).saturating_sub(OTHER_COLUMNS);
        format!(
            "{name} {percent:>3}% {amount} {rate}/s {clock}",
            name = cut(self.name, room),
            percent = percent(self.bytes, self.total),
            amount = amount(self.bytes),
            rate = rate(self.rate),
            clock = self.clock.text(),
        )
    }
}

impl Clock {
    fn text(self) -> String {
        match self {
            Clock::Took(time) => format!("{}    ", hours_minutes_seconds(time)),
            Clock::Left(time) => format!("{} ETA", hours_minutes_seconds(time)),
            Clock::Unknown => "  --:-- ETA".to_owned(),
            Clock::Stalled => "- stalled -".to_owned(),
        }
    }
}

/// Returns whole percent, rounded down. 100 means that all bytes have moved.
pub(super) fn percent(bytes: u64, total: u64) -> u64 {
    if bytes >= total { 100 } else { u64::try_from(u128::from(bytes) * 100 / u128::from(total)).unwrap_or(100) }
}

/// Returns a time as `1:02:03`, or `  02:03` if it is shorter than an hour.
pub(crate) fn hours_minutes_seconds(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("  {minutes:02}:{seconds:02}") }
}

/// Formats an amount with four digits and a unit of two columns, which is blank for bytes.
fn amount(bytes: u64) -> String {
    let mut units = ["  ", "KB", "MB", "GB"].into_iter();
    let (mut amount, mut unit) = (bytes, units.next().unwrap_or_default());
    while amount >= LARGEST_AMOUNT {
        let Some(next) = units.next() else { return format!("{:>4}TB", halves_up(amount)) };
        (amount, unit) = (halves_up(amount), next);
    }
    format!("{amount:>4}{unit}")
}

fn halves_up(amount: u64) -> u64 {
    amount.saturating_add(512) / 1024
}

/// Formats a rate with three digits, one decimal and a unit, at least KB.
fn rate(bytes_per_second: f64) -> String {
    let mut amount = if bytes_per_second.is_finite() { bytes_per_second.max(0.0) / 1024.0 } else { 0.0 };
    for unit in ["KB", "MB", "GB"] {
        if amount < 1000.0 {
            return format!("{amount:>5.1}{unit}");
        }
        amount /= 1024.0;
    }
    format!("{:>5.1}TB", amount.min(999.9))
}

/// Returns the name, made printable, in exactly `room` columns. A longer name loses its end.
fn cut(name: &[u8], room: usize) -> String {
    let text = Printable(name).text();
    let (mut shown, mut columns) = (String::with_capacity(room), 0);
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if columns + wide > room {
            break;
        }
        shown.push(c);
        columns += wide;
    }
    shown.extend(std::iter::repeat_n(' ', room - columns));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_columns_are_those_of_sftp() {
        let measure = Measure {
            name: b"messages.1",
            bytes: 7650 * 1024,
            total: 28 * MIB,
            rate: 2.5 * 1024.0 * 1024.0,
            clock: Clock::Left(Duration::from_secs(8)),
        };
        let line = measure.line(80);
        assert_eq!(line, format!("{:45}{}", "messages.1", "  26% 7650KB   2.5MB/s   00:08 ETA"));
        assert_eq!(line.len(), 79);
    }

    #[test]
    fn a_finished_file_has_its_time_and_no_eta() {
        let measure = Measure {
            name: b"a",
            bytes: 98 * 1024,
            total: 98 * 1024,
            rate: 1024.0 * 1024.0,
            clock: Clock::Took(Duration::from_secs(3723)),
        };
        assert_eq!(measure.line(80).trim_start_matches("a").trim_start(), "100%   98KB   1.0MB/s 1:02:03    ");
    }

    #[test]
    fn amounts_have_four_digits_and_a_unit() {
        for (bytes, text) in [
            (0, "   0  "),
            (9999, "9999  "),
            (10_000, "  10KB"),
            (2550 * 1024, "2550KB"),
            (10 * MIB, "  10MB"),
            (u64::MAX, "16777216TB"),
        ] {
            assert_eq!(amount(bytes), text);
        }
    }

    #[test]
    fn rates_have_one_decimal_and_start_at_kilobytes() {
        for (bytes, text) in [
            (0.0, "  0.0KB"),
            (512.0, "  0.5KB"),
            (999.0 * 1024.0, "999.0KB"),
            (1000.0 * 1024.0, "  1.0MB"),
            (123.4 * 1024.0 * 1024.0, "123.4MB"),
            (f64::INFINITY, "  0.0KB"),
            (f64::NAN, "  0.0KB"),
        ] {
            assert_eq!(rate(bytes), text);
        }
    }

    #[test]
    fn percent_is_100_only_at_the_end() {
        for (bytes, total, shown) in
            [(0, 0, 100), (0, 1, 0), (999, 1000, 99), (1000, 1000, 100), (u64::MAX - 1, u64::MAX, 99)]
        {
            assert_eq!(percent(bytes, total), shown);
        }
    }

    #[test]
    fn names_are_cut_by_columns_and_made_printable() {
        assert_eq!(cut(b"abc", 5), "abc  ");
        assert_eq!(cut(b"abcdef", 5), "abcde");
        assert_eq!(cut("日本語".as_bytes(), 5), "日本 ");
        assert_eq!(cut(b"a\x1b[2K", 8), "a\\033[2K");
        assert_eq!(cut(b"abc", 0), "");
    }
}
