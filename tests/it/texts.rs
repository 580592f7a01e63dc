//! Texts from a server: printed only in printable form and up to 1,000 bytes; a listing shows only checked values.

use crate::support::{Embedded, Entry, Key, Remote, Shell};

/// Returns the part of a long text that is shown; it consists of `long `, 5 bytes each.
fn excerpt() -> String {
    format!("{}…", "long ".repeat(200))
}

// difference: long-texts
#[test]
fn a_status_text_ends_after_1000_bytes() {
    for bytes in [1_005, 200_000] {
        let outcome =
            Shell::on(Remote::with(["f"]).lying(&format!("long-text={bytes}"))).types("get f").as_batch().exits(1);
        outcome.reports(&format!("remote open \"REMOTE/f\": Failure (server: {})\n", excerpt()));
    }
    let text = "long ".repeat(200);
    let whole = Shell::on(Remote::with(["f"]).lying("long-text=1000")).types("get f").as_batch().exits(1);
    whole.reports(&format!("(server: {})\n", text.trim_end()));
}

#[test]
fn lines_of_a_banner_end_after_1000_bytes_and_a_banner_after_200_lines() {
    let banner = format!("{}\n\u{202e}short\n{}", "long ".repeat(2000), "x\n".repeat(2000));
    let server = Embedded::new().takes_keys().banner(&banner);
    let outcome = Shell::on(Remote::empty().served_by(server)).types("pwd").succeeds();
    let lines: Vec<&str> = outcome.stderr().lines().collect();
    assert_eq!(lines[..3], [&*excerpt(), "\\342\\200\\256short", "x"]);
    assert_eq!(lines.iter().filter(|line| **line == "x").count(), 198);
    assert_eq!(lines[200], "…");
}

#[test]
fn a_canonical_path_longer_than_any_that_can_be_opened_is_refused() {
    let world = |bytes: usize| Remote::with(["deep/f"]).lying(&format!("long-realpath={bytes}"));
    let refused = "realpath REMOTE/deep: the server answers with a path of 4097 bytes";
    Shell::on(world(4097)).types("cd deep").types("pwd").as_batch().exits(1).reports(refused);
    Shell::on(world(4097)).types("get -r deep").as_batch().exits(1).reports_no(&"d".repeat(4000));
    Shell::on(world(200_000)).types("put -r deep deep").here(["deep/x"]).as_batch().reports_no(&"d".repeat(4000));
}

#[test]
fn names_for_a_program_are_exact_unless_it_is_a_terminal_that_reads_them() {
    let remote = || Remote::with([Entry::file(b"a\x1b[2Jb\nc", "1")]);
    for line in ["@ls -0", "@find -0 -type f"] {
        let outcome = Shell::on(remote()).types(line).succeeds();
        assert!(outcome.raw_stdout().ends_with(b"a\x1b[2Jb\nc\0"), "{line}: {}", outcome.stdout());
        let terminal = Shell::on(remote()).at_a_terminal().types(&line[1..]).sees("a\\033[2Jb\\012c\n");
        assert!(!terminal.raw().windows(4).any(|bytes| bytes == b"\x1b[2J"), "{line}");
        terminal.at_the_prompt().presses(Key::Ctrl('d')).ends_with(0);
    }
}

// difference: long-names
#[test]
fn a_long_listing_shows_what_was_checked_whatever_long_names_tell() {
    let outcome = Shell::on(Remote::empty().lying("long-names")).types("@ls -l").succeeds();
    let told: Vec<&str> = outcome.stdout().lines().filter(|line| line.starts_with('-')).collect();
    let line = |links: &str, owner: &str, group: &str, name: &str| {
        format!("-rw-------  {links:>3} {owner:<8} {group:<8}        5 Jan  1  1970 {name}")
    };
    let expected = [
        line("?", "7", "8", "absurd"),
        line("?", "7", "8", "blank"),
        line("?", "7", "8", "escape"),
        line("3", "ann", "staff", "honest"),
        line("?", "7", "8", "none"),
        line("1", "ann", "staff", "other-mode"),
        line("1", "ann", "staff", "other-name"),
        line("?", "7", "8", "other-size"),
        line("?", "7", "8", "turned"),
        line("1", "ann", "staff", "two-lines"),
        line("?", "7", "8", "windows"),
    ];
    assert_eq!(told, expected);
    assert_eq!(outcome.stdout().lines().count(), expected.len(), "{}", outcome.stdout());
}
