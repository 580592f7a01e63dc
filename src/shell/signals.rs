//! Ctrl-C and the signals that end a process, handled as in sftp(1).
//!
//! One thread receives them all, so no code has to be safe in a signal handler. The effect of a signal depends on the
//! [`Phase`] of the shell. While a command runs, Ctrl-C asks it to stop. Half a second later all waits for answers
//! end, and the session stays. A second Ctrl-C within [`IN_A_HURRY`] drops the connection. SIGTERM, SIGHUP and the
//! end of the terminal end the run with code 1 in any phase. They take the same steps, so that partial files are left
//! in order.
//!
//! Every step has a time after which the next one follows, and the last one ends the process, unless a person stays at
//! the prompt after Ctrl-C. So no wait can outlast it.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};

use crate::child;
use crate::lock::lock;
use crate::remote::Interrupt;
use crate::sftp::{Session, Waits};
use crate::shell::hangup;
use crate::terminal::{Output, prompt, title};

/// A second Ctrl-C within this time of the first drops the connection.
const IN_A_HURRY: Duration = Duration::from_secs(2);

/// How long a command may take to end by itself, with the answers that arrive meanwhile.
const ANSWERING: Duration = Duration::from_millis(500);

/// How long it may then take, while it waits for no answers.
const CONCLUDING: Duration = Duration::from_millis(400);

/// How long it may take after its connection was dropped.
const WITHOUT_CONNECTION: Duration = Duration::from_millis(600);

/// An action to end the running command.
type Measure = fn(&State);

/// The steps that end a run, each after a pause. The last one ends the process.
const LAST_STEPS: [(Duration, Measure); 3] =
    [(ANSWERING, State::end_waits), (CONCLUDING, State::cut), (WITHOUT_CONNECTION, |state| leave(state))];

/// A terminal sends SIGINT first and then discards the output that it has not shown yet. So output has to wait for
/// this time.
const SETTLING: Duration = Duration::from_millis(5);

/// The exit code of a run that a signal ended, as in sftp(1).
const EXIT_CODE: i32 = 1;

/// The activity of the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// There is no session yet, or none any more: a signal ends the process at once.
    Outside,
    /// Waiting for a line. In the line editor, Ctrl-C is a key.
    Reading,
    /// A command is running.
    Running,
    /// A local program has the terminal, and Ctrl-C is for it.
    LocalProgram,
}

/// The signals that the process receives. Clones share them.
#[derive(Clone)]
pub(crate) struct Signals {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// True once SIGTERM or SIGHUP has arrived.
    ended: AtomicBool,
    /// Readable when a wait for input must end.
    woken: UnixStream,
    waker: UnixStream,
}

struct State {
    phase: Phase,
    /// Set by Ctrl-C; commands and jobs check it.
    interrupt: Interrupt,
    cut: Option<Box<dyn Fn() + Send>>,
    /// Ends waits for answers on the session's connection.
    waits: Option<Waits>,
    /// The number of the running command.
    command: u64,
    last_interrupt: Option<Instant>,
    /// True if the interruption of the running command has been reported.
    is_reported: bool,
    /// True if Ctrl-C may not end the process while a command runs.
    spares_process: bool,
    terminal: Option<Termios>,
}

impl Signals {
    /// Creates a state without signals, for a shell inside another program: nothing is ever interrupted.
    pub(crate) fn ignored() -> io::Result<Signals> {
        let (woken, waker) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        let state = State {
            phase: Phase::Outside,
            interrupt: Interrupt::default(),
            cut: None,
            waits: None,
            command: 0,
            last_interrupt: None,
            is_reported: false,
            spares_process: false,
            // If there is no terminal, there is nothing to restore.
            terminal: tcgetattr(io::stdin()).or_else(|_| tcgetattr(io::stdout())).ok(),
        };
        let shared = Shared { state: Mutex::new(state), ended: AtomicBool::new(false), woken, waker };
        Ok(Signals { shared: Arc::new(shared) })
    }

