//! The names of commands: what they lead to, and what a person may have meant by one that no command has.

use super::signature::Signature;
use super::{COMMANDS, Failure};
use crate::terminal::Printable;

/// The command of this name, whatever its case. Names can't be shortened, as in sftp(1).
#[must_use]
pub fn find(name: &str) -> Option<&'static Signature> {
    COMMANDS.iter().find(|command| command.names.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

/// All names of all commands, in the order of the list.
pub fn names() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().flat_map(|command| command.names.iter().copied())
}

/// Commands of other programs, and what does the same here.
const ELSEWHERE: [(&str, &str); 26] = [
    ("mv", "did you mean rename?"),
    ("move", "did you mean rename?"),
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
    ("close", "did you mean bye?"),
    ("disconnect", "did you mean bye?"),
    ("logout", "did you mean bye?"),
    ("cat", SHOW),
    ("more", SHOW),
    ("less", SHOW),
    ("view", SHOW),
    ("edit", EDIT),
    ("vi", EDIT),
    ("vim", EDIT),
    ("nano", EDIT),
    ("touch", "make an empty file with !touch NAME, then put NAME"),
    ("open", "bye, then start sftpsh with the other host"),
    ("mirror", "get -r and put -r transfer trees"),
];

const SHOW: &str = "get NAME /dev/stdout shows a file";
const EDIT: &str = "get the file, edit it with !, and put it back";

/// Letters of a name that is no command which are shown. More is no slip of a finger but a file that is no script.
const LONGEST_SHOWN: usize = 60;

/// The failure of a name that no command has, with the nearest one that some has.
pub(super) fn unknown(name: &str) -> Failure {
    let end = name.char_indices().nth(LONGEST_SHOWN).map_or(name.len(), |(end, _)| end);
    let (shown, rest) = name.split_at(end);
    let more = if rest.is_empty() { "" } else { "..." };
    let failure = Failure::new(format!("Invalid command. There is no \"{}{more}\".", Printable(shown.as_bytes())));
    failure.with_hint(advice(&shown.to_ascii_lowercase()))
}

/// What to type instead of a name that no command has.
fn advice(name: &str) -> String {
    let elsewhere = ELSEWHERE.into_iter().find(|&(theirs, _)| theirs == name);
    match (elsewhere, nearest(name)) {
        (Some((_, ours)), _) => ours.to_owned(),
        (None, Some(known)) => format!("did you mean {known}?"),
        (None, None) => "help lists the commands".to_owned(),
    }
}

fn nearest(name: &str) -> Option<&'static str> {
    // A slip of a finger in three letters, or the start of one name and of no other.
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
            ("mv", "did you mean rename?"),
            ("lsz", "did you mean ls?"),
            ("exti", "did you mean exit?"),
            ("edit", EDIT),
            ("cat", SHOW),
            ("xyzzy", "help lists the commands"),
            ("me", "help lists the commands"),
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
