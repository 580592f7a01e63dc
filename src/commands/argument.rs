//! The types of arguments. Each says what it is made from and, by its [`ArgumentKind`], what completes it.
#![forbid(unsafe_code)]

use std::any::TypeId;
use std::ffi::OsStr;
use std::marker::PhantomData;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use clap::builder::{TypedValueParser, ValueParserFactory};
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Word;
use super::home;
use super::setting::Setting;
use crate::mode;
use crate::name::{self, UnfitName};
use crate::terminal::Printable;

/// What can stand in a place of a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArgumentKind {
    /// Remote files, by wildcards or by name.
    RemotePattern,
    /// One remote path.
    RemotePath,
    /// One remote directory.
    RemoteDir,
    /// Local files, by wildcards or by name.
    LocalPattern,
    /// One local path.
    LocalPath,
    /// One local directory.
    LocalDir,
    /// Permissions of files.
    Mode,
    /// A user or a group.
    Id,
    /// The name of a command.
    CommandName,
    /// What holds for the whole session.
    SettingName,
    /// What it is set to; which values there are depends on the word before.
    SettingValue,
    /// A line for a local shell.
    ShellLine,
    /// The first is a source on the server; each further one is a source or, if last, a local target.
    GetOperand,
    /// The first is a local source; each further one is a source or, if last, a target on the server.
    PutOperand,
}

/// A type that is made from a word.
pub trait Argument: Clone + Send + Sync + 'static {
    /// What completes it.
    const KIND: ArgumentKind;

    /// Reads the word.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    fn read(word: &Word) -> Result<Self, String>;
}

/// Has clap read words as arguments of a type.
#[derive(Clone)]
pub struct Reader<T>(PhantomData<fn() -> T>);

impl<T: Argument> TypedValueParser for Reader<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        T::read(&Word::from_argument(value)).map_err(|why| {
            let mut error = clap::Error::new(ErrorKind::ValueValidation).with_cmd(command);
            let id = argument.map(|argument| argument.get_id().to_string()).unwrap_or_default();
            error.insert(ContextKind::InvalidArg, ContextValue::String(id));
            error.insert(ContextKind::InvalidValue, ContextValue::String(value.to_string_lossy().into_owned()));
            error.insert(ContextKind::Custom, ContextValue::String(why));
            error
        })
    }
}

macro_rules! argument_types {
    ($($type:ident),* $(,)?) => {
        $(impl ValueParserFactory for $type {
            type Parser = Reader<$type>;

            fn value_parser() -> Reader<$type> {
                Reader(PhantomData)
            }
        })*

        /// The kind of a command's argument, when it is a positional one of ours.
        pub(super) fn kind(argument: &clap::Arg) -> Option<ArgumentKind> {
            let type_id = argument.get_value_parser().type_id();
            $(if type_id == TypeId::of::<$type>() {
                return Some($type::KIND);
            })*
            None
        }
    };
}

argument_types! {
    RemotePattern, RemotePath, RemoteDir, LocalPath, LocalDir, Mode, Id, OwnerIds, Umask, CommandName, ShellLine, GetOperand, PutOperand,
    NamePattern, SettingName, SettingValue,
}

/// Names, by wildcards: in glob syntax. Quotes keep the wildcards from other readers and not from this one, as in find(1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern(pub Vec<u8>);

impl Argument for NamePattern {
    const KIND: ArgumentKind = ArgumentKind::CommandName;

    fn read(word: &Word) -> Result<NamePattern, String> {
        Ok(NamePattern(word.plain()))
    }
}

/// Remote files, by wildcards or by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemotePattern(Word);

impl RemotePattern {
    /// The word, in glob syntax.
    #[must_use]
    pub fn word(&self) -> &Word {
        &self.0
    }
}

impl Argument for RemotePattern {
    const KIND: ArgumentKind = ArgumentKind::RemotePattern;

    fn read(word: &Word) -> Result<RemotePattern, String> {
        remote_path(word).map(|_| RemotePattern(word.clone()))
    }
}

/// One remote path, never a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemotePath(pub name::RemotePath);

impl Argument for RemotePath {
    const KIND: ArgumentKind = ArgumentKind::RemotePath;

    fn read(word: &Word) -> Result<RemotePath, String> {
        remote_path(word).map(RemotePath)
    }
}

