//! `cp` and `copy`: copies on the server, if possible without transferring the data.

use crate::commands::matches::{Target, patterns, targets, without_braces};
use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePathArg, RemotePattern, Run, each};
use crate::name::{EntryName, RemotePath};
use crate::remote::{self, CopyError, Directory, Found, Links, OpenFile};
use crate::sftp::{Attributes, Error, FileType, OpenFlags, calls};
use crate::terminal::Printable;

/// Copy remote files
///
/// The server copies the files itself if it can. Otherwise the data goes through this machine. Wildcards are expanded unless a
/// file has the name as it is typed.
#[derive(Clone, Debug, clap::Args)]
pub struct Cp {
    /// Copy directories with all that is in them
    #[arg(short, long, short_alias = 'R')]
    recursive: bool,
    /// The files to copy
    #[arg(required = true, value_name = "oldpath")]
    sources: Vec<RemotePattern>,
    /// The copy, or the directory to copy into
    #[arg(value_name = "newpath")]
    target: RemotePathArg,
}

/// The permission bits that a copy keeps; set-id and sticky bits are not copied.
const PERMISSION_BITS: u32 = 0o777;

/// The mode of a copy if the server does not report the source's mode.
const DEFAULT_MODE: u32 = 0o666;

/// The mode of a directory while it is filled.
const OWNER_MAY_ALL: u32 = 0o700;

impl Run for Cp {
    const NEEDS_SERVER: bool = true;

    const EXAMPLES: &'static [Example] = &[
        Example { line: "cp index.html index.html.bak", does: "copy a file on the server" },
        Example { line: "cp -r site site.old", does: "copy a directory" },
        Example { line: "cp *.html old", does: "copy files into a directory" },
    ];
    const REQUIRED_PHRASE: &'static str = "two paths";

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let sources = self.sources(cx)?;
        let target = cx.remote.resolve(&self.target.0);
        if sources.len() > 1 && !cx.remote.is_directory(&target) {
            return Err(Failure::new(format!("cp: \"{}\" is not a directory", Printable(target.as_bytes()))));
        }
        each(cx, sources, |cx, from| self.copy(cx, &from, target.clone()))
    }
}

impl Cp {
    /// Returns the paths of the sources. A word that is a file's name is never a pattern, as in sftp(1).
    fn sources(&self, cx: &Context) -> Result<Vec<RemotePath>, Failure> {
        let mut sources = Vec::new();
        for source in &self.sources {
            let path = cx.remote.resolve(&RemotePath::new(source.word().plain())?);
            let is_name = without_braces(source.word()).is_literal() && patterns(source.word())?.len() < 2;
            match is_name || cx.session().lstat(&path).is_ok() {
                true => sources.push(path),
                false => sources
                    .extend(targets(cx, std::slice::from_ref(source))?.into_iter().map(|Target { path, .. }| path)),
            }
        }
        Ok(sources)
    }

    fn copy(&self, cx: &Context, from: &RemotePath, to: RemotePath) -> Result<(), Failure> {
        let attributes =
            cx.session().stat(from).map_err(|error| Failure::refused("stat remote", &error).about(from.as_bytes()))?;
        let to = target(cx, from, to);
        match attributes.file_type() {
            Some(FileType::Directory) if self.recursive => copy_tree(cx, from, &to),
            Some(FileType::Directory) => {
                Err(not_regular(from).with_hint("cp -r copies a directory with all that is in it"))
            }
            Some(FileType::Regular) | None => {
                refuse_self(cx, from, &to)?;
                copy_file(cx, from, &to, &attributes)
            }
            Some(FileType::Symlink | FileType::Special) => Err(not_regular(from)),
        }
    }
}

fn not_regular(path: &RemotePath) -> Failure {
    Failure::new(format!("Cannot copy non-regular file: {}", Printable(path.as_bytes())))
}

/// Returns the copy's path, which is inside the target if that is a directory.
fn target(cx: &Context, from: &RemotePath, to: RemotePath) -> RemotePath {
    let base = from.base_name().and_then(|base| EntryName::vet(base).ok());
    match base {
        Some(base) if cx.session().stat(&to).is_ok_and(|attributes| attributes.is_dir()) => to.join(&base),
        _ => to,
    }
}

/// Fails if source and target are the same file under any names, because opening the target would empty it.
fn refuse_self(cx: &Context, from: &RemotePath, to: &RemotePath) -> Result<(), Failure> {
    match canonical_pair(cx, from, to) {
        Some((one, other)) if one == other => {
            Err(Failure::new(format!("{}: they are the same file", could_not_copy(from, to))))
        }
        _ => Ok(()),
    }
}

/// Fails if the target is in the source, which would grow for as long as it is copied.
fn refuse_inside(cx: &Context, from: &RemotePath, to: &RemotePath) -> Result<(), Failure> {
    let parent = to.parent().unwrap_or_else(|| to.clone());
    let is_inside = |(source, parent): &(Vec<u8>, Vec<u8>)| {
        parent
            .strip_prefix(&source[..])
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/") || source.ends_with(b"/"))
    };
    match canonical_pair(cx, from, &parent).filter(is_inside) {
        Some(_) => Err(Failure::new(format!("{}: the copy would be in its source", could_not_copy(from, to)))),
        None => Ok(()),
    }
}

/// Returns the canonical forms of two paths, if the server reports both. Takes one round trip.
fn canonical_pair(cx: &Context, one: &RemotePath, other: &RemotePath) -> Option<(Vec<u8>, Vec<u8>)> {
    let canonical = |path| cx.session().submit(&calls::Realpath { path });
    let (one, other) = (canonical(one), canonical(other));
    Some((one.wait().ok()?.to_vec(), other.wait().ok()?.to_vec()))
}

