//! Words for a local shell (`lls …`, `!…`): read by POSIX's rules (XCU 2.2), and written so that the shell takes a
//! name literally.
//!
//! The shell is the user's, so names are written in the only form that `sh`, `csh` and `fish` share: with a backslash
//! before every character that could be special.

use crate::terminal::Printable;
use crate::terminal::quote::Quote;

/// The word at the end of a shell's line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ShellWord {
    /// The position at which it starts in the line.
    pub(super) start: usize,
    /// The quote that is open at its end.
    pub(super) quote: Quote,
    /// The text that it stands for.
    pub(super) plain: Vec<u8>,
}

/// The role of a word in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// The name of a program, which the shell looks up in PATH unless it contains a slash.
    Command,
    /// An argument.
    Argument,
}

/// A word that is being read.
struct Reader {
    word: ShellWord,
    position: Position,
    /// True if a part of the word was read, even if that is an empty pair of quotes.
    begun: bool,
    /// True if the word is a plain name, without expansions.
    is_name: bool,
}

/// Returns the word at the end of a line that begins with a word in this role. Returns `None` if that is not a plain
/// name that can be continued: in a comment or a substitution, with a wildcard or a variable, or for a program in
/// PATH.
pub(super) fn at_end_of(line: &[u8], position: Position) -> Option<ShellWord> {
    let mut reader = Reader::at(0, position);
    let mut rest = line.iter().copied().enumerate();
    while let Some((at, byte)) = rest.next() {
        match (reader.word.quote, byte) {
            // Inside backquotes, a backslash protects fewer characters.
            (Quote::Bare | Quote::Double, b'`') => return None,
            (Quote::Bare, b'#') if !reader.begun => return None,
            (Quote::Bare, b' ' | b'\t') => reader = Reader::at(at + 1, reader.after()),
            (Quote::Bare, b';' | b'&' | b'|' | b'(' | b')') => reader = Reader::at(at + 1, Position::Command),
            (Quote::Bare, b'<' | b'>') => reader = Reader::at(at + 1, Position::Argument),
            (Quote::Bare, b'\'') => reader.open(Quote::Single),
            (Quote::Bare, b'"') => reader.open(Quote::Double),
            (Quote::Single, b'\'') | (Quote::Double, b'"') => reader.open(Quote::Bare),
            (Quote::Bare, b'\\') => reader.push(rest.next()?.1),
            (Quote::Double, b'\\') => match rest.next()?.1 {
                next @ (b'$' | b'`' | b'"' | b'\\') => reader.push(next),
                next => [b'\\', next].into_iter().for_each(|byte| reader.push(byte)),
            },
            (Quote::Bare | Quote::Double, b'$') | (Quote::Bare, b'*' | b'?' | b'[' | b'{') => reader.expand(byte),
            (Quote::Bare, b'~') if !reader.begun => reader.expand(byte),
            _ => reader.push(byte),
        }
    }
    let is_sought = reader.position == Position::Command && !reader.word.plain.contains(&b'/');
    (reader.is_name && !is_sought).then_some(reader.word)
}

impl Reader {
    fn at(start: usize, position: Position) -> Reader {
        let word = ShellWord { start, quote: Quote::Bare, plain: Vec::new() };
        Reader { word, position, begun: false, is_name: true }
    }

    /// Returns the role of the next word, after a blank.
    fn after(&self) -> Position {
        if self.begun { Position::Argument } else { self.position }
    }

    fn open(&mut self, quote: Quote) {
        self.word.quote = quote;
        self.begun = true;
    }

    fn push(&mut self, byte: u8) {
        self.word.plain.push(byte);
        self.begun = true;
    }

    fn expand(&mut self, byte: u8) {
        self.push(byte);
        self.is_name = false;
    }
}

/// Returns whether a name can be written for every shell: it must be text without hidden characters. There is no
/// common form for other bytes.
pub(super) fn can_be_written(name: &[u8]) -> bool {
    Printable(name).text().as_bytes() == name
}

/// Writes a name, or the beginning of one, for a word that `quote` opens. The quote is left open. A name that begins
/// with a dash gets `./` before it, so that it is no option.
pub(super) fn write(name: &[u8], quote: Quote) -> String {
    let mark = quote.mark();
    let mut written: String = mark.into_iter().collect();
    if name.starts_with(b"-") {
        written.push_str("./");
    }
    for c in String::from_utf8_lossy(name).chars() {
        if is_plain(c, quote) {
            written.push(c);
        } else {
            // Close the quotes, and open them again.
            written.extend(mark);
            written.push('\\');
            written.push(c);
            written.extend(mark);
        }
    }
    written
}

