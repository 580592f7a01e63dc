//! `version`.

use crate::commands::{Context, Failure, Outcome, Purpose, Run};

/// Show SFTP version
#[derive(Clone, Debug, clap::Args)]
pub struct Version {}

impl Run for Version {
    const NEEDS_SERVER: bool = false;

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        cx.output.answer(format_args!("SFTP protocol version {}", cx.session().version()));
        Ok(Outcome::Done)
    }
}
