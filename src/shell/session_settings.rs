//! The settings of a session, from the command line.

use std::io::{self, IsTerminal};

use crate::cli::{self, Invocation, Server};
use crate::commands::{Editing, SessionSettings};
use crate::shell::inputrc;
use crate::terminal::Output;
use crate::terminal::output::Quiet;

/// The default number of attempts to reconnect at a prompt. A person would try again; a script may not expect it.
const RETRIES_FOR_A_PERSON: u32 = 3;

/// The default number of names that `rm` removes without asking a person. More than that are seldom meant by one line.
const MOST_REMOVALS_UNASKED: u64 = 1000;

pub(crate) fn session_settings(invocation: &Invocation, output: &Output) -> SessionSettings {
    SessionSettings {
        server: server_name(invocation),
        server_has_address: matches!(invocation.server, Server::Ssh(_)),
        transfers: invocation.transfers,
        progress: is_progress_enabled(invocation.progress, output),
        progress_mode: invocation.progress,
        retries: retries(invocation),
        connections: invocation.jobs,
        channels: invocation.channels,
        is_verbose: invocation.verbosity > 0,
        editing: if io::stdin().is_terminal() { inputrc::editing() } else { Editing::default() },
        confirm_removals: MOST_REMOVALS_UNASKED,
        title: true,
        ..SessionSettings::default()
    }
}

/// Returns whether progress is enabled at the start, before any `progress` command.
fn is_progress_enabled(progress: cli::ProgressMode, output: &Output) -> bool {
    match progress {
        cli::ProgressMode::Plain | cli::ProgressMode::Json => true,
        cli::ProgressMode::None => false,
        cli::ProgressMode::Auto => output.stderr_is_terminal() && output.quiet() == Quiet::No,
    }
}

fn retries(invocation: &Invocation) -> u32 {
    let is_person = invocation.batch.is_none() && invocation.commands.is_none() && io::stdin().is_terminal();
    invocation.retries.unwrap_or(if is_person { RETRIES_FOR_A_PERSON } else { 0 })
}

/// Returns the server as the user names it.
pub(crate) fn server_name(invocation: &Invocation) -> Vec<u8> {
    match &invocation.server {
        Server::Program(command) => command.as_encoded_bytes().to_vec(),
        Server::Ssh(destination) => {
            let user = destination.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
            let port = invocation.port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("{user}{}{port}", destination.host).into_bytes()
        }
    }
}
