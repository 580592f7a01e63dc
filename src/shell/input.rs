//! What a source of lines answers when the shell asks for the next one.

use super::lines::Incoming;

/// The answer to a request for a line.
#[derive(Debug)]
pub(crate) enum Input {
    /// A line without its newline.
    Line(Vec<u8>),
    /// A line that nobody wants to hold, of so many bytes.
    TooLong(u64),
    /// A line with a byte that the line editor can't hold.
    NoText,
    /// The line was discarded; ask again.
    Discarded,
    /// No more lines.
    End,
    /// A signal ends the run.
    Interrupted,
}

impl From<Incoming> for Input {
    fn from(incoming: Incoming) -> Input {
        match incoming {
            Incoming::Line(line) => Input::Line(line),
            Incoming::TooLong(bytes) => Input::TooLong(bytes),
            Incoming::End => Input::End,
            Incoming::Interrupted => Input::Interrupted,
        }
    }
}
