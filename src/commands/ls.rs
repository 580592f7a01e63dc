//! `ls` and `dir`.

use crate::commands::ls_print::{Style, print};
use crate::commands::ls_rows::{EntryRows, MatchRows, joined};
use crate::commands::matches::{Form, Matched, expand, without_braces};
use crate::commands::row::{Layout, Order};
use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePattern, Run, Word};
use crate::name::RemotePath;
use crate::remote::{Links, Longnames, Match, Matches, WholeDirectory};
use crate::sftp::Extension;
use crate::terminal::Printable;

/// Display remote directory listing
///
/// Wildcards and braces are expanded. If the only match is a directory, its entries are listed. If there are several matches,
/// only their names are.
#[derive(Clone, Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own, as sftp(1) has them")]
pub struct Ls {
    /// Print one name per line
    #[arg(short = '1', overrides_with_all = ["long", "numeric"])]
    one: bool,
    /// Print exact names, each followed by a NUL byte, for programs
    #[arg(short = '0', long, overrides_with = "json")]
    null: bool,
    /// Print one JSON object per line: name, path, type, size, mode, uid, gid, owner, group, mtime
    #[arg(long, overrides_with = "null")]
    json: bool,
    /// Include names that start with a dot
    #[arg(short, long)]
    all: bool,
    /// List directories themselves, not their entries
    #[arg(short = 'd', long)]
    directory: bool,
    /// Mark names: / directory, @ link, * executable, | pipe, = socket
    #[arg(short = 'F', long)]
    classify: bool,
    /// Do not sort
    #[arg(short = 'f', overrides_with_all = ["size", "time", "sort"])]
    unsorted: bool,
    /// With -l, show sizes with a fitting unit
    #[arg(short = 'h', long)]
    human_readable: bool,
    /// Show mode, owner, group, size and time
    #[arg(short, long, overrides_with = "one")]
    long: bool,
    /// Like -l, but with numeric owners and groups
    #[arg(short, long, overrides_with = "one")]
    numeric: bool,
    /// Reverse the order
    #[arg(short, long)]
    reverse: bool,
    /// List directories with all directories below them
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Sort by size, largest first
    #[arg(short = 'S', overrides_with_all = ["unsorted", "time", "sort"])]
    size: bool,
    /// Sort by modification time, newest first
    #[arg(short = 't', overrides_with_all = ["unsorted", "size", "sort"])]
    time: bool,
    /// Sort by this: name, size, time, ext (the end of the name), or none
    #[arg(long, value_name = "key", value_enum, overrides_with_all = ["unsorted", "size", "time"])]
    sort: Option<Order>,
    /// The files and directories to list [default: the working directory]
    #[arg(value_name = "path")]
    paths: Vec<RemotePattern>,
}

impl Run for Ls {
    const NEEDS_SERVER: bool = true;

    const EXAMPLES: &'static [Example] = &[
        Example { line: "ls -l", does: "list the working directory, with sizes and times" },
        Example { line: "ls -1tr *.log", does: "list logs one per line, newest last" },
        Example { line: "ls --json *.log", does: "describe each log as JSON" },
        Example { line: "ls {src,tests}/*.rs", does: "list files of two directories" },
        Example { line: "ls -RF --sort=ext site", does: "list a tree, sorted by extension" },
    ];

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        if self.paths.is_empty() && !self.directory {
            let here = cx.remote.working_directory().clone();
            let shown: &[u8] = if self.recursive { b"." } else { b"" };
            self.list(cx, &here, shown)?;
            return Ok(Outcome::Done);
        }
        let (mut shown, mut failed) = (Matches::default(), Vec::new());
        let here = here();
        let default = self.paths.is_empty().then_some(&here);
        let matched = expand(cx, self.paths.iter().map(RemotePattern::word).chain(default))?;
        for matched in matched {
            if matched.matches.is_empty() {
                failed.push(cannot_list(cx, &matched)?);
                continue;
            }
            matched.complain(cx);
            shown.append(matched.matches);
        }
        self.show(cx, &shown)?;
        conclude(cx, failed)
    }
}

/// Returns the word for the working directory.
fn here() -> Word {
    let mut word = Word::default();
    word.push_bare(b'.');
    word
}

fn cannot_list(cx: &Context, matched: &Matched) -> Result<Failure, Failure> {
    let path = matched.path(cx)?;
    let failure = matched.not_found(format!("Can't ls: \"{}\" not found", Printable(path.as_bytes())));
    Ok(match matched.quoted(cx) {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    })
}

/// Prints all failures except the last, which the caller of the command prints.
fn conclude(cx: &Context, mut failures: Vec<Failure>) -> Result<Outcome, Failure> {
    let last = failures.pop();
    failures.iter().for_each(|failure| cx.output.explain(failure));
    last.map_or(Ok(Outcome::Done), Err)
}

impl Ls {
    fn show(&self, cx: &Context, matches: &Matches) -> Result<(), Failure> {
        let rows = MatchRows { cx, matches, form: self.form(), is_exact: self.is_for_programs() };
        match (matches.len(), matches.iter().next()) {
            (0, _) => Ok(()),
            (1, Some(Match { path, attributes })) if attributes.is_dir() && !self.directory => {
                // Like sftp(1), with a slash after a directory that was named.
                self.list(cx, &path.with_trailing_slash(), &rows.shown(0).concat())
            }
            _ if self.recursive && !self.directory => self.show_trees(cx, &rows),
            (count, _) => print(cx, &rows, (0..count).collect(), self.style()),
        }
    }

