//! The word that may follow an unfinished line, for completion.

use clap::Arg;

use crate::commands::argument::kinds;
use crate::commands::parse::{flag_name, values};
use crate::commands::roles::Role;
use crate::commands::signature::{Signature, operand};
use crate::commands::{ArgumentKind, Word};

/// The word that may follow an unfinished line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NextWord {
    /// Its kinds, the likelier first.
    pub kinds: &'static [ArgumentKind],
    /// The words that it may be, as the value of the flag before it or as an operand; empty if it may be any.
    pub values: Vec<String>,
    /// True if it may be a flag.
    pub may_be_flag: bool,
}

impl Signature {
    /// Returns the word that may follow these words after the command's name.
    #[must_use]
    pub fn next_word(&self, words: &[Word]) -> NextWord {
        let (roles, definition) = (self.roles(words), self.definition());
        if let Some(Role::Flags { wants_value: Some(wanted), .. }) = roles.last() {
            let flag = definition.get_arguments().find(|argument| argument.get_id() == wanted);
            let (kinds, values) = flag.map_or((&[][..], Vec::new()), |flag| (kinds(flag, 0), values(flag)));
            return NextWord { kinds, values, may_be_flag: false };
        }
        let operands = roles.iter().filter(|role| matches!(role, Role::Operand(_))).count();
        let may_be_flag = !roles.contains(&Role::End);
        let operand = operand(&definition, operands);
        let (kinds, values) =
            operand.map_or((&[][..], Vec::new()), |(operand, further)| (kinds(operand, further), values(operand)));
        NextWord { kinds, values, may_be_flag }
    }

    /// Returns the flags that begin like this word, as they can be typed. A word with `=` gives the values of its flag.
    #[must_use]
    pub fn flags_like(&self, word: &[u8]) -> Vec<String> {
        let definition = self.definition();
        let begins = |flag: &String| flag.as_bytes().starts_with(word);
        let flags: Vec<&Arg> = definition.get_arguments().filter(|argument| !argument.is_positional()).collect();
        if word.contains(&b'=') {
            let with_values = |flag: &&Arg| {
                let name = flag_name(flag);
                values(flag).into_iter().map(move |value| format!("{name}={value}"))
            };
            return flags.iter().flat_map(with_values).filter(begins).collect();
        }
        let mut names: Vec<String> = flags.iter().map(|flag| flag_name(flag)).filter(begins).collect();
        if names.is_empty() && word.len() > 1 {
            let with_one_dash = flags.iter().filter_map(|flag| Some(format!("-{}", flag.get_long()?)));
            names = with_one_dash.filter(|flag| begins(flag) && self.takes_with_one_dash(flag)).collect();
        }
        names.sort_unstable();
        names
    }

    /// Returns whether a long flag may be typed in find(1)'s form: `-name`.
    fn takes_with_one_dash(&self, flag: &str) -> bool {
        let roles = self.roles(&[Word::literal(flag.as_bytes())]);
        matches!(roles.as_slice(), [Role::Flags { has_one_dash: true, .. }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::find;
    use crate::commands::testing::words;

    fn next(line: &str) -> NextWord {
        let words = words(line);
        find(&String::from_utf8_lossy(&words[0].plain())).unwrap().next_word(&words[1..])
    }

    #[test]
    fn the_next_word_is_an_operand_or_the_value_of_a_flag() {
        use ArgumentKind::{LocalDir, LocalPath, RemoteDir, RemotePattern};
        for (line, first_kind, may_be_flag) in [
            ("get", Some(RemotePattern), true),
            ("get -o", Some(LocalDir), false),
            ("get --output", Some(LocalDir), false),
            ("get -ro", Some(LocalDir), false),
            ("get -o dir", Some(RemotePattern), true),
            ("get --exclude-from", Some(LocalPath), false),
            ("put -o", Some(RemoteDir), false),
            ("get --", Some(RemotePattern), false),
            ("cd dir", None, true),
            ("find -maxdepth", None, false),
        ] {
            let NextWord { kinds, may_be_flag: flag, .. } = next(line);
            assert_eq!((kinds.first().copied(), flag), (first_kind, may_be_flag), "{line}");
        }
        assert_eq!(next("put --on-conflict").values, ["overwrite", "skip", "newer", "rename", "ask"]);
        assert_eq!(next("find -type").values, ["f", "d", "l"]);
        assert_eq!(next("bookmark").values, ["add", "list", "rm"]);
        assert_eq!(next("get").values, [""; 0]);
    }

    #[test]
    fn flags_are_offered_as_they_can_be_typed() {
        for (command, word, flags) in [
            ("rmdir", "-", &[][..]),
            ("ls", "--s", &["--sort"]),
            ("put", "--on-conflict=r", &["--on-conflict=rename"]),
            ("get", "--resume=", &["--resume=compare", "--resume=size"]),
            ("find", "-na", &["-name"]),
            ("find", "-newer", &["-newer", "-newer-than"]),
            ("rm", "-x", &[]),
        ] {
            assert_eq!(find(command).unwrap().flags_like(word.as_bytes()), flags, "{command} {word}");
        }
    }
}
