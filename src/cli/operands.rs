//! The operands: a destination, and a local name or a command.

use std::ffi::OsString;

use clap::CommandFactory;

use crate::cli::options::Options;
use crate::cli::{CliError, Commands, Destination, Server};

/// The operands, separated.
pub(super) struct Operands {
    pub(super) server: Server,
    pub(super) local: Option<OsString>,
    /// The words after `--`, which follows the destination. Empty if there is none.
    pub(super) words: Vec<OsString>,
}

/// Separates a command from the operands before it.
const SEPARATOR: &str = "--";

impl Operands {
    /// Reads the operands with `-D`. As in sftp(1), they have no meaning then, unless a `--` marks them as a command.
    pub(super) fn beside_a_server(command: OsString, operands: Vec<OsString>, args: &[OsString]) -> Operands {
        let before = args.len().checked_sub(operands.len() + 1).and_then(|at| args.get(at));
        let set_apart = before.is_some_and(|before| before == SEPARATOR);
        let words = if set_apart { operands } else { Vec::new() };
        Operands { server: Server::Program(command), local: None, words }
    }

    /// Reads `DESTINATION [LOCAL]` or `DESTINATION -- COMMAND [ARGUMENT]…`. In sftp(1), the second form has too many
    /// operands, and a lone `--` is a local name; it is one here too.
    pub(super) fn of(operands: Vec<OsString>) -> Result<Operands, CliError> {
        let destination =
            Destination::parse(operands.first().map_or_else(Default::default, |first| first.as_os_str()))?;
        let words = match operands.get(1) {
            Some(second) if second == SEPARATOR && operands.len() > 2 => operands[2..].to_vec(),
            Some(second) if operands.len() > 2 || (destination.path.is_none() && is_option_of_ours(second)) => {
                return Err(misplaced(&operands, second));
            }
            _ => Vec::new(),
        };
        let local = if words.is_empty() { operands.into_iter().nth(1) } else { None };
        Ok(Operands { server: Server::Ssh(destination), local, words })
    }
}

/// Returns whether a word is one of our own long options. sftp(1) would ignore the word, so a user who writes it
/// means our option.
fn is_option_of_ours(word: &OsString) -> bool {
    let Some(name) = word.to_str().and_then(|word| word.strip_prefix(SEPARATOR)) else { return false };
    let name = name.split('=').next().unwrap_or_default();
    Options::command().get_arguments().any(|option| option.get_long() == Some(name))
}

fn misplaced(operands: &[OsString], second: &OsString) -> CliError {
    let shown = |operands: &[OsString]| {
        let words: Vec<_> = operands.iter().map(|operand| operand.to_string_lossy()).collect();
        shlex::try_join(words.iter().map(AsRef::as_ref)).unwrap_or_else(|_| words.join(" "))
    };
    let (destination, rest) = (shown(&operands[..1]), shown(&operands[1..]));
    if second.as_encoded_bytes().starts_with(b"-") {
        CliError::usage(
            format!("{second:?} is after the destination, where options have no effect"),
            format!("options come first: sftpsh {rest} {destination}"),
        )
    } else {
        CliError::usage(
            format!("too many operands: {:?}", operands.get(2).unwrap_or(second)),
            format!("a destination and one local name are all; one command follows --: sftpsh {destination} -- {rest}"),
        )
    }
}

/// Returns the commands to run instead of a script, if any are given.
pub(super) fn commands(
    scripts: Vec<OsString>,
    words: Vec<OsString>,
    is_batch: bool,
    local: Option<&OsString>,
) -> Result<Option<Commands>, CliError> {
    let commands = match (scripts.is_empty(), words.is_empty()) {
        (true, true) => return Ok(None),
        (false, true) => Commands::Scripts(scripts),
        (true, false) => Commands::Words(words),
        (false, false) => {
            return Err(CliError::usage("-e can't be combined with a command after --", "give one of them"));
        }
    };
    match local {
        _ if is_batch => {
            Err(CliError::usage("-b can't be combined with commands on the command line", "give one of them"))
        }
        Some(local) => Err(CliError::usage(
            format!("nothing is fetched to {local:?}: commands are given"),
            "a get among the commands names its own target",
        )),
        None => Ok(Some(commands)),
    }
}
