//! The rows of `ls`: their order, and their long form for `-l`.

use std::borrow::Cow;
use std::cmp::Ordering;

use unicode_width::UnicodeWidthStr;

use crate::commands::long_name::{LongName, is_name};
use crate::mode;
use crate::remote::OwnerNames;
use crate::sftp::Attributes;
use crate::terminal::time::{self, Clock};
use crate::terminal::{Painted, Printable, size};

/// Rows of a listing, each known by its index. A row is made when it is printed, because all of them at once would take
/// more memory than the entries.
pub(super) trait Rows {
    /// Returns the name as shown, including its path; not yet made printable.
    fn name(&self, index: usize) -> Cow<'_, [u8]>;

    /// Returns the absolute path.
    fn path(&self, index: usize) -> Cow<'_, [u8]>;

    /// Returns the attributes as shown.
    fn attributes(&self, index: usize) -> Attributes;

    /// Returns the columns of the server's own line; empty if there is none or none is wanted.
    fn longname(&self, index: usize) -> &[u8];

    /// Compares two names as shown.
    fn compare_names(&self, one: usize, other: usize) -> Ordering;
}

/// The sort order of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Order {
    /// By the bytes of the name.
    Name,
    /// Largest first.
    Size,
    /// Newest first.
    Time,
    /// By the part of the name after its last dot, then by the name.
    #[value(name = "ext")]
    Extension,
    /// In the server's order.
    #[value(name = "none")]
    Unsorted,
}

/// The layout of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Names in columns.
    Columns,
    /// One name per line.
    OnePerLine,
    /// One long line per entry.
    Long,
    /// Exact names, each followed by a NUL byte.
    Null,
    /// One JSON object per line.
    Json,
}

/// Sorts the indices of rows as sftp(1) does: equal rows stay in the server's order even if reversed, and `Unsorted`
/// ignores `reverse`.
pub(super) fn sort(indices: &mut [usize], rows: &impl Rows, order: Order, reverse: bool) {
    let modified = |index| rows.attributes(index).times.map_or(0, |times| times.modified);
    let size = |index| rows.attributes(index).size.unwrap_or(0);
    let compare = |one, other| match order {
        Order::Unsorted => Ordering::Equal,
        Order::Name => rows.compare_names(one, other),
        Order::Time => modified(other).cmp(&modified(one)),
        Order::Size => size(other).cmp(&size(one)),
        Order::Extension => {
            extension(&rows.name(one)).cmp(extension(&rows.name(other))).then_with(|| rows.compare_names(one, other))
        }
    };
    indices.sort_by(|&one, &other| if reverse { compare(other, one) } else { compare(one, other) });
}

/// Returns the part of a name after its last dot. A dot at the beginning only hides the file.
fn extension(name: &[u8]) -> &[u8] {
    let base = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    match base.iter().rposition(|&byte| byte == b'.') {
        None | Some(0) => b"",
        Some(dot) => &base[dot + 1..],
    }
}

/// The columns of a line of `ls -l`, except the name. Fields that the protocol lacks, above all the number of links,
/// come from the server's own line if it may be used; mode, size and time never do.
pub(super) struct LongRow {
    mode: String,
    links: String,
    user: String,
    group: String,
    size: String,
    modified: String,
}

/// The widths of the columns of `ls -l`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Widths {
    links: usize,
    user: usize,
    group: usize,
    size: usize,
}

/// The widths of sftp(1), for rows that must not depend on each other.
impl Default for Widths {
    fn default() -> Widths {
        Widths { links: 3, user: 8, group: 8, size: 8 }
    }
}

impl Widths {
    /// Returns widths at which the columns of `row` fit too.
    pub(super) fn with(self, row: &LongRow) -> Widths {
        Widths {
            links: self.links.max(row.links.width()),
            user: self.user.max(row.user.width()),
            group: self.group.max(row.group.width()),
            size: self.size.max(row.size.width()),
        }
    }
}

impl LongRow {
    pub(super) fn new(
        attributes: Attributes,
        owners: &OwnerNames,
        told: &LongName,
        human_readable: bool,
        clock: &Clock,
    ) -> LongRow {
        let Attributes { size, owner, permissions, times } = attributes;
        let size = size.unwrap_or(0);
        LongRow {
            mode: mode::letters(permissions.unwrap_or(0)),
            links: told.links.unwrap_or("?").to_owned(),
            user: column(owner.map(|owner| owner.uid), |uid| owners.user(uid), told.owner),
            group: column(owner.map(|owner| owner.gid), |gid| owners.group(gid), told.group),
            size: if human_readable { size::scaled(size) } else { size.to_string() },
            modified: times.map_or_else(String::new, |times| time::listing(times.modified, clock)),
        }
    }

    /// Returns the line of the file with this name.
    pub(super) fn line(&self, name: &Painted, widths: Widths) -> String {
        let LongRow { mode, links, user, group, size, modified } = self;
        let blanks = |text: &str, width: usize| " ".repeat(width.saturating_sub(text.width()));
        let (before_links, before_size) = (blanks(links, widths.links), blanks(size, widths.size));
        let (after_user, after_group) = (blanks(user, widths.user), blanks(group, widths.group));
        format!(
            "{mode}  {before_links}{links} {user}{after_user} {group}{after_group} {before_size}{size} {modified:>12} {name}"
        )
    }
}

