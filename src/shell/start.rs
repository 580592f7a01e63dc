//! A complete run, from the command line to the exit code.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;

use crate::cli::{self, CliError, CommandLine, Commands, Destination, Invocation, Server};
use crate::os_error;
use crate::shell::command_line_scripts::CommandLineScripts;
use crate::shell::configure::configure;
use crate::shell::connection;
use crate::shell::destination;
use crate::shell::executor::Executor;
use crate::shell::interactivity;
use crate::shell::jobs::Jobs;
use crate::shell::line_source::LineSource;
use crate::shell::resume_command::resume_command;
use crate::shell::run_end::RunEnd;
use crate::shell::script::Script;
use crate::shell::session::Shell;
use crate::shell::signals::Signals;
use crate::shell::trailing_command;
use crate::ssh;
use crate::terminal::output::Quiet;
use crate::terminal::{Explain, Output, Printable};

/// Runs a command line. `arguments` begins with the program's name.
///
/// It does everything but set the exit code. It uses the process's own stdin, stdout and stderr, and handles its
/// signals from now on. Meant to be called once in a process.
pub fn run_command_line(arguments: impl IntoIterator<Item = OsString>) -> RunEnd {
    let output = Output::standard();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let resume_command = resume_command(&arguments);
    let end = match cli::parse(arguments) {
        Ok(CommandLine::Session(invocation)) => {
            run(&with_strict_pipe(*invocation), resume_command, &output).unwrap_or_else(|end| end)
        }
        Ok(CommandLine::Help(text)) => {
            output.answer(text.trim_end());
            RunEnd::Done
        }
        Ok(CommandLine::Version) => {
            output.answer(version());
            RunEnd::Done
        }
        Err(error) => refuse(&error, &output),
    };
    output.flush();
    end
}

/// Opens the batch, listens for signals, connects, enters the destination, and executes the commands.
///
/// # Errors
/// The end of a run without a session. The user has been told why.
fn run(invocation: &Invocation, resume_command: String, output: &Output) -> Result<RunEnd, RunEnd> {
    choose_output(invocation, output);
    // Before connecting, as in sftp(1).
    let batch = invocation.batch.as_ref().map(|batch| Script::open(batch, output)).transpose()?;
    warn_of_unused_operand(invocation, output);
    let signals = listen(output)?;
    let mut context = connection::open(invocation, &signals, output)?;
    let moves_cursor = interactivity::moves_cursor(invocation.plain);
    configure(&mut context, invocation, moves_cursor)?;
    let jobs = Jobs::new().map_err(|error| no_signals(&error, output))?;
    let mut executor = Executor::new(context, invocation, moves_cursor, resume_command, signals.clone(), jobs);
    let end = match destination::enter_or_fetch(&mut executor, invocation) {
        ControlFlow::Continue(()) => obey(&mut executor, invocation, batch, moves_cursor),
        ControlFlow::Break(end) => end,
    };
    executor.jobs.end(&mut executor.context);
    // The first channel of a connection is closed last, because its end is that of the connection.
    executor.context.spares.clear();
    connection::close(executor.context.remote.session(), &signals);
    Ok(end)
}

/// Executes the commands of the command line, of the batch or of standard input.
fn obey(executor: &mut Executor, invocation: &Invocation, batch: Option<Script>, moves_cursor: bool) -> RunEnd {
    let scripts = match &invocation.commands {
        Some(Commands::Words(words)) => return trailing_command::run(executor, words),
        Some(Commands::Scripts(scripts)) => Some(CommandLineScripts::of(scripts)),
        None => None,
    };
    let has_colors = interactivity::has_colors(invocation.color, true);
    match LineSource::open(scripts, batch, moves_cursor, has_colors) {
        Ok(source) => {
            executor.is_at_prompt = source.has_prompt();
            Shell { executor, source, failed: false, last_failed: false, color: invocation.color }.run()
        }
        Err(error) => {
            executor.context.output.failure(format_args!("Cannot use the terminal: {}", os_error::text(&error)));
            RunEnd::ConnectionFailed
        }
    }
}

/// Chooses which messages and hints are printed. A script gets no hints.
fn choose_output(invocation: &Invocation, output: &Output) {
    output.set_quiet(match invocation {
        Invocation { silent: true, .. } => Quiet::Warnings,
        Invocation { quiet: true, .. } => Quiet::Status,
        _ => Quiet::No,
    });
    let is_script = invocation.batch.is_some() || matches!(invocation.commands, Some(Commands::Scripts(_)));
    let has_person = !is_script && interactivity::may_have_a_person(invocation.plain, output);
    output.set_hints(has_person);
    output.set_colors(interactivity::has_colors(invocation.color, has_person));
}

/// Warns of an unused local operand. sftp(1) ignores it too, but silently.
fn warn_of_unused_operand(invocation: &Invocation, output: &Output) {
    if let (Server::Ssh(Destination { path: None, .. }), Some(local)) = (&invocation.server, &invocation.local) {
        let local = Printable(local.as_encoded_bytes());
        output.warning(format_args!("\"{local}\" after the destination has no effect: nothing is fetched"));
    }
}

fn listen(output: &Output) -> Result<Signals, RunEnd> {
    Signals::listen().map_err(|error| no_signals(&error, output))
}

fn no_signals(error: &io::Error, output: &Output) -> RunEnd {
    output.failure(format_args!("Cannot listen for signals: {}", os_error::text(error)));
    RunEnd::ConnectionFailed
}

/// Treats piped lines as a batch under `--strict`. Only the shell knows whether lines are piped.
fn with_strict_pipe(invocation: Invocation) -> Invocation {
    let is_piped = invocation.batch.is_none() && invocation.commands.is_none() && !io::stdin().is_terminal();
    if invocation.strict && is_piped { invocation.with_piped_batch() } else { invocation }
}

fn refuse(error: &CliError, output: &Output) -> RunEnd {
    output.set_hints(interactivity::may_have_a_person(false, output));
    output.explain(error);
    match error {
        CliError::Usage { .. } => RunEnd::Usage,
        CliError::Value { .. } => RunEnd::ConnectionFailed,
    }
}

impl Explain for CliError {
    fn lines(&self) -> Vec<Cow<'_, str>> {
        vec![self.to_string().into()]
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        CliError::hint(self).map(Cow::from)
    }
}

fn version() -> String {
    format!("sftpsh {} ({})", env!("CARGO_PKG_VERSION"), ssh::versions().join(", "))
}
