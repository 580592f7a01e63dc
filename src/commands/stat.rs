//! `stat`.

use bytes::Bytes;

use crate::commands::matches::{Form, Target, targets};
use crate::commands::record::{file_type, object};
use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePattern, Run, each};
use crate::mode;
use crate::name::RemotePath;
use crate::remote::OwnerNames;
use crate::sftp::{Attributes, FileType};
use crate::terminal::Printable;
use crate::terminal::time::{self, Clock};

/// Display the attributes of remote files
///
/// Attributes that the server doesn't report are left out. A symbolic link is shown itself, with its target.
#[derive(Clone, Debug, clap::Args)]
pub struct Stat {
    /// Print one JSON object per line: the members of ls --json, then atime and target
    #[arg(long)]
    json: bool,
    /// The files and directories to show
    #[arg(required = true, value_name = "path")]
    paths: Vec<RemotePattern>,
}

impl Run for Stat {
    const NEEDS_SERVER: bool = true;

    const REFUSES_LATE_FLAGS: bool = true;
    const EXAMPLES: &'static [Example] = &[
        Example { line: "stat notes.txt", does: "show size, mode, owner and times of a file" },
        Example { line: "stat --json *.log", does: "describe each log as JSON" },
    ];

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let targets = targets(cx, &self.paths)?;
        let mut is_first = true;
        each(cx, targets, |cx, target| {
            let looked = Looked::at(cx, target)?;
            let owner = looked.attributes.owner;
            let owners = cx.remote.owner_names(owner.map(|owner| owner.uid), owner.map(|owner| owner.gid))?;
            if self.json {
                cx.output.answer(looked.record(&owners));
                return Ok(());
            }
            if !std::mem::take(&mut is_first) {
                cx.output.answer("");
            }
            for (label, value) in looked.lines(cx, &owners) {
                cx.output.answer(format_args!("{label:>8}: {value}"));
            }
            Ok(())
        })
    }
}

/// A path and its attributes, as the server reports them.
struct Looked {
    path: RemotePath,
    form: Form,
    attributes: Attributes,
    /// If the path is a link, what it holds.
    link_target: Option<Bytes>,
}

impl Looked {
    fn at(cx: &Context, target: Target) -> Result<Looked, Failure> {
        let Target { path, found, form } = target;
        let attributes = match found {
            Some(found) => found.itself,
            None => {
                let refused = |error| Failure::refused("stat remote", &error).about(path.as_bytes());
                cx.session().lstat(&path).map_err(refused)?
            }
        };
        let unread = |error| Failure::refused(format!("remote readlink \"{}\"", Printable(path.as_bytes())), &error);
        let link_target = match attributes.file_type() {
            Some(FileType::Symlink) => Some(cx.session().readlink(&path).map_err(unread)?),
            _ => None,
        };
        Ok(Looked { path, form, attributes, link_target })
    }

    fn record(&self, owners: &OwnerNames) -> String {
        let mut object = object(self.path.as_bytes(), &self.attributes, owners);
        object.number("atime", self.attributes.times.map(|times| times.accessed));
        object.name("target", self.link_target.as_deref());
        object.end()
    }

    /// Returns the lines about the path, as labels and values.
    fn lines(&self, cx: &Context, owners: &OwnerNames) -> Vec<(&'static str, String)> {
        let owner = |name: Option<&[u8]>, id: u32| match name {
            Some(name) => format!("{} ({id})", Printable(name)),
            None => id.to_string(),
        };
        let clock = Clock::local();
        let Attributes { size, owner: ids, permissions, times } = self.attributes;
        let mut lines = vec![("name", Printable(self.form.show(cx, &self.path)).to_string())];
        if let Some(mode) = permissions {
            lines.push(("type", file_type(mode).to_owned()));
            lines.push(("mode", format!("{} ({:04o})", mode::letters(mode), mode & 0o7777)));
        }
        lines.extend(size.map(|size| ("size", size.to_string())));
        if let Some(ids) = ids {
            lines.push(("owner", owner(owners.user(ids.uid), ids.uid)));
            lines.push(("group", owner(owners.group(ids.gid), ids.gid)));
        }
        if let Some(times) = times {
            lines.push(("accessed", time::iso(times.accessed, &clock)));
            lines.push(("modified", time::iso(times.modified, &clock)));
        }
        lines.extend(self.link_target.as_deref().map(|target| ("target", Printable(target).to_string())));
        lines
    }
}
