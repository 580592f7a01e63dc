//! `history`: shows and removes the lines that were typed at prompts.

use crate::commands::{Context, Example, Failure, HistoryPart, Outcome, Purpose, Run};
use crate::os_error;
use crate::terminal::Printable;
use crate::terminal::history::HistoryFile;

/// Show or remove the lines that were typed at prompts
///
/// All sessions share them. A line that begins with a blank is not kept.
#[derive(Clone, Debug, clap::Args)]
pub struct History {
    /// Show the last COUNT lines, or remove all with `clear` [default: show all lines]
    #[arg(value_name = "count|clear")]
    part: Option<HistoryPart>,
}

impl Run for History {
    const NEEDS_SERVER: bool = false;

    const EXAMPLES: &'static [Example] = &[
        Example { line: "history 20", does: "show the last 20 lines" },
        Example { line: "history clear", does: "remove all lines" },
    ];

    fn purpose(&self) -> Purpose {
        match self.part {
            Some(HistoryPart::Clear) => Purpose::LocalEffect,
            Some(HistoryPart::Last(_)) | None => Purpose::Output,
        }
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let file = HistoryFile::of_user().ok_or_else(|| Failure::new("history: there is no home directory"))?;
        let failed = |error| Failure::new(format!("history: {}", os_error::text(&error)));
        let count = match self.part {
            Some(HistoryPart::Clear) => {
                file.clear().map_err(failed)?;
                return Ok(Outcome::Done);
            }
            Some(HistoryPart::Last(count)) => count,
            None => usize::MAX,
        };
        let lines = file.lines().map_err(failed)?;
        for line in &lines[lines.len().saturating_sub(count)..] {
            cx.output.answer(Printable(line.as_bytes()));
        }
        Ok(Outcome::Done)
    }
}
