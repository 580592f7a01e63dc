//! From a command line to a session and to its end: connects, goes to the destination's path or fetches it, then obeys.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::end::RunEnd;
use super::given::Given;
use super::lines::Lines;
use super::performer::{AfterFailure, Performer};
use super::prompt::Prompt;
use super::script::Script;
use super::session::Shell;
use super::showing::{Showing, is_shown_at_first, may_be_read_by_a_person, moves_its_cursor};
use super::signals::{Phase, Signals};
use super::source::Source;
use crate::child;
use crate::cli::{self, Batch, CliError, CommandLine, Commands, Destination, Invocation, Target};
use crate::commands::{Context, Settings};
use crate::connect::{self, Connector};
use crate::os_error;
use crate::sftp::Session;
use crate::ssh;
use crate::sticky;
use crate::terminal::output::Quiet;
use crate::terminal::{ByteSize, Explain, Output, Printable};
use crate::transfer::Limit;

/// Does what a command line says: `arguments` starts with the program's name.
///
/// Everything but the exit code is done here; the process's own stdin, stdout and stderr are used, and its signals are
/// answered from now on. It is meant to be called once in a process.
pub fn run_command_line(arguments: impl IntoIterator<Item = OsString>) -> RunEnd {
    let output = Output::standard();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let again = resuming(&arguments);
    match cli::parse(arguments) {
        Ok(CommandLine::Session(invocation)) => run(&judged(*invocation), again, &output),
        Ok(CommandLine::Help(text)) => {
            output.answer(text.trim_end());
            RunEnd::Done
        }
        Ok(CommandLine::Version) => {
            output.answer(version());
            RunEnd::Done
        }
        Err(error) => {
            output.set_hints(may_be_read_by_a_person(false, &output));
            output.explain(&error);
            match error {
                CliError::Usage { .. } => RunEnd::Usage,
                CliError::Value { .. } => RunEnd::ConnectionFailed,
            }
        }
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

/// The same command line with `-a`, as it may be typed in a shell: it goes on where this one was stopped.
fn resuming(arguments: &[OsString]) -> String {
    let mut words = arguments.iter().map(|word| word.as_bytes());
    let program = words.next().unwrap_or(b"sftpsh");
    let all = [program, b"-a"].into_iter().chain(words.skip_while(|word| *word == b"-a"));
    let line = shlex::bytes::try_join(all).unwrap_or_default();
    Printable(&line).to_string()
}

/// `--strict` is about lines that are piped in, and whether they are is not the command line's to know.
fn judged(invocation: Invocation) -> Invocation {
    let piped = invocation.batch.is_none() && invocation.commands.is_none() && !io::stdin().is_terminal();
    if invocation.strict && piped { invocation.with_piped_batch() } else { invocation }
}

fn run(invocation: &Invocation, again: String, output: &Output) -> RunEnd {
    output.set_quiet(match invocation {
        Invocation { silent: true, .. } => Quiet::Warnings,
        Invocation { quiet: true, .. } => Quiet::Status,
        _ => Quiet::No,
    });
    let is_script = invocation.batch.is_some() || matches!(invocation.commands, Some(Commands::Scripts(_)));
    output.set_hints(!is_script && may_be_read_by_a_person(invocation.plain, output));
    // Before anything is connected, as in sftp(1).
    let script = match open_script(invocation.batch.as_ref()) {
        Ok(script) => script,
        Err((file, error)) => {
            let file = Printable(file.as_os_str().as_bytes());
            // sftp(1)'s line, whatever the reason is.
            match sticky::rule_behind(&error) {
                Some(rule) => {
                    output.failure(format_args!("Permission denied ({file})."));
                    output.failure(rule);
                }
                None => output.failure(format_args!("{} ({file}).", os_error::text(&error))),
            }
            return RunEnd::ConnectionFailed;
        }
    };
    if let (Target::Server(Destination { path: None, .. }), Some(local)) = (&invocation.target, &invocation.local) {
        // Neither does sftp(1) make anything of it.
        let local = Printable(local.as_bytes());
        output.warning(format_args!("\"{local}\" after the destination has no effect: nothing is fetched"));
    }
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            output.failure(format_args!("Cannot listen for signals: {}", os_error::text(&error)));
            return RunEnd::ConnectionFailed;
        }
    };
    let connector = Arc::new(Connector::new(invocation, output));
    let connected = match connector.open() {
        Ok(connected) => connected,
        Err(error) => {
            // A signal that ends the process may be what ended the attempt.
            signals.enter(Phase::Outside);
            output.explain(&error);
            if matches!(error, connect::Error::Interrupted) {
                return RunEnd::Interrupted;
            }
            if error.is_of_the_connection() {
                // sftp(1)'s last words, which programs wait for.
                output.failure("Connection closed");
            }
            return RunEnd::ConnectionFailed;
        }
    };
    signals.guard_session(&connected.session);
    output.note(connected.greeting);
    let end = match context(connected.session, connector, invocation, output) {
        Some(context) => converse(context, invocation, again, script, &signals),
        None => RunEnd::ConnectionFailed,
    };
    output.flush();
    end
}

