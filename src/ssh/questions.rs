//! The questions and messages of a connection while it is being made.

use zeroize::Zeroizing;

/// A message to show while a connection is being made. Any text may hold bytes from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Lines that the server wants to show before the login, not made printable.
    Banner(Vec<u8>),
    /// One line that belongs to a question, shown even with `-q`.
    Information(String),
    /// A warning, one line.
    Warning(String),
    /// One line for `-v`.
    Verbose(String),
}

/// Answers on behalf of the user while a connection is being made.
pub trait Questions {
    /// Returns whether the user can be prompted. If not, no question is asked.
    fn can_ask(&self) -> bool;

    /// Returns whether a person, or a program on their behalf, can answer now. If not, unknown answers are not sent
    /// as empty ones.
    fn is_somebody_there(&self) -> bool {
        self.can_ask()
    }

    /// Asks a question and shows the answer while the user types it. Returns `None` if there is no answer.
    fn ask(&mut self, question: &str) -> Option<String>;

    /// Asks for a secret, which is not shown. Returns `None` if there is no answer.
    fn secret(&mut self, question: &str) -> Option<Zeroizing<String>>;

    /// Returns whether a password was prepared. It needs no prompt, so it is used even in batch mode and without a
    /// person.
    fn has_ready_password(&self) -> bool {
        false
    }

    /// Returns the prepared password, but only once. Returns `None` if there is none left.
    fn ready_password(&mut self) -> Option<Zeroizing<String>> {
        None
    }

    /// Shows a message.
    fn show(&mut self, notice: Notice);
}
