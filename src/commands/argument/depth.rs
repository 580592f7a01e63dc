//! The depth to which a command descends in a tree.

use crate::commands::Word;
use crate::commands::argument::reader::Argument;

/// A number of levels, 0 or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth(pub usize);

impl Argument for Depth {
    fn read(word: &Word) -> Result<Depth, String> {
        let text = String::from_utf8(word.plain()).ok();
        let depth = text.and_then(|text| text.parse().ok()).map(Depth);
        depth.ok_or_else(|| "a depth is a whole number, 0 or more".to_owned())
    }
}
