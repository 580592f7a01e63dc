//! What a connection asks and shows while it is made.
#![forbid(unsafe_code)]

use zeroize::Zeroizing;

/// Something to show while a connection is made. Any text may hold bytes of the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// What the server wants shown before the log-in, as it sent it: lines.
    Banner(Vec<u8>),
    /// Part of a question, one line; shown even when quiet.
    Information(String),
    /// A warning, one line.
    Warning(String),
    /// For `-v`, one line.
    Verbose(String),
}

/// Whoever answers for the user while a connection is made.
pub trait Questions {
    /// Whether somebody is there to be asked. If not, nothing is asked.
    fn can_ask(&self) -> bool;

    /// Whether a person, or a program in their place, can be asked now. Where nobody can, what is not known is not answered.
    fn is_somebody_there(&self) -> bool {
        self.can_ask()
    }

    /// Asks a question whose answer is shown as it is typed. `None` when there is no answer.
    fn ask(&mut self, question: &str) -> Option<String>;

    /// Asks for a secret, unseen. `None` when there is no answer.
    fn secret(&mut self, question: &str) -> Option<Zeroizing<String>>;

    /// Whether a password was left ready. It is no question: it is given in batch mode and where nobody is.
    fn has_ready_password(&self) -> bool {
        false
    }

    /// The password that was left ready, once. `None` when there is none, or it was given.
    fn ready_password(&mut self) -> Option<Zeroizing<String>> {
        None
    }

    /// Shows something.
    fn show(&mut self, notice: Notice);
}
