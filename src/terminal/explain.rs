//! What every error says to a person.
#![forbid(unsafe_code)]

use std::borrow::Cow;

/// An error that can be shown by [`Output::explain`](super::Output::explain).
pub trait Explain {
    /// Returns its lines in order, all printable; none if the person was told before.
    fn lines(&self) -> Vec<Cow<'_, str>>;

    /// Returns what the person can do about it, in one line.
    fn hint(&self) -> Option<Cow<'_, str>>;
}
