//! `reconnect`: drops the connection and connects again.

use crate::commands::{Context, Failure, Outcome, Purpose, Run};

/// Drop the connection, and connect to the same server again
///
/// The session continues in the same directory. If the server can't be reached, sftpsh tries again as often as the
/// setting `retry` says.
#[derive(Clone, Debug, clap::Args)]
pub struct Reconnect {}

impl Run for Reconnect {
    const NEEDS_SERVER: bool = false;

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, _cx: &mut Context) -> Result<Outcome, Failure> {
        Ok(Outcome::Reconnect)
    }
}
