//! Checks the table for completeness, by each command's own definition: a row for its effect, one for each kind of
//! failure, one for each of its names, and one for each flag with a letter.

use super::row::Row;
use sftpsh::commands::{ArgumentKind, Signature};

/// The maximum number of operands that is checked: no command has more of different kinds.
const OPERANDS: usize = 3;

/// Commands that need a terminal, which no row has: `commands_editing` shows what they do.
const ON_A_TERMINAL: &[&str] = &["edit"];

/// A line of a row that types the command, with its row.
struct Typed<'a> {
    row: &'a Row,
    /// The text after the command's name.
    rest: &'a str,
}

/// Returns whether a line covers a case.
type Shows = fn(&Typed) -> bool;

/// Returns the cases of a command that no row covers.
pub(super) fn missing(signature: &Signature, rows: &[Row]) -> Vec<String> {
    let typed: Vec<Typed> = rows.iter().flat_map(|row| lines(signature, row)).collect();
    let kinds: Vec<ArgumentKind> = (0..OPERANDS).flat_map(|index| signature.operand_kinds(index)).copied().collect();
    let takes = |wanted: &[ArgumentKind]| wanted.iter().any(|kind| kinds.contains(kind));
    let is_remote = takes(&[ArgumentKind::RemotePattern, ArgumentKind::RemotePath, ArgumentKind::RemoteDir]);
    let is_shown = !ON_A_TERMINAL.contains(&signature.name());
    let takes_names =
        is_remote || takes(&[ArgumentKind::LocalPath, ArgumentKind::LocalDir, ArgumentKind::LocalPattern]);
    let takes_patterns = takes(&[ArgumentKind::RemotePattern, ArgumentKind::LocalPattern]);
    // A row has no second server and no transfer in the background; tests/it/unconnected.rs and jobs.rs have them.
    let may_succeed = !takes(&[ArgumentKind::Destination, ArgumentKind::Job]);
    let cases: [(&str, bool, Shows); 5] = [
        ("success", may_succeed, |typed| !typed.fails() && typed.row.seen.code == 0),
        ("missing", takes_names, |typed| typed.fails() && !typed.is_denied() && typed.names_nothing()),
        ("denied", is_remote, |typed| typed.fails() && typed.is_denied()),
        ("quoted name", takes_names, |typed| typed.rest.contains(['"', '\'', '\\'])),
        ("no match", takes_patterns, |typed| typed.has_wildcard() && typed.names_nothing() && typed.fails()),
    ];
    let mut missing: Vec<String> = cases
        .into_iter()
        .filter(|(_, is_due, shows)| is_shown && *is_due && !typed.iter().any(shows))
        .map(|(case, ..)| format!("{}: {case}", signature.name()))
        .collect();
    let is_typed = |name: &str| rows.iter().any(|row| row.typed.iter().any(|line| command(line).0 == name));
    missing.extend(signature.names.iter().filter(|name| !is_typed(name)).map(|name| format!("the name {name}")));
    let letters = signature.flags().into_iter().filter_map(|flag| flag.short);
    let unshown = letters.filter(|&letter| !typed.iter().any(|typed| typed.has_flag(letter)));
    missing.extend(unshown.map(|letter| format!("{} -{letter}", signature.name())));
    missing
}

fn lines<'a>(signature: &Signature, row: &'a Row) -> Vec<Typed<'a>> {
    let rest = |line: &'a String| {
        let (name, rest) = command(line);
        signature.names.contains(&name.as_str()).then_some(Typed { row, rest })
    };
    row.typed.iter().filter_map(rest).collect()
}

/// Splits a line into its command, without prefixes, and the rest.
fn command(line: &str) -> (String, &str) {
    let line = line.trim_start().trim_start_matches(['-', '@']).trim_start();
    if let Some(rest) = line.strip_prefix('!') {
        return ("!".to_owned(), rest);
    }
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    (name.to_ascii_lowercase(), rest)
}

impl Typed<'_> {
    fn fails(&self) -> bool {
        !self.row.seen.stderr.is_empty()
    }

    fn is_denied(&self) -> bool {
        !self.row.server_words.is_empty()
    }

    /// Returns whether the line uses a name that exists in no row.
    fn names_nothing(&self) -> bool {
        ["none", "no/", "gone"].iter().any(|name| self.rest.contains(name))
    }

    fn has_wildcard(&self) -> bool {
        self.rest.contains(['*', '?', '['])
    }

    fn has_flag(&self, letter: char) -> bool {
        let is_flag = |word: &str| word.strip_prefix('-').is_some_and(|letters| letters.contains(letter));
        self.rest.split_whitespace().any(|word| !word.starts_with("--") && is_flag(word))
    }
}
