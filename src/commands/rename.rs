//! `rename`.

use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePathArg, Run, is_bare_failure};
use crate::name::RemotePath;
use crate::sftp::{Extension, FileType};
use crate::terminal::Printable;

/// Rename remote file
///
/// An existing file of the new name is replaced if the server can do that in one step, as OpenSSH's can.
#[derive(Clone, Debug, clap::Args)]
pub struct Rename {
    /// Use the plain rename request, with which most servers refuse to replace a file
    #[arg(short)]
    legacy: bool,
    /// The present path
    #[arg(value_name = "oldpath")]
    oldpath: RemotePathArg,
    /// The new path
    #[arg(value_name = "newpath")]
    newpath: RemotePathArg,
}

/// Returns whether two paths are on different file systems, as far as the server reports it.
fn lie_apart(cx: &Context, from: &RemotePath, to: &RemotePath) -> bool {
    let of = |path: &RemotePath| cx.session().statvfs(path).ok().map(|system| system.file_system_id);
    let there = to.parent().and_then(|parent| of(&parent));
    there.is_some() && of(from).is_some_and(|here| Some(here) != there)
}

impl Run for Rename {
    const NEEDS_SERVER: bool = true;

    const EXAMPLES: &'static [Example] = &[Example { line: "rename draft.txt final.txt", does: "rename a file" }];
    const REQUIRED_PHRASE: &'static str = "two paths";

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let (from, to) = (cx.remote.resolve(&self.oldpath.0), cx.remote.resolve(&self.newpath.0));
        let way = if self.legacy { Way::Plain } else { Way::Replacing };
        rename(cx, &from, &to, way).map(|()| Outcome::Done)
    }
}

/// The treatment of an existing file of the new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It is replaced, if the server can do that in one step.
    Replacing,
    /// The server decides; most keep it.
    Plain,
}

/// Renames one file, and explains a bare failure.
pub(super) fn rename(cx: &Context, from: &RemotePath, to: &RemotePath, way: Way) -> Result<(), Failure> {
    let renamed = match way {
        Way::Replacing if cx.session().offers(Extension::PosixRename) => cx.session().posix_rename(from, to),
        Way::Replacing | Way::Plain => cx.session().rename(from, to),
    };
    renamed.map_err(|error| {
        let failure = Failure::refused(renaming(from, to), &error);
        match cx.kind_after(&error, to).filter(|_| is_bare_failure(&error)) {
            Some(FileType::Directory) => failure
                .because("the new name is that of a directory")
                .with_hint("to move a file into a directory, add its new name to the path"),
            Some(_) => failure.because("the new name is taken"),
            None if is_bare_failure(&error) && lie_apart(cx, from, to) => failure
                .because("the two lie on different file systems")
                .with_hint("cp and then rm does what rename can't"),
            None => failure,
        }
    })
}

/// Returns the act, as failures name it.
pub(super) fn renaming(from: &RemotePath, to: &RemotePath) -> String {
    format!("remote rename \"{}\" to \"{}\"", Printable(from.as_bytes()), Printable(to.as_bytes()))
}
