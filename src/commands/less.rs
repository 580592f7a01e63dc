//! `less` and `more`.

use crate::commands::cat::show;
use crate::commands::pager;
use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePattern, Run};
use crate::remote::Ahead;

/// Display remote files in a pager
///
/// The pager is the program in the variable PAGER, or else less. It gets control characters in printable form. Only the part
/// that you look at is fetched. In a script or without a terminal, the command does what cat does.
#[derive(Clone, Debug, clap::Args)]
pub struct Less {
    /// The files to display
    #[arg(required = true, value_name = "path")]
    paths: Vec<RemotePattern>,
}

impl Run for Less {
    const NEEDS_SERVER: bool = true;

    const REFUSES_LATE_FLAGS: bool = true;
    const EXAMPLES: &'static [Example] =
        &[Example { line: "less big.log", does: "look at a large log, of which only a little is fetched" }];

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        if !pager::is_possible(cx) {
            return show(cx, &self.paths);
        }
        pager::page(cx, &self.paths, |cx, file, to| file.pour(cx, 0, u64::MAX, Ahead::Little, to))
    }
}
