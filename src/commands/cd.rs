//! `cd` and `pwd`: the working directory on the server.
#![forbid(unsafe_code)]

use super::{Context, Example, Failure, Outcome, RemoteDir, Run};
use crate::name;
use crate::terminal::Printable;

/// Change remote directory
///
/// Without a path it goes back to where the session started, with - to where it was before.
#[derive(Clone, Debug, clap::Args)]
pub struct Cd {
    /// Directory to go to
    path: Option<RemoteDir>,
}

impl Run for Cd {
    const EXAMPLES: &'static [Example] = &[
        Example { line: "cd /srv/www", does: "go to a directory" },
        Example { line: "cd -", does: "go back to the directory before" },
    ];

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let target = match self.path {
            Some(RemoteDir(path)) if path.as_bytes() == b"-" => previous(cx)?,
            Some(RemoteDir(path)) if !path.as_bytes().is_empty() => cx.resolve(&path),
            _ => cx.home.clone(),
        };
        let directory = canonical_directory(cx, &target)?;
        cx.change_directory(directory);
        Ok(Outcome::Done)
    }
}

fn previous(cx: &Context) -> Result<name::RemotePath, Failure> {
    cx.previous_directory.clone().ok_or_else(|| {
        Failure::new("Can't change directory: there was no other before").with_hint("a directory named - is ./-")
    })
}

/// The canonical path of what must be a directory. REALPATH alone is no proof: many servers answer it for anything.
fn canonical_directory(cx: &Context, path: &name::RemotePath) -> Result<name::RemotePath, Failure> {
    let shown = Printable(path.as_bytes());
    let answer = cx.session.realpath(path).map_err(|error| Failure::refused(format!("realpath {shown}"), &error))?;
    let canonical =
        name::RemotePath::new(answer.to_vec()).map_err(|error| Failure::new(format!("{shown}: {error}")))?;
    let attributes = cx
        .session
        .stat(&canonical)
        .map_err(|error| Failure::refused("stat remote", &error).about(canonical.as_bytes()))?;
    match attributes.file_type() {
        None => Err(Failure::new("Can't change directory: Can't check target").about(canonical.as_bytes())),
        Some(_) if attributes.is_dir() => Ok(canonical),
        Some(_) => {
            let shown = Printable(canonical.as_bytes());
            Err(Failure::new(format!("Can't change directory: \"{shown}\" is not a directory")))
        }
    }
}

/// Display remote working directory
#[derive(Clone, Debug, clap::Args)]
pub struct Pwd {}

impl Run for Pwd {
    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let shown = Printable(cx.working_directory.as_bytes());
        cx.output.answer(format_args!("Remote working directory: {shown}"));
        Ok(Outcome::Done)
    }
}
