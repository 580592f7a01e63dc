//! Expands words in glob syntax to what they match on the server.

use crate::commands::{Context, Failure, RemotePattern, Word};
use crate::name::RemotePath;
use crate::remote::glob::expand_braces;
use crate::remote::{self, Match, MatchAttributes, Matches, Pattern};
use crate::terminal::quote;

/// One pattern and its matches. A word with braces expands to several patterns.
pub(super) struct Matched {
    pub(super) pattern: Pattern,
    pub(super) matches: Matches,
    /// Directories that could not be searched, and names that were left out.
    pub(super) failures: Vec<remote::Error>,
}

/// One target of a command.
#[derive(Clone)]
pub(super) struct Target {
    /// The absolute path.
    pub(super) path: RemotePath,
    /// The match with its attributes; `None` for a pattern without a match, which is used literally so that the
    /// server reports the error.
    pub(super) found: Option<MatchAttributes>,
    /// The form in which the target and the entries below it are shown.
    pub(super) form: Form,
}

/// The form in which the paths of an argument are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Absolute, like the argument.
    Absolute,
    /// Relative to the working directory, for paths below it.
    Relative,
}

impl Form {
    /// Returns the form for the matches of a pattern, chosen as sftp(1)'s `ls` does.
    pub(super) fn of(pattern: &Pattern) -> Form {
        if pattern.is_absolute() { Form::Absolute } else { Form::Relative }
    }

    /// Returns `path` in this form.
    pub(super) fn show<'a>(self, cx: &Context, path: &'a RemotePath) -> &'a [u8] {
        self.show_bytes(cx, path.as_bytes())
    }

    /// Like [`Form::show`], for bytes that are a path, or the directory of one with its slash.
    pub(super) fn show_bytes<'a>(self, cx: &Context, path: &'a [u8]) -> &'a [u8] {
        match self {
            Form::Absolute => path,
            Form::Relative => cx.remote.relative(path),
        }
    }
}

impl Matched {
    /// Returns the pattern as a literal path in the working directory, for messages about a name that was not found.
    pub(super) fn path(&self, cx: &Context) -> Result<RemotePath, Failure> {
        let path = RemotePath::new(self.pattern.text())?;
        Ok(cx.remote.resolve(&path))
    }

    /// Returns the failure for a pattern without matches, including the errors of the search: first those that
    /// sftp(1) prints, then `line`, then those that sftp(1) does not print.
    pub(super) fn not_found(&self, line: String) -> Failure {
        let (more, said): (Vec<_>, Vec<_>) = self.failures.iter().partition(|error| error.is_about_attributes());
        let failure = Failure::new(line);
        let failure = failure.preceded_by(said.into_iter().map(ToString::to_string));
        more.into_iter().fold(failure, |failure, error| failure.with_line(error.to_string()))
    }

    /// Returns a hint on how to quote a name that contains wildcards and exists, but does not match itself as a
    /// pattern.
    pub(super) fn quoted(&self, cx: &Context) -> Option<String> {
        let path = self.path(cx).ok().filter(|_| !self.pattern.is_literal())?;
        cx.session().lstat(&path).ok()?;
        let name = self.pattern.text();
        Some(format!("quote a name that contains wildcards: {}", quote::paste(&name)))
    }

    /// Prints the errors of a search that found something nevertheless.
    pub(super) fn complain(&self, cx: &Context) {
        self.failures.iter().for_each(|error| cx.output.warning(error));
    }
}

/// Returns the patterns to which a word expands; several if it contains braces.
pub(super) fn patterns(word: &Word) -> Result<Vec<Pattern>, Failure> {
    let globs = expand_braces(word.glob_with_braces())?;
    Ok(globs.iter().map(|glob| Pattern::parse(glob)).collect())
}

/// Returns the word as sftp(1) reads it in all commands except `ls`: without expanding braces.
pub(super) fn without_braces(word: &Word) -> Pattern {
    Pattern::parse(word.glob())
}

/// Expands words in a command for which sftp(1) has no braces. As in sftp(1), a name with braces is first looked up
/// literally; braces are expanded only if there is no such name.
pub(super) fn expand_names<'a>(
    cx: &Context,
    words: impl IntoIterator<Item = &'a Word>,
) -> Result<Vec<Matched>, Failure> {
    let words: Vec<&Word> = words.into_iter().collect();
    let literally = expand_patterns(cx, words.iter().copied().map(without_braces).collect())?;
    let mut all = Vec::new();
    for (word, literally) in words.into_iter().zip(literally) {
        let alternatives = if literally.matches.is_empty() { patterns(word)? } else { Vec::new() };
        if alternatives.len() > 1 {
            let found = expand_patterns(cx, alternatives)?;
            if found.iter().any(|matched| !matched.matches.is_empty()) {
                all.extend(found);
                continue;
            }
        }
        all.push(literally);
    }
    Ok(all)
}

