//! The account of an upload's bytes: which were sent, and which the server has confirmed.

use std::collections::{BTreeMap, VecDeque};

/// Which bytes of a file were sent.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Where the next WRITE of new bytes starts.
    next: u64,
    /// WRITEs without an answer: length by offset.
    unanswered: BTreeMap<u64, u32>,
    /// Parts whose WRITE was lost with its connection: offset and length.
    gaps: VecDeque<(u64, u32)>,
    /// The lowest offset whose WRITE has failed.
    hole: Option<u64>,
    /// The offset of the first WRITE after the existing bytes, on a server that may refuse it.
    appends_at: Option<u64>,
}

impl Sent {
    /// Returns the account of a file whose first bytes exist on the server.
    pub(super) fn continuing(existing: u64) -> Sent {
        Sent { next: existing, ..Sent::default() }
    }

    /// Returns the account of a file whose first bytes exist on a server that may have emptied it when it was opened.
    pub(super) fn appending_at(existing: u64) -> Sent {
        Sent { appends_at: Some(existing), ..Sent::continuing(existing) }
    }

    /// Returns where the next WRITE of new bytes starts, which is the length of the bytes that were sent.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Returns the part to send next, of at most this length: offset, length, and whether it was sent before.
    pub(super) fn next_part(&mut self, most: u32) -> (u64, u32, bool) {
        match self.gaps.pop_front() {
            Some((offset, length)) => (offset, length, true),
            None => (self.next, most, false),
        }
    }

    /// Notes a WRITE.
    pub(super) fn issue(&mut self, offset: u64, length: u32) {
        self.next = self.next.max(offset + u64::from(length));
        self.unanswered.insert(offset, length);
    }

    /// Notes that a WRITE was confirmed.
    pub(super) fn confirm(&mut self, offset: u64) {
        self.unanswered.remove(&offset);
    }

    /// Notes that a WRITE has failed.
    pub(super) fn fail(&mut self, offset: u64) {
        self.unanswered.remove(&offset);
        self.hole = Some(self.hole.map_or(offset, |hole| hole.min(offset)));
    }

    /// Notes that the answer to a WRITE was lost with its connection.
    pub(super) fn give_back(&mut self, offset: u64, length: u32) {
        self.unanswered.remove(&offset);
        self.gaps.push_back((offset, length));
    }

    /// Returns whether some part was lost and has not been sent again.
    pub(super) fn has_gaps(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Returns the length of the beginning that the server has confirmed.
    pub(super) fn confirmed(&self) -> u64 {
        let gap = self.gaps.iter().map(|(offset, _)| *offset).min();
        let sent = self.unanswered.first_key_value().map(|(offset, _)| *offset);
        [gap, sent].into_iter().flatten().fold(self.next, u64::min)
    }

    /// Returns whether the server refused to append to the existing bytes. It may have emptied the file.
    pub(super) fn refused_appending(&self) -> bool {
        self.hole.is_some() && self.hole == self.appends_at
    }

    /// Goes back to the end of the existing bytes, to which the server refused to append. The hole is still known.
    pub(super) fn go_back(&mut self) {
        if let Some(existing) = self.appends_at {
            *self = Sent { hole: self.hole, ..Sent::continuing(existing) };
        }
    }

    /// Takes the lowest offset whose WRITE has failed. The file must not look longer than that.
    pub(super) fn take_hole(&mut self) -> Option<u64> {
        self.hole.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirmed_is_the_beginning_without_a_gap() {
        let mut sent = Sent::continuing(10);
        assert_eq!((sent.next(), sent.confirmed()), (10, 10));
        for offset in [10, 20, 30] {
            assert_eq!(sent.next_part(10), (offset, 10, false));
            sent.issue(offset, 10);
        }
        sent.confirm(20);
        assert_eq!((sent.next(), sent.confirmed()), (40, 10));
        sent.confirm(10);
        assert_eq!(sent.confirmed(), 30);
        sent.give_back(30, 10);
        assert_eq!((sent.confirmed(), sent.has_gaps()), (30, true));
        assert_eq!(sent.next_part(5), (30, 10, true));
        sent.issue(30, 10);
        assert_eq!((sent.next(), sent.confirmed()), (40, 30));
        sent.confirm(30);
        assert_eq!((sent.confirmed(), sent.has_gaps()), (40, false));
        sent.issue(20, 10);
        assert_eq!(sent.next(), 40, "a part that is sent again moves no end");
    }

    #[test]
    fn the_lowest_failure_is_the_hole() {
        let mut sent = Sent::default();
        for offset in [0, 10, 20, 30] {
            sent.issue(offset, 10);
        }
        for offset in [20, 10, 30] {
            sent.fail(offset);
        }
        sent.confirm(0);
        assert_eq!(sent.confirmed(), 40, "a failed WRITE is answered");
        assert_eq!((sent.take_hole(), sent.take_hole()), (Some(10), None));
    }

    #[test]
    fn appending_is_refused_only_where_it_begins() {
        for (existing, failed, refused) in [(5, 5, true), (5, 6, false), (0, 5, false)] {
            let mut sent = if existing > 0 { Sent::appending_at(existing) } else { Sent::continuing(5) };
            sent.issue(failed, 1);
            assert!(!sent.refused_appending());
            sent.fail(failed);
            assert_eq!(sent.refused_appending(), refused, "{existing} {failed}");
        }
        let mut sent = Sent::appending_at(5);
        sent.issue(5, 10);
        sent.fail(5);
        sent.go_back();
        assert_eq!((sent.next(), sent.refused_appending(), sent.take_hole()), (5, false, Some(5)));
    }
}
