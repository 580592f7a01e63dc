//! `edit`: a remote file in a local editor.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, IsTerminal, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::commands::local_programs::{chosen, spawn};
use crate::commands::matches::Form;
use crate::commands::opened::Opened;
use crate::commands::{Context, Example, Failure, Origin, Outcome, Purpose, RemotePathArg, Run};
use crate::name::{EntryName, InvalidName, RemotePath};
use crate::os_error;
use crate::remote::{Ahead, Cause};
use crate::sftp::{Attributes, StatusCode, calls};
use crate::terminal::{Printable, prompt, quote};
use crate::transfer::{Hold, LocalPath, OnConflict, Options, Pairs, PutPair, Selection};

/// Edit a remote file
///
/// The file opens in the editor of the variable VISUAL or EDITOR, or else in vi. If you change it, your version replaces the
/// remote file in one step. A file that doesn't exist is created. If the remote file changes meanwhile, sftpsh asks what to do.
#[derive(Clone, Debug, clap::Args)]
pub struct Edit {
    /// The file to edit
    #[arg(value_name = "path")]
    path: RemotePathArg,
}

impl Run for Edit {
    const NEEDS_SERVER: bool = true;

    const REFUSES_LATE_FLAGS: bool = true;
    const EXAMPLES: &'static [Example] =
        &[Example { line: "edit notes.txt", does: "change a file on the server in your editor" }];

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        if cx.origin == Origin::Script || !cx.output.stdout_is_terminal() || !io::stdin().is_terminal() {
            return Err(Failure::new("edit: an editor needs a terminal, and doesn't run in a script")
                .with_hint("get fetches the file, and put sends it back"));
        }
        cx.local_programs.require()?;
        let editor = chosen(&["VISUAL", "EDITOR"], &["vi", "nano"])?;
        let editor = editor.ok_or_else(|| Failure::new("edit: no editor is known").with_hint("set EDITOR to one"))?;
        let path = cx.remote.resolve(&self.path.0);
        let before = present(cx, &path)?;
        let copy = Copy::of(cx, &path, before)?;
        let sent = match copy.edit(cx, editor) {
            Ok(true) => send_back(cx, &copy, &path, before),
            Ok(false) => {
                cx.output.note(format_args!("{} was not changed", Printable(path.as_bytes())));
                Ok(())
            }
            Err(failure) => Err(failure),
        };
        sent.map(|()| Outcome::Done).map_err(|failure| copy.kept(failure, &path))
    }
}

/// Returns the attributes of the remote file, or `None` if it doesn't exist.
fn present(cx: &Context, path: &RemotePath) -> Result<Option<Attributes>, Failure> {
    match cx.session().stat(path) {
        Ok(attributes) => Ok(Some(attributes)),
        Err(error) if error.status_code() == Some(StatusCode::NO_SUCH_FILE) => Ok(None),
        Err(error) => Err(Failure::refused("stat remote", &error).about(path.as_bytes())),
    }
}

/// The permissions of a new file, from which the server takes away those of its umask.
const NEW_MODE: u32 = 0o644;

/// Bytes of the local version that are hashed at once.
const PIECE: usize = 64 << 10;

/// The local version of the file, in a directory that no one else can enter. Dropping it removes both.
struct Copy {
    directory: tempfile::TempDir,
    file: PathBuf,
    /// The hash of the contents before editing; `None` for a file that doesn't exist.
    before: Option<Vec<u8>>,
}

impl Copy {
    /// Fetches a file. A file that doesn't exist is left to the editor to create.
    fn of(cx: &Context, path: &RemotePath, attributes: Option<Attributes>) -> Result<Copy, Failure> {
        let name = path.base_name().and_then(|base| EntryName::vet(base).ok());
        let name = name.ok_or_else(|| {
            Failure::new(format!("edit: \"{}\" is not the name of a file", Printable(path.as_bytes())))
        })?;
        let directory = tempfile::Builder::new()
            .prefix("sftpsh-edit-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .map_err(|error| uncopied(path, &error))?;
        let file = directory.path().join(OsStr::from_bytes(name.as_bytes()));
        let before = attributes.map(|attributes| fetch(cx, path, attributes, &file)).transpose()?;
        Ok(Copy { directory, file, before })
    }

    /// Lets the user edit the file. Returns whether its contents have changed.
    fn edit(&self, cx: &Context, mut editor: Command) -> Result<bool, Failure> {
        cx.output.flush();
        let lent = cx.local_programs.lend_terminal();
        let status = spawn(editor.arg(&self.file).current_dir(cx.local.path()))?.wait();
        drop(lent);
        let after = self.hash().map_err(|error| Failure::new(format!("edit: {}", os_error::text(&error))))?;
        if after.is_none() || after == self.before {
            return Ok(false);
        }
        match status {
            Ok(status) if status.success() => Ok(true),
            _ => Err(Failure::new("edit: the editor failed, so the remote file stays as it is")),
        }
    }

    fn hash(&self) -> io::Result<Option<Vec<u8>>> {
        let mut file = match File::open(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let (mut hash, mut piece) = (Sha256::new(), vec![0; PIECE]);
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(Some(hash.finalize().to_vec())),
                length => hash.update(&piece[..length]),
            }
        }
    }

