//! `cp` and `copy`: copies on the server, if possible without transferring the data.

use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePathArg, Run};
use crate::name::{EntryName, RemotePath};
use crate::remote::{self, CopyError, OpenFile};
use crate::sftp::{Attributes, Error, FileType, OpenFlags};
use crate::terminal::Printable;

/// Copy remote file
///
/// The server copies the file itself if it can. Otherwise the data goes through this machine.
#[derive(Clone, Debug, clap::Args)]
pub struct Cp {
    /// The file to copy
    #[arg(value_name = "oldpath")]
    oldpath: RemotePathArg,
    /// The copy, or the directory to copy into
    #[arg(value_name = "newpath")]
    newpath: RemotePathArg,
}

/// The permission bits that a copy keeps; set-id and sticky bits are not copied.
const PERMISSION_BITS: u32 = 0o777;

/// The mode of a copy if the server does not report the source's mode.
const DEFAULT_MODE: u32 = 0o666;

impl Run for Cp {
    const NEEDS_SERVER: bool = true;

    const EXAMPLES: &'static [Example] =
        &[Example { line: "cp index.html index.html.bak", does: "copy a file on the server" }];
    const REQUIRED_PHRASE: &'static str = "two paths";

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let (from, to) = (cx.remote.resolve(&self.oldpath.0), cx.remote.resolve(&self.newpath.0));
        let attributes = source_attributes(cx, &from)?;
        let to = target(cx, &from, to);
        refuse_self(cx, &from, &to)?;
        let source = cx
            .session()
            .open_file(&from, OpenFlags::READ, Attributes::default())
            .map_err(|error| cannot_open(&from, &error))?;
        let mode = attributes.permissions.unwrap_or(DEFAULT_MODE) & PERMISSION_BITS;
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let copy = cx
            .session()
            .open_file(&to, flags, Attributes::with_permissions(mode))
            .map_err(|error| cannot_open(&to, &error))?;
        let (reads, writes) = (OpenFile { path: &from, handle: &source }, OpenFile { path: &to, handle: &copy });
        remote::copy(cx.session(), reads, writes, attributes.size, cx.interrupt())
            .and_then(|()| Ok(cx.session().close(copy)?))
            .map(|()| Outcome::Done)
            .map_err(|error| not_copied(&from, &to, &error))
    }
}

fn source_attributes(cx: &Context, from: &RemotePath) -> Result<Attributes, Failure> {
    let attributes =
        cx.session().stat(from).map_err(|error| Failure::refused("stat remote", &error).about(from.as_bytes()))?;
    match attributes.file_type() {
        None | Some(FileType::Regular) => Ok(attributes),
        Some(_) => Err(Failure::new(format!("Cannot copy non-regular file: {}", Printable(from.as_bytes())))),
    }
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
    let canonical = |path| cx.session().submit(&crate::sftp::calls::Realpath { path });
    let (from_canonical, to_canonical) = (canonical(from), canonical(to));
    match (from_canonical.wait(), to_canonical.wait()) {
        (Ok(one), Ok(other)) if one == other => {
            Err(Failure::new(format!("{}: they are the same file", could_not_copy(from, to))))
        }
        _ => Ok(()),
    }
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