    /// Shows the matches that are no directories, then the tree of each directory.
    fn show_trees(&self, cx: &Context, rows: &MatchRows<'_>) -> Result<(), Failure> {
        let matches = rows.matches;
        let is_directory = |&index: &usize| matches.attributes(index).is_dir();
        let (directories, others): (Vec<usize>, Vec<usize>) = (0..matches.len()).partition(is_directory);
        let mut is_first = others.is_empty();
        print(cx, rows, others, self.style())?;
        let mut is_whole = true;
        for directory in directories {
            if !std::mem::take(&mut is_first) {
                self.separate(cx);
            }
            is_whole &= self.list_tree(cx, &matches.path(directory), &rows.shown(directory).concat())?;
        }
        if is_whole { Ok(()) } else { Err(Failure::already_shown()) }
    }

    /// Returns the form in which paths are shown. If arguments of both forms are given, it is the shorter one.
    fn form(&self) -> Form {
        let is_absolute = |pattern: &RemotePattern| Form::of(&without_braces(pattern.word())) == Form::Absolute;
        let has_paths = !self.paths.is_empty();
        if has_paths && self.paths.iter().all(is_absolute) { Form::Absolute } else { Form::Relative }
    }

    /// Lists a directory, or its tree.
    fn list(&self, cx: &Context, directory: &RemotePath, shown: &[u8]) -> Result<(), Failure> {
        let is_whole = match self.recursive {
            true => self.list_tree(cx, directory, shown)?,
            false => self.list_directory(cx, directory, shown)?,
        };
        if is_whole { Ok(()) } else { Err(Failure::already_shown()) }
    }

    /// Returns whether no entry was left out.
    fn list_directory(&self, cx: &Context, directory: &RemotePath, shown: &[u8]) -> Result<bool, Failure> {
        let longnames = if self.reads_longnames(cx) { Longnames::Kept } else { Longnames::Dropped };
        let listing = cx.remote.list(directory, longnames)?;
        listing.complaints(directory).for_each(|error| cx.output.failure(error));
        let rows = EntryRows { listing: &listing, directory, shown };
        print(cx, &rows, rows.indices(self.all), self.style())?;
        Ok(!listing.lacks_entries())
    }

    /// Lists a directory and all below it, each under its name. Returns whether all could be read.
    fn list_tree(&self, cx: &Context, top: &RemotePath, shown: &[u8]) -> Result<bool, Failure> {
        let all = self.all;
        let mut walk = cx.remote.walk(top, Links::Kept).only(move |path, _| all || !is_hidden(path));
        if self.reads_longnames(cx) {
            walk.keep_longnames();
        }
        let (mut is_whole, mut is_first) = (true, true);
        for found in walk.whole_directories() {
            let WholeDirectory { directory, listing, failures, .. } = found?;
            if !std::mem::take(&mut is_first) {
                self.separate(cx);
            }
            let names = directory.names().into_iter().map(|name| name.as_bytes());
            let path = names.fold(shown.to_vec(), |path, name| joined(&path, name).into_owned());
            if !self.is_for_programs() {
                cx.output.answer(format_args!("{}:", Printable(&path)));
            }
            is_whole &= failures.is_empty();
            failures.into_iter().for_each(|error| cx.output.explain(&Failure::from(error)));
            let shown: &[u8] = if self.is_for_programs() { &path } else { b"" };
            let rows = EntryRows { listing: &listing, directory: &directory.path, shown };
            print(cx, &rows, rows.indices(self.all), self.style())?;
        }
        Ok(is_whole)
    }

    /// Prints the empty line between two directories.
    fn separate(&self, cx: &Context) {
        if !self.is_for_programs() {
            cx.output.answer("");
        }
    }

    fn is_for_programs(&self) -> bool {
        self.json || self.null
    }

    /// Returns whether owners are read from the server's own lines, because there is no other way to learn their
    /// names. sftp(1) prints these lines as they are.
    fn reads_longnames(&self, cx: &Context) -> bool {
        self.layout() == Layout::Long
            && !self.numeric
            && !self.human_readable
            && !cx.session().offers(Extension::UsersGroupsById)
    }

    fn style(&self) -> Style {
        Style {
            layout: self.layout(),
            order: self.order(),
            reverse: self.reverse,
            classify: self.classify,
            numeric: self.numeric,
            human_readable: self.human_readable,
        }
    }

    fn order(&self) -> Order {
        match (self.sort, self.unsorted, self.size, self.time) {
            (Some(order), ..) => order,
            (_, true, ..) => Order::Unsorted,
            (_, _, true, _) => Order::Size,
            (.., true) => Order::Time,
            _ => Order::Name,
        }
    }

    fn layout(&self) -> Layout {
        match self {
            Ls { json: true, .. } => Layout::Json,
            Ls { null: true, .. } => Layout::Null,
            Ls { long: true, .. } | Ls { numeric: true, .. } => Layout::Long,
            Ls { one: true, .. } => Layout::OnePerLine,
            _ => Layout::Columns,
        }
    }
}

/// Returns whether the last component of a path begins with a dot.
fn is_hidden(path: &[u8]) -> bool {
    path.rsplit(|&byte| byte == b'/').next().is_some_and(|name| name.starts_with(b"."))
}
