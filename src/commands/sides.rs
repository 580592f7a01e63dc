//! A local and a remote file side by side, for `cmp` and `diff`.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::commands::matches::Form;
use crate::commands::opened::Opened;
use crate::commands::{Context, Failure};
use crate::name::{EntryName, RemotePath};
use crate::os_error;
use crate::remote::{Ahead, Pattern};
use crate::sftp::Attributes;
use crate::sticky;
use crate::terminal::Printable;

/// The first difference of two files. Bytes and lines count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// This byte differs.
    At { byte: u64, line: u64 },
    /// The local file ends after this byte, and the remote one does not.
    LocalEnds { byte: u64, line: u64 },
    /// The remote file ends after this byte, and the local one does not.
    RemoteEnds { byte: u64, line: u64 },
}

/// The two paths of a comparison. A file is compared with the file of its name in a directory.
pub(super) struct Sides {
    pub(super) local: PathBuf,
    pub(super) local_is_directory: bool,
    /// The local path as it was typed.
    pub(super) local_shown: PathBuf,
    pub(super) remote: RemotePath,
    pub(super) remote_attributes: Attributes,
    pub(super) form: Form,
}

impl Sides {
    /// Finds both files.
    pub(super) fn find(cx: &Context, local: &Path, remote: &RemotePath) -> Result<Sides, Failure> {
        let mut sides = Sides {
            local: cx.local.resolve(local),
            local_is_directory: false,
            local_shown: local.to_owned(),
            form: Form::of(&Pattern::parse(remote.as_bytes())),
            remote: cx.remote.resolve(remote),
            remote_attributes: Attributes::default(),
        };
        sides.remote_attributes = remote_attributes(cx, &sides.remote)?;
        let metadata = sticky::metadata(&sides.local).map_err(|error| unreadable(local, &error))?;
        sides.local_is_directory = metadata.is_dir();
        match (sides.local_is_directory, sides.remote_attributes.is_dir()) {
            (false, true) => {
                let name = local.file_name().and_then(|name| EntryName::vet(name.as_bytes()).ok());
                if let Some(name) = name {
                    sides.remote = sides.remote.join(&name);
                    sides.remote_attributes = remote_attributes(cx, &sides.remote)?;
                }
            }
            (true, false) => {
                let name = sides.remote.base_name().map(std::ffi::OsStr::from_bytes).unwrap_or_default();
                sides.local_shown.push(name);
                sides.local.push(name);
                sides.local_is_directory = false;
            }
            (true, true) | (false, false) => {}
        }
        Ok(sides)
    }

    /// Opens both files.
    pub(super) fn open(&self, cx: &Context) -> Result<(File, Opened), Failure> {
        let local = open_local(&self.local).map_err(|error| unreadable(&self.local_shown, &error))?;
        Ok((local, Opened::known(cx, self.remote.clone(), self.form, self.remote_attributes)?))
    }

    /// Returns both names as they are shown.
    pub(super) fn names(&self, cx: &Context) -> (String, String) {
        let local = Printable(self.local_shown.as_os_str().as_bytes()).text().into_owned();
        (local, Printable(self.form.show(cx, &self.remote)).text().into_owned())
    }
}

fn remote_attributes(cx: &Context, path: &RemotePath) -> Result<Attributes, Failure> {
    cx.session().stat(path).map_err(|error| Failure::refused("stat remote", &error).about(path.as_bytes()))
}

/// Opens a local file. A FIFO or a device could keep the reader forever, so it is refused.
pub(super) fn open_local(path: &Path) -> io::Result<File> {
    match sticky::metadata(path)?.is_file() {
        true => sticky::open(path),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
    }
}

/// Returns the failure to read a local file.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("read local \"{}\": {}", Printable(path.as_os_str().as_bytes()), os_error::text(error)))
}

/// Returns the first difference of two open files, or `None` if they are equal.
///
/// The inner error is that of the local file.
pub(super) fn first_difference(
    cx: &Context,
    local: &mut impl Read,
    remote: &Opened,
) -> Result<io::Result<Option<Difference>>, Failure> {
    let mut place = Place { byte: 0, line: 1 };
    let (mut here, mut found) = (Vec::new(), Ok(None));
    remote.read(cx, 0, remote.size, Ahead::Much, |there| {
        here.clear();
        found = local.take(there.len() as u64).read_to_end(&mut here).map(|_| place.compare(&here, there));
        if matches!(found, Ok(None)) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(found.and_then(|found| match found {
        None if local.take(1).read_to_end(&mut here)? > 0 => {
            Ok(Some(Difference::RemoteEnds { byte: place.byte, line: place.line }))
        }
        found => Ok(found),
    }))
}

/// How far two files are known to be equal.
struct Place {
    byte: u64,
    line: u64,
}

impl Place {
    /// Goes on to the next piece of the remote file, of which the local one may have less.
    fn compare(&mut self, here: &[u8], there: &[u8]) -> Option<Difference> {
        let equal = here.iter().zip(there).take_while(|(here, there)| here == there).count();
        self.byte += equal as u64;
        self.line += there[..equal].iter().filter(|&&byte| byte == b'\n').count() as u64;
        let (byte, line) = (self.byte, self.line);
        match equal {
            equal if equal == there.len() => None,
            equal if equal == here.len() => Some(Difference::LocalEnds { byte, line }),
            _ => Some(Difference::At { byte: byte + 1, line }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_has_a_byte_and_a_line() {
        for (here, there, found) in [
            (&b"a\nb"[..], &b"a\nb"[..], None),
            (b"a\nb", b"a\nc", Some(Difference::At { byte: 3, line: 2 })),
            (b"xa", b"ya", Some(Difference::At { byte: 1, line: 1 })),
            (b"a\n", b"a\nb", Some(Difference::LocalEnds { byte: 2, line: 2 })),
            (b"", b"a", Some(Difference::LocalEnds { byte: 0, line: 1 })),
        ] {
            assert_eq!(Place { byte: 0, line: 1 }.compare(here, there), found);
        }
    }
}
