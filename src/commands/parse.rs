//! Parses words to a command.
//!
//! clap parses the arguments; it neither prints nor exits, and its errors are reported in sftp(1)'s words. Flags are
//! sorted out before, by the [roles](Role) of the words. As in sftp(1), excess operands are ignored.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::commands::argument::kinds;
use crate::commands::command_names::{find, unknown};
use crate::commands::help::Help;
use crate::commands::roles::Role;
use crate::commands::signature::{Signature, takes_many};
use crate::commands::{ArgumentKind, Command, Failure, Word};
use crate::name::InvalidName;
use crate::terminal::Printable;

/// Parses a line that was split into words, the first of which is the command's name.
///
/// # Errors
/// There is no such command, or a flag or an argument is invalid.
pub fn parse(words: &[Word]) -> Result<Command, Failure> {
    let (name, arguments) = words.split_first().ok_or_else(|| Failure::new("Invalid command."))?;
    let name = name.plain();
    let name = String::from_utf8_lossy(&name);
    let signature = find(&name).ok_or_else(|| unknown(&name))?;
    parse_arguments(signature, &name, arguments)
}

/// Parses a line whose rest is for a local shell: `!…` and `lls …`. Such a line must not be split, because the
/// shell's quoting differs from ours. Returns `None` for any other line.
///
/// # Errors
/// The line contains a NUL byte, which can't be passed to a program.
#[must_use]
pub fn parse_raw(line: &[u8]) -> Option<Result<Command, Failure>> {
    let (signature, name, rest) = split_raw(line)?;
    let rest = rest.trim_ascii();
    let rest = (!rest.is_empty()).then(|| Word::literal(rest));
    Some(parse_arguments(signature, name, rest.as_slice()))
}

/// Returns the part of a line that is for a local shell: `ls x` of `!ls x`, ` -l` of `lls -l`. `None` for any other
/// line.
#[must_use]
pub fn shell_part(line: &[u8]) -> Option<&[u8]> {
    split_raw(line).map(|(_, _, rest)| rest)
}

fn split_raw(line: &[u8]) -> Option<(&'static Signature, &str, &[u8])> {
    let line = line.trim_ascii_start();
    let name_end = match line.first()? {
        b'!' => 1,
        _ => line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len()),
    };
    let (name, rest) = line.split_at(name_end);
    let name = std::str::from_utf8(name).ok()?;
    let signature = find(name).filter(|signature| signature.takes_rest_of_line)?;
    Some((signature, name, rest))
}

fn parse_arguments(signature: &'static Signature, name: &str, words: &[Word]) -> Result<Command, Failure> {
    if words.iter().any(|word| word.glob().contains(&0)) {
        return Err(Failure::new(format!("{name}: {}", InvalidName::Nul)));
    }
    if !signature.takes_rest_of_line && words.first().is_some_and(|word| word.plain() == b"--help") {
        return Ok(Command::Help(Help::of(signature)));
    }
    let definition = signature.definition();
    let takes_all = signature.takes_rest_of_line || signature.takes_command && is_command(words);
    let arguments = if takes_all {
        std::iter::once(OsString::from("--")).chain(words.iter().map(Word::to_argument)).collect()
    } else {
        sort_out(signature, &definition, name, words)?
    };
    definition
        .try_get_matches_from(arguments)
        .and_then(|matches| (signature.build)(&matches))
        .map_err(|error| objection(signature, name, &error))
}

/// Returns whether words begin with a name and not with a flag.
fn is_command(words: &[Word]) -> bool {
    words.first().is_some_and(|first| !first.glob().starts_with(b"-"))
}

/// Returns the words in the order for clap: all flags, then `--`, then the operands.
fn sort_out(
    signature: &Signature,
    definition: &clap::Command,
    name: &str,
    words: &[Word],
) -> Result<Vec<OsString>, Failure> {
    let (mut flags, mut operands): (Vec<OsString>, Vec<OsString>) = (Vec::new(), Vec::new());
    let mut lacks_value = None;
    for (word, role) in words.iter().zip(signature.roles(words)) {
        lacks_value = None;
        match role {
            Role::End => {}
            Role::Flags { has_one_dash, wants_value } => {
                // A value in the same word stays in glob syntax, like one in a word of its own.
                let dash: &[u8] = if has_one_dash { b"-" } else { b"" };
                flags.push(OsString::from_vec([dash, word.glob()].concat()));
                lacks_value = wants_value;
            }
            Role::Value => flags.push(word.to_argument()),
            Role::UnknownFlag(flag) => return Err(unknown_flag(signature, definition, name, &word.plain(), &flag)),
            Role::Operand(_) => operands.push(word.to_argument()),
        }
    }
    if let Some(flag) = definition.get_arguments().find(|flag| Some(flag.get_id()) == lacks_value.as_ref()) {
        return Err(missing_value(name, flag));
    }
    if !definition.get_positionals().any(takes_many) {
        operands.truncate(definition.get_positionals().count());
    }
    flags.push("--".into());
    flags.append(&mut operands);
    Ok(flags)
}

fn unknown_flag(signature: &Signature, definition: &clap::Command, name: &str, word: &[u8], flag: &str) -> Failure {
    if signature.refuses_late_flags {
        return invalid_flag(definition, name, &Printable(word).to_string());
    }
    let failure = invalid_flag(definition, name, flag);
    if is_symbolic_mode(definition, word) { failure.with_hint(NAMELESS_MODE) } else { failure }
}

