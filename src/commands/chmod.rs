//! `chmod`.
#![forbid(unsafe_code)]

use super::matching::{Target, targets};
use super::{Context, Example, Failure, Mode, Outcome, Purpose, RemotePattern, Run, in_order};
use crate::mode;
use crate::name::RemotePath;
use crate::remote::{Found, Links};
use crate::sftp::{Attributes, Extension, FileType, Session, calls};
use crate::terminal::Printable;

/// Change permissions of remote file
#[derive(Clone, Debug, clap::Args)]
pub struct Chmod {
    /// Change a symbolic link itself, not its target
    #[arg(short = 'h', long)]
    no_dereference: bool,
    /// Change directories recursively
    #[arg(short = 'R', long)]
    recursive: bool,
    /// The new mode: octal, such as 644, or symbolic, such as u+x,go-w
    #[arg(value_name = "mode")]
    mode: Mode,
    /// The files to change
    #[arg(required = true, value_name = "path")]
    targets: Vec<RemotePattern>,
}

impl Run for Chmod {
    const NEEDS_SERVER: bool = true;

    const EXAMPLES: &'static [Example] = &[
        Example { line: "chmod 644 *.html", does: "let everyone read and only you write" },
        Example { line: "chmod go-w notes.txt", does: "let only you write" },
    ];

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        if self.recursive {
            cx.goes_on_in_trees();
        }
        let session = cx.session().clone();
        let no_dereference = self.no_dereference;
        let targets = targets(cx, &self.targets)?;
        if no_dereference && let Err(failure) = cx.require(Extension::Lsetstat) {
            if let Some(first) = targets.first() {
                cx.output.status(format_args!("Changing mode on {}", Printable(first.path.as_bytes())));
            }
            return Err(failure);
        }
        let changes: Vec<_> = targets.into_iter().map(|target| self.changes(cx, target)).collect();
        let changes = changes.into_iter().flatten().map(|change| change?.complete(&session));
        in_order(
            cx,
            changes,
            &|session, queue, token, (path, mode)| {
                let attributes = Attributes::with_permissions(*mode);
                match no_dereference {
                    true => session.submit_to(queue, token, &calls::Lsetstat { path, attributes }),
                    false => session.submit_to(queue, token, &calls::Setstat { path, attributes }),
                }
            },
            |cx, (path, _), answer| {
                let shown = Printable(path.as_bytes());
                cx.output.status(format_args!("Changing mode on {shown}"));
                let request = if no_dereference { "lsetstat" } else { "setstat" };
                answer.map(drop).map_err(|error| Failure::refused(format!("remote {request} \"{shown}\""), &error))
            },
        )
    }
}

/// A change of one file's mode, which may depend on the mode that it has.
struct Change {
    path: RemotePath,
    change: mode::Change,
    known: Option<Attributes>,
}

impl Change {
    /// The path and its new mode. The old one is asked for only where it matters and no listing told it.
    fn complete(self, session: &Session) -> Result<(RemotePath, u32), Failure> {
        let Change { path, change, known } = self;
        if let Some(mode) = change.apply(known.and_then(|known| known.permissions)) {
            return Ok((path, mode));
        }
        let attributes =
            session.stat(&path).map_err(|error| Failure::refused("stat remote", &error).about(path.as_bytes()))?;
        match change.apply(attributes.permissions) {
            Some(mode) => Ok((path, mode)),
            None => Err(Failure::new("the server does not tell the mode").about(path.as_bytes())),
        }
    }
}

impl Chmod {
    /// The changes for one target: the target first, then what is in it.
    fn changes(&self, cx: &Context, target: Target) -> impl Iterator<Item = Result<Change, Failure>> + use<> {
        let is_tree = self.recursive && target.found.as_ref().is_some_and(|found| found.attributes.is_dir());
        let walk = is_tree.then(|| cx.remote.walk(&target.path, Links::Kept));
        let known = target.found.map(|found| if self.no_dereference { found.attributes } else { *found.followed() });
        let change = self.mode.0.clone();
        let to = move |path, known| Ok(Change { path, change: change.clone(), known });
        let first = to(target.path, known);
        std::iter::once(first).chain(walk.into_iter().flatten().filter_map(move |found| match found {
            Found::Directory(directory) if directory.depth > 0 => {
                Some(to(directory.path.clone(), Some(directory.attributes)))
            }
            // A link has no mode of its own that would matter, and what it leads to was not named.
            Found::Entry { entry, .. } if is_link(&entry.attributes) => None,
            Found::Entry { directory, entry } => Some(to(directory.path.join(&entry.name), Some(entry.attributes))),
            Found::Failure(error) => Some(Err(error.into())),
            Found::Directory(_) | Found::Left(_) => None,
        }))
    }
}

fn is_link(attributes: &Attributes) -> bool {
    attributes.file_type() == Some(FileType::Symlink)
}
