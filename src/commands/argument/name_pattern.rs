//! Patterns that names are matched against.

use super::super::Word;
use super::reader::Argument;

/// Names, by wildcards: in glob syntax. Quotes keep the wildcards from other readers and not from this one, as in find(1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern(pub Vec<u8>);

impl Argument for NamePattern {
    fn read(word: &Word) -> Result<NamePattern, String> {
        Ok(NamePattern(word.plain()))
    }
}
