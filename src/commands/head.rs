//! `head`.

use std::io::Write;
use std::ops::ControlFlow;

use crate::commands::extent::{Extent, ExtentFlags, each_file};
use crate::commands::opened::Opened;
use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePattern, Run};
use crate::remote::Ahead;
use crate::terminal::Contents;

/// Display the beginning of remote files
#[derive(Clone, Debug, clap::Args)]
pub struct Head {
    #[command(flatten)]
    flags: ExtentFlags,
    /// The files to display
    #[arg(required = true, value_name = "path")]
    paths: Vec<RemotePattern>,
}

impl Run for Head {
    const NEEDS_SERVER: bool = true;

    const REFUSES_LATE_FLAGS: bool = true;
    const EXAMPLES: &'static [Example] = &[
        Example { line: "head *.log", does: "show the first ten lines of each log" },
        Example { line: "head -c 1K big.log", does: "show the first 1024 bytes" },
    ];

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        each_file(cx, &self.paths, |cx, file| match self.flags.extent() {
            Extent::Lines(0) => Ok(()),
            Extent::Bytes(bytes) => file.show(cx, 0, bytes),
            Extent::Lines(lines) => show_lines(cx, &file, lines),
        })
    }
}

fn show_lines(cx: &Context, file: &Opened, lines: u64) -> Result<(), Failure> {
    let mut contents = Contents::on(&cx.output);
    let mut left = lines;
    let shown = file.read(cx, 0, file.size, Ahead::Little, |piece| {
        let mut end = 0;
        for line in piece.split_inclusive(|&byte| byte == b'\n') {
            end += line.len();
            left -= u64::from(line.ends_with(b"\n"));
            if left == 0 {
                break;
            }
        }
        let written = contents.write_all(&piece[..end]);
        if left == 0 || written.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    // If stdout is no longer read, `Output::stop_when_ended` has stopped the command.
    let _ = contents.finish();
    shown
}
