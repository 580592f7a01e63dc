//! The first connection of a run: opens and closes it.

use std::sync::Arc;
use std::time::Duration;

use crate::child;
use crate::cli::Invocation;
use crate::commands::Context;
use crate::connect::{self, Connected, Connector};
use crate::sftp::Session;
use crate::shell::run_end::RunEnd;
use crate::shell::session_settings::session_settings;
use crate::shell::signals::{Phase, Signals};
use crate::terminal::Output;
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

/// Closes the connection. After Ctrl-C or a signal, open requests do not delay the end of the process.
pub(crate) fn close(session: &Session, signals: &Signals) {
    let must_hurry = signals.must_stop();
    signals.enter(Phase::Outside);
    if must_hurry {
        session.abandon(LEAVING);
        child::terminate_all();
    } else {
        // How the far end closes adds nothing to the results of the commands, and sftp(1) ignores it too.
        session.leave();
    }
}
