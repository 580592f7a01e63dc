//! `get`, `mget` and `reget`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::commands::matches::expand_names;
use crate::commands::operands::Operands;
use crate::commands::streams::{is_stream, to_stdout};
use crate::commands::transfer_flags::{Resume, TransferFlags};
use crate::commands::{Context, Example, Failure, GetOperand, LocalDir, Outcome, Purpose, Run, Sizes, home};
use crate::remote::{Match, Matches};
use crate::sticky;
use crate::terminal::Printable;
use crate::transfer::{GetPair, LocalPath, Pairs};

/// Download file
///
/// Wildcards are expanded. Without a local path, files go to the local working directory under their own names. If the local
/// path is a directory, they go into it. With three or more paths, the last is that directory. If you type the local path - at a
/// prompt or on the command line, the files are displayed as cat does; in a script, - is a name.
///
/// --exclude, --include and --exclude-from take patterns in the syntax of .gitignore, matched against the path below the top
/// of the tree: *.o matches anywhere, /build only at the top, cache/ only a directory. Excluded directories are not read.
/// The patterns also apply to what wildcards match, but not to files that you name in full.
#[derive(Clone, Debug, clap::Args)]
pub struct Get {
    #[command(flatten)]
    flags: TransferFlags,
    /// Put all files into this local directory; all other paths are remote
    #[arg(short = 'o', long = "output", value_name = "dir")]
    into: Option<LocalDir>,
    /// Trust the server's file sizes (exact), or read each file to its end (estimate), as needed for some mainframes
    #[arg(long, value_name = "what", value_enum)]
    sizes: Option<Sizes>,
    /// The remote files, and the local target
    #[arg(required = true, value_name = "path")]
    operands: Vec<GetOperand>,
}

impl Run for Get {
    const NEEDS_SERVER: bool = true;
    const TRANSFERS: bool = true;

    const EXAMPLES: &'static [Example] = &[
        Example { line: "get messages.*", does: "fetch files by a pattern" },
        Example { line: "get notes.txt copy.txt", does: "fetch a file under another name" },
        Example { line: "get -r site backup", does: "fetch a directory recursively" },
        Example { line: "get -r --exclude '*.o' site", does: "leave out object files" },
    ];
    const REQUIRED_PHRASE: &'static str = "at least one path";

    fn purpose(&self) -> Purpose {
        self.flags.purpose(Purpose::LocalEffect)
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let words = self.operands.into_iter().map(|GetOperand(word)| word).collect();
        let operands = Operands::split(words, self.into.is_some());
        if operands.target.as_ref().is_some_and(|target| is_stream(cx, target)) {
            return to_stdout(cx, &operands.sources);
        }
        self.flags.fit_together(cx)?;
        let selection = self.flags.selection(cx)?;
        let (sources, missing) = find(cx, &operands)?;
        if sources.is_empty() {
            return Err(missing.unwrap_or_else(Failure::already_shown));
        }
        if let Some(failure) = &missing {
            cx.output.explain(failure);
        }
        let is_taken = |source: &Source| source.is_literal || selection.takes_match(&source.found);
        let found: usize = sources.iter().map(|sources| sources.matches.len()).sum();
        let mut sources = sources.into_iter().flatten().filter(is_taken).peekable();
        if sources.peek().is_none() {
            // All sources were excluded.
            return if missing.is_some() { Err(Failure::already_shown()) } else { Ok(Outcome::Done) };
        }
        let typed = operands.target.map(|word| PathBuf::from(OsStr::from_bytes(&home::expand(&word).plain())));
        let typed = self.into.map(|LocalDir(into)| into).or(typed);
        let target = Target::of(cx, typed, operands.target_must_be_directory || found > 1)?;
        let pairs = sources.map(|source| target.pair(cx, source)).collect::<Result<_, _>>()?;
        let mut options = self.flags.options(&cx.settings);
        options.estimated_sizes = self.sizes.unwrap_or(cx.settings.sizes) == Sizes::Estimate;
        let request = cx.transfer(Pairs::Get(pairs), options, selection, self.flags.mode());
        Ok(Outcome::Transfer { request, all_found: missing.is_none() })
    }
}

/// Resume download file
///
/// The same as get -a: continue partial downloads instead of starting over.
#[derive(Clone, Debug, clap::Args)]
pub struct Reget {
    #[command(flatten)]
    get: Get,
}

