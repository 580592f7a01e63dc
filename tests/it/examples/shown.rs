//! Collects the command lines that help, README and docs show.

use std::fs;
use std::path::Path;

use sftpsh::commands::COMMANDS;

/// A command line in a text.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) line: String,
    /// The text that contains it: a page, or the help of a command.
    #[expect(dead_code, reason = "for the message of a test that fails")]
    place: String,
}

/// Programs whose command lines count, besides the commands of the prompt.
const PROGRAMS: [&str; 7] = ["sftpsh", "sftp", "ssh", "cargo", "tests/run", "release/build", "jq"];

/// Returns all command lines of all texts.
pub(super) fn everywhere() -> Vec<Shown> {
    let help = COMMANDS.iter().flat_map(|entry| {
        let place = format!("help {}", entry.name());
        entry.examples.iter().map(move |example| Shown { line: example.line.to_owned(), place: place.clone() })
    });
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let pages: Vec<_> = pages.chain([root.join("README.md")]).collect();
    assert!(pages.len() > 5, "{pages:?}");
    let of_page = |page: &std::path::PathBuf| {
        let place = page.file_name().unwrap().to_string_lossy().into_owned();
        let lines = in_markdown(&fs::read_to_string(page).unwrap(), &place);
        lines.into_iter().map(move |line| Shown { line, place: place.clone() })
    };
    help.chain(pages.iter().flat_map(of_page)).collect()
}

/// Returns the command lines of a page: those after a prompt in a console block, and those in backticks. A batch
/// (`sftp`) and a shell script (`sh`) count as one line each.
fn in_markdown(text: &str, place: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut prose = String::new();
    let mut fence = None;
    let mut script = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("```"), fence) {
            (Some(kind), None) => fence = Some(kind),
            (Some(_), Some("sftp" | "sh")) => {
                lines.push(script.join("\n"));
                script.clear();
                fence = None;
            }
            (Some(_), Some(_)) => fence = None,
            (None, Some("sftp" | "sh")) => script.push(line),
            (None, Some("console")) => {
                let typed = line.strip_prefix("$ ").or_else(|| line.strip_prefix("sftp> "));
                lines.extend(typed.filter(|typed| typed.contains(' ')).map(str::to_owned));
            }
            (None, Some(_)) => {}
            (None, None) => {
                prose.push_str(line);
                prose.push('\n');
            }
        }
    }
    assert!(fence.is_none() && prose.matches('`').count().is_multiple_of(2), "{place}: a backtick is left open");
    let spans = prose.split('`').skip(1).step_by(2);
    // A span of a page may contain a line break.
    let spans = spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.extend(spans.filter(|span| is_command_line(span)));
    lines
}

/// Returns whether a text in backticks is a command line: it begins with a program or a command, and has more words.
/// A program of this repository may also be alone.
fn is_command_line(text: &str) -> bool {
    let mut words = text.split(' ').skip_while(|word| is_assignment(word));
    let Some(first) = words.next() else { return false };
    let is_program = PROGRAMS.contains(&first);
    let is_command = first.starts_with('!') || COMMANDS.iter().any(|entry| entry.names.contains(&first));
    (words.next().is_some() && (is_program || is_command)) || (is_program && first.contains('/'))
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase()))
}

/// Returns whether a line of the prompt lacks operands that its command needs.
pub(super) fn is_fragment(line: &str) -> bool {
    let words = sftpsh::shell::words::split(line.as_bytes()).unwrap();
    sftpsh::commands::parse(&words).is_err()
}

#[test]
fn command_lines_are_found_in_text_and_consoles() {
    let page = "Type `get -r dir` or `get`, with `--exclude '*.o'`; `X=1 cargo\ntest` and `tests/run`.\n\
        ```console\n$ sftpsh host\nConnected to host.\nsftp> ls -l\nsftp> bye\n```\n```text\nget a\n```\n`sticky bit`\n\
        ```sftp\n-mkdir a\nls\n```\n";
    let lines = ["sftpsh host", "ls -l", "-mkdir a\nls", "get -r dir", "X=1 cargo test", "tests/run"];
    assert_eq!(in_markdown(page, "page"), lines);
}
