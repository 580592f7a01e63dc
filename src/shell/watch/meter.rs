//! The meter on a terminal: the current file and the whole job move at the bottom, and finished files stay above.
//!
//! indicatif draws the moving lines, at most thirty times a second, and only after a quarter of a second. So a quick
//! transfer leaves plain lines without control codes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::shell::watch::display::Display;
use crate::shell::watch::meter_line::{Clock, Measure};
use crate::shell::watch::rate::{Rate, per_second, seconds_for};
use crate::shell::watch::screen::{self, Screen, Unechoed};
use crate::terminal::Output;
use crate::transfer::{Direction, Event, File, Total};

/// The time before the first drawing. Most transfers have ended by then.
const PATIENCE: Duration = Duration::from_millis(250);

/// Drawings per second.
const DRAWINGS: u8 = 30;

/// The meters of a job.
pub(super) struct Meter {
    started: Instant,
    /// `None` if the terminal can't move its cursor.
    bars: Option<Bars>,
    current: Option<Current>,
    total: Total,
    total_rate: Rate,
    /// True if the job was interrupted, so there are no more drawings.
    is_stopped: bool,
}

/// The moving bars at the bottom.
struct Bars {
    group: MultiProgress,
    file: Option<ProgressBar>,
    total: Option<ProgressBar>,
    /// Present as long as there is a bar.
    unechoed: Option<Unechoed>,
}

/// The oldest file under way.
struct Current {
    file: Arc<File>,
    position: u64,
    rate: Rate,
    /// While the file is verified: the number of bytes compared with the source, and their rate.
    verified: Option<(u64, Rate)>,
}

impl Meter {
    /// Creates a meter before the first event.
    pub(super) fn new(moves_cursor: bool) -> Meter {
        let now = Instant::now();
        Meter {
            started: now,
            bars: moves_cursor.then(|| Bars::on(Screen::default())),
            current: None,
            total: Total::default(),
            total_rate: Rate::starting(now),
            is_stopped: false,
        }
    }

    fn draw(&mut self) {
        let now = Instant::now();
        if self.is_stopped || now.duration_since(self.started) < PATIENCE {
            return;
        }
        let width = screen::width();
        let file = self.current.as_ref().map(|current| current.line(now, width));
        let total = (self.total.files > 1).then(|| self.total_line(now, width));
        if let Some(bars) = &mut self.bars {
            bars.show(file, total);
        }
    }

    fn total_line(&self, now: Instant, width: usize) -> String {
        let Total { files, files_done, bytes, bytes_done, complete, .. } = self.total;
        let more = if complete { "" } else { "+" };
        let name = format!("total: {files_done} of {files}{more} files");
        measure(name.as_bytes(), bytes_done, bytes.max(bytes_done), &self.total_rate, now).line(width)
    }

    fn finish(&mut self, file: &File, length: u64, elapsed: Duration, output: &Output) {
        self.current = None;
        if self.is_stopped {
            return;
        }
        // As in sftp(1), which shows a meter for an empty file only when it is sent.
        if length > 0 || file.direction == Direction::Put {
            let rate = per_second(length.saturating_sub(file.offset), elapsed);
            let last = Measure { name: file.name(), bytes: length, total: length, rate, clock: Clock::Took(elapsed) };
            output.answer(last.line(output.width()));
        }
    }
}

impl Display for Meter {
    fn follow(&mut self, event: &Event, output: &Output) {
        match event {
            Event::Started(file) => {
                let now = Instant::now();
                self.total_rate.begin(now);
                let rate = Rate::starting(now);
                self.current = Some(Current { file: Arc::clone(file), position: file.offset, rate, verified: None });
            }
            Event::Advanced { position, verified, total } => {
                let now = Instant::now();
                self.total = *total;
                self.total_rate.follow(now, total.bytes_moved, verified.is_some());
                if let (Some(current), Some(position)) = (&mut self.current, *position) {
                    current.advance(now, position, *verified);
                }
            }
            Event::Finished { file, length, elapsed } => self.finish(file, *length, *elapsed, output),
            Event::Failed(_) => self.current = None,
            Event::Announced(_) | Event::Entered { .. } | Event::Intended(_) | Event::Noted(_) | Event::Asked(_) => {}
        }
    }

