//! Writes the bytes of a download, and makes them its target.
//!
//! A complete partial file replaces a regular target in one step, so that even a crash never leaves half of a new
//! file where a good old one was. A target that can't be replaced without a loss is written in place, with a note.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fchmod, ftruncate, futimens, openat, statat, unlinkat};
use rustix::io::Errno;

use crate::name::RemotePath;
use crate::sftp::{Attributes, Times};
use crate::sticky;
use crate::transfer::canceller::Canceller;
use crate::transfer::event::Note;
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::local::attributes::{mode, timestamps};
use crate::transfer::local::directory::{Directory, bytes};
use crate::transfer::local::existing::Existing;
use crate::transfer::local::partial::{self, Partial};
use crate::transfer::local::place::{Place, Replaceable};
use crate::transfer::local::placing;
use crate::transfer::request::Verify;
use crate::transfer::settings::{Settings, bits};

/// The type bits of a regular file, which tell a symbolic mode that it isn't applied to a directory.
const REGULAR: u32 = 0o100_000;

/// The pause between two looks at a FIFO without a reader, and at the canceller.
const PATIENCE: Duration = Duration::from_millis(50);

/// A download's source and target.
pub(crate) struct Wanted<'a> {
    pub(crate) remote: &'a RemotePath,
    pub(crate) attributes: &'a Attributes,
    pub(crate) place: &'a Place,
    /// The existing entry that may be replaced.
    pub(crate) replaceable: Replaceable,
    pub(crate) settings: &'a Settings,
    pub(crate) canceller: &'a Canceller,
}

/// A target that is open for writing.
pub(crate) struct Opened {
    pub(crate) sink: Sink,
    /// The existing bytes, which may be continued after their end was compared.
    pub(crate) offset: u64,
    /// A note for the user.
    pub(crate) note: Option<Note>,
    /// True if the file is complete, so that nothing has to be moved.
    pub(crate) is_complete: bool,
}

/// Where a download would start.
pub(crate) enum ResumePoint {
    /// Nowhere: the file is complete.
    Complete,
    /// At this offset, in bytes.
    Offset(u64),
}

/// The file that a download writes. Dropping it removes a partial file that no later run could continue.
pub(crate) struct Sink {
    kind: Kind,
    /// The target as messages show it.
    shown: PathBuf,
    is_readable: bool,
    mode: Option<u32>,
    times: Option<Times>,
    fsync: bool,
}

enum Kind {
    Partial(Beside),
    InPlace(File),
    Stream(File),
}

/// A partial file beside its target.
struct Beside {
    directory: Rc<Directory>,
    target: OsString,
    partial: Partial,
    /// True once the partial file was moved to its target.
    is_placed: bool,
}

