//! Reads owner, group and number of links from the long name of a listing, the server's own line about an entry.
//!
//! "The recommended format for the longname field is as follows" (draft-ietf-secsh-filexfer-02, section 7), and
//! nothing requires the line to be true. Mode, size, time and name always come from the checked attributes. Only the
//! three columns that the protocol has nowhere else are read here, and only if the line has the recommended form and
//! its size is that of the entry.

use crate::sftp::Attributes;
use crate::terminal::Printable;

/// The maximum length of an owner's or a group's name in bytes: LOGIN_NAME_MAX of Linux.
const NAME_BYTES: usize = 256;

/// The maximum number of digits in a link count.
const LINKS_DIGITS: usize = 10;

/// The usable columns of a long name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LongName<'a> {
    pub(super) links: Option<&'a str>,
    pub(super) owner: Option<&'a [u8]>,
    pub(super) group: Option<&'a [u8]>,
}

impl LongName<'_> {
    /// Reads the columns. Returns none if the line does not have OpenSSH's form, belongs to another entry, or contains a
    /// name that must not be shown.
    pub(super) fn vet<'a>(line: &'a [u8], attributes: &Attributes) -> LongName<'a> {
        LongName::read(line, attributes).unwrap_or_default()
    }

    fn read<'a>(line: &'a [u8], attributes: &Attributes) -> Option<LongName<'a>> {
        let mut words = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
        let (mode, links, owner, group, size) =
            (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
        // A blank in the owner's name shifts the later columns, which a wrong size reveals.
        let is_of_entry = match attributes.size {
            Some(bytes) => size == bytes.to_string().as_bytes(),
            None => is_number(size),
        };
        if !is_mode(mode) || !is_of_entry || !is_name(owner) || !is_name(group) {
            return None;
        }
        let links = std::str::from_utf8(links).ok();
        let links = links.filter(|links| links.len() <= LINKS_DIGITS && is_number(links.as_bytes()));
        Some(LongName { links, owner: Some(owner), group: Some(group) })
    }
}

fn is_number(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(u8::is_ascii_digit)
}

/// Returns whether a word is a mode as in `ls -l`: a letter for the type, nine for the permissions, and possibly a
/// mark for an access control list.
fn is_mode(word: &[u8]) -> bool {
    matches!(word.len(), 10 | 11)
        && word[1..10].iter().all(|letter| b"-rwxsStTlL".contains(letter))
        && word[10..].iter().all(|mark| b"+.@".contains(mark))
}

/// Returns whether a word can be the name of an owner or a group: not too long, and without invisible characters.
pub(super) fn is_name(word: &[u8]) -> bool {
    (1..=NAME_BYTES).contains(&word.len()) && Printable(word).text().as_bytes() == word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vetted(line: &str, size: u64) -> (Option<&str>, Option<&str>, Option<&str>) {
        let text = |name: Option<&'static [u8]>| name.map(|name| std::str::from_utf8(name).unwrap());
        let line: &'static str = line.to_owned().leak();
        let attributes = Attributes { size: Some(size), ..Attributes::default() };
        let LongName { links, owner, group } = LongName::vet(line.as_bytes(), &attributes);
        (links, text(owner), text(group))
    }

    #[test]
    fn servers_of_many_kinds_tell_links_owner_and_group() {
        for (line, size, told) in [
            // OpenSSH, ProFTPD, with an access control list, on Windows, without a name after the date.
            (
                "-rw-r--r--    1 root     users           5 Nov 24 05:59 a.txt",
                5,
                (Some("1"), Some("root"), Some("users")),
            ),
            (
                "drwxr-x---   12 1000     1000         4096 Nov 24  2020 d",
                4096,
                (Some("12"), Some("1000"), Some("1000")),
            ),
            ("-rwSr-xr-T+   1 a b 0 Nov 24 05:59 x", 0, (Some("1"), Some("a"), Some("b"))),
            ("-rw-rw-rw-   1 DOM\\ann everyone 7 Nov 24 05:59 x", 7, (Some("1"), Some("DOM\\ann"), Some("everyone"))),
            ("lrwxrwxrwx 1 jürgen - 4", 4, (Some("1"), Some("jürgen"), Some("-"))),
            ("-rw-r--r-- ? root root 5 Nov 24 05:59 x", 5, (None, Some("root"), Some("root"))),
        ] {
            assert_eq!(vetted(line, size), told, "{line}");
        }
    }

    #[test]
    fn lines_of_other_forms_and_of_other_entries_tell_nothing() {
        let long = format!("-rw-r--r-- 1 {} root 5 x", "r".repeat(5000));
        for (line, owner) in [
            ("", None),
            ("a.txt", None),
            ("-rw-r--r-- 1 root root", None),
            // The size of another file, a blank within an owner, a line of a Windows FTP server.
            ("-rw-r--r-- 1 root root 6 Nov 24 05:59 x", None),
            ("-rw-r--r-- 1 DOM\\domain users everyone 5 Nov 24 05:59 x", None),
            ("11-24-26  05:59PM  <DIR>  somewhere 5", None),
            ("-rw-r--r--owned 1 root root 5 x", None),
            ("-rw-r--r-- 1 \x1b[2Jroot root 5 x", None),
            ("-rw-r--r-- 1 ro\u{202e}ot root 5 x", None),
            ("-rw-r--r-- 1 ro\tot root 5 x", None),
            (&long, None),
            ("-rw-r--r-- 99999999999 root root 5 x", Some("root")),
        ] {
            assert_eq!((vetted(line, 5).0, vetted(line, 5).1), (None, owner), "{line}");
        }
    }
}
