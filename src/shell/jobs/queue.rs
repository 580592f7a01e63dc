//! The order in which queued jobs start. A queued job is held until its turn.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use crate::lock::lock;
use crate::transfer::Hold;

/// The queue. Clones share it: each job's thread tells it of the job's end.
#[derive(Clone, Default)]
pub(super) struct Queue(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    waiting: VecDeque<(usize, Hold)>,
    /// Jobs whose turn has come and that have not ended.
    started: BTreeSet<usize>,
    is_stopped: bool,
    /// The number of jobs that may run at once; 0 means 1.
    parallel: usize,
}

impl Queue {
    /// Adds a held job. Lets it go on at once if it is its turn.
    pub(super) fn add(&self, number: usize, hold: Hold) {
        self.change(|state| state.waiting.push_back((number, hold)));
    }

    /// Removes a job that has ended or leaves the queue. Others take its turn.
    pub(super) fn remove(&self, number: usize) {
        self.change(|state| {
            state.waiting.retain(|(waiting, _)| *waiting != number);
            state.started.remove(&number);
        });
    }

    /// Starts no more jobs, or starts them again.
    pub(super) fn set_stopped(&self, is_stopped: bool) {
        self.change(|state| state.is_stopped = is_stopped);
    }

    /// Sets how many jobs may run at once.
    pub(super) fn set_parallel(&self, parallel: usize) {
        self.change(|state| state.parallel = parallel);
    }

    /// Returns whether a job waits for its turn.
    pub(super) fn is_waiting(&self, number: usize) -> bool {
        lock(&self.0).waiting.iter().any(|(waiting, _)| *waiting == number)
    }

    /// Returns whether the queue starts no more jobs.
    pub(super) fn is_stopped(&self) -> bool {
        lock(&self.0).is_stopped
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.0);
        change(&mut state);
        while !state.is_stopped && state.started.len() < state.parallel.max(1) {
            let Some((number, hold)) = state.waiting.pop_front() else { break };
            state.started.insert(number);
            hold.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(queue: &Queue, numbers: impl IntoIterator<Item = usize>) -> Vec<Hold> {
        let add = |number| {
            let hold = Hold::default();
            hold.set();
            queue.add(number, hold.clone());
            hold
        };
        numbers.into_iter().map(add).collect()
    }

    fn running(holds: &[Hold]) -> Vec<bool> {
        holds.iter().map(|hold| !hold.is_set()).collect()
    }

    #[test]
    fn jobs_start_in_order_as_earlier_ones_end() {
        let queue = Queue::default();
        let holds = held(&queue, 1..=4);
        assert_eq!(running(&holds), [true, false, false, false]);
        queue.remove(3);
        queue.remove(1);
        assert_eq!(running(&holds), [true, true, false, false], "the third was removed before its turn");
        queue.set_parallel(2);
        assert_eq!(running(&holds), [true, true, false, true]);
        assert!(!queue.is_waiting(4) && !queue.is_waiting(3));
    }

    #[test]
    fn a_stopped_queue_starts_nothing_and_ends_nothing() {
        let queue = Queue::default();
        let holds = held(&queue, 1..=2);
        queue.set_stopped(true);
        queue.remove(1);
        assert_eq!(running(&holds), [true, false]);
        assert!(queue.is_stopped() && queue.is_waiting(2));
        queue.set_stopped(false);
        assert_eq!(running(&holds), [true, true]);
    }
}