impl Wanted<'_> {
    /// Opens the target. Returns `None` if there is an entry that may not be replaced.
    pub(crate) fn open(&self) -> Result<Option<Opened>, Failure> {
        self.open_as(self.settings.options.resume)
    }

    /// Returns where a download to the target would start, without changing anything.
    pub(crate) fn resume_point(&self) -> Result<ResumePoint, Failure> {
        let Place::Entry { directory, name, .. } = self.place else { return Ok(ResumePoint::Offset(0)) };
        let existing = Existing::open(directory, name).map_err(|error| self.failed(error))?;
        if existing.is_none() {
            directory.may_be_changed().map_err(|error| self.failed(error))?;
        }
        if !self.settings.options.resume {
            return Ok(ResumePoint::Offset(0));
        }
        let partial_name = partial::name(name, &self.settings.server, self.remote, self.attributes);
        let part = statat(directory.descriptor(), &partial_name, AtFlags::SYMLINK_NOFOLLOW).ok();
        let part = part.and_then(|part| u64::try_from(part.st_size).ok()).filter(|&length| length > 0);
        if part.is_none()
            && let Some(existing) = &existing
            && let Some(opened) = self.continue_existing(existing)?
        {
            return Ok(if opened.is_complete { ResumePoint::Complete } else { ResumePoint::Offset(opened.offset) });
        }
        if existing.is_some_and(|existing| existing.reason_to_write_in_place(directory).is_some()) {
            return Ok(ResumePoint::Offset(0));
        }
        let is_within = |length: &u64| self.attributes.size.is_none_or(|size| *length <= size);
        Ok(ResumePoint::Offset(part.filter(is_within).unwrap_or(0)))
    }

    fn open_as(&self, resume: bool) -> Result<Option<Opened>, Failure> {
        match self.place {
            Place::Stream { path, .. } => {
                let file = open_stream(path.as_os_str(), self.canceller).map_err(|error| self.failed(error))?;
                Ok(Some(Opened {
                    sink: self.sink(Kind::Stream(file), None),
                    offset: 0,
                    note: None,
                    is_complete: false,
                }))
            }
            Place::Entry { directory, name, .. } => {
                let existing = Existing::open(directory, name).map_err(|error| self.failed(error))?;
                match existing.as_ref().is_none_or(|existing| self.replaceable.admits(&existing.stat)) {
                    true => self.open_entry(directory, name, existing, resume).map(Some),
                    false => Ok(None),
                }
            }
        }
    }

    fn open_entry(
        &self,
        directory: &Rc<Directory>,
        name: &OsStr,
        existing: Option<Existing>,
        resume: bool,
    ) -> Result<Opened, Failure> {
        let partial_name = partial::name(name, &self.settings.server, self.remote, self.attributes);
        if resume
            && let Some(existing) = &existing
            && !has_known_partial(directory, &partial_name)
            && let Some(opened) = self.continue_existing(existing)?
        {
            return Ok(opened);
        }
        if let Some(reason) = existing.as_ref().and_then(|existing| existing.reason_to_write_in_place(directory)) {
            return self.write_in_place(existing, reason);
        }
        let partial = match partial::open(directory.descriptor(), name, &partial_name, resume) {
            Ok(partial) => partial,
            Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) if existing.is_some() => {
                return self.write_in_place(existing, "because its directory can't be written to");
            }
            Err(error) => return Err(self.failed(error)),
        };
        let mut beside = Beside { directory: Rc::clone(directory), target: name.to_owned(), partial, is_placed: false };
        let reason = existing.as_ref().and_then(|existing| existing.pass_attributes_to(&beside.partial.file));
        if let Some(reason) = reason {
            drop(beside);
            return self.write_in_place(existing, reason);
        }
        let offset = self.usable(&mut beside.partial)?;
        let kept = existing.map(|existing| bits(existing.stat.st_mode) & 0o777);
        Ok(Opened { sink: self.sink(Kind::Partial(beside), kept), offset, note: None, is_complete: false })
    }

    /// Returns how many bytes of an earlier run may be continued. Empties a partial file that is too long.
    fn usable(&self, partial: &mut Partial) -> Result<u64, Failure> {
        if self.attributes.size.is_none_or(|size| partial.length <= size) {
            return Ok(partial.length);
        }
        ftruncate(&partial.file, 0).map_err(|error| self.failed(error))?;
        Ok(0)
    }

    /// Continues the existing target itself, as sftp(1) does. Returns `None` if it can't be compared with the source.
    fn continue_existing(&self, existing: &Existing) -> Result<Option<Opened>, Failure> {
        let length = u64::try_from(existing.stat.st_size).unwrap_or(0);
        match self.attributes.size {
            Some(size) if length > size => {
                return Err(Failure::new(Act::ResumeDownload, bytes(self.place.shown()), Cause::LargerThanSource));
            }
            _ if length == 0 || !existing.is_readable => return Ok(None),
            _ => {}
        }
        let has_its_time = !self.settings.options.preserve
            || self.attributes.times.is_none_or(|times| i64::from(times.modified) == existing.stat.st_mtime);
        let is_complete =
            self.attributes.size == Some(length) && has_its_time && self.settings.options.verify == Verify::No;
        let note = is_complete.then(|| Note::NotModified(bytes(self.place.shown()).to_vec()));
        let file = existing.file.try_clone().map_err(|error| self.failed(error))?;
        Ok(Some(Opened { sink: self.sink(Kind::InPlace(file), None), offset: length, note, is_complete }))
    }

    fn write_in_place(&self, existing: Option<Existing>, reason: &'static str) -> Result<Opened, Failure> {
        let Existing { file, is_readable, .. } = existing.ok_or_else(|| self.failed(Errno::NOENT))?;
        ftruncate(&file, 0).map_err(|error| self.failed(error))?;
        let note = Some(Note::WrittenInPlace { target: self.place.shown().to_owned(), reason });
        let sink = Sink { is_readable, ..self.sink(Kind::InPlace(file), None) };
        Ok(Opened { sink, offset: 0, note, is_complete: false })
    }

    fn sink(&self, kind: Kind, kept_mode: Option<u32>) -> Sink {
        let options = &self.settings.options;
        let given = self.attributes.permissions.map(|mode| mode & 0o777);
        let mode = match &kind {
            Kind::Stream(_) => None,
            _ if options.preserve && given.is_some() => given,
            Kind::InPlace(_) => None,
            Kind::Partial(_) => kept_mode.or_else(|| Some(self.settings.masked(given.unwrap_or(0o666) | 0o200))),
        };
        let mode = match (&self.settings.mode, &kind) {
            (None, _) | (_, Kind::Stream(_)) => mode,
            (Some(change), Kind::Partial(Beside { partial: Partial { file, .. }, .. }) | Kind::InPlace(file)) => {
                let present = || file.metadata().ok().map(|metadata| metadata.mode());
                change.apply(mode.or_else(present).map(|mode| mode & 0o7777 | REGULAR))
            }
        };
        let is_stream = matches!(kind, Kind::Stream(_));
        let times = self.attributes.times.filter(|_| options.preserve && !is_stream);
        let (shown, fsync) = (self.place.shown().to_owned(), options.fsync && !is_stream);
        Sink { kind, shown, is_readable: !is_stream, mode, times, fsync }
    }

    fn failed(&self, error: impl Into<Cause>) -> Failure {
        Failure::new(Act::OpenLocal, bytes(self.place.shown()), error)
    }
}

