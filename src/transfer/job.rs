//! A running transfer, as its caller sees it.

use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

use crate::sftp::Session;
use crate::transfer::canceller::Canceller;
use crate::transfer::engine;
use crate::transfer::event::Event;
use crate::transfer::failure::{Act, Failure};
use crate::transfer::hold::Hold;
use crate::transfer::report::Report;
use crate::transfer::request::{Direction, Request};

/// A running transfer. Dropping it cancels the transfer without waiting for the end.
#[must_use = "a job that is dropped is cancelled"]
#[derive(Debug)]
pub struct Job {
    direction: Direction,
    events: Receiver<Vec<Event>>,
    canceller: Canceller,
    hold: Hold,
    engine: Option<Engine>,
}

#[derive(Debug)]
enum Engine {
    Running(JoinHandle<Report>),
    /// The thread could not be started.
    Ended(Report),
}

impl Job {
    /// Returns the direction of the transfer.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Returns the events, in batches. The channel is closed when the job ends; then [`Job::wait`] returns at once.
    #[must_use]
    pub fn events(&self) -> &Receiver<Vec<Event>> {
        &self.events
    }

    /// Returns a handle that stops the job: it sends no more requests, waits briefly for the answers to those in
    /// flight, closes its handles and leaves the session open.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Returns a handle that holds the job and lets it go on.
    #[must_use]
    pub fn hold(&self) -> Hold {
        self.hold.clone()
    }

    /// Waits until the job ends.
    #[must_use]
    pub fn wait(mut self) -> Report {
        match self.engine.take() {
            None => Report::default(),
            Some(Engine::Ended(report)) => report,
            // A panic of the engine is a bug, so it continues here.
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

/// Starts a transfer and returns at once. Other requests may use the session at the same time. The engine begins when
/// `hold` lets it go on.
pub fn start(session: &Session, request: Request, hold: Hold) -> Job {
    let (sender, events) = channel();
    let canceller = Canceller::default();
    let direction = request.direction();
    let engine = {
        let (session, canceller, hold) = (session.clone(), canceller.clone(), hold.clone());
        let run = move || engine::run(session, request, sender, canceller, hold);
        thread::Builder::new().name("transfer".into()).spawn(run)
    };
    let engine = match engine {
        Ok(engine) => Engine::Running(engine),
        Err(error) => {
            Engine::Ended(Report { failures: vec![Failure::new(Act::StartThread, *b"", error)], ..Report::default() })
        }
    };
    Job { direction, events, canceller, hold, engine: Some(engine) }
}
