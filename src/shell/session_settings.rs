//! The settings of a session, from the command line.

use std::io::{self, IsTerminal};

use crate::cli::{self, Invocation, Target};
use crate::commands::Settings;
use crate::terminal::Output;
use crate::terminal::output::Quiet;

/// Attempts to connect again by default at a prompt. A person would try again; a script may not expect it.
const RETRIES_FOR_A_PERSON: u32 = 3;

pub(crate) fn session_settings(invocation: &Invocation, output: &Output) -> Settings {
    Settings {
        server: server_name(invocation),
        transfers: invocation.transfers,
        progress: is_progress_enabled(invocation.progress, output),
        progress_look: invocation.progress,
        retries: retries(invocation),
        connections: invocation.jobs,
        ..Settings::default()
    }
}

/// Returns whether the `progress` command finds it enabled at the start.
fn is_progress_enabled(progress: cli::Progress, output: &Output) -> bool {
    match progress {
        cli::Progress::Plain | cli::Progress::Json => true,
        cli::Progress::None => false,
        cli::Progress::Auto => output.stderr_is_terminal() && output.quiet() == Quiet::No,
    }
}

fn retries(invocation: &Invocation) -> u32 {
    let is_person = invocation.batch.is_none() && invocation.commands.is_none() && io::stdin().is_terminal();
    invocation.retries.unwrap_or(if is_person { RETRIES_FOR_A_PERSON } else { 0 })
}

/// Returns the server as the command line names it.
fn server_name(invocation: &Invocation) -> Vec<u8> {
    match &invocation.target {
        Target::Command(command) => command.as_encoded_bytes().to_vec(),
        Target::Server(destination) => {
            let user = destination.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
            let port = invocation.port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("{user}{}{port}", destination.host).into_bytes()
        }
    }
}
