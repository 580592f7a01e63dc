//! `tail`.

use std::ops::ControlFlow;

use crate::commands::extent::{Extent, ExtentFlags, each_file};
use crate::commands::follow::{By, Followed, follow};
use crate::commands::matches::targets;
use crate::commands::opened::Opened;
use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePattern, Run, Sizes, each};
use crate::remote::Ahead;

/// Display the end of remote files
///
/// The file is read backwards from its end, so only a little of a large file is fetched. With -f or -F, what is appended to
/// the file is displayed until Ctrl-C.
#[derive(Clone, Debug, clap::Args)]
pub struct Tail {
    #[command(flatten)]
    flags: ExtentFlags,
    /// Go on with what is appended, even if the file is renamed
    #[arg(short = 'f', long)]
    follow: bool,
    /// Go on with what is appended, and with another file that gets the name
    #[arg(short = 'F', long = "follow-name", overrides_with = "follow")]
    follow_name: bool,
    /// The files to display
    #[arg(required = true, value_name = "path")]
    paths: Vec<RemotePattern>,
}

/// Bytes of the first block from the end; ten lines seldom take more. Each further block is twice as large.
const FIRST_BLOCK: u64 = 32 << 10;

/// Most bytes of a block, which is held in memory.
const LARGEST_BLOCK: u64 = 2 << 20;

impl Run for Tail {
    const NEEDS_SERVER: bool = true;

    const REFUSES_LATE_FLAGS: bool = true;
    const EXAMPLES: &'static [Example] = &[
        Example { line: "tail -n 20 big.log", does: "show the last 20 lines of a log" },
        Example { line: "tail -F app.log", does: "watch a log that may be rotated, until Ctrl-C" },
    ];

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        if self.follow || self.follow_name {
            return self.follow(cx);
        }
        each_file(cx, &self.paths, |cx, file| {
            let (start, end) = self.part(cx, &file)?;
            file.show(cx, start, end - start)
        })
    }
}

impl Tail {
    /// Returns the offsets between which the end of a file lies.
    fn part(&self, cx: &Context, file: &Opened) -> Result<(u64, u64), Failure> {
        let end = end(cx, file)?;
        let start = match self.flags.extent() {
            Extent::Bytes(bytes) => end.saturating_sub(bytes),
            Extent::Lines(lines) => start_of_lines(cx, file, end, lines)?,
        };
        Ok((start, end))
    }

    fn follow(&self, cx: &mut Context) -> Result<Outcome, Failure> {
        let mut followed = Vec::new();
        let targets = targets(cx, &self.paths)?;
        let opened = each(cx, targets, |cx, target| {
            let file = Opened::open(cx, target)?;
            let (start, _) = self.part(cx, &file)?;
            followed.push(Followed::from(file, start));
            Ok(())
        });
        match opened {
            Err(failure) if followed.is_empty() || cx.stops_at_failure => return Err(failure),
            Err(failure) => cx.output.explain(&failure),
            Ok(_) => {}
        }
        follow(cx, followed, if self.follow_name { By::Name } else { By::Handle }).map(|()| Outcome::Done)
    }
}

/// Returns the offset at which a file ends. A size of 0 or an estimate may be wrong, so such a file is read.
fn end(cx: &Context, file: &Opened) -> Result<u64, Failure> {
    if file.size > 0 && cx.settings.sizes == Sizes::Exact {
        return Ok(file.size);
    }
    let mut end = 0;
    file.read(cx, 0, file.size, Ahead::Much, |piece| {
        end += piece.len() as u64;
        ControlFlow::Continue(())
    })?;
    Ok(end)
}

/// Returns the offset at which the last lines of a file begin.
fn start_of_lines(cx: &Context, file: &Opened, end: u64, lines: u64) -> Result<u64, Failure> {
    if lines == 0 {
        return Ok(end);
    }
    let (mut left, mut block_end, mut length) = (lines, end, FIRST_BLOCK);
    while block_end > 0 {
        let start = block_end.saturating_sub(length);
        let block = block(cx, file, start, block_end)?;
        for (index, _) in block.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            let after = start + index as u64 + 1;
            // The newline at the end of the file ends its last line and begins none.
            if after == end {
                continue;
            }
            left -= 1;
            if left == 0 {
                return Ok(after);
            }
        }
        block_end = start;
        length = LARGEST_BLOCK.min(length * 2);
    }
    Ok(0)
}

/// Reads the bytes from `start` to `end`; fewer if the file has become shorter.
fn block(cx: &Context, file: &Opened, start: u64, end: u64) -> Result<Vec<u8>, Failure> {
    let mut block = Vec::new();
    file.read(cx, start, end, Ahead::Much, |piece| {
        block.extend_from_slice(piece);
        if start + block.len() as u64 >= end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(block)
}
