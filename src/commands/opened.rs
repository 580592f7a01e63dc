//! A remote file that is open to be looked at, for `cat` and the commands that show a part of a file.

use std::ops::ControlFlow;

use crate::commands::matches::{Form, Target};
use crate::commands::{Context, Failure, is_bare_failure};
use crate::name::RemotePath;
use crate::remote::{Ahead, Reader};
use crate::sftp::{self, Attributes, FileType, Handle, OpenFlags};
use crate::terminal::{Contents, Printable};

/// An open file.
pub(super) struct Opened {
    path: RemotePath,
    form: Form,
    handle: Handle,
    /// The reported size, which may be wrong in both directions.
    pub(super) size: u64,
}

impl Opened {
    /// Opens a file. Directories and files that may block the server, such as a FIFO, are refused.
    pub(super) fn open(cx: &Context, target: Target) -> Result<Opened, Failure> {
        let Target { path, found, form } = target;
        let attributes = found.map(|found| found.followed()).unwrap_or_default();
        match attributes.file_type() {
            Some(FileType::Directory) => return Err(not_a_file(&path, "Is a directory").with_hint("ls lists it")),
            Some(FileType::Special) => return Err(not_a_file(&path, "not a regular file")),
            Some(FileType::Regular | FileType::Symlink) | None => {}
        }
        let handle = cx
            .session()
            .open_file(&path, OpenFlags::READ, Attributes::default())
            .map_err(|error| Failure::refused(opening(&path), &error))?;
        Ok(Opened { path, form, handle, size: attributes.size.unwrap_or(0) })
    }

    /// Returns the path as it is shown.
    pub(super) fn name<'a>(&'a self, cx: &Context) -> &'a [u8] {
        self.form.show(cx, &self.path)
    }

    /// Reads the file from an offset, and gives `take` one piece after the other until it breaks or the file ends.
    /// `expected` is the offset at which that should happen.
    pub(super) fn read(
        &self,
        cx: &Context,
        start: u64,
        expected: u64,
        ahead: Ahead,
        mut take: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let mut reader = Reader::new(cx.session(), &self.handle, start, expected, ahead, cx.interrupt());
        while let Some(piece) = reader.next_piece().map_err(|error| self.unreadable(cx, &error))? {
            if take(&piece).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Shows at most this many bytes from an offset on.
    pub(super) fn show(&self, cx: &Context, start: u64, most: u64) -> Result<(), Failure> {
        if most == 0 {
            return Ok(());
        }
        let mut contents = Contents::on(&cx.output);
        let mut left = most;
        let expected = self.size.min(start.saturating_add(most));
        let shown = self.read(cx, start, expected, Ahead::Much, |piece| {
            let part = usize::try_from(left).map_or(piece, |left| &piece[..left.min(piece.len())]);
            contents.show(part);
            left -= part.len() as u64;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        contents.finish();
        shown
    }

    fn unreadable(&self, cx: &Context, error: &sftp::Error) -> Failure {
        let failure = Failure::refused(format!("read remote \"{}\"", Printable(self.path.as_bytes())), error);
        match cx.kind_after(error, &self.path).filter(|_| is_bare_failure(error)) {
            Some(FileType::Directory) => failure.because("it is a directory"),
            _ => failure,
        }
    }
}

fn opening(path: &RemotePath) -> String {
    format!("remote open(\"{}\")", Printable(path.as_bytes()))
}

fn not_a_file(path: &RemotePath, why: &str) -> Failure {
    Failure::new(format!("{}: {why}", opening(path)))
}
