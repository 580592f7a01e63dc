//! `wait`.

use crate::commands::{Context, Failure, JobNumber, JobRequest, Outcome, Purpose, Run};

/// Wait for the end of background transfers
///
/// Fails if one of them has failed. Ctrl-C ends the wait, and the transfers go on.
#[derive(Clone, Debug, clap::Args)]
pub struct Wait {
    /// The jobs, by the numbers that jobs lists [default: all]
    #[arg(value_name = "job")]
    jobs: Vec<JobNumber>,
}

impl Run for Wait {
    const NEEDS_SERVER: bool = false;

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, _cx: &mut Context) -> Result<Outcome, Failure> {
        Ok(Outcome::Jobs(JobRequest::Wait(self.jobs)))
    }
}
