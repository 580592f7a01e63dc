//! The figures of a bench run, as the JSON file that `--save` writes and `--plot` reads.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// Figures of one run of the bench, or of several that were saved to one file.
pub struct Figures(Value);

impl Figures {
    /// Reads saved figures. A file that doesn't exist has none.
    pub fn read(file: &Path) -> Figures {
        let saved = fs::read_to_string(file).ok();
        let value = saved.map(|text| serde_json::from_str(&text).expect("the file holds figures of this bench"));
        Figures(value.unwrap_or_else(|| json!({ "rows": [] })))
    }

    /// Adds a row of today on this machine, replacing an earlier one of the same name.
    pub fn add(&mut self, mut row: Value) {
        self.0["machine"] = json!(machine());
        self.0["versions"] = json!(versions());
        row["date"] = json!(printed("date", &["+%Y-%m-%d"]));
        let rows = self.0["rows"].as_array_mut().expect("figures have rows");
        match rows.iter_mut().find(|old| old["name"] == row["name"]) {
            Some(old) => *old = row,
            None => rows.push(row),
        }
    }

    /// Writes the figures.
    pub fn write(&self, file: &Path) {
        let text = serde_json::to_string_pretty(&self.0).expect("figures are plain values");
        fs::write(file, text + "\n").unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// Returns the rows of one line (`near`, `far`, `farther`).
    pub fn rows(&self, line: &str) -> Vec<&Value> {
        self.0["rows"].as_array().into_iter().flatten().filter(|row| row["line"] == line).collect()
    }

    /// Returns where and with what the figures were measured, in one line.
    pub fn origin(&self) -> String {
        let text = |name: &str| self.0[name].as_str().unwrap_or("unknown").to_owned();
        let rows = self.0["rows"].as_array().into_iter().flatten();
        let dates: BTreeSet<&str> = rows.filter_map(|row| row["date"].as_str()).collect();
        let dates = match (dates.first(), dates.last()) {
            (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
            (Some(day), _) => (*day).to_owned(),
            _ => String::from("never"),
        };
        format!("{}; {}; {dates}", text("machine"), text("versions"))
    }
}

/// Returns the ratio of a program's time to that of the row's peer, which counts as 1.
pub fn ratio(row: &Value, program: &str) -> Option<f64> {
    let seconds = |program: &str| row["seconds"][program].as_f64();
    let peer = row["peer"].as_str()?;
    Some(seconds(program)? / seconds(peer)?)
}

fn machine() -> String {
    let model = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores of {}", model.unwrap_or_else(|| String::from("an unknown processor")))
}

fn versions() -> String {
    let mut versions = vec![format!("sftpsh {}", env!("CARGO_PKG_VERSION"))];
    for (program, word) in [("ssh", "-V"), ("lftp", "--version"), ("rclone", "version")] {
        let first = printed(program, &[word]);
        let version = match program {
            "ssh" => first.split(' ').next().map(str::to_owned),
            "lftp" => first.split('|').nth(1).map(|version| format!("lftp{}", version.trim().replace("Version", ""))),
            _ => Some(first),
        };
        versions.extend(version.filter(|version| !version.is_empty()));
    }
    versions.join(", ")
}

/// Returns the first line that a program prints, on either stream, or nothing if there is no such program.
fn printed(program: &str, words: &[&str]) -> String {
    let Ok(output) = Command::new(program).args(words).output() else { return String::new() };
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim_end_matches(',').to_owned()
}
