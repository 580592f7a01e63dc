//! The common part of all ways of showing a transfer.

use std::borrow::Cow;

use crate::terminal::{Explain, Output, Printable};
use crate::transfer::{Direction, Event, Failure, Report};

/// Shows the progress of a job. Lines about files and failures are alike in all forms.
pub(super) trait Display {
    /// Prints the line of an event, if it has one.
    fn show(&mut self, event: &Event, output: &Output) {
        show(event, output);
    }

    /// Follows an event after its line was printed. May add to it.
    fn follow(&mut self, event: &Event, output: &Output);

    /// Prints several lines at once, without disturbing the meters.
    fn aside(&mut self, lines: &mut dyn FnMut(&mut Self)) {
        lines(self);
    }

    /// Updates the display as time passes.
    fn tick(&mut self) {}

    /// Removes the moving meters until the next tick.
    fn hide(&mut self) {}

    /// Removes the moving meters until the end, because the job was interrupted.
    fn stop(&mut self) {}

    /// Shows the end of the job.
    fn end(&mut self, _report: &Report, _output: &Output) {}
}

/// Prints the line of an event, if it has one.
pub(super) fn show(event: &Event, output: &Output) {
    match event {
        Event::Announced(file) => output.status(file),
        // sftp(1) prints this in a batch too.
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
