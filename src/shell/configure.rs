//! Reads the user's configuration file at the start of a session.

use std::io::{self, IsTerminal};

use crate::cli::{DEFAULT_CHANNELS, Invocation, ProgressMode, Server};
use crate::commands::{Configuration, Context, Failure, Given, Setting};
use crate::shell::run_end::RunEnd;
use crate::terminal::Printable;

/// Applies the file that the command line names. Without one, applies the user's file if a person may type: a script
/// means the same on every machine.
///
/// # Errors
/// The file that the command line names can't be read. The user has been told why.
pub(crate) fn configure(context: &mut Context, invocation: &Invocation, moves_cursor: bool) -> Result<(), RunEnd> {
    let file = invocation.configuration.clone().or_else(Configuration::default_file);
    context.configuration = Configuration::in_file(file);
    let is_named = invocation.configuration.is_some();
    let is_at_prompt = moves_cursor && io::stdin().is_terminal() && is_interactive(invocation);
    let acts = is_named || is_at_prompt && context.configuration.exists();
    if acts && let Err(failure) = apply(context, host(invocation), &given(invocation)) {
        context.output.explain(&failure);
        if is_named {
            return Err(RunEnd::ConnectionFailed);
        }
    }
    let initial = Setting::ALL.into_iter().map(|setting| (setting, setting.value(context))).collect();
    context.configuration.remember(initial);
    Ok(())
}

/// Applies the file, except the settings that the command line gives. Prints the faults of the file; the rest of it
/// applies.
fn apply(context: &mut Context, host: &str, given: &[Setting]) -> Result<(), Failure> {
    let (settings, mut faults) = context.configuration.read(host)?;
    for Given { setting, value, line } in settings {
        if !given.contains(&setting)
            && let Err(failure) = setting.change(context, &value)
        {
            faults.push((line, failure.to_string()));
        }
    }
    faults.sort();
    let file = context.configuration.file().map(|file| file.as_os_str().as_encoded_bytes()).unwrap_or_default();
    for (line, fault) in faults {
        context.output.warning(format_args!("{}:{line}: {}", Printable(file), Printable(fault.as_bytes())));
    }
    Ok(())
}

fn is_interactive(invocation: &Invocation) -> bool {
    invocation.batch.is_none() && invocation.commands.is_none()
}

/// Returns the host as the command line names it; empty for a server program.
fn host(invocation: &Invocation) -> &str {
    match &invocation.server {
        Server::Ssh(destination) => &destination.host,
        Server::Program(_) => "",
    }
}

/// Returns the settings that the command line gives.
fn given(invocation: &Invocation) -> Vec<Setting> {
    let given = [
        (Setting::Channels, invocation.channels != DEFAULT_CHANNELS),
        (Setting::Jobs, invocation.jobs != 1),
        (Setting::Limit, invocation.bytes_per_second.is_some()),
        (Setting::Progress, invocation.progress != ProgressMode::Auto),
        (Setting::Retry, invocation.retries.is_some()),
    ];
    given.into_iter().filter_map(|(setting, is_given)| is_given.then_some(setting)).collect()
}
