//! Progress for a program: one JSON object on a line of stdout for each event. `docs/json.md` has the schema.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::shell::watch::display::{Display, show};
use crate::shell::watch::meter_line::percent;
use crate::shell::watch::rate::{Rate, seconds_for};
use crate::terminal::Output;
use crate::terminal::json::Object;
use crate::transfer::{Direction, Event, Failure, File, Intent, Note, Report, Total};

/// Prints the events of a job as JSON.
pub(super) struct Json {
    file: Option<Arc<File>>,
    rate: Rate,
}

impl Json {
    /// Creates a display before the first event.
    pub(super) fn new() -> Json {
        Json { file: None, rate: Rate::starting(Instant::now()) }
    }

    fn object(&mut self, event: &Event) -> Option<Object> {
        match event {
            // Every file gets a start event, whether it was named or found. Questions are asked on the terminal.
            Event::Announced(_) | Event::Asked(_) => None,
            Event::Entered { direction, directory } => {
                let mut object = Object::of("directory");
                object.text("direction", direction_name(*direction));
                object.bytes("source", directory);
                Some(object)
            }
            Event::Started(file) => {
                self.file = Some(Arc::clone(file));
                self.rate.begin(Instant::now());
                let mut object = about("start", file);
                object.number("offset", Some(file.offset));
                object.flag("resumes", file.resumes);
                Some(object)
            }
            Event::Advanced { position, verified, total } => {
                let now = Instant::now();
                self.rate.follow(now, total.bytes_moved, verified.is_some());
                let file = self.file.as_deref().zip(*position);
                Some(progress(file, *verified, total, &self.rate, now))
            }
            Event::Finished { file, length, elapsed } => {
                self.file = None;
                let mut object = about("finish", file);
                object.number("bytes", Some(length));
                object.number("seconds", Some(seconds(*elapsed)));
                Some(object)
            }
            Event::Failed(failure) => {
                self.file = None;
                Some(failed(failure))
            }
            Event::Intended(intent) => Some(intended(intent)),
            Event::Noted(note) => {
                let mut object = Object::of("note");
                object.text("note", name_of(note));
                object.text("message", &note.to_string());
                Some(object)
            }
        }
    }
}

impl Display for Json {
    fn show(&mut self, event: &Event, output: &Output) {
        // stderr has the usual lines.
        if matches!(event, Event::Failed(_) | Event::Noted(_) | Event::Asked(_)) {
            show(event, output);
        }
    }

    fn follow(&mut self, event: &Event, output: &Output) {
        if let Some(object) = self.object(event) {
            output.answer(object.end());
        }
    }

    fn end(&mut self, report: &Report, output: &Output) {
        let mut object = Object::of("end");
        object.flag("ok", report.is_success());
        object.number("files", Some(report.files));
        object.number("bytes", Some(report.bytes));
        object.number("failures", Some(report.failures.len()));
        object.number("seconds", Some(seconds(report.elapsed)));
        object.flag("cancelled", report.cancelled);
        object.flag("connected", report.lost.is_none());
        output.answer(object.end());
        output.flush();
    }
}

/// Creates an object about a file, with the members that all such objects have.
fn about(event: &str, file: &File) -> Object {
    let mut object = Object::of(event);
    object.bytes("file", file.name());
    object.text("direction", direction_name(file.direction));
    object.bytes("source", &file.source);
    object.bytes("target", &file.target);
    object.number("total", file.size);
    object
}

/// Creates the object for the progress of the current file, if there is one, and of the whole job.
fn progress(file: Option<(&File, u64)>, verified: Option<u64>, job: &Total, rate: &Rate, now: Instant) -> Object {
    let per_second = rate.per_second(now);
    let seconds_left = seconds_for(job.bytes.saturating_sub(job.bytes_done), per_second).filter(|_| job.complete);
    let mut object = Object::of("progress");
    match file {
        Some((file, _)) => object.bytes("file", file.name()),
        None => object.number("file", None::<u64>),
    }
    let size = file.and_then(|(file, _)| file.size);
    let position = file.map(|(_, position)| position);
    object.number("bytes", position);
    object.number("total", size);
    object.number("percent", position.zip(size).map(|(position, size)| percent(position, size)));
    object.number("files_done", Some(job.files_done));
    object.number("files", Some(job.files));
    object.number("all_bytes_done", Some(job.bytes_done));
    object.number("all_bytes", Some(job.bytes));
    object.flag("all_found", job.complete);
    object.number("bytes_per_second", Some(format!("{per_second:.0}")));
    object.number("seconds_left", seconds_left);
    object.number("verified", verified);
    object
}

fn failed(failure: &Failure) -> Object {
    let mut object = Object::of("failure");
    object.bytes("path", &failure.thing);
    object.text("message", &failure.to_string());
    object
}

fn intended(intent: &Intent) -> Object {
    let mut object = Object::of("intent");
    match intent {
        Intent::Skip { source, target, reason } => {
            object.text("intent", "skip");
            object.bytes("source", source);
            object.bytes("target", target);
            object.text("reason", reason);
        }
        Intent::File { direction, source, target, size, offset, asks, removes } => {
            object.text("intent", "file");
            object.text("direction", direction_name(*direction));
            object.bytes("source", source);
            object.bytes("target", target);
            object.number("total", *size);
            object.flag("removes", *removes);
            object.number("offset", Some(offset));
            object.flag("asks", *asks);
        }
        Intent::Directory { target, is_missing } => {
            object.text("intent", "directory");
            object.bytes("target", target);
            object.flag("is_missing", *is_missing);
        }
        Intent::Link { source, target, asks, removes } => {
            object.text("intent", "link");
            object.bytes("source", source);
            object.bytes("target", target);
            object.flag("removes", *removes);
            object.flag("asks", *asks);
        }
        Intent::Total { files, directories, bytes } => {
            object.text("intent", "total");
            object.number("files", Some(files));
            object.number("directories", Some(directories));
            object.number("bytes", Some(bytes));
        }
    }
    object
}

fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Get => "get",
        Direction::Put => "put",
    }
}

/// Returns a fixed word for the kind of a note.
fn name_of(note: &Note) -> &'static str {
    match note {
        Note::Skipped { .. } => "skipped",
        Note::Shortage { .. } => "shortage",
        Note::LeftOut { .. } => "left-out",
        Note::NotModified(_) => "not-modified",
        Note::NothingToContinue(_) => "nothing-to-continue",
        Note::StartedOver(_) | Note::Emptied(_) => "started-over",
        Note::WrittenInPlace { .. } => "written-in-place",
        Note::NotPreserved(_) => "not-preserved",
        Note::LeftThere { .. } => "left-there",
        Note::Renamed { .. } => "renamed",
        Note::NotVerified(_) => "not-verified",
        Note::Verified { .. } => "verified",
        Note::Reconnecting(_) => "reconnecting",
        Note::ModeNotKept(_) => "not-preserved",
        Note::TimeClamped(_) => "time-clamped",
        Note::Reconnected => "reconnected",
        Note::Narrowed { .. } => "narrowed",
        Note::SentInOrder(_) => "sent-in-order",
        Note::MoreChannels { .. } => "more-channels",
        Note::NoMoreChannels(_) => "no-more-channels",
        Note::FewerChannels(_) => "fewer-channels",
        Note::FewerConnections(_) => "fewer-connections",
        Note::Kept { .. } | Note::KeptThere { .. } => "kept",
        Note::PutThereByAnother(_) => "put-there-by-another",
    }
}

/// Formats seconds to the millisecond.
fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}