    /// Handles signals from now on, for the whole life of the process.
    pub(crate) fn listen() -> io::Result<Signals> {
        let signals = Signals::ignored()?;
        let mut heard = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        // No code reacts to it, but it no longer kills us: a write beyond the file size limit fails like one to a
        // full disk.
        signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        let shared = Arc::clone(&signals.shared);
        thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in heard.forever() {
                if signal == SIGINT {
                    thread::sleep(SETTLING);
                    shared.interrupted();
                } else {
                    shared.end_run(signal == SIGTERM);
                }
            }
        })?;
        // If we are not the leader of the terminal's session, we get no SIGHUP when the terminal is closed.
        let shared = Arc::clone(&signals.shared);
        hangup::watch(move || shared.end_run(false))?;
        Ok(signals)
    }

    /// Changes the phase. Doesn't return if a signal is ending the process.
    pub(crate) fn enter(&self, phase: Phase) {
        self.shared.state().phase = phase;
    }

    /// Sets the function that a second Ctrl-C calls to drop the connections in use.
    pub(crate) fn guard(&self, cut: impl Fn() + Send + 'static) {
        self.shared.state().cut = Some(Box::new(cut));
    }

    /// Makes this session's connection the one in use.
    pub(crate) fn guard_session(&self, session: &Session) {
        let killer = session.killer();
        self.guard(move || killer.kill());
        self.shared.state().waits = Some(session.waits());
    }

    /// Chooses whether Ctrl-C must leave the process alone: a person stays at the prompt, whatever the command does.
    pub(crate) fn spare_process(&self, spares: bool) {
        self.shared.state().spares_process = spares;
    }

    /// Sets the flag that Ctrl-C raises from now on.
    pub(crate) fn set_interrupt(&self, interrupt: Interrupt) {
        self.shared.state().interrupt = interrupt;
    }

    /// Handles a Ctrl-C that was read as a key.
    pub(crate) fn press(&self) {
        self.shared.state().interrupt.press();
        self.shared.wake();
    }

    /// Returns whether Ctrl-C was pressed since the flag was lowered.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.shared.state().interrupt.was_pressed()
    }

    /// Prints that Ctrl-C was pressed, once for each command. On a terminal, the text replaces the echoed `^C`, as in
    /// sftp(1). Prints nothing if the end of stdout, not a key, stopped the command.
    pub(crate) fn report_interruption(&self, output: &Output) {
        if !output.has_stopped() && self.must_report() {
            output.failure(if output.stderr_is_terminal() { "\rInterrupt  " } else { "Interrupt" });
        }
    }

    /// Returns whether the interruption of the running command must still be reported, which is true only once per
    /// command.
    fn must_report(&self) -> bool {
        !std::mem::replace(&mut self.shared.state().is_reported, true)
    }

    /// Lowers the flag: before a command, and after a line was discarded.
    pub(crate) fn lower(&self) {
        let mut state = self.shared.state();
        if self.is_ended() {
            return;
        }
        state.command += 1;
        state.interrupt.clear();
        state.is_reported = false;
        state.waits.iter().for_each(Waits::allow);
        drop(state);
        let mut scrap = [0; 16];
        while matches!((&self.shared.woken).read(&mut scrap), Ok(read) if read > 0) {}
    }

    /// Returns whether SIGTERM or SIGHUP has asked the run to end.
    pub(crate) fn is_ended(&self) -> bool {
        self.shared.ended.load(Ordering::Relaxed)
    }

    /// Returns whether the running command must stop, because of Ctrl-C or the end of the run.
    pub(crate) fn must_stop(&self) -> bool {
        self.is_ended() || self.is_interrupted()
    }

    /// Returns a socket that is readable when a wait for input must end.
    pub(crate) fn woken(&self) -> &UnixStream {
        &self.shared.woken
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn interrupted(self: &Arc<Self>) {
        let mut state = self.state();
        match state.phase {
            Phase::LocalProgram => return,
            Phase::Outside => leave(&state),
            Phase::Reading => {}
            Phase::Running => {
                let hasty = state.last_interrupt.is_some_and(|last| last.elapsed() < IN_A_HURRY);
                match state.interrupt.was_pressed() {
                    false => self.unless_it_ends(&state, ANSWERING, State::end_waits),
                    true if hasty => {
                        state.cut();
                        // If even that doesn't end the command, it isn't waiting for the server.
                        if let Some(step) = state.step_after_cut() {
                            self.unless_it_ends(&state, WITHOUT_CONNECTION, step);
                        }
                    }
                    true => {}
                }
                state.last_interrupt = Some(Instant::now());
            }
        }
        self.stop(state);
    }

    /// Begins the last steps of the run. A second SIGTERM ends the process at once.
    fn end_run(self: &Arc<Self>, is_term: bool) {
        let state = self.state();
        if state.phase == Phase::Outside {
            leave(&state);
        }
        if self.ended.swap(true, Ordering::Relaxed) {
            if is_term {
                leave(&state);
            }
            return;
        }
        let shared = Arc::clone(self);
        let steps = thread::Builder::new().name("last-steps".into()).spawn(move || {
            for (pause, step) in LAST_STEPS {
                thread::sleep(pause);
                step(&shared.state());
            }
        });
        if steps.is_err() {
            // Without the thread, no later step could end the process.
            leave(&state);
        }
        self.stop(state);
    }

    /// Raises the flag, and ends the waits that don't check it.
    fn stop(&self, state: MutexGuard<'_, State>) {
        state.interrupt.press();
        drop(state);
        prompt::end_question();
        self.wake();
    }

    /// Takes the next step after a pause, if the current command is still running then.
    fn unless_it_ends(self: &Arc<Self>, state: &State, pause: Duration, step: Measure) {
        let (shared, command) = (Arc::clone(self), state.command);
        // If there is no thread, the user can still press Ctrl-C again.
        let _ = thread::Builder::new().name("next-step".into()).spawn(move || {
            thread::sleep(pause);
            let state = shared.state();
            if state.command == command && state.phase == Phase::Running {
                step(&state);
            }
        });
    }

    fn wake(&self) {
        // If it is full, it is readable already.
        let _ = (&self.waker).write(&[0]);
    }
}

