//! Writes modes as `ls -l` does.

use crate::mode::kind::Kind;

/// Returns the ten letters of a mode: its type, and the permissions of owner, group and others, such as `drwxr-xr-x`
/// or `-rwsr-x--T`.
#[must_use]
pub fn letters(mode: u32) -> String {
    let mut letters = String::with_capacity(10);
    letters.push(match Kind::of(mode) {
        Some(Kind::Directory) => 'd',
        Some(Kind::CharacterDevice) => 'c',
        Some(Kind::BlockDevice) => 'b',
        Some(Kind::Regular) => '-',
        Some(Kind::Symlink) => 'l',
        Some(Kind::Socket) => 's',
        Some(Kind::Fifo) => 'p',
        Some(Kind::Unknown) | None => '?',
    });
    for (shift, special, set) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        letters.push(if bits & 4 == 0 { '-' } else { 'r' });
        letters.push(if bits & 2 == 0 { '-' } else { 'w' });
        letters.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => set,
            (true, false) => set.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_special_bits_have_their_letters() {
        for (mode, expected) in [
            (0o040_755, "drwxr-xr-x"),
            (0o100_644, "-rw-r--r--"),
            (0o120_777, "lrwxrwxrwx"),
            (0o010_600, "prw-------"),
            (0o020_620, "crw--w----"),
            (0o060_660, "brw-rw----"),
            (0o140_755, "srwxr-xr-x"),
            (0o104_755, "-rwsr-xr-x"),
            (0o106_600, "-rwS--S---"),
            (0o102_755, "-rwxr-sr-x"),
            (0o041_777, "drwxrwxrwt"),
            (0o041_776, "drwxrwxrwT"),
            (0o000_644, "?rw-r--r--"),
            (0o150_644, "?rw-r--r--"),
            (0o100_000, "----------"),
        ] {
            assert_eq!(letters(mode), expected, "{mode:o}");
        }
    }
}
