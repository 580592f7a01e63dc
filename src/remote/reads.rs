//! Decides which READs are due until a file has been read to its end, whatever size the server reports for it.
//!
//! Up to the expected size, parts follow each other without waiting. Beyond it, one part at a time is read until the
//! server reports the end: the file may have grown, and a size of 0 may mean nothing.

use std::collections::VecDeque;

use crate::sftp::Session;

/// Bytes in flight, in either direction. OpenSSH's own client keeps 64 requests of 32 KiB.
pub(super) const WINDOW: u64 = 2 << 20;

/// Most bytes of one request, so that several are in flight even if the server allows large ones.
const MOST_PIECE: u32 = 128 << 10;

/// How many times the server must report an early end of the file, at one offset, before we believe it.
const DOUBTS: u32 = 2;

/// The READs of one file.
pub(super) struct Reads {
    /// Most bytes of one request.
    piece: u32,
    /// The offset at which the file should end.
    expected: u64,
    /// The offset of the next new READ.
    next: u64,
    /// Parts for which the server returned fewer bytes than requested.
    gaps: VecDeque<Part>,
    /// Parts at which the file ends too early. They are requested again when no other READ is in flight.
    doubtful: VecDeque<Part>,
    in_flight: u64,
    end: Option<u64>,
}

/// A part of a file, and the READ for it.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) offset: u64,
    pub(super) length: u32,
    /// How many times the server has reported that the file ends before this part.
    doubts: u32,
}

impl Reads {
    /// Starts at an offset of a file that should end at `expected`.
    pub(super) fn new(session: &Session, start: u64, expected: u64) -> Reads {
        let limits = session.limits();
        Reads {
            piece: limits.read_bytes.min(limits.write_bytes).min(MOST_PIECE),
            expected,
            next: start,
            gaps: VecDeque::new(),
            doubtful: VecDeque::new(),
            in_flight: 0,
            end: None,
        }
    }

    /// Returns the part to request next, and counts it as in flight. Returns `None` if none is due before an answer
    /// comes, or at the end of the file.
    pub(super) fn next_part(&mut self) -> Option<Part> {
        let part = self.due()?;
        self.in_flight += u64::from(part.length);
        Some(part)
    }

    fn due(&mut self) -> Option<Part> {
        if let Some(gap) = self.gaps.pop_front() {
            return Some(gap);
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
        let part = Part { offset: self.next, length, doubts: 0 };
        self.next += u64::from(length);
        Some(part)
    }

    /// Notes that the server returned this number of bytes for a part; the rest of it is requested again.
    pub(super) fn got(&mut self, part: Part, length: u32) {
        self.in_flight -= u64::from(part.length);
        if length < part.length {
            let offset = part.offset + u64::from(length);
            self.gaps.push_back(Part { offset, length: part.length - length, doubts: 0 });
        }
    }

    /// Notes that the server reported the end of the file for a part.
    pub(super) fn got_end(&mut self, part: Part) {
        self.in_flight -= u64::from(part.length);
        match part.offset < self.expected && part.doubts < DOUBTS {
            true => self.doubtful.push_back(Part { doubts: part.doubts + 1, ..part }),
            false => self.end = Some(self.end.map_or(part.offset, |end| end.min(part.offset))),
        }
    }

    /// Returns the number of requested bytes without an answer.
    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Returns the lowest offset at which the file was found to end, once no READ is in flight.
    pub(super) fn end(&self) -> Option<u64> {
        self.end.filter(|_| self.in_flight == 0)
    }
}
