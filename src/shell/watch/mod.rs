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
mod rate;
mod screen;

use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use self::conflict::Interrupted;
use self::continuation::Continuation;
use self::display::Display;
use self::json::Json;
use self::meter::Meter;
use self::plain::Plain;
use crate::commands::Context;
use crate::shell::progress_display::ProgressDisplay;
use crate::shell::signals::Signals;
use crate::terminal::Output;
use crate::transfer::{Canceller, Event, Job, Question, Report};

/// Pause between two checks of Ctrl-C and the clock while a job reports nothing: too short to be noticed.
const TICK: Duration = Duration::from_millis(33);

/// Watches a job to its end. `resume_command` is the command line that continues it after an interruption, if no
/// other line can be typed.
pub(crate) fn watch(
    job: Job,
    display: ProgressDisplay,
    context: &Context,
    resume_command: Option<&str>,
    signals: &Signals,
) -> Report {
    let output = &context.output;
    let mut continuation = Continuation::default();
    let report = match display {
        ProgressDisplay::None => follow(job, &mut Nothing, output, signals, &mut continuation),
        ProgressDisplay::Plain => follow(job, &mut Plain::new(), output, signals, &mut continuation),
        ProgressDisplay::Json => follow(job, &mut Json::new(), output, signals, &mut continuation),
        ProgressDisplay::Meter { moves_cursor } => {
            follow(job, &mut Meter::new(moves_cursor), output, signals, &mut continuation)
        }
    };
    // After the end of the session, the user can't type it.
    if report.cancelled && report.lost.is_none() && !signals.is_ended() {
        continuation.hint(&context.remote, resume_command).iter().for_each(|hint| output.hint(hint));
    }
    report
}

fn follow<D: Display>(
    job: Job,
    display: &mut D,
    output: &Output,
    signals: &Signals,
    continuation: &mut Continuation,
) -> Report {
    let canceller = job.canceller();
    loop {
        if signals.is_interrupted() && !canceller.is_cancelled() {
            canceller.cancel();
            display.stop();
            signals.report_interruption(output);
        }
        match job.events().recv_timeout(TICK) {
            Ok(news) => {
                display.aside(&mut |display| {
                    for event in &news {
                        display.show(event, output);
                        continuation.follow(event);
                        display.follow(event, output);
                    }
                    output.flush();
                });
                // A job that asks a question sends no other event until it gets the answer.
                for event in &news {
                    match event {
                        // A job that was stopped needs no decisions any more.
                        Event::Asked(question) if canceller.is_cancelled() => question.answer(None),
                        Event::Asked(question) => ask(question, &canceller, display, output, signals),
                        _ => {}
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let report = job.wait();
                display.end(&report, output);
                return report;
            }
        }
        display.tick();
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
