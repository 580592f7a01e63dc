//! Keys, decoded from the bytes that terminals send for them.
//!
//! A key may arrive in pieces: what is incomplete waits for the next bytes, without any timeout. So a lone Escape joins
//! the key after it, as in other line editors.

use rustix::termios::{SpecialCodeIndex, Termios};

/// A key, by what it means to the line editor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::shell) enum Key {
    /// One character in UTF-8, or a byte that belongs to none.
    Character(Vec<u8>),
    Enter,
    Tab,
    Backspace,
    Delete,
    Left,
    Right,
    WordLeft,
    WordRight,
    Up,
    Down,
    Home,
    End,
    /// Ctrl-C, or what `stty intr` says.
    Interrupt,
    /// Ctrl-D, or what `stty eof` says.
    EndOfFile,
    /// Ctrl-Z, or what `stty susp` says.
    Suspend,
    /// Ctrl with a letter or sign, in upper case: `Control(b'R')`.
    Control(u8),
    /// Alt with a character, in lower case.
    Alt(u8),
    /// A key without a meaning here.
    Other,
}

/// Bytes of the longest sequence for one key. A longer one is not from a keyboard.
const LONGEST_SEQUENCE: usize = 32;

const ESCAPE: u8 = 0x1b;
const DELETE: u8 = 0x7f;

/// Decodes keys.
pub(in crate::shell) struct Keys {
    waiting: Vec<u8>,
    /// The characters that `stty` sets, with their meaning.
    special: Vec<(u8, Key)>,
}

impl Keys {
    /// Keys of a terminal with the usual special characters.
    pub(in crate::shell) fn new() -> Keys {
        Keys { waiting: Vec::new(), special: Vec::new() }
    }

    /// Takes the special characters from the terminal's settings.
    pub(in crate::shell) fn set_special(&mut self, termios: &Termios) {
        let meanings = [
            (SpecialCodeIndex::VERASE, Key::Backspace),
            (SpecialCodeIndex::VINTR, Key::Interrupt),
            (SpecialCodeIndex::VEOF, Key::EndOfFile),
            (SpecialCodeIndex::VSUSP, Key::Suspend),
        ];
        let code = |index| termios.special_codes[index];
        // Zero switches a special character off (POSIX: _POSIX_VDISABLE).
        let set = meanings.into_iter().map(|(index, key)| (code(index), key)).filter(|&(code, _)| code != 0);
        self.special = set.collect();
    }

    /// Adds bytes that were read.
    pub(in crate::shell) fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// Takes the next key as the bytes that it was sent as, for a quoted character.
    pub(in crate::shell) fn next_quoted(&mut self) -> Option<Vec<u8>> {
        let length = match self.waiting.first()? {
            0x80.. => character(&self.waiting)?,
            _ => 1,
        };
        Some(self.waiting.drain(..length).collect())
    }

    /// Returns whether no byte waits to be decoded.
    pub(in crate::shell) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes the next key, or returns `None` until more bytes arrive.
    pub(in crate::shell) fn next(&mut self) -> Option<Key> {
        let (key, length) = self.first()?;
        self.waiting.drain(..length);
        Some(key)
    }

    fn first(&self) -> Option<(Key, usize)> {
        let &first = self.waiting.first()?;
        if let Some((_, key)) = self.special.iter().find(|(code, _)| *code == first) {
            return Some((key.clone(), 1));
        }
        match first {
            ESCAPE => escape_sequence(&self.waiting),
            b' '..=b'~' => Some((Key::Character(vec![first]), 1)),
            0x80.. => character(&self.waiting).map(|length| (Key::Character(self.waiting[..length].to_vec()), length)),
            _ => Some((control(first), 1)),
        }
    }
}

fn control(byte: u8) -> Key {
    match byte {
        b'\r' | b'\n' => Key::Enter,
        b'\t' => Key::Tab,
        0x08 | DELETE => Key::Backspace,
        0x03 => Key::Interrupt,
        0x04 => Key::EndOfFile,
        0x1a => Key::Suspend,
        byte => Key::Control(byte | 0x40),
    }
}

/// The length of the character at the start, one for a byte that begins none; `None` while it is incomplete.
fn character(bytes: &[u8]) -> Option<usize> {
    let most = &bytes[..bytes.len().min(4)];
    match std::str::from_utf8(most) {
        Ok(text) => text.chars().next().map(char::len_utf8),
        Err(error) if error.valid_up_to() > 0 => {
            let text = std::str::from_utf8(&most[..error.valid_up_to()]).ok()?;
            text.chars().next().map(char::len_utf8)
        }
        Err(error) => error.error_len().map(|_| 1),
    }
}

/// A key that begins with Escape, and its length.
fn escape_sequence(bytes: &[u8]) -> Option<(Key, usize)> {
    match *bytes.get(1)? {
        b'[' => control_sequence(bytes),
        b'O' => bytes.get(2).map(|&last| (named(last, b""), 3)),
        0x08 | DELETE => Some((Key::Alt(DELETE), 2)),
        byte @ b' '..=b'~' => Some((Key::Alt(byte.to_ascii_lowercase()), 2)),
        // Escape before a key that it changes nothing of.
        _ => Some((Key::Other, 1)),
    }
}