impl Sink {
    /// Writes bytes at an offset. Those of a stream have to come in order.
    pub(crate) fn write(&mut self, offset: u64, data: &[u8], canceller: &Canceller) -> Result<(), Failure> {
        let result = match &mut self.kind {
            Kind::Partial(beside) => beside.partial.file.write_all_at(data, offset),
            Kind::InPlace(file) => file.write_all_at(data, offset),
            Kind::Stream(file) => write_stream(file, data, canceller),
        };
        result.map_err(|error| Failure::new(Act::WriteLocal, bytes(&self.shown), error))
    }

    /// Returns whether the target itself is written.
    pub(crate) fn is_in_place(&self) -> bool {
        !matches!(self.kind, Kind::Partial(_))
    }

    /// Returns whether the bytes can be read back.
    pub(crate) fn is_comparable(&self) -> bool {
        self.is_readable
    }

    /// Reads the written bytes at an offset, as `pread(2)` does.
    ///
    /// # Errors
    /// Fails for a stream, and if the file can't be read.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match &self.kind {
            Kind::Partial(beside) => beside.partial.file.read_at(buffer, offset),
            Kind::InPlace(file) => file.read_at(buffer, offset),
            Kind::Stream(_) => Err(ErrorKind::Unsupported.into()),
        }
    }

    /// Discards the existing bytes, which are not the beginning of the source.
    pub(crate) fn start_over(self, wanted: &Wanted<'_>) -> Result<Sink, Failure> {
        if let Kind::Partial(beside) = &self.kind {
            ftruncate(&beside.partial.file, 0).map_err(|error| wanted.failed(error))?;
            return Ok(self);
        }
        match wanted.open_as(false)? {
            Some(opened) => Ok(opened.sink),
            None => Err(wanted.failed(Errno::EXIST)),
        }
    }

    /// Sets mode and times of the complete file, and moves it to its target. Returns `false` if the target may not be
    /// replaced; the caller may then rename the sink, or try again.
    pub(crate) fn finish(&mut self, replaceable: Replaceable) -> Result<bool, Failure> {
        let failed = |act, error: Errno| Failure::new(act, bytes(&self.shown), error);
        let file = match &self.kind {
            Kind::Partial(beside) => &beside.partial.file,
            Kind::InPlace(file) | Kind::Stream(file) => file,
        };
        if let Some(times) = self.times {
            futimens(file, &timestamps(times)).map_err(|error| failed(Act::SetLocalTimes, error))?;
        }
        if let Some(bits) = self.mode {
            fchmod(file, mode(bits)).map_err(|error| failed(Act::SetLocalMode, error))?;
        }
        if self.fsync {
            rustix::fs::fsync(file).map_err(|error| failed(Act::SyncLocal, error))?;
        }
        if let Kind::Partial(beside) = &mut self.kind {
            let replaced = beside.place(replaceable);
            if !replaced.map_err(|error| Failure::new(Act::ReplaceLocal, bytes(&self.shown), error))? {
                return Ok(false);
            }
            if self.fsync {
                // The new name is stored in the directory, not in the file.
                let directory = self.shown.parent().filter(|path| !path.as_os_str().is_empty());
                let directory = bytes(directory.unwrap_or(Path::new("."))).to_vec();
                beside.sync_directory().map_err(|error| Failure::new(Act::SyncLocal, directory, error))?;
            }
        }
        Ok(true)
    }

    /// Gives the file another target in the same directory.
    pub(crate) fn rename(&mut self, place: &Place) {
        if let (Kind::Partial(beside), Place::Entry { name, shown, .. }) = (&mut self.kind, place) {
            (beside.target, self.shown) = (name.clone(), shown.clone());
        }
    }

    /// Stops before the file is complete. Returns the partial file that a resume can continue, or `None` if there is
    /// none.
    pub(crate) fn interrupt(self) -> Option<PathBuf> {
        let Kind::Partial(beside) = &self.kind else { return None };
        let length = beside.partial.file.metadata().map_or(0, |metadata| metadata.len());
        if length > 0 && beside.partial.is_known {
            return Some(self.shown.with_file_name(&beside.partial.name));
        }
        self.discard();
        None
    }

    /// Stops and removes the partial file. The target is unchanged.
    pub(crate) fn discard(self) {
        if let Kind::Partial(beside) = &self.kind {
            beside.remove();
        }
    }
}

