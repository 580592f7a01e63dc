//! The words after `queue`.

use crate::commands::Word;
use crate::commands::argument::kind::ArgumentKind;
use crate::commands::argument::reader::Argument;

/// A word of the command that waits in the queue, or of an order to the queue itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueWord(pub Word);

impl Argument for QueueWord {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::CommandName];
    const FURTHER_KINDS: &'static [ArgumentKind] = &[];

    fn read(word: &Word) -> Result<QueueWord, String> {
        Ok(QueueWord(word.clone()))
    }
}
