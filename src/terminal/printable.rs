//! Bytes made safe to show: the only way from a server's bytes to a terminal.
//!
//! Names, status texts, banners and long listings are whatever the other side likes, also commands to the terminal
//! (CVE-2019-6109) or characters that hide or turn round what stands beside them. What can't be shown plainly becomes
//! octal (`\033`), as sftp(1) shows it; unlike sftp(1), newline, CR and tab do too, for they would forge lines.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fmt::{self, Write};

use unicode_width::UnicodeWidthStr;

/// Bytes as they may be shown: printable UTF-8 as it is, every other byte as `\ooo`.
///
/// A width (`{:<20}`) counts columns of the terminal, not characters.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a [u8]);

impl<'a> Printable<'a> {
    /// The text that may be shown; borrowed where nothing needed escaping.
    #[must_use]
    pub fn text(self) -> Cow<'a, str> {
        if self.0.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            return String::from_utf8_lossy(self.0);
        }
        match std::str::from_utf8(self.0) {
            Ok(text) if is_shown_whole(text) => Cow::Borrowed(text),
            _ => Cow::Owned(escaped(self.0)),
        }
    }

    /// Columns that the text takes on a terminal.
    #[must_use]
    pub fn width(self) -> usize {
        self.text().width()
    }
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        let missing = f.width().map_or(0, |wanted| wanted.saturating_sub(text.width()));
        let before = match f.align() {
            Some(fmt::Alignment::Right) => missing,
            Some(fmt::Alignment::Center) => missing / 2,
            _ => 0,
        };
        blanks(f, before)?;
        f.write_str(&text)?;
        blanks(f, missing - before)
    }
}

/// The lines of a longer text from a server, such as a banner, each made printable on its own.
pub fn lines(text: &[u8]) -> impl Iterator<Item = Printable<'_>> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.split(|&byte| byte == b'\n').map(|line| Printable(line.strip_suffix(b"\r").unwrap_or(line)))
}

/// A run of bytes that may be shown as it stands, or bytes that may not.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Shown(char),
    Hidden(&'a [u8]),
}

/// The bytes cut into characters that may be shown and bytes that may not.
pub(super) fn pieces<'a>(bytes: &'a [u8], mut each: impl FnMut(Piece<'a>)) {
    for chunk in bytes.utf8_chunks() {
        let text = chunk.valid();
        let mut before = None;
        let mut rest = text.char_indices().peekable();
        while let Some((at, c)) = rest.next() {
            let after = rest.peek().map(|&(_, next)| next);
            if is_shown(before, c, after) {
                each(Piece::Shown(c));
            } else {
                each(Piece::Hidden(&text.as_bytes()[at..at + c.len_utf8()]));
            }
            before = Some(c);
        }
        if !chunk.invalid().is_empty() {
            each(Piece::Hidden(chunk.invalid()));
        }
    }
}

fn is_shown_whole(text: &str) -> bool {
    let mut whole = true;
    pieces(text.as_bytes(), |piece| whole &= matches!(piece, Piece::Shown(_)));
    whole
}

fn escaped(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len() + 16);
    pieces(bytes, |piece| match piece {
        Piece::Shown(c) => shown.push(c),
        Piece::Hidden(hidden) => octal(&mut shown, hidden),
    });
    shown
}

/// Appends each byte as a backslash and three octal digits.
pub(super) fn octal(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        text.push('\\');
        for shift in [6, 3, 0] {
            text.push(char::from(b'0' + ((byte >> shift) & 7)));
        }
    }
}

/// Whether a character may be shown between its neighbours.
fn is_shown(before: Option<char>, c: char, after: Option<char>) -> bool {
    match c {
        ' '..='~' => true,
        // Only where they shape an emoji: elsewhere they make two names look the same.
        '\u{200D}' => before.is_some_and(shapes_emoji) && after.is_some_and(is_pictograph),
        '\u{FE0E}' | '\u{FE0F}' => before.is_some_and(|base| is_pictograph(base) || is_keycap(base)),
        _ => !is_control(c) && !is_unseen(c),
    }
}

fn shapes_emoji(c: char) -> bool {
    c == '\u{FE0F}' || is_pictograph(c)
}

/// The blocks whose characters are drawn as pictures, alone or joined.
fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{A9}' | '\u{AE}' | '\u{203C}'..='\u{3299}' | '\u{1F000}'..='\u{1FAFF}') && !is_unseen(c)
}

fn is_keycap(c: char) -> bool {
    matches!(c, '#' | '*' | '0'..='9')
}

/// C0, DEL and C1; a terminal may obey the last even when they come as UTF-8.
fn is_control(c: char) -> bool {
    c.is_control()
}

