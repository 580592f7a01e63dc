//! Many byte strings in one buffer.

/// A list of byte strings without an allocation for each: one buffer holds them all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByteStrings {
    bytes: Vec<u8>,
    /// The end of each string in the buffer.
    ends: Vec<usize>,
}

impl ByteStrings {
    /// Creates an empty list with room for `count` strings.
    #[must_use]
    pub fn with_capacity(count: usize) -> ByteStrings {
        ByteStrings { bytes: Vec::new(), ends: Vec::with_capacity(count) }
    }

    /// Appends a string.
    pub fn push(&mut self, string: &[u8]) {
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len());
    }

    /// Appends all strings of another list.
    pub fn append(&mut self, later: &ByteStrings) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&later.bytes);
        self.ends.extend(later.ends.iter().map(|end| start + end));
    }

    /// Returns the strings at these indices, in this order.
    #[must_use]
    pub fn pick(&self, indices: &[usize]) -> ByteStrings {
        let bytes = indices.iter().map(|&index| self.get(index).len()).sum();
        let mut picked = ByteStrings { bytes: Vec::with_capacity(bytes), ends: Vec::with_capacity(indices.len()) };
        indices.iter().for_each(|&index| picked.push(self.get(index)));
        picked
    }

    /// Returns the string at `index`, which must be less than the number of strings.
    #[must_use]
    pub fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }

    /// Returns the strings in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Returns the number of strings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns whether there are no strings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the bytes of the strings and of their places, without memory that is reserved for more.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len() + size_of_val(&self.ends[..])
    }

    /// Gives back the memory that is reserved for more strings.
    pub fn shrink_to_fit(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn packed(strings: &[Vec<u8>]) -> ByteStrings {
        let mut packed = ByteStrings::default();
        strings.iter().for_each(|string| packed.push(string));
        packed
    }

    proptest! {
        #[test]
        fn strings_come_back_as_they_went(first in vec(vec(any::<u8>(), 0..9), 0..20), later in vec(vec(any::<u8>(), 0..9), 0..20)) {
            let mut strings = packed(&first);
            strings.append(&packed(&later));
            strings.shrink_to_fit();
            let all = [first, later].concat();
            prop_assert_eq!(&strings, &packed(&all));
            prop_assert_eq!(strings.iter().map(<[u8]>::to_vec).collect::<Vec<_>>(), all.clone());
            prop_assert_eq!((strings.len(), strings.is_empty()), (all.len(), all.is_empty()));
            let backwards: Vec<usize> = (0..all.len()).rev().collect();
            prop_assert_eq!(strings.pick(&backwards), packed(&all.into_iter().rev().collect::<Vec<_>>()));
        }
    }
}
