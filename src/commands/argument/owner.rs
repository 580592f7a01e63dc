//! Users and groups.

use crate::commands::Word;
use crate::commands::argument::kind::ArgumentKind;
use crate::commands::argument::reader::Argument;
use crate::terminal::Printable;

/// A user or a group: a number in C notation (`10`, `0x10`, `010`) or a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Id {
    /// The number itself.
    Number(u32),
    /// A name, for which the server must find the number. It never begins with a digit or a sign: such a word is
    /// meant as a number.
    Name(Vec<u8>),
}

impl Argument for Id {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::Id];

    fn read(word: &Word) -> Result<Id, String> {
        id(&word.plain())
    }
}

/// A user, a group, or both: `1000`, `1000:100`, `:100`, or with names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerIds {
    /// The user.
    pub user: Option<Id>,
    /// The group.
    pub group: Option<Id>,
}

impl Argument for OwnerIds {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::Id];

    fn read(word: &Word) -> Result<OwnerIds, String> {
        let text = word.plain();
        let Some(colon) = text.iter().position(|&byte| byte == b':') else {
            return Ok(OwnerIds { user: Some(id(&text)?), group: None });
        };
        match (&text[..colon], &text[colon + 1..]) {
            // For chown(1) this means the user's login group, which SFTP has no way to query.
            (user, b"") => {
                Err(format!("the server doesn't report login groups: name one, as in {}:GROUP", Printable(user)))
            }
            (b"", group) => Ok(OwnerIds { user: None, group: Some(id(group)?) }),
            (user, group) => Ok(OwnerIds { user: Some(id(user)?), group: Some(id(group)?) }),
        }
    }
}

/// Reads a number like strtoll(3) with base 0, or a name.
fn id(text: &[u8]) -> Result<Id, String> {
    match number(text) {
        Some(number) => Ok(Id::Number(number)),
        None if text.first().is_some_and(|&first| !first.is_ascii_digit() && !b"+- \t".contains(&first)) => {
            Ok(Id::Name(text.to_owned()))
        }
        None => Err("a number must be from 0 to 4294967295".to_owned()),
    }
}

fn number(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).unwrap_or_default().trim_start();
    let digits = text.strip_prefix('+').unwrap_or(text);
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&digits[2..], 16),
        [b'0', _, ..] => (&digits[1..], 8),
        _ => (digits, 10),
    };
    u32::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_c_reads_numbers() {
        for (text, read) in [
            ("0", Some(0)),
            ("1000", Some(1000)),
            ("010", Some(8)),
            ("0x10", Some(16)),
            ("+5", Some(5)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("-1", None),
            ("09", None),
            ("0x", None),
            ("++1", None),
            ("root", None),
            ("", None),
        ] {
            assert_eq!(number(text.as_bytes()), read, "{text:?}");
        }
    }

    #[test]
    fn an_owner_is_a_user_a_group_or_both_by_number_or_name() {
        let name = |text: &str| Some(Id::Name(text.as_bytes().to_vec()));
        let number = |number| Some(Id::Number(number));
        for (text, user, group) in [
            ("1000", number(1000), None),
            ("0x10:010", number(16), number(8)),
            (":100", None, number(100)),
            ("alice", name("alice"), None),
            ("alice:users", name("alice"), name("users")),
            ("5:users", number(5), name("users")),
            (":users", None, name("users")),
            ("CORP\\jo:domain users", name("CORP\\jo"), name("domain users")),
            ("a:b:c", name("a"), name("b:c")),
        ] {
            assert_eq!(OwnerIds::read(&Word::literal(text.as_bytes())), Ok(OwnerIds { user, group }), "{text:?}");
        }
        for text in ["", ":", "alice:", "5:", "-1", "+x", "09", "0x", "99999999999", "5:09", "1alice"] {
            assert!(OwnerIds::read(&Word::literal(text.as_bytes())).is_err(), "{text:?}");
        }
    }
}
