//! Draws a terminal's screen as an SVG file: a window in its own colours, which looks the same on light and dark
//! pages.

use std::fmt::Write as _;

/// The size of a cell in pixels. `textLength` stretches each row to whole cells, regardless of the reader's font.
const CELL: (u16, u16) = (8, 18);

/// Pixels around the text.
const MARGIN: u16 = 16;

/// Pixels of the title bar.
const BAR: u16 = 32;

/// The window with all rows of the screen.
pub(crate) fn draw(screen: &vt100::Screen) -> String {
    let (rows, columns) = screen.size();
    let (width, height) = (columns.get() * CELL.0 + 2 * MARGIN, rows.get() * CELL.1 + BAR + MARGIN);
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>A session of sftpsh in a terminal</title>
<rect x="0.5" y="0.5" width="{}" height="{}" rx="8" fill="#1b1f27" stroke="#6e7681"/>
<circle cx="20" cy="16" r="6" fill="#ff5f57"/><circle cx="40" cy="16" r="6" fill="#febc2e"/><circle cx="60" cy="16" r="6" fill="#28c840"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13" fill="#d7dce2" xml:space="preserve">
"##,
        width - 1,
        height - 1
    );
    for (row, text) in (0..).zip(screen.rows(0, columns.get())) {
        assert!(is_plain(screen, row), "the picture shows no colours yet, and row {row} has some");
        let (text, baseline) = (text.trim_end(), BAR + (row + 1) * CELL.1 - 4);
        if !text.is_empty() {
            let length = text.chars().count() * usize::from(CELL.0);
            let _ =
                writeln!(svg, r#"<text x="{MARGIN}" y="{baseline}" textLength="{length}">{}</text>"#, escaped(text));
        }
    }
    svg + "</g>\n</svg>\n"
}

/// Returns whether a row has neither colours nor other attributes.
fn is_plain(screen: &vt100::Screen, row: u16) -> bool {
    (0..screen.size().1.get()).filter_map(|column| screen.cell(row, column)).all(|cell| {
        let is_marked = cell.bold() || cell.dim() || cell.italic() || cell.underline() || cell.inverse();
        !is_marked && [cell.fgcolor(), cell.bgcolor()] == [vt100::Color::Default; 2]
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
