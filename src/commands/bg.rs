//! `bg` and `resume`.

use crate::commands::{Context, Failure, JobNumber, JobRequest, Outcome, Purpose, Run};

/// Let paused transfers go on in the background
#[derive(Clone, Debug, clap::Args)]
pub struct Bg {
    /// The jobs, by the numbers that jobs lists [default: the latest that is paused]
    #[arg(value_name = "job")]
    jobs: Vec<JobNumber>,
}

impl Run for Bg {
    const NEEDS_SERVER: bool = false;

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, _cx: &mut Context) -> Result<Outcome, Failure> {
        Ok(Outcome::Jobs(JobRequest::Resume(self.jobs)))
    }
}
