//! The rows of `ls`: the entries of one directory, or the matches of patterns.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::commands::Context;
use crate::commands::matches::Form;
use crate::commands::row::Rows;
use crate::name::RemotePath;
use crate::remote::{Listing, Match};
use crate::sftp::Attributes;

/// The entries of a directory: `.` and `..` first, then the others in the server's order.
pub(super) struct EntryRows<'a> {
    pub(super) listing: &'a Listing,
    pub(super) directory: &'a RemotePath,
    /// The directory as shown; empty for the working directory.
    pub(super) shown: &'a [u8],
}

impl EntryRows<'_> {
    /// Returns the indices of all rows, or of those whose names don't start with a dot.
    pub(super) fn indices(&self, with_hidden: bool) -> Vec<usize> {
        let count = self.listing.dots.len() + self.listing.entries.len();
        (0..count).filter(|&index| with_hidden || !self.entry_name(index).starts_with(b".")).collect()
    }

    /// Returns the index among the entries, or else among the dots.
    fn place(&self, index: usize) -> Result<usize, usize> {
        index.checked_sub(self.listing.dots.len()).ok_or(index)
    }

    fn entry_name(&self, index: usize) -> &[u8] {
        match self.place(index) {
            Ok(entry) => self.listing.entries.name(entry).as_bytes(),
            Err(dots) => self.listing.dots[dots].name,
        }
    }
}

impl Rows for EntryRows<'_> {
    fn name(&self, index: usize) -> Cow<'_, [u8]> {
        // The server's own lines contain no directory, and sftp(1) adds none.
        match self.longname(index) {
            b"" => joined(self.shown, self.entry_name(index)),
            _ => self.entry_name(index).into(),
        }
    }

    fn path(&self, index: usize) -> Cow<'_, [u8]> {
        joined(self.directory.as_bytes(), self.entry_name(index))
    }

    fn attributes(&self, index: usize) -> Attributes {
        match self.place(index) {
            Ok(entry) => self.listing.entries.attributes(entry),
            Err(dots) => self.listing.dots[dots].attributes,
        }
    }

    fn longname(&self, index: usize) -> &[u8] {
        let longname = match self.place(index) {
            Ok(entry) => self.listing.entries.longname(entry),
            Err(dots) => self.listing.dots[dots].longname.as_deref(),
        };
        longname.unwrap_or_default()
    }

    fn compare_names(&self, one: usize, other: usize) -> Ordering {
        self.entry_name(one).cmp(self.entry_name(other))
    }
}

/// The matches of patterns.
pub(super) struct MatchRows<'a> {
    pub(super) cx: &'a Context,
    pub(super) matches: &'a [Match],
    pub(super) form: Form,
    /// True if a program reads the rows. It needs the bare name, and the attributes of a link itself.
    pub(super) is_exact: bool,
}

impl MatchRows<'_> {
    /// Returns the name in two parts: the path, and the slash that marks a directory.
    fn parts(&self, index: usize) -> (&[u8], &[u8]) {
        let found = &self.matches[index];
        let name = self.form.show_listed(self.cx, &found.path);
        let is_marked = !self.is_exact && found.attributes.is_dir() && !name.ends_with(b"/");
        (name, if is_marked { b"/" } else { b"" })
    }
}

impl Rows for MatchRows<'_> {
    fn name(&self, index: usize) -> Cow<'_, [u8]> {
        match self.parts(index) {
            (name, b"") => name.into(),
            (name, slash) => [name, slash].concat().into(),
        }
    }

    fn path(&self, index: usize) -> Cow<'_, [u8]> {
        self.matches[index].path.as_bytes().into()
    }

    fn attributes(&self, index: usize) -> Attributes {
        let attributes = &self.matches[index].attributes;
        if self.is_exact { attributes.itself() } else { attributes.followed() }
    }

    fn longname(&self, _: usize) -> &[u8] {
        b""
    }

    fn compare_names(&self, one: usize, other: usize) -> Ordering {
        let ((one, one_slash), (other, other_slash)) = (self.parts(one), self.parts(other));
        let both = one.len().min(other.len());
        let rest = || one[both..].iter().chain(one_slash).cmp(other[both..].iter().chain(other_slash));
        one[..both].cmp(&other[..both]).then_with(rest)
    }
}

/// Joins a directory as shown and a name in it. An empty directory means the working directory.
pub(super) fn joined<'a>(directory: &[u8], name: &'a [u8]) -> Cow<'a, [u8]> {
    match directory {
        b"" => name.into(),
        _ if directory.ends_with(b"/") => [directory, name].concat().into(),
        _ => [directory, b"/", name].concat().into(),
    }
}
