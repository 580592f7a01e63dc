//! The signatures of commands: their names, and how their words are parsed. The list of commands generates them, and
//! dispatch, help and completion use them.

use crate::commands::Example;
use crate::commands::argument::{ArgumentKind, kinds};

/// The signature of a command: its names, and how its words are parsed.
pub struct Signature {
    /// The names: first the command's own, then its aliases.
    pub names: &'static [&'static str],
    /// Examples for the help.
    pub examples: &'static [Example],
    /// True if the command takes the rest of the line unsplit, for a local shell.
    pub takes_rest_of_line: bool,
    /// True if an unknown flag is refused after the operands too.
    pub(super) refuses_late_flags: bool,
    /// True if the words after the command's name are another command.
    pub takes_command: bool,
    pub(super) required_phrase: &'static str,
    pub(super) augment: fn(clap::Command) -> clap::Command,
    pub(super) build: fn(&clap::ArgMatches) -> Result<super::Command, clap::Error>,
}

/// A flag of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Its letter.
    pub short: Option<char>,
    /// Returns the name of the setting.
    pub long: Option<String>,
    /// Returns a description of the setting.
    pub help: String,
}

impl Signature {
    /// Returns the command's own name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }

    /// Returns the arguments for clap, without clap's own output and exit.
    #[must_use]
    pub fn definition(&self) -> clap::Command {
        (self.augment)(clap::Command::new(self.name()))
            .no_binary_name(true)
            .disable_help_flag(true)
            .disable_version_flag(true)
            .args_override_self(true)
            .mut_args(|argument| {
                // The word after such a flag is its value, even if it begins with `-`.
                let has_value = !argument.is_positional() && takes_next_word(&argument);
                argument.allow_hyphen_values(has_value)
            })
    }

    /// Returns the flags, for completion.
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

    /// Returns the kinds of operand number `index` (flags not counted), the likelier first. Empty if there can be no
    /// such operand.
    #[must_use]
    pub fn operand_kinds(&self, index: usize) -> &'static [ArgumentKind] {
        operand(&self.definition(), index).map_or(&[], |(operand, further)| kinds(operand, further))
    }
}

/// Returns the argument that operand number `index` is, and how many earlier operands belong to the same argument.
pub(super) fn operand(definition: &clap::Command, index: usize) -> Option<(&clap::Arg, usize)> {
    let positionals: Vec<&clap::Arg> = definition.get_positionals().collect();
    let last = positionals.len().checked_sub(1)?;
    let operand = positionals[index.min(last)];
    (index <= last || takes_many(operand)).then_some((operand, index.saturating_sub(last)))
}

/// Returns whether a flag takes the next word as its value. Others take an optional value after `=`.
pub(super) fn takes_next_word(argument: &clap::Arg) -> bool {
    let takes_none = argument.get_num_args().is_some_and(|range| range.max_values() == 0);
    argument.get_action().takes_values() && !takes_none && !argument.is_require_equals_set()
}

pub(super) fn takes_many(argument: &clap::Arg) -> bool {
    argument.get_num_args().is_some_and(|range| range.max_values() > 1)
        || matches!(argument.get_action(), clap::ArgAction::Append)
}

/// Generates [`Command`](super::Command), its dispatch and the list of [`Signature`]s from one line per command: its
/// type, its own name, and its aliases.
macro_rules! commands {
    ($($module:ident::$type:ident: $($name:literal),+;)+) => {
        /// A parsed command, ready to run.
        #[derive(Debug)]
        pub enum Command {
            $(#[doc = concat!("`", stringify!($module), "`: see [`", stringify!($module), "::", stringify!($type), "`].")]
            $type($module::$type),)+
        }

        impl Command {
            /// Returns the command's purpose.
            #[must_use]
            pub fn purpose(&self) -> Purpose {
                match self {
                    $(Command::$type(command) => command.purpose(),)+
                }
            }

            /// Returns whether it sends requests to the server.
            #[must_use]
            pub fn needs_the_server(&self) -> bool {
                match self {
                    $(Command::$type(_) => <$module::$type as Run>::NEEDS_SERVER,)+
                }
            }

            /// Returns whether it transfers files, so that it can run in the background.
            #[must_use]
            pub fn transfers(&self) -> bool {
                match self {
                    $(Command::$type(_) => <$module::$type as Run>::TRANSFERS,)+
                }
            }

            /// Runs the command.
            ///
            /// # Errors
            /// The command failed, at least in part.
            pub fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
                match self {
                    $(Command::$type(command) => command.run(cx),)+
                }
            }
        }

        /// All commands, in the order of the help.
        pub static COMMANDS: &[Signature] = &[
            $(Signature {
                names: &[$($name),+],
                examples: <$module::$type as Run>::EXAMPLES,
                takes_rest_of_line: <$module::$type as Run>::TAKES_REST_OF_LINE,
                refuses_late_flags: <$module::$type as Run>::REFUSES_LATE_FLAGS,
                takes_command: <$module::$type as Run>::TAKES_COMMAND,
                required_phrase: <$module::$type as Run>::REQUIRED_PHRASE,
                augment: <$module::$type as clap::Args>::augment_args,
                build: |matches| <$module::$type as clap::FromArgMatches>::from_arg_matches(matches).map(Command::$type),
            },)+
        ];
    };
}
pub(super) use commands;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::command_names::{find, names};

    #[test]
    fn no_name_and_no_flag_is_there_twice_and_every_argument_is_named_and_explained() {
        let mut seen = std::collections::HashSet::new();
        assert!(names().all(|name| seen.insert(name)), "a name is there twice");
        for signature in super::super::COMMANDS {
            let definition = signature.definition();
            assert!(definition.get_about().is_some(), "{}", signature.name());
            let mut shorts = std::collections::HashSet::new();
            for argument in definition.get_arguments() {
                let id = argument.get_id();
                assert!(argument.get_help().is_some(), "{} {id}", signature.name());
                assert!(
                    !argument.is_positional()
                        || !kinds(argument, 0).is_empty()
                        || !argument.get_possible_values().is_empty(),
                    "{} {id} has no kind",
                    signature.name()
                );
                assert!(argument.get_short().is_none_or(|short| shorts.insert(short)), "{} {id}", signature.name());
            }
            signature.definition().debug_assert();
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
