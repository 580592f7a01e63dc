//! Where the bytes of one download go, and how they become its target.
//!
//! A regular target is replaced in one step by a partial file that is whole, so that a good old file never becomes half a
//! new one, whatever kills us. What can't be replaced without harm is written in place, and said.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Stat, fchmod, fchown, fstat, ftruncate, futimens, openat, statat, unlinkat,
};
use rustix::io::Errno;

use crate::name::RemotePath;
use crate::sftp::{Attributes, Times};
use crate::sticky;
use crate::transfer::canceller::Canceller;
use crate::transfer::event::Note;
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::local::attributes::{mode, timestamps};
use crate::transfer::local::directory::{Directory, bytes};
use crate::transfer::local::existing::{Existing, carry_attributes};
use crate::transfer::local::partial::{self, Partial};
use crate::transfer::local::place::{Place, Replaceable};
use crate::transfer::local::placing;
use crate::transfer::request::Verify;
use crate::transfer::settings::{Settings, bits};

/// The type bits of a regular file, by which a symbolic mode knows that it is no directory.
const REGULAR: u32 = 0o100_000;

/// Pause between two looks at a FIFO that nobody reads yet, and at a cancel.
const PATIENCE: Duration = Duration::from_millis(50);

/// What shall be fetched, and to where.
pub(crate) struct Wanted<'a> {
    pub(crate) remote: &'a RemotePath,
    pub(crate) attributes: &'a Attributes,
    pub(crate) place: &'a Place,
    /// What may be there.
    pub(crate) replaceable: Replaceable,
    pub(crate) settings: &'a Settings,
    pub(crate) canceller: &'a Canceller,
}

/// A target that is ready to be written.
pub(crate) struct Opened {
    pub(crate) sink: Sink,
    /// What exists already and may be continued, once its tail was compared.
    pub(crate) offset: u64,
    /// What the user should know.
    pub(crate) note: Option<Note>,
    /// All of it is there: nothing needs to be moved.
    pub(crate) is_complete: bool,
}

/// What opening a target would find.
pub(crate) enum ResumePoint {
    /// All of it.
    Complete,
    /// So many bytes of it.
    Offset(u64),
}

/// Where the bytes of one download go. Dropping it leaves nothing behind that can't be continued.
pub(crate) struct Sink {
    kind: Kind,
    /// How messages show the target.
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
    /// Whether the partial has become its target.
    is_placed: bool,
}

