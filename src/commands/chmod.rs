//! `chmod`.
#![forbid(unsafe_code)]

use super::matching::{Target, targets};
use super::{Context, Example, Failure, Mode, Outcome, RemotePattern, Run, in_order};
use crate::name::RemotePath;
use crate::remote::{Found, Links};
use crate::sftp::{Attributes, Extension, calls};
use crate::terminal::Printable;

/// Change permissions of remote file
#[derive(Clone, Debug, clap::Args)]
pub struct Chmod {
    /// Change a symbolic link itself, not what it leads to
    #[arg(short = 'h', long)]
    no_dereference: bool,
    /// Change directories and what is in them
    #[arg(short = 'R', long)]
    recursive: bool,
    /// New mode: octal, such as 644, or symbolic, such as u+x,go-w
    #[arg(value_name = "mode")]
    mode: Mode,
    /// Files to change
    #[arg(required = true, value_name = "path")]
    targets: Vec<RemotePattern>,
}

impl Run for Chmod {
    const EXAMPLES: &'static [Example] = &[
        Example { line: "chmod 644 *.html", does: "let everyone read, and only you write" },
        Example { line: "chmod go-w notes.txt", does: "let nobody but you write" },
    ];

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        if self.no_dereference {
            cx.require(Extension::Lsetstat)?;
        }
        let changes: Vec<_> =
            targets(cx, &self.targets)?.into_iter().flat_map(|target| self.changes(cx, target)).collect();
        let no_dereference = self.no_dereference;
        in_order(
            cx,
            changes,
            &|session, queue, token, Change { path, attributes }| {
                let attributes = *attributes;
                match no_dereference {
                    true => session.submit_to(queue, token, &calls::Lsetstat { path, attributes }),
                    false => session.submit_to(queue, token, &calls::Setstat { path, attributes }),
                }
            },
            |cx, Change { path, .. }, answer| {
                let shown = Printable(path.as_bytes());
                cx.output.status(format_args!("Changing mode on {shown}"));
                let request = if no_dereference { "lsetstat" } else { "setstat" };
                answer.map(drop).map_err(|error| Failure::refused(format!("remote {request} \"{shown}\""), &error))
            },
        )
    }
}

/// One request.
struct Change {
    path: RemotePath,
    attributes: Attributes,
}

impl Chmod {
    /// The requests for one target: the target first, then what is in it.
    fn changes(&self, cx: &Context, target: Target) -> Vec<Result<Change, Failure>> {
        let is_tree = self.recursive && target.found.as_ref().is_some_and(|found| found.attributes.is_dir());
        let known = target.found.map(|found| if self.no_dereference { found.attributes } else { *found.followed() });
        let mut changes = vec![self.change(cx, target.path.clone(), known)];
        if is_tree {
            changes.extend(cx.remote.walk(&target.path, Links::Kept).filter_map(|found| match found {
                Found::Directory(directory) if directory.depth > 0 => {
                    Some(self.change(cx, directory.path.clone(), Some(directory.attributes)))
                }
                // A link has no mode of its own that would matter, and what it leads to was not named.
                Found::Entry { entry, .. } if is_link(&entry.attributes) => None,
                Found::Entry { directory, entry } => {
                    Some(self.change(cx, directory.path.join(&entry.name), Some(entry.attributes)))
                }
                Found::Failure(error) => Some(Err(error.into())),
                Found::Directory(_) | Found::Left(_) => None,
            }));
        }
        changes
    }

    fn change(&self, cx: &Context, path: RemotePath, known: Option<Attributes>) -> Result<Change, Failure> {
        let mode = match self.mode.0.apply(known.and_then(|known| known.permissions)) {
            Some(mode) => mode,
            // Asked for the server's own reason why it does not say.
            None => {
                let stat = cx.session().stat(&path);
                let mode = stat
                    .map_err(|error| Failure::refused("stat remote", &error).about(path.as_bytes()))
                    .map(|attributes| self.mode.0.apply(attributes.permissions))?;
                mode.ok_or_else(|| Failure::new("the server does not tell the mode").about(path.as_bytes()))?
            }
        };
        Ok(Change { path, attributes: Attributes::with_permissions(mode) })
    }
}

fn is_link(attributes: &Attributes) -> bool {
    attributes.file_type() == Some(crate::sftp::FileType::Symlink)
}
