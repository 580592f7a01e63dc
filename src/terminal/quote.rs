//! Quotes names so that our prompt reads them back: with sftp(1)'s quoting, and one form of our own.
//!
//! Outside quotes, a backslash makes a blank, a quote or a wildcard literal. Inside quotes, everything is literal
//! except the quote itself and a backslash. A single backslash would reach the expansion of wildcards and vanish
//! there, so it is always doubled. A byte that can't be shown can't be typed either, so it is written as `$'\377'`,
//! with three octal digits. Inside quotes, this form closes and reopens them, which is possible because quotes may
//! adjoin.

use crate::terminal::printable::{Piece, octal, pieces};

/// The position in a word at which a name is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quote {
    /// Outside quotes.
    #[default]
    Bare,
    /// After an open `'`.
    Single,
    /// After an open `"`.
    Double,
}

impl Quote {
    /// Returns the character that opens and closes the quote.
    #[must_use]
    pub fn mark(self) -> Option<char> {
        match self {
            Quote::Bare => None,
            Quote::Single => Some('\''),
            Quote::Double => Some('"'),
        }
    }
}

/// Returns the name as one word to paste at the prompt, without quotes if possible.
#[must_use]
pub fn paste(name: &[u8]) -> String {
    if name.is_empty() { "\"\"".to_owned() } else { escape(name, Quote::Bare) }
}

/// Returns the name, or a part of one, in the form for the position `quote`. An open quote stays open.
#[must_use]
pub fn escape(name: &[u8], quote: Quote) -> String {
    let mut word = String::with_capacity(name.len() + 8);
    let mut unshown = Vec::new();
    pieces(name, |piece| match piece {
        Piece::Hidden(bytes) => unshown.extend_from_slice(bytes),
        Piece::Shown(c) => {
            push_unshown(&mut word, &mut unshown, quote);
            if needs_backslash(c, quote) {
                word.push('\\');
            }
            word.push(c);
        }
    });
    push_unshown(&mut word, &mut unshown, quote);
    word
}

fn needs_backslash(c: char, quote: Quote) -> bool {
    match quote.mark() {
        Some(mark) => c == mark || c == '\\',
        // In sftp(1) a brace is a wildcard of `ls`, and here of other commands too. A semicolon separates the
        // commands of -e.
        None => matches!(c, ' ' | '\'' | '"' | '\\' | '#' | ';' | '*' | '?' | '[' | '{'),
    }
}

fn push_unshown(word: &mut String, unshown: &mut Vec<u8>, quote: Quote) {
    if unshown.is_empty() {
        return;
    }
    word.extend(quote.mark());
    word.push_str("$'");
    octal(word, unshown);
    word.push('\'');
    word.extend(quote.mark());
    unshown.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_pasted_with_the_least_quoting() {
        for (name, pasted) in [
            (&b"messages.1"[..], "messages.1"),
            (b"", "\"\""),
            (b"two words", "two\\ words"),
            (b"it's", "it\\'s"),
            (b"say \"hi\"", "say\\ \\\"hi\\\""),
            (b"a\\b", "a\\\\b"),
            (b"x#y", "x\\#y"),
            (b"*?[a]", "\\*\\?\\[a]"),
            (b"{a,b}", "\\{a,b}"),
            (b"$'x'", "$\\'x\\'"),
            (b"a;b&c$(d)", "a\\;b&c$(d)"),
            ("übel.txt".as_bytes(), "übel.txt"),
            (b"\xff", "$'\\377'"),
            (b"caf\xe9 1", "caf$'\\351'\\ 1"),
            (b"\xff\xfeb", "$'\\377\\376'b"),
            (b"a\tb\n", "a$'\\011'b$'\\012'"),
            (b"\x1b[2K", "$'\\033'\\[2K"),
        ] {
            assert_eq!(paste(name), pasted);
        }
    }

    #[test]
    fn inside_quotes_only_the_quote_and_a_backslash_need_one() {
        for (name, single, double) in [
            (&b"two words"[..], "two words", "two words"),
            (b"it's", "it\\'s", "it's"),
            (b"a\"b", "a\"b", "a\\\"b"),
            (b"a\\b", "a\\\\b", "a\\\\b"),
            (b"a\\\"", "a\\\\\"", "a\\\\\\\""),
            (b"*?[#", "*?[#", "*?[#"),
            (b"a\xffb", "a'$'\\377''b", "a\"$'\\377'\"b"),
        ] {
            assert_eq!(escape(name, Quote::Single), single);
            assert_eq!(escape(name, Quote::Double), double);
        }
    }

    const SPECIALS: &[char] = &[' ', '\'', '"', '\\', '#', ';', '*', '?', '[', ']', '{', '}', '$', 'a', '\t', '\u{e4}'];

    /// Applies sftp(1)'s rules for words and wildcards to one word that is literal.
    fn read_back(word: &str) -> Vec<u8> {
        let bytes = word.as_bytes();
        let mut glob = Vec::new();
        let mut quote = None;
        let mut at = 0;
        while at < bytes.len() {
            let (c, next) = (bytes[at], bytes.get(at + 1).copied());
            match (quote, c) {
                (None, b'$') if next == Some(b'\'') => {
                    let end = at + 2 + bytes[at + 2..].iter().position(|&b| b == b'\'').unwrap();
                    for digits in bytes[at + 2..end].chunks(4) {
                        let octal = std::str::from_utf8(&digits[1..]).unwrap();
                        glob.push(u8::from_str_radix(octal, 8).unwrap());
                    }
                    at = end;
                }
                (None, b'\'' | b'"') => quote = Some(c),
                (None, b'\\') => {
                    let next = next.unwrap();
                    if b"?[*\\{".contains(&next) {
                        glob.push(b'\\');
                    }
                    glob.push(next);
                    at += 1;
                }
                (None, b' ' | b'#' | b'*' | b'?' | b'[' | b'{') => panic!("{word:?} is no single literal word"),
                (None, _) => glob.push(c),
                (Some(open), _) if c == open => quote = None,
                (Some(open), b'\\') => {
                    let next = next.unwrap();
                    if next != open {
                        glob.push(b'\\');
                    }
                    glob.push(next);
                    at += 1;
                }
                (Some(_), b'*' | b'?' | b'[' | b'{') => glob.extend([b'\\', c]),
                (Some(_), _) => glob.push(c),
            }
            at += 1;
        }
        assert_eq!(quote, None, "{word:?} ends inside a quote");
        let mut name = Vec::new();
        let mut glob = glob.into_iter();
        while let Some(byte) = glob.next() {
            name.push(if byte == b'\\' { glob.next().unwrap() } else { byte });
        }
        name
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn every_name_is_read_back_whatever_quote_is_open(name in proptest::collection::vec(any::<u8>(), 1..24)) {
            prop_assert_eq!(read_back(&paste(&name)), name.clone());
            for quote in [Quote::Single, Quote::Double] {
                let mark = quote.mark().unwrap();
                let word = format!("{mark}{}{mark}", escape(&name, quote));
                prop_assert_eq!(read_back(&word), name.clone());
            }
        }

        #[test]
        fn specials_are_read_back_too(name in proptest::collection::vec(proptest::sample::select(SPECIALS), 1..12)) {
            let name: String = name.into_iter().collect();
            prop_assert_eq!(read_back(&paste(name.as_bytes())), name.as_bytes());
            for quote in [Quote::Single, Quote::Double] {
                let mark = quote.mark().unwrap();
                let word = format!("{mark}{}{mark}", escape(name.as_bytes(), quote));
                prop_assert_eq!(read_back(&word), name.as_bytes());
            }
        }
    }
}
