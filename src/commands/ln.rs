//! `ln` and `symlink`.

use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePathArg, Run, is_bare_failure};
use crate::name::RemotePath;
use crate::sftp::{Error, Extension};
use crate::terminal::Printable;

/// Link remote file (-s for symlink)
#[derive(Clone, Debug, clap::Args)]
pub struct Ln {
    /// Make a symbolic link; its target is stored as typed and need not exist
    #[arg(short, long)]
    symbolic: bool,
    /// The existing file
    #[arg(value_name = "oldpath")]
    oldpath: RemotePathArg,
    /// The path of the new link
    #[arg(value_name = "newpath")]
    newpath: RemotePathArg,
}

impl Run for Ln {
    const NEEDS_SERVER: bool = true;

    const EXAMPLES: &'static [Example] = &[
        Example { line: "ln notes.txt again.txt", does: "give a file a second name" },
        Example { line: "ln -s notes.txt link", does: "make a symbolic link" },
    ];
    const REQUIRED_PHRASE: &'static str = "two paths";

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let (old, link) = (self.oldpath.0, cx.remote.resolve(&self.newpath.0));
        if self.symbolic { symlink(cx, &old, &link) } else { hardlink(cx, &cx.remote.resolve(&old), &link) }
    }
}

/// Symlink remote file
#[derive(Clone, Debug, clap::Args)]
pub struct Symlink {
    /// The target of the link, stored as typed
    #[arg(value_name = "oldpath")]
    oldpath: RemotePathArg,
    /// The path of the new link
    #[arg(value_name = "newpath")]
    newpath: RemotePathArg,
}

impl Run for Symlink {
    const NEEDS_SERVER: bool = true;

    const REQUIRED_PHRASE: &'static str = "two paths";

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        symlink(cx, &self.oldpath.0, &cx.remote.resolve(&self.newpath.0))
    }
}

fn symlink(cx: &Context, target: &RemotePath, link: &RemotePath) -> Result<Outcome, Failure> {
    cx.session().symlink(target, link).map(|()| Outcome::Done).map_err(|error| {
        let (shown_target, shown_link) = (Printable(target.as_bytes()), Printable(link.as_bytes()));
        let failure = Failure::refused(format!("remote symlink file \"{shown_target}\" to \"{shown_link}\""), &error);
        explain(cx, failure, &error, link)
    })
}

fn hardlink(cx: &Context, existing: &RemotePath, link: &RemotePath) -> Result<Outcome, Failure> {
    cx.require(Extension::Hardlink)?;
    cx.session().hardlink(existing, link).map(|()| Outcome::Done).map_err(|error| {
        let (shown_existing, shown_link) = (Printable(existing.as_bytes()), Printable(link.as_bytes()));
        let failure = Failure::refused(format!("remote link \"{shown_existing}\" to \"{shown_link}\""), &error);
        explain(cx, failure, &error, link)
    })
}

fn explain(cx: &Context, failure: Failure, error: &Error, link: &RemotePath) -> Failure {
    match cx.kind_after(error, link).filter(|_| is_bare_failure(error)) {
        Some(_) => failure.because("the link's name is taken"),
        None => failure,
    }
}