/// What commands work on; nothing where that can't be learned, which is said.
fn context(session: Session, connector: Arc<Connector>, invocation: &Invocation, output: &Output) -> Option<Context> {
    let settings = settings(invocation, is_shown_at_first(invocation.progress, output));
    match Context::open(session, settings, output.clone()) {
        Ok(context) => {
            Some(Context { connector: Some(connector), limit: Limit::new(invocation.bytes_per_second), ..context })
        }
        Err(failure) => {
            output.explain(&failure);
            None
        }
    }
}

/// How long the last requests may take to be sent after Ctrl-C or a signal that ends the run.
const LEAVING: Duration = Duration::from_millis(200);

fn converse(
    context: Context,
    invocation: &Invocation,
    again: String,
    script: Option<Script>,
    signals: &Signals,
) -> RunEnd {
    let showing = Showing { moves: moves_its_cursor(invocation.plain) };
    signals.raise(context.interrupt().clone());
    signals.enter(Phase::Running);
    let mut performer = Performer {
        context,
        after_failure: after_failure(invocation),
        shell_escape: invocation.shell_escape,
        showing,
        again,
        lines_follow: invocation.batch.is_none() && invocation.commands.is_none(),
        signals: signals.clone(),
        puts_connecting_off: false,
        told_of_its_loss: false,
    };
    let end = obey(&mut performer, invocation, script, showing);
    let session = performer.context.remote.session();
    let must_hurry = signals.is_ended() || signals.is_interrupted();
    signals.enter(Phase::Outside);
    if must_hurry {
        session.abandon(LEAVING);
        child::terminate_all();
    } else {
        // The far end's own end says nothing that the commands did not say, and sftp(1) ignores it too.
        session.leave();
    }
    end
}

fn obey(performer: &mut Performer, invocation: &Invocation, script: Option<Script>, showing: Showing) -> RunEnd {
    if let ControlFlow::Break(end) = performer.begin_at(invocation) {
        return end;
    }
    let scripts = match &invocation.commands {
        Some(Commands::Words(words)) => return performer.perform_given(words),
        Some(Commands::Scripts(scripts)) => Some(Given::of(scripts)),
        None => None,
    };
    match source(scripts, script, showing) {
        Ok(source) => Shell { performer, source, failed: false }.run(),
        Err(error) => {
            performer.context.output.failure(format_args!("Cannot use the terminal: {}", os_error::text(&error)));
            RunEnd::ConnectionFailed
        }
    }
}

/// How often it is tried to connect again where nobody said: a person at a terminal would do it, a script may not expect it.
const RETRIES_FOR_A_PERSON: u32 = 3;

fn retries(invocation: &Invocation) -> u32 {
    let is_person = invocation.batch.is_none() && invocation.commands.is_none() && io::stdin().is_terminal();
    invocation.retries.unwrap_or(if is_person { RETRIES_FOR_A_PERSON } else { 0 })
}

fn after_failure(invocation: &Invocation) -> AfterFailure {
    let is_batch = invocation.batch.is_some() || invocation.commands.is_some();
    match invocation.keep_going {
        true if is_batch || !io::stdin().is_terminal() => AfterFailure::Remember,
        false if is_batch => AfterFailure::Stop,
        _ => AfterFailure::Forget,
    }
}

fn settings(invocation: &Invocation, progress: bool) -> Settings {
    Settings {
        server: server_name(invocation),
        resume: invocation.resume,
        recursive: invocation.recursive,
        preserve: invocation.preserve,
        fsync: invocation.fsync,
        progress,
        progress_look: invocation.progress,
        buffer: invocation.buffer_bytes.map(|bytes| ByteSize::bytes(bytes.into())),
        requests: invocation.requests,
        retries: retries(invocation),
        connections: invocation.jobs,
        ..Settings::default()
    }
}

/// The server as the command line names it.
fn server_name(invocation: &Invocation) -> Vec<u8> {
    match &invocation.target {
        Target::Command(command) => command.as_bytes().to_vec(),
        Target::Server(destination) => {
            let user = destination.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
            let port = invocation.port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("{user}{}{port}", destination.host).into_bytes()
        }
    }
}

/// The batch, opened; nothing of it is read yet.
fn open_script(batch: Option<&Batch>) -> Result<Option<Script>, (PathBuf, io::Error)> {
    match batch {
        None => Ok(None),
        Some(Batch::StandardInput) => Ok(Some(Script::of_stdin())),
        Some(Batch::File(path)) => match sticky::open(path) {
            Ok(file) => Ok(Some(Script::of_file(path, file))),
            Err(error) => Err((path.clone(), error)),
        },
    }
}

fn source(given: Option<Given>, script: Option<Script>, showing: Showing) -> io::Result<Source> {
    Ok(match (given, script) {
        (Some(given), _) => Source::Given(given),
        (None, Some(script)) => Source::Script(script),
        (None, None) if !io::stdin().is_terminal() => Source::Script(Script::of_stdin()),
        (None, None) if io::stdout().is_terminal() && showing.moves => Source::Editor(Box::new(Prompt::open()?)),
        (None, None) => Source::Typewriter(Lines::of_stdin()),
    })
}

fn version() -> String {
    format!("sftpsh {} ({})", env!("CARGO_PKG_VERSION"), ssh::versions().join(", "))
}
