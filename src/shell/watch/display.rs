//! What every way of showing a transfer does.

use std::borrow::Cow;

use crate::terminal::{Explain, Output, Printable};
use crate::transfer::{Direction, Event, Failure, Report};

/// What shows how far a job is; lines about files and failures are the same everywhere.
pub(super) trait Display {
    /// Shows a piece of news as the line that it has, if it has one.
    fn show(&mut self, event: &Event, output: &Output) {
        show(event, output);
    }

    /// One piece of news was shown as a line, if it has one; this may add to it.
    fn follow(&mut self, event: &Event, output: &Output);

    /// Shows several lines at once, keeping out of their way.
    fn aside(&mut self, lines: &mut dyn FnMut(&mut Self)) {
        lines(self);
    }

    /// Time has passed.
    fn tick(&mut self) {}

    /// Takes away what moves, until time passes.
    fn hide(&mut self) {}

    /// Takes away what moves, for good: the job was interrupted.
    fn stop(&mut self) {}

    /// The job is over.
    fn end(&mut self, _report: &Report, _output: &Output) {}
}

/// The line of an event that has one.
pub(super) fn show(event: &Event, output: &Output) {
    match event {
        Event::Announced(file) => output.status(file),
        // sftp(1) says this in a batch too.
        Event::Entered { direction, directory } => output.answer(entered(*direction, directory)),
        Event::Failed(failure) => output.explain(failure),
        Event::Intended(intent) => output.answer(intent),
        Event::Noted(note) => output.warning(note),
        Event::Asked(_) | Event::Started(_) | Event::Advanced { .. } | Event::Finished { .. } => {}
    }
}

fn entered(direction: Direction, directory: &[u8]) -> String {
    let act = match direction {
        Direction::Get => "Retrieving",
        Direction::Put => "Entering",
    };
    format!("{act} {}", Printable(directory))
}

impl Explain for Failure {
    fn lines(&self) -> Vec<Cow<'_, str>> {
        let aftermath = self.aftermath.as_deref().map(Cow::from);
        [Cow::from(self.to_string())].into_iter().chain(aftermath).collect()
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        self.hint.map(Cow::from)
    }
}
