//! Expands patterns to the paths on the server that match them.
//!
//! Only components with metacharacters are listed, many directories at once. A literal end is checked with LSTAT, and
//! the target of a link with STAT. Every name is matched on our side, whatever the server lists.

use std::sync::Arc;

use crate::budget::{self, Budget};
use crate::name::RemotePath;
use crate::remote::entries::EntryRef;
use crate::remote::error::Error;
use crate::remote::glob::{Component, ComponentKind, Pattern};
use crate::remote::interrupt::Interrupt;
use crate::remote::lifeline::Lifeline;
use crate::remote::listing::{Listing, Longnames};
use crate::remote::matches::{MatchAttributes, Matches};
use crate::remote::survey::{Answer, Survey};
use crate::remote::walk::MAX_DEPTH;
use crate::sftp::{Attributes, FileType, Session, StatusCode};

/// The result of expanding a pattern.
#[derive(Clone, Debug, Default)]
pub struct Expansion {
    /// The matches, sorted bytewise. Empty if there are none: each command has its own message for that.
    pub matches: Matches,
    /// Directories that could not be searched, and entries that were left out. sftp(1) doesn't report the former, but
    /// they may contain the missing files.
    pub failures: Vec<Error>,
}

/// Expands several patterns at once.
///
/// Relative patterns start at `base`. The expansions are in the order of the patterns.
///
/// # Errors
/// The end of the connection, Ctrl-C, or matches that exceed the memory budget. A refusal of the server becomes a
/// failure in the expansion.
pub fn expand(
    session: &Session,
    base: &RemotePath,
    patterns: &[Pattern],
    interrupt: &Interrupt,
) -> Result<Vec<Expansion>, Error> {
    let mut expander = Expander {
        survey: Survey::new(
            &Lifeline::single(session),
            interrupt,
            Longnames::Dropped,
            &Arc::new(Budget::new(budget::LISTING)),
        ),
        patterns,
        expansions: vec![Expansion::default(); patterns.len()],
        budget: Budget::new(budget::LISTING),
    };
    for (pattern, parsed) in patterns.iter().enumerate() {
        let is_absolute = base.sees_as_absolute(&parsed.text());
        let path = if is_absolute { Vec::new() } else { base.as_bytes().to_vec() };
        expander.advance(Candidate { pattern, path, next: 0, levels: 0, known: None })?;
    }
    expander.run()
}

struct Expander<'a> {
    survey: Survey<Question>,
    patterns: &'a [Pattern],
    expansions: Vec<Expansion>,
    /// The budget of paths that match or may match. Listings have a budget of their own.
    budget: Budget,
}

/// A path that may become a match.
#[derive(Clone)]
struct Candidate {
    pattern: usize,
    /// Empty for the root of an absolute pattern.
    path: Vec<u8>,
    /// The index of the next component.
    next: usize,
    /// How many levels a `**` has descended.
    levels: usize,
    /// The attributes from the listing with the path's last name, if there was one.
    known: Option<Attributes>,
}

/// The reason for a request.
#[derive(Clone)]
enum Question {
    /// To list the entries that match the next component.
    Names(Candidate),
    /// To check that the path exists.
    Existence(Candidate),
    /// To get the attributes of a link's target.
    Target(Candidate, Attributes),
}

impl Candidate {
    /// Returns the directory with a slash at its end, as sftp(1) names a directory that it searches.
    fn directory(&self) -> Result<RemotePath, Error> {
        let slash: &[u8] = if self.path.ends_with(b"/") { b"" } else { b"/" };
        Ok(RemotePath::from_server([self.path.as_slice(), slash].concat())?)
    }

    fn child(&self, pattern: &Pattern, component: &Component, entry: EntryRef<'_>, next: usize) -> Candidate {
        let mut path = self.path.clone();
        pattern.append(&mut path, component, entry.name.as_bytes());
        Candidate { path, known: Some(entry.attributes), next, ..*self }
    }

    /// Returns whether a refusal to list the path is worth reporting: a link or a file of unknown type may not be a
    /// directory.
    fn should_be_a_directory(&self) -> bool {
        self.known.is_none_or(|known| known.is_dir())
    }
}

