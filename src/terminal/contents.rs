//! Shows the contents of remote files on stdout.

use std::io::Write;

use crate::terminal::output::Output;
use crate::terminal::printable::Printable;

/// Bytes of files on their way to stdout. They stay as they are, except on a terminal: it would obey control characters,
/// so it gets all but newlines and tabs in printable form, and a newline after a file that ends without one.
pub struct Contents<'a> {
    output: &'a Output,
    is_terminal: bool,
    /// The beginning of a character that was cut between two pieces.
    cut: Vec<u8>,
    line_is_open: bool,
}

impl<'a> Contents<'a> {
    /// Creates a way to the stdout of `output`.
    #[must_use]
    pub fn on(output: &'a Output) -> Contents<'a> {
        Contents { output, is_terminal: output.stdout_is_terminal(), cut: Vec::new(), line_is_open: false }
    }

    /// Shows the next bytes of the file.
    pub fn show(&mut self, bytes: &[u8]) {
        if !self.is_terminal {
            return self.write(bytes);
        }
        let mut bytes = [std::mem::take(&mut self.cut).as_slice(), bytes].concat();
        self.cut = bytes.split_off(bytes.len() - incomplete_bytes(&bytes));
        self.show_printable(&bytes);
    }

    /// Ends the file.
    pub fn finish(mut self) {
        let cut = std::mem::take(&mut self.cut);
        self.show_printable(&cut);
        if self.line_is_open {
            self.write(b"\n");
        }
    }

    fn show_printable(&mut self, bytes: &[u8]) {
        let mut shown = String::with_capacity(bytes.len());
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\t')) {
            let (text, end) = match piece {
                [text @ .., end @ (b'\n' | b'\t')] => (text, Some(char::from(*end))),
                text => (text, None),
            };
            shown.push_str(&Printable(text).text());
            shown.extend(end);
        }
        if !shown.is_empty() {
            self.line_is_open = !shown.ends_with('\n');
        }
        self.write(shown.as_bytes());
    }

    fn write(&self, bytes: &[u8]) {
        // An error means that stdout is no longer read, and stops the command by `Output::stop_when_ended`.
        let _ = self.output.writer().write_all(bytes);
    }
}

/// Returns the length of a UTF-8 character at the end whose last bytes are missing; 0 if there is none.
fn incomplete_bytes(bytes: &[u8]) -> usize {
    let is_incomplete = |length: &usize| {
        let end = bytes.split_at_checked(bytes.len().wrapping_sub(*length)).map(|(_, end)| end);
        end.and_then(|end| std::str::from_utf8(end).err())
            .is_some_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (1..=3).find(is_incomplete).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pieces: &[&[u8]], is_terminal: bool) -> String {
        let output = Output::captured();
        let mut contents = Contents { is_terminal, ..Contents::on(&output) };
        pieces.iter().for_each(|piece| contents.show(piece));
        contents.finish();
        output.captured_text().stdout
    }

    #[test]
    fn a_terminal_gets_lines_of_printable_text() {
        for (pieces, text) in [
            (&[&b"a\tb\n\x1b[2Jc\n"[..]][..], "a\tb\n\\033[2Jc\n"),
            (&[b"one\r\n", b"two"], "one\\015\ntwo\n"),
            (&["caf\u{e9} ".as_bytes(), b"\xe6", b"\x97", b"\xa5\n"], "caf\u{e9} \u{65e5}\n"),
            (&[b"\xe6\x97", b"x\xe6"], "\\346\\227x\\346\n"),
            (&[b"", b""], ""),
            (&[], ""),
        ] {
            assert_eq!(shown(pieces, true), text);
        }
    }

    #[test]
    fn a_program_gets_the_bytes_as_they_are() {
        assert_eq!(shown(&[b"a\x1b[2J\r\n", b"\xc3", b"\xa9b"], false), "a\x1b[2J\r\n\u{e9}b");
    }
}
