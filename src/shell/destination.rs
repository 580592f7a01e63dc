//! The beginning of a session: changes to the directory that the destination names, or fetches the file that it
//! names.

use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;

use crate::cli::{Destination, Invocation, Server};
use crate::commands::{self, Word};
use crate::name::RemotePath;
use crate::shell::executor::{Executor, Verdict};
use crate::shell::run_end::RunEnd;
use crate::terminal::Printable;

/// Changes to the directory that the destination names, or fetches the file that it names, which ends the run.
pub(crate) fn enter_or_fetch(executor: &mut Executor, invocation: &Invocation) -> ControlFlow<RunEnd> {
    let Server::Ssh(Destination { path: Some(path), .. }) = &invocation.server else {
        return ControlFlow::Continue(());
    };
    let path: &[u8] = if path.is_empty() { b"." } else { path };
    let Ok(path) = RemotePath::new(path) else {
        executor.context.output.failure("The destination's path holds a NUL byte");
        return ControlFlow::Break(RunEnd::CommandFailed);
    };
    let remote = &executor.context.remote;
    let absolute = remote.resolve(&path);
    // If the start directory doesn't begin at the root, only the path as given leads to the right place.
    let is_plain = remote.working_directory().begins_with_slash();
    let named = if is_plain { &absolute } else { &path };
    // Commands of the command line need a directory to run in, so the path can't be a file to fetch.
    if invocation.commands.is_some() || (invocation.local.is_none() && remote.is_directory(&absolute)) {
        return enter(executor, named);
    }
    if executor.signals.is_interrupted() {
        executor.signals.report_interruption(&executor.context.output);
        return ControlFlow::Break(RunEnd::Interrupted);
    }
    let verdict = fetch(executor, &path, invocation.local.as_deref());
    ControlFlow::Break(executor.reconnect_or_end().unwrap_or(verdict.into()))
}

fn enter(executor: &mut Executor, directory: &RemotePath) -> ControlFlow<RunEnd> {
    executor.context.output.status(format_args!("Changing to: {}", Printable(directory.as_bytes())));
    let words = [Word::literal(b"cd"), Word::literal(b"--"), Word::literal(directory.as_bytes())];
    match executor.execute_or_show(commands::parse(&words)) {
        Verdict::Failed => ControlFlow::Break(executor.reconnect_or_end().unwrap_or(RunEnd::CommandFailed)),
        Verdict::Done | Verdict::End => ControlFlow::Continue(()),
    }
}

/// Expands the wildcards of the destination's path. Only wildcards are special in it, and they are not expanded in
/// the start directory.
fn fetch(executor: &mut Executor, path: &RemotePath, local: Option<&OsStr>) -> Verdict {
    executor.lines_follow = false;
    let mut source = Word::default();
    let start = executor.context.remote.working_directory();
    if !path.is_absolute() && start.begins_with_slash() {
        source = Word::literal(start.as_bytes());
        source.push_bare(b'/');
    }
    path.as_bytes().iter().for_each(|&byte| source.push_bare(byte));
    let mut words = vec![Word::literal(b"get"), Word::literal(b"--"), source];
    words.extend(local.map(|local| Word::literal(local.as_bytes())));
    executor.execute_or_show(commands::parse(&words))
}
