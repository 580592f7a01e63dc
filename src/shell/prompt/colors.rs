//! The colours of a line while it is typed: its faults, as far as they are known without the server, and its
//! wildcards.

use std::fs;
use std::ops::Range;
use std::path::Path;

use nu_ansi_term::Color;

use crate::commands::{ArgumentKind, Quoting, Role, Signature, Word, find, names, shell_part};
use crate::remote::glob::Pattern;
use crate::shell::complete::at_home;
use crate::shell::line::Line;
use crate::shell::prompt::commands::commands;
use crate::shell::words::{Partial, split_open};
use crate::terminal::Painted;

/// The entries of a local directory that are compared with the beginning of a name. If it has more, the name may be
/// there.
const MOST_ENTRIES: usize = 10_000;

/// A longer text has no colours, so that each key is answered at once.
const LONGEST_TEXT: usize = 4096;

/// A part of a line that has a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The command can't succeed with it.
    Fault,
    /// A character of a pattern.
    Wildcard,
}

/// Returns the marked parts of a text in their order, for a local working directory and the names of aliases.
pub(super) fn marks(text: &str, local: &Path, aliases: &[String]) -> Vec<(Range<usize>, Mark)> {
    if text.len() > LONGEST_TEXT {
        return Vec::new();
    }
    let (complete, open) = commands(text);
    let marks = complete.iter().chain(&open).flat_map(|command| {
        let written = &text[command.span.clone()];
        let start = command.span.start;
        marks_of_command(written, local, aliases)
            .into_iter()
            .map(move |(span, mark)| (start + span.start..start + span.end, mark))
    });
    marks.collect()
}

/// Returns a text with its marks.
pub(super) fn painted(text: &str, marks: &[(Range<usize>, Mark)]) -> String {
    let mut shown = String::new();
    let mut end = 0;
    for (span, mark) in marks {
        let style = match mark {
            Mark::Fault => Color::Red.normal(),
            Mark::Wildcard => Color::Cyan.normal(),
        };
        shown.push_str(&text[end..span.start]);
        shown.push_str(&Painted::new(&text[span.clone()], style).to_string());
        end = span.end;
    }
    shown + &text[end..]
}

/// A word of a command.
struct Typed {
    word: Word,
    /// True if it ends with the text, so that its end is probably not typed yet.
    may_grow: bool,
}

/// Returns the marks of one command.
fn marks_of_command(text: &str, local: &Path, aliases: &[String]) -> Vec<(Range<usize>, Mark)> {
    let line = Line::parse(text.as_bytes());
    let words = if shell_part(line.command).is_some() { Vec::new() } else { words_of(line.command) };
    let Some((name, arguments)) = words.split_first() else { return Vec::new() };
    let plain = name.word.plain();
    let begins_one =
        || names().any(|known| begins(known, &name.word)) || aliases.iter().any(|known| begins(known, &name.word));
    let mut marks = match str::from_utf8(&plain).ok().and_then(find) {
        // Its arguments are for a line that is not here.
        _ if aliases.iter().any(|alias| alias.as_bytes() == plain) => Vec::new(),
        Some(signature) => marks_of_arguments(signature, arguments, local),
        None if name.may_grow && begins_one() => Vec::new(),
        None => vec![(name.word.span(), Mark::Fault)],
    };
    if let Some(word) = words.last().map(|last| &last.word).filter(|word| word.quoting() != Quoting::Bare) {
        marks.retain(|(span, _)| span.end <= word.opened_at());
        marks.push((word.opened_at()..word.opened_at() + 1, Mark::Fault));
    }
    marks.into_iter().map(|(span, mark)| (line.offset + span.start..line.offset + span.end, mark)).collect()
}

fn words_of(command: &[u8]) -> Vec<Typed> {
    let Partial { words, open } = split_open(command);
    let words = words.into_iter().map(|word| Typed { word, may_grow: false });
    let open = open.filter(|word| !word.span().is_empty()).map(|word| Typed { word, may_grow: true });
    words.chain(open).collect()
}

/// Returns whether a name begins with a word, in any case.
fn begins(name: &str, word: &Word) -> bool {
    name.as_bytes().starts_with(&word.plain().to_ascii_lowercase())
}

fn marks_of_arguments(signature: &Signature, arguments: &[Typed], local: &Path) -> Vec<(Range<usize>, Mark)> {
    let words: Vec<Word> = arguments.iter().map(|argument| argument.word.clone()).collect();
    let roles = signature.roles(&words);
    let operands = roles.iter().filter(|role| matches!(role, Role::Operand(_))).count();
    let mut marks = Vec::new();
    for (Typed { word, may_grow }, role) in arguments.iter().zip(roles) {
        let is_fault = match role {
            Role::UnknownFlag(_) => !(*may_grow && signature.has_flag_that_begins(&word.plain())),
            Role::Operand(index) => {
                is_local_source(signature.operand_kinds(index), index + 1 < operands)
                    && is_missing(word, *may_grow, local)
            }
            Role::Flags { .. } | Role::Value | Role::End => false,
        };
        if is_fault {
            marks.push((word.span(), Mark::Fault));
        } else if matches!(role, Role::Operand(index) if takes_pattern(signature.operand_kinds(index))) {
            marks.extend(word.wildcards().iter().map(|&at| (at..at + 1, Mark::Wildcard)));
        }
    }
    marks
}

