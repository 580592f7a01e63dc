//! `tree`.

use crate::commands::matches::{Form, Target, Targets, targets};
use crate::commands::record::record;
use crate::commands::{Context, Depth, Example, Failure, Outcome, Purpose, RemotePattern, Run};
use crate::name::RemotePath;
use crate::remote::{Found, Links};
use crate::sftp::Attributes;
use crate::terminal::Printable;

/// Display remote directories as a tree
///
/// Entries are sorted by name. Names that begin with a dot are left out unless -a is given, and so is what is in such
/// directories.
#[derive(Clone, Debug, clap::Args)]
pub struct Tree {
    /// Include names that start with a dot
    #[arg(short, long)]
    all: bool,
    /// Show only directories
    #[arg(short, long)]
    directories: bool,
    /// Descend at most this many levels; 1 means the directory's own entries
    #[arg(short = 'L', long, value_name = "depth")]
    level: Option<Depth>,
    /// Print one JSON object per line, as ls --json does
    #[arg(long)]
    json: bool,
    /// The directories to display [default: the working directory]
    #[arg(value_name = "path")]
    paths: Vec<RemotePattern>,
}

impl Run for Tree {
    const NEEDS_SERVER: bool = true;

    const REFUSES_LATE_FLAGS: bool = true;
    const EXAMPLES: &'static [Example] = &[
        Example { line: "tree -L 2 site", does: "show two levels of a directory" },
        Example { line: "tree -d", does: "show only the directories" },
    ];

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let tops = match self.paths.is_empty() {
            true => Targets::working_directory(cx),
            false => targets(cx, &self.paths)?,
        };
        let mut counts = Counts::default();
        for Target { path, form, .. } in tops {
            self.show(cx, &path, form, &mut counts)?;
            if cx.interrupt().was_pressed() {
                return Err(Failure::already_shown());
            }
        }
        if !self.json {
            cx.output.answer(format_args!("\n{}", counts.summary(self.directories)));
        }
        if counts.is_whole { Ok(Outcome::Done) } else { Err(Failure::already_shown()) }
    }
}

impl Tree {
    fn show(&self, cx: &Context, top: &RemotePath, form: Form, counts: &mut Counts) -> Result<(), Failure> {
        let (all, directories) = (self.all, self.directories);
        let mut walk = cx.remote.walk(top, Links::Kept).only(move |path, attributes| {
            let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
            (all || !name.starts_with(b".")) && (!directories || attributes.is_dir())
        });
        walk.go_no_deeper_than(self.level.map_or(usize::MAX, |Depth(depth)| depth));
        let mut branch = Branch::default();
        while let Some(found) = walk.next() {
            let is_last = walk.is_at_last();
            match found {
                Found::Directory(directory) => {
                    counts.directories += u64::from(directory.depth > 0);
                    match &directory.name {
                        Some(name) => self.line(
                            cx,
                            &branch.line(name.as_bytes(), is_last),
                            &directory.path,
                            directory.attributes,
                        )?,
                        None => self.top(cx, top, form),
                    }
                    if directory.depth > 0 {
                        branch.enter(is_last);
                    }
                }
                Found::Entry { directory, entry } => {
                    counts.files += 1;
                    let line = branch.line(entry.name.as_bytes(), is_last);
                    self.line(cx, &line, &directory.path.join(&entry.name), entry.attributes)?;
                }
                Found::Left(_) => branch.leave(),
                Found::Failure(error) => {
                    cx.output.explain(&Failure::from(error));
                    counts.is_whole = false;
                }
            }
        }
        Ok(())
    }

    fn top(&self, cx: &Context, top: &RemotePath, form: Form) {
        let shown = match form {
            Form::Relative if top == cx.remote.working_directory() => b".",
            form => form.show(cx, top),
        };
        if !self.json {
            cx.output.answer(Printable(shown));
        }
    }

    fn line(&self, cx: &Context, line: &str, path: &RemotePath, attributes: Attributes) -> Result<(), Failure> {
        if self.json {
            let (uid, gid) = attributes.owner.map(|owner| (owner.uid, owner.gid)).unzip();
            cx.output.answer(record(path.as_bytes(), &attributes, &*cx.remote.owner_names(uid, gid)?));
        } else {
            cx.output.answer(line);
        }
        Ok(())
    }
}

/// The lines that lead to an entry.
#[derive(Default)]
struct Branch(Vec<bool>);

impl Branch {
    /// Returns the line of an entry.
    fn line(&self, name: &[u8], is_last: bool) -> String {
        let above: String = self.0.iter().map(|&was_last| if was_last { "    " } else { "│   " }).collect();
        format!("{above}{}{}", if is_last { "└── " } else { "├── " }, Printable(name))
    }

    fn enter(&mut self, is_last: bool) {
        self.0.push(is_last);
    }

    /// Leaves a directory, which may be the top.
    fn leave(&mut self) {
        self.0.pop();
    }
}

/// The numbers of what was shown.
struct Counts {
    directories: u64,
    files: u64,
    is_whole: bool,
}

impl Default for Counts {
    fn default() -> Counts {
        Counts { directories: 0, files: 0, is_whole: true }
    }
}

impl Counts {
    fn summary(&self, only_directories: bool) -> String {
        let directories = counted(self.directories, "directory", "directories");
        match only_directories {
            true => directories,
            false => format!("{directories}, {}", counted(self.files, "file", "files")),
        }
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
