//! From words in glob syntax to what they match on the server.

use super::{Context, Failure, RemotePattern, Word};
use crate::name::RemotePath;
use crate::remote::glob::expand_braces;
use crate::remote::{self, Match, Pattern};
use crate::terminal::quote;

/// One pattern and what it matches. A word with braces stands for several.
pub(super) struct Matched {
    pub(super) pattern: Pattern,
    pub(super) matches: Vec<Match>,
    /// Directories that could not be searched, and names that were left out.
    pub(super) failures: Vec<remote::Error>,
}

/// Something that a command is to act on.
pub(super) struct Target {
    /// Its path, absolute.
    pub(super) path: RemotePath,
    /// What is known of it; nothing where a pattern without a match stands for itself, so that the server may object.
    pub(super) found: Option<Match>,
    /// How it and what is below it are shown.
    pub(super) form: Form,
}

/// How the paths that an argument led to are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In full, as the argument was typed.
    Absolute,
    /// Relative to the working directory where they are below it.
    Relative,
}

impl Form {
    /// Returns the form for what a pattern matches, as sftp(1)'s `ls` decides it.
    pub(super) fn of(pattern: &Pattern) -> Form {
        if pattern.is_absolute() { Form::Absolute } else { Form::Relative }
    }

    /// Returns `path` in this form.
    pub(super) fn show<'a>(self, cx: &Context, path: &'a RemotePath) -> &'a [u8] {
        match self {
            Form::Absolute => path.as_bytes(),
            Form::Relative => cx.remote.relative(path),
        }
    }
}

impl Matched {
    /// What the pattern says, seen from the working directory: how messages name what was not found.
    pub(super) fn path(&self, cx: &Context) -> Result<RemotePath, Failure> {
        let path = RemotePath::new(self.pattern.text())?;
        Ok(cx.remote.resolve(&path))
    }

    /// The failure that nothing was found, with what stood in the way of the search: what sftp(1) says of it in front, and
    /// behind it what sftp(1) keeps to itself.
    pub(super) fn not_found(&self, line: String) -> Failure {
        let (more, said): (Vec<_>, Vec<_>) = self.failures.iter().partition(|error| error.is_about_attributes());
        let failure = Failure::new(line);
        let failure = failure.preceded_by(said.into_iter().map(ToString::to_string));
        more.into_iter().fold(failure, |failure, error| failure.with_line(error.to_string()))
    }

    /// How the name is typed that has wildcards in it and exists, though nothing matches it as a pattern.
    pub(super) fn quoted(&self, cx: &Context) -> Option<String> {
        let path = self.path(cx).ok().filter(|_| !self.pattern.is_literal())?;
        cx.session().lstat(&path).ok()?;
        let name = self.pattern.text();
        Some(format!("a name with wildcards in it is quoted: {}", quote::paste(&name)))
    }

    /// Says what was left out, though something was found.
    pub(super) fn complain(&self, cx: &Context) {
        self.failures.iter().for_each(|error| cx.output.warning(error));
    }
}

/// The patterns that a word stands for: several where it holds braces.
pub(super) fn patterns(word: &Word) -> Result<Vec<Pattern>, Failure> {
    let globs = expand_braces(word.glob_with_braces())?;
    Ok(globs.iter().map(|glob| Pattern::parse(glob)).collect())
}

/// The word as sftp(1) reads it outside `ls`, where it has no braces.
pub(super) fn without_braces(word: &Word) -> Pattern {
    Pattern::parse(word.glob())
}

/// What words match in a command where sftp(1) has no braces: a name with braces in it is found as it is, as before; only
/// where nothing has that name do the braces stand for several words.
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

/// What words match, word by word, in a command where sftp(1) has braces too. Of a word with braces only those patterns
/// remain that match something; where none does, the word itself. All are sought at once.
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
            there.push(Matched { pattern: without_braces(word), matches: Vec::new(), failures });
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

/// What a command shall act on, in order. As in sftp(1), a pattern without a match stands for itself.
pub(super) fn targets(cx: &Context, words: &[RemotePattern]) -> Result<Vec<Target>, Failure> {
    let mut targets = Vec::new();
    for matched in expand_names(cx, words.iter().map(RemotePattern::word))? {
        // Where a name itself could not be looked at the server will say so to what is asked of it.
        if !matched.matches.is_empty() || !matched.pattern.is_literal() {
            matched.complain(cx);
        }
        let form = Form::of(&matched.pattern);
        // An empty word (a script's variable that was never set) must not mean all that is in the working directory.
        if matched.matches.is_empty() || matched.pattern.text().is_empty() {
            targets.push(Target { path: matched.path(cx)?, found: None, form });
            continue;
        }
        let found = matched.matches.into_iter();
        targets.extend(found.map(|found| Target { path: found.path.clone(), found: Some(found), form }));
    }
    Ok(targets)
}
