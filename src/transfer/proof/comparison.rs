//! Reads a part of a remote file and compares it with the local file, many READs at a time.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::ops::Range;

use bytes::Bytes;

use crate::sftp::{self, Handle, Reply, calls};
use crate::transfer::connections::io::Wire;
use crate::transfer::connections::tag::{ProofTag, Tag};
use crate::transfer::progress::reporter::Sequence;

/// The comparison of one part of a file.
pub(crate) struct Comparison {
    /// Where the next READ starts.
    at: u64,
    until: u64,
    /// Parts whose READ came back short, or was lost: offset and length.
    gaps: VecDeque<(u64, u32)>,
    /// READs without an answer: length by offset. An answer to any other READ belongs to an earlier comparison.
    asked: BTreeMap<u64, u32>,
    compared: u64,
}

/// The result of one answer.
pub(crate) enum Compared {
    /// All bytes so far are equal; more are to come.
    SoFar,
    /// All bytes are equal.
    Equal,
    /// The first byte that differs.
    Differs { at: u64 },
    /// The remote file ends before the compared part does.
    Ends { at: u64 },
    /// The server refuses to read the file.
    Unreadable(sftp::Error),
}

impl Comparison {
    /// Compares this part of the file.
    pub(crate) fn of(part: Range<u64>) -> Comparison {
        let (at, until) = (part.start, part.end);
        Comparison { at, until, gaps: VecDeque::new(), asked: BTreeMap::new(), compared: 0 }
    }

    /// Returns where the compared part ends.
    pub(crate) fn until(&self) -> u64 {
        self.until
    }

    /// Returns how many bytes were found equal.
    pub(super) fn compared(&self) -> u64 {
        self.compared
    }

