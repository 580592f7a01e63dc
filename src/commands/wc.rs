//! `wc`.

use std::ops::ControlFlow;

use crate::commands::matches::targets;
use crate::commands::opened::Opened;
use crate::commands::{Context, Example, Failure, Outcome, Purpose, RemotePattern, Run, each};
use crate::remote::Ahead;
use crate::terminal::Printable;

/// Count the lines, words and bytes of remote files
///
/// The files are read, so the counts are exact. Without a flag, all three are shown.
#[derive(Clone, Debug, clap::Args)]
pub struct Wc {
    /// Show the number of bytes
    #[arg(short = 'c', long)]
    bytes: bool,
    /// Show the number of lines
    #[arg(short, long)]
    lines: bool,
    /// Show the number of words
    #[arg(short, long)]
    words: bool,
    /// The files to count
    #[arg(required = true, value_name = "path")]
    paths: Vec<RemotePattern>,
}

impl Run for Wc {
    const NEEDS_SERVER: bool = true;

    const REFUSES_LATE_FLAGS: bool = true;
    const EXAMPLES: &'static [Example] = &[Example { line: "wc -l *.log", does: "count the lines of each log" }];

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let targets = targets(cx, &self.paths)?;
        let has_total = targets.len() > 1;
        let mut total = Counts::default();
        let outcome = each(cx, targets, |cx, target| {
            let file = Opened::open(cx, target)?;
            let mut counts = Counts::default();
            let mut is_in_word = false;
            file.read(cx, 0, file.size, Ahead::Much, |piece| {
                counts.add(piece, &mut is_in_word);
                ControlFlow::Continue(())
            })?;
            self.show(cx, &counts, file.name(cx));
            total.lines += counts.lines;
            total.words += counts.words;
            total.bytes += counts.bytes;
            Ok(())
        });
        if has_total && !cx.interrupt().was_pressed() {
            self.show(cx, &total, b"total");
        }
        outcome
    }
}

impl Wc {
    fn show(&self, cx: &Context, counts: &Counts, name: &[u8]) {
        let shows_all = !(self.lines || self.words || self.bytes);
        let columns = [(self.lines, counts.lines), (self.words, counts.words), (self.bytes, counts.bytes)];
        let shown = columns.into_iter().filter(|(is_shown, _)| *is_shown || shows_all);
        let numbers: String = shown.map(|(_, count)| format!("{count:>8} ")).collect();
        cx.output.answer(format_args!("{numbers}{}", Printable(name)));
    }
}

/// The counts of one file, or of all.
#[derive(Default)]
struct Counts {
    lines: u64,
    words: u64,
    bytes: u64,
}

impl Counts {
    /// Adds the next bytes of a file. A word may continue from the bytes before them.
    fn add(&mut self, piece: &[u8], is_in_word: &mut bool) {
        self.bytes += piece.len() as u64;
        for byte in piece {
            self.lines += u64::from(*byte == b'\n');
            let is_blank = byte.is_ascii_whitespace() || *byte == b'\x0b';
            self.words += u64::from(!is_blank && !*is_in_word);
            *is_in_word = !is_blank;
        }
    }
}
