//! How the executor runs transfers: in the foreground, in the background, and from one to the other.

use crate::commands::{Failure, JobRequest};
use crate::shell::executor::{Executor, Ground, Terms, Verdict};
use crate::shell::progress_display::ProgressDisplay;
use crate::shell::run_end::RunEnd;
use crate::shell::suspension::Suspension;
use crate::shell::watch::{Surroundings, Task, Watched, watch};
use crate::transfer::{Hold, Report, Request};

impl Executor {
    /// Lets a second Ctrl-C drop the connection, unless transfers in the background need it.
    pub(super) fn guard_connection(&self) {
        self.signals.guard_session(self.context.remote.session());
        if self.jobs.count() > 0 {
            self.signals.guard(|| {});
        }
    }

    /// Takes in the ends of the jobs, prints their news, and shares their connection.
    pub(super) fn look_after_jobs(&mut self) {
        self.jobs.collect(&mut self.context);
        self.share_connection();
    }

    /// Continues with the session that a job has opened, if the own one was lost.
    pub(super) fn share_connection(&mut self) {
        if self.jobs.count() == 0 || self.context.remote.session().end().is_none() {
            return;
        }
        if let Some(session) = self.context.connector.as_ref().and_then(|connector| connector.newest()) {
            self.signals.guard_session(&session);
            self.context.go_on_with(session);
            self.have_connection();
        }
    }

    /// Starts a transfer. Watches it to its end, unless it runs in the background.
    pub(super) fn transfer(&mut self, request: Request, all_found: bool, terms: Terms) -> Verdict {
        let task = Task::new(self.context.start(request, Hold::default()), terms.title, all_found);
        match terms.ground {
            Ground::Foreground { may_suspend } => self.watch(task, may_suspend),
            Ground::Background => self.send_to_background(task, ""),
        }
    }

    /// Starts a transfer in the background when those that were queued before have ended.
    pub(super) fn enqueue(&mut self, request: Request, all_found: bool, terms: &Terms) -> Verdict {
        let hold = Hold::default();
        hold.set();
        let title = terms.title.without_first_word();
        let task = Task::new(self.context.start(request, hold), title.clone(), all_found);
        match self.jobs.enqueue(task) {
            Ok((number, is_waiting)) => {
                let state = if is_waiting { "queued: " } else { "" };
                self.context.output.status(format_args!("[{number}] {state}{}", title.shown()));
                Verdict::Done
            }
            Err(failure) => {
                self.show(&failure);
                Verdict::Failed
            }
        }
    }

    /// Adds a task to the jobs, and prints its number and state.
    fn send_to_background(&mut self, task: Task, state: &str) -> Verdict {
        let title = task.title.shown();
        match self.jobs.add(task) {
            Ok(number) => {
                self.context.output.status(format_args!("[{number}] {state}{title}"));
                Verdict::Done
            }
            Err(failure) => {
                self.show(&failure);
                Verdict::Failed
            }
        }
    }

    /// Carries out a request about the jobs.
    pub(super) fn obey(&mut self, request: &JobRequest, terms: &Terms) -> Verdict {
        let obeyed = match request {
            JobRequest::Foreground(job) => match self.jobs.take(*job, &mut self.context) {
                Ok(task) => return self.bring_to_foreground(task, terms),
                Err(failure) => Err(failure),
            },
            request => self.jobs.obey(request, &mut self.context, &self.signals),
        };
        match obeyed {
            Ok(()) => Verdict::Done,
            Err(failure) => {
                self.show(&failure);
                Verdict::Failed
            }
        }
    }

    fn bring_to_foreground(&mut self, task: Task, terms: &Terms) -> Verdict {
        self.context.output.status(task.title.shown());
        task.job.hold().release();
        self.watch(task, matches!(terms.ground, Ground::Foreground { may_suspend: true }))
    }

    /// Watches a transfer to its end, or until Ctrl-Z pauses it.
    fn watch(&mut self, task: Task, may_suspend: bool) -> Verdict {
        let display = ProgressDisplay::choose(&self.context, self.moves_cursor);
        let all_found = task.all_found;
        if self.jobs.count() == 0 {
            let canceller = task.job.canceller();
            self.signals.guard(move || canceller.abandon());
        }
        let suspension = if may_suspend { Suspension::begin() } else { None };
        let around = Surroundings {
            context: &self.context,
            signals: &self.signals,
            suspension: suspension.as_ref(),
            resume_command: (!self.lines_follow).then_some(&*self.resume_command),
        };
        let watched = watch(task, display, around);
        drop(suspension);
        let verdict = match watched {
            Watched::Suspended(task) => self.send_to_background(*task, "paused: "),
            Watched::Ended(report) => self.end_of_transfer(report, all_found),
        };
        self.guard_connection();
        verdict
    }

    fn end_of_transfer(&mut self, report: Report, all_found: bool) -> Verdict {
        let is_success = report.is_success() && all_found;
        if report.lost.is_some() {
            self.reported = Some(RunEnd::ConnectionFailed);
        }
        self.context.take_back(report.sessions);
        if is_success { Verdict::Done } else { Verdict::Failed }
    }

    /// Returns whether there are no jobs that need the connection. Prints a failure if there are some.
    pub(super) fn has_no_jobs(&self) -> bool {
        let failure = match self.jobs.count() {
            0 => return true,
            1 => Failure::new("1 transfer is not done"),
            count => Failure::new(format!("{count} transfers are not done")),
        };
        self.context.output.explain(&failure.with_hint("wait for it with wait, or cancel it with kill"));
        false
    }
}
