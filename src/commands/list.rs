//! The list of commands, from which variants, dispatch, help and completion come.
#![forbid(unsafe_code)]

use super::argument::{ArgumentKind, kind};
use super::{Example, Failure};

/// One command of the list: its names and how it is read.
pub struct Entry {
    /// Its names: the first is its own, the others mean the same.
    pub names: &'static [&'static str],
    /// Examples of its use.
    pub examples: &'static [Example],
    /// Whether it takes the rest of the line as it stands, for a local shell to read.
    pub takes_rest_of_line: bool,
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
    pub fn operand_kinds(&self, index: usize) -> Vec<ArgumentKind> {
        let definition = self.definition();
        let positionals: Vec<&clap::Arg> = definition.get_positionals().collect();
        let operand = match positionals.get(index).or(positionals.last()) {
            Some(operand) if index < positionals.len() || takes_many(operand) => kind(operand),
            _ => None,
        };
        match (operand, index) {
            (Some(ArgumentKind::GetOperand), 0) => vec![ArgumentKind::RemotePattern],
            (Some(ArgumentKind::GetOperand), _) => vec![ArgumentKind::LocalPath, ArgumentKind::RemotePattern],
            (Some(ArgumentKind::PutOperand), 0) => vec![ArgumentKind::LocalPattern],
            (Some(ArgumentKind::PutOperand), _) => vec![ArgumentKind::RemotePath, ArgumentKind::LocalPattern],
            (operand, _) => operand.into_iter().collect(),
        }
    }
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

/// The failure of a name that no command has, with the nearest one that some has.
pub(super) fn unknown(name: &str) -> Failure {
    /// Below it two names have too little in common to be mistaken for each other.
    const LEAST_LIKENESS: f64 = 0.6;
    let lower = name.to_ascii_lowercase();
    let nearest = names()
        .map(|known| (strsim::damerau_levenshtein(&lower, known), strsim::jaro_winkler(&lower, known), known))
        .filter(|&(edits, likeness, _)| edits <= 2 && likeness >= LEAST_LIKENESS)
        .min_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let shown = crate::terminal::Printable(name.as_bytes());
    let failure = Failure::new(format!("Invalid command. There is no \"{shown}\"."));
    match nearest {
        Some((.., known)) => failure.with_hint(format!("did you mean {known}?")),
        None => failure.with_hint("help lists the commands"),
    }
}
