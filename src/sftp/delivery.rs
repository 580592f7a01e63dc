//! How outcomes reach the threads that wait for them.

use std::sync::Arc;

/// A receiver of outcomes.
pub(super) trait Complete<T>: Send + Sync {
    /// Takes the outcomes that one round of the driver brought, each with the key of its request, and wakes the
    /// waiting thread.
    fn complete(&self, outcomes: Vec<(usize, T)>);

    /// Ends the wait for outcomes, which may still arrive. Only receivers whose thread can do nothing else implement
    /// it.
    fn give_up(&self) {}
}

/// The receiver of one request's outcome, and the key under which it knows the request.
pub(super) struct Completion<T> {
    pub(super) to: Arc<dyn Complete<T>>,
    pub(super) key: usize,
}

impl<T: 'static> Completion<T> {
    /// Returns a receiver that drops each outcome. A handle in a reply closes itself.
    pub(super) fn to_nobody() -> Completion<T> {
        Completion { to: Arc::new(Nobody), key: 0 }
    }

    pub(super) fn complete(self, outcome: T) {
        self.to.complete(vec![(self.key, outcome)]);
    }
}

/// Outcomes to deliver, grouped by receiver so that each one is woken once.
pub(super) struct Deliveries<T>(Vec<Delivery<T>>);

struct Delivery<T> {
    to: Arc<dyn Complete<T>>,
    outcomes: Vec<(usize, T)>,
}

impl<T> Deliveries<T> {
    pub(super) fn new() -> Deliveries<T> {
        Deliveries(Vec::new())
    }

    pub(super) fn add(&mut self, Completion { to, key }: Completion<T>, outcome: T) {
        match self.0.iter_mut().find(|delivery| Arc::ptr_eq(&delivery.to, &to)) {
            Some(delivery) => delivery.outcomes.push((key, outcome)),
            None => self.0.push(Delivery { to, outcomes: vec![(key, outcome)] }),
        }
    }

    pub(super) fn deliver(self) {
        for Delivery { to, outcomes } in self.0 {
            to.complete(outcomes);
        }
    }
}

struct Nobody;

impl<T> Complete<T> for Nobody {
    fn complete(&self, _outcomes: Vec<(usize, T)>) {}
}
