//! A running transfer, as those who asked for it see it.

use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

use crate::sftp::Session;
use crate::transfer::canceller::Canceller;
use crate::transfer::engine;
use crate::transfer::event::Event;
use crate::transfer::failure::{Act, Failure};
use crate::transfer::report::Report;
use crate::transfer::request::{Direction, Request};

/// A transfer that runs. Dropping it stops it, as a cancel does; it is not waited for.
#[must_use = "a job that is dropped is cancelled"]
#[derive(Debug)]
pub struct Job {
    direction: Direction,
    events: Receiver<Vec<Event>>,
    canceller: Canceller,
    engine: Option<Engine>,
}

#[derive(Debug)]
enum Engine {
    Running(JoinHandle<Report>),
    /// It could not be started.
    Ended(Report),
}

impl Job {
    /// Which way it moves files.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// What it tells, in portions. The channel ends when the job does; then [`Job::wait`] returns at once.
    #[must_use]
    pub fn events(&self) -> &Receiver<Vec<Event>> {
        &self.events
    }

    /// A handle that stops it: no request is issued any more, those in flight are waited for, handles are closed, and the
    /// session lives on.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Waits for the end.
    #[must_use]
    pub fn wait(mut self) -> Report {
        match self.engine.take() {
            None => Report::default(),
            Some(Engine::Ended(report)) => report,
            // A panicking engine is a bug of ours, and goes on panicking here.
            Some(Engine::Running(engine)) => engine.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.engine.is_some() {
            self.canceller.cancel();
        }
    }
}

/// Starts a transfer beside whatever else runs on the session, and returns at once.
pub fn start(session: &Session, request: Request) -> Job {
    let (sender, events) = channel();
    let canceller = Canceller::default();
    let direction = request.direction();
    let engine = {
        let (session, canceller) = (session.clone(), canceller.clone());
        thread::Builder::new().name("transfer".into()).spawn(move || engine::run(session, request, sender, canceller))
    };
    let engine = match engine {
        Ok(engine) => Engine::Running(engine),
        Err(error) => {
            Engine::Ended(Report { failures: vec![Failure::new(Act::StartThread, *b"", error)], ..Report::default() })
        }
    };
    Job { direction, events, canceller, engine: Some(engine) }
}
