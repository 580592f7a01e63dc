//! The roles of the words after a command's name: flags, their values, and operands.
//!
//! sftp(1) accepts no flags after the first operand, so a later word that is not one of the command's flags
//! (`rename old -new`) stays an operand, while `ls dir -l` works as expected.

use clap::Arg;

use crate::commands::Word;
use crate::commands::signature::{Signature, takes_next_word};
use crate::terminal::Printable;

/// The role of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Flags of the command.
    Flags {
        /// True if it is a long flag in find(1)'s form, with one dash: `-name`.
        has_one_dash: bool,
        /// The identifier of the last flag if it takes the next word as its value.
        wants_value: Option<clap::Id>,
    },
    /// The value of the flag before it.
    Value,
    /// `--`: only operands follow.
    End,
    /// A flag that the command does not have, in the form for messages.
    UnknownFlag(String),
    /// The operand with this number, counted from 0.
    Operand(usize),
}

impl Signature {
    /// Returns the roles of the words after the command's name.
    #[must_use]
    pub fn roles(&self, words: &[Word]) -> Vec<Role> {
        let definition = self.definition();
        let (mut operands, mut is_value, mut only_operands) = (0, false, false);
        let role = |word: &Word| {
            let read = if only_operands { FlagWord::Operand } else { read(&definition, &word.plain()) };
            let role = match read {
                _ if std::mem::take(&mut is_value) => Role::Value,
                FlagWord::End => Role::End,
                FlagWord::Known { has_one_dash, wants_value } => {
                    Role::Flags { has_one_dash, wants_value: wants_value.map(|flag| flag.get_id().clone()) }
                }
                FlagWord::Unknown(flag) if self.refuses_late_flags || operands == 0 => Role::UnknownFlag(flag),
                FlagWord::Unknown(_) | FlagWord::Operand => Role::Operand(operands),
            };
            is_value = matches!(role, Role::Flags { wants_value: Some(_), .. });
            only_operands |= role == Role::End;
            operands += usize::from(matches!(role, Role::Operand(_)));
            role
        };
        words.iter().map(role).collect()
    }

    /// Returns whether a word is the beginning of a long flag.
    #[must_use]
    pub fn has_flag_that_begins(&self, word: &[u8]) -> bool {
        let begun = word.strip_prefix(b"--").or_else(|| word.strip_prefix(b"-")).unwrap_or(word);
        self.flags().iter().filter_map(|flag| flag.long.as_ref()).any(|long| long.as_bytes().starts_with(begun))
    }
}

/// The kinds of words with regard to flags.
enum FlagWord<'a> {
    End,
    /// The last one may take the next word as its value.
    Known {
        has_one_dash: bool,
        wants_value: Option<&'a Arg>,
    },
    Unknown(String),
    Operand,
}

/// Reads a word. A long flag with one dash is accepted only if the command has no flag with its first letter.
fn read<'a>(definition: &'a clap::Command, word: &[u8]) -> FlagWord<'a> {
    match word {
        b"--" => FlagWord::End,
        [b'-', b'-', long @ ..] => read_long(definition, long, false),
        [b'-', shorts @ ..] if !shorts.is_empty() => match read_shorts(definition, shorts) {
            FlagWord::Unknown(flag) if shorts.len() > 1 => match read_long(definition, shorts, true) {
                FlagWord::Unknown(_) => FlagWord::Unknown(flag),
                known => known,
            },
            read => read,
        },
        _ => FlagWord::Operand,
    }
}

fn read_long<'a>(definition: &'a clap::Command, word: &[u8], has_one_dash: bool) -> FlagWord<'a> {
    let mut parts = word.splitn(2, |&byte| byte == b'=');
    let long = parts.next().unwrap_or_default();
    let found = definition.get_arguments().find(|argument| {
        let names = argument.get_long_and_visible_aliases().unwrap_or_default();
        names.iter().any(|name| name.as_bytes() == long)
    });
    match found {
        Some(argument) => FlagWord::Known {
            has_one_dash,
            wants_value: Some(argument).filter(|flag| takes_next_word(flag) && parts.next().is_none()),
        },
        None => FlagWord::Unknown(format!("--{}", Printable(long))),
    }
}

fn read_shorts<'a>(definition: &'a clap::Command, shorts: &[u8]) -> FlagWord<'a> {
    let text = String::from_utf8_lossy(shorts);
    for (at, short) in text.char_indices() {
        let found = definition.get_arguments().find(|argument| {
            let aliases = argument.get_all_short_aliases().unwrap_or_default();
            argument.get_short() == Some(short) || aliases.contains(&short)
        });
        match found {
            None => return FlagWord::Unknown(format!("-{}", Printable(short.to_string().as_bytes()))),
            Some(argument) if takes_next_word(argument) => {
                let is_last = at + short.len_utf8() == text.len();
                return FlagWord::Known { has_one_dash: false, wants_value: Some(argument).filter(|_| is_last) };
            }
            Some(_) => (),
        }
    }
    FlagWord::Known { has_one_dash: false, wants_value: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::find;
    use crate::commands::testing::words;

    #[test]
    fn each_word_has_its_role() {
        let names = |role: &Role| match role {
            Role::Flags { has_one_dash: false, wants_value: None } => "flags".to_owned(),
            Role::Flags { has_one_dash: true, wants_value: None } => "-flag".to_owned(),
            Role::Flags { wants_value: Some(_), .. } => "flag+".to_owned(),
            Role::Value => "value".to_owned(),
            Role::End => "end".to_owned(),
            Role::UnknownFlag(flag) => format!("?{flag}"),
            Role::Operand(index) => index.to_string(),
        };
        for (line, roles) in [
            ("ls -la dir -l", "flags 0 flags"),
            ("ls -lQ", "?-Q"),
            ("ls --nothing", "?--nothing"),
            ("rename old -new", "0 1"),
            ("get -o dir a -- -P", "flag+ value 0 end 1"),
            ("get --on-conflict=skip a", "flags 0"),
            ("find . -name x -size +1", "0 flag+ value flag+ value"),
            ("rm -- -x --", "end 0 1"),
        ] {
            let words = words(line);
            let signature = find(&String::from_utf8(words[0].plain()).unwrap()).unwrap();
            let found: Vec<String> = signature.roles(&words[1..]).iter().map(names).collect();
            assert_eq!(found.join(" "), roles, "{line}");
        }
    }

    #[test]
    fn a_flag_may_still_be_typed() {
        let find = find("find").unwrap();
        for (word, begins) in [("--na", true), ("-na", true), ("-", true), ("-zz", false)] {
            assert_eq!(find.has_flag_that_begins(word.as_bytes()), begins, "{word}");
        }
    }
}
