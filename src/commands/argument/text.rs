//! Words that mean what they say, such as the name of an alias.

use crate::commands::Word;
use crate::commands::argument::kind::ArgumentKind;
use crate::commands::argument::reader::Argument;

/// A text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub String);

impl Argument for Text {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::Text];

    fn read(word: &Word) -> Result<Text, String> {
        String::from_utf8(word.plain()).map(Text).map_err(|_| "it must be UTF-8".to_owned())
    }
}

/// The name of an alias or a bookmark: letters, digits, `-`, `_` and `.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortName(pub String);

impl Argument for ShortName {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::ShortName];

    fn read(word: &Word) -> Result<ShortName, String> {
        let name = String::from_utf8(word.plain()).ok();
        let is_valid = |name: &String| {
            !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || "-_.".contains(letter))
        };
        let name = name.filter(is_valid).filter(|name| !name.starts_with('-'));
        name.map(ShortName).ok_or_else(|| "a name consists of letters, digits, - _ and .".to_owned())
    }
}
