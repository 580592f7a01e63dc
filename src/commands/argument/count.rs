//! Numbers of lines.

use crate::commands::Word;
use crate::commands::argument::reader::Argument;

/// A number of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub u64);

impl Argument for Count {
    fn read(word: &Word) -> Result<Count, String> {
        let count = std::str::from_utf8(&word.plain()).ok().and_then(|text| text.parse().ok());
        count.map(Count).ok_or_else(|| "a count is a whole number, 0 or more".to_owned())
    }
}
