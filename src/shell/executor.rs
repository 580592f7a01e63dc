//! Executes commands one by one, carries out their requests to the shell, and decides between them whether the run
//! can go on.

use std::io::{self, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::process;

use crate::cli::{Destination, Invocation};
use crate::commands::{Command, Context, Failure, LocalPrograms, Outcome, Purpose};
use crate::os_error;
use crate::shell::connection;
use crate::shell::ending::Ending;
use crate::shell::jobs::Jobs;
use crate::shell::reconnection;
use crate::shell::run_end::RunEnd;
use crate::shell::signals::{Phase, Signals};
use crate::shell::watch::Title;
use crate::terminal::output::Ended;

/// Executes commands.
pub(crate) struct Executor {
    /// The state that commands work on.
    pub(crate) context: Context,
    /// The consequence of a failure for the lines after it.
    pub(crate) after_failure: AfterFailure,
    /// True if stdout is a terminal that can move its cursor and may do so.
    pub(crate) moves_cursor: bool,
    /// The command line that continues this one after it was stopped.
    pub(crate) resume_command: String,
    /// True if further lines may follow after one that was stopped.
    pub(crate) lines_follow: bool,
    /// Ctrl-C and the signals that end the process.
    pub(crate) signals: Signals,
    /// True if the lines are typed at a prompt, by a person or by a program.
    pub(crate) is_at_prompt: bool,
    /// The state of the session while there is no connection.
    absence: Absence,
    /// The transfers in the background.
    pub(crate) jobs: Jobs,
    /// The end that the user has been told of, unless a new connection has averted it.
    pub(crate) reported: Option<RunEnd>,
}

/// Returns the permission to run local programs.
fn local_programs(invocation: &Invocation, signals: &Signals) -> LocalPrograms {
    if !invocation.shell_escape {
        return LocalPrograms::default();
    }
    let signals = signals.clone();
    LocalPrograms::allowed(move |is_lent| signals.enter(if is_lent { Phase::LocalProgram } else { Phase::Running }))
}

/// The state of the session while there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Absence {
    /// As soon as the loss is noticed, the shell connects again.
    Replaced,
    /// Only a command that needs the server connects again.
    Accepted,
    /// The attempts to connect have failed. The session ends, unless a person stays.
    Final,
}

/// The consequence of a failed line for the lines after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterFailure {
    /// They are executed, and the run succeeds: at a prompt, and if lines are piped in.
    Forget,
    /// They are executed, and the run fails: `--keep-going`.
    Remember,
    /// They are not even read: `-b`.
    Stop,
}

impl AfterFailure {
    fn of(invocation: &Invocation) -> AfterFailure {
        let is_batch = invocation.batch.is_some() || invocation.commands.is_some();
        match invocation.keep_going {
            true if is_batch || !io::stdin().is_terminal() => AfterFailure::Remember,
            false if is_batch => AfterFailure::Stop,
            _ => AfterFailure::Forget,
        }
    }
}

/// The terms on which a command runs.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    /// True if a failure doesn't end the batch.
    pub(crate) ignores_failure: bool,
    /// Where a transfer runs.
    pub(crate) ground: Ground,
    /// The command as it was typed.
    pub(crate) title: Title,
}

/// Where a transfer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// The next line follows when it has ended.
    Foreground {
        /// True if Ctrl-Z pauses it, because a person is at the prompt.
        may_suspend: bool,
    },
    /// The next line follows at once.
    Background,
}

impl Default for Ground {
    fn default() -> Ground {
        Ground::Foreground { may_suspend: false }
    }
}

/// The result of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It succeeded completely.
    Done,
    /// It did nothing, or only a part.
    Failed,
    /// It ends the session.
    End,
}

/// The end of a run whose only command has this result.
impl From<Verdict> for RunEnd {
    fn from(verdict: Verdict) -> RunEnd {
        match verdict {
            Verdict::Failed => RunEnd::CommandFailed,
            Verdict::Done | Verdict::End => RunEnd::Done,
        }
    }
}

impl Executor {
    pub(crate) fn new(
        context: Context,
        invocation: &Invocation,
        moves_cursor: bool,
        resume_command: String,
        signals: Signals,
        jobs: Jobs,
    ) -> Executor {
        let local_programs = local_programs(invocation, &signals);
        Executor {
            context: Context { has_screen: moves_cursor, local_programs, ..context },
            after_failure: AfterFailure::of(invocation),
            moves_cursor,
            resume_command,
            lines_follow: invocation.batch.is_none() && invocation.commands.is_none(),
            signals,
            is_at_prompt: false,
            absence: Absence::Replaced,
            jobs,
            reported: None,
        }
    }

