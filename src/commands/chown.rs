//! `chown` and `chgrp`.
#![forbid(unsafe_code)]

use super::matching::{Target, targets};
use super::{Context, Example, Failure, Id, Outcome, OwnerIds, RemotePattern, Run, in_order};
use crate::name::RemotePath;
use crate::sftp::{Attributes, Extension, Owner, calls};
use crate::terminal::Printable;

/// Change owner of remote file
///
/// The protocol knows numbers only, not names.
#[derive(Clone, Debug, clap::Args)]
pub struct Chown {
    /// Change a symbolic link itself, not what it leads to
    #[arg(short = 'h', long)]
    no_dereference: bool,
    /// Number of the new owner; with a group OWNER:GROUP
    #[arg(value_name = "own")]
    own: OwnerIds,
    /// Files to change
    #[arg(required = true, value_name = "path")]
    targets: Vec<RemotePattern>,
}

impl Run for Chown {
    const EXAMPLES: &'static [Example] = &[Example { line: "chown 1000 *.log", does: "give files to user 1000" }];

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let OwnerIds { uid, gid } = self.own;
        let whose = if uid.is_some() { "owner" } else { "group" };
        change(cx, &self.targets, self.no_dereference, whose, |owner| Owner {
            uid: uid.unwrap_or(owner.uid),
            gid: gid.unwrap_or(owner.gid),
        })
    }
}

/// Change group of remote file
///
/// The protocol knows numbers only, not names.
#[derive(Clone, Debug, clap::Args)]
pub struct Chgrp {
    /// Change a symbolic link itself, not what it leads to
    #[arg(short = 'h', long)]
    no_dereference: bool,
    /// Number of the new group
    #[arg(value_name = "grp")]
    grp: Id,
    /// Files to change
    #[arg(required = true, value_name = "path")]
    targets: Vec<RemotePattern>,
}

impl Run for Chgrp {
    const EXAMPLES: &'static [Example] = &[Example { line: "chgrp 100 *.log", does: "give files to group 100" }];

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let Id(gid) = self.grp;
        change(cx, &self.targets, self.no_dereference, "group", |owner| Owner { gid, ..owner })
    }
}

/// Owner and group go over the wire as a pair, so the one that stays must be known.
fn change(
    cx: &mut Context,
    patterns: &[RemotePattern],
    no_dereference: bool,
    whose: &'static str,
    new: impl Fn(Owner) -> Owner,
) -> Result<Outcome, Failure> {
    if no_dereference {
        cx.require(Extension::Lsetstat)?;
    }
    let targets = targets(cx, patterns)?;
    let changes: Vec<Result<(RemotePath, Attributes), Failure>> = targets
        .into_iter()
        .map(|target| {
            let owner = new(present_owner(cx, &target, no_dereference)?);
            Ok((target.path, Attributes { owner: Some(owner), ..Attributes::default() }))
        })
        .collect();
    in_order(
        cx,
        changes,
        &|session, queue, token, (path, attributes)| {
            let attributes = *attributes;
            match no_dereference {
                true => session.submit_to(queue, token, &calls::Lsetstat { path, attributes }),
                false => session.submit_to(queue, token, &calls::Setstat { path, attributes }),
            }
        },
        |cx, (path, _), answer| {
            let shown = Printable(path.as_bytes());
            cx.output.status(format_args!("Changing {whose} on {shown}"));
            let request = if no_dereference { "lsetstat" } else { "setstat" };
            answer.map(drop).map_err(|error| Failure::refused(format!("remote {request} \"{shown}\""), &error))
        },
    )
}

fn present_owner(cx: &Context, target: &Target, no_dereference: bool) -> Result<Owner, Failure> {
    let attributes = match &target.found {
        Some(found) if no_dereference => found.attributes,
        Some(found) => *found.followed(),
        None => {
            let path = &target.path;
            let answer = if no_dereference { cx.session().lstat(path) } else { cx.session().stat(path) };
            answer.map_err(|error| Failure::refused("stat remote", &error).about(path.as_bytes()))?
        }
    };
    attributes.owner.ok_or_else(|| {
        let shown = Printable(target.path.as_bytes());
        Failure::new(format!("Can't get current ownership of remote file \"{shown}\""))
    })
}
