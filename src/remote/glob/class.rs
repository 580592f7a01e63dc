//! Bracket expressions: `[abc]`, `[!a-z]`, `[[:alpha:]]`.
//!
//! As in sftp(1), only `!` negates, a `]` at the beginning is literal, and `[` without its `]` is no class.

use crate::remote::glob::unit::{Alphabet, Unit};

/// A set of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Class {
    negated: bool,
    members: Vec<Member>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Member {
    /// A range of code points, or of byte values if the name is not UTF-8.
    Range(char, char),
    Posix(Posix),
}

/// The character classes of POSIX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Posix {
    Alnum,
    Alpha,
    Blank,
    Cntrl,
    Digit,
    Graph,
    Lower,
    Print,
    Punct,
    Space,
    Upper,
    Xdigit,
}

impl Class {
    /// Returns the class with one character.
    pub(super) fn of(character: char) -> Class {
        Class { negated: false, members: vec![Member::Range(character, character)] }
    }

    /// Reads the class after a `[`. Returns it with the number of units that it took, or `None` if it has no end.
    pub(super) fn parse(units: &[Unit]) -> Option<(Class, usize)> {
        let negated = units.first()?.is('!');
        let start = usize::from(negated);
        let mut members = Vec::new();
        let mut at = start;
        loop {
            let unit = units.get(at)?;
            if unit.is(']') && at > start {
                return Some((Class { negated, members }, at + 1));
            }
            if let Some((posix, length)) = Posix::parse(&units[at..]) {
                members.push(Member::Posix(posix));
                at += length;
                continue;
            }
            let end = match units.get(at + 1..at + 3) {
                Some([dash, end]) if dash.is('-') && !end.is(']') => Some(end),
                _ => None,
            };
            members.push(Member::Range(unit.character, end.unwrap_or(unit).character));
            at += if end.is_some() { 3 } else { 1 };
        }
    }

    /// Returns whether the class contains a character.
    pub(super) fn matches(&self, character: char, alphabet: Alphabet) -> bool {
        let listed = self.members.iter().any(|member| match member {
            Member::Range(first, last) => (first..=last).contains(&&character),
            Member::Posix(posix) => posix.holds(character, alphabet),
        });
        listed != self.negated
    }
}

impl Posix {
    /// Reads `[:name:]`. Returns `None` for an unknown name, so that its characters become members of the class.
    fn parse(units: &[Unit]) -> Option<(Posix, usize)> {
        let name = match units {
            [open, colon, rest @ ..] if open.is('[') && colon.is(':') => rest,
            _ => return None,
        };
        let length = name.windows(2).position(|pair| pair[0].is(':') && pair[1].is(']'))?;
        let text: String = name[..length].iter().map(|unit| unit.character).collect();
        let posix = match text.as_str() {
            "alnum" => Posix::Alnum,
            "alpha" => Posix::Alpha,
            "blank" => Posix::Blank,
            "cntrl" => Posix::Cntrl,
            "digit" => Posix::Digit,
            "graph" => Posix::Graph,
            "lower" => Posix::Lower,
            "print" => Posix::Print,
            "punct" => Posix::Punct,
            "space" => Posix::Space,
            "upper" => Posix::Upper,
            "xdigit" => Posix::Xdigit,
            _ => return None,
        };
        Some((posix, length + 4))
    }

    fn holds(self, character: char, alphabet: Alphabet) -> bool {
        if character.is_ascii() || alphabet == Alphabet::Bytes {
            self.holds_ascii(character)
        } else {
            self.holds_unicode(character)
        }
    }

    fn holds_ascii(self, character: char) -> bool {
        match self {
            Posix::Alnum => character.is_ascii_alphanumeric(),
            Posix::Alpha => character.is_ascii_alphabetic(),
            Posix::Blank => matches!(character, ' ' | '\t'),
            Posix::Cntrl => character.is_ascii_control(),
            Posix::Digit => character.is_ascii_digit(),
            Posix::Graph => character.is_ascii_graphic(),
            Posix::Lower => character.is_ascii_lowercase(),
            Posix::Print => character.is_ascii_graphic() || character == ' ',
            Posix::Punct => character.is_ascii_punctuation(),
            Posix::Space => character.is_ascii_whitespace() || character == '\x0b',
            Posix::Upper => character.is_ascii_uppercase(),
            Posix::Xdigit => character.is_ascii_hexdigit(),
        }
    }

    fn holds_unicode(self, character: char) -> bool {
        let breaks = matches!(character, '\u{2028}' | '\u{2029}');
        let spaces = character.is_whitespace() && !matches!(character, '\u{85}' | '\u{a0}' | '\u{2007}' | '\u{202f}');
        match self {
            Posix::Alnum => character.is_alphanumeric(),
            Posix::Alpha => character.is_alphabetic(),
            Posix::Blank => spaces && !breaks,
            Posix::Cntrl => character.is_control() || breaks,
            // Only ASCII digits count, not those of other scripts.
            Posix::Digit | Posix::Xdigit => false,
            Posix::Graph => !character.is_control() && !spaces,
            Posix::Lower => character.is_lowercase(),
            Posix::Print => !character.is_control() && !breaks,
            Posix::Punct => !character.is_control() && !spaces && !character.is_alphanumeric(),
            Posix::Space => spaces,
            Posix::Upper => character.is_uppercase(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::remote::glob::NamePattern;

    fn matches(glob: &str, name: &str) -> bool {
        // The letter before the class keeps it away from a leading dot.
        NamePattern::parse(format!("n{glob}").as_bytes()).matches(format!("n{name}").as_bytes())
    }

    #[test]
    fn posix_classes_hold_what_the_c_library_says_in_utf8() {
        for (class, members, others) in [
            ("alnum", "a0\u{e9}\u{8a9e}", "-_ \u{20ac}"),
            ("alpha", "aZ\u{e9}", "1- \u{20ac}"),
            ("blank", " \t\u{3000}", "\na\u{e9}\u{a0}\u{2028}\u{2029}"),
            ("cntrl", "\u{1}\u{7f}\u{85}\u{2028}", " a\u{e9}"),
            ("digit", "09", "a\u{e9}\u{663}"),
            ("graph", "a!\u{e9}\u{a0}", " \n\u{85}\u{3000}\u{2028}"),
            ("lower", "a\u{e9}", "AZ1\u{c9}"),
            ("print", " a\u{e9}\u{a0}\u{3000}", "\n\u{7f}\u{85}\u{2028}"),
            ("punct", "!\u{a0}\u{20ac}", "a1 \u{e9}\u{85}\u{3000}\u{2028}"),
            ("space", " \t\u{b}\u{3000}\u{2028}", "a\u{e9}\u{a0}\u{85}\u{2007}\u{202f}"),
            ("upper", "AZ\u{c9}", "a1\u{e9}"),
            ("xdigit", "09afAF", "gG\u{e9}\u{663}"),
        ] {
            let glob = format!("[[:{class}:]]");
            for (characters, expected) in [(members, true), (others, false)] {
                for character in characters.chars() {
                    assert_eq!(matches(&glob, &character.to_string()), expected, "{glob} on {character:?}");
                }
            }
        }
    }

    #[test]
    fn what_merely_looks_like_a_posix_class_is_its_characters() {
        for (glob, name) in [("[xydigit:]", "x"), ("[[ydigit:]", "y"), ("[[:digitx]", "x"), ("[x:digit:]", "x")] {
            assert!(matches(glob, name), "{glob}");
            assert!(!matches(glob, "7"), "{glob}");
        }
    }
}
