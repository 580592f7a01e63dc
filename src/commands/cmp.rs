//! `cmp`.

use crate::commands::sides::{Difference, Sides, first_difference, unreadable};
use crate::commands::{Context, Example, Failure, LocalPathArg, Outcome, Purpose, RemotePathArg, Run};

/// Compare a local file with a remote one, byte by byte
///
/// If they differ, print the first difference and fail. A file can be compared with the file of its name in a directory.
#[derive(Clone, Debug, clap::Args)]
pub struct Cmp {
    /// Print nothing
    #[arg(short, long, visible_alias = "quiet")]
    silent: bool,
    /// The local file
    #[arg(value_name = "local")]
    local: LocalPathArg,
    /// The remote file
    #[arg(value_name = "remote")]
    remote: RemotePathArg,
}

impl Run for Cmp {
    const NEEDS_SERVER: bool = true;

    const REFUSES_LATE_FLAGS: bool = true;
    const EXAMPLES: &'static [Example] =
        &[Example { line: "cmp notes.txt docs", does: "compare notes.txt with docs/notes.txt on the server" }];
    const REQUIRED_PHRASE: &'static str = "two paths";

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let sides = Sides::find(cx, &self.local.0, &self.remote.0)?;
        let (mut local, remote) = sides.open(cx)?;
        let found = first_difference(cx, &mut local, &remote)?;
        let found = found.map_err(|error| unreadable(&sides.local_shown, &error))?;
        let Some(difference) = found else { return Ok(Outcome::Done) };
        if !self.silent {
            report(cx, &sides, difference);
        }
        Err(Failure::already_shown())
    }
}

/// Prints a difference in the words of cmp(1).
fn report(cx: &Context, sides: &Sides, difference: Difference) {
    let (local, remote) = sides.names(cx);
    match difference {
        Difference::At { byte, line } => {
            cx.output.answer(format_args!("{local} {remote} differ: byte {byte}, line {line}"));
        }
        Difference::LocalEnds { byte, line } => end(cx, &local, byte, line),
        Difference::RemoteEnds { byte, line } => end(cx, &remote, byte, line),
    }
}

fn end(cx: &Context, name: &str, byte: u64, line: u64) {
    match byte {
        0 => cx.output.failure(format_args!("cmp: EOF on {name} which is empty")),
        byte => cx.output.failure(format_args!("cmp: EOF on {name} after byte {byte}, in line {line}")),
    }
}
