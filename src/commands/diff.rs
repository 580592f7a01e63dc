//! `diff`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::FileType as LocalType;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use similar::TextDiff;

use crate::commands::opened::Opened;
use crate::commands::sides::{Sides, first_difference, unreadable};
use crate::commands::{Context, Count, Example, Failure, LocalPathArg, Outcome, Purpose, RemotePathArg, Run};
use crate::name::{EntryName, RemotePath};
use crate::remote::{Ahead, Links, WholeDirectory};
use crate::sftp::{Attributes, FileType};
use crate::terminal::{Contents, Printable};

/// Display the differences between a local file or tree and a remote one
///
/// Of two files, the changes that lead from the local to the remote one are displayed in unified form, and of binary files only
/// that they differ. With -r, the names that only one side has and the files that differ are displayed.
#[derive(Clone, Debug, clap::Args)]
pub struct Diff {
    /// Show only whether files differ
    #[arg(short = 'q', long)]
    brief: bool,
    /// Compare directories with all that is in them
    #[arg(short, long)]
    recursive: bool,
    /// Show this many lines around each change [default: 3]
    #[arg(short = 'U', long, value_name = "count")]
    unified: Option<Count>,
    /// The local file or directory
    #[arg(value_name = "local")]
    local: LocalPathArg,
    /// The remote file or directory
    #[arg(value_name = "remote")]
    remote: RemotePathArg,
}

/// Most bytes of a file whose lines are compared; both files are held in memory.
const LARGEST_TEXT: u64 = 16 << 20;

/// Bytes at the beginning in which a NUL byte marks a binary file, as in git.
const PROBED: usize = 8000;

/// How long to look for the smallest set of changes. Afterwards, a larger one does.
const PATIENCE: Duration = Duration::from_millis(500);

/// Lines around each change, as in diff(1).
const AROUND: Count = Count(3);

impl Run for Diff {
    const NEEDS_SERVER: bool = true;

    const REFUSES_LATE_FLAGS: bool = true;
    const EXAMPLES: &'static [Example] = &[
        Example { line: "diff notes.txt docs", does: "show how docs/notes.txt on the server differs from notes.txt" },
        Example { line: "diff -r site www", does: "compare a local tree with a remote one" },
    ];
    const REQUIRED_PHRASE: &'static str = "two paths";

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let sides = Sides::find(cx, &self.local.0, &self.remote.0)?;
        let are_equal = match sides.local_is_directory {
            true if self.recursive => Trees { cx, sides: &sides, are_equal: true }.compare()?,
            true => {
                return Err(Failure::new("diff: both are directories").with_hint("diff -r compares directories"));
            }
            false if self.brief => is_equal(cx, &sides)?,
            false => self.show_lines(cx, &sides)?,
        };
        if are_equal { Ok(Outcome::Done) } else { Err(Failure::already_shown()) }
    }
}

/// Compares two files of any size. Prints if they differ.
fn is_equal(cx: &Context, sides: &Sides) -> Result<bool, Failure> {
    let (mut local, remote) = sides.open(cx)?;
    let found = first_difference(cx, &mut local, &remote)?;
    let is_equal = found.map_err(|error| unreadable(&sides.local_shown, &error))?.is_none();
    if !is_equal {
        let (local, remote) = sides.names(cx);
        cx.output.answer(format_args!("Files {local} and {remote} differ"));
    }
    Ok(is_equal)
}

