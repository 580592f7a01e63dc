//! Many paths in little memory: those of one directory share its name.

use std::cmp::Ordering;

use crate::name::{ByteStrings, RemotePath};

/// A list of paths without an allocation for each. A path takes 16 bytes and its last component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// The directories, each with the slash at its end. A directory comes again if others were added in between.
    directories: ByteStrings,
    /// The index of each path's directory.
    places: Vec<usize>,
    /// The rest of each path.
    names: ByteStrings,
}

impl Paths {
    /// Appends a path.
    pub fn push(&mut self, path: &[u8]) {
        let before_last = &path[..path.len().saturating_sub(1)];
        let start = before_last.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let (directory, name) = path.split_at(start);
        self.push_parts(directory, name);
    }

    fn push_parts(&mut self, directory: &[u8], name: &[u8]) {
        let last = self.directories.len().checked_sub(1);
        let place = match last.filter(|&last| self.directories.get(last) == directory) {
            Some(last) => last,
            None => {
                self.directories.push(directory);
                self.directories.len() - 1
            }
        };
        self.places.push(place);
        self.names.push(name);
    }

    /// Appends all paths of another list.
    pub fn append(&mut self, later: &Paths) {
        let start = self.directories.len();
        self.directories.append(&later.directories);
        self.places.extend(later.places.iter().map(|place| start + place));
        self.names.append(&later.names);
    }

    /// Returns the path at `index`, which must be less than the number of paths, in two parts: its directory with the
    /// slash, and the rest.
    #[must_use]
    pub fn parts(&self, index: usize) -> (&[u8], &[u8]) {
        (self.directories.get(self.places[index]), self.names.get(index))
    }

    /// Returns the path at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Vec<u8> {
        let (directory, name) = self.parts(index);
        [directory, name].concat()
    }

    /// Returns the paths in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Vec<u8>> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Returns the number of paths.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns whether there are no paths.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Returns the indices of the paths, sorted bytewise by path. Of several equal paths it has only the first.
    #[must_use]
    pub fn sorted(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_unstable_by(|&one, &other| self.compare(one, other).then(one.cmp(&other)));
        order.dedup_by(|one, other| self.compare(*one, *other).is_eq());
        order
    }

    fn compare(&self, one: usize, other: usize) -> Ordering {
        let ((directory, name), (other_directory, other_name)) = (self.parts(one), self.parts(other));
        match directory == other_directory {
            true => name.cmp(other_name),
            false => directory.iter().chain(name).cmp(other_directory.iter().chain(other_name)),
        }
    }

    /// Returns the paths at these indices, in this order.
    #[must_use]
    pub fn pick(&self, indices: &[usize]) -> Paths {
        Paths {
            directories: self.directories.clone(),
            places: indices.iter().map(|&index| self.places[index]).collect(),
            names: self.names.pick(indices),
        }
    }

    /// Returns the bytes that the paths take, without memory that is reserved for more.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.directories.bytes() + size_of_val(&self.places[..]) + self.names.bytes()
    }
}

/// A list of paths from the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemotePaths(Paths);

impl RemotePaths {
    /// Appends a path.
    pub fn push(&mut self, path: &RemotePath) {
        self.0.push(path.as_bytes());
    }

    /// Appends all paths of another list.
    pub fn append(&mut self, later: &RemotePaths) {
        self.0.append(&later.0);
    }

    /// Returns the path at `index`, which must be less than the number of paths. It is complete without a working
    /// directory.
    #[must_use]
    pub fn get(&self, index: usize) -> RemotePath {
        RemotePath { bytes: self.0.get(index), is_whole: true }
    }

    /// As [`Paths::parts`].
    #[must_use]
    pub fn parts(&self, index: usize) -> (&[u8], &[u8]) {
        self.0.parts(index)
    }

    /// Returns the number of paths.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no paths.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As [`Paths::sorted`].
    #[must_use]
    pub fn sorted(&self) -> Vec<usize> {
        self.0.sorted()
    }

    /// Returns the paths at these indices, in this order.
    #[must_use]
    pub fn pick(&self, indices: &[usize]) -> RemotePaths {
        RemotePaths(self.0.pick(indices))
    }

    /// As [`Paths::bytes`].
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn packed<P: AsRef<[u8]>>(paths: &[P]) -> Paths {
        let mut packed = Paths::default();
        paths.iter().for_each(|path| packed.push(path.as_ref()));
        packed
    }

    proptest! {
        #[test]
        fn paths_come_back_as_they_went(first in vec("[ab/-]{0,5}", 0..20), later in vec("[ab/-]{0,5}", 0..20)) {
            let mut paths = packed(&first);
            paths.append(&packed(&later));
            let all: Vec<Vec<u8>> = first.into_iter().chain(later).map(String::into_bytes).collect();
            prop_assert_eq!(paths.iter().collect::<Vec<_>>(), all.clone());
            prop_assert_eq!((paths.len(), paths.is_empty()), (all.len(), all.is_empty()));
        }

        #[test]
        fn paths_are_sorted_as_whole_paths_are_and_each_comes_once(paths in vec("[ab/-]{0,5}", 0..20)) {
            let packed = packed(&paths);
            let order = packed.sorted();
            let firsts = order.iter().all(|&index| !paths[..index].contains(&paths[index]));
            prop_assert!(firsts);
            let mut expected: Vec<Vec<u8>> = paths.into_iter().map(String::into_bytes).collect();
            expected.sort();
            expected.dedup();
            prop_assert_eq!(packed.pick(&order).iter().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_path_takes_16_bytes_and_its_last_component() {
        let paths: Vec<String> = (0..100_000).map(|number| format!("/srv/a directory/name-{number:06}")).collect();
        assert_eq!(packed(&paths).bytes(), 100_000 * (16 + 11) + "/srv/a directory/".len() + 8);
    }
}
