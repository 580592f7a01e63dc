//! The list of commands, from which variants, dispatch, help and completion come.

use super::argument::{ArgumentKind, kinds};
use super::{Example, Failure};
use crate::terminal::Printable;

/// One command of the list: its names and how it is read.
pub struct Entry {
    /// Its names: the first is its own, the others mean the same.
    pub names: &'static [&'static str],
    /// Examples of its use.
    pub examples: &'static [Example],
    /// Whether it takes the rest of the line as it stands, for a local shell to read.
    pub takes_rest_of_line: bool,
    /// Whether a flag that it does not have is refused behind its operands too.
    pub(super) refuses_late_flags: bool,
    pub(super) wants: &'static str,
    pub(super) augment: fn(clap::Command) -> clap::Command,
    pub(super) build: fn(&clap::ArgMatches) -> Result<super::Command, clap::Error>,
}

/// A flag of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Its letter.
    pub short: Option<char>,
    /// Its name.
    pub long: Option<String>,
    /// What it does.
    pub help: String,
}

impl Entry {
    /// The command's own name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }

    /// Its arguments as clap knows them; never its printing or its exit.
    #[must_use]
    pub fn definition(&self) -> clap::Command {
        (self.augment)(clap::Command::new(self.name()))
            .no_binary_name(true)
            .disable_help_flag(true)
            .disable_version_flag(true)
            .args_override_self(true)
            .mut_args(|argument| {
                // The word behind such a flag is its value, whatever it begins with.
                let has_value = !argument.is_positional() && takes_next_word(&argument);
                argument.allow_hyphen_values(has_value)
            })
    }

    /// Its flags, for completion.
    #[must_use]
    pub fn flags(&self) -> Vec<Flag> {
        let definition = self.definition();
        let flags = definition.get_arguments().filter(|argument| !argument.is_positional());
        flags
            .map(|argument| Flag {
                short: argument.get_short(),
                long: argument.get_long().map(str::to_owned),
                help: argument.get_help().map(ToString::to_string).unwrap_or_default(),
            })
            .collect()
    }

    /// What may stand as its operand number `index`, flags not counted; the likelier one first. Empty where nothing may.
    #[must_use]
    pub fn operand_kinds(&self, index: usize) -> &'static [ArgumentKind] {
        let definition = self.definition();
        let positionals: Vec<&clap::Arg> = definition.get_positionals().collect();
        let Some(last) = positionals.len().checked_sub(1) else { return &[] };
        let operand = positionals[index.min(last)];
        match index > last && !takes_many(operand) {
            true => &[],
            false => kinds(operand, index.saturating_sub(last)),
        }
    }
}

/// Whether a flag's value may stand in the word behind it; that of others follows a `=`, if there is one.
pub(super) fn takes_next_word(argument: &clap::Arg) -> bool {
    argument.get_action().takes_values() && !argument.is_require_equals_set()
}

pub(super) fn takes_many(argument: &clap::Arg) -> bool {
    argument.get_num_args().is_some_and(|range| range.max_values() > 1)
        || matches!(argument.get_action(), clap::ArgAction::Append)
}

/// Makes [`Command`](super::Command), its dispatch and the list of [`Entry`]s from one line per command:
/// its type, its own name, and further names that mean the same.
macro_rules! commands {
    ($($module:ident::$type:ident: $($name:literal),+;)+) => {
        /// A command that was read and may be run.
        #[derive(Debug)]
        pub enum Command {
            $(#[doc = concat!("`", stringify!($module), "`: see [`", stringify!($module), "::", stringify!($type), "`].")]
            $type($module::$type),)+
        }

        impl Command {
            /// Returns what it is for.
            #[must_use]
            pub fn purpose(&self) -> Purpose {
                match self {
                    $(Command::$type(command) => command.purpose(),)+
                }
            }

            /// Returns whether it asks the server for anything.
            #[must_use]
            pub fn needs_the_server(&self) -> bool {
                match self {
                    $(Command::$type(_) => <$module::$type as Run>::NEEDS_SERVER,)+
                }
            }

            /// Does it.
            ///
            /// # Errors
            /// It was not done, or not all of it.
            pub fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
                match self {
                    $(Command::$type(command) => command.run(cx),)+
                }
            }
        }

        /// All commands, in the order in which help lists them.
        pub static COMMANDS: &[Entry] = &[
            $(Entry {
                names: &[$($name),+],
                examples: <$module::$type as Run>::EXAMPLES,
                takes_rest_of_line: <$module::$type as Run>::TAKES_REST_OF_LINE,
                refuses_late_flags: <$module::$type as Run>::REFUSES_LATE_FLAGS,
                wants: <$module::$type as Run>::WANTS,
                augment: <$module::$type as clap::Args>::augment_args,
                build: |matches| <$module::$type as clap::FromArgMatches>::from_arg_matches(matches).map(Command::$type),
            },)+
        ];
    };
}
pub(super) use commands;

/// The command of this name, whatever its case. Names can't be shortened, as in sftp(1).
#[must_use]
pub fn find(name: &str) -> Option<&'static Entry> {
    super::COMMANDS.iter().find(|entry| entry.names.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

/// All names of all commands, in the order of the list.
pub fn names() -> impl Iterator<Item = &'static str> {
    super::COMMANDS.iter().flat_map(|entry| entry.names.iter().copied())
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

    #[test]
    fn no_name_and_no_flag_is_there_twice_and_every_argument_is_named_and_explained() {
        let mut seen = std::collections::HashSet::new();
        assert!(names().all(|name| seen.insert(name)), "a name is there twice");
        for entry in super::super::COMMANDS {
            let definition = entry.definition();
            assert!(definition.get_about().is_some(), "{}", entry.name());
            let mut shorts = std::collections::HashSet::new();
            for argument in definition.get_arguments() {
                let id = argument.get_id();
                assert!(argument.get_help().is_some(), "{} {id}", entry.name());
                assert!(
                    !argument.is_positional() || !kinds(argument, 0).is_empty(),
                    "{} {id} has no kind",
                    entry.name()
                );
                assert!(argument.get_short().is_none_or(|short| shorts.insert(short)), "{} {id}", entry.name());
            }
            entry.definition().debug_assert();
        }
    }

    #[test]
    fn the_completer_learns_what_may_stand_where() {
        use ArgumentKind::*;
        for (name, index, kinds) in [
            ("get", 0, &[RemotePattern][..]),
            ("get", 1, &[LocalPath, RemotePattern]),
            ("put", 0, &[LocalPattern]),
            ("put", 5, &[RemotePath, LocalPattern]),
            ("cd", 0, &[RemoteDir]),
            ("cd", 1, &[]),
            ("chmod", 0, &[Mode]),
            ("chmod", 3, &[RemotePattern]),
            ("cp", 1, &[RemotePath]),
            ("bye", 0, &[]),
            ("help", 0, &[CommandName]),
        ] {
            assert_eq!(find(name).unwrap().operand_kinds(index), kinds, "{name} {index}");
        }
    }
}