/// Returns whether a character is literal in this position for every shell. In csh, `!` is special inside quotes too.
fn is_plain(c: char, quote: Quote) -> bool {
    match quote {
        Quote::Bare => match c {
            _ if c.is_ascii() => c.is_ascii_alphanumeric() || "_-./,:+@%".contains(c),
            _ => !c.is_whitespace(),
        },
        Quote::Single => !matches!(c, '\'' | '!' | '\\'),
        Quote::Double => !matches!(c, '"' | '!' | '\\' | '$' | '`'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    fn word(line: &str) -> Option<(usize, Quote, String)> {
        let word = at_end_of(line.as_bytes(), Position::Argument)?;
        Some((word.start, word.quote, String::from_utf8(word.plain).unwrap()))
    }

    #[test]
    fn the_word_at_the_end_is_read_as_sh_reads_it() {
        for (line, start, quote, plain) in [
            ("", 0, Quote::Bare, ""),
            ("ab", 0, Quote::Bare, "ab"),
            ("-l a\\ b", 3, Quote::Bare, "a b"),
            ("'a b'c", 0, Quote::Bare, "a bc"),
            ("'a \"b", 0, Quote::Single, "a \"b"),
            ("\"a '\\\"\\n", 0, Quote::Double, "a '\"\\n"),
            ("\"a\"\\''b", 0, Quote::Single, "a'b"),
            ("a#b", 0, Quote::Bare, "a#b"),
            ("a|cat b", 6, Quote::Bare, "b"),
            ("a >b", 3, Quote::Bare, "b"),
            ("a; cat  x", 8, Quote::Bare, "x"),
            ("$(cat x", 6, Quote::Bare, "x"),
            ("'$(x) `*?", 0, Quote::Single, "$(x) `*?"),
            ("a~", 0, Quote::Bare, "a~"),
        ] {
            assert_eq!(word(line), Some((start, quote, plain.to_owned())), "{line}");
        }
        for line in
            ["a*", "$HOME/x", "\"$x", "`cat x", "\"`x", "# x", "a #x", "~/x", "a\\", "\"a\\", "{a,b", "a;ca", "$(ca"]
        {
            assert_eq!(word(line), None, "{line}");
        }
        assert_eq!(at_end_of(b"ls", Position::Command), None);
        assert_eq!(at_end_of(b"./l", Position::Command).unwrap().plain, b"./l");
        assert_eq!(at_end_of(b"  ls x", Position::Command).unwrap().plain, b"x");
    }

    #[test]
    fn a_name_is_written_with_the_least_quoting() {
        for (name, bare, single, double) in [
            ("plain-1.txt", "plain-1.txt", "'plain-1.txt", "\"plain-1.txt"),
            ("two words", "two\\ words", "'two words", "\"two words"),
            ("it's", "it\\'s", "'it'\\''s", "\"it's"),
            ("$(touch x)", "\\$\\(touch\\ x\\)", "'$(touch x)", "\"\"\\$\"(touch x)"),
            ("`id`", "\\`id\\`", "'`id`", "\"\"\\`\"id\"\\`\""),
            ("-rf", "./-rf", "'./-rf", "\"./-rf"),
            ("~", "\\~", "'~", "\"~"),
            ("a!b", "a\\!b", "'a'\\!'b", "\"a\"\\!\"b"),
            ("jürgen", "jürgen", "'jürgen", "\"jürgen"),
        ] {
            let written = [Quote::Bare, Quote::Single, Quote::Double].map(|quote| write(name.as_bytes(), quote));
            assert_eq!(written, [bare, single, double]);
        }
    }

    /// Returns the words as `shell` reads them.
    fn read_by(shell: &str, words: &[String]) -> Option<Vec<String>> {
        let output = Command::new(shell).arg("-c").arg(format!("printf '%s\\0' {}", words.join(" "))).output().ok()?;
        assert!(output.status.success(), "{shell}: {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        let mut read: Vec<_> = output.stdout.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect();
        read.pop();
        Some(read.into_iter().map(|word| String::from_utf8(word).unwrap()).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn every_shell_reads_the_name_back_and_so_do_we(
            names in prop::collection::vec("[ -~äЖ日😀\u{3000}]{1,12}|[-~=$`'\"!\\\\#&;|<>(){}*?^%\\[\\] ]{1,12}", 1..40),
        ) {
            let quotes = [Quote::Bare, Quote::Single, Quote::Double];
            for quote in quotes {
                let closed = |name: &String| {
                    let mut word = write(name.as_bytes(), quote);
                    word.extend(quote.mark());
                    word
                };
                let words: Vec<String> = names.iter().map(closed).collect();
                let meant: Vec<String> =
                    names.iter().map(|name| if name.starts_with('-') { format!("./{name}") } else { name.clone() }).collect();
                for shell in ["sh", "bash", "zsh", "fish", "csh"] {
                    if let Some(read) = read_by(shell, &words) {
                        prop_assert_eq!(&read, &meant, "{}", shell);
                    }
                }
                for (name, meant) in names.iter().zip(&meant) {
                    let open = at_end_of(write(name.as_bytes(), quote).as_bytes(), Position::Argument);
                    prop_assert_eq!(open.map(|word| (word.quote, word.plain)), Some((quote, meant.as_bytes().to_vec())));
                }
            }
        }
    }

    #[test]
    fn names_that_no_form_fits_for_every_shell_are_not_written() {
        for (name, can) in
            [(&b"a b"[..], true), ("ä".as_bytes(), true), (b"a\nb", false), (b"\xff", false), (b"a\x1b", false)]
        {
            assert_eq!(can_be_written(name), can, "{}", name.escape_ascii());
        }
    }
}
