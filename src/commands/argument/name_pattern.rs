//! Patterns for names.

use crate::commands::Word;
use crate::commands::argument::reader::Argument;

/// A pattern for names, in glob syntax. As in find(1), quotes protect the wildcards only from the splitter, not from
/// this pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern(pub Vec<u8>);

impl Argument for NamePattern {
    fn read(word: &Word) -> Result<NamePattern, String> {
        Ok(NamePattern(word.plain()))
    }
}
