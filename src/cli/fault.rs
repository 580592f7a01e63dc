//! Errors in the command line, in sftp(1)'s words and with its exit codes.

use std::error::Error;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::InvalidDestination;
use crate::cli::options::{InvalidOptionValue, Options};

/// An error in the command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CliError {
    /// The options or operands are wrong; exit code 1.
    #[error("{message}")]
    Usage {
        /// The fault, or sftp(1)'s usage.
        message: String,
        /// Advice, if there is any.
        hint: Option<String>,
    },
    /// The value of an option is invalid; exit code 255.
    #[error("{message}")]
    Value {
        /// The value and the fault, beginning with sftp(1)'s text.
        message: String,
        /// Advice, if there is any.
        hint: Option<String>,
    },
}

impl CliError {
    /// Returns the advice, to be printed as a line of its own.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            CliError::Usage { hint, .. } | CliError::Value { hint, .. } => hint.as_deref(),
        }
    }

    pub(super) fn usage(message: impl Into<String>, hint: impl Into<String>) -> CliError {
        CliError::Usage { message: message.into(), hint: Some(hint.into()) }
    }

    pub(super) fn value(message: impl Into<String>) -> CliError {
        CliError::Value { message: message.into(), hint: None }
    }
}

impl From<InvalidDestination> for CliError {
    fn from(invalid: InvalidDestination) -> CliError {
        let (message, hint) = (invalid.to_string(), invalid.hint());
        match invalid {
            InvalidDestination::MissingHost | InvalidDestination::Address { .. } => CliError::Usage { message, hint },
            InvalidDestination::Host(_) | InvalidDestination::User(_) => CliError::Value { message, hint },
        }
    }
}

/// Turns clap's error into one line.
pub(super) fn explained(error: &clap::Error) -> CliError {
    if let Some(invalid) = error.source().and_then(|source| source.downcast_ref::<InvalidOptionValue>()) {
        return match invalid {
            InvalidOptionValue::Fatal(message) => CliError::value(message),
            InvalidOptionValue::Usage(message) => CliError::Usage { message: message.clone(), hint: None },
        };
    }
    let option = context(error, ContextKind::InvalidArg).unwrap_or_default();
    let value = context(error, ContextKind::InvalidValue).unwrap_or_default();
    match error.kind() {
        ErrorKind::UnknownArgument => {
            CliError::usage(format!("unknown option -- {}", bare(&option)), nearest(error, &option))
        }
        ErrorKind::InvalidValue if value.is_empty() => {
            let name = option.split([' ', '=']).next().unwrap_or_default();
            CliError::usage(format!("option requires an argument -- {}", bare(name)), SEE_HELP)
        }
        ErrorKind::InvalidValue => {
            let name = option.split([' ', '=']).next().unwrap_or_default();
            let possible = context(error, ContextKind::ValidValue).unwrap_or_default();
            CliError::Value {
                message: format!("invalid {name} {value:?}"),
                hint: Some(format!("it must be one of {possible}")),
            }
        }
        ErrorKind::InvalidUtf8 => CliError::value("the value of an option is not UTF-8"),
        _ => {
            let text = error.render().to_string();
            let line = text.lines().next().unwrap_or_default();
            CliError::usage(line.trim_start_matches("error: "), SEE_HELP)
        }
    }
}

const SEE_HELP: &str = "sftpsh --help lists the options";

/// Returns the letter or name without its dashes, as getopt(3) prints it.
fn bare(option: &str) -> &str {
    option.trim_start_matches('-')
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => Some(texts.join(", ")),
        _ => None,
    }
}

/// Returns a hint with the option that is most similar to an unknown one. For a word, that is a similar word, or the
/// letter whose meaning it names. For a letter, it is a word that begins with it, or the letter in the other case.
fn nearest(error: &clap::Error, option: &str) -> String {
    let command = Options::command();
    let dashed = |short: char| format!("-{short}");
    let found = if let Some(word) = option.strip_prefix("--") {
        let named = command.get_arguments().find(|arg| arg.get_id() == word).and_then(|arg| arg.get_short());
        context(error, ContextKind::SuggestedArg).or_else(|| named.map(dashed))
    } else {
        let letter = bare(option).chars().next().map(|letter| letter.to_ascii_lowercase());
        let alike = |first: char| Some(first.to_ascii_lowercase()) == letter;
        let long = command.get_arguments().filter_map(|arg| arg.get_long()).find(|long| long.starts_with(alike));
        let short = || command.get_arguments().filter_map(|arg| arg.get_short()).find(|&short| alike(short));
        long.map(|long| format!("--{long}")).or_else(|| short().map(dashed))
    };
    match found {
        Some(found) => format!("the nearest option is {found}; {SEE_HELP}"),
        None => SEE_HELP.to_owned(),
    }
}
