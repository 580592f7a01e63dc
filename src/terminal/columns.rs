//! Prints names in columns, as `ls` does.

use crate::terminal::painted::Painted;

/// Arranges cells in rows that fit `width` columns of a terminal. Each row is returned without its newline.
///
/// As in sftp(1), cells go across, not down. Each is as wide as the longest plus two, stretched so that a row fills
/// the width; cells that are too long get a row each. Trailing blanks stay. Unlike in sftp(1), width means columns of
/// the terminal, not bytes.
///
/// The cells are gone through twice, and not kept: a listing may have millions.
pub fn columns<C: IntoIterator<Item = Painted> + Clone>(cells: C, width: usize) -> impl Iterator<Item = String> {
    let longest = cells.clone().into_iter().map(|cell| cell.width()).max().unwrap_or(0);
    let count = (width / (longest + 2)).max(1);
    let room = width / count;
    let mut cells = cells.into_iter().peekable();
    std::iter::from_fn(move || {
        cells.peek()?;
        let mut row = String::new();
        for cell in cells.by_ref().take(count) {
            row.push_str(&cell.to_string());
            row.extend(std::iter::repeat_n(' ', room.saturating_sub(cell.width())));
        }
        Some(row)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_across_as_sftp_prints_them() {
        let names = ["f0", "f1023", "f10239", "f102399", "f1024", "f102400", "f107374182400", "ff", "old"];
        let rows: Vec<_> = columns(names.map(Painted::plain), 80).collect();
        assert_eq!(
            rows,
            [
                "f0              f1023           f10239          f102399         f1024           ",
                "f102400         f107374182400   ff              old             ",
            ]
        );
    }

    #[test]
    fn a_colour_takes_no_room() {
        let blue = Painted::new("ab", nu_ansi_term::Color::Blue.normal());
        let rows: Vec<_> = columns([blue, Painted::plain("c")], 8).collect();
        assert_eq!(rows, ["\x1b[34mab\x1b[0m  c   "]);
    }

    #[test]
    fn rows_fit_the_terminal() {
        for (names, width, expected) in [
            (&["日本", "ab"][..], 13, &["日本  ab    "][..]),
            (&["longer than that", "b"], 10, &["longer than that", "b         "]),
            (&["a", "b", "c"], 6, &["a  b  ", "c  "]),
            (&["a"], 0, &["a"]),
            (&[], 80, &[]),
        ] {
            let cells = names.iter().copied().map(Painted::plain);
            let rows: Vec<_> = columns(cells, width).collect();
            assert_eq!(rows, expected, "{names:?} in {width}");
        }
    }
}
