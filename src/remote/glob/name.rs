//! Matches one component against one name, with the crate `wildmatch`.
//!
//! wildmatch has only `*` and `?`. So we resolve escapes first and use private-use characters as its two wildcards.
//! If a pattern contains one of these characters literally, it becomes a class of one. A pattern is cut into pieces
//! at its classes, and a set of reachable positions moves over the name from piece to piece. Each piece moves the
//! whole set at once, so the time is polynomial for every pattern and name.

use wildmatch::WildMatchPattern;

use crate::remote::glob::class::Class;
use crate::remote::glob::unit::{Alphabet, Unit};

const ANY_RUN: char = '\u{f8f0}';
const ANY_ONE: char = '\u{f8f1}';

/// A pattern with wildcards that it never contains as literals.
type Wild = WildMatchPattern<ANY_RUN, ANY_ONE>;

/// A pattern for one name, in glob syntax.
#[derive(Clone, Debug)]
pub struct NamePattern {
    /// For names in valid UTF-8; `None` if the pattern is not valid UTF-8.
    unicode: Option<Program>,
    bytes: Program,
}

impl NamePattern {
    /// Reads a pattern for one name. A slash has no special meaning here.
    #[must_use]
    pub fn parse(glob: &[u8]) -> NamePattern {
        let unicode = std::str::from_utf8(glob).ok();
        NamePattern {
            unicode: unicode.map(|text| Program::compile(text.chars(), Alphabet::Unicode)),
            bytes: Program::compile(glob.iter().copied().map(char::from), Alphabet::Bytes),
        }
    }

    /// Returns whether a name matches. Only a literal dot matches a leading dot.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        match (&self.unicode, std::str::from_utf8(name)) {
            (Some(program), Ok(name)) => program.matches(name),
            _ => self.bytes.matches(&name.iter().copied().map(char::from).collect::<String>()),
        }
    }

    /// Returns whether the pattern has no metacharacters, so that it can match only one name.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.bytes.literal
    }
}

#[derive(Clone, Debug)]
struct Program {
    alphabet: Alphabet,
    parts: Vec<Part>,
    starts_with_dot: bool,
    literal: bool,
}

#[derive(Clone, Debug)]
enum Part {
    Class(Class),
    Piece(Box<Piece>),
}

impl Program {
    fn compile(characters: impl Iterator<Item = char>, alphabet: Alphabet) -> Program {
        let units = units(characters);
        let mut program = Program {
            alphabet,
            parts: Vec::new(),
            starts_with_dot: units.first().is_some_and(|unit| unit.character == '.'),
            literal: true,
        };
        let last_bracket = units.iter().rposition(|unit| unit.is(']')).unwrap_or(0);
        let mut piece = String::new();
        let mut rest = units.as_slice();
        while let [unit, behind @ ..] = rest {
            rest = behind;
            let wildcard = [('*', ANY_RUN), ('?', ANY_ONE)].into_iter().find(|(meta, _)| unit.is(*meta));
            let in_reach = units.len() - rest.len() <= last_bracket;
            let class = if unit.is('[') && in_reach { Class::parse(rest) } else { None };
            program.literal &= wildcard.is_none() && class.is_none();
            match (wildcard, class) {
                (Some((_, wildcard)), _) => piece.push(wildcard),
                (None, Some((class, length))) => {
                    program.push(&mut piece, class);
                    rest = &rest[length..];
                }
                _ if matches!(unit.character, ANY_RUN | ANY_ONE) => program.push(&mut piece, Class::of(unit.character)),
                _ => piece.push(unit.character),
            }
        }
        program.parts.push(Part::Piece(Box::new(Piece::new(&piece))));
        program
    }

    fn push(&mut self, piece: &mut String, class: Class) {
        if !piece.is_empty() {
            self.parts.push(Part::Piece(Box::new(Piece::new(piece))));
            piece.clear();
        }
        self.parts.push(Part::Class(class));
    }

