//! A handle that stops a job from any thread.

use std::sync::{Arc, Mutex};

use crate::lock::lock;
use crate::remote::Interrupt;
use crate::transport::Killer;

/// Stops a job, from any thread. Clones stop the same job.
#[derive(Clone, Debug, Default)]
pub struct Canceller {
    interrupt: Interrupt,
    killers: Arc<Mutex<Vec<Killer>>>,
}

impl Canceller {
    /// Stops the job. Calling it again does nothing.
    pub fn cancel(&self) {
        self.interrupt.press();
    }

    /// Returns whether the job was stopped.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.interrupt.was_pressed()
    }

    /// Drops the job's connections, which ends all its waits at once.
    pub fn abandon(&self) {
        for killer in lock(&self.killers).iter() {
            killer.kill();
        }
    }

    /// Adds a connection of the job.
    pub(crate) fn guards(&self, killer: Killer) {
        lock(&self.killers).push(killer);
    }

    /// Returns the interrupt that also stops the walks of the job.
    pub(crate) fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }
}