    /// Keeps the copy, and returns the failure with its name and with the way to send it.
    fn kept(self, failure: Failure, path: &RemotePath) -> Failure {
        let file = self.file.as_os_str().as_bytes();
        let failure = failure.with_line(format!("Your version is kept in {}", Printable(file)));
        let hint = format!("put {} {} sends it", quote::paste(file), quote::paste(path.as_bytes()));
        let _ = self.directory.keep();
        failure.with_hint(hint)
    }
}

/// Fetches a file to a private local one, and returns the hash of its contents.
fn fetch(cx: &Context, path: &RemotePath, attributes: Attributes, to: &Path) -> Result<Vec<u8>, Failure> {
    let file = Opened::known(cx, path.clone(), Form::Absolute, attributes)?;
    let local = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let mut local = local.map_err(|error| uncopied(path, &error))?;
    let (mut hash, mut written, mut length) = (Sha256::new(), Ok(()), 0);
    file.read(cx, 0, file.size, Ahead::Much, |piece| {
        length += piece.len() as u64;
        hash.update(piece);
        written = local.write_all(piece);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written.map_err(|error| uncopied(path, &error))?;
    if length < file.size {
        let shown = Printable(path.as_bytes());
        return Err(Failure::new(format!("edit: \"{shown}\" ends at byte {length} of {}", file.size)));
    }
    Ok(hash.finalize().to_vec())
}

fn uncopied(path: &RemotePath, error: &io::Error) -> Failure {
    Failure::new(format!("edit: can't copy \"{}\" here: {}", Printable(path.as_bytes()), os_error::text(error)))
}

/// Sends the local version back.
fn send_back(cx: &mut Context, copy: &Copy, path: &RemotePath, before: Option<Attributes>) -> Result<(), Failure> {
    let now = present(cx, path)?;
    let decision = if version(now) == version(before) { Decision::Overwrite } else { ask(cx, path, now) };
    match decision {
        Decision::Overwrite => {
            upload(cx, copy, path.clone(), OnConflict::Overwrite, now)?;
            keep_owner(cx, path, now);
            Ok(())
        }
        Decision::KeepBoth => upload(cx, copy, mine(path)?, OnConflict::Rename, before),
        Decision::Abandon => Err(Failure::new(format!("edit: {} stays as it is", Printable(path.as_bytes())))),
    }
}

/// Returns what a change of a file changes.
fn version(attributes: Option<Attributes>) -> Option<(Option<u64>, Option<u32>)> {
    attributes.map(|attributes| (attributes.size, attributes.times.map(|times| times.modified)))
}

/// The decision about a remote file that was changed meanwhile.
enum Decision {
    Overwrite,
    KeepBoth,
    Abandon,
}

fn ask(cx: &Context, path: &RemotePath, now: Option<Attributes>) -> Decision {
    let news = if now.is_some() { "was changed" } else { "was removed" };
    let shown = Printable(path.as_bytes()).text();
    let mine = Printable(path.base_name().unwrap_or_default()).text();
    let question =
        format!("{shown} {news} meanwhile.\n(o)verwrite it, (k)eep both (yours as {mine}.mine), (a)bandon yours? ");
    cx.output.flush();
    loop {
        match prompt::ask(&question).as_deref().map(str::trim) {
            Ok("o" | "overwrite") => return Decision::Overwrite,
            Ok("k" | "keep") => return Decision::KeepBoth,
            Ok("a" | "abandon") | Err(_) => return Decision::Abandon,
            Ok(_) => {}
        }
    }
}

/// Returns the name of the user's version beside another one.
fn mine(path: &RemotePath) -> Result<RemotePath, InvalidName> {
    RemotePath::new([path.as_bytes(), b".mine"].concat())
}

/// Sends the local version, which replaces the remote file in one step. It gets the permissions of `like`.
fn upload(
    cx: &mut Context,
    copy: &Copy,
    remote: RemotePath,
    on_conflict: OnConflict,
    like: Option<Attributes>,
) -> Result<(), Failure> {
    let mode = like.and_then(|like| like.permissions).unwrap_or(NEW_MODE) & 0o777;
    fs::set_permissions(&copy.file, Permissions::from_mode(mode | 0o400)).map_err(|error| uncopied(&remote, &error))?;
    let pair = PutPair { local: LocalPath::named(&copy.file, &copy.file), remote };
    let options = Options { atomic: true, on_conflict, ..Options::default() };
    let request = cx.transfer(Pairs::put([pair]), options, Selection::default(), None);
    let job = cx.start(*request, Hold::default());
    cx.finish(job)
}

/// Gives a replaced file back to its owner, if the server lets us.
fn keep_owner(cx: &Context, path: &RemotePath, replaced: Option<Attributes>) {
    let owner = |attributes: Option<Attributes>| attributes.and_then(|attributes| attributes.owner);
    let (Some(wanted), found) = (owner(replaced), owner(cx.session().stat(path).ok())) else { return };
    if found.is_none_or(|found| found == wanted) {
        return;
    }
    let attributes = Attributes { owner: Some(wanted), ..Attributes::default() };
    if let Err(error) = cx.session().submit(&calls::Setstat { path, attributes }).wait() {
        let shown = Printable(path.as_bytes());
        cx.output.warning(format_args!("{shown} has another owner now: {}", Cause(&error)));
    }
}
