//! `kill`.

use crate::commands::{Context, Failure, JobNumber, JobRequest, Outcome, Purpose, Run};

/// Cancel background transfers
#[derive(Clone, Debug, clap::Args)]
pub struct Kill {
    /// The jobs, by the numbers that jobs lists
    #[arg(required = true, value_name = "job")]
    jobs: Vec<JobNumber>,
}

impl Run for Kill {
    const NEEDS_SERVER: bool = false;
    const REQUIRED_PHRASE: &'static str = "a job";

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, _cx: &mut Context) -> Result<Outcome, Failure> {
        Ok(Outcome::Jobs(JobRequest::Cancel(self.jobs)))
    }
}
