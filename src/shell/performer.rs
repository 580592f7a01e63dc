//! Does one command: runs it, and does what it wants of the shell.

use std::os::unix::process::ExitStatusExt;
use std::process;

use super::end::RunEnd;
use super::showing::Showing;
use super::signals::{Phase, Signals};
use super::watch::watch;
use crate::commands::{Command, Context, Failure, Outcome, Purpose};
use crate::os_error;
use crate::terminal::output::Ended;

/// Who does commands.
pub(crate) struct Performer {
    /// What commands work on.
    pub(crate) context: Context,
    /// What a failure means for the lines after it.
    pub(crate) after_failure: AfterFailure,
    /// Whether commands may run local programs.
    pub(crate) shell_escape: bool,
    /// How transfers are shown.
    pub(crate) showing: Showing,
    /// The command line that goes on where this one is stopped.
    pub(crate) again: String,
    /// Whether another line may come after one that is stopped.
    pub(crate) lines_follow: bool,
    /// Ctrl-C and the others.
    pub(crate) signals: Signals,
    /// Whether a person dropped the connection: the next command that needs one makes it again, no other does.
    pub(crate) puts_connecting_off: bool,
    /// Whether a failure told already why the connection is gone.
    pub(crate) told_of_its_loss: bool,
}

/// What a failing line means for those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterFailure {
    /// They are obeyed, and the run ends well: at a prompt, and where lines are piped in.
    Forget,
    /// They are obeyed, and the run ends badly: `--keep-going`.
    Remember,
    /// They are not even read: `-b`.
    Stop,
}

/// Whether a line did what it said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It did.
    Done,
    /// It did not, or not all of it.
    Failed,
    /// The session ends.
    End,
}

impl Performer {
    /// Runs one command and does what it wants of the shell.
    pub(crate) fn perform(&mut self, command: Command, ignores_failure: bool) -> Verdict {
        self.signals.lower();
        self.signals.enter(Phase::Running);
        if command.needs_the_server() {
            self.puts_connecting_off = false;
            if self.ended().is_some() {
                return Verdict::Failed;
            }
        }
        self.context.stops_at_failure = self.after_failure == AfterFailure::Stop && !ignores_failure;
        self.context.output.stop_when_ended(self.stop_of(command.purpose()));
        let outcome = command.run(&mut self.context);
        if self.signals.is_interrupted() {
            self.signals.tell_interruption(&self.context.output);
        }
        let verdict = match outcome {
            Ok(Outcome::Done) => Verdict::Done,
            Ok(Outcome::End) => Verdict::End,
            Ok(Outcome::Local(program)) if self.shell_escape => self.run_local(program),
            Ok(Outcome::Local(_)) => {
                self.context.output.failure("Local programs are switched off by --no-shell-escape");
                Verdict::Failed
            }
            Ok(Outcome::Transfer { job, all_found }) => {
                let progress = self.showing.progress(&self.context);
                let canceller = job.canceller();
                self.signals.guard(move || canceller.abandon());
                let again = (!self.lines_follow).then_some(&*self.again);
                let report = watch(job, progress, &self.context, again, &self.signals);
                self.told_of_its_loss |= report.lost.is_some();
                self.context.take_back(report.sessions.clone());
                self.signals.guard_session(self.context.remote.session());
                if report.is_success() && all_found { Verdict::Done } else { Verdict::Failed }
            }
            Err(failure) => {
                self.show(&failure);
                Verdict::Failed
            }
        };
        self.context.output.flush();
        verdict
    }

    /// Returns what stops a command of this purpose when nobody reads stdout any more: what Ctrl-C does, for one that only
    /// prints. Any other is finished.
    fn stop_of(&self, purpose: Purpose) -> Option<Box<dyn FnOnce() + Send>> {
        let interrupt = self.context.interrupt().clone();
        (purpose == Purpose::Output).then(|| Box::new(move || interrupt.press()) as Box<dyn FnOnce() + Send>)
    }

    /// A local program in the foreground. That it fails is said and is no failure of the line, as in sftp(1).
    fn run_local(&self, mut program: process::Command) -> Verdict {
        self.context.output.flush();
        self.signals.enter(Phase::Away);
        let status = program.status();
        self.signals.enter(Phase::Running);
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => self.context.output.failure(format_args!("Shell exited with status {code}")),
                (None, signal) => {
                    let signal = signal.unwrap_or_default();
                    self.context.output.failure(format_args!("Shell exited abnormally: signal {signal}"));
                }
            },
            Err(error) => {
                let program = program.get_program().to_string_lossy().into_owned();
                self.context.output.failure(format_args!("Couldn't execute \"{program}\": {}", os_error::text(&error)));
                return Verdict::Failed;
            }
        }
        Verdict::Done
    }

    /// Shows why something was not done.
    pub(crate) fn show(&mut self, failure: &Failure) {
        if let Some(end) = self.context.remote.session().end() {
            let why = end.to_string();
            self.told_of_its_loss |= failure.lines().iter().any(|line| line.contains(&why));
        }
        self.context.output.explain(failure);
    }

    /// Why the run can't go on, if it can't. A connection that broke is made again first.
    pub(crate) fn ended(&mut self) -> Option<RunEnd> {
        match self.ended_as_it_is() {
            Some(RunEnd::ConnectionFailed) if self.revive() => None,
            end => end.map(|end| self.told(end)),
        }
    }

    /// Why a person's session can't go on, if it can't. A connection that was dropped by Ctrl-C, or was not made again because
    /// of it, may be had with a later command.
    pub(super) fn ended_for_person(&mut self) -> Option<RunEnd> {
        let is_lost = self.ended_as_it_is() == Some(RunEnd::ConnectionFailed);
        if is_lost && self.puts_connecting_off {
            return None;
        }
        let may_connect = self.context.connector.is_some() && self.context.settings.retries > 0;
        let end = self.ended();
        // Ctrl-C may have ended the attempt that was made just now.
        self.puts_connecting_off = is_lost && may_connect && self.signals.is_interrupted();
        end.filter(|end| !(self.puts_connecting_off && *end == RunEnd::ConnectionFailed))
    }

    /// The same for a run that wants nothing more of the connection.
    pub(crate) fn ended_as_it_is(&mut self) -> Option<RunEnd> {
        if self.signals.is_ended() {
            return Some(RunEnd::Interrupted);
        }
        match self.context.output.ended() {
            // What it was to print is lost, though nobody wants to hear of it.
            Some(Ended::Unread) if self.context.output.has_stopped() => return Some(RunEnd::CommandFailed),
            Some(Ended::Failed(why)) => {
                self.context.output.failure(format_args!("Cannot write to standard output: {why}"));
                return Some(RunEnd::CommandFailed);
            }
            // The command that it happened to was finished; whether a line follows that can't be run is not known yet.
            Some(Ended::Unread) | None => {}
        }
        self.context.remote.session().end().map(|_| RunEnd::ConnectionFailed)
    }

    /// An end, once the person knows of it.
    pub(super) fn told(&mut self, end: RunEnd) -> RunEnd {
        if end == RunEnd::ConnectionFailed {
            self.tell_of_loss();
        }
        end
    }

    /// Says that the connection is gone, unless something said so already.
    pub(super) fn tell_of_loss(&mut self) {
        if !self.told_of_its_loss {
            self.context.output.failure("Connection closed");
            self.told_of_its_loss = true;
        }
    }
}
