//! `pause`.

use crate::commands::{Context, Failure, JobNumber, JobRequest, Outcome, Purpose, Run};

/// Pause background transfers
///
/// A paused transfer sends no requests. Its files and its connection stay open. bg lets it go on.
#[derive(Clone, Debug, clap::Args)]
pub struct Pause {
    /// The jobs, by the numbers that jobs lists [default: the latest that is running]
    #[arg(value_name = "job")]
    jobs: Vec<JobNumber>,
}

impl Run for Pause {
    const NEEDS_SERVER: bool = false;

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, _cx: &mut Context) -> Result<Outcome, Failure> {
        Ok(Outcome::Jobs(JobRequest::Pause(self.jobs)))
    }
}
