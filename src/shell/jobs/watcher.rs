//! Watches a job in the background, on a thread of its own.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::lock::lock;
use crate::shell::jobs::news::{Line, News};
use crate::shell::jobs::queue::Queue;
use crate::shell::watch::{Progress, Task, Title, hours_minutes_seconds};
use crate::terminal::{Explain, Printable, size};
use crate::transfer::{Canceller, Event, Hold, Report};

/// Pause between two looks at the requests of the shell while a job reports nothing: too short to be noticed.
const TICK: Duration = Duration::from_millis(33);

/// A job in the background and the thread that watches it.
pub(super) struct Watcher {
    pub(super) number: usize,
    pub(super) title: Title,
    pub(super) hold: Hold,
    pub(super) canceller: Canceller,
    shared: Arc<Shared>,
    thread: JoinHandle<Watched>,
}

/// The part of a watcher that its thread and the shell share.
struct Shared {
    progress: Mutex<Progress>,
    /// True if the thread must return the task.
    is_released: AtomicBool,
    /// True if the job has ended, so that the thread ends too.
    has_ended: AtomicBool,
}

/// The end of a watch in the background.
pub(super) enum Watched {
    /// The job has ended, and the news tell how.
    Ended(Outcome),
    /// The shell takes the task back.
    Released(Box<Task>),
}

/// The end of a job.
pub(super) struct Outcome {
    pub(super) report: Report,
    pub(super) all_found: bool,
}

impl Outcome {
    /// Returns whether everything was moved that the user asked for.
    pub(super) fn is_success(&self) -> bool {
        self.report.is_success() && self.all_found
    }
}

impl Watcher {
    /// Watches a task from now on.
    ///
    /// # Errors
    /// The system has no thread left. The task is cancelled.
    pub(super) fn start(number: usize, mut task: Task, news: News, queue: Queue) -> io::Result<Watcher> {
        let (title, hold, canceller) = (task.title.clone(), task.job.hold(), task.job.canceller());
        let progress = std::mem::replace(&mut task.progress, Progress::starting(Instant::now()));
        let shared = Arc::new(Shared {
            progress: Mutex::new(progress),
            is_released: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        });
        let thread = thread::Builder::new().name("job".into()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                let watched = shared.follow(number, task, &news);
                queue.remove(number);
                watched
            }
        })?;
        Ok(Watcher { number, title, hold, canceller, shared, thread })
    }

    /// Cancels the job.
    pub(super) fn cancel(&self) {
        self.canceller.cancel();
        self.progress().dismiss();
    }

    /// Returns how far the job is.
    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        lock(&self.shared.progress)
    }

    /// Returns whether the job has ended, so that [`Watcher::join`] returns at once.
    pub(super) fn has_ended(&self) -> bool {
        self.shared.has_ended.load(Ordering::SeqCst)
    }

    /// Waits until the job has ended, or until the thread has returned the task.
    pub(super) fn join(self) -> Watched {
        // A panic of the thread is a bug, so it continues here.
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Takes the task back, unless the job has ended.
    pub(super) fn release(self) -> Watched {
        self.shared.is_released.store(true, Ordering::SeqCst);
        self.join()
    }
}

impl Shared {
    fn follow(&self, number: usize, mut task: Task, news: &News) -> Watched {
        loop {
            if self.is_released.load(Ordering::SeqCst) {
                std::mem::swap(&mut task.progress, &mut lock(&self.progress));
                return Watched::Released(Box::new(task));
            }
            match task.job.events().recv_timeout(TICK) {
                Ok(events) => self.take(number, &task, &events, news),
                Err(RecvTimeoutError::Timeout) if task.job.hold().is_set() => lock(&self.progress).rest(Instant::now()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let Task { job, title, all_found, .. } = task;
                    let outcome = Outcome { report: job.wait(), all_found };
                    self.has_ended.store(true, Ordering::SeqCst);
                    news.tell(ending(number, &title, &outcome));
                    return Watched::Ended(outcome);
                }
            }
        }
    }

    fn take(&self, number: usize, task: &Task, events: &[Event], news: &News) {
        for event in events {
            lock(&self.progress).follow(event, Instant::now());
            match event {
                Event::Failed(failure) => {
                    failure.lines().iter().for_each(|line| news.tell(Line::Failure(format!("[{number}] {line}"))));
                }
                Event::Noted(note) => news.tell(Line::Status(format!("[{number}] {note}"))),
                // A job that was stopped needs no decisions any more.
                Event::Asked(question) if task.job.canceller().is_cancelled() => question.answer(None),
                Event::Asked(question) => {
                    let target = Printable(&question.conflict.target);
                    news.tell(Line::Status(format!("[{number}] {target} exists already; fg {number} asks what to do")));
                }
                _ => {}
            }
        }
    }
}

/// Returns the line about the end of a job.
fn ending(number: usize, title: &Title, outcome: &Outcome) -> Line {
    let (report, title) = (&outcome.report, title.shown());
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    match (&report.lost, report.cancelled, report.failures.len()) {
        (_, true, _) => Line::Status(format!("[{number}] cancelled: {title}")),
        (Some(why), _, _) => {
            Line::Failure(format!("[{number}] failed: {title}: {}", Printable(why.to_string().as_bytes())))
        }
        (None, false, 0) => Line::Status(format!("[{number}] done: {title} ({})", moved(report))),
        (None, false, failures) => Line::Failure(format!(
            "[{number}] failed: {title} ({failures} failure{}, {})",
            plural(failures),
            moved(report)
        )),
    }
}

/// Returns the number of files and bytes that were moved, and the time that it took.
fn moved(report: &Report) -> String {
    let (files, bytes, time) = (report.files, size::scaled(report.bytes), hours_minutes_seconds(report.elapsed));
    let plural = if files == 1 { "" } else { "s" };
    format!("{files} file{plural}, {bytes} in {}", time.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sftp;

    #[test]
    fn the_end_of_a_job_is_one_line() {
        let report = Report { files: 1, bytes: 3 << 20, elapsed: Duration::from_secs(3661), ..Report::default() };
        let lost = Some(sftp::Error::ConnectionLost("gone".into()));
        for (report, line) in [
            (report.clone(), Line::Status("[2] done: get a (1 file, 3.0M in 1:01:01)".into())),
            (Report { cancelled: true, ..report.clone() }, Line::Status("[2] cancelled: get a".into())),
            (Report { lost, ..report }, Line::Failure("[2] failed: get a: Connection closed: gone".into())),
        ] {
            let outcome = Outcome { report, all_found: true };
            assert_eq!(ending(2, &Title(b"get a".to_vec()), &outcome), line);
        }
    }
}
