//! The rows of `ls`: the entries of one directory, or the matches of patterns.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::commands::Context;
use crate::commands::matches::Form;
use crate::commands::row::Rows;
use crate::name::RemotePath;
use crate::remote::{Listing, Matches};
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
    pub(super) matches: &'a Matches,
    pub(super) form: Form,
    /// True if a program reads the rows. It needs the bare name, and the attributes of a link itself.
    pub(super) is_exact: bool,
}

impl MatchRows<'_> {
    /// Returns the path as shown, in two parts: its directory, and its last component. The working directory is empty.
    pub(super) fn shown(&self, index: usize) -> [&[u8]; 2] {
        let (directory, name) = self.matches.path_parts(index);
        match self.form {
            Form::Relative if is_joined(self.cx.remote.working_directory(), directory, name) => [b"", b""],
            form => [form.show_bytes(self.cx, directory), name],
        }
    }

    /// Returns the parts of the path as shown, and the slash that marks a directory.
    fn parts(&self, index: usize) -> [&[u8]; 3] {
        let [directory, name] = self.shown(index);
        let is_marked = !self.is_exact && !name.ends_with(b"/") && self.matches.attributes(index).is_dir();
        [directory, name, if is_marked { b"/" } else { b"" }]
    }
}

impl Rows for MatchRows<'_> {
    fn name(&self, index: usize) -> Cow<'_, [u8]> {
        self.parts(index).concat().into()
    }

    fn path(&self, index: usize) -> Cow<'_, [u8]> {
        let (directory, name) = self.matches.path_parts(index);
        [directory, name].concat().into()
    }

    fn attributes(&self, index: usize) -> Attributes {
        let attributes = self.matches.attributes(index);
        if self.is_exact { attributes.itself } else { attributes.followed() }
    }

    fn longname(&self, _: usize) -> &[u8] {
        b""
    }

    fn compare_names(&self, one: usize, other: usize) -> Ordering {
        let (one, other) = (self.parts(one), self.parts(other));
        match (one, other) {
            ([directory, name, b""], [other_directory, other_name, b""]) if directory == other_directory => {
                name.cmp(other_name)
            }
            _ => one.iter().copied().flatten().cmp(other.iter().copied().flatten()),
        }
    }
}

/// Returns whether a path in two parts is `path`, perhaps with a slash at its end.
fn is_joined(path: &RemotePath, directory: &[u8], name: &[u8]) -> bool {
    let rest = path.as_bytes().strip_prefix(directory);
    rest.is_some() && (rest == Some(name) || rest == name.strip_suffix(b"/"))
}

/// Joins a directory as shown and a name in it. An empty directory means the working directory.
pub(super) fn joined<'a>(directory: &[u8], name: &'a [u8]) -> Cow<'a, [u8]> {
    match directory {
        b"" => name.into(),
        _ if directory.ends_with(b"/") => [directory, name].concat().into(),
        _ => [directory, b"/", name].concat().into(),
    }
}
