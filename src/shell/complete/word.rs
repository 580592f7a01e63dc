//! The word at the cursor: the text typed so far, the entries that fit it, and their written form.

use crate::commands::word::{Quoting, Word};
use crate::name::ByteStrings;
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

/// Candidates for the word: words, or entries of its directory. There may be millions, so they are packed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Candidates {
    /// The directory of the entries, as typed, with its slash.
    directory: Vec<u8>,
    /// True if they are entries of the directory.
    are_entries: bool,
    /// The names in the list of candidates.
    names: ByteStrings,
    are_directories: Vec<bool>,
}

/// The answer to a Tab.
#[derive(Debug, Default)]
pub(crate) struct Completion {
    /// The start of the word in the line; the word ends at the cursor.
    pub(crate) start: usize,
    /// The replacement of the word; with several candidates, their common beginning. The line editor could compute it
    /// too, but might cut it within an escape.
    pub(crate) replacement: String,
    candidates: Candidates,
}

impl Completion {
    /// Returns the candidates as shown in the list.
    pub(crate) fn shown(&self) -> impl ExactSizeIterator<Item = String> {
        let Candidates { names, are_directories, .. } = &self.candidates;
        names.iter().zip(are_directories).map(|(name, &is_directory)| {
            let slash = if is_directory { "/" } else { "" };
            format!("{}{slash}", Printable(name))
        })
    }
}

impl Candidates {
    /// Returns candidates that are not paths.
    pub(super) fn words<'a>(names: impl IntoIterator<Item = &'a str>) -> Candidates {
        let mut candidates = Candidates::default();
        names.into_iter().for_each(|name| candidates.push(name.as_bytes(), false));
        candidates
    }

    /// Returns the first candidates in the word's directory: its parent directory, if the word ends in two dots, or
    /// none.
    pub(super) fn in_directory_of(fragment: &Fragment) -> Candidates {
        let directory = fragment.directory().unwrap_or_default().to_vec();
        let mut candidates = Candidates { directory, are_entries: true, ..Candidates::default() };
        if fragment.is_two_dots() {
            candidates.push(b"..", true);
        }
        candidates
    }

    pub(super) fn push(&mut self, name: &[u8], is_directory: bool) {
        self.names.push(name);
        self.are_directories.push(is_directory);
    }

    /// Sorts the candidates by name.
    pub(super) fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        order.sort_by(|&one, &other| self.names.get(one).cmp(self.names.get(other)));
        self.names = self.names.pick(&order);
        self.are_directories = order.iter().map(|&index| self.are_directories[index]).collect();
    }

    pub(super) fn len(&self) -> usize {
        self.are_directories.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.are_directories.is_empty()
    }

    /// Returns the whole word that ends with this name. A name that begins with a dash gets a directory before it, so
    /// that it is no flag.
    fn word(&self, name: &[u8]) -> Vec<u8> {
        let is_like_a_flag = self.are_entries && self.directory.is_empty() && name.starts_with(b"-");
        let directory: &[u8] = if is_like_a_flag { b"./" } else { &self.directory };
        [directory, name].concat()
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

    /// Returns whether the word ends in two dots, which mean the parent directory.
    fn is_two_dots(&self) -> bool {
        self.meaning.as_ref().is_some_and(|meaning| &meaning.plain[meaning.last..] == b"..")
    }

    /// Returns the candidates in the form in which they are shown and written.
    pub(super) fn completed(&self, candidates: Candidates) -> Completion {
        let replacement = match candidates.len() {
            0 => return Completion::default(),
            1 => self.write_whole(&candidates),
            _ => self.write_common(&candidates),
        };
        Completion { start: self.start, replacement, candidates }
    }

    /// Writes the only candidate and a blank. A directory gets a slash instead, so that the next component can follow.
    fn write_whole(&self, candidates: &Candidates) -> String {
        let mut written = self.write(&candidates.word(candidates.names.get(0)));
        if candidates.are_directories[0] {
            written.push('/');
        } else {
            written.extend(self.quote.mark());
            written.push(' ');
        }
        written
    }

    /// Writes the common beginning of all candidates. Typed wildcards stay, because the list shows their matches.
    fn write_common(&self, candidates: &Candidates) -> String {
        if self.meaning.as_ref().is_some_and(|meaning| meaning.pattern.is_some()) {
            return String::new();
        }
        let first = candidates.names.get(0);
        let common = candidates
            .names
            .iter()
            .fold(first.len(), |common, name| first[..common].iter().zip(name).take_while(|(a, b)| a == b).count());
        self.write(whole_characters(&candidates.word(&first[..common])))
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
        let mut candidates = Candidates::in_directory_of(&fragment);
        fitting.for_each(|entry| candidates.push(entry, entry.ends_with(b"dir")));
        match candidates.is_empty() {
            true => line.to_owned(),
            false => {
                let completion = fragment.completed(candidates);
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
            ("get ", &[b"-r"], "get ./-r "),
            ("get \"", &[b"-r"], "get \"./-r\" "),
            ("get ./", &[b"-r"], "get ./-r "),
            ("get ", &[b"-a", b"-b"], "get ./-"),
            ("get -", &[b"-a"], "get ./-a "),
        ] {
            assert_eq!(completed(line, entries), after, "{line:?} {entries:?}");
        }
    }

    #[test]
    fn wildcards_are_listed_and_kept() {
        let fragment = fragment("get n*");
        let mut candidates = Candidates::in_directory_of(&fragment);
        [&b"notes"[..], b"news"].into_iter().for_each(|name| candidates.push(name, false));
        assert!(candidates.names.iter().all(|name| fragment.fits(name)));
        let completion = fragment.completed(candidates);
        assert_eq!(completion.replacement, "");
        assert!(completion.shown().eq(["notes", "news"]));
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

    #[test]
    fn a_candidate_takes_9_bytes_and_its_name() {
        let mut candidates = Candidates::in_directory_of(&fragment("get many/"));
        (0..100_000).for_each(|number| candidates.push(format!("name-{number:06}").as_bytes(), false));
        candidates.sort();
        let bytes = candidates.names.bytes() + size_of_val(&candidates.are_directories[..]);
        assert_eq!(bytes, 100_000 * (9 + 11));
    }
}
