//! `queue`: transfers that run one after the other in the background.

use crate::commands::argument::Argument as _;
use crate::commands::{
    Context, Example, Failure, JobNumber, JobRequest, Outcome, Purpose, QueueWord, Run, Word, parse,
};
use crate::terminal::Printable;

/// Transfer files in the background, one command after the other
///
/// `queue get` and `queue put` take what get and put take. A transfer starts when those before it have ended; set
/// queue-parallel lets several run at once. queue stop starts no more transfers until queue start. queue rm removes
/// transfers by their numbers. Without an argument, print the list, as jobs does.
#[derive(Clone, Debug, clap::Args)]
pub struct Queue {
    /// A get or put with its arguments; or start, stop, or rm with numbers of jobs [default: print the list]
    #[arg(value_name = "command")]
    words: Vec<QueueWord>,
}

impl Run for Queue {
    const NEEDS_SERVER: bool = true;
    const TAKES_COMMAND: bool = true;

    const EXAMPLES: &'static [Example] = &[
        Example { line: "queue get big.iso", does: "fetch a file when the transfers before it have ended" },
        Example { line: "queue rm 3", does: "remove a transfer from the queue" },
    ];

    fn purpose(&self) -> Purpose {
        if self.words.is_empty() { Purpose::Output } else { Purpose::Effect }
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let words: Vec<Word> = self.words.into_iter().map(|QueueWord(word)| word).collect();
        let Some((first, rest)) = words.split_first() else {
            return Ok(Outcome::Jobs(JobRequest::List { json: false }));
        };
        match (&first.plain()[..], rest) {
            (b"start", []) => Ok(Outcome::Jobs(JobRequest::StartQueue)),
            (b"stop", []) => Ok(Outcome::Jobs(JobRequest::StopQueue)),
            (b"rm", [_, ..]) => Ok(Outcome::Jobs(JobRequest::Cancel(numbers(rest)?))),
            _ => enqueue(&words, cx),
        }
    }
}

/// Prepares a command whose transfer waits in the queue.
fn enqueue(words: &[Word], cx: &mut Context) -> Result<Outcome, Failure> {
    let command = parse(words)?;
    if !command.transfers() {
        let name = words.first().map(Word::plain).unwrap_or_default();
        let failure =
            Failure::new(format!("queue: {} can't wait in the queue; only get and put can", Printable(&name)));
        return Err(failure);
    }
    match command.run(cx)? {
        Outcome::Transfer { request, all_found } => Ok(Outcome::Enqueue { request, all_found }),
        outcome => Ok(outcome),
    }
}

fn numbers(words: &[Word]) -> Result<Vec<JobNumber>, Failure> {
    let read = |word: &Word| JobNumber::read(word).map_err(|why| Failure::new(format!("queue rm: {why}")));
    words.iter().map(read).collect()
}
