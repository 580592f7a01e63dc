//! The commands of `-e`, of which one text may hold several.
//!
//! A `;` or a newline separates two commands unless it could be a character of a word: it doesn't in quotes, after a
//! backslash, or in a comment, which ends at the newline. So a name in the usual form is never split. A line for a
//! local shell (`!…`, `lls …`) is never split either, because the shell itself reads its `;`.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use crate::commands;
use crate::shell::line::Line;

/// Commands from the command line that have not run yet.
pub(crate) struct CommandLineScripts {
    commands: VecDeque<Vec<u8>>,
    taken: usize,
}

impl CommandLineScripts {
    /// Returns the commands of all `-e`, in order.
    pub(crate) fn of(scripts: &[OsString]) -> CommandLineScripts {
        let commands = scripts.iter().flat_map(|script| commands_of(script.as_bytes())).map(<[u8]>::to_vec);
        CommandLineScripts { commands: commands.filter(|command| !command.trim_ascii().is_empty()).collect(), taken: 0 }
    }

    /// Takes the next command.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        self.taken += 1;
        self.commands.pop_front()
    }

    /// Returns the place of the last command taken: `-e:2`.
    pub(crate) fn place(&self) -> String {
        format!("-e:{}", self.taken)
    }
}

/// Splits a text into commands with their blanks and comments, but without separators.
fn commands_of(text: &[u8]) -> Vec<&[u8]> {
    let mut commands = Vec::new();
    let mut rest = text;
    loop {
        let end = end_of_command(rest);
        commands.push(&rest[..end]);
        match rest.get(end + 1..) {
            Some(next) => rest = next,
            None => return commands,
        }
    }
}

/// Returns the end of the first command: a separator, or the end of the text.
fn end_of_command(text: &[u8]) -> usize {
    let line = &text[..end_of_line(text, 0)];
    if commands::parse_raw(Line::parse(line).command).is_some() {
        return line.len();
    }
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at = match byte {
            b';' | b'\n' => return at,
            b'\\' => at + 2,
            b'\'' | b'"' => behind_quote(text, at),
            b'#' => end_of_line(text, at),
            _ => at + 1,
        };
    }
    text.len()
}

/// Returns the position after the quote that opens at `at`. In both kinds of quotes, a backslash protects the next
/// byte.
fn behind_quote(text: &[u8], at: usize) -> usize {
    let mark = text.get(at);
    let mut at = at + 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            _ if Some(byte) == mark => return at + 1,
            _ => at += 1,
        }
    }
    at
}

fn end_of_line(text: &[u8], from: usize) -> usize {
    text[from..].iter().position(|&byte| byte == b'\n').map_or(text.len(), |at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::words;
    use crate::terminal::quote::{self, Quote};
    use proptest::prelude::*;

    fn commands(text: &str) -> Vec<String> {
        let mut scripts = CommandLineScripts::of(&[text.into()]);
        std::iter::from_fn(|| scripts.next()).map(|command| String::from_utf8(command).unwrap()).collect()
    }

    #[test]
    fn a_semicolon_separates_unless_it_is_quoted() {
        for (text, wanted) in [
            ("ls -l; get x", vec!["ls -l", " get x"]),
            ("pwd;pwd", vec!["pwd", "pwd"]),
            ("pwd\npwd\n", vec!["pwd", "pwd"]),
            (";; pwd ;\n;", vec![" pwd "]),
            ("get 'a;b'; get \"c;d\"", vec!["get 'a;b'", " get \"c;d\""]),
            ("get a\\;b;pwd", vec!["get a\\;b", "pwd"]),
            ("get $'\\';' ; pwd", vec!["get $'\\';' ", " pwd"]),
            ("get 'it\\'s;x' ; pwd", vec!["get 'it\\'s;x' ", " pwd"]),
            ("get 'a\\\\';pwd", vec!["get 'a\\\\'", "pwd"]),
            ("get 'a\n;b';pwd", vec!["get 'a\n;b'", "pwd"]),
            ("pwd # a; b's\nls", vec!["pwd # a; b's", "ls"]),
            ("!echo a; echo \"b\npwd", vec!["!echo a; echo \"b", "pwd"]),
            ("-!false;true", vec!["-!false;true"]),
            ("lls -l; rm x\npwd", vec!["lls -l; rm x", "pwd"]),
            ("lls;pwd", vec!["lls", "pwd"]),
            ("get 'open; pwd", vec!["get 'open; pwd"]),
            ("pwd;get x\\", vec!["pwd", "get x\\"]),
            ("", vec![]),
        ] {
            assert_eq!(commands(text), wanted, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_name_is_cut_in_two(names in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..12), 1..6)) {
            let written = |(at, name): (usize, &Vec<u8>)| match [Quote::Bare, Quote::Single, Quote::Double][at % 3] {
                Quote::Bare => format!("rm {}", quote::paste(name)),
                Quote::Single => format!("rm '{}'", quote::escape(name, Quote::Single)),
                Quote::Double => format!("rm \"{}\"", quote::escape(name, Quote::Double)),
            };
            let text = names.iter().enumerate().map(written).collect::<Vec<_>>().join(";");
            let commands = commands(&text);
            let found: Vec<_> =
                commands.iter().map(|command| words::split(command.as_bytes()).unwrap()[1].plain()).collect();
            prop_assert_eq!(found, names);
        }

        #[test]
        fn nothing_is_lost_but_separators(text in "[a;\\\\'\"#\\n !$]{0,40}") {
            let commands = commands_of(text.as_bytes());
            let separators: usize = commands.len() - 1;
            prop_assert_eq!(commands.iter().map(|command| command.len()).sum::<usize>() + separators, text.len());
        }

        #[test]
        fn each_command_but_the_last_can_be_split(text in "[a;\\\\'\"#\\n $]{0,40}") {
            let commands = commands_of(text.as_bytes());
            for command in &commands[..commands.len() - 1] {
                prop_assert!(words::split(command).is_ok(), "{:?}", command.escape_ascii().to_string());
            }
        }
    }
}
