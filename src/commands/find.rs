//! `find`.

use std::iter::Peekable;

use crate::commands::find_conditions::{Conditions, Wanted};
use crate::commands::matches::{Form, Target, Targets, targets};
use crate::commands::record::record;
use crate::commands::rm::{Step, carry_out};
use crate::commands::{Context, Depth, Example, Failure, Outcome, Purpose, RemotePattern, Run};
use crate::name::RemotePath;
use crate::remote::{Found, Links, Walk};
use crate::sftp::Attributes;
use crate::terminal::Printable;

/// Find remote files below a directory
///
/// Print the paths for which all conditions hold, in sorted order. Conditions can be written with one dash, as in find(1).
/// -o separates alternatives, and -not turns a condition around.
#[derive(Clone, Debug, clap::Args)]
pub struct Find {
    #[command(flatten)]
    conditions: Conditions,
    /// Descend at most this many levels; 1 means the directory's own entries
    #[arg(long, alias = "max-depth", value_name = "depth")]
    maxdepth: Option<Depth>,
    /// Remove what is found, directories after what is in them
    #[arg(long, conflicts_with_all = ["null", "json", "print"])]
    delete: bool,
    /// Print what is found, which is done anyway
    #[arg(long)]
    print: bool,
    /// Print exact paths, each followed by a NUL byte, for programs
    #[arg(short = '0', long, visible_alias = "print0", overrides_with = "json")]
    null: bool,
    /// Print one JSON object per line, as ls --json does
    #[arg(long)]
    json: bool,
    /// The directories to search [default: the working directory]
    #[arg(value_name = "path")]
    paths: Vec<RemotePattern>,
}

impl Run for Find {
    const NEEDS_SERVER: bool = true;

    const REFUSES_LATE_FLAGS: bool = true;
    const EXAMPLES: &'static [Example] = &[
        Example { line: "find -name '*.log' -size +10M", does: "find large logs in all directories" },
        Example { line: "find /srv -type f -newer-than 2d", does: "find files modified in the last two days" },
        Example { line: "find -name '*.tmp' -o -empty", does: "find temporary files, and what is empty" },
    ];

    fn purpose(&self) -> Purpose {
        if self.delete { Purpose::Effect } else { Purpose::Output }
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        if self.delete && self.conditions.is_empty() && self.paths.is_empty() {
            let failure = Failure::new("find: -delete needs a condition or a path");
            return Err(failure.with_hint("find . -delete removes everything below the working directory"));
        }
        let wanted = self.conditions.wanted(cx)?;
        let tops = match self.paths.is_empty() {
            true => Targets::working_directory(cx),
            false => targets(cx, &self.paths)?,
        };
        if self.delete {
            return self.delete(cx, tops, wanted);
        }
        let mut is_whole = true;
        for Target { path, form, .. } in tops {
            for found in self.search(cx, &path, &wanted) {
                match found {
                    Item::Entry(path, attributes) | Item::Directory(path, attributes) => {
                        self.show(cx, &path, form, attributes)?;
                    }
                    Item::Left(_) => {}
                    Item::Failure(failure) => {
                        cx.output.explain(&failure);
                        is_whole = false;
                    }
                }
            }
            if cx.interrupt().was_pressed() {
                return Err(Failure::already_shown());
            }
        }
        if is_whole { Ok(Outcome::Done) } else { Err(Failure::already_shown()) }
    }
}

impl Find {
    /// Returns what is found below one directory.
    fn search<'a>(&self, cx: &Context, top: &RemotePath, wanted: &'a Wanted) -> Search<'a> {
        let deepest = self.maxdepth.map_or(usize::MAX, |Depth(depth)| depth);
        let mut walk = cx.remote.walk(top, Links::Kept);
        walk.go_no_deeper_than(deepest.saturating_add(usize::from(wanted.depends_on_entries())));
        Search { walk: walk.peekable(), deepest, wanted, selected: Vec::new() }
    }

    /// Removes what is found. The contents of a directory are removed before it.
    fn delete(&self, cx: &mut Context, tops: Targets, wanted: Wanted) -> Result<Outcome, Failure> {
        let searches: Vec<_> = tops.into_iter().map(|top| self.search(cx, &top.path, &wanted)).collect();
        let steps = searches.into_iter().flatten().filter_map(|found| match found {
            Item::Directory(..) => None,
            Item::Entry(path, _) => Some(Ok(Step::File(path))),
            Item::Left(path) => Some(Ok(Step::Directory(path))),
            Item::Failure(failure) => Some(Err(failure)),
        });
        carry_out(cx, steps, false)
    }

    fn show(&self, cx: &Context, path: &RemotePath, form: Form, attributes: Attributes) -> Result<(), Failure> {
        let shown = form.show(cx, path);
        if self.json {
            let (uid, gid) = attributes.owner.map(|owner| (owner.uid, owner.gid)).unzip();
            cx.output.answer(record(path.as_bytes(), &attributes, &*cx.remote.owner_names(uid, gid)?));
        } else if self.null {
            cx.output.name(shown);
        } else {
            cx.output.answer(Printable(shown));
        }
        Ok(())
    }
}

/// An item of a search.
enum Item {
    /// A selected entry that is not a directory.
    Entry(RemotePath, Attributes),
    /// A selected directory, before what is in it.
    Directory(RemotePath, Attributes),
    /// A selected directory, after what is in it.
    Left(RemotePath),
    /// A directory could not be read.
    Failure(Failure),
}

/// A walk that yields what the conditions select.
struct Search<'a> {
    walk: Peekable<Walk>,
    deepest: usize,
    wanted: &'a Wanted,
    /// For each directory that was entered and not left, true if it is selected.
    selected: Vec<bool>,
}

impl Iterator for Search<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            match self.walk.next()? {
                Found::Directory(directory) => {
                    let has_entries =
                        self.wanted.depends_on_entries() && !matches!(self.walk.peek(), Some(Found::Left(_)));
                    let is_near = directory.depth <= self.deepest;
                    // The top has no name and is never selected.
                    let is_selected = is_near
                        && directory
                            .name
                            .as_ref()
                            .is_some_and(|name| self.wanted.is(name.as_bytes(), &directory.attributes, has_entries));
                    self.selected.push(is_selected);
                    if is_selected {
                        return Some(Item::Directory(directory.path.clone(), directory.attributes));
                    }
                }
                Found::Entry { directory, entry } => {
                    if directory.depth < self.deepest && self.wanted.is(entry.name.as_bytes(), &entry.attributes, false)
                    {
                        return Some(Item::Entry(directory.path.join(&entry.name), entry.attributes));
                    }
                }
                Found::Left(directory) => {
                    if self.selected.pop() == Some(true) {
                        return Some(Item::Left(directory.path.clone()));
                    }
                }
                Found::Failure(error) => return Some(Item::Failure(error.into())),
            }
        }
    }
}
