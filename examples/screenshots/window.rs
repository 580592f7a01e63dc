//! Draws a terminal's screen as an SVG file: a window in its own colours, which looks the same on light and dark
//! pages.

use std::fmt::Write as _;

/// The size of a cell in pixels. `textLength` stretches each row to whole cells, regardless of the reader's font.
const CELL: (u16, u16) = (8, 18);

/// Pixels around the text.
const MARGIN: u16 = 16;

/// Pixels of the title bar.
const BAR: u16 = 32;

/// The eight colours of a terminal, on a dark window.
const PALETTE: [&str; 8] = ["#6e7681", "#ff7b72", "#7ee787", "#f2cc60", "#79c0ff", "#d2a8ff", "#76e3ea", "#d7dce2"];

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
    for row in 0..rows.get() {
        let baseline = BAR + (row + 1) * CELL.1 - 4;
        for Run { column, look, text } in runs(screen, row) {
            let x = MARGIN + column * CELL.0;
            let length = text.chars().count() * usize::from(CELL.0);
            let _ = writeln!(
                svg,
                r#"<text x="{x}" y="{baseline}" textLength="{length}"{}>{}</text>"#,
                look.attributes(),
                escaped(&text)
            );
        }
    }
    svg + "</g>\n</svg>\n"
}

/// Text of one look in a row.
struct Run {
    column: u16,
    look: Look,
    text: String,
}

/// The look of a cell. Other attributes are not drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    color: vt100::Color,
    bold: bool,
    dim: bool,
}

/// Returns the texts of a row, without blanks at their ends.
fn runs(screen: &vt100::Screen, row: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for column in 0..screen.size().1.get() {
        let Some(cell) = screen.cell(row, column) else { continue };
        assert!(!cell.inverse() && cell.bgcolor() == vt100::Color::Default, "row {row} has a background");
        let look = Look { color: cell.fgcolor(), bold: cell.bold(), dim: cell.dim() };
        let text = if cell.has_contents() { cell.contents() } else { " " };
        match runs.last_mut().filter(|run| run.look == look) {
            Some(run) => run.text.push_str(text),
            None => runs.push(Run { column, look, text: text.to_owned() }),
        }
    }
    for run in &mut runs {
        let blanks = run.text.len() - run.text.trim_start().len();
        run.column += u16::try_from(blanks).unwrap_or_default();
        run.text = run.text.trim().to_owned();
    }
    runs.retain(|run| !run.text.is_empty());
    runs
}

impl Look {
    fn attributes(self) -> String {
        let fill = match self.color {
            vt100::Color::Default => String::new(),
            vt100::Color::Idx(index) => format!(" fill=\"{}\"", PALETTE[usize::from(index) % PALETTE.len()]),
            vt100::Color::Rgb(red, green, blue) => format!(" fill=\"#{red:02x}{green:02x}{blue:02x}\""),
        };
        let weight = if self.bold { " font-weight=\"bold\"" } else { "" };
        let opacity = if self.dim { " opacity=\"0.6\"" } else { "" };
        format!("{fill}{weight}{opacity}")
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
