//! Watches a transfer in the foreground: shows its events, passes Ctrl-C on to it, and waits for its end.
//!
//! The events of a job come file by file in sorted order; their form depends on the output. On a terminal, it is a
//! [`Meter`]; elsewhere nothing by default, and lines without control codes or JSON if requested.

mod conflict;
mod continuation;
mod display;
mod json;
mod meter;
mod meter_line;
mod plain;
mod progress;
mod rate;
mod screen;
mod task;

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use self::conflict::Interrupted;
use self::continuation::Continuation;
use self::display::Display;
use self::json::Json;
use self::meter::Meter;
use self::plain::Plain;
use crate::commands::Context;
use crate::shell::progress_display::ProgressDisplay;
use crate::shell::signals::Signals;
use crate::shell::suspension::Suspension;
use crate::terminal::Output;
use crate::transfer::{Canceller, Event, Question, Report};

pub(crate) use self::meter_line::hours_minutes_seconds;
pub(crate) use self::progress::Progress;
pub(crate) use self::task::{Task, Title};

/// Pause between two checks of Ctrl-C and the clock while a job reports nothing: too short to be noticed.
const TICK: Duration = Duration::from_millis(33);

/// How the watch of a task in the foreground has ended.
pub(crate) enum Watched {
    /// The task has ended.
    Ended(Report),
    /// The user pressed Ctrl-Z. The task is paused.
    Suspended(Box<Task>),
}

/// The surroundings of a task in the foreground.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// The state that commands work on.
    pub(crate) context: &'a Context,
    /// Ctrl-C and the signals that end the process.
    pub(crate) signals: &'a Signals,
    /// Ctrl-Z, if it pauses the task.
    pub(crate) suspension: Option<&'a Suspension>,
    /// The command line that continues the task after an interruption, if no other line can be typed.
    pub(crate) resume_command: Option<&'a str>,
}

/// Watches a task in the foreground, to its end or to its suspension.
pub(crate) fn watch(task: Task, display: ProgressDisplay, around: Surroundings<'_>) -> Watched {
    let mut continuation = Continuation::default();
    let watched = match display {
        ProgressDisplay::None => follow(task, &mut Nothing, around, &mut continuation),
        ProgressDisplay::Plain => follow(task, &mut Plain::new(), around, &mut continuation),
        ProgressDisplay::Json => follow(task, &mut Json::new(), around, &mut continuation),
        ProgressDisplay::Meter { moves_cursor } => {
            follow(task, &mut Meter::new(moves_cursor), around, &mut continuation)
        }
    };
    // After the end of the session, the user can't type it.
    if let Watched::Ended(Report { cancelled: true, lost: None, .. }) = watched
        && !around.signals.is_ended()
    {
        let hint = continuation.hint(&around.context.remote, around.resume_command);
        hint.iter().for_each(|hint| around.context.output.hint(hint));
    }
    watched
}

fn follow<D: Display>(
    mut task: Task,
    display: &mut D,
    around: Surroundings<'_>,
    continuation: &mut Continuation,
) -> Watched {
    let (signals, output) = (around.signals, &around.context.output);
    let canceller = task.job.canceller();
    let mut news = task.progress.replay();
    loop {
        if !news.is_empty() {
            display.aside(&mut |display| {
                for event in &news {
                    display.show(event, output);
                    continuation.follow(event);
                    task.progress.follow(event, Instant::now());
                    display.follow(event, output);
                }
                output.flush();
            });
        }
        // A job that asks a question sends no other event until it gets the answer.
        for event in &news {
            match event {
                // A job that was stopped needs no decisions any more.
                Event::Asked(question) if canceller.is_cancelled() => question.answer(None),
                Event::Asked(question) => ask(question, &canceller, display, output, signals),
                _ => {}
            }
        }
        display.tick();
        if signals.is_interrupted() && !canceller.is_cancelled() {
            canceller.cancel();
            display.stop();
            signals.report_interruption(output);
        }
        if around.suspension.is_some_and(Suspension::was_pressed) && !canceller.is_cancelled() {
            task.job.hold().set();
            display.stop();
            return Watched::Suspended(Box::new(task));
        }
        news = match task.job.events().recv_timeout(TICK) {
            Ok(news) => news,
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => {
                let report = task.job.wait();
                display.end(&report, output);
                return Watched::Ended(report);
            }
        };
    }
}

/// Asks the user. Ctrl-C is a key at the question, and ends the transfer as usual.
fn ask(question: &Question, canceller: &Canceller, display: &mut impl Display, output: &Output, signals: &Signals) {
    display.hide();
    let answer = conflict::ask(&question.conflict, output).unwrap_or_else(|Interrupted| {
        signals.press();
        canceller.cancel();
        display.stop();
        signals.report_interruption(output);
        None
    });
    question.answer(answer);
}

/// Shows no progress.
struct Nothing;

impl Display for Nothing {
    fn follow(&mut self, _event: &Event, _output: &Output) {}
}
