//! `zless`.

use crate::commands::zcat::show;
use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePattern, Run};
use crate::commands::{gzip, pager};
use crate::remote::Ahead;

/// Display compressed remote files in a pager
///
/// Like less, but files in the format of gzip are decompressed. Other files are displayed as they are.
#[derive(Clone, Debug, clap::Args)]
pub struct Zless {
    /// The files to display
    #[arg(required = true, value_name = "path")]
    paths: Vec<RemotePattern>,
}

impl Run for Zless {
    const NEEDS_SERVER: bool = true;

    const REFUSES_LATE_FLAGS: bool = true;
    const EXAMPLES: &'static [Example] = &[Example { line: "zless messages.2.gz", does: "look at a compressed log" }];

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        if !pager::is_possible(cx) {
            return show(cx, &self.paths);
        }
        pager::page(cx, &self.paths, |cx, file, to| gzip::pour(cx, file, Ahead::Little, to))
    }
}
