//! `ls` and `dir`.

use std::sync::Arc;

use crate::commands::colors::Colors;
use crate::commands::long_name::LongName;
use crate::commands::ls_rows::{EntryRows, MatchRows};
use crate::commands::matches::{Form, Matched, expand, without_braces};
use crate::commands::record::record;
use crate::commands::row::{Layout, Order, Rows, long_line, sort};
use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePattern, Run};
use crate::name::RemotePath;
use crate::remote::{self, Longnames, Match, OwnerNames};
use crate::sftp::Extension;
use crate::terminal::time::Clock;
use crate::terminal::{Printable, columns};

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
    /// Do not sort
    #[arg(short = 'f', overrides_with_all = ["size", "time"])]
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
    /// Sort by size, largest first
    #[arg(short = 'S', overrides_with_all = ["unsorted", "time"])]
    size: bool,
    /// Sort by modification time, newest first
    #[arg(short = 't', overrides_with_all = ["unsorted", "size"])]
    time: bool,
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
    ];

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        if self.paths.is_empty() {
            let here = cx.remote.working_directory().clone();
            self.list_directory(cx, &here, b"")?;
            return Ok(Outcome::Done);
        }
        let (mut shown, mut failed) = (Vec::<Match>::new(), Vec::new());
        let matched = expand(cx, self.paths.iter().map(RemotePattern::word))?;
        for mut matched in matched {
            if matched.matches.is_empty() {
                failed.push(cannot_list(cx, &matched)?);
                continue;
            }
            matched.complain(cx);
            // Appending to nothing would copy the matches of the first pattern, which may be millions.
            if shown.is_empty() {
                shown = matched.matches;
            } else {
                shown.append(&mut matched.matches);
            }
        }
        self.show(cx, &shown)?;
        conclude(cx, failed)
    }
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
    fn show(&self, cx: &Context, matches: &[Match]) -> Result<(), Failure> {
        let form = self.form();
        match matches {
            [] => Ok(()),
            [only] if only.attributes.is_dir() => {
                let shown = form.show_listed(cx, &only.path);
                // Like sftp(1), with a slash after a directory that was named.
                self.list_directory(cx, &only.path.with_trailing_slash(), shown)
            }
            matches => {
                let rows = MatchRows { cx, matches, form, is_exact: self.is_for_programs() };
                self.print(cx, &rows, (0..matches.len()).collect())
            }
        }
    }

    /// Returns the form in which paths are shown. If arguments of both forms are given, it is the shorter one.
    fn form(&self) -> Form {
        let is_absolute = |pattern: &RemotePattern| Form::of(&without_braces(pattern.word())) == Form::Absolute;
        if self.paths.iter().all(is_absolute) { Form::Absolute } else { Form::Relative }
    }

    fn list_directory(&self, cx: &Context, directory: &RemotePath, shown: &[u8]) -> Result<(), Failure> {
        let longnames = if self.reads_longnames(cx) { Longnames::Kept } else { Longnames::Dropped };
        let listing = cx.remote.list(directory, longnames)?;
        listing.complaints(directory).for_each(|error| cx.output.failure(error));
        let rows = EntryRows { listing: &listing, directory, shown };
        self.print(cx, &rows, rows.indices(self.all))?;
        if listing.lacks_entries() { Err(Failure::already_shown()) } else { Ok(()) }
    }

    fn print(&self, cx: &Context, rows: &impl Rows, mut indices: Vec<usize>) -> Result<(), Failure> {
        sort(&mut indices, rows, self.order(), self.reverse);
        let colors = Colors::of(&cx.output);
        let names = indices.iter().map(|&index| rows.name(index));
        let cells = indices.iter().map(|&index| colors.paint(&rows.name(index), &rows.attributes(index)));
        match self.layout() {
            Layout::Long => self.print_long(cx, rows, &indices)?,
            Layout::Json => self.print_json(cx, rows, &indices)?,
            Layout::Null => names.for_each(|name| cx.output.name(&name)),
            Layout::OnePerLine => cells.for_each(|cell| cx.output.answer(cell)),
            Layout::Columns => columns(cells, cx.output.listing_width()).for_each(|row| cx.output.answer(row)),
        }
        Ok(())
    }

    fn print_long(&self, cx: &Context, rows: &impl Rows, indices: &[usize]) -> Result<(), Failure> {
        let owners = self.owners(cx, rows, indices)?;
        let (clock, colors) = (Clock::local(), Colors::of(&cx.output));
        for &index in indices {
            let attributes = rows.attributes(index);
            let told = LongName::vet(rows.longname(index), &attributes);
            let name = colors.paint(&rows.name(index), &attributes);
            cx.output.answer(long_line(&name, attributes, &owners, &told, self.human_readable, &clock));
        }
        Ok(())
    }

    fn print_json(&self, cx: &Context, rows: &impl Rows, indices: &[usize]) -> Result<(), Failure> {
        let owners = self.owners(cx, rows, indices)?;
        for &index in indices {
            cx.output.answer(record(&rows.path(index), &rows.attributes(index), &owners));
        }
        Ok(())
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

    fn owners(&self, cx: &Context, rows: &impl Rows, indices: &[usize]) -> Result<Arc<OwnerNames>, remote::Error> {
        if self.numeric {
            return Ok(Arc::default());
        }
        let owners = indices.iter().filter_map(|&index| rows.attributes(index).owner);
        cx.remote.owner_names(owners.clone().map(|owner| owner.uid), owners.map(|owner| owner.gid))
    }

    fn order(&self) -> Order {
        match (self.unsorted, self.size, self.time) {
            (true, ..) => Order::Unsorted,
            (_, true, _) => Order::Size,
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
