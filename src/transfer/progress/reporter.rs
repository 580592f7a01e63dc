//! Puts the news of many files in flight into the order of the plan, as if they were moved one by one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::sftp::{self, Session};
use crate::transfer::conflict::Question;
use crate::transfer::event::{Event, File, Note, Proof, Total};
use crate::transfer::failure::{Act, Failure};
use crate::transfer::progress::account::Account;
pub(crate) use crate::transfer::progress::account::Sequence;
use crate::transfer::report::Report;

/// The pause between two [`Event::Advanced`]: more often would be invisible.
const ADVANCE_PAUSE: Duration = Duration::from_millis(50);

/// The most events that are sent together: enough that the listener wakes rarely, few enough that it wakes in time.
const NEWS_AT_ONCE: usize = 256;

/// The totals that the plan has found. The planner adds to them, the reporter reads them.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) files: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) complete: AtomicBool,
}

impl Found {
    /// Adds a file, and its length in bytes if it is known.
    pub(crate) fn add(&self, size: Option<u64>) {
        self.files.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(size.unwrap_or(0), Ordering::Relaxed);
    }
}

/// Holds back the news of later steps, sends the rest, and makes the report.
pub(crate) struct Reporter {
    events: Sender<Vec<Event>>,
    /// Events that are not sent yet.
    news: Vec<Event>,
    found: Arc<Found>,
    began: Instant,
    /// The first step that has not ended. Its news goes out at once.
    head: Sequence,
    /// Lines about files whose targets may still change.
    announcements: BTreeMap<Sequence, Arc<File>>,
    /// The news of later steps.
    waiting: BTreeMap<Sequence, Waiting>,
    /// The progress of the file of the first step, once it was started.
    reached: Option<Reached>,
    last_advance: Instant,
    account: Account,
    /// True if a file has left the account since the last [`Event::Advanced`].
    is_outdated: bool,
    verified: BTreeMap<Proof, u64>,
    /// News to send after everything else.
    afterwards: Vec<Event>,
    report: Report,
}

/// Returns whether an event only says that a file is next.
fn is_beginning(event: &Event) -> bool {
    matches!(event, Event::Announced(_) | Event::Started(_))
}

/// The target that a file was meant for, and the one that was written.
pub(crate) struct Places<'a> {
    pub(crate) asked: &'a [u8],
    pub(crate) target: &'a [u8],
}

#[derive(Default)]
struct Waiting {
    events: Vec<Event>,
    reached: Option<Reached>,
    concluded: bool,
}

/// The progress of a file.
#[derive(Clone, Copy)]
struct Reached {
    position: u64,
    /// The bytes that were compared with the source, while the file is being verified.
    verified: Option<u64>,
}

impl Reporter {
    pub(crate) fn new(events: Sender<Vec<Event>>, found: Arc<Found>) -> Reporter {
        let now = Instant::now();
        Reporter {
            events,
            news: Vec::new(),
            found,
            began: now,
            head: 0,
            announcements: BTreeMap::new(),
            waiting: BTreeMap::new(),
            reached: None,
            last_advance: now,
            account: Account::default(),
            is_outdated: false,
            verified: BTreeMap::new(),
            afterwards: Vec::new(),
            report: Report::default(),
        }
    }

    /// Returns how many steps lie between the first that has not ended and the next of the plan.
    pub(crate) fn ahead(&self, next: Sequence) -> u64 {
        next - self.head
    }

    /// Keeps the line about a file whose target may still change. It goes out with the first news of the file, and
    /// names the target with which the file starts.
    pub(crate) fn announce(&mut self, sequence: Sequence, file: Arc<File>) {
        self.announcements.insert(sequence, file);
    }

    /// Reports that a started file has arrived. Its target is another than planned if that name was taken, even after
    /// the start.
    pub(crate) fn finished(
        &mut self,
        sequence: Sequence,
        file: &Arc<File>,
        places: &Places<'_>,
        length: u64,
        elapsed: Duration,
    ) {
        let &Places { asked, target } = places;
        let file = match file.target == target {
            true => Arc::clone(file),
            false => Arc::new(File { target: target.to_vec(), ..File::clone(file) }),
        };
        if asked != target {
            self.renamed(sequence, asked, target);
        }
        self.tell(sequence, Event::Finished { file, length, elapsed });
    }

