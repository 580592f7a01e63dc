//! The first connection of a run: opens it, and leaves it at the end.

use std::sync::Arc;
use std::time::Duration;

use super::run_end::RunEnd;
use super::session_settings::session_settings;
use super::signals::{Phase, Signals};
use crate::child;
use crate::cli::Invocation;
use crate::commands::Context;
use crate::connect::{self, Connected, Connector};
use crate::sftp::Session;
use crate::terminal::Output;
use crate::transfer::Limit;

/// How long the last requests may take to be sent after Ctrl-C or a signal that ends the run.
const LEAVING: Duration = Duration::from_millis(200);

/// Connects, and returns what commands work on. From then on Ctrl-C stops commands.
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
    // A signal that ends the process may be what ended the attempt.
    signals.enter(Phase::Outside);
    output.explain(error);
    if matches!(error, connect::Error::Interrupted) {
        return RunEnd::Interrupted;
    }
    if error.is_of_the_connection() {
        // sftp(1)'s last words, which programs wait for.
        output.failure("Connection closed");
    }
    RunEnd::ConnectionFailed
}

/// Leaves the connection. After Ctrl-C or a signal, no request may keep the process from its end.
pub(crate) fn close(session: &Session, signals: &Signals) {
    let must_hurry = signals.must_stop();
    signals.enter(Phase::Outside);
    if must_hurry {
        session.abandon(LEAVING);
        child::terminate_all();
    } else {
        // The far end's own end says nothing that the commands did not say, and sftp(1) ignores it too.
        session.leave();
    }
}
