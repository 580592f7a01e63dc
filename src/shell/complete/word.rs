//! The word at the cursor: the text typed so far, the entries that fit it, and their written form.

use crate::commands::word::{Quoting, Word};
use crate::remote::glob::{NamePattern, Pattern};
use crate::shell::complete::shell_word::{self, ShellWord};
use crate::terminal::Printable;
use crate::terminal::quote::{Quote, escape};

/// A word that is being typed.
pub(super) struct Fragment {
    /// The position at which it starts in the line.
    start: usize,
    quote: Quote,
    reader: Reader,
    /// True if it begins with a `~` that means a home directory.
    is_at_home: bool,
    /// The meaning of the word. `None` if it ends in a form that can't be continued, or has wildcards in its
    /// directory.
    meaning: Option<Meaning>,
}

/// The reader of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// sftpsh, by sftp(1)'s rules.
    Ourselves,
    /// A local shell.
    Shell,
}

struct Meaning {
    /// The word without quotes.
    plain: Vec<u8>,
    /// The position at which the last component starts.
    last: usize,
    /// The pattern, if the last component has wildcards.
    pattern: Option<NamePattern>,
}

/// A candidate for the word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// The name in the list of candidates.
    name: Vec<u8>,
    /// The whole word.
    word: Vec<u8>,
    is_directory: bool,
}

/// The answer to a Tab.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Completion {
    /// The start of the word in the line; the word ends at the cursor.
    pub(crate) start: usize,
    /// The replacement of the word; with several candidates, their common beginning. The line editor could compute it
    /// too, but might cut it within an escape.
    pub(crate) replacement: String,
    /// The candidates as shown in the list.
    pub(crate) shown: Vec<String>,
}

impl Candidate {
    /// Creates a candidate that is not a path.
    pub(super) fn word(name: &[u8]) -> Candidate {
        Candidate { name: name.to_vec(), word: name.to_vec(), is_directory: false }
    }

    /// Creates a candidate for an entry of the word's directory.
    pub(super) fn entry(fragment: &Fragment, name: &[u8], is_directory: bool) -> Candidate {
        let mut word = fragment.directory().unwrap_or_default().to_vec();
        word.extend_from_slice(name);
        Candidate { name: name.to_vec(), word, is_directory }
    }
}

impl Fragment {
    /// Takes the word at the end of a line. `before` is the number of bytes before the line's words.
    pub(super) fn of(word: &Word, before: usize) -> Fragment {
        let (quote, can_go_on) = match word.quoting() {
            Quoting::Single => (Quote::Single, true),
            Quoting::Double => (Quote::Double, true),
            Quoting::Bare => (Quote::Bare, true),
            Quoting::Backslash | Quoting::Octal => (Quote::Bare, false),
        };
        let meaning = if can_go_on { Meaning::of(word) } else { None };
        let (reader, is_at_home) = (Reader::Ourselves, word.begins_with_bare_tilde());
        Fragment { start: before + word.span().start, quote, reader, is_at_home, meaning }
    }

    /// Takes the word at the end of a local shell's line. `before` is the number of bytes before that line.
    pub(super) fn of_shell(word: ShellWord, before: usize) -> Fragment {
        let ShellWord { start, quote, plain } = word;
        let last = plain.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let meaning = Some(Meaning { plain, last, pattern: None });
        Fragment { start: before + start, quote, reader: Reader::Shell, is_at_home: false, meaning }
    }

    /// Returns whether it begins with a `~` that means a home directory.
    pub(super) fn is_at_home(&self) -> bool {
        self.is_at_home
    }

    /// Returns the typed text of a word that is not a path.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        self.meaning.as_ref().map(|meaning| meaning.plain.as_slice())
    }

    /// Returns the word's directory, up to and including its last slash. Empty if there is no slash.
    pub(super) fn directory(&self) -> Option<&[u8]> {
        self.meaning.as_ref().map(|meaning| &meaning.plain[..meaning.last])
    }

    /// Returns whether an entry of that directory fits the typed text.
    pub(super) fn fits(&self, name: &[u8]) -> bool {
        let Some(meaning) = &self.meaning else { return false };
        let begun = &meaning.plain[meaning.last..];
        match &meaning.pattern {
            _ if self.reader == Reader::Shell && !shell_word::can_be_written(name) => false,
            // Hidden files fit only if the typed name begins with a dot.
            _ if name.starts_with(b".") && !begun.starts_with(b".") => false,
            Some(pattern) => pattern.matches(name),
            None => name.starts_with(begun),
        }
    }

    /// Returns the parent directory as a candidate, if the word ends in two dots.
    pub(super) fn dots(&self) -> Vec<Candidate> {
        match &self.meaning {
            Some(meaning) if &meaning.plain[meaning.last..] == b".." => vec![Candidate::entry(self, b"..", true)],
            _ => Vec::new(),
        }
    }

    /// Returns the candidates in the form in which they are shown and written.
    pub(super) fn completed(&self, candidates: &[Candidate]) -> Completion {
        let replacement = match candidates {
            [] => return Completion::default(),
            [only] => self.write_whole(only),
            several => self.write_common(several),
        };
        let shown = candidates.iter().map(|candidate| {
            let slash = if candidate.is_directory { "/" } else { "" };
            format!("{}{slash}", Printable(&candidate.name))
        });
        Completion { start: self.start, replacement, shown: shown.collect() }
    }

    /// Writes a whole word and a blank. A directory gets a slash instead, so that the next component can follow.
    fn write_whole(&self, candidate: &Candidate) -> String {
        let mut written = self.write(&candidate.word);
        if candidate.is_directory {
            written.push('/');
        } else {
            written.extend(self.quote.mark());
            written.push(' ');
        }
        written
    }

    /// Writes the common beginning of all candidates. Typed wildcards stay, because the list shows their matches.
    fn write_common(&self, candidates: &[Candidate]) -> String {
        if self.meaning.as_ref().is_some_and(|meaning| meaning.pattern.is_some()) {
            return String::new();
        }
        let mut words = candidates.iter().map(|candidate| candidate.word.as_slice());
        let first = words.next().unwrap_or_default();
        let common = words
            .fold(first.len(), |common, word| first[..common].iter().zip(word).take_while(|(a, b)| a == b).count());
        self.write(whole_characters(&first[..common]))
    }

    fn write(&self, word: &[u8]) -> String {
        if self.reader == Reader::Shell {
            return shell_word::write(word, self.quote);
        }
        let mut written: String = self.quote.mark().into_iter().collect();
        if self.quote == Quote::Bare && word.starts_with(b"~") && !self.is_at_home {
            written.push('\\');
        }
        written.push_str(&escape(word, self.quote));
        written
    }
}

