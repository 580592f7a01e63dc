//! Shows the standard error of the program on the far side, line by line, like ssh(1).

use crate::terminal::{Output, Printable};

/// A line that is not complete at this length is shown in parts.
const LONGEST_LINE: usize = 4096;

/// Splits the received text into lines and shows them.
pub(super) struct RemoteStderr {
    output: Output,
    begun: Vec<u8>,
}

impl RemoteStderr {
    pub(super) fn shown_on(output: &Output) -> RemoteStderr {
        RemoteStderr { output: output.clone(), begun: Vec::new() }
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.begun.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.begun.len() >= LONGEST_LINE {
                self.show();
            }
        }
    }

    fn show(&mut self) {
        self.output.failure(Printable(self.begun.trim_ascii_end()));
        self.begun.clear();
    }
}

impl Drop for RemoteStderr {
    fn drop(&mut self) {
        if !self.begun.is_empty() {
            self.show();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_shown_whole_and_printable_however_they_come() {
        let output = Output::captured();
        let mut errors = RemoteStderr::shown_on(&output);
        for bytes in [&b"quo"[..], b"ta\r\nis \x1b[2J", b" low\n\nhalf"] {
            errors.receive(bytes);
        }
        assert_eq!(output.captured_text().stderr, "quota\nis \\033[2J low\n\n");
        drop(errors);
        assert_eq!(output.captured_text().stderr, "quota\nis \\033[2J low\n\nhalf\n");
    }

    #[test]
    fn a_line_without_end_is_shown_in_parts() {
        let output = Output::captured();
        let mut errors = RemoteStderr::shown_on(&output);
        (0..100).for_each(|_| errors.receive(&[b'x'; 1000]));
        assert_eq!(output.captured_text().stderr.lines().count(), 20);
    }
}
