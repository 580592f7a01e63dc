//! Runs local programs in the foreground: pagers and editors, which have the terminal to themselves meanwhile.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::Command;
use std::sync::Arc;

use crate::child::Program;
use crate::commands::Failure;
use crate::os_error;
use crate::program;
use crate::terminal::Printable;

/// The permission to run local programs, and the way to lend them the terminal. By default, they are forbidden.
#[derive(Clone, Default)]
pub struct LocalPrograms {
    lend: Option<Lend>,
}

/// Is called with true before a program has the terminal, and with false after it: Ctrl-C is for the program.
type Lend = Arc<dyn Fn(bool) + Send + Sync>;

impl LocalPrograms {
    /// Allows local programs. `lend` is called with true when one gets the terminal, and with false when it is back.
    pub fn allowed(lend: impl Fn(bool) + Send + Sync + 'static) -> LocalPrograms {
        LocalPrograms { lend: Some(Arc::new(lend)) }
    }

    /// Returns whether local programs may run.
    #[must_use]
    pub fn are_allowed(&self) -> bool {
        self.lend.is_some()
    }

    /// Fails if local programs may not run.
    ///
    /// # Errors
    /// `--no-shell-escape` forbids them.
    pub fn require(&self) -> Result<(), Failure> {
        match self.are_allowed() {
            true => Ok(()),
            false => Err(Failure::new("Local programs are switched off by --no-shell-escape")),
        }
    }

    /// Lends the terminal to a program until the returned value is dropped.
    pub(super) fn lend_terminal(&self) -> Lent {
        self.lend.iter().for_each(|lend| lend(true));
        Lent(self.clone())
    }
}

impl fmt::Debug for LocalPrograms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalPrograms").field(&self.are_allowed()).finish()
    }
}

/// The terminal, lent to a program.
#[must_use = "dropping it takes the terminal back"]
pub(super) struct Lent(LocalPrograms);

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.lend.iter().for_each(|lend| lend(false));
    }
}

/// Returns the command of the first variable that is set and not empty, or else of the first default program that
/// exists. A variable holds words as a shell splits them. Returns `None` if there is no such program.
///
/// # Errors
/// The variable's program can't be run.
pub(super) fn chosen(variables: &[&str], defaults: &[&str]) -> Result<Option<Command>, Failure> {
    let set = |name: &&str| std::env::var_os(name).filter(|value| !value.as_bytes().trim_ascii().is_empty());
    match variables.iter().find_map(|name| set(name).map(|value| (name, value))) {
        Some((name, value)) => from_words(name, &value).map(Some),
        None => Ok(defaults.iter().find_map(|name| program::command(name).ok())),
    }
}

/// Starts a program.
///
/// # Errors
/// It can't be started.
pub(super) fn spawn(command: &mut Command) -> Result<Program, Failure> {
    Program::spawn(command).map_err(|error| {
        let program = Printable(command.get_program().as_bytes()).text();
        Failure::new(format!("Couldn't execute \"{program}\": {}", os_error::text(&error)))
    })
}

fn from_words(name: &str, value: &OsString) -> Result<Command, Failure> {
    let failed = |why: &str| Failure::new(format!("{name}=\"{}\": {why}", Printable(value.as_bytes())));
    let words = shlex::bytes::split(value.as_bytes()).ok_or_else(|| failed("a quote is not closed"))?;
    let mut words = words.into_iter().map(OsString::from_vec);
    let program = words.next().unwrap_or_default();
    let mut command = program::command(&program).map_err(|error| failed(&os_error::text(&error)))?;
    command.args(words);
    Ok(command)
}
