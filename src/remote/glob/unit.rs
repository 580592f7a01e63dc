//! The characters of a pattern.
#![forbid(unsafe_code)]

/// What a character of a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// Name and pattern are valid UTF-8.
    Unicode,
    /// One of them is not: every byte of both is a character of its own, U+0000 to U+00FF.
    Bytes,
}

/// A character of a pattern, and whether a backslash took its meaning away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) character: char,
    pub(super) escaped: bool,
}

impl Unit {
    /// Whether this is `meta` with its special meaning.
    pub(super) fn is(self, meta: char) -> bool {
        self.character == meta && !self.escaped
    }
}