    fn aside(&mut self, lines: &mut dyn FnMut(&mut Self)) {
        let bars = self.bars.as_ref().filter(|bars| bars.is_visible()).map(|bars| bars.group.clone());
        let mut show = || lines(self);
        match bars {
            Some(bars) => bars.suspend(show),
            None => show(),
        }
    }

    fn tick(&mut self) {
        self.draw();
    }

    fn hide(&mut self) {
        if let Some(bars) = &mut self.bars {
            bars.show(None, None);
        }
    }

    fn stop(&mut self) {
        self.is_stopped = true;
        self.hide();
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.hide();
    }
}

impl Current {
    fn advance(&mut self, now: Instant, position: u64, verified: Option<u64>) {
        self.position = position;
        match (verified, &mut self.verified) {
            (None, _) => {
                self.rate.count(now, position);
                self.verified = None;
            }
            (Some(bytes), Some((before, rate))) if bytes >= *before => {
                *before = bytes;
                rate.count(now, bytes);
            }
            // Verification begins, or begins again.
            (Some(bytes), _) => {
                let mut rate = Rate::starting(now);
                rate.count(now, bytes);
                self.verified = Some((bytes, rate));
            }
        }
    }

    fn line(&self, now: Instant, width: usize) -> String {
        if let Some((bytes, rate)) = &self.verified {
            let name = [b"verifying ", self.file.name()].concat();
            return measure(&name, *bytes, self.position, rate, now).line(width);
        }
        let size = self.file.size.unwrap_or(0).max(self.position);
        measure(self.file.name(), self.position, size, &self.rate, now).line(width)
    }
}

/// Returns the meter for a transfer under way. It never shows 100%, which is for the final line.
fn measure<'a>(name: &'a [u8], bytes: u64, total: u64, rate: &Rate, now: Instant) -> Measure<'a> {
    let per_second = rate.per_second(now);
    let clock = if rate.is_stalled(now) {
        Clock::Stalled
    } else {
        let seconds = seconds_for(total.saturating_sub(bytes), per_second);
        seconds.map_or(Clock::Unknown, |seconds| Clock::Left(Duration::from_secs(seconds)))
    };
    Measure { name, bytes, total, rate: per_second, clock }
}

impl Bars {
    fn on(screen: Screen) -> Bars {
        let group = MultiProgress::with_draw_target(ProgressDrawTarget::term_like_with_hz(Box::new(screen), DRAWINGS));
        Bars { group, file: None, total: None, unechoed: None }
    }

    fn is_visible(&self) -> bool {
        self.file.is_some() || self.total.is_some()
    }

    /// Draws a line for the file, and below it one for the whole job.
    fn show(&mut self, file: Option<String>, total: Option<String>) {
        if file.is_some() && self.file.is_none() {
            self.file = Some(self.group.insert(0, bar()));
        }
        if total.is_some() && self.total.is_none() {
            self.total = Some(self.group.add(bar()));
        }
        if self.is_visible() && self.unechoed.is_none() {
            self.unechoed = Some(Unechoed::begin());
        }
        set(&self.group, &mut self.file, file);
        set(&self.group, &mut self.total, total);
    }
}

fn set(group: &MultiProgress, bar: &mut Option<ProgressBar>, line: Option<String>) {
    match (bar.as_ref(), line) {
        (Some(shown), Some(line)) => shown.set_message(line),
        (Some(shown), None) => {
            shown.finish_and_clear();
            group.remove(shown);
            *bar = None;
        }
        (None, _) => {}
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    bar
}
