//! Sizes of files.

use crate::cli::scaled_number;
use crate::commands::Word;
use crate::commands::argument::reader::Argument;

/// A size in bytes: `1000`, `300K`, `5M`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// A condition on sizes in find(1)'s syntax: `+5M`, `-300K`, `1000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeRange {
    /// Larger.
    Above(Size),
    /// Smaller.
    Below(Size),
    /// Equal.
    Exactly(Size),
}

impl SizeRange {
    /// Returns whether a size in bytes fulfils the condition.
    #[must_use]
    pub fn holds(self, bytes: u64) -> bool {
        match self {
            SizeRange::Above(Size(limit)) => bytes > limit,
            SizeRange::Below(Size(limit)) => bytes < limit,
            SizeRange::Exactly(Size(size)) => bytes == size,
        }
    }
}

impl Argument for Size {
    fn read(word: &Word) -> Result<Size, String> {
        size(&word.plain())
    }
}

impl Argument for SizeRange {
    fn read(word: &Word) -> Result<SizeRange, String> {
        match word.plain().as_slice() {
            [b'+', limit @ ..] => size(limit).map(SizeRange::Above),
            [b'-', limit @ ..] => size(limit).map(SizeRange::Below),
            exactly => size(exactly).map(SizeRange::Exactly),
        }
    }
}

fn size(text: &[u8]) -> Result<Size, String> {
    let bytes = std::str::from_utf8(text).ok().and_then(scaled_number);
    bytes.map(Size).ok_or_else(|| "a size is a number, as 5M or 300K".to_owned())
}
