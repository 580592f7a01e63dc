//! Permissions, and changes of them.

use crate::commands::Word;
use crate::commands::argument::kind::ArgumentKind;
use crate::commands::argument::reader::Argument;
use crate::mode;

/// The change that `chmod` applies to permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mode(pub mode::Change);

impl Argument for Mode {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::Mode];

    fn read(word: &Word) -> Result<Mode, String> {
        let change = mode::Change::read(&word.plain());
        change.map(Mode).ok_or_else(|| "a mode is octal, such as 644, or symbolic, such as u+x,go-w".to_owned())
    }
}

/// The umask of new local files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Umask(pub u32);

impl Argument for Umask {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::Mode];

    fn read(word: &Word) -> Result<Umask, String> {
        mode::octal(&word.plain()).map(Umask).ok_or_else(|| "a umask is octal, such as 022".to_owned())
    }
}