    fn matches(&self, name: &str) -> bool {
        if name.starts_with('.') && !self.starts_with_dot {
            return false;
        }
        if let [Part::Piece(piece)] = self.parts.as_slice() {
            return piece.whole.matches(name);
        }
        let name = Name::new(name);
        let mut reachable = vec![0];
        for part in &self.parts {
            reachable = match part {
                Part::Class(class) => name.after_class(&reachable, class, self.alphabet),
                Part::Piece(piece) => piece.advance(&name, &reachable),
            };
            if reachable.is_empty() {
                return false;
            }
        }
        reachable.last() == Some(&name.length())
    }
}

/// A part of a pattern without classes.
#[derive(Clone, Debug)]
struct Piece {
    whole: Wild,
    /// The part before the first star, or the whole piece.
    head: Fixed,
    /// The rest, if the piece has a star.
    stars: Option<Stars>,
}

#[derive(Clone, Debug)]
struct Stars {
    /// Everything up to and including the last star. Once it matches, it matches any continuation.
    open: Wild,
    /// The part after the last star.
    tail: Fixed,
}

/// A part without stars. It matches as many characters as it has.
#[derive(Clone, Debug)]
struct Fixed {
    wild: Wild,
    length: usize,
}

impl Fixed {
    fn new(text: &str) -> Fixed {
        Fixed { wild: Wild::new(text), length: text.chars().count() }
    }

    fn matches_at(&self, name: &Name<'_>, start: usize) -> bool {
        name.slice(start, start + self.length).is_some_and(|text| self.wild.matches(text))
    }
}

impl Piece {
    fn new(text: &str) -> Piece {
        let stars = text.rfind(ANY_RUN).map(|star| {
            let (open, tail) = text.split_at(star + ANY_RUN.len_utf8());
            Stars { open: Wild::new(open), tail: Fixed::new(tail) }
        });
        let head = text.split_once(ANY_RUN).map_or(text, |(head, _)| head);
        Piece { whole: Wild::new(text), head: Fixed::new(head), stars }
    }

    /// Returns all positions at which the piece can end if it starts at one of `starts`. Both lists are ascending.
    fn advance(&self, name: &Name<'_>, starts: &[usize]) -> Vec<usize> {
        let mut fitting = starts.iter().copied().filter(|&start| self.head.matches_at(name, start));
        let Some(stars) = &self.stars else {
            return fitting.map(|start| start + self.head.length).collect();
        };
        // The earliest start can reach every end of a later one, because its first star matches the bytes between
        // them.
        let Some(start) = fitting.next() else { return Vec::new() };
        let Some(earliest) = stars.earliest_end(name, start) else { return Vec::new() };
        (earliest..=name.length())
            .filter(|&tail| stars.tail.matches_at(name, tail))
            .map(|tail| tail + stars.tail.length)
            .collect()
    }
}

impl Stars {
    /// Returns the first position at which the part before the tail can end.
    fn earliest_end(&self, name: &Name<'_>, start: usize) -> Option<usize> {
        let matches = |end| name.slice(start, end).is_some_and(|text| self.open.matches(text));
        if !matches(name.length()) {
            return None;
        }
        let (mut low, mut high) = (start, name.length());
        while low < high {
            let middle = low.midpoint(high);
            if matches(middle) { high = middle } else { low = middle + 1 }
        }
        Some(low)
    }
}

/// A name with the byte offsets of its characters. Positions are counted in characters.
struct Name<'a> {
    text: &'a str,
    bounds: Vec<usize>,
}

impl<'a> Name<'a> {
    fn new(text: &'a str) -> Name<'a> {
        let bounds = text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect();
        Name { text, bounds }
    }

    fn length(&self) -> usize {
        self.bounds.len() - 1
    }

    fn slice(&self, start: usize, end: usize) -> Option<&'a str> {
        self.text.get(*self.bounds.get(start)?..*self.bounds.get(end)?)
    }

