//! The plan of a job: its steps in order, found while the first ones are already under way.
//!
//! A plan is a lazy iterator that may wait for the server or the disk. It has a thread of its own, so that the engine
//! never waits for it. It runs only a limited number of steps ahead: a tree of a million files is never in memory as
//! a whole.

mod ahead;
mod get;
mod put;
mod space;
mod step;

pub(crate) use ahead::{Next, Plan};
pub(crate) use put::times;
pub(crate) use step::{GetDirectory, GetFile, GetLink, PlanOptions, PutDirectory, PutFile, PutLink, Step, Target};

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use crate::remote::Lifeline;
use crate::sftp::Wakeup;
use crate::transfer::canceller::Canceller;
use crate::transfer::event::Note;
use crate::transfer::pairs::Pairs;
use crate::transfer::plan::space::Space;
use crate::transfer::plan::step::{Planned, Steps};
use crate::transfer::progress::reporter::Found;

impl Plan {
    /// Begins to plan on a new thread. `wakeup` wakes the engine when a step is ready.
    pub(crate) fn start(
        lifeline: &Lifeline,
        pairs: Pairs,
        plan_options: PlanOptions,
        found: Arc<Found>,
        canceller: &Canceller,
        wakeup: Wakeup,
    ) -> std::io::Result<Plan> {
        let (sender, plan) = ahead::channel(wakeup);
        let space = Space::new(&pairs, plan_options.options.resume, lifeline.clone());
        let mut planner = Planner { space, sender, found, canceller: canceller.clone() };
        let lifeline = lifeline.clone();
        let canceller = canceller.clone();
        thread::Builder::new().name("transfer-plan".into()).spawn(move || {
            let shortage = planner.space.named(&pairs);
            match pairs {
                Pairs::Get(pairs) => planner.run(shortage, get::steps(lifeline, pairs, plan_options, canceller)),
                Pairs::Put(pairs) => planner.run(shortage, put::steps(lifeline, pairs, plan_options, canceller)),
            }
        })?;
        Ok(plan)
    }
}

/// The thread's end of a plan.
struct Planner {
    space: Space,
    sender: ahead::Sender,
    found: Arc<Found>,
    canceller: Canceller,
}

impl Planner {
    fn run(mut self, shortage: Option<Note>, mut steps: impl Steps) {
        // The channel is closed if the engine has ended.
        let mut wants_more = shortage.is_none_or(|note| self.send(Step::Note(note), &mut steps));
        while wants_more && let Some(Planned { step, size }) = steps.next() {
            if let Step::Get(_) | Step::Put(_) = step {
                self.found.add(size);
                if let Some(note) = self.space.add(size.unwrap_or(0)) {
                    self.send(Step::Note(note), &mut steps);
                }
            }
            wants_more = self.send(step, &mut steps);
        }
        self.found.complete.store(true, Ordering::Relaxed);
    }

    /// Sends a step. Returns whether the engine wants more.
    fn send(&self, step: Step, steps: &mut impl Steps) -> bool {
        !self.canceller.is_cancelled() && self.sender.send(step, || steps.let_go())
    }
}