/// One remote directory, never a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteDir(pub name::RemotePath);

impl Argument for RemoteDir {
    const KIND: ArgumentKind = ArgumentKind::RemoteDir;

    fn read(word: &Word) -> Result<RemoteDir, String> {
        remote_path(word).map(RemoteDir)
    }
}

/// One local path, never a pattern; `~` and `~user` in front mean homes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPath(pub PathBuf);

impl Argument for LocalPath {
    const KIND: ArgumentKind = ArgumentKind::LocalPath;

    fn read(word: &Word) -> Result<LocalPath, String> {
        local_path(&home::expand(word)).map(LocalPath)
    }
}

/// One local directory, never a pattern; `~` and `~user` in front mean homes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalDir(pub PathBuf);

impl Argument for LocalDir {
    const KIND: ArgumentKind = ArgumentKind::LocalDir;

    fn read(word: &Word) -> Result<LocalDir, String> {
        local_path(&home::expand(word)).map(LocalDir)
    }
}

/// How many levels of a tree: a whole number, from 0.
///
/// # Errors
/// It is none.
pub(super) fn depth(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "a depth is a whole number, 0 or more".to_owned())
}

/// How `chmod` changes permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mode(pub mode::Change);

impl Argument for Mode {
    const KIND: ArgumentKind = ArgumentKind::Mode;

    fn read(word: &Word) -> Result<Mode, String> {
        let change = mode::Change::read(&word.plain());
        change.map(Mode).ok_or_else(|| "a mode is octal, such as 644, or symbolic, such as u+x,go-w".to_owned())
    }
}

/// The umask of new local files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Umask(pub u32);

impl Argument for Umask {
    const KIND: ArgumentKind = ArgumentKind::Mode;

    fn read(word: &Word) -> Result<Umask, String> {
        mode::octal(&word.plain()).map(Umask).ok_or_else(|| "a umask is octal, such as 022".to_owned())
    }
}

/// A user or a group: by its number in a notation of C (`10`, `0x10`, `010`), else by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Id {
    /// The number itself.
    Number(u32),
    /// A name, whose number the server has to tell. None begins with a digit or a sign: such a word is meant as a number.
    Name(Vec<u8>),
}

impl Argument for Id {
    const KIND: ArgumentKind = ArgumentKind::Id;

    fn read(word: &Word) -> Result<Id, String> {
        id(&word.plain())
    }
}

/// A user, a group, or both: `1000`, `1000:100`, `:100`, and the same with names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerIds {
    /// The user.
    pub user: Option<Id>,
    /// The group.
    pub group: Option<Id>,
}

impl Argument for OwnerIds {
    const KIND: ArgumentKind = ArgumentKind::Id;

    fn read(word: &Word) -> Result<OwnerIds, String> {
        let text = word.plain();
        let Some(colon) = text.iter().position(|&byte| byte == b':') else {
            return Ok(OwnerIds { user: Some(id(&text)?), group: None });
        };
        match (&text[..colon], &text[colon + 1..]) {
            // For chown(1) this means the user's login group, and SFTP has no way to ask for it.
            (user, b"") => {
                Err(format!("the server does not tell a login group: name it, as in {}:GROUP", Printable(user)))
            }
            (b"", group) => Ok(OwnerIds { user: None, group: Some(id(group)?) }),
            (user, group) => Ok(OwnerIds { user: Some(id(user)?), group: Some(id(group)?) }),
        }
    }
}

/// The name of a command; any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandName(pub String);

impl Argument for CommandName {
    const KIND: ArgumentKind = ArgumentKind::CommandName;

    fn read(word: &Word) -> Result<CommandName, String> {
        Ok(CommandName(String::from_utf8_lossy(&word.plain()).into_owned()))
    }
}

/// What holds for the whole session; any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingName(pub Setting);

impl Argument for SettingName {
    const KIND: ArgumentKind = ArgumentKind::SettingName;

    fn read(word: &Word) -> Result<SettingName, String> {
        let name = word.plain();
        let setting = std::str::from_utf8(&name).ok().and_then(Setting::named);
        setting.map(SettingName).ok_or_else(|| {
            let known: Vec<&str> = Setting::ALL.into_iter().map(Setting::name).collect();
            format!("there is no such setting, only {}", known.join(", "))
        })
    }
}

