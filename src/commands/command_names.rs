//! The names of commands: finds a command by its name, and suggests one for an unknown name.

use crate::commands::signature::Signature;
use crate::commands::{COMMANDS, Failure};
use crate::terminal::Printable;

/// Returns the command with this name, in any case. As in sftp(1), names can't be abbreviated.
#[must_use]
pub fn find(name: &str) -> Option<&'static Signature> {
    COMMANDS.iter().find(|command| command.names.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

/// Returns all names of all commands, in the order of the list.
pub fn names() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().flat_map(|command| command.names.iter().copied())
}

/// Commands of other programs, and their equivalents here.
const ELSEWHERE: [(&str, &str); 18] = [
    ("move", "did you mean mv?"),
    ("del", "did you mean rm?"),
    ("delete", "did you mean rm?"),
    ("mrm", "did you mean rm?"),
    ("mdelete", "did you mean rm?"),
    ("md", "did you mean mkdir?"),
    ("rd", "did you mean rmdir?"),
    ("upload", "did you mean put?"),
    ("send", "did you mean put?"),
    ("download", "did you mean get?"),
    ("recv", "did you mean get?"),
    ("disconnect", "did you mean close?"),
    ("logout", "did you mean bye?"),
    ("view", "did you mean less?"),
    ("vi", "did you mean edit?"),
    ("vim", "did you mean edit?"),
    ("nano", "did you mean edit?"),
    ("mirror", "get -r and put -r transfer trees"),
];

/// The maximum number of characters of an unknown name that is shown. A longer one is not a typo, but a file that is
/// not a script.
const LONGEST_SHOWN: usize = 60;

/// Returns the failure for an unknown name, with a suggestion.
pub(super) fn unknown(name: &str) -> Failure {
    let end = name.char_indices().nth(LONGEST_SHOWN).map_or(name.len(), |(end, _)| end);
    let (shown, rest) = name.split_at(end);
    let more = if rest.is_empty() { "" } else { "..." };
    let failure = Failure::new(format!("Invalid command. There is no \"{}{more}\".", Printable(shown.as_bytes())));
    failure.with_hint(advice(&shown.to_ascii_lowercase()))
}

/// Returns what to type instead of an unknown name.
fn advice(name: &str) -> String {
    let elsewhere = ELSEWHERE.into_iter().find(|&(theirs, _)| theirs == name);
    match (elsewhere, nearest(name)) {
        (Some((_, ours)), _) => ours.to_owned(),
        (None, Some(known)) => format!("did you mean {known}?"),
        (None, None) => "help lists the commands".to_owned(),
    }
}

fn nearest(name: &str) -> Option<&'static str> {
    // One typo per three letters, or an unambiguous abbreviation.
    let edits = |known: &str| strsim::damerau_levenshtein(name, known);
    let misspelt = || names().filter(|known| edits(known) <= (name.len() / 3).max(1) && edits(known) < name.len());
    let mut begun = names().filter(|known| name.len() > 1 && known.starts_with(name));
    let only = begun.next().filter(|_| begun.next().is_none());
    only.or_else(|| misspelt().min_by_key(|known| edits(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        for (typed, meant) in [
            ("gte", "did you mean get?"),
            ("mkdri", "did you mean mkdir?"),
            ("ren", "did you mean rename?"),
            ("move", "did you mean mv?"),
            ("lsz", "did you mean ls?"),
            ("exti", "did you mean exit?"),
            ("view", "did you mean less?"),
            ("xyzzy", "help lists the commands"),
            ("qq", "help lists the commands"),
            ("", "help lists the commands"),
        ] {
            assert_eq!(advice(typed), meant, "{typed}");
        }
    }

    #[test]
    fn no_command_of_ours_is_called_one_of_another_program() {
        for (theirs, _) in ELSEWHERE {
            assert!(find(theirs).is_none(), "{theirs}");
        }
    }

    #[test]
    fn what_is_no_command_is_shown_by_its_beginning() {
        for (length, shown) in [(60, "é".repeat(60)), (61, "é".repeat(60) + "..."), (100_000, "é".repeat(60) + "...")]
        {
            assert_eq!(unknown(&"é".repeat(length)).lines(), [format!("Invalid command. There is no \"{shown}\".")]);
        }
    }
}
