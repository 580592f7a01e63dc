//! `rm`.

use std::collections::HashSet;

use crate::commands::matches::{Target, Targets, targets};
use crate::commands::{Context, Example, Failure, Origin, Outcome, Purpose, RemotePattern, Run, in_order};
use crate::name::RemotePath;
use crate::remote::{Found, Links, Walk};
use crate::sftp::{Error, FileType, Session, StatusCode, calls};
use crate::terminal::Printable;
use crate::terminal::prompt::{self, Unanswered};

/// Delete remote file
///
/// Wildcards are expanded. A directory needs -r. A symbolic link is removed, never its target. At a prompt, sftpsh asks before
/// it removes more names than the setting confirm-removals allows.
#[derive(Clone, Debug, clap::Args)]
pub struct Rm {
    /// Remove directories recursively
    #[arg(short, short_alias = 'R', long)]
    recursive: bool,
    /// Ignore missing files, and never ask
    #[arg(short, long, overrides_with = "interactive")]
    force: bool,
    /// Ask before each file or directory that you name or that a pattern matches
    #[arg(short, long, overrides_with = "force")]
    interactive: bool,
    /// The files to remove
    #[arg(required = true, value_name = "path")]
    targets: Vec<RemotePattern>,
}

impl Run for Rm {
    const NEEDS_SERVER: bool = true;

    const EXAMPLES: &'static [Example] = &[
        Example { line: "rm *.tmp", does: "remove files by a pattern" },
        Example { line: "rm -r old", does: "remove a directory recursively" },
        Example { line: "rm -f *.bak", does: "remove files, if there are any" },
    ];

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let targets = targets(cx, &self.targets)?;
        let targets = match self.interactive {
            true => confirmed(cx, targets)?,
            false => targets,
        };
        if asks_for_many(cx, &self) && !may_remove(cx, &targets, self.recursive)? {
            return Err(Failure::new("rm: nothing was removed"));
        }
        if self.recursive {
            return remove_trees(cx, targets, self.force);
        }
        let steps = targets.into_iter().map(|target| Ok(Step::File(target.path)));
        in_order(cx, steps, &Step::submit, |cx, step, answer| step.conclude(cx, answer.map(drop), self.force))
    }
}

/// Returns the targets that the user confirms.
fn confirmed(cx: &Context, targets: Targets) -> Result<Targets, Failure> {
    if cx.stops_at_failure || !prompt::possible() {
        return Err(Failure::new("rm: -i needs a terminal").with_hint("without it, rm asks nothing"));
    }
    let mut confirmed = Vec::new();
    for target in targets {
        let shown = Printable(target.form.show(cx, &target.path)).text();
        if says_yes(cx, &format!("Remove {shown} (y/n)? "))? {
            confirmed.push(target);
        }
    }
    Ok(confirmed.into_iter().collect())
}

/// Returns whether a person is to be asked before many names are removed.
fn asks_for_many(cx: &Context, rm: &Rm) -> bool {
    cx.origin == Origin::Person && !rm.force && !rm.interactive && cx.settings.confirm_removals > 0
}

/// Counts the names to remove, and asks if there are more than the setting allows.
fn may_remove(cx: &Context, targets: &Targets, recursive: bool) -> Result<bool, Failure> {
    let most = cx.settings.confirm_removals;
    let mut count = targets.len() as u64;
    let trees = targets.iter().filter(|target| recursive && is_tree(target));
    for tree in trees {
        if count > most {
            break;
        }
        let left = usize::try_from(most - count).unwrap_or(usize::MAX);
        let below = cx
            .remote
            .walk(&tree.path, Links::Kept)
            .filter(|found| matches!(found, Found::Entry { .. } | Found::Left(_)));
        count += (below.take(left.saturating_add(2)).count() as u64).saturating_sub(1);
    }
    if cx.interrupt().was_pressed() {
        return Err(Failure::already_shown());
    }
    Ok(count <= most || says_yes(cx, &format!("This removes more than {most} names. Go on (y/n)? "))?)
}

fn is_tree(target: &Target) -> bool {
    let is_directory = target.found.as_ref().is_some_and(|found| found.itself.is_dir());
    is_directory && !matches!(target.path.base_name(), None | Some(b"." | b".."))
}

