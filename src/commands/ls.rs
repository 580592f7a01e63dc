//! `ls` and `dir`.

use std::sync::Arc;

use bytes::Bytes;

use super::long_name::LongName;
use super::matches::{Form, Matched, expand, without_braces};
use super::record::record;
use super::row::{Layout, Order, Row, long_line, sort};
use super::{Context, Example, Failure, Outcome, Purpose, RemotePattern, Run};
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
        let (mut shown, mut failed) = (Vec::new(), Vec::new());
        let matched = expand(cx, self.paths.iter().map(RemotePattern::word))?;
        for matched in matched {
            if matched.matches.is_empty() {
                failed.push(cannot_list(cx, &matched)?);
                continue;
            }
            matched.complain(cx);
            shown.extend(matched.matches);
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
        match matches {
            [] => Ok(()),
            [only] if only.is_dir() => {
                let shown = self.shown(cx, &only.path);
                // Like sftp(1), with a slash after a directory that was named.
                self.list_directory(cx, &only.path.with_trailing_slash(), &shown)
            }
            matches => {
                let row = |found: &Match| {
                    let mut name = self.shown(cx, &found.path);
                    // A program needs the bare name, and the type of a link itself rather than that of its target.
                    let exact = self.is_for_programs();
                    if !exact && found.is_dir() && !name.ends_with(b"/") {
                        name.push(b'/');
                    }
                    let attributes = if exact { found.attributes } else { *found.followed() };
                    Row { name, path: found.path.as_bytes().to_vec(), attributes, longname: Default::default() }
                };
                self.print(cx, matches.iter().map(row).collect())
            }
        }
    }

    /// Returns a path as shown: relative to the working directory if the argument was relative.
    fn shown(&self, cx: &Context, path: &RemotePath) -> Vec<u8> {
        let form = |pattern: &RemotePattern| Form::of(&without_braces(pattern.word()));
        // If arguments of both forms are given, paths below the working directory are shown in the shorter one.
        let form = match self.paths.iter().all(|pattern| form(pattern) == Form::Absolute) {
            true => Form::Absolute,
            false => Form::Relative,
        };
        match form {
            // An empty argument means the working directory itself.
            Form::Relative if path == cx.remote.working_directory() => Vec::new(),
            form => form.show(cx, path).to_vec(),
        }
    }

    fn list_directory(&self, cx: &Context, directory: &RemotePath, shown: &[u8]) -> Result<(), Failure> {
        let longnames = if self.reads_longnames(cx) { Longnames::Kept } else { Longnames::Dropped };
        let listing = cx.remote.list(directory, longnames)?;
        listing.complaints(directory).for_each(|error| cx.output.failure(error));
        let lacks_entries = listing.lacks_entries();
        let row = |name: &[u8], attributes, longname: Bytes| {
            // The server's own lines contain no directory, and sftp(1) adds none.
            let shown = if longname.is_empty() { shown } else { b"" };
            Row {
                name: joined(shown, name),
                path: if self.json { joined(directory.as_bytes(), name) } else { Vec::new() },
                attributes,
                longname,
            }
        };
        let mut rows = Vec::with_capacity(listing.entries.len());
        if self.all {
            rows.extend(listing.dots.into_iter().map(|entry| row(&entry.name, entry.attributes, entry.longname)));
        }
        let visible = listing.entries.into_iter().filter(|entry| self.all || !entry.name.as_bytes().starts_with(b"."));
        rows.extend(visible.map(|entry| row(entry.name.as_bytes(), entry.attributes, entry.longname)));
        self.print(cx, rows)?;
        if lacks_entries { Err(Failure::already_shown()) } else { Ok(()) }
    }

    fn print(&self, cx: &Context, mut rows: Vec<Row>) -> Result<(), Failure> {
        sort(&mut rows, self.order(), self.reverse);
        match self.layout() {
            Layout::Long => self.print_long(cx, &rows)?,
            Layout::Json => self.print_json(cx, &rows)?,
            Layout::Null => {
                rows.iter().for_each(|row| cx.output.name(&row.name));
            }
            Layout::OnePerLine => rows.iter().for_each(|row| cx.output.answer(Printable(&row.name))),
            Layout::Columns => {
                let names = rows.iter().map(|row| Printable(&row.name));
                columns(names, cx.output.listing_width()).for_each(|row| cx.output.answer(row));
            }
        }
        Ok(())
    }

    fn print_long(&self, cx: &Context, rows: &[Row]) -> Result<(), Failure> {
        let owners = self.owners(cx, rows)?;
        let clock = Clock::local();
        for row in rows {
            let told = LongName::vet(&row.longname, &row.attributes);
            cx.output.answer(long_line(row, &owners, &told, self.human_readable, &clock));
        }
        Ok(())
    }

    fn print_json(&self, cx: &Context, rows: &[Row]) -> Result<(), Failure> {
        let owners = self.owners(cx, rows)?;
        rows.iter().for_each(|row| cx.output.answer(record(row, &owners)));
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

    fn owners(&self, cx: &Context, rows: &[Row]) -> Result<Arc<OwnerNames>, remote::Error> {
        if self.numeric {
            return Ok(Arc::default());
        }
        let owner = |row: &Row| row.attributes.owner;
        let uids = rows.iter().filter_map(owner).map(|owner| owner.uid);
        let gids = rows.iter().filter_map(owner).map(|owner| owner.gid);
        cx.remote.owner_names(uids, gids)
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

/// Joins a directory as shown and a name in it. An empty directory means the working directory.
fn joined(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if directory.is_empty() || directory.ends_with(b"/") { b"" } else { b"/" };
    [directory, slash, name].concat()
}
