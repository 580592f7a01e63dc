//! From words in glob syntax to what they match on the server.
#![forbid(unsafe_code)]

use super::{Context, Failure, RemotePattern, Word};
use crate::name::RemotePath;
use crate::remote::glob::expand_braces;
use crate::remote::{self, Match, Pattern};

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
}

impl Matched {
    /// What the pattern says, seen from the working directory: how messages name what was not found.
    pub(super) fn path(&self, cx: &Context) -> Result<RemotePath, Failure> {
        let path = RemotePath::new(self.pattern.text()).map_err(|error| Failure::new(error.to_string()))?;
        Ok(cx.remote.resolve(&path))
    }

    /// The failure that nothing was found, with what stood in the way of the search.
    pub(super) fn not_found(&self, line: String) -> Failure {
        let failure = Failure::new(line).with_hint("ls lists what is there");
        self.failures.iter().fold(failure, |failure, error| failure.with_line(error.to_string()))
    }

    /// Says what was left out, though something was found.
    pub(super) fn complain(&self, cx: &Context) {
        self.failures.iter().for_each(|error| cx.output.warning(error));
    }
}

/// The patterns that a word stands for: several where it holds braces.
pub(super) fn patterns(word: &Word) -> Result<Vec<Pattern>, Failure> {
    let globs = expand_braces(word.glob_with_braces()).map_err(|error| Failure::new(error.to_string()))?;
    Ok(globs.iter().map(|glob| Pattern::parse(glob)).collect())
}

/// What words match, pattern by pattern in the order of writing. All are sought at once.
pub(super) fn expand<'a>(cx: &Context, words: impl IntoIterator<Item = &'a Word>) -> Result<Vec<Matched>, Failure> {
    let mut all = Vec::new();
    for word in words {
        all.append(&mut patterns(word)?);
    }
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
    for matched in expand(cx, words.iter().map(RemotePattern::word))? {
        matched.complain(cx);
        // An empty word (a script's variable that was never set) must not mean all that is in the working directory.
        if matched.matches.is_empty() || matched.pattern.text().is_empty() {
            targets.push(Target { path: matched.path(cx)?, found: None });
            continue;
        }
        let found = matched.matches.into_iter();
        targets.extend(found.map(|found| Target { path: found.path.clone(), found: Some(found) }));
    }
    Ok(targets)
}
