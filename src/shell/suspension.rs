//! Ctrl-Z while a transfer runs in the foreground: it pauses the transfer instead of the process.
//!
//! The system's own action is in place at all other times, so that Ctrl-Z stops the process as usual.
#![allow(unsafe_code, reason = "the handler of a signal is a C function")]

use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc::c_int;
use nix::sys::signal::{SigHandler, Signal, signal};

/// True once Ctrl-Z was pressed. A handler of a signal can reach nothing but a static.
static PRESSED: AtomicBool = AtomicBool::new(false);

extern "C" fn press(_signal: c_int) {
    PRESSED.store(true, Ordering::Relaxed);
}

/// Takes Ctrl-Z until it is dropped.
pub(crate) struct Suspension {
    before: SigHandler,
}

impl Suspension {
    /// Takes Ctrl-Z from now on. Returns `None` if the process was started with Ctrl-Z ignored, or if the system
    /// refuses.
    pub(crate) fn begin() -> Option<Suspension> {
        PRESSED.store(false, Ordering::Relaxed);
        // SAFETY: the handler does nothing but store into an atomic.
        let before = unsafe { signal(Signal::SIGTSTP, SigHandler::Handler(press)) }.ok()?;
        let suspension = Suspension { before };
        (!matches!(before, SigHandler::SigIgn)).then_some(suspension)
    }

    /// Returns whether Ctrl-Z was pressed.
    pub(crate) fn was_pressed(&self) -> bool {
        PRESSED.load(Ordering::Relaxed)
    }
}

impl Drop for Suspension {
    fn drop(&mut self) {
        // SAFETY: this handler was in place before.
        let _ = unsafe { signal(Signal::SIGTSTP, self.before) };
    }
}
