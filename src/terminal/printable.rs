//! Makes bytes safe to show. This is the only way from a server's bytes to a terminal.
//!
//! Names, status texts, banners and long listings are up to the server. They may hold commands to the terminal
//! (CVE-2019-6109), or characters that hide or reverse the text around them. Anything that can't be shown plainly
//! becomes octal (`\033`), as in sftp(1). Unlike in sftp(1), that includes newline, CR and tab, which could forge
//! lines.

use std::borrow::Cow;
use std::fmt::{self, Write};

use unicode_width::UnicodeWidthStr;

/// Shows bytes: printable UTF-8 unchanged, every other byte as `\ooo`.
///
/// A width (`{:<20}`) counts columns of the terminal, not characters.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a [u8]);

impl<'a> Printable<'a> {
    /// Returns the text to show. Borrows it if no byte needs escaping.
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

    /// Returns the columns that the text takes on a terminal.
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

/// How many bytes of one text from a server are shown: enough for any honest status text, and at most a dozen lines
/// of a terminal.
pub const EXCERPT_BYTES: usize = 1000;

/// Shows a text in the server's own words: its first [`EXCERPT_BYTES`] bytes, made printable, then `…` if there are
/// more.
///
/// For status texts, banner lines, questions and lists of methods, but not for names and paths: scripts need those in
/// full, and they have limits of their own.
#[derive(Clone, Copy, Debug)]
pub struct Excerpt<'a>(pub &'a [u8]);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((start, _)) = self.0.split_at_checked(EXCERPT_BYTES).filter(|(_, rest)| !rest.is_empty()) else {
            return f.write_str(&Printable(self.0).text());
        };
        // A character that the cut would split is left out.
        let whole = match std::str::from_utf8(start) {
            Err(error) if error.error_len().is_none() => &start[..error.valid_up_to()],
            _ => start,
        };
        f.write_str(&Printable(whole).text())?;
        f.write_char('…')
    }
}

/// Returns the lines of a longer text from a server, such as a banner, each as an excerpt.
pub fn lines(text: &[u8]) -> impl Iterator<Item = Excerpt<'_>> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.split(|&byte| byte == b'\n').map(|line| Excerpt(line.strip_suffix(b"\r").unwrap_or(line)))
}

/// A character to show, or bytes to escape.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Shown(char),
    Hidden(&'a [u8]),
}

/// Splits bytes into characters to show and bytes to escape, and calls `each` with every piece.
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

/// Returns whether a character may be shown between its neighbours.
fn is_shown(before: Option<char>, c: char, after: Option<char>) -> bool {
    match c {
        ' '..='~' => true,
        // They are shown only if they choose how an emoji is drawn. Elsewhere they would make two different names
        // look alike.
        '\u{FE0E}' | '\u{FE0F}' => before.is_some_and(|base| is_picture(base) || is_keycap(base, after)),
        _ => !is_unseen(c),
    }
}

/// Returns whether a character has an emoji form and a plain form (Unicode's emoji-variation-sequences.txt). This is
/// an approximation: all symbols in the relevant blocks, but no letters or punctuation.
fn is_picture(c: char) -> bool {
    matches!(c,
        '\u{A9}' | '\u{AE}' | '\u{203C}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2194}'..='\u{21AA}'
        | '\u{231A}'..='\u{23FF}' | '\u{24C2}' | '\u{25AA}'..='\u{27BF}' | '\u{2934}' | '\u{2935}'
        | '\u{2B05}'..='\u{2B55}' | '\u{3030}' | '\u{303D}' | '\u{3297}' | '\u{3299}' | '\u{1F000}'..='\u{1FAFF}')
}

/// Returns whether a keycap is drawn around a character, as in `1`, a variation selector and the combining keycap.
fn is_keycap(base: char, after: Option<char>) -> bool {
    matches!(base, '#' | '*' | '0'..='9') && after == Some('\u{20E3}')
}

