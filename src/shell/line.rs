//! The prefixes of a command: `-` lets a batch continue if the command fails, `@` suppresses its echo.

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A line, split into the shell's part and the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// `-`: a failure doesn't end the batch.
    pub(crate) ignores_failure: bool,
    /// `@`: the line is not echoed.
    pub(crate) hides_itself: bool,
    /// The command with its arguments, from its first character on. Empty for a blank line and for a comment.
    pub(crate) command: &'a [u8],
    /// The position of the command in the line.
    pub(crate) offset: usize,
}

impl<'a> Line<'a> {
    /// Splits a line: blanks, any mix of `-` and `@`, blanks, the command. A byte-order mark, which some editors put
    /// at the beginning of a file, is skipped.
    pub(crate) fn parse(line: &'a [u8]) -> Line<'a> {
        let after_blanks = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line).trim_ascii_start();
        let prefixes = after_blanks.iter().take_while(|byte| b"-@".contains(byte)).count();
        let (prefix, rest) = after_blanks.split_at(prefixes);
        let command = rest.trim_ascii_start();
        let offset = line.len() - command.len();
        Line {
            ignores_failure: prefix.contains(&b'-'),
            hides_itself: prefix.contains(&b'@'),
            command: if command.starts_with(b"#") { b"" } else { command },
            offset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_stand_in_any_mix_before_the_command() {
        for (line, ignores_failure, hides_itself, command) in [
            ("ls", false, false, "ls"),
            ("  \tls -l", false, false, "ls -l"),
            ("-ls", true, false, "ls"),
            ("@ls", false, true, "ls"),
            ("-@ls", true, true, "ls"),
            ("@-get a", true, true, "get a"),
            ("@@--pwd", true, true, "pwd"),
            (" - pwd", true, false, "pwd"),
            // The second dash belongs to the command, so there is no such command.
            ("- -pwd", true, false, "-pwd"),
            ("-", true, false, ""),
            ("", false, false, ""),
            ("   ", false, false, ""),
            ("\r", false, false, ""),
            ("# no command", false, false, ""),
            ("-# no command", true, false, ""),
            ("!ls -l", false, false, "!ls -l"),
            ("\u{feff}-ls", true, false, "ls"),
            ("\u{feff}# no command", false, false, ""),
        ] {
            let parsed = Line::parse(line.as_bytes());
            let seen = (parsed.ignores_failure, parsed.hides_itself, parsed.command);
            assert_eq!(seen, (ignores_failure, hides_itself, command.as_bytes()), "{line:?}");
            if !command.is_empty() {
                assert_eq!(&line.as_bytes()[parsed.offset..], command.as_bytes(), "{line:?}");
            }
        }
    }
}
