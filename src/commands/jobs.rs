//! `jobs`.

use crate::commands::{Context, Example, Failure, JobRequest, Outcome, Purpose, Run};

/// List the transfers in the background
///
/// A line tells the number, the state, the bytes done and in all, the rate, the time left and the command of a transfer. A
/// command that ends in & starts one in the background, and Ctrl-Z pauses the one that is running.
#[derive(Clone, Debug, clap::Args)]
pub struct Jobs {
    /// Print a JSON object for each job
    #[arg(long)]
    json: bool,
}

impl Run for Jobs {
    const NEEDS_SERVER: bool = false;

    const EXAMPLES: &'static [Example] = &[Example { line: "jobs", does: "list the transfers in the background" }];

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, _cx: &mut Context) -> Result<Outcome, Failure> {
        Ok(Outcome::Jobs(JobRequest::List { json: self.json }))
    }
}