/// Returns an owner or a group: its name if the server has one that is safe to show, otherwise its number.
///
/// It must be a single column. A blank in a name (`domain users`) would make two, so that scripts that count columns
/// would read the wrong ones as size and name.
fn column<'a>(number: Option<u32>, name: impl Fn(u32) -> Option<&'a [u8]>, told: Option<&'a [u8]>) -> String {
    let Some(name) = number.and_then(name).filter(|name| is_name(name)).or(told) else {
        return number.map(|number| number.to_string()).unwrap_or_default();
    };
    let mut column = String::new();
    for letter in Printable(name).to_string().chars() {
        if letter.is_whitespace() {
            letter.to_string().bytes().for_each(|byte| column.push_str(&format!("\\{byte:03o}")));
        } else {
            column.push(letter);
        }
    }
    column
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sftp::{Owner, Times};
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    fn attributes(size: u64, modified: u32) -> Attributes {
        Attributes {
            size: Some(size),
            owner: Some(Owner { uid: 1000, gid: 4_294_967_295 }),
            permissions: Some(0o100_644),
            times: Some(Times { accessed: 0, modified }),
        }
    }

    struct Three;

    impl Three {
        const NAMES: [&'static str; 3] = ["b", "a", "C"];
    }

    impl Rows for Three {
        fn name(&self, index: usize) -> Cow<'_, [u8]> {
            Three::NAMES[index].as_bytes().into()
        }

        fn path(&self, index: usize) -> Cow<'_, [u8]> {
            self.name(index)
        }

        fn attributes(&self, index: usize) -> Attributes {
            [attributes(5, 30), attributes(5, 10), attributes(7, 20)][index]
        }

        fn longname(&self, _: usize) -> &[u8] {
            b""
        }

        fn compare_names(&self, one: usize, other: usize) -> Ordering {
            self.name(one).cmp(&self.name(other))
        }
    }

    #[test]
    fn listings_are_sorted_as_sftp_sorts_them() {
        for (order, reverse, names) in [
            (Order::Name, false, "Cab"),
            (Order::Name, true, "baC"),
            (Order::Time, false, "bCa"),
            (Order::Time, true, "aCb"),
            (Order::Size, false, "Cba"),
            (Order::Size, true, "baC"),
            (Order::Extension, false, "Cab"),
            (Order::Unsorted, false, "baC"),
            (Order::Unsorted, true, "baC"),
        ] {
            let mut indices = [0, 1, 2];
            sort(&mut indices, &Three, order, reverse);
            let sorted: String = indices.into_iter().map(|index| Three::NAMES[index]).collect();
            assert_eq!(sorted, names, "{order:?} {reverse}");
        }
    }

    #[test]
    fn extensions_begin_at_the_last_dot() {
        for (name, shown) in
            [("a.tar.gz", "gz"), ("dir.d/a", ""), (".profile", ""), ("a.", ""), ("x/.b.c", "c"), ("Makefile", "")]
        {
            assert_eq!(extension(name.as_bytes()), shown.as_bytes(), "{name}");
        }
    }

    #[test]
    fn columns_widen_until_all_rows_fit() {
        let (owners, clock) = (OwnerNames::default(), Clock::new(Timestamp::UNIX_EPOCH, TimeZone::UTC));
        let told = LongName { links: None, owner: Some("日本語の名前".as_bytes()), group: None };
        let rows = [(1, LongName::default()), (12_345_678_901, told)]
            .map(|(size, told)| LongRow::new(attributes(size, 0), &owners, &told, false, &clock));
        let widths = rows.iter().fold(Widths::default(), Widths::with);
        assert_eq!(widths, Widths { links: 3, user: 12, group: 10, size: 11 });
        let lines = rows.map(|row| row.line(&Painted::plain("f"), widths));
        assert_eq!(
            lines,
            [
                "-rw-r--r--    ? 1000         4294967295           1 Jan  1 00:00 f",
                "-rw-r--r--    ? 日本語の名前 4294967295 12345678901 Jan  1 00:00 f",
            ]
        );
    }

    #[test]
    fn long_lines_have_nine_columns() {
        let now: Timestamp = "2026-11-24T06:00:00Z".parse().unwrap();
        let clock = Clock::new(now, TimeZone::UTC);
        let modified = u32::try_from(now.as_second() - 60).unwrap();
        for (name, attributes, human_readable, expected) in [
            ("f1", attributes(3, modified), false, "-rw-r--r--    ? 1000     4294967295        3 Nov 24 05:59 f1"),
            ("f1", attributes(3000, 0), true, "-rw-r--r--    ? 1000     4294967295     2.9K Jan  1  1970 f1"),
            ("a\nb", attributes(1, 0), false, "-rw-r--r--    ? 1000     4294967295        1 Jan  1  1970 a\\012b"),
            ("bare", Attributes::default(), false, "?---------    ?                          0              bare"),
        ] {
            let (owners, told) = (OwnerNames::default(), LongName::default());
            let name = Painted::plain(Printable(name.as_bytes()).to_string());
            let row = LongRow::new(attributes, &owners, &told, human_readable, &clock);
            assert_eq!(row.line(&name, Widths::default()), expected);
        }
    }
}
