//! The connection of a run: opens it, moves to another server, and closes it.

use std::sync::Arc;
use std::time::Duration;

use crate::child;
use crate::cli::{Destination, Invocation};
use crate::commands::{Context, Failure};
use crate::connect::{self, Connected, Connector};
use crate::name::RemotePath;
use crate::remote::Remote;
use crate::sftp::Session;
use crate::shell::attempt::attempt;
use crate::shell::run_end::RunEnd;
use crate::shell::session_settings::{server_name, session_settings};
use crate::shell::signals::{Phase, Signals};
use crate::terminal::{Output, Printable};
use crate::transfer::Limit;

/// How long sending the last requests may take after Ctrl-C or a signal that ends the run.
const LEAVING: Duration = Duration::from_millis(200);

/// Connects, and returns the state that commands work on. From then on, Ctrl-C stops commands.
///
/// # Errors
/// There is no session. The user has been told why.
pub(crate) fn open(invocation: &Invocation, signals: &Signals, output: &Output) -> Result<Context, RunEnd> {
    let connector = Arc::new(Connector::new(invocation, output));
    let Connected { session, greeting } = connector.open().map_err(|error| refused(&error, signals, output))?;
    signals.guard_session(&session);
    output.note(greeting);
    let context = Context::open(session, session_settings(invocation, output), output.clone());
    let context = context.map_err(|failure| {
        output.explain(&failure);
        RunEnd::ConnectionFailed
    })?;
    signals.set_interrupt(context.interrupt().clone());
    signals.enter(Phase::Running);
    Ok(Context { connector: Some(connector), limit: Limit::new(invocation.bytes_per_second), ..context })
}

fn refused(error: &connect::Error, signals: &Signals, output: &Output) -> RunEnd {
    // The attempt may have ended because a signal is ending the process.
    signals.enter(Phase::Outside);
    output.explain(error);
    if matches!(error, connect::Error::Interrupted) {
        return RunEnd::Interrupted;
    }
    if error.is_of_the_connection() {
        // sftp(1)'s last line, for which programs wait.
        output.failure("Connection closed");
    }
    RunEnd::ConnectionFailed
}

/// Continues with another server. Returns whether it succeeded; if not, nothing has changed, and the user has been told
/// why.
pub(crate) fn move_to(destination: Destination, context: &mut Context, signals: &Signals) -> bool {
    let Some(connector) = &context.connector else { return false };
    let path = destination.path.clone();
    let other = Arc::new(connector.to_other(destination));
    match enter(&other, path, signals, &context.output) {
        Ok(remote) => {
            let old = context.remote.session().clone();
            let server = server_name(other.invocation());
            context.move_to(remote, other, server);
            signals.set_interrupt(context.interrupt().clone());
            leave(&old, signals);
            true
        }
        Err(Refused) => {
            let session = context.remote.session();
            signals.guard_session(session);
            if session.end().is_none() {
                context.output.note(format_args!("Still connected to {}.", Printable(&context.settings.server)));
            }
            false
        }
    }
}

/// There is no other session. The user has been told why.
struct Refused;

/// Opens a session with another server, in the directory that was named.
fn enter(
    connector: &Arc<Connector>,
    path: Option<Vec<u8>>,
    signals: &Signals,
    output: &Output,
) -> Result<Remote, Refused> {
    let connecting = Arc::clone(connector);
    let opened = attempt(signals, move || connecting.open()).ok_or_else(|| {
        signals.report_interruption(output);
        Refused
    })?;
    let Connected { session, greeting } = opened.map_err(|error| {
        output.explain(&error);
        Refused
    })?;
    signals.guard_session(&session);
    output.note(greeting);
    place(session, path, output).map_err(|failure| {
        output.explain(&failure);
        Refused
    })
}

fn place(session: Session, path: Option<Vec<u8>>, output: &Output) -> Result<Remote, Failure> {
    let mut remote = Remote::open(session).map_err(|error| Failure::from(error).with_line("Need cwd"))?;
    if let Some(path) = path {
        let path = RemotePath::new(path)?;
        output.status(format_args!("Changing to: {}", Printable(remote.resolve(&path).as_bytes())));
        remote.change_directory(&path)?;
    }
    Ok(remote)
}

/// Closes the connection at the end of the process. After Ctrl-C or a signal, open requests do not delay it.
pub(crate) fn close(session: &Session, signals: &Signals) {
    let must_hurry = signals.must_stop();
    signals.enter(Phase::Outside);
    if must_hurry {
        drop_now(session);
        child::terminate_all();
    } else {
        leave(session, signals);
    }
}

/// Closes the connection after its last requests. How the far end closes adds nothing to the results of the commands,
/// and sftp(1) ignores it too.
pub(crate) fn leave(session: &Session, signals: &Signals) {
    if signals.must_stop() { drop_now(session) } else { session.leave() }
}

/// Closes the connection, and loses requests that can't be sent at once.
pub(crate) fn drop_now(session: &Session) {
    session.abandon(LEAVING);
}
