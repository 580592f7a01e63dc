//! Numbers in the forms that sftp(1)'s options accept.

/// Reads a port: 1 to 65535, digits only.
pub(super) fn port_number(text: &str) -> Option<u16> {
    positive(text).and_then(|number| u16::try_from(number).ok())
}

/// Reads a positive whole number like strtol(3), which accepts blanks and a plus sign before it.
pub(super) fn counting_number(text: &str) -> Option<u32> {
    let text = text.trim_start();
    positive(text.strip_prefix('+').unwrap_or(text))
}

/// Reads a positive whole number, digits only.
pub(super) fn positive(text: &str) -> Option<u32> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|&number| number > 0)
}

/// Reads a number with a fraction and a unit like scan_scaled(3): `64K`, `0.5m`, `1000`.
#[must_use]
pub fn scaled_number(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let exponent = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return None,
    };
    let scale = 1u64 << (10 * exponent);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = if whole.is_empty() && !fraction.is_empty() { 0 } else { whole.parse().ok()? };
    // Six digits are enough for any size or rate that a person writes.
    let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let part = fraction.parse::<u64>().ok()?.checked_mul(scale)? / 1_000_000;
    whole.checked_mul(scale)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_fractions_and_units() {
        for (text, bytes) in [
            ("1000", Some(1000)),
            ("64K", Some(65_536)),
            ("64k", Some(65_536)),
            ("1.5K", Some(1536)),
            (".5K", Some(512)),
            ("0.25M", Some(262_144)),
            ("12B", Some(12)),
            ("", None),
            (".", None),
            ("K", None),
            ("-1", None),
            ("1KB", None),
            ("1.2.3", None),
            ("99999999999T", None),
        ] {
            assert_eq!(scaled_number(text), bytes, "{text}");
        }
    }
}