impl Beside {
    /// Moves the partial file to its target. Returns `false` if the target may not be replaced.
    fn place(&mut self, replaceable: Replaceable) -> Result<bool, Errno> {
        self.is_placed = placing::place(self.directory.descriptor(), &self.partial.name, &self.target, replaceable)?;
        Ok(self.is_placed)
    }

    fn sync_directory(&self) -> Result<(), Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(self.directory.descriptor(), ".", flags, Mode::empty())?;
        match rustix::fs::fsync(directory) {
            // Some file systems can't sync a directory.
            Err(Errno::INVAL) => Ok(()),
            synced => synced,
        }
    }

    fn remove(&self) {
        if !self.is_placed {
            // Another program may have removed it before.
            let _ = unlinkat(self.directory.descriptor(), &self.partial.name, AtFlags::empty());
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.partial.is_known {
            self.remove();
        }
    }
}

/// Returns whether an earlier run left bytes of this source.
fn has_known_partial(directory: &Directory, name: &OsStr) -> bool {
    statat(directory.descriptor(), name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| stat.st_size > 0)
}

/// Opens a stream. Waits for a FIFO's reader until the user cancels.
fn open_stream(path: &OsStr, canceller: &Canceller) -> Result<File, sticky::Error> {
    let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    loop {
        match sticky::open_with(Path::new(path), flags) {
            Err(sticky::Error::System(Errno::NXIO)) if is_fifo(path) && !canceller.is_cancelled() => {
                std::thread::sleep(PATIENCE)
            }
            opened => return opened.map(File::from),
        }
    }
}

fn is_fifo(path: &OsStr) -> bool {
    rustix::fs::stat(path).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo)
}

/// Writes all data, however slowly the stream takes it, until the user cancels.
fn write_stream(file: &mut File, mut data: &[u8], canceller: &Canceller) -> io::Result<()> {
    while !data.is_empty() {
        match file.write(data) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => data = &data[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if canceller.is_cancelled() {
                    return Err(ErrorKind::Interrupted.into());
                }
                let limit = Timespec::try_from(PATIENCE).ok();
                // If polling fails, the next write reports why.
                let _ = poll(&mut [PollFd::new(&*file, PollFlags::OUT)], limit.as_ref());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
