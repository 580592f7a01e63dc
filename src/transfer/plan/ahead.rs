//! Carries steps from the planner to the engine. The engine takes all that are ready, so that the two threads wake
//! each other seldom.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::lock::lock;
use crate::sftp::Wakeup;
use crate::transfer::plan::step::Step;

/// The most steps that wait to be taken. The engine may hold as many that it has taken and not begun: enough to keep
/// it busy, few enough for any memory.
const STEPS_AHEAD: usize = 512;

/// The answer to the engine's request for a step.
pub(crate) enum Next {
    /// The next step.
    Step(Step),
    /// The next step is not planned yet. A wakeup will follow.
    Later,
    /// The plan has ended.
    End,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Step>,
    /// The engine waits for the next step, which must wake it.
    is_awaited: bool,
    /// The engine can't open a file because of what the planner has open.
    is_in_the_way: bool,
    /// The planner has ended.
    is_complete: bool,
    /// The engine has ended.
    is_unwanted: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    taken: Condvar,
}

/// The planner's end. Dropping it ends the plan.
pub(crate) struct Sender {
    shared: Arc<Shared>,
    wakeup: Wakeup,
}

/// The engine's end of a plan. Dropping it ends the planner.
pub(crate) struct Plan {
    taken: VecDeque<Step>,
    shared: Arc<Shared>,
}

/// Returns both ends. `wakeup` wakes the engine.
pub(crate) fn channel(wakeup: Wakeup) -> (Sender, Plan) {
    let shared = Arc::<Shared>::default();
    (Sender { shared: Arc::clone(&shared), wakeup }, Plan { taken: VecDeque::new(), shared })
}

impl Sender {
    /// Sends a step as soon as there is room for it. Calls `let_go` if the engine needs the planner's open
    /// directories closed. Returns whether the engine wants more steps.
    pub(super) fn send(&self, step: Step, mut let_go: impl FnMut()) -> bool {
        let must_wait =
            |state: &mut State| state.ready.len() >= STEPS_AHEAD && !state.is_unwanted && !state.is_in_the_way;
        let mut state = lock(&self.shared.state);
        loop {
            state = self.shared.taken.wait_while(state, must_wait).unwrap_or_else(PoisonError::into_inner);
            if !std::mem::take(&mut state.is_in_the_way) {
                break;
            }
            drop(state);
            let_go();
            state = lock(&self.shared.state);
        }
        if state.is_unwanted {
            return false;
        }
        state.ready.push_back(step);
        self.wake(state);
        true
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let is_awaited = std::mem::take(&mut state.is_awaited);
        drop(state);
        if is_awaited {
            self.wakeup.wake();
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.is_complete = true;
        self.wake(state);
    }
}

impl Plan {
    /// Returns the next step, if it is planned.
    pub(crate) fn next(&mut self) -> Next {
        if self.taken.is_empty() {
            let mut state = lock(&self.shared.state);
            std::mem::swap(&mut self.taken, &mut state.ready);
            match (self.taken.is_empty(), state.is_complete) {
                (true, true) => return Next::End,
                (true, false) => state.is_awaited = true,
                (false, _) => self.shared.taken.notify_one(),
            }
        }
        self.taken.pop_front().map_or(Next::Later, Next::Step)
    }

    /// Tells the planner to close its open directories, because the server refuses to open a file beside them.
    pub(crate) fn let_go(&self) {
        lock(&self.shared.state).is_in_the_way = true;
        self.shared.taken.notify_one();
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        lock(&self.shared.state).is_unwanted = true;
        self.shared.taken.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::sftp::Completions;

    fn drain(receiver: &mut Plan) -> usize {
        std::iter::from_fn(|| matches!(receiver.next(), Next::Step(_)).then_some(())).count()
    }

    #[test]
    fn steps_are_taken_at_once_and_the_engine_is_woken_only_when_it_waits() {
        let queue = Completions::<()>::new();
        let (sender, mut receiver) = channel(queue.wakeup());
        assert!(matches!(receiver.next(), Next::Later));
        assert!(sender.send(Step::Leave, || {}) && sender.send(Step::Leave, || {}));
        assert_eq!(drain(&mut receiver), 2);
        drop(sender);
        assert!(matches!(receiver.next(), Next::End));
    }

    #[test]
    fn a_planner_that_waits_for_room_closes_its_directories() {
        let (sender, mut receiver) = channel(Completions::<()>::new().wakeup());
        let (let_go, told) = std::sync::mpsc::channel();
        let planner = thread::spawn(move || {
            (0..=STEPS_AHEAD).filter(|_| sender.send(Step::Leave, || let_go.send(()).unwrap())).count()
        });
        receiver.let_go();
        told.recv().unwrap();
        // The planner lets go once, and continues when there is room.
        while !matches!(receiver.next(), Next::Step(_)) {
            thread::yield_now();
        }
        assert_eq!(planner.join().unwrap(), STEPS_AHEAD + 1);
        assert!(told.recv().is_err());
    }

    #[test]
    fn a_planner_is_never_far_ahead_and_ends_with_the_engine() {
        let queue = Completions::<()>::new();
        let (sender, mut receiver) = channel(queue.wakeup());
        let planner =
            thread::spawn(move || (0..10 * STEPS_AHEAD).take_while(|_| sender.send(Step::Leave, || {})).count());
        while !matches!(receiver.next(), Next::Step(_)) {
            thread::yield_now();
        }
        drop(receiver);
        assert!(planner.join().unwrap() <= 2 * STEPS_AHEAD);
    }
}