fn copy_file(cx: &Context, from: &RemotePath, to: &RemotePath, attributes: &Attributes) -> Result<(), Failure> {
    let source = cx
        .session()
        .open_file(from, OpenFlags::READ, Attributes::default())
        .map_err(|error| cannot_open(from, &error))?;
    let mode = attributes.permissions.unwrap_or(DEFAULT_MODE) & PERMISSION_BITS;
    let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
    let copy = cx
        .session()
        .open_file(to, flags, Attributes::with_permissions(mode))
        .map_err(|error| cannot_open(to, &error))?;
    let (reads, writes) = (OpenFile { path: from, handle: &source }, OpenFile { path: to, handle: &copy });
    remote::copy(cx.session(), reads, writes, attributes.size, cx.interrupt())
        .and_then(|()| Ok(cx.session().close(copy)?))
        .map_err(|error| not_copied(from, to, &error))
}

/// Copies a directory with all that is in it. What can't be copied is reported, and the rest is copied.
fn copy_tree(cx: &Context, from: &RemotePath, to: &RemotePath) -> Result<(), Failure> {
    refuse_inside(cx, from, to)?;
    let mut is_whole = true;
    for found in cx.remote.walk(from, Links::Kept) {
        let copied = match found {
            Found::Directory(directory) => make(cx, &beside(to, &directory, None), &directory),
            Found::Entry { directory, entry } => {
                let path = directory.path.join(&entry.name);
                copy_entry(cx, &path, &beside(to, &directory, Some(&entry.name)), &entry.attributes)
            }
            Found::Left(directory) => close(cx, &beside(to, &directory, None), &directory),
            Found::Failure(error) => Err(error.into()),
        };
        if cx.interrupt().was_pressed() {
            return Err(Failure::already_shown());
        }
        if let Err(failure) = copied {
            if cx.session().end().is_some() {
                return Err(failure);
            }
            cx.output.explain(&failure);
            is_whole = false;
        }
    }
    if is_whole { Ok(()) } else { Err(Failure::already_shown()) }
}

/// Returns the path of the copy of a directory, or of an entry in it.
fn beside(to: &RemotePath, directory: &Directory, name: Option<&EntryName>) -> RemotePath {
    directory.names().into_iter().chain(name).fold(to.clone(), |path, name| path.join(name))
}

/// Creates the copy of a directory, in which we may write until it is closed. An existing directory is filled.
fn make(cx: &Context, to: &RemotePath, directory: &Directory) -> Result<(), Failure> {
    let mode = directory_mode(directory).unwrap_or(PERMISSION_BITS) | OWNER_MAY_ALL;
    match cx.session().mkdir(to, Attributes::with_permissions(mode)) {
        Err(error) if !cx.remote.is_directory(to) => {
            Err(Failure::refused(format!("remote mkdir \"{}\"", Printable(to.as_bytes())), &error))
        }
        _ => Ok(()),
    }
}

/// Takes the owner's permissions away from a copy whose source lacks them.
fn close(cx: &Context, path: &RemotePath, directory: &Directory) -> Result<(), Failure> {
    let Some(mode) = directory_mode(directory).filter(|mode| mode & OWNER_MAY_ALL != OWNER_MAY_ALL) else {
        return Ok(());
    };
    let attributes = Attributes::with_permissions(mode);
    let set = cx.session().submit(&calls::Setstat { path, attributes }).wait();
    set.map_err(|error| Failure::refused(format!("remote setstat \"{}\"", Printable(path.as_bytes())), &error))
}

fn directory_mode(directory: &Directory) -> Option<u32> {
    directory.attributes.permissions.map(|mode| mode & PERMISSION_BITS)
}

fn copy_entry(cx: &Context, from: &RemotePath, to: &RemotePath, attributes: &Attributes) -> Result<(), Failure> {
    match attributes.file_type() {
        Some(FileType::Symlink) => copy_link(cx, from, to),
        Some(FileType::Regular) | None => copy_file(cx, from, to, attributes),
        Some(FileType::Directory | FileType::Special) => Err(not_regular(from)),
    }
}

fn copy_link(cx: &Context, from: &RemotePath, to: &RemotePath) -> Result<(), Failure> {
    let refused = |act: &str, path: &RemotePath, error: &Error| {
        Failure::refused(format!("remote {act} \"{}\"", Printable(path.as_bytes())), error)
    };
    let target = cx.session().readlink(from).map_err(|error| refused("readlink", from, &error))?;
    let target = RemotePath::new(target.to_vec())?;
    cx.session().symlink(&target, to).map_err(|error| refused("symlink", to, &error))
}

fn cannot_open(path: &RemotePath, error: &Error) -> Failure {
    Failure::refused(format!("remote open(\"{}\")", Printable(path.as_bytes())), error)
}

fn not_copied(from: &RemotePath, to: &RemotePath, error: &CopyError) -> Failure {
    match error {
        CopyError::Session(error) => Failure::refused(could_not_copy(from, to), error),
        CopyError::Truncated { .. } => Failure::new(format!("{}: {error}", could_not_copy(from, to))),
        CopyError::Interrupted => Failure::already_shown(),
    }
}

fn could_not_copy(from: &RemotePath, to: &RemotePath) -> String {
    format!("Couldn't copy file \"{}\" to \"{}\"", Printable(from.as_bytes()), Printable(to.as_bytes()))
}
