//! Byte counts for people, in the forms that sftp(1) prints: `ls -h`, `df`, the progress meter.

use std::fmt;

/// A number of bytes, shown with a fitting unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// Creates the given number of bytes.
    #[must_use]
    pub const fn bytes(count: u64) -> ByteSize {
        ByteSize(count)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&scaled(self.0))
    }
}

const UNITS: [char; 7] = ['B', 'K', 'M', 'G', 'T', 'P', 'E'];

/// Writes a size like `ls -h` and `df -h`: in powers of 1024, with one decimal below 100 units, as in `6B`, `2.9K`,
/// `4.0K`, `100M`.
#[must_use]
pub fn scaled(bytes: u64) -> String {
    let mut exponent = 0;
    while exponent + 1 < UNITS.len() && bytes >> (10 * exponent) >= 1024 {
        exponent += 1;
    }
    if exponent == 0 {
        return format!("{bytes}B");
    }
    let unit = UNITS[exponent];
    let mut whole = bytes >> (10 * exponent);
    // Only the next smaller unit counts: 1024ths, rounded to tenths.
    let rest = (bytes >> (10 * (exponent - 1))) & 1023;
    let mut tenths = (10 * rest + 512) / 1024;
    if tenths == 10 {
        whole += 1;
        tenths = 0;
    }
    if whole >= 100 { format!("{}{unit}", whole + u64::from(tenths >= 5)) } else { format!("{whole}.{tenths}{unit}") }
}

/// Writes an amount like the progress meter: four digits and two columns for the unit, as in `9999  `, `2550KB`, `
/// 10MB`.
#[must_use]
pub fn amount(bytes: u64) -> String {
    let (count, unit) = halved(bytes, 10_000);
    format!("{count:>4}{unit}")
}

/// Writes bytes per second like the progress meter, without the `/s`: `  2.5MB`, `  0.9KB`, never plain bytes.
#[must_use]
pub fn rate(bytes_per_second: u64) -> String {
    let hundredths = bytes_per_second.saturating_mul(100);
    let (mut count, mut unit) = halved(hundredths, 100_000);
    if unit == METER_UNITS[0] {
        count = (count + 512) / 1024;
        unit = METER_UNITS[1];
    }
    format!("{:>3}.{}{unit}", (count + 5) / 100, (count + 5) / 10 % 10)
}

const METER_UNITS: [&str; 5] = ["  ", "KB", "MB", "GB", "TB"];

/// Divides the amount by 1024, rounding at each step, until it is below `limit` or there is no larger unit.
fn halved(mut amount: u64, limit: u64) -> (u64, &'static str) {
    let mut units = METER_UNITS.iter();
    let mut unit = METER_UNITS[0];
    while let Some(next) = units.next() {
        unit = next;
        if amount < limit || units.len() == 0 {
            break;
        }
        amount = amount.saturating_add(512) / 1024;
    }
    (amount, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_scaled_as_sftp_scales_them() {
        for (bytes, text) in [
            (0, "0B"),
            (6, "6B"),
            (1023, "1023B"),
            (1024, "1.0K"),
            (2999, "2.9K"),
            (4096, "4.0K"),
            (10_239, "10.0K"),
            (102_348, "99.9K"),
            (102_399, "100K"),
            (102_400, "100K"),
            (104_857, "102K"),
            (1_048_575, "1024K"),
            (1_048_576, "1.0M"),
            (5_000_000, "4.8M"),
            (107_374_182_400, "100G"),
            (8_796_093_022_207, "8.0T"),
            (1 << 50, "1.0P"),
            (u64::MAX, "16.0E"),
        ] {
            assert_eq!(scaled(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn the_meter_keeps_four_digits() {
        for (bytes, text) in [
            (0, "   0  "),
            (9_999, "9999  "),
            (10_000, "  10KB"),
            (2_611_200, "2550KB"),
            (10_485_760, "  10MB"),
            (1 << 40, "1024GB"),
            (u64::MAX, "16777216TB"),
        ] {
            assert_eq!(amount(bytes), text, "{bytes}");
        }
        for (bytes, text) in [
            (0, "  0.0KB"),
            (100, "  0.1KB"),
            (1_000, "  1.0KB"),
            (2_621_440, "  2.5MB"),
            (1_048_000_000, "999.5MB"),
            (1_048_576_000, "  1.0GB"),
            (u64::MAX, "167772.2TB"),
        ] {
            assert_eq!(rate(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn a_size_fills_its_column() {
        assert_eq!(format!("{:>6}", ByteSize::bytes(16 << 20)), " 16.0M");
    }
}
