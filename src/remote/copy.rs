//! Copies one open remote file to another: by the server alone if it can (OpenSSH PROTOCOL, 4.10), or else through us
//! with many READs and WRITEs in flight. In both cases the length of the copy is checked, because a truncated copy
//! looks like a complete one.

use std::collections::VecDeque;

use super::interrupt::Interrupt;
use crate::name::RemotePath;
use crate::sftp::{self, Completions, Extension, FileType, Handle, Reply, Session, calls};

/// Bytes in flight, in either direction. OpenSSH's own client keeps 64 requests of 32 KiB.
const WINDOW: u64 = 2 << 20;

/// Most bytes of one request, so that several are in flight even if the server allows large ones.
const MOST_PIECE: u32 = 128 << 10;

/// How many times the server must report an early end of the source, at one offset, before we believe it.
const DOUBTS: u32 = 2;

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
        piece: session.limits().read_bytes.min(session.limits().write_bytes).min(MOST_PIECE),
        expected,
        next: 0,
        gaps: VecDeque::new(),
        doubtful: VecDeque::new(),
        in_flight: 0,
        end: None,
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
    /// Most bytes of one request.
    piece: u32,
    /// The offset at which the source should end.
    expected: u64,
    /// The offset of the next new READ.
    next: u64,
    /// Parts for which the server returned fewer bytes than requested.
    gaps: VecDeque<Part>,
    /// Parts at which the source ends too early, and how many times the server has reported that. They are requested
    /// again when no other request is in flight.
    doubtful: VecDeque<(Part, u32)>,
    /// Bytes of requests without an answer.
    in_flight: u64,
    /// The lowest offset at which the source was found to end.
    end: Option<u64>,
}

#[derive(Clone, Copy)]
struct Part {
    offset: u64,
    length: u32,
}

/// A request of the copier.
#[derive(Clone, Copy)]
enum Step {
    Whole,
    Read { part: Part, doubts: u32 },
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
            while self.in_flight < WINDOW
                && let Some((part, doubts)) = self.next_part()
            {
                let call = calls::Read { handle: self.source, offset: part.offset, length: part.length };
                self.session.submit_to(&self.queue, Step::Read { part, doubts }, &call);
                self.in_flight += u64::from(part.length);
            }
            match self.end {
                Some(end) if self.in_flight == 0 => return Ok(end),
                _ => self.take_answers()?,
            }
        }
    }

    /// Returns the next part to read. From the expected end on, it returns one part at a time until the server
    /// reports the end: the file may have grown, and a size of 0 may mean nothing.
    fn next_part(&mut self) -> Option<(Part, u32)> {
        if let Some(gap) = self.gaps.pop_front() {
            return Some((gap, 0));
        }
        if self.in_flight == 0
            && let Some(doubtful) = self.doubtful.pop_front()
        {
            return Some(doubtful);
        }
        if self.end.is_some() || self.next >= self.expected && self.in_flight > 0 {
            return None;
        }
        let left = self.expected.saturating_sub(self.next);
        let length = if left == 0 { self.piece } else { u32::try_from(left).unwrap_or(u32::MAX).min(self.piece) };
        let part = Part { offset: self.next, length };
        self.next += u64::from(length);
        Some((part, 0))
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
            (Step::Read { part, .. }, Ok(Reply::Data(data))) => {
                // The session has checked that the data is no longer than requested.
                let length = u32::try_from(data.len()).unwrap_or(part.length);
                let call = calls::Write { handle: self.target, offset: part.offset, data: &data };
                self.session.submit_to(&self.queue, Step::Write { length }, &call);
                let rest = Part { offset: part.offset + u64::from(length), length: part.length - length };
                self.in_flight -= u64::from(rest.length);
                if rest.length > 0 {
                    self.gaps.push_back(rest);
                }
            }
            (Step::Read { part, doubts }, outcome) => {
                outcome.map_or_else(|error| if error.is_eof() { Ok(()) } else { Err(error) }, |_| Ok(()))?;
                self.in_flight -= u64::from(part.length);
                match part.offset < self.expected && doubts < DOUBTS {
                    true => self.doubtful.push_back((part, doubts + 1)),
                    false => self.end = Some(self.end.map_or(part.offset, |end| end.min(part.offset))),
                }
            }
            (Step::Write { length }, outcome) => {
                outcome?;
                self.in_flight -= u64::from(length);
            }
            (Step::Whole, outcome) => drop(outcome?),
        }
        Ok(())
    }
}