/// `ESC [`, parameters and a last byte (ECMA-48, section 5.4), and its length.
fn control_sequence(bytes: &[u8]) -> Option<(Key, usize)> {
    let body = &bytes[2..];
    // The function keys of the Linux console.
    let start = usize::from(body.first() == Some(&b'['));
    let inner = body.get(start..)?.iter().position(|byte| !(0x20..0x40).contains(byte));
    let Some(at) = inner.map(|at| at + start) else {
        return (body.len() > LONGEST_SEQUENCE).then_some((Key::Other, bytes.len()));
    };
    match body[at] {
        _ if start > 0 => Some((Key::Other, at + 3)),
        last @ 0x40..=0x7e => Some((named(last, &body[..at]), at + 3)),
        // Not a sequence; the byte is a key of its own.
        _ => Some((Key::Other, at + 2)),
    }
}

/// The key with this last byte and these parameters, as xterm, VT220 and rxvt name them.
fn named(last: u8, parameters: &[u8]) -> Key {
    let with_modifier = parameters.contains(&b';');
    match (last, parameters) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', _) if with_modifier => Key::WordRight,
        (b'D', _) if with_modifier => Key::WordLeft,
        (b'C', _) => Key::Right,
        (b'D', _) => Key::Left,
        (b'c', _) => Key::WordRight,
        (b'd', _) => Key::WordLeft,
        (b'H', _) | (b'~', b"1" | b"7") => Key::Home,
        (b'F', _) | (b'~', b"4" | b"8") => Key::End,
        (b'~', b"3") => Key::Delete,
        (b'M', b"") => Key::Enter,
        _ => Key::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys_of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Key> {
        let mut keys = Keys::new();
        let mut all = Vec::new();
        for piece in pieces {
            keys.push(piece);
            all.extend(std::iter::from_fn(|| keys.next()));
        }
        all
    }

    fn text(character: &str) -> Key {
        Key::Character(character.as_bytes().to_vec())
    }

    #[test]
    fn each_sequence_is_its_key() {
        for (bytes, expected) in [
            (&b"a"[..], vec![text("a")]),
            ("é日".as_bytes(), vec![text("é"), text("日")]),
            (b"\xffa", vec![Key::Character(vec![0xff]), text("a")]),
            (b"\xc3\r", vec![Key::Character(vec![0xc3]), Key::Enter]),
            (b"\r\n", vec![Key::Enter, Key::Enter]),
            (b"\x7f\x08", vec![Key::Backspace, Key::Backspace]),
            (b"\x01\x12\x1f", vec![Key::Control(b'A'), Key::Control(b'R'), Key::Control(b'_')]),
            (b"\x1b[A\x1b[B\x1bOC\x1bOD", vec![Key::Up, Key::Down, Key::Right, Key::Left]),
            (b"\x1b[1;5C\x1b[1;3D", vec![Key::WordRight, Key::WordLeft]),
            (b"\x1b[H\x1b[F\x1b[1~\x1b[4~\x1b[3~", vec![Key::Home, Key::End, Key::Home, Key::End, Key::Delete]),
            (b"\x1bb\x1bF\x1b\x7f", vec![Key::Alt(b'b'), Key::Alt(b'f'), Key::Alt(DELETE)]),
            (b"\x1b\x03", vec![Key::Other, Key::Interrupt]),
            (b"\x1b[[Ax", vec![Key::Other, text("x")]),
            (b"\x1b[200~x\x1b[201~", vec![Key::Other, text("x"), Key::Other]),
            (b"\x1b[5\x03", vec![Key::Other, Key::Interrupt]),
        ] {
            assert_eq!(keys_of([bytes]), expected, "{:?}", bytes.escape_ascii().to_string());
        }
    }

    #[test]
    fn an_incomplete_key_waits() {
        for incomplete in [&b"\x1b"[..], b"\x1b[", b"\x1b[1;5", b"\x1bO", b"\x1b[[", b"\xe6\x97"] {
            assert_eq!(keys_of([incomplete]), [], "{:?}", incomplete.escape_ascii().to_string());
        }
    }

    proptest! {
        #[test]
        fn pieces_decode_as_the_whole(
            bytes in prop::collection::vec(
                prop_oneof![any::<u8>(), Just(0x1b), Just(b'['), Just(b';'), Just(b'~'), 0xc0..0xf8u8, 0x80..0xc0u8],
                0..60,
            ),
            size in 1usize..7,
        ) {
            prop_assert_eq!(keys_of(bytes.chunks(size)), keys_of([&bytes[..]]));
        }

        #[test]
        fn text_comes_out_as_it_was_typed(line in "\\PC{0,40}") {
            let typed: Vec<u8> = keys_of([line.as_bytes()]).into_iter().flat_map(|key| match key {
                Key::Character(bytes) => bytes,
                other => panic!("{other:?}"),
            }).collect();
            prop_assert_eq!(typed, line.into_bytes());
        }
    }
}
