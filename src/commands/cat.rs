//! `cat`.

use crate::commands::matches::targets;
use crate::commands::opened::Opened;
use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePattern, Run, each};

/// Display remote files
///
/// A terminal gets control characters in printable form. Elsewhere, the bytes stay as they are.
#[derive(Clone, Debug, clap::Args)]
pub struct Cat {
    /// The files to display
    #[arg(required = true, value_name = "path")]
    paths: Vec<RemotePattern>,
}

impl Run for Cat {
    const NEEDS_SERVER: bool = true;

    const REFUSES_LATE_FLAGS: bool = true;
    const EXAMPLES: &'static [Example] = &[Example { line: "cat notes.txt", does: "show a file without fetching it" }];

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        show(cx, &self.paths)
    }
}

/// Shows files one after the other on stdout.
pub(super) fn show(cx: &mut Context, paths: &[RemotePattern]) -> Result<Outcome, Failure> {
    let targets = targets(cx, paths)?;
    each(cx, targets, |cx, target| Opened::open(cx, target)?.show(cx, 0, u64::MAX))
}
