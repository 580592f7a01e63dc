//! Splits a command line into words, by sftp(1)'s rules.
//!
//! Two of them are surprising: both kinds of quotes have one meaning, and `#` starts a comment even inside a word.
//! One form is our own: `$'\377'`, for bytes that a line of text can't contain. [`Word`] documents the result.

use crate::commands::word::{Quoting, Word, needs_escape};

/// A quote that is not closed, or a backslash at the end of the line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unterminated {
    /// A quote without its partner.
    #[error("Unterminated quoted argument: the quote at column {0} is not closed")]
    Quote(usize),
    /// A backslash that protects nothing.
    #[error("Unterminated quoted argument: the backslash at column {0} has nothing after it")]
    Backslash(usize),
}

/// The result of [`split_open`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    /// The complete words.
    pub words: Vec<Word>,
    /// The word at the cursor, which is empty after white space. `None` in a comment.
    pub open: Option<Word>,
}

impl Unterminated {
    fn of(word: &Word, line: &[u8]) -> Option<Unterminated> {
        let column = String::from_utf8_lossy(&line[..word.opened_at()]).chars().count() + 1;
        match word.quoting() {
            Quoting::Bare => None,
            Quoting::Backslash => Some(Unterminated::Backslash(column)),
            Quoting::Single | Quoting::Double | Quoting::Octal => Some(Unterminated::Quote(column)),
        }
    }
}

/// Returns the words of a line, without its comment.
///
/// # Errors
/// A quote is not closed, or the line ends in a backslash.
pub fn split(line: &[u8]) -> Result<Vec<Word>, Unterminated> {
    let words: Vec<Word> = Scanner { line, at: 0 }.collect();
    match words.last().and_then(|word| Unterminated::of(word, line)) {
        Some(error) => Err(error),
        None => Ok(words),
    }
}

/// Splits a line that ends at the cursor, for completion. Nothing is an error, and the last word is separate.
#[must_use]
pub fn split_open(line: &[u8]) -> Partial {
    let mut scanner = Scanner { line, at: 0 };
    let mut words: Vec<Word> = scanner.by_ref().collect();
    let open = match words.last() {
        _ if scanner.at < line.len() => None,
        Some(word) if word.span().end == line.len() => words.pop(),
        _ => Some(Word::at(line.len())),
    };
    Partial { words, open }
}

/// Returns whether isspace(3) counts a byte as white space. Unlike in Rust, that includes the vertical tab.
fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'\x0b'
}

/// Goes over a line once. As an iterator it yields the words, up to the end or to a comment.
struct Scanner<'a> {
    line: &'a [u8],
    at: usize,
}

