//! The pages for readers: none of the worst phrases, one sentence per line, and links that lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::phrases::{found, without_code};

/// The pages for readers. The manual page holds the help of every option and command.
const PAGES: &[&str] = &[
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "docs/architecture.md",
    "docs/dependencies.md",
    "docs/differences.md",
    "docs/engine.md",
    "docs/guide.md",
    "docs/json.md",
    "docs/performance.md",
    "docs/security.md",
    "docs/servers.md",
    "docs/troubleshooting.md",
    "man/sftpsh.1",
];

/// The length up to which a line may contain more than one sentence.
const MOST_COLUMNS: usize = 100;

/// Returns the lines of prose that contain more than one sentence and are too long for that.
fn crowded(markdown: &str) -> Vec<String> {
    let mut is_code = false;
    let mut crowded = Vec::new();
    for line in markdown.lines() {
        is_code ^= line.starts_with("```");
        let prose = without_code(line);
        let text = prose.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        let text = text.strip_prefix(". ").unwrap_or(text);
        let goes_on = text.match_indices(". ").any(|(at, _)| text[at + 2..].starts_with(char::is_uppercase));
        if !is_code && !line.starts_with('|') && line.chars().count() > MOST_COLUMNS && goes_on {
            crowded.push(line.to_owned());
        }
    }
    crowded
}

fn read(page: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap()
}

#[test]
fn pages_are_free_of_the_worst_phrases() {
    for page in PAGES {
        // A glossary may name what not to write.
        let text: String = read(page)
            .lines()
            .map(|line| if line.contains("*, not *") { "\n" } else { line }.to_owned() + "\n")
            .collect();
        assert_eq!(found(&text), Vec::<String>::new(), "{page}");
    }
}

#[test]
fn a_long_line_of_a_page_is_one_sentence() {
    for page in PAGES.iter().filter(|page| page.ends_with(".md")) {
        assert_eq!(crowded(&read(page)), Vec::<String>::new(), "{page}: write one sentence per line");
    }
}

/// Returns the targets of the links in a page.
fn links(markdown: &str) -> Vec<&str> {
    markdown.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)).collect()
}

/// Returns the anchors of a page's headings, in GitHub's form.
fn anchors(markdown: &str) -> BTreeSet<String> {
    let headings =
        markdown.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    headings
        .map(|heading| {
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.collect::<String>().to_lowercase().replace(' ', "-")
        })
        .collect()
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    for page in PAGES.iter().filter(|page| page.ends_with(".md")) {
        let text = read(page);
        for link in links(&text).into_iter().filter(|link| !link.starts_with("http")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                (*page).to_owned()
            } else {
                Path::new(page).with_file_name(file).to_str().unwrap().to_owned()
            };
            let is_there = Path::new(env!("CARGO_MANIFEST_DIR")).join(&target).exists();
            assert!(is_there, "{page}: {link}: there is no {target}");
            assert!(anchor.is_empty() || anchors(&read(&target)).contains(anchor), "{page}: {link}: no such heading");
        }
    }
}

#[test]
fn links_and_anchors_are_found() {
    assert_eq!(links("See [a](b.md#c), `f[1]` and [d](#e)."), ["b.md#c", "#e"]);
    assert!(anchors("# A\n## The `order` of requests, again\n").contains("the-order-of-requests-again"));
}

#[test]
fn every_page_is_checked() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let in_directory = |directory: &str| {
        let entries = fs::read_dir(root.join(directory)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let names = names.filter(|name| name.ends_with(".md"));
        names.map(|name| Path::new(directory).join(name).to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let pages: BTreeSet<String> = ["", "docs"].into_iter().flat_map(in_directory).collect();
    let known = PAGES.iter().filter(|page| page.ends_with(".md"));
    assert_eq!(pages, known.map(|page| (*page).to_owned()).collect());
}

#[test]
fn sentences_that_share_a_long_line_are_found() {
    let long = "word ".repeat(20);
    let two = format!("- {long}ends. Another begins.");
    let page = format!("{two}\n| {two} |\n{long}ends, see e.g. v. 2.\n1. One {long}\n```text\n{two}\n```\nOne. Two.\n");
    assert_eq!(crowded(&page), [two]);
}
