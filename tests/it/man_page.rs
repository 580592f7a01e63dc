//! The manual page `man/sftpsh.1` matches the definitions of options and commands and the texts in `man/parts/`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Arg;
use roff::{Inline, Roff, bold, italic, roman};
use sftpsh::cli;
use sftpsh::commands::help::synopsis;
use sftpsh::commands::{COMMANDS, Signature};

/// The command that rewrites the page instead of comparing it.
const REWRITE: &str = "UPDATE=1 cargo test --test it man_page::";

/// The date in the page's footer, that of the last change by hand.
const DATE: &str = "2026-11-28";

const PAGE: &str = "man/sftpsh.1";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn the_page_is_generated_from_the_definitions() {
    let generated = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path(PAGE), &generated).unwrap();
    }
    let kept = std::fs::read_to_string(path(PAGE)).unwrap_or_default();
    assert!(kept == generated, "{PAGE} is out of date; rewrite it with: {REWRITE}");
}

/// Returns mandoc's rendering of the page, and whether it has no objections.
fn mandoc(arguments: &[&str]) -> (String, bool) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(page().as_bytes()).unwrap();
    let output = Command::new("mandoc").args(arguments).arg(file.path()).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.success())
}

#[test]
fn the_page_is_clean() {
    let (said, is_clean) = mandoc(&["-T", "lint", "-W", "warning"]);
    assert!(is_clean, "{said}");
}

#[test]
fn the_page_as_it_is_read_has_every_option_and_command() {
    let (shown, _) = mandoc(&["-T", "ascii"]);
    // Bold is a character printed over itself.
    let mut plain = String::new();
    for character in shown.chars() {
        match character {
            '\u{8}' => _ = plain.pop(),
            character => plain.push(character),
        }
    }
    let definition = cli::command();
    let options =
        definition.get_arguments().filter(|option| !option.is_positional()).map(|option| names(option)[0].clone());
    let names = options.chain(COMMANDS.iter().map(|signature| signature.name().to_owned()));
    let missing: Vec<String> =
        names.filter(|name| !plain.lines().any(|line| line.trim_start().starts_with(name))).collect();
    assert_eq!(missing, Vec::<String>::new());
}

fn page() -> String {
    let mut head = Roff::new();
    head.control("TH", ["SFTPSH", "1", DATE, concat!("sftpsh ", env!("CARGO_PKG_VERSION")), "User Commands"]);
    head.control("SH", ["NAME"]);
    let mut definition = cli::command();
    definition.build();
    let about = definition.get_about().map(ToString::to_string).unwrap_or_default();
    head.text([roman(format!("sftpsh - {}", lower_first(&about)))]);
    head.control("SH", ["SYNOPSIS"]);
    for line in
        ["[OPTIONS] DESTINATION [LOCAL]", "[OPTIONS] DESTINATION -- COMMAND [ARGUMENT]...", "[OPTIONS] -D COMMAND"]
    {
        head.text([bold("sftpsh"), roman(" "), italic(line)]);
        head.control("br", []);
    }
    let mut options = Roff::new();
    options.control("SH", ["OPTIONS"]);
    flags(&mut options, definition.get_arguments());
    let mut commands = Roff::new();
    commands.control("SH", ["COMMANDS"]);
    COMMANDS.iter().for_each(|signature| command(&mut commands, signature));
    let part = |name: &str| std::fs::read_to_string(path("man/parts").join(name)).unwrap();
    let head = head.to_roff().trim_end_matches(".br\n").to_owned();
    [
        format!(".\\\" Generated from the definitions in src/ and the texts in man/parts/: {REWRITE}\n"),
        head,
        part("description.roff"),
        options.to_roff(),
        part("lines.roff"),
        commands.to_roff(),
        part("rest.roff"),
    ]
    .concat()
}

/// Writes a command as a subsection: synopsis, description, flags and examples.
fn command(roff: &mut Roff, signature: &Signature) {
    let mut definition = signature.definition();
    definition.build();
    roff.control("SS", [synopsis(signature).as_str()]);
    let whole = definition.get_long_about().or(definition.get_about()).map(ToString::to_string).unwrap_or_default();
    for (index, paragraph) in whole.split("\n\n").enumerate() {
        if index > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(sentence(paragraph))]);
    }
    if let [_, others @ ..] = signature.names
        && !others.is_empty()
    {
        roff.control("PP", []);
        roff.text([roman("Other names: "), bold(others.join(", ")), roman(".")]);
    }
    flags(roff, definition.get_arguments());
    for example in signature.examples {
        roff.control("TP", []);
        roff.text([roman("Example: "), bold(example.line)]);
        roff.text([roman(sentence(&upper_first(example.does)))]);
    }
}

/// Flags as a list of tagged paragraphs.
fn flags<'a>(roff: &mut Roff, arguments: impl Iterator<Item = &'a Arg>) {
    for flag in arguments.filter(|argument| !argument.is_positional() && !argument.is_hide_set()) {
        roff.control("TP", []);
        let mut tag: Vec<Inline> = Vec::new();
        for name in names(flag) {
            if !tag.is_empty() {
                tag.push(roman(", "));
            }
            tag.push(bold(name));
        }
        let has_value = flag.get_num_args().is_some_and(|count| count.takes_values());
        if has_value {
            let value = flag.get_value_names().and_then(<[_]>::first).map(ToString::to_string).unwrap_or_default();
            let is_optional = flag.is_require_equals_set();
            tag.push(roman(if is_optional { "[=" } else { " " }));
            tag.push(italic(value));
            tag.extend(is_optional.then(|| roman("]")));
        }
        roff.text(tag);
        let help = flag.get_long_help().or(flag.get_help()).map(ToString::to_string).unwrap_or_default();
        let values: Vec<String> = flag.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        let values = match has_value && !values.is_empty() {
            true => format!(" Possible values: {}.", values.join(", ")),
            false => String::new(),
        };
        roff.text([roman(format!("{}{values}", sentence(&help)))]);
    }
}

fn names(flag: &Arg) -> Vec<String> {
    let short = flag.get_short().map(|short| format!("-{short}"));
    short.into_iter().chain(flag.get_long().map(|long| format!("--{long}"))).collect()
}

/// Returns one line with a full stop at its end.
fn sentence(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.ends_with(['.', ':', '?', '!']) { line } else { line + "." }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}

fn upper_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
