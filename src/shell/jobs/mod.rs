//! The transfers in the background: the table of them, and the commands on it.
//!
//! Each has a thread that takes its events and tells the news (`watcher.rs`). The shell shows the news at the prompt,
//! and learns of an end between two lines ([`Jobs::collect`]). A task can move between the background and the
//! foreground ([`Jobs::add`], [`Jobs::take`]).

mod list;
mod news;
mod queue;
mod watcher;

use std::collections::BTreeSet;
use std::io;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::list::State;
use self::queue::Queue;
use self::watcher::{Outcome, Watched, Watcher};
use crate::commands::{Context, Failure, JobNumber, JobRequest};
use crate::os_error;
use crate::shell::signals::Signals;
use crate::shell::watch::Task;
use crate::terminal::Output;

pub(crate) use self::news::News;

/// Pause between two looks at the jobs while the shell waits for them. Their news end it.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// The jobs in the background.
pub(crate) struct Jobs {
    running: Vec<Watcher>,
    news: News,
    queue: Queue,
    /// The number of the last job. No other job of the session gets it again.
    last: usize,
    /// Jobs that have failed, and that no wait has reported yet.
    failed: BTreeSet<usize>,
}

/// Why a wait for jobs has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// All of them have ended.
    Ended,
    /// A signal came first.
    Interrupted,
    /// This job waits for the user.
    Stuck(usize),
}

impl Jobs {
    /// Returns an empty table.
    ///
    /// # Errors
    /// The system has no more sockets.
    pub(crate) fn new() -> io::Result<Jobs> {
        Ok(Jobs { running: Vec::new(), news: News::new()?, queue: Queue::default(), last: 0, failed: BTreeSet::new() })
    }

    /// Returns the news of the jobs.
    pub(crate) fn news(&self) -> &News {
        &self.news
    }

    /// Returns the number of jobs that have not ended.
    pub(crate) fn count(&self) -> usize {
        self.running.iter().filter(|job| !job.has_ended()).count()
    }

    /// Adds a task and returns its number. From now on it is watched in the background.
    ///
    /// # Errors
    /// The system has no thread left. The task is cancelled.
    pub(crate) fn add(&mut self, mut task: Task) -> Result<usize, Failure> {
        let number = *task.number.get_or_insert(self.last + 1);
        self.last = self.last.max(number);
        let started = Watcher::start(number, task, self.news.clone(), self.queue.clone());
        let watcher =
            started.map_err(|error| Failure::new(format!("Cannot start a thread: {}", os_error::text(&error))))?;
        let place = self.running.partition_point(|job| job.number < number);
        self.running.insert(place, watcher);
        Ok(number)
    }

    /// Adds a held task to the queue, and returns its number and whether it waits. From now on it is watched in the
    /// background.
    ///
    /// # Errors
    /// The system has no thread left. The task is cancelled.
    pub(crate) fn enqueue(&mut self, task: Task) -> Result<(usize, bool), Failure> {
        let hold = task.job.hold();
        let number = self.add(task)?;
        self.queue.add(number, hold);
        Ok((number, self.queue.is_waiting(number)))
    }

    /// Takes a task out of the background: this one, or the latest.
    ///
    /// # Errors
    /// There is no such job, or it has just ended.
    pub(crate) fn take(&mut self, wanted: Option<JobNumber>, context: &mut Context) -> Result<Task, Failure> {
        self.collect(context);
        let at = match wanted {
            Some(number) => self.position(number)?,
            None => self.running.len().checked_sub(1).ok_or_else(none)?,
        };
        let watcher = self.running.remove(at);
        let number = watcher.number;
        self.queue.remove(number);
        match watcher.release() {
            Watched::Released(task) => Ok(*task),
            Watched::Ended(outcome) => {
                self.note(number, outcome, context);
                Err(Failure::already_shown())
            }
        }
    }

    /// Removes the jobs that have ended, and gives their sessions back. Prints the news.
    pub(crate) fn collect(&mut self, context: &mut Context) {
        self.queue.set_parallel(context.settings.queue_parallel);
        let (ended, running) = std::mem::take(&mut self.running).into_iter().partition(Watcher::has_ended);
        self.running = running;
        let ended: Vec<Watcher> = ended;
        self.join(ended, context);
    }

    /// Waits for the ends of jobs that have left the table, gives their sessions back, and prints the news.
    fn join(&mut self, ended: Vec<Watcher>, context: &mut Context) {
        for watcher in ended {
            let number = watcher.number;
            if let Watched::Ended(outcome) = watcher.join() {
                self.note(number, outcome, context);
            }
        }
        self.news.print(&context.output);
    }

    fn note(&mut self, number: usize, outcome: Outcome, context: &mut Context) {
        if !outcome.is_success() {
            self.failed.insert(number);
        }
        context.take_back(outcome.report.sessions);
    }

    /// Returns whether a job has failed since the last call, and no wait has reported it.
    pub(crate) fn take_failure(&mut self) -> bool {
        !std::mem::take(&mut self.failed).is_empty()
    }

