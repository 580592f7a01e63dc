//! Queries with a deadline, for a key press at the prompt. Answers that arrive later are dropped.

use std::sync::Arc;
use std::time::Instant;

use super::interrupt::Interrupt;
use super::lifeline::Lifeline;
use super::listing::{Entry, Listing, Longnames};
use super::survey::{Answer, Survey};
use crate::budget::Budget;
use crate::name::RemotePath;
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
/// answers before the deadline.
pub fn follow_links_until<'a>(
    session: &Session,
    directory: &RemotePath,
    entries: impl IntoIterator<Item = &'a mut Entry>,
    most: usize,
    deadline: Instant,
) {
    let is_link = |entry: &&mut Entry| entry.attributes.file_type() == Some(FileType::Symlink);
    let mut links: Vec<&mut Entry> = entries.into_iter().filter(is_link).take(most).collect();
    // Nothing is listed, so the budget is not used.
    let mut survey = survey(session, &Arc::new(Budget::new(0)));
    for (index, link) in links.iter().enumerate() {
        survey.stat(directory.join(&link.name), index);
    }
    while let Ok(Some(answer)) = survey.next_until(Some(deadline)) {
        if let Answer::Attributes(index, _, Ok(attributes)) = answer
            && let Some(link) = links.get_mut(index)
        {
            link.attributes = attributes;
        }
    }
}

/// Returns a survey that only the deadline ends: at the prompt, Ctrl-C is a key like any other.
fn survey<T: Send + 'static>(session: &Session, budget: &Arc<Budget>) -> Survey<T> {
    Survey::new(&Lifeline::single(session), &Interrupt::default(), Longnames::Dropped, budget)
}
