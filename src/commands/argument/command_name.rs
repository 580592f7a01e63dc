//! Names of commands.

use super::super::Word;
use super::kind::ArgumentKind;
use super::reader::Argument;

/// The name of a command, in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandName(pub String);

impl Argument for CommandName {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::CommandName];

    fn read(word: &Word) -> Result<CommandName, String> {
        Ok(CommandName(String::from_utf8_lossy(&word.plain()).into_owned()))
    }
}
