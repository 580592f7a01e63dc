//! One word of a command line, from which arguments are made.
//!
//! A word is stored in *glob syntax*: characters that a quote or a backslash protected are escaped in it (`\*`). A
//! pattern argument passes it to the glob unchanged; any other argument uses [`Word::plain`]. Each word knows its
//! position in the line, so that the same split serves running, completing and highlighting.

use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The state of quoting at the end of a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quoting {
    /// No quote is open: the word could end here.
    #[default]
    Bare,
    /// A backslash without the character that it protects.
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
    wildcards: Vec<usize>,
}

/// Separates the two forms of a word while clap carries it. No word contains it, see [`Word::to_argument`].
const PARTING: u8 = 0;

impl Word {
    /// Creates an empty word that starts at this byte of the line.
    #[must_use]
    pub fn at(offset: usize) -> Word {
        Word { span: offset..offset, ..Word::default() }
    }

    /// Creates the word that means exactly these bytes.
    #[must_use]
    pub fn literal(bytes: &[u8]) -> Word {
        let mut word = Word::default();
        for &byte in bytes {
            if needs_escape(byte) { word.push_pair(byte) } else { word.push_protected(byte) }
        }
        word
    }

    /// Appends a byte that is not protected by a quote or a backslash.
    pub fn push_bare(&mut self, byte: u8) {
        self.glob.push(byte);
        self.braces.push(byte);
    }

    /// Appends a protected byte that the glob takes literally anyway, except for braces and a leading tilde.
    pub fn push_protected(&mut self, byte: u8) {
        let is_tilde = byte == b'~' && self.glob.is_empty();
        self.glob.push(byte);
        if is_tilde || matches!(byte, b'{' | b'}' | b',') {
            self.braces.push(b'\\');
        }
        self.braces.push(byte);
    }

    /// Appends a backslash and the byte after it, both for the glob.
    pub fn push_pair(&mut self, byte: u8) {
        self.push_bare(b'\\');
        self.push_bare(byte);
    }

    /// Records a character of a pattern at this byte of the line: `*`, `?`, `[`, and the `]` after it.
    pub fn note_wildcard(&mut self, offset: usize) {
        self.wildcards.push(offset);
    }

    /// Ends the word before this byte of the line.
    pub fn end_at(&mut self, offset: usize) {
        self.span.end = offset;
    }

    /// Records that the line ends within this quoting, which began at the given byte of the line.
    pub fn leave_open(&mut self, quoting: Quoting, opened_at: usize) {
        self.quoting = quoting;
        self.opened = opened_at;
    }

    /// Returns the word in glob syntax, exactly as sftp(1) passes it to its glob: protected `*`, `?`, `[` and `\`
    /// have a backslash.
    #[must_use]
    pub fn glob(&self) -> &[u8] {
        &self.glob
    }

    /// Returns the word in glob syntax in which protected `{`, `}` and `,`, and a protected leading `~`, have a
    /// backslash too. sftp(1) does not protect them, so this is for commands in which braces are an addition of ours.
    #[must_use]
    pub fn glob_with_braces(&self) -> &[u8] {
        &self.braces
    }

    /// Returns the word for an argument that is not globbed, with one level of escaping removed.
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

    /// Returns whether the word begins with an unprotected `~`.
    #[must_use]
    pub fn begins_with_bare_tilde(&self) -> bool {
        self.braces.starts_with(b"~")
    }

    /// Returns the word with its first `length` bytes, none of which is protected, replaced by `start`, literally.
    pub(super) fn with_start(&self, length: usize, start: &[u8]) -> Word {
        let mut word = Word::literal(start);
        word.glob.extend_from_slice(self.glob.get(length..).unwrap_or_default());
        word.braces.extend_from_slice(self.braces.get(length..).unwrap_or_default());
        word
    }

    /// Returns the word's range of bytes in the line, including quotes.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Returns the quoting that is open at the word's end.
    #[must_use]
    pub fn quoting(&self) -> Quoting {
        self.quoting
    }

    /// Returns the position in the line at which the open quoting began.
    #[must_use]
    pub fn opened_at(&self) -> usize {
        self.opened
    }

    /// Returns the positions in the line of the characters that make it a pattern.
    #[must_use]
    pub fn wildcards(&self) -> &[usize] {
        &self.wildcards
    }

    /// Returns the word in the form that clap carries to an argument's type. It consists of bytes only, so it
    /// contains both forms of the word if they differ.
    pub(super) fn to_argument(&self) -> OsString {
        let mut bytes = self.glob.clone();
        if self.braces != self.glob {
            bytes.push(PARTING);
            bytes.extend_from_slice(&self.braces);
        }
        OsString::from_vec(bytes)
    }

    /// Returns the word from which [`Word::to_argument`] made this; its position in the line is lost.
    pub(super) fn from_argument(argument: &OsStr) -> Word {
        let mut readings = argument.as_bytes().splitn(2, |&byte| byte == PARTING);
        let glob = readings.next().unwrap_or_default().to_vec();
        let braces = readings.next().map_or_else(|| glob.clone(), <[u8]>::to_vec);
        Word { glob, braces, ..Word::default() }
    }
}

/// Returns whether sftp(1) keeps a backslash before this byte for its glob.
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
