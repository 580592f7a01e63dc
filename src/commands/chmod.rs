//! `chmod`.

use crate::commands::matches::{Target, targets};
use crate::commands::set_attributes::{SetAttributes, below_the_top};
use crate::commands::{Context, Example, Failure, Mode, Outcome, Purpose, RemotePattern, Run};
use crate::mode;
use crate::name::RemotePath;
use crate::remote::{Links, Walk};
use crate::sftp::{Attributes, Session};

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
        let targets = targets(cx, &self.targets)?;
        let step = SetAttributes { what: "mode", of_links: self.no_dereference };
        step.require(cx, targets.first_path().as_ref())?;
        let walks = cx.remote.walks(Links::Kept);
        let files = targets.into_iter().flat_map(|target| self.files(&walks, target));
        let changes = files.map(|file| {
            let (path, known) = file?;
            let permissions = changed(&self.mode.0, &session, &path, known)?;
            Ok((path, Attributes::with_permissions(permissions)))
        });
        step.run(cx, changes)
    }
}

impl Chmod {
    /// Returns the files of one target with their known attributes: the target first, then the files below it.
    fn files(
        &self,
        walks: &impl Fn(&RemotePath) -> Walk,
        target: Target,
    ) -> impl Iterator<Item = Result<(RemotePath, Option<Attributes>), Failure>> {
        let is_tree = self.recursive && target.found.as_ref().is_some_and(|found| found.itself.is_dir());
        let walk = is_tree.then(|| walks(&target.path).in_parts());
        let known = target.found.map(|found| if self.no_dereference { found.itself } else { found.followed() });
        let below = walk.into_iter().flatten().filter_map(below_the_top);
        let below = below.map(|file| file.map(|(path, attributes)| (path, Some(attributes))));
        std::iter::once(Ok((target.path, known))).chain(below)
    }
}

/// Returns the new mode of a file. Queries the present one only if it matters and no listing contained it.
fn changed(
    change: &mode::Change,
    session: &Session,
    path: &RemotePath,
    known: Option<Attributes>,
) -> Result<u32, Failure> {
    if let Some(mode) = change.apply(known.and_then(|known| known.permissions)) {
        return Ok(mode);
    }
    let attributes =
        session.stat(path).map_err(|error| Failure::refused("stat remote", &error).about(path.as_bytes()))?;
    let mode = change.apply(attributes.permissions);
    mode.ok_or_else(|| Failure::new("the server doesn't report the mode").about(path.as_bytes()))
}
