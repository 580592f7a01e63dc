//! `close`: disconnects.

use crate::commands::{Context, Failure, Outcome, Purpose, Run};

/// Disconnect from the server, and stay at the prompt
///
/// The next command that needs the server connects again, in the same directory.
#[derive(Clone, Debug, clap::Args)]
pub struct Close {}

impl Run for Close {
    const NEEDS_SERVER: bool = false;

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, _cx: &mut Context) -> Result<Outcome, Failure> {
        Ok(Outcome::Close)
    }
}
