//! The interface through which all errors are shown to a person.

use std::borrow::Cow;

/// An error that can be shown by [`Output::explain`](super::Output::explain).
pub trait Explain {
    /// Returns the lines of the error in order, all printable. Empty if the person has already seen the error.
    fn lines(&self) -> Vec<Cow<'_, str>>;

    /// Returns advice about the error, in one line.
    fn hint(&self) -> Option<Cow<'_, str>>;
}
