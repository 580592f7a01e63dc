//! The local file that an upload reads.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::sftp::{Statvfs, Times};
use crate::sticky;
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::local::bytes;
use crate::transfer::plan::{PutFile, times};

/// A local file that was opened to be sent.
pub(crate) struct Source {
    file: File,
    metadata: Metadata,
    /// The path as messages show it.
    shown: PathBuf,
}

impl Source {
    /// Opens the file of a plan.
    ///
    /// # Errors
    /// Fails if the file can't be opened, or is no regular file.
    pub(crate) fn open(plan: &PutFile) -> Result<Source, Failure> {
        // Not blocking: it may have become a FIFO since the plan was made.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = match plan.is_named {
            true => sticky::open_with(&plan.local, flags),
            false => openat(CWD, &plan.local, flags | OFlags::NOFOLLOW, Mode::empty()).map_err(sticky::Error::from),
        };
        let file = File::from(opened.map_err(|error| Failure::new(Act::OpenLocal, bytes(&plan.shown), error))?);
        let metadata = file.metadata().map_err(|error| Failure::new(Act::StatLocal, bytes(&plan.shown), error))?;
        if !metadata.is_file() {
            return Err(Failure::new(Act::Upload, bytes(&plan.shown), Cause::NotRegular));
        }
        Ok(Source { file, metadata, shown: plan.shown.clone() })
    }

    /// Returns the length that the file had when it was opened, in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.metadata.len()
    }

    /// Returns the permissions and the file type (POSIX `st_mode`).
    pub(super) fn mode(&self) -> u32 {
        self.metadata.mode()
    }

    /// Returns the times as the protocol has them.
    pub(crate) fn times(&self) -> Times {
        times(&self.metadata)
    }

    /// Returns the path as messages show it.
    pub(super) fn shown(&self) -> &[u8] {
        bytes(&self.shown)
    }

    /// Reads some bytes at an offset, as `pread(2)` does.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    /// Fills the buffer from an offset. Returns fewer bytes only at the end of the file.
    ///
    /// # Errors
    /// Fails if the file can't be read, or ends before the length that it had.
    pub(super) fn read_part(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Failure> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::new(Act::ReadLocal, self.shown(), error)),
            }
        }
        let end = offset + filled as u64;
        if filled < buffer.len() && end < self.size() && !self.stores_nothing() {
            let cause = Cause::Truncated { got: end, expected: self.size() };
            return Err(Failure::new(Act::ReadLocal, self.shown(), cause));
        }
        Ok(filled)
    }

    /// Returns whether the file system stores nothing, as in /sys: the size of such a file means nothing.
    fn stores_nothing(&self) -> bool {
        rustix::fs::fstatvfs(&self.file).is_ok_and(|system| {
            let (block_size, blocks, files) = (system.f_bsize, system.f_blocks, system.f_files);
            Statvfs { block_size, blocks, files, ..Statvfs::default() }.stores_nothing()
        })
    }
}