    /// Executes a command, or prints why the line could not be parsed.
    pub(crate) fn execute_or_show(&mut self, command: Result<Command, Failure>) -> Verdict {
        match command {
            Ok(command) => self.execute(command, Terms::default()),
            Err(failure) => {
                self.show(&failure);
                Verdict::Failed
            }
        }
    }

    /// Executes one command and carries out its requests to the shell.
    pub(crate) fn execute(&mut self, command: Command, terms: Terms) -> Verdict {
        self.signals.lower();
        self.signals.enter(Phase::Running);
        self.share_connection();
        self.guard_connection();
        if command.needs_the_server() && !self.is_connected() {
            return Verdict::Failed;
        }
        self.context.stops_at_failure = self.after_failure == AfterFailure::Stop && !terms.ignores_failure;
        let purpose = command.purpose();
        self.context.changes += u64::from(purpose == Purpose::Effect);
        self.context.output.stop_when_ended(self.stop_of(purpose));
        let outcome = command.run(&mut self.context);
        if self.signals.is_interrupted() {
            self.signals.report_interruption(&self.context.output);
        }
        let verdict = match outcome {
            Ok(outcome) => self.conclude(outcome, terms),
            Err(failure) => {
                self.show(&failure);
                Verdict::Failed
            }
        };
        self.context.output.flush();
        verdict
    }

    /// Carries out the request of a command to the shell.
    fn conclude(&mut self, outcome: Outcome, terms: Terms) -> Verdict {
        match outcome {
            Outcome::Done => Verdict::Done,
            Outcome::End => Verdict::End,
            Outcome::Local(program) => match self.context.local_programs.require() {
                Ok(()) => self.run_local(program),
                Err(failure) => {
                    self.show(&failure);
                    Verdict::Failed
                }
            },
            Outcome::Transfer { request, all_found } => self.transfer(*request, all_found, terms),
            Outcome::Enqueue { request, all_found } => self.enqueue(*request, all_found, &terms),
            Outcome::Jobs(request) => self.obey(&request, &terms),
            Outcome::Close => self.close(),
            Outcome::Reconnect => self.connect_again(),
            Outcome::Open(destination) => self.open(destination),
        }
    }

    /// Disconnects. Fails if that has happened already.
    fn close(&mut self) -> Verdict {
        if self.absence == Absence::Accepted {
            self.context.output.failure("Not connected");
            return Verdict::Failed;
        }
        if !self.has_no_jobs() {
            return Verdict::Failed;
        }
        connection::leave(self.context.remote.session(), &self.signals);
        self.lack_connection(Absence::Accepted);
        Verdict::Done
    }

    /// Drops the connection, and connects to the same server again.
    fn connect_again(&mut self) -> Verdict {
        connection::drop_now(self.context.remote.session());
        self.lack_connection(Absence::Replaced);
        match self.reconnect(0) {
            true => Verdict::Done,
            false => Verdict::Failed,
        }
    }

    /// Continues with another server. If that fails, a script ends, because its later lines are meant for that server.
    fn open(&mut self, destination: Destination) -> Verdict {
        if !self.has_no_jobs() {
            return Verdict::Failed;
        }
        if connection::move_to(destination, &mut self.context, &self.signals) {
            self.have_connection();
            return Verdict::Done;
        }
        if !self.is_at_prompt {
            connection::leave(self.context.remote.session(), &self.signals);
            self.lack_connection(Absence::Final);
        }
        Verdict::Failed
    }

    /// Notes that there is no connection any more, which the user knows.
    fn lack_connection(&mut self, absence: Absence) {
        self.context.spares.clear();
        self.reported = Some(RunEnd::ConnectionFailed);
        self.absence = absence;
    }

    /// Notes that there is a new connection.
    pub(super) fn have_connection(&mut self) {
        self.reported = None;
        self.absence = Absence::Replaced;
    }

    /// Returns the action for a closed stdout, which is like Ctrl-C: it stops a command that only prints. `None` for
    /// any other command, which is completed.
    fn stop_of(&self, purpose: Purpose) -> Option<Box<dyn FnOnce() + Send>> {
        let interrupt = self.context.interrupt().clone();
        (purpose == Purpose::Output).then(|| Box::new(move || interrupt.press()) as Box<dyn FnOnce() + Send>)
    }