impl Run for Reget {
    const NEEDS_SERVER: bool = true;
    const TRANSFERS: bool = true;

    const REQUIRED_PHRASE: &'static str = Get::REQUIRED_PHRASE;

    fn purpose(&self) -> Purpose {
        self.get.purpose()
    }

    fn run(mut self, cx: &mut Context) -> Result<Outcome, Failure> {
        self.get.flags.resume.get_or_insert(Resume::Compare);
        self.get.run(cx)
    }
}

/// A source of a download.
struct Source {
    found: Match,
    /// True if the user typed the name itself, false if it matches a pattern.
    is_literal: bool,
}

/// The sources that one word names.
struct Sources {
    matches: Matches,
    /// As [`Source::is_literal`].
    is_literal: bool,
}

impl IntoIterator for Sources {
    type Item = Source;
    type IntoIter = Box<dyn Iterator<Item = Source>>;

    fn into_iter(self) -> Self::IntoIter {
        let Sources { matches, is_literal } = self;
        Box::new(matches.into_iter().map(move |found| Source { found, is_literal }))
    }
}

/// Returns what the sources match, and the failure of the last source without a match; earlier failures are printed.
/// If the first failure ends the run, returns it at once.
fn find(cx: &Context, operands: &Operands) -> Result<(Vec<Sources>, Option<Failure>), Failure> {
    let (mut sources, mut missing) = (Vec::new(), None::<Failure>);
    for matched in expand_names(cx, &operands.sources)? {
        if matched.matches.is_empty() {
            let path = matched.path(cx)?;
            let failure = matched.not_found(format!("File \"{}\" not found.", Printable(path.as_bytes())));
            let failure =
                failure.with_hint(matched.quoted(cx).unwrap_or_else(|| "ls lists the existing files".to_owned()));
            if cx.stops_at_failure {
                return Err(failure);
            }
            if let Some(before) = missing.replace(failure) {
                cx.output.explain(&before);
            }
            continue;
        }
        matched.complain(cx);
        let is_literal = matched.pattern.is_literal();
        sources.push(Sources { matches: matched.matches, is_literal });
    }
    Ok((sources, missing))
}

/// The destination of the files.
struct Target {
    /// The path as typed; `None` for the working directory.
    typed: Option<PathBuf>,
    is_directory: bool,
}

impl Target {
    fn of(cx: &Context, typed: Option<PathBuf>, must_be_directory: bool) -> Result<Target, Failure> {
        // An empty word, for example from an unset variable of a script, does not mean the working directory.
        let is_there = |path: &PathBuf| !path.as_os_str().is_empty() && sticky::is_dir(&cx.local.resolve(path));
        let is_directory = typed.as_ref().is_none_or(is_there);
        match &typed {
            Some(path) if must_be_directory && !is_directory => {
                let shown = Printable(path.as_os_str().as_bytes());
                if let Err(error @ sticky::Error::Refused(_)) = sticky::follow(&cx.local.resolve(path)) {
                    return Err(Failure::new(format!("open local \"{shown}\": {error}")));
                }
                Err(Failure::new(format!("Multiple source paths, but destination \"{shown}\" is not a directory")))
            }
            _ => Ok(Target { typed, is_directory }),
        }
    }

    /// Returns a source with its own target: inside the directory under the source's name, or the target itself.
    fn pair(&self, cx: &Context, Source { found, is_literal }: Source) -> Result<GetPair, Failure> {
        // sftp(1) shows a directory with a slash.
        let remote = if found.attributes.is_dir() { found.path.with_trailing_slash() } else { found.path.clone() };
        let name = match remote.base_name() {
            // Into the target, not beside it.
            None | Some(b"..") => OsStr::new("."),
            Some(name) => OsStr::from_bytes(name),
        };
        let local = match &self.typed {
            Some(path) if path.as_os_str().is_empty() => {
                cx.output.status(format_args!("Fetching {} to ", Printable(remote.as_bytes())));
                return Err(Failure::new("open local \"\": No such file or directory"));
            }
            Some(path) if !self.is_directory => LocalPath::named(cx.local.resolve(path), path),
            directory => {
                let shown = directory.as_deref().unwrap_or(Path::new("")).join(name);
                let place = if is_literal { LocalPath::named } else { LocalPath::listed };
                place(cx.local.resolve(&shown), shown)
            }
        };
        Ok(GetPair { remote, attributes: Some(found.attributes.followed()), local })
    }
}