    fn after_class(&self, starts: &[usize], class: &Class, alphabet: Alphabet) -> Vec<usize> {
        let fits = |&start: &usize| {
            let character = self.slice(start, start + 1).and_then(|text| text.chars().next());
            character.is_some_and(|character| class.matches(character, alphabet))
        };
        starts.iter().copied().filter(fits).map(|start| start + 1).collect()
    }
}

/// Returns a pattern's characters with escapes resolved. A backslash at the end is literal.
fn units(mut characters: impl Iterator<Item = char>) -> Vec<Unit> {
    let mut units = Vec::new();
    while let Some(character) = characters.next() {
        let protected = if character == '\\' { characters.next() } else { None };
        units.push(Unit { character: protected.unwrap_or(character), escaped: protected.is_some() });
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(glob: impl AsRef<[u8]>, name: impl AsRef<[u8]>, expected: bool) {
        let (glob, name) = (glob.as_ref(), name.as_ref());
        let found = NamePattern::parse(glob).matches(name);
        assert_eq!(found, expected, "{} on {}", glob.escape_ascii(), name.escape_ascii());
    }

    #[test]
    fn names_match_as_in_sftp() {
        for (glob, name, expected) in [
            ("fil*", "file", true),
            ("*", "", true),
            ("?", "ä", true),
            ("??", "ä", false),
            (r"\*", "*", true),
            (r"\*", "x", false),
            ("[abc]x", "bx", true),
            ("[!abc]x", "bx", false),
            ("[^a]", "^", true),
            ("[^a]", "b", false),
            ("[]a]", "]", true),
            ("[!]a]", "]", false),
            ("[a-]", "-", true),
            (r"[a\-z]", "m", false),
            (r"[\]]", "]", true),
            ("[z-a]", "m", false),
            ("[ä-ü]*", "öl", true),
            ("[[:alpha:]]", "é", true),
            ("[![:digit:]]", "7", false),
            ("[[:nonsense:]]", "n]", true),
            ("a[b", "a[b", true),
            ("[", "[", true),
            ("*[0-9]*.txt", "report-7-final.txt", true),
            ("*[0-9]*.txt", "report.txt", false),
            ("*[a]b*[c]", "xabab-c-c", true),
            ("a*b*[x]*c", "a-b-b-x-c", true),
        ] {
            check(glob, name, expected);
        }
    }

    #[test]
    fn only_a_dot_matches_a_leading_dot() {
        for glob in ["*", "?x", "[.]x", "[!a]x", "*.x"] {
            check(glob, ".x", false);
        }
        for glob in [".*", ".?", r"\.x", ".x"] {
            check(glob, ".x", true);
        }
    }

    #[test]
    fn names_that_are_not_utf8_match_byte_by_byte() {
        check("?", b"\xff", true);
        check("??", b"\xff", false);
        check("??", b"\xc3\xa4", false);
        check("???", b"\xc3\xa4\xff", true);
        check("a*b", b"a\xfe\xffb", true);
        check("[!a]", b"\xff", true);
        check(b"[\x80-\xff]", b"\x90", true);
        check(b"\xff*", b"\xffabc", true);
        check("\u{ff}", b"\xff", false);
        check("[[:alpha:]]", b"\xe4", false);
    }

    #[test]
    fn no_character_of_a_name_or_of_a_pattern_is_taken_for_a_wildcard() {
        for name in ["\u{f8f0}", "\u{f8f1}", "*", "?", "a\u{f8f0}b"] {
            check(name.replace('*', r"\*").replace('?', r"\?"), name, true);
            check("abc", name, false);
        }
        check("\u{f8f0}", "abc", false);
        check("\u{f8f1}", "a", false);
        check("*\u{f8f0}?", "a\u{f8f0}b", true);
    }

    #[test]
    fn a_malicious_pattern_takes_no_exponential_time() {
        check("*a".repeat(50), "a".repeat(2_000) + "b", false);
        check("*[ab]a".repeat(50), "a".repeat(2_000) + "c", false);
        check("[ab]*".repeat(50) + "c", "a".repeat(2_000), false);
    }
}