    /// Reports that an entry was written under another name than planned.
    pub(crate) fn renamed(&mut self, sequence: Sequence, asked: &[u8], target: &[u8]) {
        let note = Note::Renamed { asked: asked.to_vec(), target: target.to_vec() };
        self.tell(sequence, Event::Noted(note));
    }

    /// Reports news of a step when it is the step's turn.
    pub(crate) fn tell(&mut self, sequence: Sequence, event: Event) {
        if let Some(announced) = self.announcements.remove(&sequence) {
            let announced = match &event {
                Event::Started(file) => Arc::new(File { target: file.target.clone(), ..File::clone(&announced) }),
                _ => announced,
            };
            self.tell_in_turn(sequence, Event::Announced(announced));
        }
        self.tell_in_turn(sequence, event);
    }

    fn tell_in_turn(&mut self, sequence: Sequence, event: Event) {
        if sequence == self.head {
            self.emit(event);
        } else {
            self.waiting.entry(sequence).or_default().events.push(event);
        }
    }

    /// Adds a file that begins, with the length that the plan found.
    pub(crate) fn begin_file(&mut self, sequence: Sequence, planned: Option<u64>) {
        self.account.begin(sequence, planned.unwrap_or(0));
    }

    /// Reports that a file has reached `position`, and counts the `bytes` that were new.
    pub(crate) fn advance(&mut self, sequence: Sequence, position: u64, bytes: u64) {
        self.account.add(sequence, bytes, position);
        self.report.bytes += bytes;
        self.reach(sequence, Reached { position, verified: None });
    }

    /// Reports how many bytes of a file of this length were compared with its source.
    pub(crate) fn compared(&mut self, sequence: Sequence, length: u64, verified: u64) {
        self.reach(sequence, Reached { position: length, verified: Some(verified) });
    }

    fn reach(&mut self, sequence: Sequence, reached: Reached) {
        if sequence == self.head {
            self.reached = Some(reached);
        } else {
            self.waiting.entry(sequence).or_default().reached = Some(reached);
        }
        self.tick();
    }

    /// Counts bytes of a file that exist already and are not moved.
    pub(crate) fn already_there(&mut self, sequence: Sequence, bytes: u64) {
        self.account.add(sequence, bytes, bytes);
    }

    /// Takes back the bytes of a file that starts over.
    pub(crate) fn take_back(&mut self, sequence: Sequence) {
        self.account.take_back(sequence);
    }

    /// Sends a question to the user, at once.
    pub(crate) fn ask(&mut self, question: Question) {
        self.emit(Event::Asked(Arc::new(question)));
        self.send();
    }

    /// Counts a file that was found to equal its source.
    pub(crate) fn verified(&mut self, proof: Proof) {
        *self.verified.entry(proof).or_default() += 1;
    }

    /// Reports a note that belongs to no step, at once.
    pub(crate) fn interject(&mut self, note: Note) {
        self.emit(Event::Noted(note));
    }

    /// Reports an event at once. For a rehearsal, which works step by step.
    pub(crate) fn tell_now(&mut self, event: Event) {
        self.emit(event);
    }

    /// Ends a step. The news of the next steps goes out, up to the first that has not ended.
    pub(crate) fn conclude(&mut self, sequence: Sequence) {
        if sequence != self.head {
            self.waiting.entry(sequence).or_default().concluded = true;
            return;
        }
        loop {
            self.head += 1;
            let next = self.waiting.remove(&self.head).unwrap_or_default();
            for event in next.events {
                self.emit(event);
            }
            self.reached = next.reached;
            if !next.concluded {
                return;
            }
        }
    }

    /// Counts a file that has arrived.
    pub(crate) fn file_done(&mut self, sequence: Sequence) {
        self.account.complete(sequence);
        self.report.files += 1;
    }

    /// Removes a file that was skipped or has failed from the totals.
    pub(crate) fn file_left(&mut self, sequence: Sequence) {
        self.account.leave(sequence);
        self.is_outdated = true;
    }

    /// Reports a failure at the end, because it belongs to no step that is still open.
    pub(crate) fn fail(&mut self, failure: Failure) {
        self.afterwards.push(Event::Failed(failure));
    }

    /// Reports a note at the end, because it belongs to no step that is still open.
    pub(crate) fn note(&mut self, note: Note) {
        self.afterwards.push(Event::Noted(note));
    }

    /// Sends the progress, if it is time.
    fn tick(&mut self) {
        if self.is_time() {
            self.say_how_far();
        }
    }

    fn is_time(&self) -> bool {
        self.last_advance.elapsed() >= ADVANCE_PAUSE
    }

