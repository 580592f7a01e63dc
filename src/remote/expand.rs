//! Patterns to the paths that match them on the server.
//!
//! Only components with metacharacters are listed, and many directories at once; a literal end is checked with LSTAT, and
//! a link with STAT for what it leads to. Every name is matched on our side, whatever the server lists.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::error::Error;
use super::glob::{Component, ComponentKind, Pattern};
use super::interrupt::Interrupt;
use super::lifeline::Lifeline;
use super::listing::{Entry, Listing, Longnames};
use super::survey::{Answer, Survey};
use super::walk::MAX_DEPTH;
use crate::budget::{self, Budget};
use crate::name::RemotePath;
use crate::sftp::{Attributes, FileType, Session, StatusCode};

/// Bytes that a path that may match takes in memory beside its own, its share of the allocator's included.
const CANDIDATE_BYTES: usize = size_of::<Match>() + 16;

/// A path that matches a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The path, absolute, with the slashes that the pattern has.
    pub path: RemotePath,
    /// Its attributes, of the link itself where it is one.
    pub attributes: Attributes,
    /// Where it is a link, the attributes of what it leads to; none when that does not exist.
    pub target: Option<Attributes>,
}

impl Match {
    /// The attributes with links followed: of the target where there is one.
    #[must_use]
    pub fn followed(&self) -> &Attributes {
        self.target.as_ref().unwrap_or(&self.attributes)
    }

    /// Whether it is a directory, or a link to one.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.followed().is_dir()
    }
}

/// What matches a pattern.
#[derive(Clone, Debug, Default)]
pub struct Expansion {
    /// The matches, sorted bytewise; empty when nothing matches, and each command has its own words for that.
    pub matches: Vec<Match>,
    /// Directories that could not be searched and names that were left out. sftp(1) keeps quiet about the former; what
    /// is missing may stand there.
    pub failures: Vec<Error>,
}

/// Expands patterns, all of them at once.
///
/// Relative ones start at `base`. The expansions come in the order of the patterns.
///
/// # Errors
/// The end of the connection, Ctrl-C, and more matches than memory should hold. A refusal of the server is a failure
/// within the expansion.
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
    /// For the paths that match or may. What is listed has one of its own.
    budget: Budget,
}

/// A path on its way to be a match.
struct Candidate {
    pattern: usize,
    /// Empty for the root of an absolute pattern.
    path: Vec<u8>,
    /// The component that comes next.
    next: usize,
    /// How deep a `**` has descended.
    levels: usize,
    /// Attributes from the listing in which the path's last name stood.
    known: Option<Attributes>,
}

/// Why something was asked.
enum Question {
    /// For the entries that match the next component.
    Names(Candidate),
    /// Whether it exists.
    Existence(Candidate),
    /// For what a link leads to.
    Target(Candidate, Attributes),
}

impl Candidate {
    /// The directory that it names, with a slash behind it, as sftp(1) asks for what it searches.
    fn directory(&self) -> Result<RemotePath, Error> {
        let slash: &[u8] = if self.path.ends_with(b"/") { b"" } else { b"/" };
        Ok(RemotePath::from_server([self.path.as_slice(), slash].concat())?)
    }

    fn child(&self, pattern: &Pattern, component: &Component, entry: &Entry, next: usize) -> Candidate {
        let mut path = self.path.clone();
        pattern.append(&mut path, component, entry.name.as_bytes());
        Candidate { path, known: Some(entry.attributes), next, ..*self }
    }

    /// Whether a refusal to list it is worth a word: a link or a thing of unknown kind may well be no directory.
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
                    self.matched(candidate.pattern, Match { path, attributes, target: outcome.ok() });
                }
                // The survey answers each question in its own kind.
                Answer::Listing(..) | Answer::Attributes(..) => {}
            }
        }
        for expansion in &mut self.expansions {
            expansion.matches.sort_by(|one, other| one.path.cmp(&other.path));
            expansion.matches.dedup_by(|one, other| one.path == other.path);
        }
        Ok(self.expansions)
    }

    /// Goes over literal components to the next that has to be listed, or to the end.
    fn advance(&mut self, mut candidate: Candidate) -> Result<(), Error> {
        self.hold(&candidate)?;
        let pattern = &self.patterns[candidate.pattern];
        while let Some(component) = pattern.components().get(candidate.next) {
            let ComponentKind::Literal(name) = &component.kind else {
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
                self.survey.lstat(RemotePath::from_server(candidate.path.clone())?, Question::Existence(candidate));
                Ok(())
            }
        }
    }

    /// Counts a candidate as held. It is until the end, for most of them match.
    fn hold(&self, candidate: &Candidate) -> Result<(), Error> {
        let bytes = CANDIDATE_BYTES + candidate.path.len();
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
            // `**` at the end stands for everything below.
            None => self.matching(candidate, listing, at)?,
            // The same listing serves the component behind `**`.
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

    /// Goes on with the entries that match the component at `at`.
    fn matching(&mut self, candidate: &Candidate, listing: &Listing, at: usize) -> Result<(), Error> {
        let pattern = &self.patterns[candidate.pattern];
        let Some(component) = pattern.components().get(at) else { return Ok(()) };
        let needs_directory = at + 1 < pattern.components().len() || pattern.trailing_slashes() > 0;
        for entry in &listing.entries {
            if component.kind.matches(entry.name.as_bytes())
                && (!needs_directory || may_be_directory(&entry.attributes))
            {
                self.advance(candidate.child(pattern, component, entry, at + 1))?;
            }
        }
        Ok(())
    }

    fn found(&mut self, candidate: Candidate, attributes: Attributes) -> Result<(), Error> {
        let path = RemotePath::from_server(candidate.path.clone())?;
        if attributes.file_type() == Some(FileType::Symlink) {
            self.survey.stat(path, Question::Target(candidate, attributes));
        } else {
            self.matched(candidate.pattern, Match { path, attributes, target: None });
        }
        Ok(())
    }

    fn matched(&mut self, pattern: usize, found: Match) {
        self.expansions[pattern].matches.push(found);
    }

    fn unsearched(&mut self, candidate: &Candidate, error: Error) {
        let is_denied = error.status_code() == Some(StatusCode::PERMISSION_DENIED);
        if is_denied || candidate.should_be_a_directory() && !error.is_no_such_file() {
            self.expansions[candidate.pattern].failures.push(error);
        }
    }
}

/// Whether it may be worth a look behind this entry: directories, links, and what the server does not tell the kind of.
fn may_be_directory(attributes: &Attributes) -> bool {
    matches!(attributes.file_type(), None | Some(FileType::Directory | FileType::Symlink))
}