/// The hint for `chmod -x`, where sftp(1) expects flags.
const NAMELESS_MODE: &str = "to remove a permission, name whose, as in a-x or go-w";

/// Returns whether a word that begins like a flag would be a symbolic mode: `-x`.
fn is_symbolic_mode(definition: &clap::Command, word: &[u8]) -> bool {
    let first = definition.get_positionals().next();
    let takes_mode = first.is_some_and(|argument| kinds(argument, 0) == [ArgumentKind::Mode]);
    takes_mode && crate::mode::Change::read(word).is_some()
}

fn invalid_flag(definition: &clap::Command, name: &str, flag: &str) -> Failure {
    let known: Vec<String> = definition
        .get_arguments()
        .filter(|argument| !argument.is_positional())
        .map(|argument| match (argument.get_short(), argument.get_long()) {
            (Some(short), Some(long)) => format!("-{short} (--{long})"),
            (Some(short), None) => format!("-{short}"),
            (None, long) => format!("--{}", long.unwrap_or_default()),
        })
        .collect();
    let failure = Failure::new(format!("{name}: Invalid flag {flag}"));
    match known.is_empty() {
        true => failure.with_hint(format!("{name} takes no flags; write -- before a name that begins with a dash")),
        false => failure.with_hint(format!("{name} knows {}", known.join(" "))),
    }
}

/// Translates clap's error to sftp(1)'s words.
fn objection(signature: &Signature, name: &str, error: &clap::Error) -> Failure {
    let mut definition = signature.definition();
    // Only then do the arguments have the form in which clap's errors name them.
    definition.build();
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.first().cloned().unwrap_or_default(),
        _ => String::new(),
    };
    match error.kind() {
        ErrorKind::MissingRequiredArgument => {
            let missing = text(ContextKind::InvalidArg);
            let first = definition.get_positionals().find(|argument| argument.to_string() == missing);
            missing_argument(signature, name, first)
        }
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let argument = argument_named(&definition, &text(ContextKind::InvalidArg));
            let value = Word::from_argument(text(ContextKind::InvalidValue).as_ref()).plain();
            let why = match (error.get(ContextKind::Custom), std::error::Error::source(error)) {
                (Some(ContextValue::String(why)), _) => why.clone(),
                (_, Some(why)) => why.to_string(),
                _ => argument.and_then(one_of).unwrap_or_default(),
            };
            match argument {
                Some(argument) if argument.is_positional() && is_number(argument) => {
                    missing_argument(signature, name, Some(argument)).with_hint(why)
                }
                _ => Failure::new(format!("{name}: {}\"{}\": {why}", label(argument), Printable(&value))),
            }
        }
        ErrorKind::ArgumentConflict => {
            let flags = [text(ContextKind::InvalidArg), text(ContextKind::PriorArg)];
            let [one, other] = flags.map(|shown| argument_named(&definition, &shown).map_or(shown, flag_name));
            Failure::new(format!("{name}: {other} and {one} contradict each other; give one of them"))
        }
        _ => Failure::new(format!("{name}: {}", Printable(error.kind().to_string().as_bytes()))),
    }
}

/// Returns the argument that clap displays as `shown`: `--max-depth <depth>`.
fn argument_named<'a>(definition: &'a clap::Command, shown: &str) -> Option<&'a clap::Arg> {
    definition.get_arguments().find(|argument| argument.to_string() == shown || argument.get_id() == shown)
}

/// Returns a flag as typed: its long name, or its letter if it has none.
pub(super) fn flag_name(argument: &clap::Arg) -> String {
    match (argument.get_long(), argument.get_short()) {
        (None, Some(short)) => format!("-{short}"),
        (long, _) => format!("--{}", long.unwrap_or_default()),
    }
}

/// Returns the prefix of a value in a message: its flag, or nothing for an operand.
fn label(argument: Option<&clap::Arg>) -> String {
    argument.filter(|argument| !argument.is_positional()).map_or_else(String::new, |flag| flag_name(flag) + " ")
}

/// Returns the words that a flag takes as its value; empty if it takes any.
pub(super) fn values(flag: &clap::Arg) -> Vec<String> {
    flag.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect()
}

/// Returns the words that a flag accepts as values: `it must be one of skip, newer`.
fn one_of(argument: &clap::Arg) -> Option<String> {
    let values = values(argument);
    (!values.is_empty()).then(|| format!("it must be one of {}", values.join(", ")))
}

/// Returns the failure for a flag at the end of the line without its value.
fn missing_value(name: &str, flag: &clap::Arg) -> Failure {
    let values = || flag.get_value_names().unwrap_or_default().join(" ");
    Failure::new(format!("{name}: {} needs a value: {}", flag_name(flag), one_of(flag).unwrap_or_else(values)))
}

fn missing_argument(signature: &Signature, name: &str, argument: Option<&clap::Arg>) -> Failure {
    match argument {
        Some(argument) if is_number(argument) => {
            Failure::new(format!("You must supply a numeric argument to the {name} command."))
        }
        _ => {
            let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
            Failure::new(format!("You must specify {} after {article} {name} command.", signature.required_phrase))
        }
    }
}

fn is_number(argument: &clap::Arg) -> bool {
    matches!(kinds(argument, 0), [ArgumentKind::Id | ArgumentKind::Mode])
}
