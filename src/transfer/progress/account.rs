//! The account of a job: its files and their bytes, moved and still to be moved.
//!
//! The plan counts what it finds. A file that is skipped or fails leaves the account with all its bytes, and one that
//! is longer or shorter than planned counts with its real length. So a job that has ended has moved all its bytes.

use std::collections::BTreeMap;

/// The number of a step in the plan. Steps are reported in this order.
pub(crate) type Sequence = u64;

/// The account of a job. Together with what the plan has found, it makes up the totals.
#[derive(Default)]
pub(crate) struct Account {
    /// Files in flight.
    shares: BTreeMap<Sequence, Share>,
    /// Files that have arrived.
    pub(crate) files_done: u64,
    /// Files that the plan found and that are not moved.
    pub(crate) files_left: u64,
    /// Bytes that have arrived, of complete files and of those in flight.
    pub(crate) bytes_done: u64,
    /// Bytes of files that are longer than the plan found them.
    unforeseen: u64,
    /// Bytes that the plan found and that are not moved.
    left: u64,
}

/// The account of one file.
#[derive(Clone, Copy, Default)]
struct Share {
    planned: u64,
    done: u64,
}

impl Account {
    /// Adds a file that the plan found with this length.
    pub(super) fn begin(&mut self, sequence: Sequence, planned: u64) {
        self.shares.insert(sequence, Share { planned, done: 0 });
    }

    /// Counts bytes that have arrived, up to an offset in the file. Bytes that are moved twice count once.
    pub(super) fn add(&mut self, sequence: Sequence, bytes: u64, position: u64) {
        let Some(share) = self.shares.get_mut(&sequence) else { return };
        let done = (share.done + bytes).min(share.planned.max(position));
        self.bytes_done += done.saturating_sub(share.done);
        share.done = share.done.max(done);
    }

    /// Takes back all bytes of a file that starts over.
    pub(super) fn take_back(&mut self, sequence: Sequence) {
        let Some(share) = self.shares.get_mut(&sequence) else { return };
        self.bytes_done -= std::mem::take(&mut share.done);
    }

    /// Counts a file as complete.
    pub(super) fn complete(&mut self, sequence: Sequence) {
        let Some(Share { planned, done }) = self.shares.remove(&sequence) else { return };
        self.files_done += 1;
        self.unforeseen += done.saturating_sub(planned);
        self.left += planned.saturating_sub(done);
    }

    /// Removes a file that is not moved.
    pub(super) fn leave(&mut self, sequence: Sequence) {
        let Some(Share { planned, done }) = self.shares.remove(&sequence) else { return };
        self.files_left += 1;
        self.bytes_done -= done;
        self.left += planned;
    }

    /// Returns the bytes of the job, given those that the plan has found.
    pub(super) fn total_of(&self, found: u64) -> u64 {
        (found + self.unforeseen).saturating_sub(self.left)
    }

    /// Returns whether no file is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.shares.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of one file.
    type Course = fn(&mut Account);

    /// Adds a file of 1000 bytes with the events of the case, and one of 500 that is moved.
    #[test]
    fn a_job_is_as_large_as_the_bytes_that_were_moved() {
        let courses: [(&str, Course, u64, u64); 8] = [
            ("moved", |account| account.add(0, 1000, 1000), 2, 1500),
            ("skipped", |account| account.leave(0), 1, 500),
            (
                "failed half way",
                |account| {
                    account.add(0, 400, 400);
                    account.leave(0);
                },
                1,
                500,
            ),
            (
                "resumed",
                |account| [(900, 900), (100, 1000)].map(|(more, at)| account.add(0, more, at)).into_iter().collect(),
                2,
                1500,
            ),
            ("longer than it was", |account| account.add(0, 1200, 1200), 2, 1700),
            ("shorter than an estimate", |account| account.add(0, 300, 300), 2, 800),
            (
                "sent twice in part",
                |account| [(1000, 600), (400, 1000)].map(|(more, at)| account.add(0, more, at)).into_iter().collect(),
                2,
                1500,
            ),
            (
                "begun anew",
                |account| {
                    account.add(0, 700, 700);
                    account.take_back(0);
                    account.add(0, 1000, 1000);
                },
                2,
                1500,
            ),
        ];
        for (case, course, files, bytes) in courses {
            let mut account = Account::default();
            account.begin(0, 1000);
            account.begin(1, 500);
            course(&mut account);
            account.complete(0);
            account.add(1, 500, 500);
            account.complete(1);
            assert!(account.is_idle());
            assert_eq!((account.files_done, 2 - account.files_left), (files, files), "{case}");
            assert_eq!((account.bytes_done, account.total_of(1500)), (bytes, bytes), "{case}");
        }
    }

    #[test]
    fn files_in_flight_count_with_the_bytes_that_have_arrived() {
        let mut account = Account::default();
        account.begin(0, 1000);
        account.add(0, 250, 250);
        assert_eq!((account.bytes_done, account.total_of(4000)), (250, 4000));
        account.leave(0);
        assert_eq!((account.bytes_done, account.total_of(4000)), (0, 3000));
    }
}