    /// Carries out a request of the user, except to bring a job into the foreground.
    ///
    /// # Errors
    /// There is no such job; or the wait has ended early, or with a job that has failed.
    pub(crate) fn obey(
        &mut self,
        request: &JobRequest,
        context: &mut Context,
        signals: &Signals,
    ) -> Result<(), Failure> {
        // A job may have ended while the line was typed.
        self.collect(context);
        match request {
            JobRequest::List { json } => self.list(*json, &context.output),
            JobRequest::Resume(jobs) => {
                for at in self.chosen(jobs, State::Paused)? {
                    let Watcher { number, title, hold, .. } = &self.running[at];
                    self.queue.remove(*number);
                    hold.release();
                    context.output.status(format_args!("[{number}] {}", title.shown()));
                }
            }
            JobRequest::Pause(jobs) => {
                for at in self.chosen(jobs, State::Running)? {
                    let Watcher { number, title, hold, .. } = &self.running[at];
                    hold.set();
                    context.output.status(format_args!("[{number}] paused: {}", title.shown()));
                }
            }
            JobRequest::Cancel(jobs) => {
                for number in jobs {
                    let at = self.position(*number)?;
                    self.running[at].cancel();
                }
            }
            JobRequest::StartQueue => self.queue.set_stopped(false),
            JobRequest::StopQueue => self.queue.set_stopped(true),
            JobRequest::Wait(jobs) => return self.wait(jobs, context, signals),
            JobRequest::Foreground(_) => {}
        }
        Ok(())
    }

    fn list(&self, json: bool, output: &Output) {
        let now = Instant::now();
        if json {
            self.running.iter().for_each(|job| output.answer(list::object(job, &self.queue, now)));
        } else if !self.running.is_empty() {
            output.answer(list::table(&self.running, &self.queue, output.width(), now));
        }
    }

    fn position(&self, JobNumber(number): JobNumber) -> Result<usize, Failure> {
        self.running
            .iter()
            .position(|job| job.number == number)
            .ok_or_else(|| Failure::new(format!("There is no job {number}")).with_hint("jobs lists them"))
    }

    /// Returns the positions of the named jobs or, if none is named, of the latest in a state.
    fn chosen(&self, jobs: &[JobNumber], state: State) -> Result<Vec<usize>, Failure> {
        if jobs.is_empty() {
            let latest = self.running.iter().rposition(|job| State::of(job, &self.queue) == state);
            return latest.map(|at| vec![at]).ok_or_else(|| Failure::new(format!("No job is {}", state.word())));
        }
        jobs.iter().map(|&number| self.position(number)).collect()
    }

    fn wait(&mut self, jobs: &[JobNumber], context: &mut Context, signals: &Signals) -> Result<(), Failure> {
        if let Some(&unknown) = jobs.iter().find(|JobNumber(number)| *number == 0 || *number > self.last) {
            return self.position(unknown).map(drop);
        }
        let awaited = |number: usize| jobs.is_empty() || jobs.contains(&JobNumber(number));
        if self.running.iter().any(|job| awaited(job.number)) {
            context.output.hint("Ctrl-C ends the wait, and the jobs go on");
        }
        match self.wait_for(awaited, context, signals) {
            Waited::Ended => {
                let (failed, others) =
                    std::mem::take(&mut self.failed).into_iter().partition(|&number| awaited(number));
                self.failed = others;
                let failed: BTreeSet<usize> = failed;
                if failed.is_empty() { Ok(()) } else { Err(Failure::already_shown()) }
            }
            Waited::Interrupted => Err(Failure::already_shown()),
            Waited::Stuck(number) => {
                let failure = Failure::new(format!("[{number}] waits for you, so it does not end by itself"));
                Err(failure.with_hint(format!("fg {number} shows it, bg {number} lets a paused one go on")))
            }
        }
    }

    /// Waits for the end of the jobs whose numbers are `awaited`, and shows their news meanwhile.
    pub(crate) fn wait_for(
        &mut self,
        awaited: impl Fn(usize) -> bool,
        context: &mut Context,
        signals: &Signals,
    ) -> Waited {
        loop {
            self.collect(context);
            context.output.flush();
            let mut left = self.running.iter().filter(|job| awaited(job.number)).peekable();
            if left.peek().is_none() {
                return Waited::Ended;
            }
            if signals.must_stop() {
                signals.report_interruption(&context.output);
                return Waited::Interrupted;
            }
            if let Some(stuck) = left.find(|job| self.is_stuck(job)) {
                return Waited::Stuck(stuck.number);
            }
            let mut fds = [PollFd::new(self.news.woken(), PollFlags::IN), PollFd::new(signals.woken(), PollFlags::IN)];
            // If it can't be waited for, the next look comes at once.
            let _ = poll(&mut fds, Some(&LOOK));
        }
    }

    /// Returns whether a job goes on only if the user does something.
    fn is_stuck(&self, job: &Watcher) -> bool {
        match State::of(job, &self.queue) {
            State::Paused | State::Asks => true,
            State::Queued => self.queue.is_stopped(),
            State::Running | State::Ending => false,
        }
    }

    /// Cancels all jobs, waits for their ends, and prints the news.
    pub(crate) fn end(&mut self, context: &mut Context) {
        self.queue.set_stopped(true);
        self.running.iter().for_each(Watcher::cancel);
        let all = std::mem::take(&mut self.running);
        self.join(all, context);
    }
}

fn none() -> Failure {
    Failure::new("There are no jobs")
}
