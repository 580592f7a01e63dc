//! The signatures of commands: their names, and how their words are read. The list of commands makes them, and dispatch, help
//! and completion come from them.

use super::Example;
use super::argument::{ArgumentKind, kinds};

/// The signature of a command: its names, and how its words are read.
pub struct Signature {
    /// Its names: the first is its own, the others mean the same.
    pub names: &'static [&'static str],
    /// Examples of its use.
    pub examples: &'static [Example],
    /// Whether it takes the rest of the line as it stands, for a local shell to read.
    pub takes_rest_of_line: bool,
    /// Whether a flag that it does not have is refused behind its operands too.
    pub(super) refuses_late_flags: bool,
    pub(super) required_phrase: &'static str,
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

impl Signature {
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

/// Makes [`Command`](super::Command), its dispatch and the list of [`Signature`]s from one line per command:
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
        pub static COMMANDS: &[Signature] = &[
            $(Signature {
                names: &[$($name),+],
                examples: <$module::$type as Run>::EXAMPLES,
                takes_rest_of_line: <$module::$type as Run>::TAKES_REST_OF_LINE,
                refuses_late_flags: <$module::$type as Run>::REFUSES_LATE_FLAGS,
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
    use super::super::command_names::{find, names};
    use super::*;

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
                    !argument.is_positional() || !kinds(argument, 0).is_empty(),
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
