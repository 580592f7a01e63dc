//! `cp` and `copy`: a copy that the server makes.
#![forbid(unsafe_code)]

use super::{Context, Example, Failure, Outcome, Purpose, RemotePath, Run};
use crate::name;
use crate::sftp::{Attributes, Error, Extension, FileType, Handle, OpenFlags};
use crate::terminal::Printable;

/// Copy remote file
///
/// The server copies by itself where it can; else the bytes go through us.
#[derive(Clone, Debug, clap::Args)]
pub struct Cp {
    /// File to copy
    #[arg(value_name = "oldpath")]
    oldpath: RemotePath,
    /// Its copy, or the directory for it
    #[arg(value_name = "newpath")]
    newpath: RemotePath,
}

/// The permission bits that a copy gets; set-id and sticky bits are not handed on.
const PERMISSION_BITS: u32 = 0o777;

/// The mode of a copy whose source's mode the server does not tell.
const DEFAULT_MODE: u32 = 0o666;

impl Run for Cp {
    const EXAMPLES: &'static [Example] =
        &[Example { line: "cp index.html index.html.bak", does: "copy a file on the server" }];
    const WANTS: &'static str = "two paths";

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
        let copied = copy_open(cx, &source, &copy).and_then(|()| cx.session().close(copy));
        copied.map(|()| Outcome::Done).map_err(|error| {
            let (shown_from, shown_to) = (Printable(from.as_bytes()), Printable(to.as_bytes()));
            Failure::refused(format!("Couldn't copy file \"{shown_from}\" to \"{shown_to}\""), &error)
        })
    }
}

fn source_attributes(cx: &Context, from: &name::RemotePath) -> Result<Attributes, Failure> {
    let attributes =
        cx.session().stat(from).map_err(|error| Failure::refused("stat remote", &error).about(from.as_bytes()))?;
    match attributes.file_type() {
        None | Some(FileType::Regular) => Ok(attributes),
        Some(_) => Err(Failure::new(format!("Cannot copy non-regular file: {}", Printable(from.as_bytes())))),
    }
}

/// The copy's path: inside the target when that is a directory.
fn target(cx: &Context, from: &name::RemotePath, to: name::RemotePath) -> name::RemotePath {
    let base = from.base_name().and_then(|base| name::EntryName::vet(base).ok());
    match base {
        Some(base) if cx.session().stat(&to).is_ok_and(|attributes| attributes.is_dir()) => to.join(&base),
        _ => to,
    }
}

/// Opening the target empties it, and that must not be the source under the same or another name.
fn refuse_self(cx: &Context, from: &name::RemotePath, to: &name::RemotePath) -> Result<(), Failure> {
    let canonical = |path| cx.session().submit(&crate::sftp::calls::Realpath { path });
    let (from_canonical, to_canonical) = (canonical(from), canonical(to));
    match (from_canonical.wait(), to_canonical.wait()) {
        (Ok(one), Ok(other)) if one == other => {
            let (shown_from, shown_to) = (Printable(from.as_bytes()), Printable(to.as_bytes()));
            Err(Failure::new(format!("Couldn't copy file \"{shown_from}\" to \"{shown_to}\": they are the same file")))
        }
        _ => Ok(()),
    }
}

fn cannot_open(path: &name::RemotePath, error: &Error) -> Failure {
    Failure::refused(format!("remote open(\"{}\")", Printable(path.as_bytes())), error)
}

fn copy_open(cx: &Context, source: &Handle, copy: &Handle) -> Result<(), Error> {
    if cx.session().offers(Extension::CopyData) {
        // A length of 0 means: to the end of the file (OpenSSH PROTOCOL, 4.10).
        return cx.session().copy_data(source, 0, 0, copy, 0);
    }
    let piece = cx.session().limits().read_bytes.min(cx.session().limits().write_bytes);
    let mut offset = 0;
    loop {
        match cx.session().read(source, offset, piece) {
            Ok(data) => {
                cx.session().write(copy, offset, &data)?;
                offset += data.len() as u64;
            }
            Err(error) if error.is_eof() => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