impl State {
    fn cut(&self) {
        if let Some(cut) = &self.cut {
            cut();
        }
    }

    /// Returns the step after [`State::cut`]: none if a person stays at the prompt.
    fn step_after_cut(&self) -> Option<Measure> {
        (!self.spares_process).then_some(|state| leave(state))
    }

    fn end_waits(&self) {
        self.waits.iter().for_each(Waits::end);
    }
}

/// Ends the process, and restores the terminal. The caller must hold the lock on the state, so that no thread goes on
/// using it.
#[expect(clippy::exit, reason = "a signal ends the process where nothing is under way that needs an orderly end")]
fn leave(state: &State) -> ! {
    prompt::restore();
    title::restore();
    child::terminate_all();
    if let Some(before) = &state.terminal {
        // The process is about to end, so a failure can't be reported.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, before)
            .or_else(|_| tcsetattr(io::stdout(), OptionalActions::Now, before));
    }
    std::process::exit(EXIT_CODE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Killer;
    use std::os::fd::OwnedFd;

    fn connection() -> (Killer, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Killer::new(OwnedFd::from(ours)), theirs)
    }

    fn is_cut(mut theirs: &UnixStream) -> bool {
        theirs.set_nonblocking(true).unwrap();
        matches!(theirs.read(&mut [0]), Ok(0))
    }

    #[test]
    fn a_second_ctrl_c_in_a_hurry_drops_the_connection() {
        let signals = Signals::ignored().unwrap();
        let (killer, theirs) = connection();
        signals.guard(move || killer.kill());
        signals.enter(Phase::Running);
        signals.shared.interrupted();
        assert!(signals.is_interrupted());
        assert!(!is_cut(&theirs));
        signals.shared.interrupted();
        assert!(is_cut(&theirs));
        // It ends in time, so the process goes on.
        signals.enter(Phase::Reading);
    }

    #[test]
    fn ctrl_c_never_ends_a_process_with_a_person() {
        let signals = Signals::ignored().unwrap();
        assert!(signals.shared.state().step_after_cut().is_some());
        signals.spare_process(true);
        assert!(signals.shared.state().step_after_cut().is_none());
    }

    #[test]
    fn a_ctrl_c_for_each_of_two_commands_drops_nothing() {
        let signals = Signals::ignored().unwrap();
        let (killer, theirs) = connection();
        signals.guard(move || killer.kill());
        signals.enter(Phase::Running);
        signals.shared.interrupted();
        signals.lower();
        signals.shared.interrupted();
        assert!(!is_cut(&theirs));
    }

    #[test]
    fn an_interruption_is_reported_once_for_each_command() {
        let signals = Signals::ignored().unwrap();
        signals.enter(Phase::Running);
        for _ in 0..2 {
            signals.lower();
            signals.shared.interrupted();
            assert_eq!([(); 3].map(|()| signals.must_report()), [true, false, false]);
        }
    }

    #[test]
    fn a_local_program_keeps_its_ctrl_c_for_itself() {
        let signals = Signals::ignored().unwrap();
        signals.enter(Phase::LocalProgram);
        signals.shared.interrupted();
        assert!(!signals.is_interrupted());
    }
}
