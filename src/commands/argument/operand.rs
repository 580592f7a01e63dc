//! Operands of `get` and `put`, of which the last may be the target.

use crate::commands::Word;
use crate::commands::argument::kind::ArgumentKind;
use crate::commands::argument::reader::Argument;
use crate::commands::argument::remote::remote_path;

/// A source or the target of `get`, depending on its position: the first is a source, the last of several may be the
/// local target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetOperand(pub Word);

impl Argument for GetOperand {
    const WRITTEN: Option<&'static str> = Some("remote... [local]");
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::RemotePattern];
    const FURTHER_KINDS: &'static [ArgumentKind] = &[ArgumentKind::LocalPath, ArgumentKind::RemotePattern];

    fn read(word: &Word) -> Result<GetOperand, String> {
        remote_path(word).map(|_| GetOperand(word.clone()))
    }
}

/// A source or the target of `put`, depending on its position: the first is a source, the last of several may be the
/// remote target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutOperand(pub Word);

impl Argument for PutOperand {
    const WRITTEN: Option<&'static str> = Some("local... [remote]");
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::LocalPattern];
    const FURTHER_KINDS: &'static [ArgumentKind] = &[ArgumentKind::RemotePath, ArgumentKind::LocalPattern];

    fn read(word: &Word) -> Result<PutOperand, String> {
        remote_path(word).map(|_| PutOperand(word.clone()))
    }
}
