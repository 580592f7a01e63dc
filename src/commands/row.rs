//! The rows of `ls`: their order, and their long form for `-l`.

use std::cmp::Ordering;

use bytes::Bytes;

use super::long_name::{LongName, is_name};
use crate::mode;
use crate::remote::OwnerNames;
use crate::sftp::Attributes;
use crate::terminal::time::{self, Clock};
use crate::terminal::{Printable, size};

/// A row of a listing: an entry as `ls` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// The name as shown, including its path; not yet made printable.
    pub(super) name: Vec<u8>,
    /// The absolute path.
    pub(super) path: Vec<u8>,
    pub(super) attributes: Attributes,
    /// The server's own line; empty if there is none or none is wanted.
    pub(super) longname: Bytes,
}

/// The sort order of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// By the bytes of the name.
    Name,
    /// Newest first.
    Time,
    /// Largest first.
    Size,
    /// In the server's order.
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

/// Sorts a listing as sftp(1) does: equal entries stay in the server's order even if reversed, and `Unsorted` ignores
/// `reverse`.
pub(super) fn sort(rows: &mut [Row], order: Order, reverse: bool) {
    let modified = |row: &Row| row.attributes.times.map_or(0, |times| times.modified);
    let size = |row: &Row| row.attributes.size.unwrap_or(0);
    rows.sort_by(|one, other| {
        let order = match order {
            Order::Unsorted => Ordering::Equal,
            Order::Name => one.name.cmp(&other.name),
            Order::Time => modified(other).cmp(&modified(one)),
            Order::Size => size(other).cmp(&size(one)),
        };
        if reverse { order.reverse() } else { order }
    });
}

/// Returns a line of `ls -l`. Fields that the protocol lacks, above all the number of links, come from the server's
/// own line if it may be used; mode, size, time and name never do.
pub(super) fn long_line(
    row: &Row,
    owners: &OwnerNames,
    told: &LongName,
    human_readable: bool,
    clock: &Clock,
) -> String {
    let Attributes { size, owner, permissions, times } = row.attributes;
    let mode = mode::letters(permissions.unwrap_or(0));
    let user = column(owner.map(|owner| owner.uid), |uid| owners.user(uid), told.owner);
    let group = column(owner.map(|owner| owner.gid), |gid| owners.group(gid), told.group);
    let links = told.links.unwrap_or("?");
    let size = size.unwrap_or(0);
    let size = if human_readable { size::scaled(size) } else { size.to_string() };
    let modified = times.map_or_else(String::new, |times| time::listing(times.modified, clock));
    format!("{mode}  {links:>3} {user:<8} {group:<8} {size:>8} {modified:>12} {}", Printable(&row.name))
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

    fn row(name: &str, size: u64, modified: u32) -> Row {
        let attributes = Attributes {
            size: Some(size),
            owner: Some(Owner { uid: 1000, gid: 4_294_967_295 }),
            permissions: Some(0o100_644),
            times: Some(Times { accessed: 0, modified }),
        };
        Row { name: name.into(), attributes, ..Row::default() }
    }

    #[test]
    fn listings_are_sorted_as_sftp_sorts_them() {
        let rows = || vec![row("b", 5, 30), row("a", 5, 10), row("C", 7, 20)];
        for (order, reverse, names) in [
            (Order::Name, false, "Cab"),
            (Order::Name, true, "baC"),
            (Order::Time, false, "bCa"),
            (Order::Time, true, "aCb"),
            (Order::Size, false, "Cba"),
            (Order::Size, true, "baC"),
            (Order::Unsorted, false, "baC"),
            (Order::Unsorted, true, "baC"),
        ] {
            let mut rows = rows();
            sort(&mut rows, order, reverse);
            let sorted: Vec<u8> = rows.into_iter().flat_map(|row| row.name).collect();
            assert_eq!(String::from_utf8_lossy(&sorted), names, "{order:?} {reverse}");
        }
    }

    #[test]
    fn long_lines_have_nine_columns() {
        let now: Timestamp = "2026-11-24T06:00:00Z".parse().unwrap();
        let clock = Clock::new(now, TimeZone::UTC);
        let modified = u32::try_from(now.as_second() - 60).unwrap();
        for (entry, human_readable, expected) in [
            (row("f1", 3, modified), false, "-rw-r--r--    ? 1000     4294967295        3 Nov 24 05:59 f1"),
            (row("f1", 3000, 0), true, "-rw-r--r--    ? 1000     4294967295     2.9K Jan  1  1970 f1"),
            (row("a\nb", 1, 0), false, "-rw-r--r--    ? 1000     4294967295        1 Jan  1  1970 a\\012b"),
            (
                Row { name: b"bare".to_vec(), ..Row::default() },
                false,
                "?---------    ?                          0              bare",
            ),
        ] {
            assert_eq!(
                long_line(&entry, &OwnerNames::default(), &LongName::default(), human_readable, &clock),
                expected
            );
        }
    }
}
