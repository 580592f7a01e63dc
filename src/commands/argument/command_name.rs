//! Names of commands.

use crate::commands::Word;
use crate::commands::argument::kind::ArgumentKind;
use crate::commands::argument::reader::Argument;

/// The name of a command, in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandName(pub String);

impl Argument for CommandName {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::CommandName];

    fn read(word: &Word) -> Result<CommandName, String> {
        Ok(CommandName(String::from_utf8_lossy(&word.plain()).into_owned()))
    }
}
