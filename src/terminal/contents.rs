//! Shows the contents of remote files, on stdout or in a pager.

use std::io::{self, Write};

use crate::terminal::output::{self, Output};
use crate::terminal::printable::Printable;

/// Bytes of files on their way to a reader. They stay as they are, except on a terminal: it would obey control
/// characters, so it gets all but newlines and tabs in printable form, and a newline after a file that ends without one.
pub struct Contents<W> {
    to: W,
    is_terminal: bool,
    /// The beginning of a character that was cut between two pieces.
    cut: Vec<u8>,
    line_is_open: bool,
}

impl<'a> Contents<output::Writer<'a>> {
    /// Creates a way to the stdout of `output`.
    #[must_use]
    pub fn on(output: &'a Output) -> Contents<output::Writer<'a>> {
        Contents { is_terminal: output.stdout_is_terminal(), ..Contents::printable(output.writer()) }
    }
}

impl<W: Write> Contents<W> {
    /// Creates a way to a program that shows its input on a terminal.
    pub fn printable(to: W) -> Contents<W> {
        Contents { to, is_terminal: true, cut: Vec::new(), line_is_open: false }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// The reader went away.
    pub fn finish(mut self) -> io::Result<()> {
        let cut = std::mem::take(&mut self.cut);
        self.show_printable(&cut)?;
        if self.line_is_open { self.to.write_all(b"\n") } else { Ok(()) }
    }

    fn show_printable(&mut self, bytes: &[u8]) -> io::Result<()> {
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
        self.to.write_all(shown.as_bytes())
    }
}

/// An error means that the reader went away, so no more of the file is wanted.
impl<W: Write> Write for Contents<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_terminal {
            let mut whole = [std::mem::take(&mut self.cut).as_slice(), bytes].concat();
            self.cut = whole.split_off(whole.len() - incomplete_bytes(&whole));
            self.show_printable(&whole)?;
        } else {
            self.to.write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
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
        pieces.iter().for_each(|piece| contents.write_all(piece).unwrap());
        contents.finish().unwrap();
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
