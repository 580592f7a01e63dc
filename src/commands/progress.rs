//! `progress`: toggles the progress meter.

use crate::commands::{Context, Failure, Outcome, Purpose, Run};

/// Toggle display of progress meter
#[derive(Clone, Debug, clap::Args)]
pub struct Progress {}

impl Run for Progress {
    const NEEDS_SERVER: bool = false;

    fn purpose(&self) -> Purpose {
        Purpose::LocalEffect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        cx.settings.progress = !cx.settings.progress;
        let state = if cx.settings.progress { "enabled" } else { "disabled" };
        cx.output.answer(format_args!("Progress meter {state}"));
        Ok(Outcome::Done)
    }
}
