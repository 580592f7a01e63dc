//! The answer of a source of lines to the request for the next one.

/// The answer to a request for a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A line without its newline.
    Line(Vec<u8>),
    /// A line that is too long to keep, with its number of bytes.
    TooLong(u64),
    /// A line with a byte that the line editor can't represent.
    NoText,
    /// The line was discarded. Request another.
    Discarded,
    /// There are no more lines.
    End,
    /// A signal came first.
    Interrupted,
}
