//! `put`, `mput` and `reput`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::commands::matches::{patterns, without_braces};
use crate::commands::operands::Operands;
use crate::commands::streams::{from_stdin, is_stream};
use crate::commands::transfer_flags::{Resume, TransferFlags};
use crate::commands::{Context, Example, Failure, Outcome, Purpose, PutOperand, RemoteDir, Run, Word, home};
use crate::name::{Paths, RemotePath};
use crate::remote::glob::local_glob;
use crate::terminal::Printable;
use crate::transfer::{LocalPath, Pairs, PutPair};

/// Upload file
///
/// Wildcards are expanded. Without a remote path, files go to the remote working directory under their own names. If the
/// remote path is a directory, they go into it. With three or more paths, the last is that directory. If you type the local path -
/// at a prompt or on the command line, standard input is sent up to its end (Ctrl-D); in a script, - is a name.
///
/// --exclude, --include and --exclude-from take patterns in the syntax of .gitignore, matched against the path below the top
/// of the tree: *.o matches anywhere, /build only at the top, cache/ only a directory. Excluded directories are not read.
/// The patterns also apply to what wildcards match, but not to files that you name in full.
#[derive(Clone, Debug, clap::Args)]
pub struct Put {
    #[command(flatten)]
    flags: TransferFlags,
    /// Put all files into this remote directory; all other paths are local
    #[arg(short = 'o', long = "output", value_name = "dir")]
    into: Option<RemoteDir>,
    /// The local files, and the remote target
    #[arg(required = true, value_name = "path")]
    operands: Vec<PutOperand>,
}

impl Run for Put {
    const NEEDS_SERVER: bool = true;
    const TRANSFERS: bool = true;

    const EXAMPLES: &'static [Example] = &[
        Example { line: "put *.html", does: "send files by a pattern" },
        Example { line: "put notes.txt docs", does: "send a file into a directory" },
        Example { line: "put -r site www", does: "send a directory recursively" },
        Example { line: "put -r --exclude '*.o' site", does: "leave out object files" },
    ];
    const REQUIRED_PHRASE: &'static str = "at least one path";

    fn purpose(&self) -> Purpose {
        self.flags.purpose(Purpose::Effect)
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let words = self.operands.into_iter().map(|PutOperand(word)| word).collect();
        let operands = Operands::split(words, self.into.is_some());
        if let ([source], Some(target)) = (&operands.sources[..], &operands.target)
            && is_stream(cx, source)
        {
            return from_stdin(cx, target);
        }
        self.flags.fit_together(cx)?;
        let selection = self.flags.selection(cx)?;
        let (mut sources, mut found) = (Paths::default(), 0);
        for word in &operands.sources {
            let word = &home::expand(word);
            let matches = find(cx, word)?;
            found += matches.len();
            let is_literal = without_braces(word).is_literal();
            let is_taken = |path: &Vec<u8>| is_literal || selection.takes_local_match(&resolved(cx, path));
            matches.iter().filter(is_taken).for_each(|path| sources.push(&path));
        }
        if sources.is_empty() {
            // All sources were excluded.
            return Ok(Outcome::Done);
        }
        let target = match (self.into, operands.target) {
            (Some(RemoteDir(into)), _) => Some(into),
            (None, Some(word)) => Some(RemotePath::new(word.plain())?),
            (None, None) => None,
        };
        let target = Target::of(cx, target, operands.target_must_be_directory || found > 1)?;
        let pairs = sources.iter().map(|source| target.pair(cx, source)).collect::<Result<_, _>>()?;
        let request = cx.transfer(Pairs::Put(pairs), self.flags.options(&cx.settings), selection, self.flags.mode());
        Ok(Outcome::Transfer { request, all_found: true })
    }
}

/// Returns the local files that a word matches, or the word itself if there are none. As in sftp(1), a name with
/// braces is first looked up literally; braces are expanded only if there is no such name.
fn find(cx: &Context, word: &Word) -> Result<Paths, Failure> {
    let is_there = |path: Vec<u8>| resolved(cx, &path).symlink_metadata().is_ok();
    let literally = local_glob(&without_braces(word), cx.local.path());
    let alternatives = patterns(word)?;
    if alternatives.len() < 2 || literally.iter().any(is_there) {
        return Ok(literally);
    }
    let mut found = Paths::default();
    alternatives.iter().for_each(|pattern| found.append(&local_glob(pattern, cx.local.path())));
    Ok(if found.iter().any(is_there) { found } else { literally })
}

fn resolved(cx: &Context, path: &[u8]) -> PathBuf {
    cx.local.resolve(OsStr::from_bytes(path))
}

/// Resume upload file
///
/// The same as put -a: continue partial uploads instead of starting over.
#[derive(Clone, Debug, clap::Args)]
pub struct Reput {
    #[command(flatten)]
    put: Put,
}

impl Run for Reput {
    const NEEDS_SERVER: bool = true;
    const TRANSFERS: bool = true;

    const REQUIRED_PHRASE: &'static str = Put::REQUIRED_PHRASE;

    fn purpose(&self) -> Purpose {
        self.put.purpose()
    }

    fn run(mut self, cx: &mut Context) -> Result<Outcome, Failure> {
        self.put.flags.resume.get_or_insert(Resume::Compare);
        self.put.run(cx)
    }
}

/// The destination of the files.
struct Target {
    /// The absolute path; `None` for the working directory.
    path: Option<RemotePath>,
    is_directory: bool,
}

impl Target {
    fn of(cx: &Context, typed: Option<RemotePath>, must_be_directory: bool) -> Result<Target, Failure> {
        let path = typed.map(|path| cx.remote.resolve(&path));
        // Requested only for a path that the user named: sftp(1)'s own tests allow no extra request.
        let is_directory = path.as_ref().is_none_or(|path| cx.remote.is_directory(path));
        match &path {
            Some(path) if must_be_directory && !is_directory => {
                let shown = Printable(path.as_bytes());
                Err(Failure::new(format!("Multiple paths match, but destination \"{shown}\" is not a directory")))
            }
            _ => Ok(Target { path, is_directory }),
        }
    }

    /// Returns a source with its own target: inside the directory under the source's name, or the target itself.
    fn pair(&self, cx: &Context, source: Vec<u8>) -> Result<PutPair, Failure> {
        let source = PathBuf::from(OsString::from_vec(source));
        let remote = match &self.path {
            Some(path) if !self.is_directory => path.clone(),
            directory => {
                let directory = directory.as_ref().unwrap_or_else(|| cx.remote.working_directory());
                directory.resolve(&base_name(&source)?)
            }
        };
        // An empty word is not a path, and does not mean the working directory.
        let path = if source.as_os_str().is_empty() { PathBuf::new() } else { cx.local.resolve(&source) };
        let shown = if path.is_dir() { with_slash(source) } else { source };
        Ok(PutPair { local: LocalPath::named(path, shown), remote })
    }
}

/// Returns the name of a source on the server. A source without a name of its own goes into the target, not beside
/// it.
fn base_name(source: &Path) -> Result<RemotePath, Failure> {
    let path = RemotePath::new(source.as_os_str().as_bytes())?;
    match path.base_name() {
        None | Some(b"..") => Ok(RemotePath::dot()),
        Some(name) => Ok(RemotePath::new(name)?),
    }
}

/// Returns the source as sftp(1) shows it: a directory with a slash.
fn with_slash(path: PathBuf) -> PathBuf {
    let mut bytes = path.into_os_string().into_vec();
    if !bytes.ends_with(b"/") {
        bytes.push(b'/');
    }
    PathBuf::from(OsString::from_vec(bytes))
}
