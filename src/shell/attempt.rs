//! An attempt to connect while a session is under way: Ctrl-C and signals still work.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::child;
use crate::connect::{Connected, Error};
use crate::shell::signals::Signals;

/// Pause between two checks of the signals while connecting.
const LOOK: Duration = Duration::from_millis(50);

/// Connects. Returns `None` if a signal comes first; the attempt is left to its thread, because a name server or a
/// host that does not answer can't be hurried.
pub(crate) fn attempt(
    signals: &Signals,
    connect: impl FnOnce() -> Result<Connected, Error> + Send + 'static,
) -> Option<Result<Connected, Error>> {
    let before = child::running();
    let (sender, opened) = channel();
    // After a signal there is no receiver any more, so the new session ends when it is dropped.
    let attempt = move || drop(sender.send(connect()));
    // If there is no thread, there is no attempt either.
    thread::Builder::new().name("connect".into()).spawn(attempt).ok()?;
    loop {
        match opened.recv_timeout(LOOK) {
            Ok(opened) => {
                if matches!(opened, Err(Error::Interrupted)) {
                    // While a question is on the terminal, Ctrl-C is a key and not a signal.
                    signals.press();
                }
                return Some(opened);
            }
            Err(RecvTimeoutError::Timeout) if signals.must_stop() => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    // The attempt has started the others.
    child::terminate_others(&before);
    None
}
