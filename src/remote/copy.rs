//! Copies one open remote file to another: by the server alone if it can (OpenSSH PROTOCOL, 4.10), or else through us
//! with many READs and WRITEs in flight. In both cases the length of the copy is checked, because a truncated copy
//! looks like a complete one.

use std::collections::VecDeque;

use crate::name::RemotePath;
use crate::remote::interrupt::Interrupt;
use crate::remote::reads::{Part, Reads, WINDOW};
use crate::sftp::{self, Completions, Extension, FileType, Handle, Reply, Session, calls};

/// An open file and its path.
#[derive(Clone, Copy)]
pub struct OpenFile<'a> {
    /// Its path.
    pub path: &'a RemotePath,
    /// The handle, open for reading if the file is the source of a copy, and for writing if it is the target.
    pub handle: &'a Handle,
}

/// Why a file was not copied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The server refused, or the connection ended.
    #[error(transparent)]
    Session(#[from] sftp::Error),
    /// The copy is shorter than the reported size of the source.
    #[error("the copy ends at byte {got} of {expected}")]
    Truncated {
        /// Bytes of the copy.
        got: u64,
        /// Bytes of the source, as reported by STAT.
        expected: u64,
    },
    /// Ctrl-C was pressed.
    #[error("interrupted")]
    Interrupted,
}

/// Copies all of `source` to `target`, which must be empty, and checks that the copy has at least `size` bytes, the
/// reported size of the source. The check is skipped if either file is on a file system without storage (/proc),
/// where sizes mean nothing.
///
/// # Errors
/// The server refuses, the copy is too short, or Ctrl-C is pressed. The target keeps the bytes copied so far.
pub fn copy(
    session: &Session,
    source: OpenFile<'_>,
    target: OpenFile<'_>,
    size: Option<u64>,
    interrupt: &Interrupt,
) -> Result<(), CopyError> {
    let expected = size.unwrap_or(0);
    let mut copier = Copier {
        session,
        source: source.handle,
        target: target.handle,
        queue: Completions::new(),
        interrupt,
        reads: Reads::new(session, 0, expected),
        unwritten: 0,
    };
    let moved = match session.offers(Extension::CopyData) {
        true => copier.copy_on_server().map(|()| None)?,
        false => Some(copier.move_all()?),
    };
    let held = session.fstat(target.handle).ok();
    let held = held.filter(|held| held.file_type().is_none_or(|file_type| file_type == FileType::Regular));
    let got = [moved, held.and_then(|held| held.size)].into_iter().flatten().min().unwrap_or(expected);
    if got >= expected || [source, target].iter().any(|file| stores_nothing(session, file.path)) {
        return Ok(());
    }
    Err(CopyError::Truncated { got, expected })
}

fn stores_nothing(session: &Session, path: &RemotePath) -> bool {
    session.offers(Extension::Statvfs) && session.statvfs(path).is_ok_and(|system| system.stores_nothing())
}

/// A copy under way.
struct Copier<'a> {
    session: &'a Session,
    source: &'a Handle,
    target: &'a Handle,
    queue: Completions<Step>,
    interrupt: &'a Interrupt,
    reads: Reads,
    /// Bytes of WRITEs without an answer.
    unwritten: u64,
}

/// A request of the copier.
#[derive(Clone, Copy)]
enum Step {
    Whole,
    Read(Part),
    Write { length: u32 },
}

impl Copier<'_> {
    /// Asks the server to copy the whole file, and waits until it has.
    fn copy_on_server(&mut self) -> Result<(), CopyError> {
        // A length of 0 means to the end of the file.
        let (source, target) = (self.source, self.target);
        let call = calls::CopyData { source, source_offset: 0, length: 0, target, target_offset: 0 };
        self.session.submit_to(&self.queue, Step::Whole, &call);
        self.take_answers()
    }

    /// Reads and writes to the end of the source, and returns its offset.
    fn move_all(&mut self) -> Result<u64, CopyError> {
        loop {
            while self.reads.in_flight() + self.unwritten < WINDOW
                && let Some(part) = self.reads.next_part()
            {
                let call = calls::Read { handle: self.source, offset: part.offset, length: part.length };
                self.session.submit_to(&self.queue, Step::Read(part), &call);
            }
            match self.reads.end() {
                Some(end) if self.unwritten == 0 => return Ok(end),
                _ => self.take_answers()?,
            }
        }
    }

    /// Waits for answers, or for Ctrl-C.
    fn take_answers(&mut self) -> Result<(), CopyError> {
        let watch = self.interrupt.watch(self.queue.wakeup());
        let mut answers = VecDeque::new();
        while answers.is_empty() {
            if watch.was_pressed() {
                return Err(CopyError::Interrupted);
            }
            answers = self.queue.wait(None);
        }
        answers.into_iter().try_for_each(|(step, outcome)| self.take(step, outcome))
    }

    fn take(&mut self, step: Step, outcome: Result<Reply, sftp::Error>) -> Result<(), CopyError> {
        match (step, outcome) {
            (Step::Read(part), Ok(Reply::Data(data))) => {
                // The session has checked that the data is no longer than requested.
                let length = u32::try_from(data.len()).unwrap_or(part.length);
                let call = calls::Write { handle: self.target, offset: part.offset, data: &data };
                self.session.submit_to(&self.queue, Step::Write { length }, &call);
                self.unwritten += u64::from(length);
                self.reads.got(part, length);
            }
            (Step::Read(part), outcome) => {
                outcome.map_or_else(|error| if error.is_eof() { Ok(()) } else { Err(error) }, |_| Ok(()))?;
                self.reads.got_end(part);
            }
            (Step::Write { length }, outcome) => {
                outcome?;
                self.unwritten -= u64::from(length);
            }
            (Step::Whole, outcome) => drop(outcome?),
        }
        Ok(())
    }
}
