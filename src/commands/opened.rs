//! A remote file that is open to be looked at, for `cat` and the commands that show a part of a file.

use std::io::{self, Write};
use std::ops::ControlFlow;

use crate::commands::matches::{Form, Target};
use crate::commands::{Context, Failure, is_bare_failure};
use crate::name::RemotePath;
use crate::remote::{Ahead, Interrupt, Reader};
use crate::sftp::{self, Attributes, FileType, Handle, OpenFlags};
use crate::terminal::{Contents, Printable};

/// An open file.
pub(super) struct Opened {
    path: RemotePath,
    form: Form,
    handle: Handle,
    /// The reported size, which may be wrong in both directions.
    pub(super) size: u64,
    /// Ends the reading.
    interrupt: Interrupt,
}

/// Most bytes of a file that are written before Ctrl-C is looked for: a few of them may become many on their way.
const PART: usize = 16 << 10;

impl Opened {
    /// Opens a file. Directories and files that may block the server, such as a FIFO, are refused.
    pub(super) fn open(cx: &Context, target: Target) -> Result<Opened, Failure> {
        let Target { path, found, form } = target;
        Opened::known(cx, path, form, found.map(|found| found.followed()).unwrap_or_default())
    }

    /// Opens a file whose attributes are known, after following a link.
    pub(super) fn known(cx: &Context, path: RemotePath, form: Form, attributes: Attributes) -> Result<Opened, Failure> {
        match attributes.file_type() {
            Some(FileType::Directory) => return Err(not_a_file(&path, "Is a directory").with_hint("ls lists it")),
            Some(FileType::Special) => return Err(not_a_file(&path, "not a regular file")),
            Some(FileType::Regular | FileType::Symlink) | None => {}
        }
        let handle = cx
            .session()
            .open_file(&path, OpenFlags::READ, Attributes::default())
            .map_err(|error| Failure::refused(opening(&path), &error))?;
        Ok(Opened { path, form, handle, size: attributes.size.unwrap_or(0), interrupt: cx.interrupt().clone() })
    }

    /// Opens the file that has the name now.
    pub(super) fn reopened(&self, cx: &Context, attributes: Attributes) -> Result<Opened, Failure> {
        Opened::known(cx, self.path.clone(), self.form, attributes)
    }

    /// Returns the absolute path.
    pub(super) fn path(&self) -> &RemotePath {
        &self.path
    }

    /// Returns the open file on the server.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Returns the file with another interrupt to end its reading.
    pub(super) fn stopped_by(self, interrupt: &Interrupt) -> Opened {
        Opened { interrupt: interrupt.clone(), ..self }
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
        let mut reader = Reader::new(cx.session(), &self.handle, start, expected, ahead, &self.interrupt);
        while let Some(piece) = reader.next_piece().map_err(|error| self.unreadable(cx, &error))? {
            if take(&piece).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Shows at most this many bytes from an offset on.
    pub(super) fn show(&self, cx: &Context, start: u64, most: u64) -> Result<(), Failure> {
        let mut contents = Contents::on(&cx.output);
        let shown = self.pour(cx, start, most, Ahead::Much, &mut contents);
        // If stdout is no longer read, `Output::stop_when_ended` has stopped the command.
        let _ = contents.finish();
        shown.map(drop)
    }

    /// Writes at most this many bytes from an offset on. The inner error is that of `to`, which ends the reading.
    pub(super) fn pour(
        &self,
        cx: &Context,
        start: u64,
        most: u64,
        ahead: Ahead,
        to: &mut dyn Write,
    ) -> Result<io::Result<()>, Failure> {
        let (mut left, mut written) = (most, Ok(()));
        if most == 0 {
            return Ok(written);
        }
        let expected = self.size.min(start.saturating_add(most));
        self.read(cx, start, expected, ahead, |piece| {
            let piece = usize::try_from(left).map_or(piece, |left| &piece[..left.min(piece.len())]);
            left -= piece.len() as u64;
            for part in piece.chunks(PART).take_while(|_| !self.interrupt.was_pressed()) {
                written = to.write_all(part);
                if written.is_err() {
                    return ControlFlow::Break(());
                }
            }
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(written)
    }

    /// Returns the failure of a request about the open file.
    pub(super) fn unreadable(&self, cx: &Context, error: &sftp::Error) -> Failure {
        let failure = Failure::refused(format!("read remote \"{}\"", Printable(self.path.as_bytes())), error);
        match is_bare_failure(error).then(|| cx.kind_after(error, &self.path)).flatten() {
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
