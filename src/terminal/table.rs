//! Tables: `df` as sftp(1) prints it, without borders, and the list of commands, which may be decorated.
#![forbid(unsafe_code)]

use comfy_table::presets::{NOTHING, UTF8_FULL_CONDENSED};
use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, ContentLineStyle, Row, Table, TableStyle, Width,
};

use super::size::scaled;

/// What a server says of a file system, in the terms of `statvfs` (OpenSSH PROTOCOL, 4.4). Nothing in it is trusted.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSystem {
    /// Bytes of a block, `f_frsize`.
    pub block_bytes: u64,
    /// All blocks.
    pub blocks: u64,
    /// Blocks that are free for root.
    pub blocks_free: u64,
    /// Blocks that are free for everyone.
    pub blocks_available: u64,
    /// All inodes.
    pub inodes: u64,
    /// Inodes that are free for root.
    pub inodes_free: u64,
    /// Inodes that are free for everyone.
    pub inodes_available: u64,
}

/// What `df` counts in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DfUnit {
    /// Blocks of 1 KiB.
    #[default]
    Kib,
    /// Bytes, scaled.
    Scaled,
    /// Inodes.
    Inodes,
}

/// The two lines of `df`, byte for byte as sftp(1) prints them, without the last newline.
///
/// A number that is wider than its column widens the header with it, where sftp(1) lets them part.
#[must_use]
pub fn df(system: &FileSystem, unit: DfUnit) -> String {
    let FileSystem { blocks, blocks_free, blocks_available, inodes, inodes_free, inodes_available, .. } = *system;
    let (total, free, available) = match unit {
        DfUnit::Inodes => (inodes, inodes_free, inodes_available),
        DfUnit::Kib | DfUnit::Scaled => (blocks, blocks_free, blocks_available),
    };
    let used = total.saturating_sub(free);
    let amount = |count: u64| match unit {
        DfUnit::Kib => (u128::from(system.block_bytes) * u128::from(count) / 1024).to_string(),
        DfUnit::Scaled => with_unit(scaled(system.block_bytes.saturating_mul(count))),
        DfUnit::Inodes => count.to_string(),
    };
    let (first, width) = match unit {
        DfUnit::Kib => ("Size", 12),
        DfUnit::Scaled => ("Size", 8),
        DfUnit::Inodes => ("Inodes", 11),
    };
    let mut table = Table::new();
    table.load_style(ONE_BLANK_BETWEEN);
    table.set_header(vec![first, "Used", "Avail", "(root)", "%Capacity"]);
    table.add_row(vec![amount(total), amount(used), amount(available), amount(free), capacity(used, total)]);
    for (column, width) in table.column_iter_mut().zip([width, width, width, width, 12]) {
        column.set_padding((0, 0));
        column.set_cell_alignment(CellAlignment::Right);
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
    }
    table.trim_fmt()
}

/// A size with a `B`: `20.1GB`. One below 1,024 bytes ends in it already, to which sftp(1) adds another.
fn with_unit(size: String) -> String {
    if size.ends_with('B') { size } else { size + "B" }
}

const ONE_BLANK_BETWEEN: TableStyle =
    NOTHING.header_lines(ContentLineStyle::none().junction(' ')).content_lines(ContentLineStyle::none().junction(' '));

/// The share that is used. Without a total there is none, and sftp(1) puts the word one column further left.
fn capacity(used: u64, total: u64) -> String {
    match (u128::from(used) * 100).checked_div(u128::from(total)) {
        Some(percent) => format!("{percent}%"),
        None => "ERR ".to_owned(),
    }
}

/// How a table of ours looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// No lines, for files and pipes.
    Plain,
    /// Framed, for a terminal.
    Framed,
}

/// Rows of text in `width` columns of a terminal, without the last newline; longer texts in the last column are wrapped.
#[must_use]
pub fn rows<const N: usize>(rows: impl IntoIterator<Item = [String; N]>, look: Look, width: usize) -> String {
    let mut table = Table::new();
    match look {
        Look::Plain => table.load_style(ONE_BLANK_BETWEEN),
        Look::Framed => table.load_style(UTF8_FULL_CONDENSED.with_rounded_corners()),
    };
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.add_rows(rows.into_iter().map(Row::from));
    for (at, column) in table.column_iter_mut().enumerate() {
        if look == Look::Plain {
            column.set_padding((0, 1));
        }
        if at + 1 < N {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: FileSystem = FileSystem {
        block_bytes: 4096,
        blocks: 66_053_021,
        blocks_free: 60_787_089,
        blocks_available: 18_555_540,
        inodes: 16_777_216,
        inodes_free: 16_341_890,
        inodes_available: 16_341_890,
    };
    const PROC: FileSystem = FileSystem {
        block_bytes: 4096,
        blocks: 0,
        blocks_free: 0,
        blocks_available: 0,
        inodes: 0,
        inodes_free: 0,
        inodes_available: 0,
    };

    #[test]
    fn df_is_byte_equal_to_sftp() {
        for (system, unit, expected) in [
            (
                ROOT,
                DfUnit::Kib,
                "        Size         Used        Avail       (root)    %Capacity\n   \
                 264212084     21063728     74222160    243148356           7%",
            ),
            (
                ROOT,
                DfUnit::Scaled,
                "    Size     Used    Avail   (root)    %Capacity\n   252GB   20.1GB   70.8GB    232GB           7%",
            ),
            (
                ROOT,
                DfUnit::Inodes,
                "     Inodes        Used       Avail      (root)    %Capacity\n   \
                 16777216      435326    16341890    16341890           2%",
            ),
            (
                PROC,
                DfUnit::Kib,
                "        Size         Used        Avail       (root)    %Capacity\n           \
                 0            0            0            0         ERR",
            ),
            (
                PROC,
                DfUnit::Scaled,
                "    Size     Used    Avail   (root)    %Capacity\n      0B       0B       0B       0B         ERR",
            ),
            (
                PROC,
                DfUnit::Inodes,
                "     Inodes        Used       Avail      (root)    %Capacity\n          \
                 0           0           0           0         ERR",
            ),
        ] {
            assert_eq!(df(&system, unit), expected, "{unit:?}");
        }
    }

    #[test]
    fn df_survives_what_a_server_may_claim() {
        let huge = FileSystem {
            block_bytes: u64::MAX,
            blocks: u64::MAX,
            blocks_free: 0,
            blocks_available: u64::MAX,
            inodes: 1,
            inodes_free: u64::MAX,
            inodes_available: 0,
        };
        assert!(df(&huge, DfUnit::Kib).ends_with(" 100%"));
        assert!(df(&huge, DfUnit::Scaled).contains("16.0EB"));
        assert!(df(&huge, DfUnit::Inodes).ends_with(" 0%"));
    }

    #[test]
    fn texts_are_wrapped_to_the_terminal() {
        let commands = || {
            [["bye", "Quit"], ["df [-hi] [path]", "Show the space of the file system"]]
                .map(|row| row.map(str::to_owned))
        };
        assert_eq!(
            rows(commands(), Look::Plain, 36),
            "bye              Quit\ndf [-hi] [path]  Show the space of\n                 the file system"
        );
        let framed = rows(commands(), Look::Framed, 80);
        assert!(framed.starts_with('╭') && framed.ends_with('╯'), "{framed}");
        assert!(framed.contains("│ bye             ┆ Quit"), "{framed}");
    }
}
