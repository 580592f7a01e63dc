//! Reconnects after a lost connection, while Ctrl-C and signals still work.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::connect::{self, Connected, Connector, NotReconnected};
use crate::shell::attempt::attempt;
use crate::shell::signals::Signals;
use crate::terminal::Output;

/// Reconnects in attempts with these numbers, and reports each of them; see [`connect::reconnect`]. Answers given before
/// are reused.
pub(crate) fn reconnect(
    connector: &Arc<Connector>,
    attempts: RangeInclusive<u32>,
    signals: &Signals,
    output: &Output,
) -> Option<Connected> {
    let reconnected = connect::reconnect(
        attempts,
        || signals.must_stop(),
        |attempt| {
            output.note(format_args!("Connecting again ({attempt})"));
            output.flush();
        },
        || {
            let connector = Arc::clone(connector);
            let opened = attempt(signals, move || connector.open_again())?;
            Some(opened.inspect_err(|error| output.explain(error)))
        },
    );
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