    /// Sends the progress now, because the next work may take a while and moves no bytes.
    pub(crate) fn say_how_far(&mut self) {
        if self.reached.is_some() || self.is_outdated {
            self.news_of(self.reached);
            self.send();
        }
    }

    /// Adds an event about the progress.
    fn news_of(&mut self, reached: Option<Reached>) {
        self.last_advance = Instant::now();
        self.is_outdated = false;
        let (position, verified) =
            (reached.map(|reached| reached.position), reached.and_then(|reached| reached.verified));
        self.news.push(Event::Advanced { position, verified, total: self.total() });
    }

    fn total(&self) -> Total {
        Total {
            files: self.found.files.load(Ordering::Relaxed).saturating_sub(self.account.files_left),
            files_done: self.account.files_done,
            bytes: self.account.total_of(self.found.bytes.load(Ordering::Relaxed)),
            bytes_done: self.account.bytes_done,
            bytes_moved: self.report.bytes,
            complete: self.found.complete.load(Ordering::Relaxed),
        }
    }

    fn emit(&mut self, event: Event) {
        match &event {
            Event::Failed(failure) => self.report.failures.push(failure.clone()),
            // After the last file, the progress must show that everything has arrived.
            &Event::Finished { length, .. } if self.account.is_idle() || self.is_time() => {
                self.news_of(Some(Reached { position: length, verified: None }));
            }
            _ => {}
        }
        self.news.push(event);
        if self.news.len() >= NEWS_AT_ONCE {
            self.send();
        }
    }

    /// Sends the waiting events. Each call wakes the listener, so the engine calls it before it sleeps.
    pub(crate) fn send(&mut self) {
        if !self.news.is_empty() {
            // The caller of the job may have dropped the receiver.
            let _ = self.events.send(std::mem::take(&mut self.news));
        }
    }

