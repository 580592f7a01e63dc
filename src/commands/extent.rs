//! `head` and `tail`: how much of each file they show, and under which heading.

use crate::commands::matches::targets;
use crate::commands::opened::Opened;
use crate::commands::{Context, Count, Failure, Outcome, RemotePattern, Size, each};
use crate::terminal::Printable;

/// How much of a file is shown.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct ExtentFlags {
    /// Show this many bytes instead of lines
    #[arg(short = 'c', long, value_name = "size", overrides_with = "lines")]
    bytes: Option<Size>,
    /// Show this many lines [default: 10]
    #[arg(short = 'n', long, value_name = "count", overrides_with = "bytes")]
    lines: Option<Count>,
}

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Bytes(u64),
    Lines(u64),
}

/// Lines that are shown by default, as by head(1) and tail(1).
const DEFAULT_LINES: Count = Count(10);

impl ExtentFlags {
    pub(super) fn extent(self) -> Extent {
        match (self.bytes, self.lines.unwrap_or(DEFAULT_LINES)) {
            (Some(Size(bytes)), _) => Extent::Bytes(bytes),
            (None, Count(lines)) => Extent::Lines(lines),
        }
    }
}

/// Opens one file after the other and shows it, under its name if there are several.
pub(super) fn each_file(
    cx: &mut Context,
    paths: &[RemotePattern],
    mut show: impl FnMut(&Context, Opened) -> Result<(), Failure>,
) -> Result<Outcome, Failure> {
    let targets = targets(cx, paths)?;
    let has_headings = targets.len() > 1;
    let mut separator = "";
    each(cx, targets, |cx, target| {
        let file = Opened::open(cx, target)?;
        if has_headings {
            cx.output.answer(format_args!("{separator}==> {} <==", Printable(file.name(cx))));
            separator = "\n";
        }
        show(cx, file)
    })
}
