//! A typical session, three ways: connect over SSH, list the directory, download all of `messages.*` in order with
//! progress.

use crate::support::{Entry, Mode, Outcome, Remote, Shell};

/// The matching files, in the order in which they must come.
const MESSAGES: [(&str, usize); 4] =
    [("messages.1", 128_609), ("messages.2.gz", 40_225), ("messages.3.gz", 28_249), ("messages.4.gz", 71_703)];

fn shell() -> Shell {
    let messages = MESSAGES.map(|(name, size)| Entry::sized(name, size));
    Shell::on(Remote::with(messages).and(["about.txt", "zebra.txt"]).over_ssh())
}

/// Checks that all bytes are equal, and that no other file was downloaded.
fn all_arrived(outcome: Outcome) {
    MESSAGES
        .iter()
        .fold(outcome, |outcome, (name, _)| outcome.same(name, name))
        .local_holds(&MESSAGES.map(|(name, _)| name));
}

/// Returns the first part that is missing from the text or not in order.
fn out_of_order(text: &str, parts: &[String]) -> Option<String> {
    let mut from = 0;
    for part in parts {
        match text[from..].find(part.as_str()) {
            Some(at) => from += at + part.len(),
            None => return Some(format!("{part:?} is not where it should be in\n{text}")),
        }
    }
    None
}

/// Returns the lines that report each file as complete.
fn last_lines() -> Vec<String> {
    MESSAGES.iter().map(|(name, size)| format!("Transfer of '{name}' is at {size}/{size} bytes (100.0%)\n")).collect()
}

fn with_plain_progress(mode: Mode) -> Outcome {
    shell().in_mode(mode).with_args(["--progress", "plain"]).types("ls -1").types("get messages.*").run()
}

#[test]
fn typed_into_a_pipe() {
    let outcome = with_plain_progress(Mode::Piped);
    let stdout = "sftp> ls -1\nabout.txt\nmessages.1\nmessages.2.gz\nmessages.3.gz\nmessages.4.gz\nzebra.txt\n\
                  sftp> get messages.*\n\
                  Fetching REMOTE/messages.1 to messages.1\nFetching REMOTE/messages.2.gz to messages.2.gz\n\
                  Fetching REMOTE/messages.3.gz to messages.3.gz\nFetching REMOTE/messages.4.gz to messages.4.gz\n";
    let disorder = out_of_order(outcome.stderr(), &last_lines());
    all_arrived(outcome.succeeds().stdout_is(stdout).holds(|_| disorder).reports("Connected to server.\n"));
}

#[test]
fn as_a_batch() {
    let outcome = with_plain_progress(Mode::BatchFile);
    let disorder = out_of_order(outcome.stderr(), &last_lines());
    all_arrived(outcome.succeeds().prints_no("Fetching").reports_no("Connected").holds(|_| disorder));
}

#[test]
fn at_a_terminal() {
    let outcome = shell()
        .at_a_terminal()
        .sees("Connected to server.")
        .types("ls")
        .sees("zebra.txt")
        .types("get messages.*")
        .types("bye")
        .ends_with(0);
    let roll = outcome.stdout().to_owned();
    let fetching = MESSAGES.iter().map(|(name, _)| format!("Fetching REMOTE/{name} to {name}"));
    let complete = MESSAGES.iter().map(|(name, _)| {
        let line = roll.lines().find(|line| line.starts_with(name) && line.contains("100%"));
        line.map_or_else(|| format!("{name} … 100%"), str::to_owned)
    });
    let disorders =
        [out_of_order(&roll, &fetching.collect::<Vec<_>>()), out_of_order(&roll, &complete.collect::<Vec<_>>())];
    all_arrived(disorders.into_iter().fold(outcome, |outcome, disorder| outcome.holds(|_| disorder)));
}

#[test]
fn without_progress_nothing_is_said_of_it() {
    let outcome = shell().types("get messages.*").succeeds().quietly();
    all_arrived(outcome.prints_no("%"));
}

#[test]
fn a_progress_line_names_the_file_and_never_goes_back() {
    let outcome = with_plain_progress(Mode::Piped);
    let mut last = (String::new(), 0);
    for line in outcome.stderr().lines().filter(|line| line.starts_with("Transfer of ")) {
        let (name, rest) = line.strip_prefix("Transfer of '").and_then(|rest| rest.split_once("' is at ")).expect(line);
        let (moved, rest) = rest.split_once('/').expect(line);
        let (size, percent) = rest.split_once(" bytes (").expect(line);
        let (moved, size): (usize, usize) = (moved.parse().expect(line), size.parse().expect(line));
        assert!(MESSAGES.contains(&(name, size)), "{line}");
        assert_eq!(percent, format!("{:.1}%)", moved as f64 * 100.0 / size as f64), "{line}");
        assert!(name != last.0 || moved >= last.1, "it goes back: {line}");
        last = (name.to_owned(), moved);
    }
    all_arrived(outcome);
}
