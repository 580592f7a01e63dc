//! JSON objects, one on each line, as printed by `ls --json` and `--progress json`. `docs/json.md` has their schemas.
//!
//! We write them by hand: only the escapes of strings need care, and no serializer supports names that are bytes.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::terminal::printable::is_unseen;

/// A JSON object under construction. Its members are in the order in which they were added.
#[derive(Debug, Default)]
pub struct Object(String);

impl Object {
    /// Creates an object that describes an event.
    #[must_use]
    pub fn of(event: &str) -> Object {
        let mut object = Object::default();
        object.text("event", event);
        object
    }

    /// Adds a boolean.
    pub fn flag(&mut self, key: &str, value: bool) {
        self.member(key, if value { "true" } else { "false" });
    }

    fn member(&mut self, key: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        // Writing to a string can't fail.
        let _ = write!(self.0, "\"{key}\":{value}");
    }

    /// Adds a value that is already in JSON, or null.
    pub fn optional(&mut self, key: &str, value: Option<String>) {
        self.member(key, value.as_deref().unwrap_or("null"));
    }

    /// Adds a number, or null.
    pub fn number(&mut self, key: &str, number: Option<impl ToString>) {
        self.optional(key, number.map(|number| number.to_string()));
    }

    /// Adds a string.
    pub fn text(&mut self, key: &str, text: &str) {
        self.member(key, &quoted(text));
    }

    /// Adds a string that need not be UTF-8. If it isn't, its exact bytes follow as `KEY_base64`.
    pub fn bytes(&mut self, key: &str, bytes: &[u8]) {
        self.text(key, &String::from_utf8_lossy(bytes));
        if std::str::from_utf8(bytes).is_err() {
            self.text(&format!("{key}_base64"), &BASE64.encode(bytes));
        }
    }

    /// Like [`Object::bytes`], but adds null if there is no name.
    pub fn name(&mut self, key: &str, name: Option<&[u8]>) {
        match name {
            Some(name) => self.bytes(key, name),
            None => self.member(key, "null"),
        }
    }

    /// Returns the whole object.
    #[must_use]
    pub fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Writes a JSON string (RFC 8259, section 7). Escapes every character that [`is_unseen`], so that the text is one
/// line for every reader, harmless to a terminal, and hides nothing.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            letter if is_unseen(letter) => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    let _ = write!(quoted, "\\u{unit:04x}");
                }
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unseen_is_left_and_every_text_is_read_back() {
        for letter in '\0'..=char::MAX {
            let text = format!("a{letter}b");
            let quoted = quoted(&text);
            assert!(!quoted.chars().any(is_unseen), "U+{:04X}", u32::from(letter));
            assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text, "U+{:04X}", u32::from(letter));
        }
    }

    #[test]
    fn characters_that_hide_or_turn_are_escaped_those_beyond_the_first_plane_in_two_units() {
        for (text, json) in [
            ("👨\u{200d}👩", r#""👨\u200d👩""#),
            ("a\u{202e}b\u{61c}\u{2066}", r#""a\u202eb\u061c\u2066""#),
            ("\u{feff}\u{e0041}", r#""\ufeff\udb40\udc41""#),
            ("❤\u{fe0f}", r#""❤\ufe0f""#),
            ("ö日😀", r#""ö日😀""#),
        ] {
            assert_eq!(quoted(text), json);
        }
    }
}
