//! The command after the destination, `host -- COMMAND ARGUMENT…`, as words that the user's shell has split.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use crate::commands::{self, Origin, Word};
use crate::shell::executor::Executor;
use crate::shell::run_end::RunEnd;

/// Runs the command. Only wildcards are special in its words.
pub(crate) fn run(executor: &mut Executor, words: &[OsString]) -> RunEnd {
    let command = commands::parse_raw(&quoted_line(words)).unwrap_or_else(|| {
        let words: Vec<Word> = words.iter().map(|word| bare_word(word.as_bytes())).collect();
        commands::parse(&words)
    });
    executor.context.origin = Origin::CommandLine;
    let verdict = executor.execute_or_show(command);
    executor.reconnect_or_end().unwrap_or(verdict.into())
}

/// Returns the line that a local shell splits into the same words, for `!` and `lls`.
fn quoted_line(words: &[OsString]) -> Vec<u8> {
    match words {
        [one] => one.as_bytes().to_vec(),
        [name, rest @ ..] => {
            let quoted = shlex::bytes::try_join(rest.iter().map(|word| word.as_bytes())).unwrap_or_default();
            [name.as_bytes(), b" ", &quoted].concat()
        }
        [] => Vec::new(),
    }
}

/// Returns a word with its wildcards. The user's shell has expanded each `~` that means a home directory.
fn bare_word(bytes: &[u8]) -> Word {
    let mut word = Word::default();
    for (at, &byte) in bytes.iter().enumerate() {
        if at == 0 && byte == b'~' { word.push_protected(byte) } else { word.push_bare(byte) }
    }
    word
}
