//! Lines for a local shell.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::commands::Word;
use crate::commands::argument::kind::ArgumentKind;
use crate::commands::argument::reader::Argument;
use crate::name::InvalidName;

/// A command line for a local shell, unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellLine(pub OsString);

impl Argument for ShellLine {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::ShellLine];

    fn read(word: &Word) -> Result<ShellLine, String> {
        let line = word.plain();
        if line.contains(&0) {
            return Err(InvalidName::Nul.to_string());
        }
        Ok(ShellLine(OsString::from_vec(line)))
    }
}
