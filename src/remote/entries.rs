//! Many entries in little memory: a directory may hold millions.

use crate::name::{ByteStrings, EntryName, EntryNameRef, EntryNames};
use crate::sftp::{Attributes, PackedAttributes};

/// The entries of a directory, in the order in which they were added. An entry takes about 50 bytes and its name.
///
/// An entry is known by its index, and an order is a list of indices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    names: EntryNames,
    /// The columns of the long names; `None` if they were dropped.
    longnames: Option<ByteStrings>,
    attributes: Vec<PackedAttributes>,
}

/// An entry of a directory, borrowed from [`Entries`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryRef<'a> {
    /// The vetted name.
    pub name: EntryNameRef<'a>,
    /// The columns of the server's own line about the entry, not made printable; see [`NameEntry`](crate::sftp::NameEntry).
    /// `None` if the listing drops these lines.
    pub longname: Option<&'a [u8]>,
    /// The attributes, without following a link.
    pub attributes: Attributes,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The vetted name.
    pub name: EntryName,
    /// The attributes, without following a link.
    pub attributes: Attributes,
}

impl From<EntryRef<'_>> for Entry {
    fn from(entry: EntryRef<'_>) -> Entry {
        Entry { name: entry.name.into(), attributes: entry.attributes }
    }
}

impl Entries {
    /// Adds an entry. Either all entries have a long name or none has.
    pub(super) fn push(&mut self, entry: EntryRef<'_>) {
        self.names.push(entry.name);
        self.attributes.push(entry.attributes.into());
        if let Some(longname) = entry.longname {
            self.longnames.get_or_insert_default().push(longname);
        }
    }

    /// Adds all entries of `later`.
    pub(super) fn append(&mut self, later: &Entries) {
        self.names.append(&later.names);
        self.attributes.extend_from_slice(&later.attributes);
        if let Some(longnames) = &later.longnames {
            self.longnames.get_or_insert_default().append(longnames);
        }
    }

    /// Returns the number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.attributes.len()
    }

    /// Returns whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// Returns the entry at `index`, which must be less than the number of entries.
    #[must_use]
    pub fn get(&self, index: usize) -> EntryRef<'_> {
        EntryRef { name: self.name(index), longname: self.longname(index), attributes: self.attributes(index) }
    }

    /// Returns the name of the entry at `index`.
    #[must_use]
    pub fn name(&self, index: usize) -> EntryNameRef<'_> {
        self.names.get(index)
    }

    /// Returns the columns of the long name of the entry at `index`; `None` if the listing drops them.
    #[must_use]
    pub fn longname(&self, index: usize) -> Option<&[u8]> {
        self.longnames.as_ref().map(|longnames| longnames.get(index))
    }

    /// Returns the attributes of the entry at `index`.
    #[must_use]
    pub fn attributes(&self, index: usize) -> Attributes {
        self.attributes[index].unpack()
    }

    /// Replaces the attributes of the entry at `index`.
    pub(super) fn set_attributes(&mut self, index: usize, attributes: Attributes) {
        self.attributes[index] = attributes.into();
    }

    /// Returns the entries in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = EntryRef<'_>> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Returns the entries' indices, sorted bytewise by name. Of several entries with one name it has only the first.
    pub(super) fn sorted(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_unstable_by(|&one, &other| self.name(one).cmp(&self.name(other)).then(one.cmp(&other)));
        order.dedup_by(|one, other| self.name(*one) == self.name(*other));
        order
    }

    /// Returns the bytes that the entries take, without memory that is reserved for more.
    pub(super) fn bytes(&self) -> u64 {
        let longnames = self.longnames.as_ref().map_or(0, ByteStrings::bytes);
        (self.names.bytes() + longnames + size_of_val(&self.attributes[..])) as u64
    }

    /// Gives back the memory that is reserved for more entries.
    pub(super) fn shrink_to_fit(&mut self) {
        self.names.shrink_to_fit();
        self.attributes.shrink_to_fit();
        self.longnames.iter_mut().for_each(ByteStrings::shrink_to_fit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    type Fields = (String, Option<u64>);

    fn entry<'a>((name, size): &'a Fields, has_longname: bool) -> EntryRef<'a> {
        EntryRef {
            name: EntryNameRef::vet(name.as_bytes()).unwrap(),
            longname: has_longname.then(|| &name.as_bytes()[1..]),
            attributes: Attributes { size: *size, ..Attributes::default() },
        }
    }

    fn entries<'a>(all: impl IntoIterator<Item = EntryRef<'a>>) -> Entries {
        let mut entries = Entries::default();
        all.into_iter().for_each(|entry| entries.push(entry));
        entries
    }

    fn fields() -> impl Strategy<Value = Vec<Fields>> {
        vec(("[ab]{1,3}", any::<Option<u64>>()), 0..20)
    }

    proptest! {
        #[test]
        fn entries_come_back_as_they_went(first in fields(), later in fields(), has_longnames: bool) {
            let [first, later] = [&first, &later].map(|all| all.iter().map(|fields| entry(fields, has_longnames)));
            let mut joined = entries(first.clone());
            joined.append(&entries(later.clone()));
            joined.shrink_to_fit();
            let all: Vec<EntryRef<'_>> = first.chain(later).collect();
            prop_assert_eq!(&joined, &entries(all.iter().copied()));
            prop_assert_eq!(joined.iter().collect::<Vec<_>>(), all.clone());
            prop_assert_eq!((joined.len(), joined.is_empty()), (all.len(), all.is_empty()));
        }

        #[test]
        fn an_order_has_each_name_once_with_its_first_entry(all in fields()) {
            let entries = entries(all.iter().map(|fields| entry(fields, false)));
            let mut expected: Vec<_> = all.clone();
            expected.sort_by(|one, other| one.0.cmp(&other.0));
            expected.dedup_by(|one, other| one.0 == other.0);
            let sorted = entries.sorted().into_iter().map(|index| entries.get(index));
            prop_assert_eq!(sorted.collect::<Vec<_>>(), expected.iter().map(|fields| entry(fields, false)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn attributes_are_replaced_at_their_entry_only() {
        let all = ["a", "b", "c"].map(|name| (name.to_owned(), Some(1)));
        let mut entries = entries(all.iter().map(|fields| entry(fields, false)));
        entries.set_attributes(1, Attributes::default());
        assert_eq!(entries.iter().map(|entry| entry.attributes.size).collect::<Vec<_>>(), [Some(1), None, Some(1)]);
    }

    #[test]
    fn an_entry_takes_48_bytes_and_its_strings() {
        let all: Vec<Fields> = (0..100_000).map(|number| (format!("name-{number:06}"), Some(number))).collect();
        for (has_longnames, bytes) in [(false, 32 + 8 + 11), (true, 32 + 8 + 11 + 8 + 10)] {
            let mut entries = entries(all.iter().map(|fields| entry(fields, has_longnames)));
            entries.shrink_to_fit();
            assert_eq!(entries.bytes(), 100_000 * bytes);
        }
    }
}