/// Asks a question. No answer, or any other than yes, means no.
fn says_yes(cx: &Context, question: &str) -> Result<bool, Failure> {
    cx.output.flush();
    match prompt::ask(question) {
        Ok(answer) => Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")),
        Err(Unanswered::Interrupted) => Err(Failure::already_shown()),
        Err(_) => Ok(false),
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

    /// Reports the outcome. With `force`, a file that is missing needs no removal.
    fn conclude(&self, cx: &Context, outcome: Result<(), Error>, force: bool) -> Result<(), Failure> {
        match outcome {
            Err(error) if force && error.status_code() == Some(StatusCode::NO_SUCH_FILE) => Ok(()),
            outcome => {
                self.announce(cx);
                outcome.map_err(|error| self.refused(cx, &error))
            }
        }
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
fn remove_trees(cx: &mut Context, targets: Targets, force: bool) -> Result<Outcome, Failure> {
    let trees = Trees { session: cx.session().clone(), walk: cx.remote.walks(Links::Kept) };
    carry_out(cx, targets.into_iter().flat_map(|target| trees.steps(target)), force)
}

/// Removes files and directories in this order, without waiting in between. With `force`, a missing one is no failure.
pub(super) fn carry_out(
    cx: &mut Context,
    steps: impl IntoIterator<Item = Result<Step, Failure>>,
    force: bool,
) -> Result<Outcome, Failure> {
    cx.goes_on_in_trees();
    let mut incomplete = Incomplete::default();
    in_order(cx, steps, &Step::submit, |cx, step, answer| {
        let removed = answer.or_else(|error| match &step {
            // A server may process requests in any order, so the removal is tried again now that all answers have
            // arrived.
            Step::Directory(path) if error.leaves_the_session_alive() && !incomplete.holds(path) => {
                cx.session().rmdir(path).map(|()| crate::sftp::Reply::Done)
            }
            _ => Err(error),
        });
        step.conclude(cx, removed.map(drop), force).map_err(|failure| match incomplete.note(step.path()) {
            // The reason why an entry below remains was printed already.
            Remains::Other => Failure::already_shown(),
            Remains::This => failure,
        })
    })
}

/// Finds out what to remove.
struct Trees<W> {
    session: Session,
    walk: W,
}

/// The steps of a removal, in order.
type Steps = Box<dyn Iterator<Item = Result<Step, Failure>>>;

impl<W: Fn(&RemotePath) -> Walk> Trees<W> {
    /// Returns the steps that remove a target.
    fn steps(&self, target: Target) -> Steps {
        let Target { path, found, .. } = target;
        if !found.is_some_and(|found| found.itself.is_dir()) {
            return Box::new(std::iter::once(Ok(Step::File(path))));
        }
        self.tree(&path).unwrap_or_else(|refused| Box::new(std::iter::once(Err(refused))))
    }

    /// Returns the steps that remove a directory. A trailing slash may have hidden that the name is a link.
    fn tree(&self, named: &RemotePath) -> Result<Steps, Failure> {
        let shown = Printable(named.as_bytes());
        match named.base_name() {
            None => return Err(Failure::new("rm: \"/\" is not removed: everything on the server is in it")),
            Some(b"." | b"..") => {
                return Err(Failure::new(format!("rm: \"{shown}\" is not removed: name a directory by its own name")));
            }
            Some(_) => {}
        }
        let path = named.without_trailing_slashes();
        if path != *named {
            let refused = |error| Failure::refused("stat remote", &error).about(path.as_bytes());
            if !self.session.lstat(&path).map_err(refused)?.is_dir() {
                let failure = Failure::new(format!("rm: \"{}\" is a symbolic link", Printable(path.as_bytes())));
                let hint = "without the slash after its name, rm removes the link and not the directory it leads to";
                return Err(failure.with_hint(hint));
            }
        }
        Ok(Box::new((self.walk)(&path).filter_map(step)))
    }
}

fn step(found: Found) -> Option<Result<Step, Failure>> {
    Some(match found {
        Found::Directory(_) => return None,
        Found::Entry { directory, entry } => Ok(Step::File(directory.path.join(&entry.name))),
        Found::Left(directory) => Ok(Step::Directory(directory.path.clone())),
        Found::Failure(error) => Err(error.into()),
    })
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
