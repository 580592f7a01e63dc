//! `find`.

use crate::commands::matches::{Form, Target, targets};
use crate::commands::record::record;
use crate::commands::{
    Context, Depth, Example, Failure, Moment, NamePattern, Outcome, Purpose, RemotePattern, Run, SizeRange,
};
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
    #[arg(long, value_name = "pattern")]
    name: Option<NamePattern>,
    /// Match the name against a pattern, ignoring case
    #[arg(long, value_name = "pattern")]
    iname: Option<NamePattern>,
    /// Match the type: f for files, d for directories, l for symbolic links
    #[arg(long, value_name = "type", value_enum)]
    r#type: Option<Type>,
    /// Match files of more than (+5M), less than (-300K) or exactly this size
    #[arg(long, value_name = "size")]
    size: Option<SizeRange>,
    /// Match what was modified since a time (2d, 2026-11-01) or since a local file
    #[arg(long, value_name = "time|file")]
    newer_than: Option<Moment>,
    /// Descend at most this many levels; 1 means the directory's own entries
    #[arg(long, alias = "max-depth", value_name = "depth")]
    maxdepth: Option<Depth>,
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
                return Err(Failure::already_shown());
            }
        }
        if is_whole { Ok(Outcome::Done) } else { Err(Failure::already_shown()) }
    }
}

/// The conditions of a search.
struct Wanted {
    name: Option<Pattern>,
    lowercase_name: Option<Pattern>,
    file_type: Option<FileType>,
    size: Option<SizeRange>,
    newer_than: Option<i64>,
}

impl Find {
    fn wanted(&self, cx: &Context) -> Result<Wanted, Failure> {
        Ok(Wanted {
            name: self.name.as_ref().map(|NamePattern(glob)| Pattern::parse(glob)),
            lowercase_name: self.iname.as_ref().map(|NamePattern(glob)| Pattern::parse(&glob.to_ascii_lowercase())),
            file_type: self.r#type.map(FileType::from),
            size: self.size,
            newer_than: self.newer_than.as_ref().map(|moment| moment.seconds("newer-than", &cx.local)).transpose()?,
        })
    }

    /// Searches below one directory. Returns whether all of it could be read.
    fn look_in(&self, cx: &Context, top: &RemotePath, form: Form, wanted: &Wanted) -> Result<bool, Failure> {
        let deepest = self.maxdepth.map_or(usize::MAX, |Depth(depth)| depth);
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

impl Wanted {
    fn is(&self, name: &[u8], attributes: &Attributes) -> bool {
        let size = attributes.size.unwrap_or(0);
        let modified = attributes.times.map_or(0, |times| i64::from(times.modified));
        self.name.as_ref().is_none_or(|pattern| pattern.matches(name))
            && self.lowercase_name.as_ref().is_none_or(|pattern| pattern.matches(&name.to_ascii_lowercase()))
            && self.file_type.is_none_or(|file_type| attributes.file_type() == Some(file_type))
            && self.size.is_none_or(|range| attributes.file_type() == Some(FileType::Regular) && range.holds(size))
            && self.newer_than.is_none_or(|moment| modified > moment)
    }
}

/// File types by letter, as in find(1).
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