    /// Runs a local program in the foreground. If it fails, prints a message; as in sftp(1), the line has succeeded
    /// nevertheless.
    fn run_local(&self, mut program: process::Command) -> Verdict {
        self.context.output.flush();
        self.signals.enter(Phase::LocalProgram);
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

    /// Prints a failure.
    pub(crate) fn show(&mut self, failure: &Failure) {
        if let Some(end) = self.context.remote.session().end() {
            let why = end.to_string();
            if failure.lines().iter().any(|line| line.contains(&why)) {
                self.reported = Some(RunEnd::ConnectionFailed);
            }
        }
        self.context.output.explain(failure);
    }

    /// Returns why the run can't go on, or `None` if it can. Prints nothing and doesn't reconnect.
    pub(crate) fn ending(&self) -> Option<Ending> {
        let (run_end, message) = match self.context.output.ended() {
            _ if self.signals.is_ended() => (RunEnd::Interrupted, None),
            // The command's output is lost, but no reader wants it.
            Some(Ended::Unread) if self.context.output.has_stopped() => (RunEnd::CommandFailed, None),
            Some(Ended::Failed(why)) => {
                (RunEnd::CommandFailed, Some(format!("Cannot write to standard output: {why}")))
            }
            // If the reader went away during a command that was completed, the next line decides; there may be none.
            Some(Ended::Unread) | None => {
                self.context.remote.session().end().filter(|_| self.absence != Absence::Accepted)?;
                (RunEnd::ConnectionFailed, Some("Connection closed".to_owned()))
            }
        };
        Some(Ending { run_end, unreported: message.filter(|_| self.reported != Some(run_end)) })
    }

    /// Tells the user why the run ends, unless they have been told, and returns how it ends.
    pub(crate) fn report(&mut self, ending: Ending) -> RunEnd {
        if let Some(message) = ending.unreported {
            self.context.output.failure(message);
        }
        self.reported = Some(ending.run_end);
        ending.run_end
    }

    /// Reconnects after a lost connection. If the run still can't go on, tells the user and returns how it ends.
    pub(crate) fn reconnect_or_end(&mut self) -> Option<RunEnd> {
        let ending = self.ending()?;
        let run_end = self.report(ending);
        let may_reconnect = run_end == RunEnd::ConnectionFailed && self.absence != Absence::Final;
        let goes_on = may_reconnect && self.reconnect(1);
        (!goes_on).then_some(run_end)
    }

    /// Like `reconnect_or_end`, but lets the session go on without a connection if a person is at the prompt, or if
    /// Ctrl-C has dropped it or stopped its reconnection. A later command reconnects.
    pub(crate) fn reconnect_or_stay(&mut self, is_person: bool) -> Option<RunEnd> {
        let end = self.reconnect_or_end()?;
        let may_connect = self.context.connector.is_some() && self.context.settings.retries > 0;
        let is_wanted = is_person || self.is_at_prompt && may_connect && self.signals.is_interrupted();
        if end != RunEnd::ConnectionFailed || !is_wanted {
            return Some(end);
        }
        self.absence = Absence::Accepted;
        self.context.output.hint(match self.context.settings.retries {
            0 => "reconnect connects to the server again",
            _ => "the next command that needs the server connects again",
        });
        None
    }

    /// Returns whether a command can reach the server. Connects again if there is no connection.
    fn is_connected(&mut self) -> bool {
        match self.absence {
            Absence::Accepted if self.context.settings.retries == 0 => {
                self.context.output.failure("Not connected");
                self.absence = Absence::Final;
                false
            }
            Absence::Accepted => self.reconnect(0),
            Absence::Replaced | Absence::Final => self.reconnect_or_end().is_none(),
        }
    }

    /// Reconnects and goes on in the same directory. Returns whether there is a connection. An attempt with the number
    /// 0 comes at once; the others are limited by the setting.
    fn reconnect(&mut self, first_attempt: u32) -> bool {
        self.absence = Absence::Final;
        // A second Ctrl-C means that the user wants no other connection.
        if self.signals.is_interrupted() {
            return false;
        }
        let Some(connector) = &self.context.connector else { return false };
        self.signals.enter(Phase::Running);
        let attempts = first_attempt..=self.context.settings.retries;
        let Some(connected) = reconnection::reconnect(connector, attempts, &self.signals, &self.context.output) else {
            return false;
        };
        self.signals.guard_session(&connected.session);
        self.context.go_on_with(connected.session);
        self.have_connection();
        true
    }
}
