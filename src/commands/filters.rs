//! The flags of `get` and `put` that say which entries of a tree are moved.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Arg, ArgAction, ArgMatches, FromArgMatches, value_parser};
use jiff::{Span, Timestamp, ZonedDateTime, civil};

use super::{Context, Failure, Word, home};
use crate::cli::scaled_number;
use crate::os_error;
use crate::sticky;
use crate::terminal::Printable;
use crate::transfer::{RulesBuilder, Selection};

/// What was asked to be left out. Patterns keep the order in which they were typed, whichever flag gave them, so clap's
/// derive can't read them.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters {
    patterns: Vec<Given>,
    newer_than: Option<Vec<u8>>,
    most_bytes: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
enum Given {
    Exclude(Vec<u8>),
    Include(Vec<u8>),
    From(PathBuf),
}

const EXCLUDE: &str = "exclude";
const INCLUDE: &str = "include";
const EXCLUDE_FROM: &str = "exclude-from";
const NEWER_THAN: &str = "newer-than";
const MAX_SIZE: &str = "max-size";

impl clap::Args for Filters {
    fn augment_args(command: clap::Command) -> clap::Command {
        let flag = |name: &'static str, value: &'static str, help: &'static str| {
            Arg::new(name).long(name).value_name(value).help(help).value_parser(value_parser!(OsString))
        };
        command
            .arg(
                flag(EXCLUDE, "pattern", "Skip what matches this pattern of .gitignore; the last match decides")
                    .action(ArgAction::Append),
            )
            .arg(
                flag(INCLUDE, "pattern", "Take what matches, even if an earlier --exclude skips it")
                    .action(ArgAction::Append),
            )
            .arg(
                flag(EXCLUDE_FROM, "file", "Read patterns from a file in the format of .gitignore")
                    .action(ArgAction::Append),
            )
            .arg(flag(
                NEWER_THAN,
                "time|file",
                "Skip files not modified since a time (2d, 2026-11-01) or since a local file",
            ))
            .arg(flag(MAX_SIZE, "size", "Skip files larger than this, such as 5M"))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Filters {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Filters, clap::Error> {
        let mut patterns: Vec<(usize, Given)> = Vec::new();
        for name in [EXCLUDE, INCLUDE, EXCLUDE_FROM] {
            let words = matches.get_many::<OsString>(name).unwrap_or_default().map(|word| Word::from_argument(word));
            let places = matches.indices_of(name).into_iter().flatten();
            patterns.extend(places.zip(words.map(|word| match name {
                // The value is a pattern whether or not it was quoted: quotes keep it from other readers.
                EXCLUDE => Given::Exclude(word.plain()),
                INCLUDE => Given::Include(word.plain()),
                _ => Given::From(path(&home::expand(&word).plain())),
            })));
        }
        patterns.sort_by_key(|(place, _)| *place);
        let last = |name| matches.get_one::<OsString>(name).map(|word| Word::from_argument(word).plain());
        Ok(Filters {
            patterns: patterns.into_iter().map(|(_, given)| given).collect(),
            newer_than: matches.get_one(NEWER_THAN).map(|word: &OsString| local(word)),
            most_bytes: last(MAX_SIZE),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Filters::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Filters {
    /// What is moved, then.
    ///
    /// # Errors
    /// A pattern, time or size that is none, or a file that can't be read.
    pub(super) fn selection(&self, cx: &Context) -> Result<Selection, Failure> {
        let newer_than = self.newer_than.as_ref().map(|text| moment(cx, text)).transpose()?;
        let most_bytes = self.most_bytes.as_ref().map(|text| size(MAX_SIZE, text)).transpose()?;
        if self.patterns.is_empty() {
            return Ok(Selection { rules: None, newer_than, most_bytes });
        }
        let mut builder = RulesBuilder::new();
        for given in &self.patterns {
            given.add_to(&mut builder, cx)?;
        }
        let rules = builder.build().map_err(|why| Failure::new(Printable(why.as_bytes()).to_string()))?;
        Ok(Selection { rules: Some(Arc::new(rules)), newer_than, most_bytes })
    }
}

impl Given {
    fn add_to(&self, builder: &mut RulesBuilder, cx: &Context) -> Result<(), Failure> {
        let unfit = |flag: &str, pattern: &[u8], why: String| {
            Failure::new(format!("--{flag} \"{}\": {}", Printable(pattern), Printable(why.as_bytes())))
        };
        match self {
            Given::Exclude(pattern) => builder.exclude(pattern).map_err(|why| unfit(EXCLUDE, pattern, why)),
            Given::Include(pattern) => builder.include(pattern).map_err(|why| unfit(INCLUDE, pattern, why)),
            Given::From(path) => {
                let shown = path.as_os_str().as_encoded_bytes();
                let contents = sticky::read(&cx.local.resolve(path))
                    .map_err(|error| unfit(EXCLUDE_FROM, shown, os_error::text(&error)))?;
                builder.file(&contents).map_err(|(line, why)| unfit(EXCLUDE_FROM, shown, format!("line {line}: {why}")))
            }
        }
    }
}

/// A value that may be a local path.
pub(super) fn local(value: &OsString) -> Vec<u8> {
    home::expand(&Word::from_argument(value)).plain()
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes))
}

pub(super) fn size(flag: &str, text: &[u8]) -> Result<u64, Failure> {
    let size = std::str::from_utf8(text).ok().and_then(scaled_number);
    size.ok_or_else(|| Failure::new(format!("--{flag} \"{}\": a size is a number, as 5M or 300K", Printable(text))))
}

/// A moment in seconds since 1970: a time, or when a local file was changed.
pub(super) fn moment(cx: &Context, text: &[u8]) -> Result<i64, Failure> {
    if let Some(moment) = std::str::from_utf8(text).ok().and_then(|text| time(text, &ZonedDateTime::now())) {
        return Ok(moment);
    }
    let metadata = fs::metadata(cx.local.resolve(path(text))).map_err(|error| {
        let line =
            format!("--{NEWER_THAN} \"{}\": neither a time nor a file: {}", Printable(text), os_error::text(&error));
        Failure::new(line)
            .with_hint("a time is an age, such as 2d or 1h30m, or a date, such as 2026-11-01 or 2026-11-01T12:00")
    })?;
    Ok(metadata.mtime())
}

/// What a time means: an age, a moment with its offset, or a date here.
fn time(text: &str, now: &ZonedDateTime) -> Option<i64> {
    if let Ok(age) = text.parse::<Span>() {
        return Some(now.checked_sub(age.abs()).ok()?.timestamp().as_second());
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment.as_second());
    }
    let here: civil::DateTime = text.parse().ok()?;
    Some(here.to_zoned_datetime(now.time_zone().clone()).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_ages_or_dates() {
        let now = civil::date(2026, 11, 24).at(12, 0, 0, 0).to_zoned_datetime(jiff::tz::TimeZone::UTC).unwrap();
        let ago = |seconds| Some(now.timestamp().as_second() - seconds);
        for (text, moment) in [
            ("2d", ago(2 * 86400)),
            ("1h30m", ago(5400)),
            ("90s", ago(90)),
            ("1w", ago(7 * 86400)),
            ("2026-11-24", ago(12 * 3600)),
            ("2026-11-24T11:00", ago(3600)),
            ("2026-11-24 11:00:30", ago(3570)),
            ("2026-11-24T13:00:00+02:00", ago(3600)),
            ("notes.txt", None),
            ("", None),
            ("7", None),
        ] {
            assert_eq!(time(text, &now), moment, "{text}");
        }
    }
}
