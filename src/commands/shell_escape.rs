//! `!` and `lls`: run a local shell, which parses the rest of the line itself.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use crate::commands::{Context, Example, Failure, Outcome, Purpose, Run, ShellLine};
use crate::os_error;
use crate::program;
use crate::terminal::Printable;

/// Execute a command in a local shell
///
/// Without a command, start an interactive shell; exit returns to sftpsh. The shell gets the rest of the line unchanged.
#[derive(Clone, Debug, clap::Args)]
pub struct Escape {
    /// The command line
    #[arg(value_name = "command")]
    command: Option<ShellLine>,
}

impl Run for Escape {
    const NEEDS_SERVER: bool = false;

    const EXAMPLES: &'static [Example] = &[Example { line: "!wc -l *.log", does: "count the lines of local files" }];
    const TAKES_REST_OF_LINE: bool = true;

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let mut shell = shell(cx)?;
        if let Some(ShellLine(line)) = self.command {
            shell.arg("-c").arg(line);
        }
        Ok(Outcome::Local(shell))
    }
}

/// Display local directory listing
///
/// The local ls gets the rest of the line unchanged, after the shell has processed quotes and wildcards.
#[derive(Clone, Debug, clap::Args)]
pub struct Lls {
    /// Flags and names for the local ls
    #[arg(value_name = "ls-options and path")]
    rest: Option<ShellLine>,
}

impl Run for Lls {
    const NEEDS_SERVER: bool = false;

    const EXAMPLES: &'static [Example] = &[Example { line: "lls -lt", does: "list local files, newest first" }];
    const TAKES_REST_OF_LINE: bool = true;

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let mut line = OsString::from("ls");
        if let Some(ShellLine(rest)) = self.rest {
            line.push(" ");
            line.push(rest);
        }
        let mut shell = shell(cx)?;
        shell.arg("-c").arg(line);
        Ok(Outcome::Local(shell))
    }
}

/// Returns the command for the user's shell in the local working directory.
fn shell(cx: &Context) -> Result<Command, Failure> {
    let shell = env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let shell = shell.as_deref().unwrap_or(OsStr::new("/bin/sh"));
    let mut command = program::command(shell).map_err(|error| {
        Failure::new(format!("Couldn't execute \"{}\": {}", Printable(shell.as_bytes()), os_error::text(&error)))
    })?;
    command.current_dir(cx.local.path());
    Ok(command)
}
