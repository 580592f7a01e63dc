//! Completes remote paths.

use crate::name::RemotePath;
use crate::shell::complete::source::{Answer, Place, Source};
use crate::shell::complete::word::Fragment;

/// Remote paths.
pub(super) struct Paths {
    /// True if only directories fit.
    pub(super) only_directories: bool,
}

impl Source for Paths {
    fn complete(&self, word: &Fragment, here: &Place<'_>) -> Answer {
        match word.directory().map(RemotePath::new) {
            Some(Ok(directory)) if directory.as_bytes().is_empty() => {
                Answer::OfDirectory { directory: here.remote.clone(), only_directories: self.only_directories }
            }
            Some(Ok(directory)) => Answer::OfDirectory {
                directory: here.remote.resolve(&directory),
                only_directories: self.only_directories,
            },
            Some(Err(_)) | None => Answer::Declined,
        }
    }
}
