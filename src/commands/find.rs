//! `find`.
#![forbid(unsafe_code)]

use bytes::Bytes;

use super::argument::depth;
use super::filters::{local, moment, size};
use super::listing::Line;
use super::matching::{Form, Target, targets};
use super::record::record;
use super::{Context, Example, Failure, NamePattern, Outcome, Purpose, RemotePattern, Run, Word};
use crate::name::RemotePath;
use crate::remote::{Found, Links, Pattern};
use crate::sftp::{Attributes, FileType};
use crate::terminal::Printable;

/// Find remote files below a directory
///
/// Print the paths for which all conditions hold, in sorted order. Conditions can be written with one dash, as in find(1).
#[derive(Clone, Debug, clap::Args)]
pub struct Find {
    /// Match the name against a pattern
    #[arg(long, value_name = "pattern", value_parser = clap::value_parser!(NamePattern))]
    name: Option<NamePattern>,
    /// Match the name against a pattern, ignoring case
    #[arg(long, value_name = "pattern", value_parser = clap::value_parser!(NamePattern))]
    iname: Option<NamePattern>,
    /// Match the type: f for files, d for directories, l for symbolic links
    #[arg(long, value_name = "type", value_enum)]
    r#type: Option<Type>,
    /// Match files of more than (+5M), less than (-300K) or exactly this size
    #[arg(long, value_name = "size", value_parser = clap::value_parser!(std::ffi::OsString))]
    size: Option<std::ffi::OsString>,
    /// Match what was modified since a time (2d, 2026-11-01) or since a local file
    #[arg(long, value_name = "time|file", value_parser = clap::value_parser!(std::ffi::OsString))]
    newer_than: Option<std::ffi::OsString>,
    /// Descend at most this many levels; 1 means the directory's own entries
    #[arg(long, alias = "max-depth", value_name = "depth", value_parser = depth)]
    maxdepth: Option<usize>,
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
    ];

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let wanted = self.wanted(cx)?;
        let tops = match self.paths.is_empty() {
            true => vec![Target { path: cx.remote.working_directory().clone(), found: None, form: Form::Relative }],
            false => targets(cx, &self.paths)?,
        };
        let mut is_whole = true;
        for Target { path, form, .. } in tops {
            is_whole &= self.look_in(cx, &path, form, &wanted)?;
            if cx.interrupt().was_pressed() {
                return Err(Failure::told());
            }
        }
        if is_whole { Ok(Outcome::Done) } else { Err(Failure::told()) }
    }
}

/// What is looked for.
struct Wanted {
    name: Option<Pattern>,
    lowercase_name: Option<Pattern>,
    file_type: Option<FileType>,
    size: Option<Size>,
    newer_than: Option<i64>,
}

enum Size {
    More(u64),
    Less(u64),
    Exactly(u64),
}

impl Find {
    fn wanted(&self, cx: &Context) -> Result<Wanted, Failure> {
        let plain = |text: &std::ffi::OsString| Word::from_argument(text).plain();
        Ok(Wanted {
            name: self.name.as_ref().map(|NamePattern(glob)| Pattern::parse(glob)),
            lowercase_name: self.iname.as_ref().map(|NamePattern(glob)| Pattern::parse(&glob.to_ascii_lowercase())),
            file_type: self.r#type.map(FileType::from),
            size: self.size.as_ref().map(|text| sized(&plain(text))).transpose()?,
            newer_than: self.newer_than.as_ref().map(|text| moment(cx, &local(text))).transpose()?,
        })
    }

    /// Looks below one directory. Whether all of it could be looked at.
    fn look_in(&self, cx: &Context, top: &RemotePath, form: Form, wanted: &Wanted) -> Result<bool, Failure> {
        let deepest = self.maxdepth.unwrap_or(usize::MAX);
        let mut is_whole = true;
        let mut walk = cx.remote.walk(top, Links::Kept);
        walk.go_no_deeper_than(deepest);
        for found in walk {
            match found {
                Found::Directory(directory) => {
                    let name = directory.name.as_ref().map(|name| name.as_bytes().to_vec());
                    if let Some(name) = name
                        && wanted.is(&name, &directory.attributes)
                    {
                        self.show(cx, &directory.path, form, directory.attributes)?;
                    }
                }
                Found::Entry { directory, entry } => {
                    if directory.depth < deepest && wanted.is(entry.name.as_bytes(), &entry.attributes) {
                        self.show(cx, &directory.path.join(&entry.name), form, entry.attributes)?;
                    }
                }
                Found::Left(_) => {}
                Found::Failure(error) => {
                    cx.output.explain(&Failure::from(error));
                    is_whole = false;
                }
            }
        }
        Ok(is_whole)
    }

    fn show(&self, cx: &Context, path: &RemotePath, form: Form, attributes: Attributes) -> Result<(), Failure> {
        let shown = form.show(cx, path).to_vec();
        if self.json {
            let line = Line { name: shown, path: path.as_bytes().to_vec(), attributes, longname: Bytes::new() };
            let (uid, gid) = attributes.owner.map(|owner| (owner.uid, owner.gid)).unzip();
            cx.output.answer(record(&line, &*cx.remote.owner_names(uid, gid)?));
        } else if self.null {
            cx.output.name(&shown);
        } else {
            cx.output.answer(Printable(&shown));
        }
        Ok(())
    }
}

impl Wanted {
    fn is(&self, name: &[u8], attributes: &Attributes) -> bool {
        let size = attributes.size.unwrap_or(0);
        let modified = attributes.times.map_or(0, |times| i64::from(times.modified));
        self.name.as_ref().is_none_or(|pattern| pattern.matches(name))
            && self.lowercase_name.as_ref().is_none_or(|pattern| pattern.matches(&name.to_ascii_lowercase()))
            && self.file_type.is_none_or(|file_type| attributes.file_type() == Some(file_type))
            && self.size.as_ref().is_none_or(|wanted| {
                attributes.file_type() == Some(FileType::Regular)
                    && match wanted {
                        Size::More(bytes) => size > *bytes,
                        Size::Less(bytes) => size < *bytes,
                        Size::Exactly(bytes) => size == *bytes,
                    }
            })
            && self.newer_than.is_none_or(|moment| modified > moment)
    }
}

/// A type by its letter, as find(1) has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Type {
    /// Regular files.
    #[value(name = "f")]
    File,
    /// Directories.
    #[value(name = "d")]
    Directory,
    /// Symbolic links.
    #[value(name = "l")]
    Link,
}

impl From<Type> for FileType {
    fn from(letter: Type) -> FileType {
        match letter {
            Type::File => FileType::Regular,
            Type::Directory => FileType::Directory,
            Type::Link => FileType::Symlink,
        }
    }
}

fn sized(text: &[u8]) -> Result<Size, Failure> {
    Ok(match text {
        [b'+', rest @ ..] => Size::More(size("size", rest)?),
        [b'-', rest @ ..] => Size::Less(size("size", rest)?),
        whole => Size::Exactly(size("size", whole)?),
    })
}
