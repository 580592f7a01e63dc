//! The step that `chmod`, `chown` and `chgrp` share: one request per file, which sets attributes.

use crate::commands::{Context, Failure, Outcome, in_order};
use crate::name::RemotePath;
use crate::remote::Found;
use crate::sftp::{Attributes, Completions, Extension, FileType, Session, calls};
use crate::terminal::Printable;

/// A path and its new attributes.
pub(super) type Change = (RemotePath, Attributes);

/// How attributes are set.
#[derive(Clone, Copy)]
pub(super) struct SetAttributes {
    /// The attribute's name in messages.
    pub(super) what: &'static str,
    /// True to change a link itself instead of its target.
    pub(super) of_links: bool,
}

impl SetAttributes {
    /// Fails if the server can't set the attributes in this way. Like sftp(1), announces the first path before.
    pub(super) fn require(self, cx: &Context, first: Option<&RemotePath>) -> Result<(), Failure> {
        if !self.of_links {
            return Ok(());
        }
        cx.require(Extension::Lsetstat).inspect_err(|_| first.into_iter().for_each(|path| self.announce(cx, path)))
    }

    /// Makes the changes, in order.
    pub(super) fn run(
        self,
        cx: &mut Context,
        changes: impl IntoIterator<Item = Result<Change, Failure>>,
    ) -> Result<Outcome, Failure> {
        let submit = |session: &Session, queue: &Completions<u64>, token, (path, attributes): &Change| {
            let attributes = *attributes;
            match self.of_links {
                true => session.submit_to(queue, token, &calls::Lsetstat { path, attributes }),
                false => session.submit_to(queue, token, &calls::Setstat { path, attributes }),
            }
        };
        in_order(cx, changes, &submit, |cx, (path, _), answer| {
            self.announce(cx, &path);
            let request = if self.of_links { "lsetstat" } else { "setstat" };
            let act = format!("remote {request} \"{}\"", Printable(path.as_bytes()));
            answer.map(drop).map_err(|error| Failure::refused(act, &error))
        })
    }

    fn announce(self, cx: &Context, path: &RemotePath) {
        cx.output.status(format_args!("Changing {} on {}", self.what, Printable(path.as_bytes())));
    }
}

/// Returns a file below the top of a tree with its present attributes. Links are left out: the user did not name
/// their targets, and their own attributes hardly matter.
pub(super) fn below_the_top(found: Found) -> Option<Result<(RemotePath, Attributes), Failure>> {
    match found {
        Found::Directory(directory) if directory.depth > 0 => Some(Ok((directory.path.clone(), directory.attributes))),
        Found::Entry { entry, .. } if entry.attributes.file_type() == Some(FileType::Symlink) => None,
        Found::Entry { directory, entry } => Some(Ok((directory.path.join(&entry.name), entry.attributes))),
        Found::Failure(error) => Some(Err(error.into())),
        Found::Directory(_) | Found::Left(_) => None,
    }
}