fn takes_pattern(kinds: &[ArgumentKind]) -> bool {
    kinds.iter().any(|kind| matches!(kind, ArgumentKind::RemotePattern | ArgumentKind::LocalPattern))
}

/// Returns whether an operand is a local file or directory that must exist. If it may also be the target, which is
/// last, it is one before another operand.
fn is_local_source(kinds: &[ArgumentKind], is_before_another: bool) -> bool {
    let is_source = |kind: &ArgumentKind| matches!(kind, ArgumentKind::LocalPattern | ArgumentKind::LocalDir);
    kinds.first().is_some_and(is_source) || is_before_another && kinds.iter().any(is_source)
}

/// Returns whether there is no local file of this name, and none whose name begins so if the name may grow.
fn is_missing(word: &Word, may_grow: bool, local: &Path) -> bool {
    let Some(path) = Pattern::parse(word.glob()).literal() else { return false };
    if path == b"-" || word.begins_with_bare_tilde() && !path.starts_with(b"~/") {
        return false;
    }
    let path = local.join(at_home(&path, word.begins_with_bare_tilde()));
    fs::symlink_metadata(&path).is_err() && !(may_grow && begins_an_entry(&path))
}

fn begins_an_entry(path: &Path) -> bool {
    let (Some(directory), Some(begun)) = (path.parent(), path.file_name()) else { return true };
    let Ok(entries) = fs::read_dir(directory) else { return false };
    let mut names = entries.flatten().map(|entry| entry.file_name());
    let begins = |name: std::ffi::OsString| name.as_encoded_bytes().starts_with(begun.as_encoded_bytes());
    names.by_ref().take(MOST_ENTRIES).any(begins) || names.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_and_wildcards_have_colours() {
        let here = tempfile::tempdir().unwrap();
        fs::write(here.path().join("notes"), "").unwrap();
        fs::write(here.path().join("a b"), "").unwrap();
        fs::create_dir(here.path().join("log")).unwrap();
        for (text, faults, wildcards) in [
            ("ls", &[][..], &[][..]),
            ("g", &[], &[]),
            ("gx", &["gx"], &[]),
            ("ge ", &["ge"], &[]),
            ("ll -Q *", &[], &[]),
            ("llx", &["llx"], &[]),
            ("-@GET x", &[], &[]),
            ("ls -", &[], &[]),
            ("ls -l", &[], &[]),
            ("ls -Q", &["-Q"], &[]),
            ("ls --js", &[], &[]),
            ("ls --js x", &["--js"], &[]),
            ("find . -na", &[], &[]),
            ("find . -newer-than 1d", &[], &[]),
            ("rename old -new", &[], &[]),
            ("get *.[ab] '*' \\* x]", &[], &["*", "[", "]"]),
            ("cd a*", &[], &[]),
            ("put n", &[], &[]),
            ("put x", &["x"], &[]),
            ("put no ", &["no"], &[]),
            ("put notes ", &[], &[]),
            ("put a\\ b x", &[], &[]),
            ("put log/x", &["log/x"], &[]),
            ("put nowhere/x", &["nowhere/x"], &[]),
            ("put notes there", &[], &[]),
            ("put notes x there", &["x"], &[]),
            ("put n*", &[], &["*"]),
            ("put ~ ", &[], &[]),
            ("put ~/no-such-file-here ", &["~/no-such-file-here"], &[]),
            ("put -- -x ", &["-x"], &[]),
            ("lcd lo", &[], &[]),
            ("lcd x", &["x"], &[]),
            ("lmkdir x ", &[], &[]),
            ("get x y ", &[], &[]),
            ("get 'a b", &["'"], &[]),
            ("put 'x y", &["'"], &[]),
            ("get a\\", &["\\"], &[]),
            ("!frobnicate 'x", &[], &[]),
            ("lls x", &[], &[]),
            ("# gx", &[], &[]),
            ("gx\nls\nput 'x\n", &["gx", "'"], &[]),
            ("\u{e4} *", &["\u{e4}"], &[]),
        ] {
            let marks = marks(text, here.path(), &["ll".to_owned()]);
            let of = |wanted: Mark| -> Vec<&str> {
                marks.iter().filter(|(_, mark)| *mark == wanted).map(|(span, _)| &text[span.clone()]).collect()
            };
            assert_eq!((of(Mark::Fault), of(Mark::Wildcard)), (faults.to_vec(), wildcards.to_vec()), "{text:?}");
        }
    }

    #[test]
    fn colours_change_no_character() {
        let marks = [(0..2, Mark::Fault), (3..4, Mark::Wildcard)];
        assert_eq!(painted("gx *\u{e4}", &marks), "\u{1b}[31mgx\u{1b}[0m \u{1b}[36m*\u{1b}[0m\u{e4}");
        assert_eq!(painted("ls", &[]), "ls");
    }
}
