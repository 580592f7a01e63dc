//! `rm`.

use std::collections::HashSet;

use crate::commands::matches::{Target, targets};
use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePattern, Run, in_order};
use crate::name::RemotePath;
use crate::remote::{Found, Links, Walk};
use crate::sftp::{Error, FileType, Session, calls};
use crate::terminal::Printable;

/// Delete remote file
///
/// Wildcards are expanded. A directory needs -r. A symbolic link is removed, never its target.
#[derive(Clone, Debug, clap::Args)]
pub struct Rm {
    /// Remove directories recursively
    #[arg(short, short_alias = 'R', long)]
    recursive: bool,
    /// The files to remove
    #[arg(required = true, value_name = "path")]
    targets: Vec<RemotePattern>,
}

impl Run for Rm {
    const NEEDS_SERVER: bool = true;

    const EXAMPLES: &'static [Example] = &[
        Example { line: "rm *.tmp", does: "remove files by a pattern" },
        Example { line: "rm -r old", does: "remove a directory recursively" },
    ];

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let targets = targets(cx, &self.targets)?;
        if self.recursive {
            return remove_trees(cx, targets);
        }
        let steps = targets.into_iter().map(|target| Ok(Step::File(target.path)));
        in_order(cx, steps, &Step::submit, |cx, step, answer| {
            step.announce(cx);
            answer.map(drop).map_err(|error| step.refused(cx, &error))
        })
    }
}

/// One request of a removal.
pub(super) enum Step {
    File(RemotePath),
    Directory(RemotePath),
}

impl Step {
    fn path(&self) -> &RemotePath {
        match self {
            Step::File(path) | Step::Directory(path) => path,
        }
    }

    fn submit(session: &Session, queue: &crate::sftp::Completions<u64>, token: u64, step: &Step) {
        match step {
            Step::File(path) => session.submit_to(queue, token, &calls::Remove { path }),
            Step::Directory(path) => session.submit_to(queue, token, &calls::Rmdir { path }),
        }
    }

    fn announce(&self, cx: &Context) {
        cx.output.status(format_args!("Removing {}", Printable(self.path().as_bytes())));
    }

    fn refused(&self, cx: &Context, error: &Error) -> Failure {
        let shown = Printable(self.path().as_bytes());
        match self {
            Step::Directory(_) => Failure::refused(format!("remote rmdir \"{shown}\""), error),
            Step::File(path) => {
                let failure = Failure::refused(format!("remote delete {shown}"), error);
                match cx.kind_after(error, path) {
                    Some(FileType::Directory) => failure
                        .because("it is a directory")
                        .with_hint("rm -r removes a directory and its contents, rmdir an empty one"),
                    _ => failure,
                }
            }
        }
    }
}

/// Removes files and trees. The contents of a directory are removed before it, all without waiting in between.
fn remove_trees(cx: &mut Context, targets: Vec<Target>) -> Result<Outcome, Failure> {
    let mut walks = Vec::new();
    for target in targets {
        walks.push(start(cx, target));
    }
    carry_out(cx, walks.into_iter().flat_map(Removal::steps))
}

/// Removes files and directories in this order, without waiting in between.
pub(super) fn carry_out(
    cx: &mut Context,
    steps: impl IntoIterator<Item = Result<Step, Failure>>,
) -> Result<Outcome, Failure> {
    cx.goes_on_in_trees();
    let mut incomplete = Incomplete::default();
    in_order(cx, steps, &Step::submit, |cx, step, answer| {
        step.announce(cx);
        let removed = answer.or_else(|error| match &step {
            // A server may process requests in any order, so the removal is tried again now that all answers have
            // arrived.
            Step::Directory(path) if error.leaves_the_session_alive() && !incomplete.holds(path) => {
                cx.session().rmdir(path).map(|()| crate::sftp::Reply::Done)
            }
            _ => Err(error),
        });
        removed.map(drop).map_err(|error| match incomplete.note(step.path()) {
            // The reason why an entry below remains was printed already.
            Remains::Other => Failure::already_shown(),
            Remains::This => step.refused(cx, &error),
        })
    })
}

/// The removal of one target.
enum Removal {
    File(RemotePath),
    Tree(Box<Walk>),
    Refused(Failure),
}

impl Removal {
    fn steps(self) -> Box<dyn Iterator<Item = Result<Step, Failure>>> {
        match self {
            Removal::File(path) => Box::new(std::iter::once(Ok(Step::File(path)))),
            Removal::Refused(failure) => Box::new(std::iter::once(Err(failure))),
            Removal::Tree(walk) => Box::new(walk.filter_map(|found| match found {
                Found::Directory(_) => None,
                Found::Entry { directory, entry } => Some(Ok(Step::File(directory.path.join(&entry.name)))),
                Found::Left(directory) => Some(Ok(Step::Directory(directory.path.clone()))),
                Found::Failure(error) => Some(Err(error.into())),
            })),
        }
    }
}

fn start(cx: &Context, target: Target) -> Removal {
    let Target { path, found, .. } = target;
    if !found.is_some_and(|found| found.itself().is_dir()) {
        return Removal::File(path);
    }
    match path.base_name() {
        None | Some(b"." | b"..") => {
            let shown = Printable(path.as_bytes());
            Removal::Refused(Failure::new(format!("rm: \"{shown}\" is not removed: name a directory by its own name")))
        }
        Some(_) => tree(cx, &path.without_trailing_slashes(), &path),
    }
}

/// Returns the removal of a directory. A trailing slash may have hidden that the name is a link.
fn tree(cx: &Context, path: &RemotePath, named: &RemotePath) -> Removal {
    if path == named {
        return Removal::Tree(Box::new(cx.remote.walk(path, Links::Kept)));
    }
    let refused = match cx.session().lstat(path) {
        Ok(attributes) if attributes.is_dir() => {
            return Removal::Tree(Box::new(cx.remote.walk(path, Links::Kept)));
        }
        Ok(_) => Failure::new(format!("rm: \"{}\" is a symbolic link", Printable(path.as_bytes())))
            .with_hint("without the slash after its name, rm removes the link and not the directory it leads to"),
        Err(error) => Failure::refused("stat remote", &error).about(path.as_bytes()),
    };
    Removal::Refused(refused)
}

/// Directories in which an entry remains, so that they can't be removed either.
#[derive(Default)]
struct Incomplete(HashSet<RemotePath>);

enum Remains {
    /// The target itself could not be removed.
    This,
    /// An entry below it could not be removed.
    Other,
}

impl Incomplete {
    fn holds(&self, directory: &RemotePath) -> bool {
        self.0.contains(directory)
    }

    /// Records that this path remains, and thus all its parents.
    fn note(&mut self, path: &RemotePath) -> Remains {
        let known = self.holds(path);
        if let Some(parent) = path.parent() {
            self.0.insert(parent);
        }
        if known { Remains::Other } else { Remains::This }
    }
}
