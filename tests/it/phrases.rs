//! Phrases that a native technical writer would not use, and the doc comments that must be free of them. `pages` checks
//! the pages.

use crate::sources::rust_files;
use std::fs;
use std::path::Path;

/// Each phrase, with the advice that a failure prints.
const PHRASES: &[(&str, &str)] = &[
    ("but for", "except"),
    ("so many", "N, or up to N"),
    ("so often", "N times"),
    ("so long", "for this time"),
    ("nobody", "without …, or who does it"),
    ("the way out", "the hint"),
    ("what is there", "the existing file"),
    ("what was asked for", "the request"),
    ("that which", "the noun"),
    ("whoever", "the noun"),
    ("who wants", "if you want"),
    ("behind it", "after it"),
    ("behind the", "after the"),
    ("behind a", "after a"),
    ("behind each", "after each"),
    ("in front of", "before"),
    ("of no use", "useless"),
    ("of use", "useful"),
    ("be it", "whether"),
    ("be that", "whether"),
    ("all the same", "anyway"),
    ("as ever", "as before"),
    ("as good as", "almost"),
    ("for good", "permanently"),
    ("for ever", "forever"),
    ("for want of", "without"),
    ("once more", "again"),
    ("made anew", "made again"),
    ("in place of", "instead of"),
    ("none but", "only"),
    ("well or badly", "whether it succeeds"),
    ("without a word", "silently"),
    ("shall", "must or will"),
    ("is told", "who tells it"),
    ("is said", "who says it"),
    ("came to be", "was created"),
    ("comes to be", "is created"),
    ("goes on with", "continues with"),
];

/// The directories whose sources are checked: module headers and doc comments.
const SOURCES: &[&str] = &["examples", "src", "tests"];

/// Beginnings of doc comments that leave out the verb or the noun, each with the advice that a failure prints.
const BEGINNINGS: &[(&str, &str)] = &[
    ("Whether ", "Returns whether …, or True if …"),
    ("What ", "the noun"),
    ("The same ", "Like `x`, but …"),
    ("Nothing where ", "Returns `None` if …"),
];

/// Removes text in backticks, because names and lines of code are not English.
pub(super) fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// Returns the phrases in a text, as whole words, each with its line.
pub(super) fn found(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let words = without_code(line).to_lowercase();
        let words = words.replace(|c: char| !c.is_alphanumeric() && c != '\'', " ");
        let words = format!(" {} ", words.split_whitespace().collect::<Vec<_>>().join(" "));
        for (phrase, instead) in PHRASES {
            if words.contains(&format!(" {phrase} ")) {
                found.push(format!("line {}: \"{phrase}\": write {instead}", number + 1));
            }
        }
    }
    found
}

/// Returns the module header and doc comments of a source, each on its line, and the faults in their beginnings.
fn doc_comments(source: &str) -> (String, Vec<String>) {
    let (mut text, mut beginnings) = (String::new(), Vec::new());
    let mut marker_before = None;
    for (number, line) in source.lines().enumerate() {
        let comment = ["//! ", "/// "].into_iter().find_map(|marker| Some((marker, line.trim().strip_prefix(marker)?)));
        if let Some((marker, words)) = comment
            && marker_before != Some(marker)
        {
            beginnings.extend(BEGINNINGS.iter().filter(|(beginning, _)| words.starts_with(beginning)).map(
                |(beginning, instead)| format!("line {}: begins with \"{beginning}\": write {instead}", number + 1),
            ));
        }
        marker_before = match line.trim() {
            "//!" => Some("//! "),
            "///" => Some("/// "),
            _ => comment.map(|(marker, _)| marker),
        };
        text.push_str(comment.map_or("", |(_, words)| words));
        text.push('\n');
    }
    (text, beginnings)
}

#[test]
fn doc_comments_are_free_of_the_worst_phrases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in SOURCES.iter().flat_map(|directory| rust_files(&root.join(directory))) {
        let (text, mut faults) = doc_comments(&fs::read_to_string(&file).unwrap());
        faults.extend(found(&text));
        assert_eq!(faults, Vec::<String>::new(), "{}", file.display());
    }
}

#[test]
fn phrases_are_found_as_whole_words() {
    assert_eq!(found("All files, but for links.").len(), 1);
    assert_eq!(found("It is marshalled, as `it_shall_be`.\nNothing but forms").len(), 0);
    assert_eq!(found("one\nWhoever asks (nobody)")[0], "line 2: \"nobody\": write without …, or who does it");
}

#[test]
fn beginnings_are_found_in_the_first_line_of_a_doc_comment() {
    let source =
        "//! What it is.\n//! What it does.\n\n/// Whether.\n// What for\n    /// Whether it is so.\nfn what() {}\n";
    let (text, beginnings) = doc_comments(source);
    assert_eq!(beginnings.len(), 2, "{beginnings:?}");
    assert!(beginnings[0].starts_with("line 1: ") && beginnings[1].starts_with("line 6: "), "{beginnings:?}");
    assert_eq!(text.lines().nth(3), Some("Whether."));
    assert_eq!(text.lines().nth(4), Some(""));
}
