//! Reconnects after a lost connection, while Ctrl-C and signals still work.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::child;
use crate::connect::{self, Connected, Connector, Error, NotReconnected};
use crate::shell::signals::Signals;
use crate::terminal::Output;

/// Pause between two checks of the signals while connecting.
const LOOK: Duration = Duration::from_millis(50);

/// Reconnects in up to `attempts` attempts, and reports each of them. Answers given before are reused.
pub(crate) fn reconnect(
    connector: &Arc<Connector>,
    attempts: u32,
    signals: &Signals,
    output: &Output,
) -> Option<Connected> {
    let mut has_pressed_key = false;
    let reconnected = connect::reconnect(
        attempts,
        || signals.must_stop(),
        |attempt| {
            output.note(format_args!("Connecting again ({attempt})"));
            output.flush();
        },
        || {
            let opened = open(Arc::clone(connector), signals)?;
            Some(opened.inspect_err(|error| {
                output.explain(error);
                has_pressed_key = matches!(error, Error::Interrupted);
            }))
        },
    );
    if has_pressed_key {
        // While a question is on the terminal, Ctrl-C is a key and not a signal.
        signals.press();
    }
    match reconnected {
        Ok(connected) => {
            output.note(&connected.greeting);
            Some(connected)
        }
        Err(NotReconnected::Interrupted) => {
            signals.report_interruption(output);
            None
        }
        Err(NotReconnected::Failed) => None,
    }
}

/// Connects. Returns `None` if a signal comes first; the attempt is left to its thread, because a name server or a
/// host that does not answer can't be hurried.
fn open(connector: Arc<Connector>, signals: &Signals) -> Option<Result<Connected, Error>> {
    let (sender, opened) = channel();
    // After a signal there is no receiver any more, so the new session ends when it is dropped.
    let attempt = move || drop(sender.send(connector.open_again()));
    // If there is no thread, there is no attempt either.
    thread::Builder::new().name("connect".into()).spawn(attempt).ok()?;
    loop {
        match opened.recv_timeout(LOOK) {
            Ok(opened) => return Some(opened),
            Err(RecvTimeoutError::Timeout) if signals.must_stop() => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    // There is no live session, so these are programs that the attempt has started.
    child::terminate_all();
    None
}
