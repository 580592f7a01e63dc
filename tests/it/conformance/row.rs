//! A row of the table: typed lines, files before, output, files after. Reads and writes its text.

use std::fmt::Write as _;

/// A world, the lines typed in it, and the results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// The comments and blank lines above the row.
    pub(super) above: Vec<String>,
    /// `> LINE`: typed under `-b - -N`. `REMOTE` means the remote directory, `MYUID` and `MYGID` the user's own
    /// numbers.
    pub(super) typed: Vec<String>,
    /// `& PATH CONTENTS`, `& PATH/`, `& PATH -> TARGET`: exists before the run, besides the files of every row.
    pub(super) before: Vec<String>,
    /// `% piped`: no `-b`. `% -P remove`: words for the server.
    pub(super) piped: bool,
    pub(super) server_words: Vec<String>,
    /// `@ KEY`: sftp(1) behaves differently, for the reason in this line of `docs/differences.md`.
    pub(super) differs: Option<String>,
    /// `@ since VERSION`: an older sftp(1) behaves differently.
    pub(super) since: Option<String>,
    pub(super) seen: Seen,
}

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// `| LINE`: stdout, without the echo and trailing blanks.
    pub(super) stdout: Vec<String>,
    /// `! LINE`: stderr, without the greeting.
    pub(super) stderr: Vec<String>,
    /// `= CODE`, if it is not 0.
    pub(super) code: i32,
    /// `+ ENTRY`, `- PATH`, `~ ENTRY`: created, removed, changed.
    pub(super) files: Vec<String>,
}

impl Row {
    /// Returns the name of the row in reports.
    pub(super) fn name(&self) -> String {
        self.typed.join(" ; ")
    }
}

/// Reads a table. A row ends where the next one begins: at a blank line.
pub(super) fn read(table: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = Row::default();
    for line in table.lines().chain([""]) {
        let (mark, rest) = line.split_at_checked(2).unwrap_or((line, ""));
        let rest = rest.to_owned();
        match mark.trim_end() {
            "" if row.typed.is_empty() => row.above.push(String::new()),
            "" => rows.push(std::mem::replace(&mut row, Row { above: vec![String::new()], ..Row::default() })),
            "#" => row.above.push(line.to_owned()),
            ">" => row.typed.push(rest),
            "&" => row.before.push(rest),
            "%" if rest == "piped" => row.piped = true,
            "%" => row.server_words = rest.split(' ').map(str::to_owned).collect(),
            "@" => match rest.strip_prefix("since ") {
                Some(version) => row.since = Some(version.to_owned()),
                None => row.differs = Some(rest),
            },
            "|" => row.seen.stdout.push(rest),
            "!" => row.seen.stderr.push(rest),
            "=" => row.seen.code = rest.parse().expect("an exit code"),
            "+" | "-" | "~" => row.seen.files.push(line.to_owned()),
            _ => panic!("no row has a line such as {line:?}"),
        }
    }
    rows
}

/// Writes the table in the form that [`read`] reads.
pub(super) fn write(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut put = |mark: &str, lines: &[String]| {
        for line in lines {
            let _ = writeln!(text, "{}", format!("{mark}{line}").trim_end());
        }
    };
    for row in rows {
        put("", &row.above);
        put("& ", &row.before);
        if row.piped {
            put("% ", &["piped".to_owned()]);
        }
        if !row.server_words.is_empty() {
            put("% ", &[row.server_words.join(" ")]);
        }
        put("@ ", row.differs.as_slice());
        put("@ since ", row.since.as_slice());
        put("> ", &row.typed);
        put("| ", &row.seen.stdout);
        put("! ", &row.seen.stderr);
        if row.seen.code != 0 {
            put("= ", &[row.seen.code.to_string()]);
        }
        put("", &row.seen.files);
    }
    text
}