impl Diff {
    /// Shows the changes of two files. Returns whether there are none.
    fn show_lines(&self, cx: &Context, sides: &Sides) -> Result<bool, Failure> {
        let (mut local, remote) = sides.open(cx)?;
        let mut here = Vec::new();
        let read = local.by_ref().take(LARGEST_TEXT + 1).read_to_end(&mut here);
        read.map_err(|error| unreadable(&sides.local_shown, &error))?;
        let there = contents(cx, &remote)?;
        let (local, remote) = sides.names(cx);
        if let Some((name, _)) = [(&local, &here), (&remote, &there)].into_iter().find(|(_, text)| is_too_large(text)) {
            let failure = Failure::new(format!("diff: \"{name}\" is larger than {} MiB", LARGEST_TEXT >> 20));
            return Err(failure.with_hint("cmp and diff -q compare files of any size"));
        }
        if here == there {
            return Ok(true);
        }
        if is_binary(&here) || is_binary(&there) {
            cx.output.answer(format_args!("Binary files {local} and {remote} differ"));
            return Ok(false);
        }
        let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(&here[..], &there[..]);
        let Count(around) = self.unified.unwrap_or(AROUND);
        let mut shown = Contents::on(&cx.output);
        // If stdout is no longer read, `Output::stop_when_ended` stops the command.
        let _ = diff
            .unified_diff()
            .context_radius(usize::try_from(around).unwrap_or(usize::MAX))
            .header(&local, &remote)
            .to_writer(&mut shown);
        let _ = shown.finish();
        Ok(false)
    }
}

fn contents(cx: &Context, file: &Opened) -> Result<Vec<u8>, Failure> {
    let mut contents = Vec::new();
    file.read(cx, 0, file.size, Ahead::Much, |piece| {
        contents.extend_from_slice(piece);
        if is_too_large(&contents) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(contents)
}

fn is_too_large(text: &[u8]) -> bool {
    text.len() as u64 > LARGEST_TEXT
}

fn is_binary(text: &[u8]) -> bool {
    text.iter().take(PROBED).any(|&byte| byte == 0)
}

/// A comparison of two trees.
struct Trees<'a> {
    cx: &'a Context,
    sides: &'a Sides,
    are_equal: bool,
}

/// The local entries of one directory, by name.
type LocalEntries = BTreeMap<Vec<u8>, LocalType>;

impl Trees<'_> {
    fn compare(mut self) -> Result<bool, Failure> {
        let local = self.sides.local.clone();
        // A directory that only the server has is named, but not read.
        let is_on_both_sides = move |path: &[u8], attributes: &Attributes| {
            attributes.is_dir() && is_directory(&local.join(OsStr::from_bytes(path)))
        };
        let walk = self.cx.remote.walk(&self.sides.remote, Links::Kept).only(is_on_both_sides);
        for directory in walk.whole_directories() {
            self.compare_directory(&directory?)?;
        }
        Ok(self.are_equal)
    }

    fn compare_directory(&mut self, whole: &WholeDirectory) -> Result<(), Failure> {
        for failure in &whole.failures {
            self.cx.output.failure(failure);
            self.are_equal = false;
        }
        let below: PathBuf = whole.directory.names().iter().map(|name| OsStr::from_bytes(name.as_bytes())).collect();
        let shown = below_of(&self.sides.local_shown, &below);
        let mut here = local_entries(&self.sides.local.join(&below)).map_err(|error| unreadable(&shown, &error))?;
        let mut lines = BTreeMap::new();
        let entries = &whole.listing.entries;
        for index in 0..entries.len() {
            let (name, attributes) = (entries.name(index), entries.attributes(index));
            let kind = here.remove(name.as_bytes());
            let name = EntryName::vet(name.as_bytes()).map_err(|_| Failure::already_shown())?;
            lines.insert(name.as_bytes().to_vec(), (Some((name, attributes)), kind));
        }
        lines.extend(here.into_iter().map(|(name, kind)| (name, (None, Some(kind)))));
        for (name, (there, here)) in lines {
            self.compare_entry(&below, &whole.directory.path, &name, there, here)?;
        }
        Ok(())
    }
}

