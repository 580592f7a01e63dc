//! The characters of a pattern.

/// How the characters of a name are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// As Unicode: name and pattern are valid UTF-8.
    Unicode,
    /// As bytes: at least one of them is not valid UTF-8, so each byte of both is a character, U+0000 to U+00FF.
    Bytes,
}

/// A character of a pattern, and whether it is escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) character: char,
    pub(super) escaped: bool,
}

impl Unit {
    /// Returns whether this is `meta` with its special meaning.
    pub(super) fn is(self, meta: char) -> bool {
        self.character == meta && !self.escaped
    }
}
