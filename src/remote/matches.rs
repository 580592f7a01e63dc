//! The matches of patterns, in little memory: there may be millions.

use std::collections::HashMap;

use crate::name::{RemotePath, RemotePaths};
use crate::sftp::{Attributes, PackedAttributes};

/// Paths that match patterns. A match takes about 50 bytes and its last component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    paths: RemotePaths,
    attributes: Vec<PackedAttributes>,
    /// The attributes of links' targets, by the index of the link.
    targets: HashMap<usize, Attributes>,
}

/// A path that matches a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The absolute path, with the slashes of the pattern.
    pub path: RemotePath,
    /// The attributes of the path and, for a link, of its target.
    pub attributes: MatchAttributes,
}

/// The attributes of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchAttributes {
    /// The attributes without following a link.
    pub itself: Attributes,
    /// For a link, the attributes of its target; `None` if the target doesn't exist.
    pub target: Option<Attributes>,
}

impl MatchAttributes {
    /// Returns the attributes of the target, if there is one, or else of the path itself.
    #[must_use]
    pub fn followed(&self) -> Attributes {
        self.target.unwrap_or(self.itself)
    }

    /// Returns whether the path leads to a directory.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.followed().is_dir()
    }
}

impl Matches {
    /// Bytes that a match takes besides its path.
    pub(super) const BYTES_EACH: usize = size_of::<PackedAttributes>() + 2 * size_of::<usize>();

    /// Adds a match.
    pub(super) fn push(&mut self, path: &RemotePath, MatchAttributes { itself, target }: MatchAttributes) {
        self.targets.extend(target.map(|target| (self.len(), target)));
        self.paths.push(path);
        self.attributes.push(itself.into());
    }

    /// Adds all matches of `later`.
    pub fn append(&mut self, later: Matches) {
        // Adding to nothing would copy the matches, which may be millions.
        if self.is_empty() {
            *self = later;
            return;
        }
        let start = self.len();
        self.targets.extend(later.targets.into_iter().map(|(index, target)| (start + index, target)));
        self.paths.append(&later.paths);
        self.attributes.extend(later.attributes);
    }

    /// Sorts the matches bytewise by path, and keeps only the first of several with one path.
    pub(super) fn sort(&mut self) {
        let order = self.paths.sorted();
        self.paths = self.paths.pick(&order);
        self.attributes = order.iter().map(|&index| self.attributes[index]).collect();
        if !self.targets.is_empty() {
            let targets = order.iter().enumerate().filter_map(|(now, then)| Some((now, self.targets.remove(then)?)));
            self.targets = targets.collect();
        }
    }

    /// Returns the number of matches.
    #[must_use]
    pub fn len(&self) -> usize {
        self.attributes.len()
    }

    /// Returns whether there are no matches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// Returns the match at `index`, which must be less than the number of matches.
    #[must_use]
    pub fn get(&self, index: usize) -> Match {
        Match { path: self.path(index), attributes: self.attributes(index) }
    }

    /// Returns the path of the match at `index`.
    #[must_use]
    pub fn path(&self, index: usize) -> RemotePath {
        self.paths.get(index)
    }

    /// Returns the path of the match at `index` in two parts: its directory with the slash, and the rest.
    #[must_use]
    pub fn path_parts(&self, index: usize) -> (&[u8], &[u8]) {
        self.paths.parts(index)
    }

    /// Returns the attributes of the match at `index`.
    #[must_use]
    pub fn attributes(&self, index: usize) -> MatchAttributes {
        MatchAttributes { itself: self.attributes[index].unpack(), target: self.targets.get(&index).copied() }
    }

    /// Returns the matches in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Match> {
        (0..self.len()).map(|index| self.get(index))
    }
}

impl IntoIterator for Matches {
    type Item = Match;
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter { indices: 0..self.len(), matches: self }
    }
}

/// An iterator over [`Matches`].
#[derive(Debug)]
pub struct IntoIter {
    matches: Matches,
    indices: std::ops::Range<usize>,
}

impl Iterator for IntoIter {
    type Item = Match;

    fn next(&mut self) -> Option<Match> {
        self.indices.next().map(|index| self.matches.get(index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.indices.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    type Fields = (String, Option<u64>, Option<u64>);

    fn matched((path, size, target): &Fields) -> Match {
        let of = |size| Attributes { size, ..Attributes::default() };
        let attributes = MatchAttributes { itself: of(*size), target: target.map(|size| of(Some(size))) };
        Match { path: RemotePath::from_server(path.as_bytes()).unwrap(), attributes }
    }

    fn matches(all: &[Fields]) -> Matches {
        let mut matches = Matches::default();
        all.iter().map(matched).for_each(|Match { path, attributes }| matches.push(&path, attributes));
        matches
    }

    fn fields() -> impl Strategy<Value = Vec<Fields>> {
        vec(("[ab/]{1,3}", any::<Option<u64>>(), any::<Option<u64>>()), 0..20)
    }

    proptest! {
        #[test]
        fn matches_come_back_as_they_went(first in fields(), later in fields()) {
            let mut joined = matches(&first);
            joined.append(matches(&later));
            let all = [first, later].concat();
            prop_assert_eq!((joined.len(), joined.is_empty()), (all.len(), all.is_empty()));
            prop_assert_eq!(joined.iter().collect::<Vec<_>>(), all.iter().map(matched).collect::<Vec<_>>());
            prop_assert_eq!(joined.into_iter().collect::<Vec<_>>(), all.iter().map(matched).collect::<Vec<_>>());
        }

        #[test]
        fn sorted_matches_have_each_path_once_with_its_first_attributes(mut all in fields()) {
            let mut sorted = matches(&all);
            sorted.sort();
            all.sort_by(|one, other| one.0.cmp(&other.0));
            all.dedup_by(|one, other| one.0 == other.0);
            prop_assert_eq!(sorted.into_iter().collect::<Vec<_>>(), all.iter().map(matched).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_match_takes_48_bytes_and_its_name() {
        let all: Vec<Fields> =
            (0..100_000).map(|number| (format!("/d/name-{number:06}"), Some(number), None)).collect();
        let matches = matches(&all);
        let bytes = matches.paths.bytes() + size_of_val(&matches.attributes[..]);
        assert_eq!(bytes, 100_000 * (Matches::BYTES_EACH + 11) + "/d/".len() + 8);
    }
}
