//! `zcat`.

use crate::commands::gzip;
use crate::commands::matches::targets;
use crate::commands::opened::Opened;
use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePattern, Run, each};
use crate::remote::Ahead;
use crate::terminal::Contents;

/// Display compressed remote files
///
/// Files in the format of gzip are decompressed; other files are displayed as they are. A terminal gets control characters in
/// printable form.
#[derive(Clone, Debug, clap::Args)]
pub struct Zcat {
    /// The files to display
    #[arg(required = true, value_name = "path")]
    paths: Vec<RemotePattern>,
}

impl Run for Zcat {
    const NEEDS_SERVER: bool = true;

    const REFUSES_LATE_FLAGS: bool = true;
    const EXAMPLES: &'static [Example] =
        &[Example { line: "zcat messages.*", does: "show logs of which some are compressed" }];

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        show(cx, &self.paths)
    }
}

/// Shows files one after the other on stdout, decompressed.
pub(super) fn show(cx: &mut Context, paths: &[RemotePattern]) -> Result<Outcome, Failure> {
    let targets = targets(cx, paths)?;
    each(cx, targets, |cx, target| {
        let file = Opened::open(cx, target)?;
        let mut contents = Contents::on(&cx.output);
        let shown = gzip::pour(cx, &file, Ahead::Much, &mut contents);
        // If stdout is no longer read, `Output::stop_when_ended` has stopped the command.
        let _ = contents.finish();
        shown.map(drop)
    })
}