/// Returns whether a character has no shape of its own, so that a name could hide it. These are the control
/// characters (C0, DEL, and C1, which a terminal may obey even in UTF-8) and characters that change the direction of
/// text, join, separate or take no space. JSON escapes the same characters.
///
/// | characters | effect |
/// |---|---|
/// | U+061C, U+200E, U+200F, U+202A-202E, U+2066-2069 | change the direction of text (`Bidi_Control`) |
/// | U+200B-200D, U+2060-2064, U+FEFF | zero-width blanks and joiners; as a side effect, joined emoji fall apart |
/// | U+2028, U+2029 | end a line or a paragraph |
/// | U+00AD, U+034F, U+17B4, U+17B5, U+206A-206F | hyphenate, join or format invisibly |
/// | U+115F, U+1160, U+3164, U+FFA0 | fill a Korean syllable invisibly |
/// | U+180B-180F, U+FE00-FE0F, U+E0100-E01EF | choose a variant of the character before, see [`is_shown`] |
/// | U+FFF0-FFFB, U+1BCA0-1BCA3, U+1D173-1D17A, U+13430-1343F | format annotations, shorthand, musical notes and hieroglyphs |
/// | U+E0000-E0FFF | tags, which spell invisible text |
/// | U+FDD0-FDEF, U+nFFFE, U+nFFFF | will never be characters |
///
/// All of `Default_Ignorable_Code_Point` is included. Unassigned and private-use characters are shown, because a
/// terminal draws a glyph or a box for them. So are blanks that take space (U+00A0, U+3000).
pub(super) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{3164}' | '\u{FDD0}'..='\u{FDEF}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{13430}'..='\u{1343F}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
        || u32::from(c) & 0xFFFE == 0xFFFE
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
            "👍\u{1F3FD}",
            "\u{E0A0}powerline",
            "नमस्ते",
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
            ("❤\u{200D}🔥".as_bytes(), "❤\\342\\200\\215🔥"),
            ("a\u{FE0F}".as_bytes(), "a\\357\\270\\217"),
            ("1\u{FE0F}".as_bytes(), "1\\357\\270\\217"),
            ("の\u{FE0F}".as_bytes(), "の\\357\\270\\217"),
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
        let ranges = [
            ('\0', '\u{1F}'),
            ('\u{7F}', '\u{9F}'),
            ('\u{200B}', '\u{200F}'),
            ('\u{2028}', '\u{202E}'),
            ('\u{2060}', '\u{206F}'),
            ('\u{FE00}', '\u{FE0F}'),
            ('\u{E0000}', '\u{E0FFF}'),
        ];
        let alone = ['\u{AD}', '\u{34F}', '\u{61C}', '\u{115F}', '\u{1160}', '\u{180E}', '\u{3164}', '\u{FEFF}'];
        for c in ranges.into_iter().flat_map(|(first, last)| first..=last).chain(alone).chain(['\u{FFFF}', '\u{1FFFE}'])
        {
            let shown = Printable(format!("a{c}b").as_bytes()).to_string();
            let octal: String = c.to_string().bytes().map(|byte| format!("\\{byte:03o}")).collect();
            assert_eq!(shown, format!("a{octal}b"), "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn a_text_of_the_servers_ends_after_1000_bytes() {
        let excerpt = |text: &str| Excerpt(text.as_bytes()).to_string();
        for length in [0, 1, 999, 1000] {
            assert_eq!(excerpt(&"x".repeat(length)), "x".repeat(length));
        }
        assert_eq!(excerpt(&"x".repeat(1001)), format!("{}…", "x".repeat(1000)));
        assert_eq!(excerpt(&"x".repeat(1 << 20)).len(), 1000 + "…".len());
        // A character of three bytes, cut in the third: 333 characters are 999 bytes.
        assert_eq!(excerpt(&"日".repeat(400)), format!("{}…", "日".repeat(333)));
        assert_eq!(Excerpt(&[0xFF; 2000]).to_string(), format!("{}…", "\\377".repeat(1000)));
        assert_eq!(excerpt(&"\x1b".repeat(2000)), format!("{}…", "\\033".repeat(1000)));
        let long = "y".repeat(5000);
        assert!(lines(format!("{long}\n{long}\r\n").as_bytes()).all(|line| line.to_string().ends_with("yy…")));
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
