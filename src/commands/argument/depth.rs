//! How many levels of a tree a command goes through.

use super::super::Word;
use super::reader::Argument;

/// A number of levels, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth(pub usize);

impl Argument for Depth {
    fn read(word: &Word) -> Result<Depth, String> {
        let text = String::from_utf8(word.plain()).ok();
        let depth = text.and_then(|text| text.parse().ok()).map(Depth);
        depth.ok_or_else(|| "a depth is a whole number, 0 or more".to_owned())
    }
}