impl Iterator for Scanner<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
        if self.peek()? == b'#' {
            return None;
        }
        let mut word = Word::at(self.at);
        while let Some(byte) = self.peek().filter(|&byte| !is_blank(byte) && byte != b'#') {
            match byte {
                b'\\' => self.backslash(&mut word),
                b'\'' => self.quote(&mut word, byte, Quoting::Single),
                b'"' => self.quote(&mut word, byte, Quoting::Double),
                b'$' if self.line[self.at..].starts_with(b"$'") => self.octal(&mut word),
                _ => {
                    if matches!(byte, b'*' | b'?' | b'[') || byte == b']' && self.has_open_class(&word) {
                        word.note_wildcard(self.at);
                    }
                    word.push_bare(byte);
                    self.at += 1;
                }
            }
        }
        word.end_at(self.at);
        Some(word)
    }
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    /// Returns whether the last character of a pattern in the word so far is a `[`.
    fn has_open_class(&self, word: &Word) -> bool {
        word.wildcards().last().is_some_and(|&at| self.line[at] == b'[')
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn backslash(&mut self, word: &mut Word) {
        let start = self.at;
        self.at += 1;
        match self.take() {
            None => word.leave_open(Quoting::Backslash, start),
            Some(byte) if needs_escape(byte) => word.push_pair(byte),
            Some(byte) => word.push_protected(byte),
        }
    }

    fn quote(&mut self, word: &mut Word, mark: u8, quoting: Quoting) {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.take() {
            match byte {
                _ if byte == mark => return,
                b'\\' => match self.take() {
                    None => break,
                    Some(byte) if byte == mark => word.push_protected(byte),
                    // A literal backslash and a literal star. Like any other pair, `\\` in quotes is left to the
                    // glob.
                    Some(byte @ (b'*' | b'?' | b'[')) => {
                        word.push_pair(b'\\');
                        word.push_pair(byte);
                    }
                    Some(byte) => word.push_pair(byte),
                },
                b'*' | b'?' | b'[' => word.push_pair(byte),
                _ => word.push_protected(byte),
            }
        }
        word.leave_open(quoting, start);
    }

    fn octal(&mut self, word: &mut Word) {
        let start = self.at;
        self.at += 2;
        while let Some(mut byte) = self.take() {
            if byte == b'\'' {
                return;
            }
            if byte == b'\\' {
                byte = match self.peek() {
                    Some(protected @ (b'\\' | b'\'')) => {
                        self.at += 1;
                        protected
                    }
                    Some(b'0'..=b'7') => self.octal_byte(),
                    Some(_) => b'\\',
                    None => break,
                };
            }
            if needs_escape(byte) { word.push_pair(byte) } else { word.push_protected(byte) }
        }
        word.leave_open(Quoting::Octal, start);
    }

    /// Takes one to three octal digits, as many as fit into a byte.
    fn octal_byte(&mut self) -> u8 {
        let mut value: u8 = 0;
        for _ in 0..3 {
            let digit = self.peek().filter(|digit| (b'0'..=b'7').contains(digit)).map(|digit| digit - b'0');
            let Some(next) = digit.and_then(|digit| value.checked_mul(8)?.checked_add(digit)) else { break };
            value = next;
            self.at += 1;
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::glob::{Pattern, expand_braces};
    use crate::terminal::quote::{Quote, escape, paste};
    use proptest::prelude::*;

    fn globs(line: &str) -> Vec<String> {
        split(line.as_bytes()).unwrap().iter().map(|word| word.glob().escape_ascii().to_string()).collect()
    }

    fn plain(line: &str) -> Vec<Vec<u8>> {
        split(line.as_bytes()).unwrap().iter().map(Word::plain).collect()
    }

    #[test]
    fn words_reach_the_glob_as_sftp_hands_them_over() {
        for (line, words) in [
            ("get a b", vec!["get", "a", "b"]),
            (" \t get\x0b\x0ca\r\n", vec!["get", "a"]),
            ("", vec![]),
            ("# all comment", vec![]),
            ("x#y z", vec!["x"]),
            (r#""x#y" 'x#y' x\#y"#, vec!["x#y", "x#y", "x#y"]),
            (r#"a" "b'c d'e"#, vec!["a bc de"]),
            (r#""" ''"#, vec!["", ""]),
            (r#""it's" 'say "hi"'"#, vec!["it's", "say \"hi\""]),
            (r#""a\"b" 'a\'b'"#, vec!["a\"b", "a'b"]),
            (r#""a\'b""#, vec![r"a\'b"]),
            ("*?[a] {a,b}", vec!["*?[a]", "{a,b}"]),
            (r"\*\?\[\\", vec![r"\*\?\[\\"]),
            (r"\a\ \'\{\]", vec!["a '{]"]),
            (r#"'*?[' "*?[""#, vec![r"\*\?\[", r"\*\?\["]),
            (r"'\*' '\?' '\['", vec![r"\\\*", r"\\\?", r"\\\["]),
            (r"'k\\l' 'a\ b' '\{'", vec![r"k\\l", r"a\ b", r"\{"]),
            (r"$'a\\b*\''", vec![r"a\\b\*'"]),
            ("$x x$ '$' $", vec!["$x", "x$", "$", "$"]),
        ] {
            let expected: Vec<String> = words.iter().map(|word| word.as_bytes().escape_ascii().to_string()).collect();
            assert_eq!(globs(line), expected, "{line}");
        }
    }

    #[test]
    fn arguments_that_are_not_globbed_lose_one_level_of_escaping() {
        assert_eq!(plain(r"\* '?' 'k\\l' '\*' 'a\ b' a\\\\b"), [&b"*"[..], b"?", b"k\\l", b"\\*", b"a\\ b", b"a\\\\b"]);
        assert_eq!(plain(r"$'\377\0\1018\777x\n'"), [&b"\xff\0A8\x3f7x\\n"[..]]);
    }

    #[test]
    fn braces_are_protected_for_those_who_ask() {
        let words = split(br#"{a,b} "{a,b}" \{a\,b\} '\{'"#).unwrap();
        let braces: Vec<&[u8]> = words.iter().map(Word::glob_with_braces).collect();
        assert_eq!(braces, [&br"{a,b}"[..], br"\{a\,b\}", br"\{a\,b\}", br"\{"]);
        assert_eq!((words[1].glob(), words[3].plain()), (&b"{a,b}"[..], br"\{".to_vec()));
    }

    #[test]
    fn the_words_of_openssh_s_own_glob_test_name_their_files() {
        for (word, matches, spares) in [
            ("d/fil*", "d/file", ""),
            ("d*", "d", ""),
            (r#"d/g-wild"*""#, "d/g-wild*", "d/g-wildx"),
            (r"d/g-wild\*", "d/g-wild*", "d/g-wildx"),
            (r#"d/g-quote\""#, r#"d/g-quote""#, ""),
            (r#""d/g-quote\"""#, r#"d/g-quote""#, ""),
            (r#"'d/g-quote"'"#, r#"d/g-quote""#, ""),
            (r"d/g-q\ space", "d/g-q space", ""),
            ("'d/g-q space'", "d/g-q space", ""),
            (r"d/g-sl\\ash", r"d/g-sl\ash", ""),
            (r"'d/g-sl\\ash'", r"d/g-sl\ash", ""),
            (r"d/g-slash\\", r"d/g-slash\", ""),
            (r"'d/g-slash\\'", r"d/g-slash\", ""),
            (r#"d/g-qs\\\""#, r#"d/g-qs\""#, ""),
            (r#"'d/g-qs\\"'"#, r#"d/g-qs\""#, ""),
        ] {
            let words = split(format!("ls -l {word}").as_bytes()).unwrap();
            let pattern = Pattern::parse(words[2].glob());
            assert!(pattern.matches(matches.as_bytes()), "{word} on {matches}");
            assert!(!pattern.matches(spares.as_bytes()), "{word} on {spares}");
        }
    }

    #[test]
    fn a_word_knows_where_it_stood() {
        let line = br#"  get "a b"c\ d  x#z"#;
        let spans: Vec<&[u8]> = split(line).unwrap().iter().map(|word| &line[word.span()]).collect();
        assert_eq!(spans, [&b"get"[..], br#""a b"c\ d"#, b"x"]);
    }

    #[test]
    fn a_word_knows_its_wildcards() {
        for (line, wildcards) in [("a*'*'?", &[1, 5][..]), (r"\*[a-z]] x]", &[2, 6]), ("abc", &[])] {
            assert_eq!(split(line.as_bytes()).unwrap()[0].wildcards(), wildcards, "{line}");
        }
    }

    #[test]
    fn what_is_not_closed_is_an_error_with_its_column() {
        for (line, message) in [
            ("get \"a b", "Unterminated quoted argument: the quote at column 5 is not closed"),
            ("get ä'b\\'", "Unterminated quoted argument: the quote at column 6 is not closed"),
            ("get $'a", "Unterminated quoted argument: the quote at column 5 is not closed"),
            ("get 'a\\", "Unterminated quoted argument: the quote at column 5 is not closed"),
            ("get a\\", "Unterminated quoted argument: the backslash at column 6 has nothing after it"),
        ] {
            assert_eq!(split(line.as_bytes()).unwrap_err().to_string(), message, "{line}");
        }
        assert!(split(b"get a # it's a comment").is_ok());
    }

    #[test]
    fn completion_gets_the_word_at_the_cursor() {
        for (line, complete, open, quoting) in [
            ("", 0, Some(""), Quoting::Bare),
            ("ge", 0, Some("ge"), Quoting::Bare),
            ("get ", 1, Some(""), Quoting::Bare),
            ("get a\\ ", 1, Some("a "), Quoting::Bare),
            ("get a\\", 1, Some("a"), Quoting::Backslash),
            ("get \"a b", 1, Some("a b"), Quoting::Double),
            ("get 'a ", 1, Some("a "), Quoting::Single),
            ("get $'a", 1, Some("a"), Quoting::Octal),
            ("get 'a b'", 1, Some("a b"), Quoting::Bare),
            ("get # ", 1, None, Quoting::Bare),
            ("get a#", 2, None, Quoting::Bare),
        ] {
            let partial = split_open(line.as_bytes());
            assert_eq!(partial.words.len(), complete, "{line:?}");
            let word = partial.open.as_ref();
            assert_eq!(word.map(Word::plain), open.map(|open| open.as_bytes().to_vec()), "{line:?}");
            assert_eq!(word.map_or(Quoting::Bare, Word::quoting), quoting, "{line:?}");
            assert!(word.is_none_or(|word| word.span().end == line.len()), "{line:?}");
        }
    }

    /// Applies sftp(1)'s rules byte by byte. Returns the words in glob syntax, or `None` if a quote is left open.
    fn split_as_sftp(line: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut words = Vec::new();
        let mut word: Option<Vec<u8>> = None;
        let mut open = None;
        let mut bytes = line.iter().copied();
        while let Some(byte) = bytes.next() {
            let glob = |protected: u8| matches!(protected, b'*' | b'?' | b'[');
            match (open, byte) {
                (None, b' ' | b'\t' | b'\n' | b'\x0b' | b'\x0c' | b'\r') => words.extend(word.take()),
                (None, b'#') => break,
                (None, b'\'' | b'"') => {
                    open = Some(byte);
                    word.get_or_insert_default();
                }
                (None, b'\\') => {
                    let byte = bytes.next()?;
                    let kept: &[u8] = if glob(byte) || byte == b'\\' { b"\\" } else { b"" };
                    word.get_or_insert_default().extend([kept, &[byte]].concat());
                }
                (None, _) => word.get_or_insert_default().push(byte),
                (Some(quote), _) if byte == quote => open = None,
                (Some(quote), b'\\') => {
                    let byte = bytes.next()?;
                    let kept: &[u8] = match byte {
                        _ if byte == quote => b"",
                        _ if glob(byte) => b"\\\\\\",
                        _ => b"\\",
                    };
                    word.get_or_insert_default().extend([kept, &[byte]].concat());
                }
                (Some(_), _) => {
                    let kept: &[u8] = if glob(byte) { b"\\" } else { b"" };
                    word.get_or_insert_default().extend([kept, &[byte]].concat());
                }
            }
        }
        words.extend(word);
        open.is_none().then_some(words)
    }

    /// Generates bytes of names, with special ones more often.
    fn names() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(&b"ab \\'\"*?[]{},;#$!07\xff\xc3\xa4\x1b"[..])],
            1..12,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn lines_split_as_sftp_splits_them(
            line in prop::collection::vec(prop::sample::select(&b"aab  \\\\''\"\"*?[]{}#\t\n\x0b\x0c\r\0\xff"[..]), 0..16),
        ) {
            let ours = split(&line).ok();
            let globs = ours.as_ref().map(|words| words.iter().map(|word| word.glob().to_vec()).collect::<Vec<_>>());
            prop_assert_eq!(globs, split_as_sftp(&line));
            // Each word means the same alone as in the line.
            for word in ours.iter().flatten() {
                let alone = split(&line[word.span()]).unwrap();
                prop_assert_eq!(alone[0].glob(), word.glob());
            }
        }

        #[test]
        fn no_line_of_bytes_makes_the_split_panic(line in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = split(&line);
            let partial = split_open(&line);
            for word in partial.words.iter().chain(&partial.open) {
                prop_assert!(word.span().start <= word.span().end && word.span().end <= line.len());
                let _ = word.plain();
            }
        }

        #[test]
        fn no_line_of_metacharacters_makes_the_split_panic(
            line in prop::collection::vec(prop::sample::select(&b"ab \\\\'\"$*?[#{}0379,"[..]), 0..13),
        ) {
            match split(&line) {
                Ok(words) => prop_assert!(words.iter().all(|word| word.quoting() == Quoting::Bare)),
                Err(_) => prop_assert_ne!(split_open(&line).open.unwrap().quoting(), Quoting::Bare),
            }
        }

        #[test]
        fn octal_words_carry_any_bytes(name in prop::collection::vec(any::<u8>(), 0..20)) {
            let octal: String = name.iter().map(|byte| format!("\\{byte:03o}")).collect();
            prop_assert_eq!(plain(&format!("rm $'{octal}'")).pop(), Some(name));
        }

        #[test]
        fn a_name_that_was_quoted_for_pasting_is_read_back(name in names()) {
            for written in [
                paste(&name),
                format!("'{}'", escape(&name, Quote::Single)),
                format!("\"{}\"", escape(&name, Quote::Double)),
            ] {
                let words = split(format!("get {written} x").as_bytes()).unwrap();
                prop_assert_eq!(words.len(), 3);
                prop_assert_eq!(&words[1].plain(), &name);
                let globs = expand_braces(words[1].glob_with_braces()).unwrap();
                prop_assert_eq!(globs.len(), 1);
                prop_assert_eq!(Pattern::parse(&globs[0]).text(), name.clone());
                prop_assert!(Pattern::parse(&globs[0]).is_literal());
            }
        }

        #[test]
        fn names_that_adjoin_whatever_is_open_are_read_back(parts in prop::collection::vec(names(), 1..4), quotes: [bool; 3]) {
            let written: String = parts
                .iter()
                .zip(quotes.iter().cycle())
                .map(|(part, single)| match single {
                    true => format!("'{}'", escape(part, Quote::Single)),
                    false => format!("\"{}\"", escape(part, Quote::Double)),
                })
                .collect();
            prop_assert_eq!(plain(&written), [parts.concat()]);
        }
    }
}
