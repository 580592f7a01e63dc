//! How far a job is, as its events tell.

use std::sync::Arc;
use std::time::Instant;

use crate::shell::watch::rate::{Rate, seconds_for};
use crate::transfer::{Event, File, Question, Total};

/// How far a job is.
#[derive(Debug)]
pub(crate) struct Progress {
    file: Option<Arc<File>>,
    position: Option<u64>,
    verified: Option<u64>,
    total: Total,
    rate: Rate,
    /// The question that the job waits for an answer to.
    question: Option<Arc<Question>>,
}

impl Progress {
    /// Returns the progress before the first event.
    pub(crate) fn starting(now: Instant) -> Progress {
        let (file, position, verified, question) = (None, None, None, None);
        Progress { file, position, verified, total: Total::default(), rate: Rate::starting(now), question }
    }

    /// Takes an event.
    pub(crate) fn follow(&mut self, event: &Event, now: Instant) {
        // A job that asks sends no other event until it has the answer.
        self.question = None;
        match event {
            Event::Started(file) => {
                self.rate.begin(now);
                (self.file, self.position, self.verified) = (Some(Arc::clone(file)), None, None);
            }
            Event::Advanced { position, verified, total } => {
                self.rate.follow(now, total.bytes_moved, verified.is_some());
                (self.position, self.verified, self.total) = (*position, *verified, *total);
            }
            Event::Finished { .. } | Event::Failed(_) => (self.file, self.position, self.verified) = (None, None, None),
            Event::Asked(question) => self.question = Some(Arc::clone(question)),
            Event::Announced(_) | Event::Entered { .. } | Event::Intended(_) | Event::Noted(_) => {}
        }
    }

    /// Notes that the job is paused, so that this time doesn't count in its rate.
    pub(crate) fn rest(&mut self, now: Instant) {
        self.rate.follow(now, self.total.bytes_moved, true);
    }

    /// Returns the events that bring a new display up to date. A question comes last.
    pub(crate) fn replay(&self) -> Vec<Event> {
        let (position, verified, total) = (self.position, self.verified, self.total);
        let started = self.file.iter().map(|file| Event::Started(Arc::clone(file)));
        let advanced = (total != Total::default()).then_some(Event::Advanced { position, verified, total });
        started.chain(advanced).chain(self.question.iter().map(|question| Event::Asked(Arc::clone(question)))).collect()
    }

    /// Returns whether the job waits for an answer.
    pub(crate) fn asks(&self) -> bool {
        self.question.is_some()
    }

    /// Ends the question, if there is one, without a decision.
    pub(crate) fn dismiss(&mut self) {
        self.question.take().iter().for_each(|question| question.answer(None));
    }

    /// Returns the totals.
    pub(crate) fn total(&self) -> &Total {
        &self.total
    }

    /// Returns the bytes per second.
    pub(crate) fn per_second(&self, now: Instant) -> f64 {
        self.rate.per_second(now)
    }

    /// Returns the estimated seconds left, if all files are known and bytes move.
    pub(crate) fn seconds_left(&self, now: Instant) -> Option<u64> {
        let left = self.total.bytes.saturating_sub(self.total.bytes_done);
        seconds_for(left, self.per_second(now)).filter(|_| self.total.complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::Direction;
    use std::time::Duration;

    fn file(name: &str) -> Arc<File> {
        let name = name.as_bytes().to_vec();
        Arc::new(File {
            direction: Direction::Get,
            source: name.clone(),
            target: name,
            size: Some(4000),
            offset: 0,
            resumes: false,
        })
    }

    fn advanced(bytes: u64) -> Event {
        let total =
            Total { files: 2, bytes: 4000, bytes_done: bytes, bytes_moved: bytes, complete: true, ..Total::default() };
        Event::Advanced { position: Some(bytes), verified: None, total }
    }

    #[test]
    fn a_new_display_learns_of_the_file_under_way_and_of_the_totals() {
        let now = Instant::now();
        let mut progress = Progress::starting(now);
        assert!(progress.replay().is_empty());
        progress.follow(&Event::Started(file("a")), now);
        progress.follow(&advanced(1000), now + Duration::from_secs(1));
        let replay = progress.replay();
        assert!(
            matches!(&replay[..], [Event::Started(file), Event::Advanced { position: Some(1000), .. }] if file.name() == b"a")
        );
        progress.follow(&Event::Finished { file: file("a"), length: 1000, elapsed: Duration::ZERO }, now);
        assert!(matches!(&progress.replay()[..], [Event::Advanced { position: None, .. }]));
    }

    #[test]
    fn a_pause_does_not_lower_the_rate() {
        let now = Instant::now();
        let at = |seconds: u64| now + Duration::from_secs(seconds);
        let mut progress = Progress::starting(now);
        progress.follow(&Event::Started(file("a")), now);
        progress.follow(&advanced(1000), at(1));
        progress.rest(at(1));
        assert!((progress.per_second(at(60)) - 1000.0).abs() < 1.0);
        assert_eq!(progress.seconds_left(at(60)), Some(3));
        progress.follow(&advanced(2000), at(61));
        assert!((progress.per_second(at(61)) - 1900.0).abs() < 120.0, "{}", progress.per_second(at(61)));
    }
}
