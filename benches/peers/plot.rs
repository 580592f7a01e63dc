//! Draws saved figures: one bar for each program and row, on a logarithmic scale, where sftp is 1.

use std::fmt::Write as _;

use super::figures::{Figures, ratio};

/// The programs that have bars, with their colours and the height of a bar in pixels.
const PROGRAMS: [(&str, &str, f64); 3] =
    [("sftpsh", "#2f81f7", 9.0), ("lftp", "#bc8cff", 5.0), ("rclone", "#e3902e", 5.0)];

/// The scale: the smallest and the largest ratio.
const SCALE: (f64, f64) = (0.005, 3.0);

/// Pixels: the whole width, and where the bars begin and end.
const WIDTH: f64 = 860.0;
const BARS: (f64, f64) = (330.0, 800.0);

/// Returns the picture.
pub fn draw(figures: &Figures) -> String {
    let (mut body, mut top) = (String::new(), 64.0);
    for (line, title) in
        [("farther", "Over a round trip of 200 ms"), ("far", "Over a round trip of 50 ms"), ("near", "Without a delay")]
    {
        let rows = figures.rows(line);
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(body, r#"<text x="16" y="{top}" font-weight="600">{title}</text>"#);
        top += 12.0;
        for row in rows {
            let bars: Vec<_> = PROGRAMS.iter().filter_map(|program| Some((program, ratio(row, program.0)?))).collect();
            let height: f64 = bars.iter().map(|((_, _, height), _)| height + 1.0).sum();
            let work = escaped(row["work"].as_str().unwrap_or_default());
            let _ = writeln!(body, r#"<text x="16" y="{:.1}">{work}</text>"#, top + height / 2.0 + 5.0);
            for (number, ((name, colour, height), ratio)) in bars.iter().enumerate() {
                let end = at(*ratio);
                let _ = writeln!(
                    body,
                    r#"<rect x="{}" y="{top:.1}" width="{:.1}" height="{height}" fill="{colour}"><title>{name}: {ratio:.3}</title></rect>"#,
                    BARS.0,
                    (end - BARS.0).max(1.0)
                );
                if number == 0 {
                    let _ = writeln!(
                        body,
                        r#"<text x="{:.1}" y="{:.1}" font-size="11">{}</text>"#,
                        end.max(BARS.0) + 5.0,
                        top + 9.0,
                        shown(*ratio)
                    );
                }
                top += height + 1.0;
            }
            top += 9.0;
        }
        top += 18.0;
    }
    let bottom = top - 18.0;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {:.0}" width="{WIDTH}" height="{:.0}" role="img" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="13" fill="#24292f">
<title>The time of sftpsh and other clients compared with sftp</title>
<rect x="0.5" y="0.5" width="{}" height="{:.0}" rx="8" fill="#f6f8fa" stroke="#8c959f"/>
"##,
        bottom + 44.0,
        bottom + 44.0,
        WIDTH - 1.0,
        bottom + 43.0
    );
    let mut x = 16.0;
    for (name, colour, _) in PROGRAMS {
        let _ = writeln!(
            svg,
            r#"<rect x="{x}" y="18" width="12" height="12" fill="{colour}"/><text x="{}" y="29">{name}</text>"#,
            x + 18.0
        );
        x += 90.0;
    }
    let _ = writeln!(svg, r#"<text x="{x}" y="29">time compared with sftp, logarithmic: shorter is faster</text>"#);
    for tick in [0.01, 0.1, 1.0] {
        let (x, colour) = (at(tick), if tick == 1.0 { "#cf222e" } else { "#d0d7de" });
        let _ = writeln!(
            svg,
            r#"<line x1="{x:.1}" y1="52" x2="{x:.1}" y2="{bottom:.1}" stroke="{colour}"/><text x="{x:.1}" y="48" font-size="11" text-anchor="middle">{}</text>"#,
            if tick == 1.0 { "sftp = 1".to_owned() } else { tick.to_string() }
        );
    }
    let origin = escaped(&figures.origin());
    let _ = writeln!(body, r##"<text x="16" y="{:.1}" font-size="11" fill="#57606a">{origin}</text>"##, bottom + 26.0);
    svg + &body + "</svg>\n"
}

/// Returns where a ratio is on the scale.
fn at(ratio: f64) -> f64 {
    let (least, most) = (SCALE.0.ln(), SCALE.1.ln());
    let share = (ratio.clamp(SCALE.0, SCALE.1).ln() - least) / (most - least);
    BARS.0 + share * (BARS.1 - BARS.0)
}

/// Returns a ratio with two digits that count.
fn shown(ratio: f64) -> String {
    if ratio < 0.1 { format!("{ratio:.3}") } else { format!("{ratio:.2}") }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('`', "")
}
