//! What a source of lines answers when the shell asks for the next one.

/// The answer to a request for a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A line without its newline.
    Line(Vec<u8>),
    /// A line of this many bytes, which is too long to keep.
    TooLong(u64),
    /// A line with a byte that the line editor can't hold.
    NoText,
    /// The line was discarded; ask again.
    Discarded,
    /// No more lines.
    End,
    /// A signal came first.
    Interrupted,
}