impl Wanted<'_> {
    /// Opens the target; `None` if something is there that may not be.
    pub(crate) fn open(&self) -> Result<Option<Opened>, Failure> {
        self.open_as(self.settings.options.resume)
    }

    /// What opening the target would find, without touching it.
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
                return self.write_in_place(existing, "for its directory can't be written to");
            }
            Err(error) => return Err(self.failed(error)),
        };
        let mut beside = Beside { directory: Rc::clone(directory), target: name.to_owned(), partial, is_placed: false };
        if let Some(existing) = &existing
            && let Some(reason) = beside.falls_short_of(existing)
        {
            drop(beside);
            return self.write_in_place(Some(existing.try_clone().map_err(|error| self.failed(error))?), reason);
        }
        let offset = self.usable(&mut beside.partial)?;
        let kept = existing.map(|existing| bits(existing.stat.st_mode) & 0o777);
        Ok(Opened { sink: self.sink(Kind::Partial(beside), kept), offset, note: None, is_complete: false })
    }

    /// How much of what an earlier run left may be continued.
    fn usable(&self, partial: &mut Partial) -> Result<u64, Failure> {
        if self.attributes.size.is_none_or(|size| partial.length <= size) {
            return Ok(partial.length);
        }
        ftruncate(&partial.file, 0).map_err(|error| self.failed(error))?;
        Ok(0)
    }

    /// As sftp(1) resumes: what is there is the beginning of what is wanted. Nothing where it can't be compared.
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
    /// Puts bytes at an offset; of a stream all come in their order.
    pub(crate) fn write(&mut self, offset: u64, data: &[u8], canceller: &Canceller) -> Result<(), Failure> {
        let result = match &mut self.kind {
            Kind::Partial(beside) => beside.partial.file.write_all_at(data, offset),
            Kind::InPlace(file) => file.write_all_at(data, offset),
            Kind::Stream(file) => write_stream(file, data, canceller),
        };
        result.map_err(|error| Failure::new(Act::WriteLocal, bytes(&self.shown), error))
    }

    /// Returns whether it is the target itself that is written.
    pub(crate) fn is_in_place(&self) -> bool {
        !matches!(self.kind, Kind::Partial(_))
    }

    /// Whether what was written can be read again.
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

    /// Gives up what is there, because it is something else than the beginning of what is wanted.
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

    /// All of it is there: gives it mode and times, and its place. Returns `false` if something is in its place that may not
    /// be replaced; then it is where it was, and may be given another name or finished again.
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
                // Its new name is in the directory, not in the file.
                let directory = self.shown.parent().filter(|path| !path.as_os_str().is_empty());
                let directory = bytes(directory.unwrap_or(Path::new("."))).to_vec();
                beside.sync_directory().map_err(|error| Failure::new(Act::SyncLocal, directory, error))?;
            }
        }
        Ok(true)
    }

    /// Gives what is not in its place yet another one in the same directory.
    pub(crate) fn rename(&mut self, place: &Place) {
        if let (Kind::Partial(beside), Place::Entry { name, shown, .. }) = (&mut self.kind, place) {
            (beside.target, self.shown) = (name.clone(), shown.clone());
        }
    }

    /// Stops before all of it is there. What was left for a resume, or nothing where there is nothing to continue.
    pub(crate) fn interrupt(self) -> Option<PathBuf> {
        let Kind::Partial(beside) = &self.kind else { return None };
        let length = beside.partial.file.metadata().map_or(0, |metadata| metadata.len());
        if length > 0 && beside.partial.is_known {
            return Some(self.shown.with_file_name(&beside.partial.name));
        }
        self.discard();
        None
    }

    /// Stops for good: what was begun is removed, and the target is as it was.
    pub(crate) fn discard(self) {
        if let Kind::Partial(beside) = &self.kind {
            beside.remove();
        }
    }
}

impl Beside {
    /// Gives the partial file what the existing one has beside its bytes and its mode. Why that can't be done, if so.
    fn falls_short_of(&self, existing: &Existing) -> Option<&'static str> {
        if !self.takes_group_of(&existing.stat) {
            return Some("for its group could not be kept");
        }
        let has_all = carry_attributes(&existing.file, &self.partial.file);
        (!has_all).then_some("for its extended attributes could not be kept")
    }

    /// Puts it in its place. Returns whether it is there, or something that may not be replaced.
    fn place(&mut self, replaceable: Replaceable) -> Result<bool, Errno> {
        self.is_placed = placing::place(self.directory.descriptor(), &self.partial.name, &self.target, replaceable)?;
        Ok(self.is_placed)
    }

    fn sync_directory(&self) -> Result<(), Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(self.directory.descriptor(), ".", flags, Mode::empty())?;
        match rustix::fs::fsync(directory) {
            // Some file systems know no such thing.
            Err(Errno::INVAL) => Ok(()),
            synced => synced,
        }
    }

    /// Gives the partial the group of what it will replace.
    fn takes_group_of(&self, stat: &Stat) -> bool {
        let file = &self.partial.file;
        fstat(file).is_ok_and(|ours| ours.st_gid == stat.st_gid)
            || fchown(file, None, Some(Gid::from_raw(stat.st_gid))).is_ok()
    }

    fn remove(&self) {
        if !self.is_placed {
            // Somebody else may have removed it before us.
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

/// Whether an earlier run left something of this very file.
fn has_known_partial(directory: &Directory, name: &OsStr) -> bool {
    statat(directory.descriptor(), name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| stat.st_size > 0)
}

/// Opens what is written straight through; waits for a reader of a FIFO until the user stops it.
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

/// Writes all of it, however slowly it is taken, until the user stops it.
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
                // However it ends, the next write tells.
                let _ = poll(&mut [PollFd::new(&*file, PollFlags::OUT)], limit.as_ref());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
