//! Local paths and patterns.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::commands::argument::kind::ArgumentKind;
use crate::commands::argument::reader::Argument;
use crate::commands::argument::remote::remote_path;
use crate::commands::{Word, home};

/// One local path, never a pattern. A leading `~` or `~user` means a home directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPathArg(pub PathBuf);

impl Argument for LocalPathArg {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::LocalPath];

    fn read(word: &Word) -> Result<LocalPathArg, String> {
        local_path(&home::expand(word)).map(LocalPathArg)
    }
}

/// One local directory, never a pattern. A leading `~` or `~user` means a home directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalDir(pub PathBuf);

impl Argument for LocalDir {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::LocalDir];

    fn read(word: &Word) -> Result<LocalDir, String> {
        local_path(&home::expand(word)).map(LocalDir)
    }
}

fn local_path(word: &Word) -> Result<PathBuf, String> {
    let path = remote_path(word)?;
    Ok(Path::new(OsStr::from_bytes(path.as_bytes())).to_owned())
}