/// Expands words, in order, in a command for which sftp(1) expands braces too. Of a word with braces, only the
/// patterns that match something are returned; if none does, the word itself. All patterns are searched in parallel.
pub(super) fn expand<'a>(cx: &Context, words: impl IntoIterator<Item = &'a Word>) -> Result<Vec<Matched>, Failure> {
    let (mut all, mut counts) = (Vec::new(), Vec::new());
    for word in words {
        let mut patterns = patterns(word)?;
        counts.push((word, patterns.len()));
        all.append(&mut patterns);
    }
    let mut found = expand_patterns(cx, all)?.into_iter();
    let mut matched = Vec::new();
    for (word, count) in counts {
        let (mut there, mut missing): (Vec<_>, Vec<_>) =
            found.by_ref().take(count).partition(|each| !each.matches.is_empty());
        if there.is_empty() {
            let failures = missing.iter_mut().flat_map(|each| std::mem::take(&mut each.failures)).collect();
            there.push(Matched { pattern: without_braces(word), matches: Matches::default(), failures });
        }
        matched.append(&mut there);
    }
    Ok(matched)
}

fn expand_patterns(cx: &Context, all: Vec<Pattern>) -> Result<Vec<Matched>, Failure> {
    let expansions = cx.remote.expand_all(&all)?;
    let matched = |(pattern, expansion): (Pattern, remote::Expansion)| Matched {
        pattern,
        matches: expansion.matches,
        failures: expansion.failures,
    };
    Ok(all.into_iter().zip(expansions).map(matched).collect())
}

/// Returns a command's targets, in order. As in sftp(1), a pattern without a match is used literally.
pub(super) fn targets(cx: &Context, words: &[RemotePattern]) -> Result<Targets, Failure> {
    let mut targets = Vec::new();
    for matched in expand_names(cx, words.iter().map(RemotePattern::word))? {
        // If a literal name could not be queried, the server reports the error for the command's own request.
        if !matched.matches.is_empty() || !matched.pattern.is_literal() {
            matched.complain(cx);
        }
        let form = Form::of(&matched.pattern);
        // An empty word (such as an unset variable of a script) must not mean everything in the working directory.
        targets.push(match matched.matches.is_empty() || matched.pattern.text().is_empty() {
            true => OfPattern::One(Target { path: matched.path(cx)?, found: None, form }),
            false => OfPattern::Matches(matched.matches, form),
        });
    }
    Ok(Targets(targets))
}

/// The targets of a command, in little memory. Each becomes a value of its own in its turn.
pub(super) struct Targets(Vec<OfPattern>);

/// The targets of one pattern.
enum OfPattern {
    One(Target),
    Matches(Matches, Form),
}

impl Targets {
    /// Returns the working directory as the only target.
    pub(super) fn working_directory(cx: &Context) -> Targets {
        let path = cx.remote.working_directory().clone();
        Targets(vec![OfPattern::One(Target { path, found: None, form: Form::Relative })])
    }

    pub(super) fn len(&self) -> usize {
        let count = |of_pattern: &OfPattern| match of_pattern {
            OfPattern::One(_) => 1,
            OfPattern::Matches(matches, _) => matches.len(),
        };
        self.0.iter().map(count).sum()
    }

    /// Returns the targets in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Target> {
        self.0.iter().flat_map(OfPattern::iter)
    }

    /// Returns the path of the first target.
    pub(super) fn first_path(&self) -> Option<RemotePath> {
        Some(match self.0.first()? {
            OfPattern::One(target) => target.path.clone(),
            OfPattern::Matches(matches, _) => matches.path(0),
        })
    }
}

impl IntoIterator for Targets {
    type Item = Target;
    type IntoIter = Box<dyn Iterator<Item = Target>>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.0.into_iter().flat_map(OfPattern::into_targets))
    }
}

impl FromIterator<Target> for Targets {
    fn from_iter<I: IntoIterator<Item = Target>>(targets: I) -> Targets {
        Targets(targets.into_iter().map(OfPattern::One).collect())
    }
}

impl OfPattern {
    fn iter(&self) -> Box<dyn Iterator<Item = Target> + '_> {
        match self {
            OfPattern::One(target) => Box::new(std::iter::once(target.clone())),
            OfPattern::Matches(matches, form) => {
                let target = |Match { path, attributes }| Target { path, found: Some(attributes), form: *form };
                Box::new(matches.iter().map(target))
            }
        }
    }

    fn into_targets(self) -> Box<dyn Iterator<Item = Target>> {
        match self {
            OfPattern::One(target) => Box::new(std::iter::once(target)),
            OfPattern::Matches(matches, form) => {
                let target = move |Match { path, attributes }| Target { path, found: Some(attributes), form };
                Box::new(matches.into_iter().map(target))
            }
        }
    }
}
