//! `cd` and `pwd`: the working directory on the server.

use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemoteDir, Run};
use crate::name::RemotePath;
use crate::remote::Error;
use crate::terminal::Printable;

/// Change remote directory
///
/// Without a path, return to the directory in which the session started; with -, to the previous one.
#[derive(Clone, Debug, clap::Args)]
pub struct Cd {
    /// The new working directory
    #[arg(value_name = "path")]
    path: Option<RemoteDir>,
}

impl Run for Cd {
    const NEEDS_SERVER: bool = true;

    const EXAMPLES: &'static [Example] = &[
        Example { line: "cd www", does: "go to a directory" },
        Example { line: "cd -", does: "return to the previous directory" },
    ];

    fn purpose(&self) -> Purpose {
        Purpose::LocalEffect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let target = match self.path {
            Some(RemoteDir(path)) if path.as_bytes() == b"-" => previous(cx)?,
            Some(RemoteDir(path)) if !path.as_bytes().is_empty() => path,
            _ => cx.remote.home().clone(),
        };
        let left = cx.remote.working_directory().clone();
        let is_tilde = target.as_bytes() == b"~" || target.as_bytes().starts_with(b"~/");
        cx.remote.change_directory(&target).map_err(|error| match error {
            Error::NotADirectory(_) | Error::UnknownType(_) => Failure::new(format!("Can't change directory: {error}")),
            error if is_tilde && error.is_no_such_file() => {
                Failure::from(error).with_hint("cd alone goes to where the session began")
            }
            error => error.into(),
        })?;
        cx.previous_directory = Some(left);
        Ok(Outcome::Done)
    }
}

fn previous(cx: &Context) -> Result<RemotePath, Failure> {
    cx.previous_directory.clone().ok_or_else(|| {
        Failure::new("Can't change directory: there is no previous directory").with_hint("a directory named - is ./-")
    })
}

/// Display remote working directory
#[derive(Clone, Debug, clap::Args)]
pub struct Pwd {}

impl Run for Pwd {
    const NEEDS_SERVER: bool = false;

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let shown = Printable(cx.remote.working_directory().as_bytes());
        cx.output.answer(format_args!("Remote working directory: {shown}"));
        Ok(Outcome::Done)
    }
}
