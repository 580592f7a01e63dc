//! One word of a command line, as the splitter yields it and arguments are made from it.
//!
//! A word arrives in *glob syntax*: what a quote or a backslash protected is escaped in it (`\*`), so that a pattern
//! argument can go to the glob as it is, and any other argument is [`Word::plain`]. Each word knows where it stood in
//! the line, so the same split serves running, completing and highlighting.

use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// How far the quoting of a word has come at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quoting {
    /// Nothing is open: the word could end here.
    #[default]
    Bare,
    /// A backslash waits for the character that it protects.
    Backslash,
    /// `'…` is open.
    Single,
    /// `"…` is open.
    Double,
    /// `$'…` is open.
    Octal,
}

/// One word of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    glob: Vec<u8>,
    braces: Vec<u8>,
    span: Range<usize>,
    quoting: Quoting,
    opened: usize,
}

/// Parts the two readings of a word on their way through clap. No word holds it, see [`Word::to_argument`].
const PARTING: u8 = 0;

impl Word {
    /// An empty word that starts at this byte of the line.
    #[must_use]
    pub fn at(offset: usize) -> Word {
        Word { span: offset..offset, ..Word::default() }
    }

    /// The word that means exactly these bytes, whatever they are.
    #[must_use]
    pub fn literal(bytes: &[u8]) -> Word {
        let mut word = Word::default();
        for &byte in bytes {
            if needs_escape(byte) { word.push_pair(byte) } else { word.push_protected(byte) }
        }
        word
    }

    /// Adds a byte that no quote or backslash protects.
    pub fn push_bare(&mut self, byte: u8) {
        self.glob.push(byte);
        self.braces.push(byte);
    }

    /// Adds a protected byte that the glob would take for itself anyway, braces and a tilde in front aside.
    pub fn push_protected(&mut self, byte: u8) {
        let is_tilde = byte == b'~' && self.glob.is_empty();
        self.glob.push(byte);
        if is_tilde || matches!(byte, b'{' | b'}' | b',') {
            self.braces.push(b'\\');
        }
        self.braces.push(byte);
    }

    /// Adds a backslash and the byte behind it, both for the glob.
    pub fn push_pair(&mut self, byte: u8) {
        self.push_bare(b'\\');
        self.push_bare(byte);
    }

    /// The word ends before this byte of the line.
    pub fn end_at(&mut self, offset: usize) {
        self.span.end = offset;
    }

    /// The line ends while this quoting, opened at that byte of the line, is not closed.
    pub fn leave_open(&mut self, quoting: Quoting, opened_at: usize) {
        self.quoting = quoting;
        self.opened = opened_at;
    }

    /// The word in glob syntax, exactly as sftp(1) hands it to its glob: protected `*`, `?`, `[` and `\` stand behind a backslash.
    #[must_use]
    pub fn glob(&self) -> &[u8] {
        &self.glob
    }

    /// The word in glob syntax with protected `{`, `}` and `,`, and a protected `~` in front, behind a backslash too. sftp(1)
    /// does not protect them, so this is for commands in which braces are an addition of ours.
    #[must_use]
    pub fn glob_with_braces(&self) -> &[u8] {
        &self.braces
    }

    /// The word for an argument that is not globbed: the one level of escaping undone.
    #[must_use]
    pub fn plain(&self) -> Vec<u8> {
        let mut plain = Vec::with_capacity(self.glob.len());
        let mut rest = self.glob.as_slice();
        while let Some((&byte, behind)) = rest.split_first() {
            let protected = behind.first().copied().filter(|&next| byte == b'\\' && needs_escape(next));
            plain.push(protected.unwrap_or(byte));
            rest = &behind[usize::from(protected.is_some())..];
        }
        plain
    }

    /// Returns whether the word begins with a `~` that no quote or backslash protects.
    #[must_use]
    pub fn begins_with_bare_tilde(&self) -> bool {
        self.braces.starts_with(b"~")
    }

    /// Returns the word with `start`, literally, instead of its first `length` bytes, none of which is protected.
    pub(super) fn with_start(&self, length: usize, start: &[u8]) -> Word {
        let mut word = Word::literal(start);
        word.glob.extend_from_slice(self.glob.get(length..).unwrap_or_default());
        word.braces.extend_from_slice(self.braces.get(length..).unwrap_or_default());
        word
    }

    /// The word's bytes in the line, quotes included.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// What is still open at the word's end.
    #[must_use]
    pub fn quoting(&self) -> Quoting {
        self.quoting
    }

    /// Where in the line that which is still open was opened.
    #[must_use]
    pub fn opened_at(&self) -> usize {
        self.opened
    }

    /// The word as clap carries it to an argument's type: bytes only, so both readings go along where they differ.
    pub(super) fn to_argument(&self) -> OsString {
        let mut bytes = self.glob.clone();
        if self.braces != self.glob {
            bytes.push(PARTING);
            bytes.extend_from_slice(&self.braces);
        }
        OsString::from_vec(bytes)
    }

    /// The word that [`Word::to_argument`] made; where it stood in the line is not known any more.
    pub(super) fn from_argument(argument: &OsStr) -> Word {
        let mut readings = argument.as_bytes().splitn(2, |&byte| byte == PARTING);
        let glob = readings.next().unwrap_or_default().to_vec();
        let braces = readings.next().map_or_else(|| glob.clone(), <[u8]>::to_vec);
        Word { glob, braces, ..Word::default() }
    }
}

/// Whether sftp(1) keeps a backslash before this byte for its glob.
#[must_use]
pub fn needs_escape(byte: u8) -> bool {
    matches!(byte, b'*' | b'?' | b'[' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_literal_word_means_its_bytes() {
        for text in ["plain", "a b", "*?[x]", r"a\b", "{a,b}", "\u{e4}"] {
            let word = Word::literal(text.as_bytes());
            assert_eq!(word.plain(), text.as_bytes(), "{text}");
        }
        assert_eq!(Word::literal(b"{a,b}").glob_with_braces(), br"\{a\,b\}");
    }

    #[test]
    fn both_readings_survive_the_way_through_clap() {
        for text in ["plain", "{a,b}", "*"] {
            let word = Word::literal(text.as_bytes());
            let back = Word::from_argument(&word.to_argument());
            assert_eq!((back.glob(), back.glob_with_braces()), (word.glob(), word.glob_with_braces()));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn any_bytes_make_a_literal_word_that_survives(
            bytes in prop::collection::vec(prop_oneof![1u8.., prop::sample::select(&b"*?[]\\{},!a"[..])], 0..16),
        ) {
            let word = Word::literal(&bytes);
            prop_assert_eq!(word.plain(), &bytes[..]);
            let back = Word::from_argument(&word.to_argument());
            prop_assert_eq!((back.glob(), back.glob_with_braces()), (word.glob(), word.glob_with_braces()));
        }
    }
}
