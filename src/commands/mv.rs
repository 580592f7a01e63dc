//! `mv`.

use crate::commands::matches::targets;
use crate::commands::rename::{Way, rename, renaming};
use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePathArg, RemotePattern, Run, each};
use crate::name::{EntryName, RemotePath};
use crate::terminal::Printable;

/// Move remote files into a directory, or rename one
///
/// An existing file is replaced if the server can do that in one step, as OpenSSH's can.
#[derive(Clone, Debug, clap::Args)]
pub struct Mv {
    /// Replace no existing file
    #[arg(short, long)]
    no_clobber: bool,
    /// The files and directories to move
    #[arg(required = true, value_name = "source")]
    sources: Vec<RemotePattern>,
    /// The directory to move them into, or the new path of a single source
    #[arg(value_name = "target")]
    target: RemotePathArg,
}

impl Run for Mv {
    const NEEDS_SERVER: bool = true;

    const REFUSES_LATE_FLAGS: bool = true;
    const EXAMPLES: &'static [Example] = &[
        Example { line: "mv draft.txt final.txt", does: "rename a file" },
        Example { line: "mv *.log old", does: "move files into a directory" },
    ];
    const REQUIRED_PHRASE: &'static str = "two paths";

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let sources = targets(cx, &self.sources)?;
        let target = cx.remote.resolve(&self.target.0);
        let is_directory = cx.remote.is_directory(&target);
        if sources.len() > 1 && !is_directory {
            return Err(Failure::new(format!("mv: \"{}\" is not a directory", Printable(target.as_bytes()))));
        }
        each(cx, sources, |cx, source| {
            let to = if is_directory { inside(&target, &source.path)? } else { target.clone() };
            if self.no_clobber && cx.session().lstat(&to).is_ok() {
                return Err(Failure::new(format!("{}: the new name is taken", renaming(&source.path, &to))));
            }
            rename(cx, &source.path, &to, if self.no_clobber { Way::Plain } else { Way::Replacing })
        })
    }
}

/// Returns the path of `source` once it is in a directory.
fn inside(directory: &RemotePath, source: &RemotePath) -> Result<RemotePath, Failure> {
    match source.base_name().and_then(|base| EntryName::vet(base).ok()) {
        Some(base) => Ok(directory.join(&base)),
        None => Err(Failure::new(format!(
            "mv: \"{}\" is not moved: name a directory by its own name",
            Printable(source.as_bytes())
        ))),
    }
}
