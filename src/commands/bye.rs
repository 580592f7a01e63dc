//! `bye`, `exit`, `quit`.

use crate::commands::{Context, Failure, Outcome, Purpose, Run};

/// Quit sftp
#[derive(Clone, Debug, clap::Args)]
pub struct Bye {}

impl Run for Bye {
    const NEEDS_SERVER: bool = false;

    fn purpose(&self) -> Purpose {
        Purpose::LocalEffect
    }

    fn run(self, _cx: &mut Context) -> Result<Outcome, Failure> {
        Ok(Outcome::End)
    }
}