impl Trees<'_> {
    /// Compares one name of a directory.
    fn compare_entry(
        &mut self,
        below: &Path,
        directory: &RemotePath,
        name: &[u8],
        there: Option<(EntryName, Attributes)>,
        here: Option<LocalType>,
    ) -> Result<(), Failure> {
        let (sides, output) = (self.sides, &self.cx.output);
        let local_directory = below_of(&sides.local_shown, below);
        let ((entry, attributes), here) = match (there, here) {
            (Some(there), Some(here)) => (there, here),
            (there, _) => {
                let local = local_directory.as_os_str().as_bytes();
                let only = if there.is_some() { sides.form.show(self.cx, directory) } else { local };
                output.answer(format_args!("Only in {}: {}", Printable(only), Printable(name)));
                self.are_equal = false;
                return Ok(());
            }
        };
        let pair = Sides {
            local: sides.local.join(below).join(OsStr::from_bytes(name)),
            local_is_directory: false,
            local_shown: local_directory.join(OsStr::from_bytes(name)),
            remote: directory.join(&entry),
            remote_attributes: attributes,
            form: sides.form,
        };
        let is_equal = match (Kind::of_local(here), Kind::of_remote(&attributes)) {
            (Kind::Directory, Kind::Directory) => true,
            (Kind::Regular, Kind::Regular) => self.are_files_equal(&pair)?,
            (Kind::Link, Kind::Link) => self.are_links_equal(&pair),
            (here, there) => here == there || self.report_kinds(&pair, here, there),
        };
        self.are_equal &= is_equal;
        Ok(())
    }

    /// Compares two files by size, and then by content. A file that can't be read counts as different.
    fn are_files_equal(&self, pair: &Sides) -> Result<bool, Failure> {
        let length = pair.local.metadata().ok().map(|metadata| metadata.len());
        if length.zip(pair.remote_attributes.size).is_some_and(|(here, there)| here != there) {
            let (local, remote) = pair.names(self.cx);
            self.cx.output.answer(format_args!("Files {local} and {remote} differ"));
            return Ok(false);
        }
        match is_equal(self.cx, pair) {
            Err(failure) if self.cx.session().end().is_none() && !self.cx.interrupt().was_pressed() => {
                self.cx.output.explain(&failure);
                Ok(false)
            }
            compared => compared,
        }
    }

    fn are_links_equal(&self, pair: &Sides) -> bool {
        let here = pair.local.read_link().ok();
        let there = self.cx.session().readlink(&pair.remote).ok();
        let is_equal = here.as_ref().map(|target| target.as_os_str().as_bytes()) == there.as_deref() && here.is_some();
        if !is_equal {
            let (local, remote) = pair.names(self.cx);
            self.cx.output.answer(format_args!("Symbolic links {local} and {remote} differ"));
        }
        is_equal
    }

    /// Reports two files of different kinds. Returns false: they are not equal.
    fn report_kinds(&self, pair: &Sides, here: Kind, there: Kind) -> bool {
        let (local, remote) = pair.names(self.cx);
        let (here, there) = (here.name(), there.name());
        self.cx.output.answer(format_args!("File {local} is a {here} while file {remote} is a {there}"));
        false
    }
}

/// A kind of file on either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Regular,
    Directory,
    Link,
    Special,
}

impl Kind {
    fn of_local(local: LocalType) -> Kind {
        match local {
            local if local.is_dir() => Kind::Directory,
            local if local.is_symlink() => Kind::Link,
            local if local.is_file() => Kind::Regular,
            _ => Kind::Special,
        }
    }

    fn of_remote(attributes: &Attributes) -> Kind {
        match attributes.file_type() {
            Some(FileType::Directory) => Kind::Directory,
            Some(FileType::Symlink) => Kind::Link,
            Some(FileType::Regular) | None => Kind::Regular,
            Some(FileType::Special) => Kind::Special,
        }
    }

    /// Returns the words of diff(1).
    fn name(self) -> &'static str {
        match self {
            Kind::Regular => "regular file",
            Kind::Directory => "directory",
            Kind::Link => "symbolic link",
            Kind::Special => "special file",
        }
    }
}

/// Returns a path below another one, without a slash at its end.
fn below_of(top: &Path, below: &Path) -> PathBuf {
    top.components().chain(below.components()).collect()
}

fn is_directory(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
}

fn local_entries(directory: &Path) -> io::Result<LocalEntries> {
    let named = |entry: io::Result<std::fs::DirEntry>| {
        let entry = entry?;
        Ok((entry.file_name().as_bytes().to_vec(), entry.file_type()?))
    };
    directory.read_dir()?.map(named).collect()
}
