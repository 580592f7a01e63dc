//! The conditions of `find`, in the order in which they were typed.

use clap::{Arg, ArgAction, ArgMatches, FromArgMatches, value_parser};

use crate::commands::{Context, Failure, Moment, NamePattern, RemotePathArg, SizeRange};
use crate::remote::Pattern;
use crate::sftp::{Attributes, FileType};

/// The conditions as typed. clap's derive can't parse them, because `-o` and `-not` depend on their place.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions(Vec<Token>);

#[derive(Clone, Debug)]
enum Token {
    Condition(Condition),
    Not,
    Or,
}

#[derive(Clone, Debug)]
enum Condition {
    Name(NamePattern),
    NameInAnyCase(NamePattern),
    Type(Type),
    Size(SizeRange),
    NewerThan(Moment),
    Newer(RemotePathArg),
    Empty,
}

const NAME: &str = "name";
const NAME_IN_ANY_CASE: &str = "iname";
const TYPE: &str = "type";
const SIZE: &str = "size";
const NEWER_THAN: &str = "newer-than";
const NEWER: &str = "newer";
const EMPTY: &str = "empty";
const NOT: &str = "not";
const OR: &str = "or";

impl clap::Args for Conditions {
    fn augment_args(command: clap::Command) -> clap::Command {
        let valued = |name: &'static str, value: &'static str, help: &'static str| {
            Arg::new(name).long(name).value_name(value).help(help).action(ArgAction::Append)
        };
        let flag = |name: &'static str, help: &'static str| {
            let arg = Arg::new(name).long(name).help(help).action(ArgAction::Append);
            arg.num_args(0).default_missing_value("true").value_parser(value_parser!(bool))
        };
        command
            .arg(valued(NAME, "pattern", "Match the name against a pattern").value_parser(value_parser!(NamePattern)))
            .arg(
                valued(NAME_IN_ANY_CASE, "pattern", "Match the name against a pattern, ignoring case")
                    .value_parser(value_parser!(NamePattern)),
            )
            .arg(
                valued(TYPE, "type", "Match the type: f for files, d for directories, l for symbolic links")
                    .value_parser(value_parser!(Type)),
            )
            .arg(
                valued(SIZE, "size", "Match files of more than (+5M), less than (-300K) or exactly this size")
                    .value_parser(value_parser!(SizeRange)),
            )
            .arg(
                valued(
                    NEWER_THAN,
                    "time|file",
                    "Match what was modified since a time (2d, 2026-11-01) or since a local file",
                )
                .value_parser(value_parser!(Moment)),
            )
            .arg(
                valued(NEWER, "file", "Match what was modified after a remote file was")
                    .value_parser(value_parser!(RemotePathArg)),
            )
            .arg(flag(EMPTY, "Match empty files, and directories without entries"))
            .arg(flag(NOT, "Turn the next condition around"))
            .arg(flag(OR, "Take what matches the conditions before this word or those after it").short('o'))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Conditions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Conditions, clap::Error> {
        let mut tokens = Vec::new();
        tokens.extend(placed(matches, NAME, |pattern| Token::Condition(Condition::Name(pattern))));
        tokens.extend(placed(matches, NAME_IN_ANY_CASE, |pattern| Token::Condition(Condition::NameInAnyCase(pattern))));
        tokens.extend(placed(matches, TYPE, |letter| Token::Condition(Condition::Type(letter))));
        tokens.extend(placed(matches, SIZE, |range| Token::Condition(Condition::Size(range))));
        tokens.extend(placed(matches, NEWER_THAN, |moment| Token::Condition(Condition::NewerThan(moment))));
        tokens.extend(placed(matches, NEWER, |path| Token::Condition(Condition::Newer(path))));
        tokens.extend(placed(matches, EMPTY, |_: bool| Token::Condition(Condition::Empty)));
        tokens.extend(placed(matches, NOT, |_: bool| Token::Not));
        tokens.extend(placed(matches, OR, |_: bool| Token::Or));
        tokens.sort_by_key(|(place, _)| *place);
        Ok(Conditions(tokens.into_iter().map(|(_, token)| token).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Conditions::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Returns the values of a flag, each with its position among all words.
fn placed<T: Clone + Send + Sync + 'static>(
    matches: &ArgMatches,
    flag: &str,
    token: impl Fn(T) -> Token,
) -> impl Iterator<Item = (usize, Token)> {
    let values = matches.get_many(flag).unwrap_or_default().cloned().map(token);
    matches.indices_of(flag).into_iter().flatten().zip(values)
}

impl Conditions {
    /// Returns whether there is none, so that everything is found.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns what the conditions select.
    ///
    /// # Errors
    /// `-o` or `-not` has no condition, or a file to compare with can't be queried.
    pub(super) fn wanted(&self, cx: &Context) -> Result<Wanted, Failure> {
        let mut alternatives = Vec::new();
        for tokens in self.0.split(|token| matches!(token, Token::Or)) {
            if tokens.is_empty() && !self.0.is_empty() {
                return Err(Failure::new("find: -o needs a condition on each side"));
            }
            alternatives.push(checks(tokens, cx)?);
        }
        Ok(Wanted(alternatives))
    }
}

fn checks(tokens: &[Token], cx: &Context) -> Result<Vec<Check>, Failure> {
    let (mut checks, mut holds) = (Vec::new(), true);
    for token in tokens {
        match token {
            Token::Condition(condition) => {
                checks.push(Check { what: condition.what(cx)?, holds: std::mem::replace(&mut holds, true) });
            }
            Token::Not | Token::Or => holds = !holds,
        }
    }
    if holds { Ok(checks) } else { Err(Failure::new("find: -not needs a condition after it")) }
}

impl Condition {
    fn what(&self, cx: &Context) -> Result<What, Failure> {
        Ok(match self {
            Condition::Name(NamePattern(glob)) => What::Name(Pattern::parse(glob)),
            Condition::NameInAnyCase(NamePattern(glob)) => {
                What::LowercaseName(Pattern::parse(&glob.to_ascii_lowercase()))
            }
            Condition::Type(letter) => What::Type((*letter).into()),
            Condition::Size(range) => What::Size(*range),
            Condition::NewerThan(moment) => What::ModifiedAfter(moment.seconds(NEWER_THAN, &cx.local)?),
            Condition::Newer(path) => What::ModifiedAfter(modified(cx, path)?),
            Condition::Empty => What::Empty,
        })
    }
}

/// Returns when a remote file was modified, in seconds since 1970-01-01 UTC.
fn modified(cx: &Context, path: &RemotePathArg) -> Result<i64, Failure> {
    let path = cx.remote.resolve(&path.0);
    let attributes = cx.session().stat(&path);
    let attributes = attributes.map_err(|error| Failure::refused("stat remote", &error).about(path.as_bytes()))?;
    Ok(attributes.times.map_or(0, |times| i64::from(times.modified)))
}

/// The selection of a search: the entries for which all checks of one alternative are true.
pub(super) struct Wanted(Vec<Vec<Check>>);

struct Check {
    what: What,
    /// True if it must hold, false after `-not`.
    holds: bool,
}

enum What {
    Name(Pattern),
    LowercaseName(Pattern),
    Type(FileType),
    Size(SizeRange),
    ModifiedAfter(i64),
    Empty,
}

impl Wanted {
    /// Returns whether a check depends on a directory's entries.
    pub(super) fn depends_on_entries(&self) -> bool {
        self.0.iter().flatten().any(|check| matches!(check.what, What::Empty))
    }

    /// Returns whether an entry is selected. `has_entries` says whether a directory has some; for others it has no
    /// meaning.
    pub(super) fn is(&self, name: &[u8], attributes: &Attributes, has_entries: bool) -> bool {
        let is = |check: &Check| check.what.is(name, attributes, has_entries) == check.holds;
        self.0.iter().any(|checks| checks.iter().all(is))
    }
}

impl What {
    fn is(&self, name: &[u8], attributes: &Attributes, has_entries: bool) -> bool {
        let (size, file_type) = (attributes.size.unwrap_or(0), attributes.file_type());
        match self {
            What::Name(pattern) => pattern.matches(name),
            What::LowercaseName(pattern) => pattern.matches(&name.to_ascii_lowercase()),
            What::Type(wanted) => file_type == Some(*wanted),
            What::Size(range) => file_type == Some(FileType::Regular) && range.holds(size),
            What::ModifiedAfter(moment) => attributes.times.map_or(0, |times| i64::from(times.modified)) > *moment,
            What::Empty => match file_type {
                Some(FileType::Regular) => size == 0,
                Some(FileType::Directory) => !has_entries,
                _ => false,
            },
        }
    }
}

/// File types by letter, as in find(1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Type {
    /// Regular files.
    #[value(name = "f")]
    File,
    /// Directories.
    #[value(name = "d")]
    Directory,
    /// Symbolic links.
    #[value(name = "l")]
    Link,
}

impl From<Type> for FileType {
    fn from(letter: Type) -> FileType {
        match letter {
            Type::File => FileType::Regular,
            Type::Directory => FileType::Directory,
            Type::Link => FileType::Symlink,
        }
    }
}
