//! A running transfer, as those who asked for it see it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

use super::event::Event;
use super::report::Report;
use super::request::Request;
use crate::sftp::Session;

/// A transfer that runs. Dropping it stops it, as a cancel does; it is not waited for.
#[must_use = "a job that is dropped is cancelled"]
#[derive(Debug)]
pub struct Job {
    events: Receiver<Event>,
    canceller: Canceller,
    engine: Option<JoinHandle<Report>>,
}

/// Stops a job, from any thread.
#[derive(Clone)]
pub struct Canceller {
    cancelled: Arc<AtomicBool>,
}

impl Job {
    /// What it tells. The channel ends when the job does; then [`Job::wait`] returns at once.
    #[must_use]
    pub fn events(&self) -> &Receiver<Event> {
        &self.events
    }

    /// A handle that stops it: no request is issued any more, those in flight are waited for, handles are closed, and the session lives on.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Waits for the end.
    pub fn wait(mut self) -> Report {
        let engine = self.engine.take();
        // A panicking engine is a bug of ours, and goes on panicking here.
        engine.map_or_else(Report::default, |engine| {
            engine.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.engine.is_some() {
            self.canceller.cancel();
        }
    }
}

impl Canceller {
    /// Stops the job. Calling it again does nothing.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
    }

    /// Whether the job was stopped.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Canceller({})", self.is_cancelled())
    }
}

/// Starts a transfer beside whatever else runs on the session, and returns at once.
pub fn start(session: &Session, request: Request) -> Job {
    let (events_in, events) = channel();
    let canceller = Canceller { cancelled: Arc::default() };
    let session = session.clone();
    let engine = thread::spawn(move || {
        drop((events_in, session, request));
        Report::default()
    });
    Job { events, canceller, engine: Some(engine) }
}