impl Meaning {
    fn of(word: &Word) -> Option<Meaning> {
        let glob = word.glob();
        let (directory, begun) =
            glob.split_at(glob.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1));
        let mut plain = Pattern::parse(directory).literal()?;
        let last = plain.len();
        let pattern = match Pattern::parse(begun).literal() {
            Some(begun) => {
                plain.extend_from_slice(&begun);
                None
            }
            None => {
                plain.extend_from_slice(begun);
                Some(NamePattern::parse(&[begun, b"*"].concat()))
            }
        };
        Some(Meaning { plain, last, pattern })
    }
}

/// Returns the bytes without a character that is cut at their end.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => &bytes[..error.valid_up_to()],
        _ => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::words::{split, split_open};

    fn fragment(line: &str) -> Fragment {
        Fragment::of(&split_open(line.as_bytes()).open.unwrap(), 0)
    }

    /// Returns the line after Tab, if the word's directory has these entries.
    fn completed(line: &str, entries: &[&[u8]]) -> String {
        let fragment = fragment(line);
        let fitting = entries.iter().filter(|entry| fragment.fits(entry));
        let candidates: Vec<Candidate> =
            fitting.map(|entry| Candidate::entry(&fragment, entry, entry.ends_with(b"dir"))).collect();
        match candidates.is_empty() {
            true => line.to_owned(),
            false => {
                let completion = fragment.completed(&candidates);
                format!("{}{}", &line[..completion.start], completion.replacement)
            }
        }
    }

    #[test]
    fn a_word_goes_on_as_it_was_begun() {
        for (line, entries, after) in [
            ("get no", &[&b"notes"[..]][..], "get notes "),
            ("get no", &[b"notes", b"notables"], "get not"),
            ("get ", &[b"a b"], "get a\\ b "),
            ("get a\\ ", &[b"a b", b"abc"], "get a\\ b "),
            ("get \"a ", &[b"a b"], "get \"a b\" "),
            ("get 'it", &[b"it's"], "get 'it\\'s' "),
            ("get 'a'\\ ", &[b"a b"], "get a\\ b "),
            ("get x", &[b"x y", b"x*y"], "get x"),
            ("get sub/f", &[b"file"], "get sub/file "),
            ("get \"my sub/f", &[b"file"], "get \"my sub/file\" "),
            ("cd d", &[b"dir"], "cd dir/"),
            ("cd \"d", &[b"dir"], "cd \"dir/"),
            ("get .", &[b".profile", b"a"], "get .profile "),
            ("get ", &[b".profile"], "get "),
            ("get caf", &[b"caf\xe9"], "get caf$'\\351' "),
            ("get caf$'\\351'", &[b"caf\xe9 1"], "get caf$'\\351'\\ 1 "),
            ("get \u{e4}", &["\u{e4}\u{f6}".as_bytes(), "\u{e4}\u{fc}".as_bytes()], "get \u{e4}"),
            ("get n*s", &[b"notes"], "get notes "),
            ("get n*/x", &[b"xy"], "get n*/x"),
            ("get a\\", &[b"a b"], "get a\\"),
            ("get $'\\3", &[b"\xe9"], "get $'\\3"),
        ] {
            assert_eq!(completed(line, entries), after, "{line:?} {entries:?}");
        }
    }

    #[test]
    fn wildcards_are_listed_and_kept() {
        let fragment = fragment("get n*");
        let candidates = [&b"notes"[..], b"news"].map(|name| Candidate::entry(&fragment, name, false));
        assert!(candidates.iter().all(|candidate| fragment.fits(&candidate.name)));
        let completion = fragment.completed(&candidates);
        assert_eq!(
            (completion.replacement.as_str(), completion.shown),
            ("", ["notes", "news"].map(str::to_owned).into())
        );
    }

    #[test]
    fn names_are_printable_in_the_list_and_read_back_from_the_line() {
        for name in [&b"\x1b[2J"[..], b"a\nb", b"\xff\xfe", b"#", b"two  blanks", b"{a,b}", b"\"'\\"] {
            for line in ["get ", "get \"", "get '"] {
                let after = completed(line, &[name]);
                assert!(after.chars().all(|c| !c.is_control()), "{after:?}");
                let words = split(after.as_bytes()).unwrap();
                assert_eq!(Pattern::parse(words[1].glob()).literal().unwrap(), name, "{after:?}");
            }
        }
    }
}
