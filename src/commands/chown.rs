//! `chown` and `chgrp`.

use crate::commands::matches::{Target, targets};
use crate::commands::set_attributes::{SetAttributes, below_the_top};
use crate::commands::{Context, Example, Failure, Id, Outcome, OwnerIds, Purpose, RemotePattern, Run};
use crate::name::RemotePath;
use crate::remote::{Links, SoughtOwner};
use crate::sftp::{Attributes, Extension, FileType, Owner};
use crate::terminal::Printable;

/// Change owner of remote file
///
/// OWN is USER or USER:GROUP, each a number or a name. SFTP servers translate numbers to names, but not names to numbers, so
/// sftpsh finds a name only if its number is a common one or belongs to a file nearby.
#[derive(Clone, Debug, clap::Args)]
pub struct Chown {
    /// Change a symbolic link itself, not its target
    #[arg(short = 'h', long)]
    no_dereference: bool,
    /// Change directories recursively
    #[arg(short = 'R', short_alias = 'r', long)]
    recursive: bool,
    /// The new owner, optionally with a group: OWNER:GROUP
    #[arg(value_name = "own")]
    own: OwnerIds,
    /// The files to change
    #[arg(required = true, value_name = "path")]
    targets: Vec<RemotePattern>,
}

impl Run for Chown {
    const NEEDS_SERVER: bool = true;

    const EXAMPLES: &'static [Example] = &[Example { line: "chown 1000 *.log", does: "give files to user 1000" }];

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        change(
            cx,
            "chown",
            &self.own,
            &self.targets,
            How { no_dereference: self.no_dereference, recursive: self.recursive },
        )
    }
}

/// Change group of remote file
///
/// GRP is a number or a name; names are found as by chown.
#[derive(Clone, Debug, clap::Args)]
pub struct Chgrp {
    /// Change a symbolic link itself, not its target
    #[arg(short = 'h', long)]
    no_dereference: bool,
    /// Change directories recursively
    #[arg(short = 'R', short_alias = 'r', long)]
    recursive: bool,
    /// The new group
    #[arg(value_name = "grp")]
    grp: Id,
    /// The files to change
    #[arg(required = true, value_name = "path")]
    targets: Vec<RemotePattern>,
}

impl Run for Chgrp {
    const NEEDS_SERVER: bool = true;

    const EXAMPLES: &'static [Example] = &[Example { line: "chgrp 100 *.log", does: "give files to group 100" }];

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let own = OwnerIds { user: None, group: Some(self.grp) };
        change(cx, "chgrp", &own, &self.targets, How { no_dereference: self.no_dereference, recursive: self.recursive })
    }
}

/// Changes owner or group. The protocol sets them only as a pair, so the one that stays must be known.
fn change(
    cx: &mut Context,
    command: &str,
    own: &OwnerIds,
    patterns: &[RemotePattern],
    how: How,
) -> Result<Outcome, Failure> {
    let How { no_dereference, recursive } = how;
    if recursive {
        cx.goes_on_in_trees();
    }
    let targets = targets(cx, patterns)?;
    let mut trees = Vec::new();
    let present = targets.into_iter().map(|target| {
        trees.extend((recursive && is_tree(&target)).then(|| target.path.clone()));
        present_owner(cx, &target, no_dereference).map(|owner| (target.path, owner))
    });
    let present: Vec<Result<(RemotePath, Owner), Failure>> = present.collect();
    let (uid, gid) = numbers(cx, command, own, &present)?;
    let whose = if uid.is_some() { "owner" } else { "group" };
    let step = SetAttributes { what: whose, of_links: no_dereference };
    step.require(cx, present.first().and_then(|first| first.as_ref().ok()).map(|(path, _)| path))?;
    let walks: Vec<_> = trees.iter().map(|top| cx.remote.walk(top, Links::Kept).in_parts()).collect();
    let below = walks.into_iter().flatten().filter_map(below_the_top).map(|file| {
        let (path, attributes) = file?;
        let owner = attributes.owner.ok_or_else(|| unknown_owner(&path))?;
        Ok((path, owner))
    });
    let changes = present.into_iter().chain(below).map(|present| {
        let (path, owner) = present?;
        let owner = Owner { uid: uid.unwrap_or(owner.uid), gid: gid.unwrap_or(owner.gid) };
        Ok((path, Attributes { owner: Some(owner), ..Attributes::default() }))
    });
    step.run(cx, changes)
}

/// The flags of `chown` and `chgrp`.
#[derive(Clone, Copy)]
struct How {
    no_dereference: bool,
    recursive: bool,
}

fn is_tree(target: &Target) -> bool {
    target.found.as_ref().is_some_and(|found| found.itself.is_dir())
}

fn unknown_owner(path: &RemotePath) -> Failure {
    Failure::new(format!("Can't get current ownership of remote file \"{}\"", Printable(path.as_bytes())))
}

/// Returns the numbers of user and group. Names are looked up among the owners of files near those to be changed.
fn numbers(
    cx: &Context,
    command: &str,
    own: &OwnerIds,
    present: &[Result<(RemotePath, Owner), Failure>],
) -> Result<(Option<u32>, Option<u32>), Failure> {
    let name = |id: &'_ Option<Id>| match id {
        Some(Id::Name(name)) => Some(name.clone()),
        Some(Id::Number(_)) | None => None,
    };
    let (user, group) = (name(&own.user), name(&own.group));
    let sought = SoughtOwner { user: user.as_deref(), group: group.as_deref() };
    let names = match sought {
        SoughtOwner { user: None, group: None } => std::sync::Arc::default(),
        _ => cx.remote.seek_owner(sought, &present.iter().flatten().cloned().collect::<Vec<_>>())?,
    };
    let number = |id: &Option<Id>, kind, find: &dyn Fn(&[u8]) -> Option<u32>| match id {
        None => Ok(None),
        Some(Id::Number(number)) => Ok(Some(*number)),
        Some(Id::Name(name)) => find(name).map(Some).ok_or_else(|| unknown(cx, command, kind, name)),
    };
    Ok((
        number(&own.user, "user", &|name| names.user_named(name))?,
        number(&own.group, "group", &|name| names.group_named(name))?,
    ))
}

fn unknown(cx: &Context, command: &str, kind: &str, name: &[u8]) -> Failure {
    let name = Printable(name);
    let why = match cx.session().offers(Extension::UsersGroupsById) {
        true => format!("The server has no {kind} \"{name}\" among those that could be asked for"),
        false => format!("The server does not tell which {kind} \"{name}\" is"),
    };
    Failure::new(format!("You must supply a numeric argument to the {command} command. {why}"))
        .with_hint("give the number; ls -n shows the numbers of existing files")
}

fn present_owner(cx: &Context, target: &Target, no_dereference: bool) -> Result<Owner, Failure> {
    let attributes = match &target.found {
        Some(found) if no_dereference => found.itself,
        Some(found) if found.target.is_some() || found.itself.file_type() != Some(FileType::Symlink) => {
            found.followed()
        }
        // For a missing file or a dangling link, the server reports the reason.
        _ => {
            let path = &target.path;
            let answer = if no_dereference { cx.session().lstat(path) } else { cx.session().stat(path) };
            answer.map_err(|error| Failure::refused("stat remote", &error).about(path.as_bytes()))?
        }
    };
    attributes.owner.ok_or_else(|| unknown_owner(&target.path))
}
