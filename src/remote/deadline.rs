//! Queries with a deadline, for a key press at the prompt. Answers that arrive later are dropped.

use std::sync::Arc;
use std::time::Instant;

use crate::budget::Budget;
use crate::name::RemotePath;
use crate::remote::entries::Entries;
use crate::remote::interrupt::Interrupt;
use crate::remote::lifeline::Lifeline;
use crate::remote::listing::{Listing, Longnames};
use crate::remote::survey::{Answer, Survey};
use crate::sftp::{FileType, Session};

/// Returns the entries of a directory, which take memory from `budget` while the listing exists. `None` if the server
/// refuses, the budget is too small, or the listing is incomplete at the deadline.
#[must_use]
pub fn list_until(
    session: &Session,
    directory: &RemotePath,
    budget: &Arc<Budget>,
    deadline: Instant,
) -> Option<Listing> {
    let mut survey = survey(session, budget);
    survey.list(directory.clone(), ());
    match survey.next_until(Some(deadline)) {
        Ok(Some(Answer::Listing(_, _, outcome))) => outcome.ok(),
        _ => None,
    }
}

/// Replaces the attributes of links in `directory` by those of their targets, for up to `most` links, if the server
/// answers before the deadline. Only the entries with these indices count.
pub fn follow_links_until(
    session: &Session,
    directory: &RemotePath,
    entries: &mut Entries,
    indices: &[usize],
    most: usize,
    deadline: Instant,
) {
    // Nothing is listed, so the budget is not used.
    let mut survey = survey(session, &Arc::new(Budget::new(0)));
    let is_link = |&&index: &&usize| entries.attributes(index).file_type() == Some(FileType::Symlink);
    for &index in indices.iter().filter(is_link).take(most) {
        survey.stat(directory.join(entries.name(index)), index);
    }
    while let Ok(Some(answer)) = survey.next_until(Some(deadline)) {
        if let Answer::Attributes(index, _, Ok(attributes)) = answer {
            entries.set_attributes(index, attributes);
        }
    }
}

/// Returns a survey that only the deadline ends: at the prompt, Ctrl-C is a key like any other.
fn survey<T: Clone + Send + 'static>(session: &Session, budget: &Arc<Budget>) -> Survey<T> {
    Survey::new(&Lifeline::single(session), &Interrupt::default(), Longnames::Dropped, budget)
}