impl Expander<'_> {
    fn run(mut self) -> Result<Vec<Expansion>, Error> {
        while let Some(answer) = self.survey.next()? {
            match answer {
                Answer::Listing(Question::Names(candidate), directory, outcome) => match outcome {
                    Ok(listing) => {
                        self.expansions[candidate.pattern].failures.extend(listing.complaints(&directory));
                        self.descend_or_match(&candidate, &listing)?;
                    }
                    Err(error) => self.unsearched(&candidate, error),
                },
                Answer::Attributes(Question::Existence(candidate), _, outcome) => match outcome {
                    Ok(attributes) => self.found(candidate, attributes)?,
                    Err(error) if error.is_no_such_file() => {}
                    Err(error) => self.expansions[candidate.pattern].failures.push(error),
                },
                Answer::Attributes(Question::Target(candidate, attributes), path, outcome) => {
                    let attributes = MatchAttributes { itself: attributes, target: outcome.ok() };
                    self.matched(candidate.pattern, &path, attributes)?;
                }
                // The survey answers each request with the matching kind.
                Answer::Part(..) | Answer::Listing(..) | Answer::Attributes(..) => {}
            }
        }
        self.expansions.iter_mut().for_each(|expansion| expansion.matches.sort());
        Ok(self.expansions)
    }

    /// Appends literal components up to the next one that has to be listed, or to the end.
    fn advance(&mut self, mut candidate: Candidate) -> Result<(), Error> {
        let pattern = &self.patterns[candidate.pattern];
        while let Some(component) = pattern.components().get(candidate.next) {
            let ComponentKind::Literal(name) = &component.kind else {
                self.hold(&candidate)?;
                self.survey.list(candidate.directory()?, Question::Names(candidate));
                return Ok(());
            };
            pattern.append(&mut candidate.path, component, name);
            candidate.next += 1;
            candidate.known = None;
        }
        let slashes = pattern.trailing_slashes();
        candidate.path.extend(std::iter::repeat_n(b'/', slashes));
        match candidate.known {
            Some(attributes) if slashes == 0 || attributes.is_dir() => self.found(candidate, attributes),
            _ => {
                self.hold(&candidate)?;
                self.survey.lstat(RemotePath::from_server(candidate.path.clone())?, Question::Existence(candidate));
                Ok(())
            }
        }
    }

    /// Counts a candidate in the budget, where it stays until the end, because most candidates match.
    fn hold(&self, candidate: &Candidate) -> Result<(), Error> {
        self.take(size_of::<Candidate>() + candidate.path.len())
    }

    fn take(&self, bytes: usize) -> Result<(), Error> {
        self.budget.take(bytes as u64).map_err(|_| Error::TooManyMatches)
    }

    fn descend_or_match(&mut self, candidate: &Candidate, listing: &Listing) -> Result<(), Error> {
        let pattern = &self.patterns[candidate.pattern];
        let components = pattern.components();
        let at = candidate.next;
        let Some(component) = components.get(at) else { return Ok(()) };
        if !matches!(component.kind, ComponentKind::Descend) {
            return self.matching(candidate, listing, at);
        }
        match components.get(at + 1) {
            // `**` at the end matches everything below.
            None => self.matching(candidate, listing, at)?,
            // This listing also serves the component after `**`.
            Some(Component { kind: ComponentKind::Names(_), .. }) => self.matching(candidate, listing, at + 1)?,
            Some(_) => self.advance(Candidate { path: candidate.path.clone(), next: at + 1, ..*candidate })?,
        }
        for entry in listing
            .entries
            .iter()
            .filter(|entry| entry.attributes.is_dir() && component.kind.matches(entry.name.as_bytes()))
        {
            let mut child = candidate.child(pattern, component, entry, at);
            child.levels += 1;
            let path = child.directory()?;
            if child.levels > MAX_DEPTH {
                let error = Error::TooDeep { path, levels: MAX_DEPTH };
                self.expansions[candidate.pattern].failures.push(error);
            } else {
                self.hold(&child)?;
                self.survey.list(path, Question::Names(child));
            }
        }
        Ok(())
    }

    /// Continues with the entries that match the component at `at`.
    fn matching(&mut self, candidate: &Candidate, listing: &Listing, at: usize) -> Result<(), Error> {
        let pattern = &self.patterns[candidate.pattern];
        let Some(component) = pattern.components().get(at) else { return Ok(()) };
        let needs_directory = at + 1 < pattern.components().len() || pattern.trailing_slashes() > 0;
        for entry in listing.entries.iter() {
            if component.kind.matches(entry.name.as_bytes())
                && (!needs_directory || may_be_directory(&entry.attributes))
            {
                self.advance(candidate.child(pattern, component, entry, at + 1))?;
            }
        }
        Ok(())
    }

    fn found(&mut self, candidate: Candidate, attributes: Attributes) -> Result<(), Error> {
        if attributes.file_type() == Some(FileType::Symlink) {
            self.hold(&candidate)?;
            let path = RemotePath::from_server(candidate.path.clone())?;
            self.survey.stat(path, Question::Target(candidate, attributes));
            return Ok(());
        }
        let path = RemotePath::from_server(candidate.path)?;
        self.matched(candidate.pattern, &path, MatchAttributes { itself: attributes, target: None })
    }

    fn matched(&mut self, pattern: usize, path: &RemotePath, attributes: MatchAttributes) -> Result<(), Error> {
        self.take(Matches::BYTES_EACH + path.as_bytes().len())?;
        self.expansions[pattern].matches.push(path, attributes);
        Ok(())
    }

    fn unsearched(&mut self, candidate: &Candidate, error: Error) {
        let is_denied = error.status_code() == Some(StatusCode::PERMISSION_DENIED);
        if is_denied || candidate.should_be_a_directory() && !error.is_no_such_file() {
            self.expansions[candidate.pattern].failures.push(error);
        }
    }
}

/// Returns whether an entry may have entries below it: a directory, a link, or a file of unknown type.
fn may_be_directory(attributes: &Attributes) -> bool {
    matches!(attributes.file_type(), None | Some(FileType::Directory | FileType::Symlink))
}
