//! Tables with and without borders.

use comfy_table::presets::{NOTHING, UTF8_FULL_CONDENSED};
use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, ContentLineStyle, Row, Table, TableStyle, Width,
};

const ONE_BLANK_BETWEEN: TableStyle =
    NOTHING.header_lines(ContentLineStyle::none().junction(' ')).content_lines(ContentLineStyle::none().junction(' '));

/// Formats a header and one row, right-aligned in columns of at least these widths. The last newline is left out.
#[must_use]
pub fn right_aligned<const N: usize>(header: [&str; N], row: [String; N], widths: [u16; N]) -> String {
    let mut table = Table::new();
    table.load_style(ONE_BLANK_BETWEEN);
    table.set_header(header);
    table.add_row(row);
    for (column, width) in table.column_iter_mut().zip(widths) {
        column.set_padding((0, 0));
        column.set_cell_alignment(CellAlignment::Right);
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
    }
    table.trim_fmt()
}

/// The look of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Without lines, for files and pipes.
    Plain,
    /// With a frame, for a terminal.
    Framed,
}

/// Formats rows of text in `width` columns of a terminal. Long texts in the last column are wrapped. The last newline
/// is left out.
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
