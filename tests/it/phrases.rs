//! Phrases that a native technical writer would not use, and the pages that are free of them.

use std::fs;
use std::path::Path;

/// Each with what to write instead.
const PHRASES: &[(&str, &str)] = &[
    ("but for", "except"),
    ("so many", "N, or up to N"),
    ("so often", "N times"),
    ("so long", "for this time"),
    ("nobody", "without …, or who does it"),
    ("the way out", "the hint"),
    ("what is there", "the existing file"),
    ("behind the destination", "after the destination"),
    ("of no use", "useless"),
    ("be it", "whether"),
    ("all the same", "anyway"),
    ("once more", "again"),
    ("in place of", "instead of"),
    ("shall", "must or will"),
    ("is told", "who tells it"),
    ("is said", "who says it"),
    ("whoever", "the noun"),
    ("what was asked for", "the request"),
    ("for ever", "forever"),
];

/// Pages that were read for this. The manual page holds the help of every option and command.
const PAGES: &[&str] = &["README.md", "CONTRIBUTING.md", "man/sftpsh.1"];

/// The phrases in a text, as whole words, each with its line.
fn found(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let words: String =
            line.to_lowercase().chars().map(|c| if c.is_alphanumeric() || c == '\'' { c } else { ' ' }).collect();
        let words = format!(" {} ", words.split_whitespace().collect::<Vec<_>>().join(" "));
        for (phrase, instead) in PHRASES {
            if words.contains(&format!(" {phrase} ")) {
                found.push(format!("line {}: \"{phrase}\": write {instead}", number + 1));
            }
        }
    }
    found
}

#[test]
fn pages_are_free_of_the_worst_phrases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for page in PAGES {
        let text = fs::read_to_string(root.join(page)).unwrap();
        // A glossary may name what not to write.
        let text: String =
            text.lines().map(|line| if line.contains("*, not *") { "\n" } else { line }.to_owned() + "\n").collect();
        assert_eq!(found(&text), Vec::<String>::new(), "{page}");
    }
}

#[test]
fn phrases_are_found_as_whole_words() {
    assert_eq!(found("All files, but for links.").len(), 1);
    assert_eq!(found("It is marshalled.\nNothing but forms").len(), 0);
    assert_eq!(found("one\nWhoever asks (nobody)")[0], "line 2: \"nobody\": write without …, or who does it");
}