    /// Sends the next READ. Returns whether there was one to send.
    pub(crate) fn ask<T>(&mut self, wire: &mut Wire<'_>, sequence: Sequence, handle: &Handle) -> bool
    where
        T: From<ProofTag> + Into<Tag>,
    {
        let Some((offset, length)) = self.next_part(wire.read_bytes()) else { return false };
        wire.ask_for_data(
            sequence,
            T::from(ProofTag::Read { offset, length }),
            &calls::Read { handle, offset, length },
        );
        true
    }

    fn next_part(&mut self, most: u32) -> Option<(u64, u32)> {
        let (offset, length) = match self.gaps.pop_front() {
            Some(gap) => gap,
            None if self.at < self.until => {
                let length = u32::try_from(self.until - self.at).map_or(most, |left| left.min(most));
                (self.at, length)
            }
            None => return None,
        };
        self.at = self.at.max(offset + u64::from(length));
        self.asked.insert(offset, length);
        Some((offset, length))
    }

    /// Compares the answer to a READ with the local file, which `read` reads at an offset.
    pub(crate) fn answer(
        &mut self,
        offset: u64,
        length: u32,
        outcome: Result<Reply, sftp::Error>,
        read: &dyn Fn(&mut [u8], u64) -> io::Result<usize>,
    ) -> Compared {
        if self.asked.remove(&offset) != Some(length) {
            return Compared::SoFar;
        }
        let data = match outcome {
            Ok(Reply::Data(data)) => data,
            Err(error) if error.is_eof() => return Compared::Ends { at: offset },
            Err(error) => return Compared::Unreadable(error),
            Ok(_) => Bytes::new(),
        };
        if data.is_empty() {
            return Compared::Differs { at: offset };
        }
        if let Some(at) = first_difference(offset, &data, read) {
            return Compared::Differs { at };
        }
        self.compared += data.len() as u64;
        // The session has checked that the answer is no longer than the READ allows.
        let missing = length - u32::try_from(data.len()).unwrap_or(length);
        if missing > 0 {
            self.gaps.push_back((offset + data.len() as u64, missing));
        }
        match self.at >= self.until && self.gaps.is_empty() && self.asked.is_empty() {
            true => Compared::Equal,
            false => Compared::SoFar,
        }
    }

    /// Notes that the answer to a READ was lost with its connection.
    pub(crate) fn give_back(&mut self, offset: u64, length: u32) {
        if self.asked.remove(&offset).is_some() {
            self.gaps.push_back((offset, length));
        }
    }
}

/// Returns where the first of `data` is that the local file doesn't have at this place.
fn first_difference(offset: u64, data: &[u8], read: &dyn Fn(&mut [u8], u64) -> io::Result<usize>) -> Option<u64> {
    let mut here = vec![0; data.len()];
    let mut filled = 0;
    while filled < here.len() {
        match read(&mut here[filled..], offset + filled as u64) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
            Ok(read) => filled += read,
        }
    }
    let equal = here[..filled].iter().zip(data).take_while(|(here, there)| here == there).count();
    (equal < data.len()).then_some(offset + equal as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &[u8] = b"0123456789";

    fn read(buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        // One byte at a time: a local file may be read in pieces.
        let byte = HERE.get(usize::try_from(offset).unwrap()..).and_then(<[u8]>::first);
        Ok(byte.map_or(0, |&byte| {
            buffer[0] = byte;
            1
        }))
    }

    fn data(bytes: &'static [u8]) -> Result<Reply, sftp::Error> {
        Ok(Reply::Data(Bytes::from_static(bytes)))
    }

    /// Compares a remote file that answers READs of three bytes. Returns the last result, and the READs.
    fn compare(mut comparison: Comparison, remote: &'static [u8]) -> (Compared, Vec<(u64, u32)>) {
        let mut asked = Vec::new();
        while let Some((offset, length)) = comparison.next_part(3) {
            asked.push((offset, length));
            let start = usize::try_from(offset).unwrap().min(remote.len());
            let end = (start + length as usize).min(remote.len());
            match comparison.answer(offset, length, data(&remote[start..end]), &read) {
                Compared::SoFar => {}
                last => return (last, asked),
            }
        }
        (Compared::SoFar, asked)
    }

    #[test]
    fn equal_parts_are_read_once() {
        let (last, asked) = compare(Comparison::of(2..10), HERE);
        assert!(matches!(last, Compared::Equal));
        assert_eq!(asked, [(2, 3), (5, 3), (8, 2)]);
    }

    #[test]
    fn the_first_byte_that_differs_is_named() {
        for (remote, differs) in [(&b"0123456x89"[..], 7), (b"x", 0), (b"", 0), (b"0123", 4), (b"012345678x", 9)] {
            let (last, _) = compare(Comparison::of(0..10), remote);
            assert!(matches!(last, Compared::Differs { at } if at == differs), "{remote:?}");
        }
        // The local file ends before the remote one.
        let (last, _) = compare(Comparison::of(0..12), b"0123456789ab");
        assert!(matches!(last, Compared::Differs { at: 10 }));
    }

    #[test]
    fn short_and_lost_answers_are_read_again() {
        let mut comparison = Comparison::of(0..4);
        assert_eq!(comparison.next_part(4), Some((0, 4)));
        assert!(matches!(comparison.answer(0, 4, data(b"01"), &read), Compared::SoFar));
        assert_eq!(comparison.next_part(4), Some((2, 2)));
        comparison.give_back(2, 2);
        assert_eq!(comparison.next_part(1), Some((2, 2)));
        assert_eq!(comparison.next_part(1), None);
        assert!(matches!(comparison.answer(2, 2, data(b"23"), &read), Compared::Equal));
        assert_eq!(comparison.compared(), 4);
    }

    #[test]
    fn all_answers_are_awaited_in_any_order() {
        let mut comparison = Comparison::of(0..4);
        while comparison.next_part(2).is_some() {}
        assert!(matches!(comparison.answer(2, 2, data(b"23"), &read), Compared::SoFar));
        assert!(matches!(comparison.answer(0, 2, data(b"01"), &read), Compared::Equal));
    }

    #[test]
    fn an_answer_to_an_earlier_comparison_changes_nothing() {
        let mut comparison = Comparison::of(0..4);
        assert_eq!(comparison.next_part(2), Some((0, 2)));
        assert!(matches!(comparison.answer(2, 2, data(b"xx"), &read), Compared::SoFar));
        assert!(matches!(comparison.answer(0, 4, data(b"xx"), &read), Compared::SoFar));
        comparison.give_back(7, 1);
        assert_eq!(comparison.next_part(2), Some((2, 2)));
        assert_eq!(comparison.next_part(2), None);
    }
}
