//! Many vetted names in one buffer.

use crate::name::{ByteStrings, EntryNameRef};

/// A list of vetted names without an allocation for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryNames(ByteStrings);

impl EntryNames {
    /// Appends a name.
    pub fn push(&mut self, name: EntryNameRef<'_>) {
        self.0.push(name.as_bytes());
    }

    /// Appends all names of another list.
    pub fn append(&mut self, later: &EntryNames) {
        self.0.append(&later.0);
    }

    /// Returns the name at `index`, which must be less than the number of names.
    #[must_use]
    pub fn get(&self, index: usize) -> EntryNameRef<'_> {
        EntryNameRef(self.0.get(index))
    }

    /// Returns the number of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no names.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the bytes of the names and of their places, without memory that is reserved for more.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }

    /// Gives back the memory that is reserved for more names.
    pub fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }
}
