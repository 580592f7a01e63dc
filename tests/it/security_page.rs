//! docs/security.md names an existing test for each promise, and has the same numbers as the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use sftpsh::budget;

const PAGE: &str = include_str!("../../docs/security.md");

#[test]
fn each_test_that_the_page_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let quoted: BTreeSet<&str> = PAGE.split('`').skip(1).step_by(2).collect();
    let named: Vec<&str> =
        quoted.into_iter().filter(|name| name.starts_with("tests/") || name.starts_with("src/")).collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        if name == "src/budget.rs" {
            continue;
        }
        // A file alone may have lost the intended test.
        let (file, test) = name.split_once("::").unwrap_or_else(|| panic!("{name} names no test"));
        let text = fs::read_to_string(root.join(file)).unwrap_or_else(|_| panic!("{name}: there is no {file}"));
        let head = format!("fn {test}(");
        let is_test = text.split("\n\n").any(|item| item.contains("#[test]") && item.contains(&head));
        assert!(is_test, "{name}: {file} has no such test");
    }
}

#[test]
fn the_budgets_of_the_page_are_those_of_the_code() {
    let kib = |bytes: u64| format!("{} KiB", bytes >> 10);
    let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
    for (what, number) in [
        ("before the keys are settled", kib(budget::BEFORE_KEYS)),
        ("until the login is done", mib(budget::BEFORE_LOGIN)),
        ("did not come out of the channel", mib(budget::UNCLAIMED)),
        ("did not come out of the channel", format!("1/{} of what came out", budget::OVERHEAD_SHARE)),
        ("did not come out of the channel", format!("1/{} of what was sent", budget::ECHO_SHARE)),
        ("did not come out of the channel", format!("{} bytes per request", budget::OVERHEAD_PER_REQUEST)),
        ("memory that libssh2 holds", mib(budget::HELD_BEFORE_LOGIN)),
        ("memory that libssh2 holds", mib(budget::UNCLAIMED)),
        ("memory that libssh2 holds", format!("{} times the window", budget::HELD_WINDOWS)),
        ("names that wait", mib(budget::WAITING_NAMES)),
        ("one listing, one walk", mib(budget::LISTING)),
        ("the listings of one completion", mib(budget::COMPLETION)),
    ] {
        let row = PAGE.lines().find(|line| line.starts_with("| ") && line.contains(what));
        assert!(row.is_some_and(|row| row.contains(&number)), "{what}: {number} is not in {row:?}");
    }
}