/// What something is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingValue(pub String);

impl Argument for SettingValue {
    const KIND: ArgumentKind = ArgumentKind::SettingValue;

    fn read(word: &Word) -> Result<SettingValue, String> {
        Ok(SettingValue(String::from_utf8_lossy(&word.plain()).into_owned()))
    }
}

/// A line for a local shell, untouched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellLine(pub std::ffi::OsString);

impl Argument for ShellLine {
    const KIND: ArgumentKind = ArgumentKind::ShellLine;

    fn read(word: &Word) -> Result<ShellLine, String> {
        let line = word.plain();
        if line.contains(&0) {
            return Err(UnfitName::Nul.to_string());
        }
        Ok(ShellLine(std::ffi::OsString::from_vec(line)))
    }
}

/// A source or the target of `get`: which of both its place says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetOperand(pub Word);

impl Argument for GetOperand {
    const KIND: ArgumentKind = ArgumentKind::GetOperand;

    fn read(word: &Word) -> Result<GetOperand, String> {
        remote_path(word).map(|_| GetOperand(word.clone()))
    }
}

/// A source or the target of `put`: which of both its place says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutOperand(pub Word);

impl Argument for PutOperand {
    const KIND: ArgumentKind = ArgumentKind::PutOperand;

    fn read(word: &Word) -> Result<PutOperand, String> {
        remote_path(word).map(|_| PutOperand(word.clone()))
    }
}

fn remote_path(word: &Word) -> Result<name::RemotePath, String> {
    name::RemotePath::new(word.plain()).map_err(|error| error.to_string())
}

fn local_path(word: &Word) -> Result<PathBuf, String> {
    let path = remote_path(word)?;
    Ok(Path::new(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(path.as_bytes())).to_owned())
}

/// A number as strtoll(3) reads it with base 0, or a name.
fn id(text: &[u8]) -> Result<Id, String> {
    match number(text) {
        Some(number) => Ok(Id::Number(number)),
        None if text.first().is_some_and(|&first| !first.is_ascii_digit() && !b"+- \t".contains(&first)) => {
            Ok(Id::Name(text.to_owned()))
        }
        None => Err("a number is one from 0 to 4294967295".to_owned()),
    }
}

fn number(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).unwrap_or_default().trim_start();
    let digits = text.strip_prefix('+').unwrap_or(text);
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&digits[2..], 16),
        [b'0', _, ..] => (&digits[1..], 8),
        _ => (digits, 10),
    };
    u32::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_c_reads_numbers() {
        for (text, read) in [
            ("0", Some(0)),
            ("1000", Some(1000)),
            ("010", Some(8)),
            ("0x10", Some(16)),
            ("+5", Some(5)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("-1", None),
            ("09", None),
            ("0x", None),
            ("++1", None),
            ("root", None),
            ("", None),
        ] {
            assert_eq!(number(text.as_bytes()), read, "{text:?}");
        }
    }

    #[test]
    fn an_owner_is_a_user_a_group_or_both_by_number_or_name() {
        let name = |text: &str| Some(Id::Name(text.as_bytes().to_vec()));
        let number = |number| Some(Id::Number(number));
        for (text, user, group) in [
            ("1000", number(1000), None),
            ("0x10:010", number(16), number(8)),
            (":100", None, number(100)),
            ("alice", name("alice"), None),
            ("alice:users", name("alice"), name("users")),
            ("5:users", number(5), name("users")),
            (":users", None, name("users")),
            ("CORP\\jo:domain users", name("CORP\\jo"), name("domain users")),
            ("a:b:c", name("a"), name("b:c")),
        ] {
            assert_eq!(OwnerIds::read(&Word::literal(text.as_bytes())), Ok(OwnerIds { user, group }), "{text:?}");
        }
        for text in ["", ":", "alice:", "5:", "-1", "+x", "09", "0x", "99999999999", "5:09", "1alice"] {
            assert!(OwnerIds::read(&Word::literal(text.as_bytes())).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_path_is_unescaped_once() {
        assert_eq!(RemotePath::read(&Word::literal(b"a*b")).unwrap().0.as_bytes(), b"a*b");
    }
}
