//! The flags of `get` and `put` that select entries of a tree.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Arg, ArgAction, ArgMatches, FromArgMatches, value_parser};

use crate::commands::{Context, Failure, LocalPathArg, Moment, NamePattern, Size};
use crate::os_error;
use crate::sticky;
use crate::terminal::Printable;
use crate::transfer::{RulesBuilder, Selection};

/// The filters of a command line. Patterns keep the order in which they were typed, across flags, so clap's derive
/// can't parse them.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters {
    rules: Vec<Rule>,
    newer_than: Option<Moment>,
    max_size: Option<Size>,
}

#[derive(Clone, Debug)]
enum Rule {
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
            Arg::new(name).long(name).value_name(value).help(help)
        };
        command
            .arg(
                flag(EXCLUDE, "pattern", "Skip what matches this pattern of .gitignore; the last match decides")
                    .value_parser(value_parser!(NamePattern))
                    .action(ArgAction::Append),
            )
            .arg(
                flag(INCLUDE, "pattern", "Take what matches, even if an earlier --exclude skips it")
                    .value_parser(value_parser!(NamePattern))
                    .action(ArgAction::Append),
            )
            .arg(
                flag(EXCLUDE_FROM, "file", "Read patterns from a file in the format of .gitignore")
                    .value_parser(value_parser!(LocalPathArg))
                    .action(ArgAction::Append),
            )
            .arg(
                flag(
                    NEWER_THAN,
                    "time|file",
                    "Skip files not modified since a time (2d, 2026-11-01) or since a local file",
                )
                .value_parser(value_parser!(Moment)),
            )
            .arg(flag(MAX_SIZE, "size", "Skip files larger than this, such as 5M").value_parser(value_parser!(Size)))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Filters {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Filters, clap::Error> {
        let mut rules: Vec<(usize, Rule)> = Vec::new();
        rules.extend(placed(matches, EXCLUDE, |NamePattern(pattern)| Rule::Exclude(pattern)));
        rules.extend(placed(matches, INCLUDE, |NamePattern(pattern)| Rule::Include(pattern)));
        rules.extend(placed(matches, EXCLUDE_FROM, |LocalPathArg(file)| Rule::From(file)));
        rules.sort_by_key(|(place, _)| *place);
        Ok(Filters {
            rules: rules.into_iter().map(|(_, rule)| rule).collect(),
            newer_than: matches.get_one(NEWER_THAN).cloned(),
            max_size: matches.get_one(MAX_SIZE).copied(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Filters::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Returns the values of a flag, each with its position among all words.
fn placed<T: Clone + Send + Sync + 'static>(
    matches: &ArgMatches,
    flag: &str,
    rule: impl Fn(T) -> Rule,
) -> impl Iterator<Item = (usize, Rule)> {
    let values = matches.get_many(flag).unwrap_or_default().cloned().map(rule);
    matches.indices_of(flag).into_iter().flatten().zip(values)
}

impl Filters {
    /// Returns the selection that the filters make.
    ///
    /// # Errors
    /// A pattern is invalid, or a file can't be read.
    pub(super) fn selection(&self, cx: &Context) -> Result<Selection, Failure> {
        let newer_than = self.newer_than.as_ref().map(|moment| moment.seconds(NEWER_THAN, &cx.local)).transpose()?;
        let most_bytes = self.max_size.map(|Size(bytes)| bytes);
        if self.rules.is_empty() {
            return Ok(Selection { rules: None, newer_than, most_bytes });
        }
        let mut builder = RulesBuilder::new();
        for rule in &self.rules {
            rule.add_to(&mut builder, cx)?;
        }
        let rules = builder.build().map_err(|why| Failure::new(Printable(why.as_bytes()).to_string()))?;
        Ok(Selection { rules: Some(Arc::new(rules)), newer_than, most_bytes })
    }
}

impl Rule {
    fn add_to(&self, builder: &mut RulesBuilder, cx: &Context) -> Result<(), Failure> {
        let invalid = |flag: &str, pattern: &[u8], why: String| {
            Failure::new(format!("--{flag} \"{}\": {}", Printable(pattern), Printable(why.as_bytes())))
        };
        match self {
            Rule::Exclude(pattern) => builder.exclude(pattern).map_err(|why| invalid(EXCLUDE, pattern, why)),
            Rule::Include(pattern) => builder.include(pattern).map_err(|why| invalid(INCLUDE, pattern, why)),
            Rule::From(path) => {
                let shown = path.as_os_str().as_encoded_bytes();
                let contents = sticky::read(&cx.local.resolve(path))
                    .map_err(|error| invalid(EXCLUDE_FROM, shown, os_error::text(&error)))?;
                builder
                    .file(&contents)
                    .map_err(|(line, why)| invalid(EXCLUDE_FROM, shown, format!("line {line}: {why}")))
            }
        }
    }
}
