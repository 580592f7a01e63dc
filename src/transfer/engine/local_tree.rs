//! The local directories that are being filled.

use std::path::PathBuf;
use std::rc::Rc;

use crate::transfer::failure::Failure;
use crate::transfer::local::{Directory, Parents, Troubles};
use crate::transfer::plan::{GetDirectory, Target};
use crate::transfer::settings::Settings;

/// The local directories that are being filled.
#[derive(Default)]
pub(super) struct LocalTree {
    pub(super) parents: Parents,
    /// Directories that were entered and not left; `None` for one that could not be made.
    pub(super) stack: Vec<Option<Rc<Directory>>>,
    pub(super) troubles: Troubles,
}

impl LocalTree {
    /// Returns a target's path for comparison with others, or `None` if its directory could not be made.
    pub(super) fn path_of(&self, target: &Target) -> Option<PathBuf> {
        target.shown(self.stack.last().and_then(|directory| directory.as_deref()).map(Directory::shown))
    }

    /// Makes a directory. Returns `None` if the one above could not be made, which was reported.
    pub(super) fn enter(&mut self, step: &GetDirectory, settings: &Settings) -> Option<Result<Directory, Failure>> {
        match (&step.target, self.stack.last()) {
            (Target::Named(local), _) => Some(Directory::make_top(local, &step.attributes, settings, &self.troubles)),
            (Target::Beneath(name), Some(Some(parent))) => {
                Some(parent.make(name, &step.attributes, settings, &self.troubles))
            }
            (Target::Beneath(_), _) => None,
        }
    }
}
