//! Paths and patterns on the server.

use crate::commands::Word;
use crate::commands::argument::kind::ArgumentKind;
use crate::commands::argument::reader::Argument;
use crate::name::RemotePath;

/// Remote files, as a wildcard pattern or a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemotePattern(Word);

impl RemotePattern {
    /// Returns the word in glob syntax.
    #[must_use]
    pub fn word(&self) -> &Word {
        &self.0
    }
}

impl Argument for RemotePattern {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::RemotePattern];

    fn read(word: &Word) -> Result<RemotePattern, String> {
        remote_path(word).map(|_| RemotePattern(word.clone()))
    }
}

/// One remote path, never a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemotePathArg(pub RemotePath);

impl Argument for RemotePathArg {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::RemotePath];

    fn read(word: &Word) -> Result<RemotePathArg, String> {
        remote_path(word).map(RemotePathArg)
    }
}

/// One remote directory, never a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteDir(pub RemotePath);

impl Argument for RemoteDir {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::RemoteDir];

    fn read(word: &Word) -> Result<RemoteDir, String> {
        remote_path(word).map(RemoteDir)
    }
}

pub(super) fn remote_path(word: &Word) -> Result<RemotePath, String> {
    RemotePath::new(word.plain()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_unescaped_once() {
        assert_eq!(RemotePathArg::read(&Word::literal(b"a*b")).unwrap().0.as_bytes(), b"a*b");
    }
}
