//! The commands in a text of several lines. A command goes on in the next line while a quote is open, or after a
//! backslash at the end of a line.

use std::ops::Range;

use crate::commands::shell_part;
use crate::shell::line::Line;
use crate::shell::words::{Unterminated, split};

/// A command in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TypedCommand {
    /// Its place in the text.
    pub(super) span: Range<usize>,
    /// Its line, without the backslashes at the ends of the lines of the text.
    pub(super) line: String,
}

/// Returns the commands of a text. The second value is the beginning of a command that goes on after the text, as it
/// was written.
pub(super) fn commands(text: &str) -> (Vec<TypedCommand>, Option<TypedCommand>) {
    let mut complete = Vec::new();
    let mut open = TypedCommand { span: 0..0, line: String::new() };
    let mut ends = text.match_indices('\n').map(|(at, _)| at).chain([text.len()]).peekable();
    let mut start = 0;
    while let Some(end) = ends.next() {
        open.line.push_str(&text[start..end]);
        open.span.end = end;
        start = end + 1;
        match opened(&open.line) {
            None => {
                complete.push(std::mem::replace(&mut open, TypedCommand { span: start..start, line: String::new() }))
            }
            Some(_) if ends.peek().is_none() => {}
            Some(Unterminated::Backslash(_)) => open.line.truncate(open.line.len() - 1),
            Some(Unterminated::Quote(_)) => open.line.push('\n'),
        }
    }
    let is_open = start > open.span.start && opened(&open.line).is_some();
    (complete, is_open.then_some(open))
}

/// Returns the open quote or the backslash at the end of a command, or `None` if the command is complete. The shell
/// has rules of its own for its part of a line.
fn opened(command: &str) -> Option<Unterminated> {
    let command = Line::parse(command.as_bytes()).command;
    if shell_part(command).is_some() {
        return None;
    }
    split(command).err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_where_its_commands_end() {
        for (text, lines, open) in [
            ("", &[""][..], None),
            ("ls", &["ls"], None),
            ("ls\npwd\n", &["ls", "pwd", ""], None),
            ("get 'a\nb' c\nls", &["get 'a\nb' c", "ls"], None),
            ("get a \\\n b\nls", &["get a  b", "ls"], None),
            ("get a\\\\\nls", &["get a\\\\", "ls"], None),
            ("get \"a\\\nb\"", &["get \"a\\\nb\""], None),
            ("!echo 'a\nls", &["!echo 'a", "ls"], None),
            ("# it's\nls", &["# it's", "ls"], None),
            ("ls\nget 'a", &["ls"], Some("get 'a")),
            ("get a\\", &[], Some("get a\\")),
            ("get a\\\nb\\", &[], Some("get ab\\")),
        ] {
            let (complete, unfinished) = commands(text);
            let found: Vec<&str> = complete.iter().map(|command| command.line.as_str()).collect();
            assert_eq!(found, lines, "{text:?}");
            assert_eq!(unfinished.map(|command| command.line).as_deref(), open, "{text:?}");
        }
        let (complete, open) = commands("ls\nget a\\\nb\nrm 'x");
        let spans: Vec<Range<usize>> = complete.into_iter().chain(open).map(|command| command.span).collect();
        assert_eq!(spans, [0..2, 3..11, 12..17]);
    }
}
