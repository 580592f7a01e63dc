//! The list of the jobs: a table for people, JSON objects for programs. `docs/json.md` has the schema.

use std::time::{Duration, Instant};

use crate::shell::jobs::queue::Queue;
use crate::shell::jobs::watcher::Watcher;
use crate::shell::watch::{Progress, Title, hours_minutes_seconds};
use crate::terminal::json::Object;
use crate::terminal::size;
use crate::terminal::table::{self, Look};

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Paused,
    /// It waits for its turn.
    Queued,
    /// It waits for an answer.
    Asks,
    /// It was cancelled and is ending.
    Ending,
}

impl State {
    /// Returns the state of a job in the background.
    pub(super) fn of(watcher: &Watcher, queue: &Queue) -> State {
        match (watcher.canceller.is_cancelled(), watcher.progress().asks(), watcher.hold.is_set()) {
            (true, _, _) => State::Ending,
            (false, true, _) => State::Asks,
            (false, false, true) if queue.is_waiting(watcher.number) => State::Queued,
            (false, false, true) => State::Paused,
            (false, false, false) => State::Running,
        }
    }

    /// Returns the word for the state.
    pub(super) fn word(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Paused => "paused",
            State::Queued => "queued",
            State::Asks => "asks",
            State::Ending => "ending",
        }
    }
}

/// Returns the table of the jobs for a terminal of this width.
pub(super) fn table(jobs: &[Watcher], queue: &Queue, width: usize, now: Instant) -> String {
    let rows = jobs.iter().map(|job| row(job.number, State::of(job, queue), &job.progress(), &job.title, now));
    table::rows(rows.collect::<Vec<_>>(), Look::Plain, width)
}

/// Returns the row of a job: number, state, bytes done and in all, rate, time left, command.
fn row(number: usize, state: State, progress: &Progress, title: &Title, now: Instant) -> [String; 6] {
    let total = progress.total();
    let more = if total.complete { "" } else { "+" };
    let done = format!("{} of {}{more}", size::scaled(total.bytes_done), size::scaled(total.bytes));
    let (rate, left) = match state {
        State::Running => (format!("{}/s", size::scaled(whole(progress.per_second(now)))), progress.seconds_left(now)),
        _ => (String::new(), None),
    };
    let left = left
        .map(|seconds| format!("{} left", hours_minutes_seconds(Duration::from_secs(seconds)).trim_start()))
        .unwrap_or_default();
    [format!("[{number}]"), state.word().to_owned(), done, rate, left, title.shown()]
}

/// Returns the JSON object of a job.
pub(super) fn object(job: &Watcher, queue: &Queue, now: Instant) -> String {
    let state = State::of(job, queue);
    let progress = job.progress();
    let total = progress.total();
    let mut object = Object::default();
    object.number("job", Some(job.number));
    object.text("state", state.word());
    object.bytes("command", &job.title.0);
    object.number("files_done", Some(total.files_done));
    object.number("files", Some(total.files));
    object.number("bytes_done", Some(total.bytes_done));
    object.number("bytes", Some(total.bytes));
    object.flag("all_found", total.complete);
    object.number("bytes_per_second", Some(whole(progress.per_second(now))));
    object.number("seconds_left", progress.seconds_left(now));
    object.end()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is not negative; the cast saturates"
)]
fn whole(rate: f64) -> u64 {
    rate as u64
}