/// Characters without a shape of their own: they turn the direction of writing, join, separate or merely hide.
/// From Unicode's properties `Bidi_Control`, `Default_Ignorable_Code_Point` and the categories Zl and Zp.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

fn blanks(f: &mut fmt::Formatter<'_>, count: usize) -> fmt::Result {
    (0..count).try_for_each(|_| f.write_char(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_text_passes_unharmed() {
        for text in [
            "",
            "messages.1",
            "two words",
            "back\\slash",
            "Ärger über Öl",
            "u\u{308}ber", // as macOS writes it: a combining mark
            "日本語.txt",
            "ＦＵＬＬ\u{3000}width",
            "שלום",
            "😀.png",
            "❤\u{FE0F}",
            "👨\u{200D}👩\u{200D}👧",
            "🏳\u{FE0F}\u{200D}🌈",
            "1\u{FE0F}\u{20E3}",
            "no\u{A0}break",
        ] {
            assert_eq!(Printable(text.as_bytes()).to_string(), text);
            assert!(matches!(Printable(text.as_bytes()).text(), Cow::Borrowed(_)), "{text:?} was copied");
        }
    }

    #[test]
    fn what_moves_a_terminal_or_hides_becomes_octal() {
        for (bytes, shown) in [
            (&b"\x1b[2Kgone"[..], "\\033[2Kgone"),
            (b"\x1b]52;c;aGk=\x07", "\\033]52;c;aGk=\\007"),
            (b"a\nfake 100%\r\tb", "a\\012fake 100%\\015\\011b"),
            (b"nul\0del\x7f", "nul\\000del\\177"),
            (b"\x9b31m", "\\23331m"),
            (b"\xc2\x9b31m", "\\302\\23331m"),
            (b"caf\xe9", "caf\\351"),
            (b"\xff\xfe", "\\377\\376"),
            (b"\xe2\x82", "\\342\\202"),
            (b"\xed\xa0\x80", "\\355\\240\\200"),
            ("evil\u{202E}gpj.exe".as_bytes(), "evil\\342\\200\\256gpj.exe"),
            ("a\u{200B}b".as_bytes(), "a\\342\\200\\213b"),
            ("a\u{200D}b".as_bytes(), "a\\342\\200\\215b"),
            ("a\u{FE0F}".as_bytes(), "a\\357\\270\\217"),
            ("\u{FEFF}bom".as_bytes(), "\\357\\273\\277bom"),
            ("a\u{2028}b".as_bytes(), "a\\342\\200\\250b"),
            ("soft\u{AD}hyphen".as_bytes(), "soft\\302\\255hyphen"),
            ("tag\u{E0041}".as_bytes(), "tag\\363\\240\\201\\201"),
        ] {
            assert_eq!(Printable(bytes).to_string(), shown);
        }
    }

    #[test]
    fn nothing_a_terminal_obeys_is_left_whatever_the_bytes() {
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                let shown = Printable(&[first, second, first]).to_string();
                assert!(!shown.chars().any(|c| c.is_control() || is_unseen(c)), "{first} {second}: {shown:?}");
            }
        }
    }

    #[test]
    fn no_character_turns_the_line_round_or_hides() {
        let turning = ['\u{61C}', '\u{200E}', '\u{200F}']
            .into_iter()
            .chain('\u{202A}'..='\u{202E}')
            .chain('\u{2066}'..='\u{2069}');
        for c in turning.chain('\u{2060}'..='\u{2064}').chain(['\u{200C}', '\u{180E}', '\u{3164}', '\u{2029}']) {
            let shown = Printable(format!("a{c}b").as_bytes()).to_string();
            assert!(shown.is_ascii(), "U+{:04X} is shown", u32::from(c));
        }
    }

    #[test]
    fn widths_are_columns_of_the_terminal() {
        for (text, columns) in [("abc", 3), ("äöü", 3), ("日本", 4), ("😀", 2), ("u\u{308}", 1), ("\x1b", 4)] {
            assert_eq!(Printable(text.as_bytes()).width(), columns, "{text:?}");
        }
        assert_eq!(format!("{:<6}|", Printable("日本".as_bytes())), "日本  |");
        assert_eq!(format!("{:>6}|", Printable("日本".as_bytes())), "  日本|");
        assert_eq!(format!("{:^6}|", Printable("日本".as_bytes())), " 日本 |");
        assert_eq!(format!("{:2}|", Printable(b"long")), "long|");
    }

    #[test]
    fn a_banner_keeps_its_lines_and_nothing_else() {
        let shown: Vec<_> = lines(b"Welcome\r\n\n\x1b[31mred\r!\n").map(|line| line.to_string()).collect();
        assert_eq!(shown, ["Welcome", "", "\\033[31mred\\015!"]);
    }
}