    /// Ends the report. It sends the news of later steps that were held back, except those that only say that a file
    /// is next.
    pub(crate) fn finish(mut self, lost: Option<sftp::Error>, cancelled: bool, sessions: Vec<Session>) -> Report {
        for (_, waiting) in std::mem::take(&mut self.waiting) {
            if !waiting.concluded && waiting.events.iter().all(is_beginning) {
                continue;
            }
            for event in waiting.events {
                self.emit(event);
            }
        }
        if self.is_outdated {
            self.news_of(None);
        }
        for event in std::mem::take(&mut self.afterwards) {
            self.emit(event);
        }
        for (proof, files) in std::mem::take(&mut self.verified) {
            self.emit(Event::Noted(Note::Verified { files, proof }));
        }
        if let Some(error) = &lost {
            self.emit(Event::Failed(Failure::new(Act::Continue, *b"", error.clone())));
        }
        self.send();
        self.report.lost = lost;
        self.report.cancelled = cancelled;
        self.report.sessions = sessions;
        self.report.elapsed = self.began.elapsed();
        self.report
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    fn reporter() -> (Reporter, Receiver<Vec<Event>>) {
        let (sender, receiver) = channel();
        (Reporter::new(sender, Arc::default()), receiver)
    }

    fn note(text: &str) -> Event {
        Event::Noted(Note::StartedOver(text.into()))
    }

    fn told(reporter: &mut Reporter, receiver: &Receiver<Vec<Event>>) -> Vec<String> {
        reporter.send();
        receiver
            .try_iter()
            .flatten()
            .filter_map(|event| match event {
                Event::Noted(Note::StartedOver(text)) => Some(String::from_utf8(text).unwrap()),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn news_comes_in_order_of_the_plan_whatever_ends_first() {
        let (mut reporter, receiver) = reporter();
        reporter.tell(2, note("c"));
        reporter.conclude(2);
        reporter.tell(1, note("b"));
        reporter.tell(0, note("a"));
        assert_eq!(told(&mut reporter, &receiver), ["a"]);
        assert_eq!(reporter.ahead(3), 3);
        reporter.conclude(0);
        assert_eq!(told(&mut reporter, &receiver), ["b"]);
        reporter.tell(1, note("b again"));
        reporter.conclude(1);
        assert_eq!(told(&mut reporter, &receiver), ["b again", "c"]);
        assert_eq!(reporter.ahead(3), 0);
    }

    #[test]
    fn news_goes_out_in_bounded_batches() {
        let (mut reporter, receiver) = reporter();
        for _ in 0..NEWS_AT_ONCE + 1 {
            reporter.tell(0, note("a"));
        }
        assert_eq!(receiver.try_recv().unwrap().len(), NEWS_AT_ONCE);
        assert!(receiver.try_recv().is_err());
        reporter.send();
        assert_eq!(receiver.try_recv().unwrap().len(), 1);
    }

    #[test]
    fn a_step_that_was_held_back_continues_at_its_position() {
        let (mut reporter, receiver) = reporter();
        reporter.last_advance -= ADVANCE_PAUSE;
        reporter.begin_file(1, Some(900));
        reporter.advance(1, 700, 700);
        assert!(receiver.try_recv().is_err(), "nothing is said of a file that was not started");
        reporter.conclude(0);
        reporter.tick();
        let news = receiver.try_recv().unwrap();
        let [Event::Advanced { position: Some(700), total, .. }] = news[..] else { panic!("no position") };
        assert_eq!(total.bytes_done, 700);
    }

    #[test]
    fn failures_are_reported_in_order_and_once() {
        use crate::transfer::failure::{Act, Cause};
        let (mut reporter, receiver) = reporter();
        for step in [1, 0] {
            reporter.tell(step, Event::Failed(Failure::new(Act::Download, format!("{step}"), Cause::NotRegular)));
            reporter.conclude(step);
        }
        drop(receiver);
        let things: Vec<_> =
            reporter.finish(None, false, Vec::new()).failures.into_iter().map(|failure| failure.thing).collect();
        assert_eq!(things, [b"0", b"1"]);
    }
    fn file(target: &str) -> Arc<File> {
        let (direction, source, target) = (crate::transfer::Direction::Get, b"/f".to_vec(), target.into());
        Arc::new(File { direction, source, target, size: None, offset: 0, resumes: false })
    }

    #[test]
    fn files_that_were_stopped_before_their_turn_are_not_announced() {
        let (mut reporter, receiver) = reporter();
        for step in 1..=4 {
            reporter.tell(step, Event::Announced(file("f")));
            reporter.tell(step, Event::Started(file("f")));
        }
        reporter.tell(2, note("kept"));
        reporter.tell(3, Event::Finished { file: file("f"), length: 1, elapsed: Duration::ZERO });
        reporter.conclude(3);
        drop(reporter.finish(None, true, Vec::new()));
        let news = receiver.try_iter().flatten();
        let news: Vec<Event> = news.filter(|event| !matches!(event, Event::Advanced { .. })).collect();
        assert_eq!(news.iter().filter(|event| is_beginning(event)).count(), 4, "{news:?}");
        assert_eq!(news.len(), 6, "{news:?}");
    }

    #[test]
    fn the_line_about_a_file_names_the_target_with_which_it_starts() {
        use crate::transfer::failure::{Act, Cause};
        let failed = Event::Failed(Failure::new(Act::Download, *b"/f", Cause::NotRegular));
        for (first, announced) in [(Event::Started(file("f.1")), "f.1"), (note("stays"), "f"), (failed, "f")] {
            let (mut reporter, receiver) = reporter();
            reporter.announce(0, file("f"));
            reporter.tell(0, first.clone());
            reporter.tell(0, note("later"));
            reporter.send();
            let news = receiver.try_recv().unwrap();
            let [Event::Announced(told), _, Event::Noted(_)] = &news[..] else { panic!("{first:?}: {news:?}") };
            assert_eq!(told.target, announced.as_bytes(), "{first:?}");
        }
    }

    #[test]
    fn a_file_under_another_name_is_reported_with_it() {
        // The planned target and the one that was written; the file started as f.1.
        for (asked, target, line) in [
            ("f.1", "f.1", None),
            ("f", "f.1", Some("f exists already: written to f.1")),
            ("f", "f.2", Some("f exists already: written to f.2")),
        ] {
            let (mut reporter, receiver) = reporter();
            let places = Places { asked: asked.as_bytes(), target: target.as_bytes() };
            reporter.finished(0, &file("f.1"), &places, 1, Duration::ZERO);
            reporter.send();
            let mut news = receiver.try_recv().unwrap();
            news.retain(|event| !matches!(event, Event::Advanced { .. }));
            let Some(Event::Finished { file, .. }) = news.pop() else { panic!("{news:?}") };
            assert_eq!(file.target, target.as_bytes());
            let noted = news.pop().map(|event| match event {
                Event::Noted(note) => note.to_string(),
                event => panic!("{event:?}"),
            });
            assert_eq!(noted.as_deref(), line);
        }
    }
}
