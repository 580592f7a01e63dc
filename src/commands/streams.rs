//! `get FILE -` and `put - FILE`: standard output and standard input instead of local files.

use std::io;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::commands::argument::Argument;
use crate::commands::{Context, Failure, Origin, Outcome, RemotePattern, Word, cat};
use crate::name::RemotePath;
use crate::os_error;
use crate::remote::Writer;
use crate::sftp::{Attributes, Error, Handle, OpenFlags};
use crate::terminal::Printable;

/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

/// Pause between two checks of Ctrl-C while no input comes.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Permissions of a new file, from which the server takes away those of its umask.
const NEW_MODE: u32 = 0o666;

/// Returns whether a word stands for a standard stream. In a script it is the name of a local file, as in sftp(1).
pub(super) fn is_stream(cx: &Context, word: &Word) -> bool {
    matches!(cx.origin, Origin::Person | Origin::CommandLine) && word.plain() == b"-"
}

/// Writes files to stdout, one after the other.
pub(super) fn to_stdout(cx: &mut Context, sources: &[Word]) -> Result<Outcome, Failure> {
    let sources: Result<Vec<_>, _> = sources.iter().map(RemotePattern::read).collect();
    cat::show(cx, &sources.map_err(Failure::new)?)
}

/// Writes stdin to a remote file, up to its end: Ctrl-D on a terminal.
pub(super) fn from_stdin(cx: &mut Context, target: &Word) -> Result<Outcome, Failure> {
    let path = cx.remote.resolve(&RemotePath::new(target.plain())?);
    let shown = Printable(path.as_bytes()).text().into_owned();
    if cx.remote.is_directory(&path) {
        return Err(Failure::new(format!("put: \"{shown}\" is a directory; standard input has no name of its own"))
            .with_hint("name the file to write"));
    }
    let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
    let opened = cx.session().open_file(&path, flags, Attributes::with_permissions(NEW_MODE));
    let handle = opened.map_err(|error| Failure::refused(format!("remote open(\"{shown}\")"), &error))?;
    cx.output.status(format_args!("Uploading standard input to {shown}"));
    cx.output.flush();
    let refused = |error: Error| Failure::refused(format!("write remote \"{shown}\""), &error);
    send(cx, &handle, &refused)?;
    cx.session().close(handle).map_err(refused)?;
    Ok(Outcome::Done)
}

fn send(cx: &Context, handle: &Handle, refused: &dyn Fn(Error) -> Failure) -> Result<(), Failure> {
    let mut writer = Writer::new(cx.session(), handle, cx.interrupt());
    let mut piece = vec![0; PIECE];
    loop {
        let read = next(cx, &mut piece);
        let length = read.map_err(|error| Failure::new(format!("read standard input: {}", os_error::text(&error))))?;
        if cx.interrupt().was_pressed() {
            return Err(Failure::already_shown());
        }
        if length == 0 {
            return writer.finish().map_err(refused);
        }
        writer.write(&piece[..length]).map_err(refused)?;
    }
}

/// Reads the next bytes of stdin. Returns 0 at its end, and after Ctrl-C.
fn next(cx: &Context, piece: &mut [u8]) -> io::Result<usize> {
    let stdin = io::stdin();
    while !cx.interrupt().was_pressed() {
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&TICK)) {
            Ok(0) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => match rustix::io::read(&stdin, &mut *piece) {
                Err(Errno::INTR | Errno::AGAIN) => {}
                read => return Ok(read?),
            },
        }
    }
    Ok(0)
}
