//! Parts of the history.

use crate::commands::Word;
use crate::commands::argument::kind::ArgumentKind;
use crate::commands::argument::reader::Argument;

/// A part of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryPart {
    /// The last lines, by their number.
    Last(usize),
    /// All lines, which are removed.
    Clear,
}

impl HistoryPart {
    /// The word for [`HistoryPart::Clear`].
    pub const CLEAR: &'static str = "clear";
}

impl Argument for HistoryPart {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::HistoryPart];

    fn read(word: &Word) -> Result<HistoryPart, String> {
        let text = String::from_utf8(word.plain()).unwrap_or_default();
        match text.parse() {
            _ if text == HistoryPart::CLEAR => Ok(HistoryPart::Clear),
            Ok(count) => Ok(HistoryPart::Last(count)),
            Err(_) => Err("give a number of lines, or the word clear".to_owned()),
        }
    }
}
