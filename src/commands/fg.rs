//! `fg`.

use crate::commands::{Context, Failure, JobNumber, JobRequest, Outcome, Purpose, Run};

/// Bring a background transfer back into the foreground
///
/// A paused transfer goes on. Ctrl-Z pauses it again, and Ctrl-C cancels it.
#[derive(Clone, Debug, clap::Args)]
pub struct Fg {
    /// The job, by the number that jobs lists [default: the latest]
    #[arg(value_name = "job")]
    job: Option<JobNumber>,
}

impl Run for Fg {
    const NEEDS_SERVER: bool = false;

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, _cx: &mut Context) -> Result<Outcome, Failure> {
        Ok(Outcome::Jobs(JobRequest::Foreground(self.job)))
    }
}
