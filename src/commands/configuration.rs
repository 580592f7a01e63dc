//! The user's configuration file: settings for all servers or for some, aliases and bookmarks.
//!
//! It holds what a person wants at a prompt. A script means the same on every machine, so there it is read only if
//! the command line names it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use toml_edit::{Document, DocumentMut, Item, Table, TableLike, Value, value};

use crate::cli::Destination;
use crate::commands::{Failure, Setting};
use crate::os_error;
use crate::remote::glob::NamePattern;
use crate::sticky;
use crate::terminal::Printable;

/// The file's name in the directory of the user's configuration.
const FILE: &str = "sftpsh/config.toml";

const ALIAS: &str = "alias";
const BOOKMARK: &str = "bookmark";
const HOST: &str = "host";

/// The configuration of a session.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// The file in which changes are saved. `None` if there is no directory for it.
    file: Option<PathBuf>,
    /// The line that each alias stands for.
    pub aliases: BTreeMap<String, String>,
    /// The destination that each bookmark stands for.
    pub bookmarks: BTreeMap<String, String>,
    /// The settings with which the session began, as they are typed.
    initial: Vec<(Setting, String)>,
}

/// A setting of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The setting.
    pub setting: Setting,
    /// The value, as it is typed.
    pub value: String,
    /// The line of the file, counted from 1.
    pub line: usize,
}

/// A line of the file, counted from 1, and its fault.
pub type Fault = (usize, String);

/// The contents of a file, as far as they are valid.
#[derive(Debug, Default, PartialEq, Eq)]
struct Contents {
    settings: Vec<Given>,
    aliases: BTreeMap<String, String>,
    bookmarks: BTreeMap<String, String>,
    faults: Vec<Fault>,
}

impl Configuration {
    /// Returns the file that is read at a prompt: `~/.config/sftpsh/config.toml`, or where the system has it.
    #[must_use]
    pub fn default_file() -> Option<PathBuf> {
        dirs::config_dir().map(|directory| directory.join(FILE))
    }

    /// Returns an empty configuration, whose changes are saved in this file.
    #[must_use]
    pub fn in_file(file: Option<PathBuf>) -> Configuration {
        Configuration { file, ..Configuration::default() }
    }

    /// Returns whether the file exists.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.exists())
    }

    /// Reads the file: its aliases and bookmarks. Returns its settings and those for this host, which are to be applied
    /// in this order, and the faults of the file, each with its place.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn read(&mut self, host: &str) -> Result<(Vec<Given>, Vec<Fault>), Failure> {
        let Some(file) = &self.file else { return Ok(Default::default()) };
        let text = sticky::read(file).map_err(|error| refused("read", file, &error))?;
        let contents = Contents::parse(&String::from_utf8_lossy(&text), host);
        (self.aliases, self.bookmarks) = (contents.aliases, contents.bookmarks);
        Ok((contents.settings, contents.faults))
    }

    /// Returns the file.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Remembers the settings with which the session begins, for `unset`.
    pub fn remember(&mut self, initial: Vec<(Setting, String)>) {
        self.initial = initial;
    }

    /// Returns the value that a setting had when the session began.
    #[must_use]
    pub(super) fn initial(&self, setting: Setting) -> Option<String> {
        self.initial.iter().find(|(known, _)| *known == setting).map(|(_, value)| value.clone())
    }

    /// Returns the line with its alias replaced, if it begins with one. An alias in the replacement stays as it is.
    #[must_use]
    pub fn expand(&self, line: &[u8]) -> Option<Vec<u8>> {
        let begin = line.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let (before, rest) = line.split_at(begin);
        let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        let name = std::str::from_utf8(&rest[..end]).ok()?;
        Some([before, self.aliases.get(name)?.as_bytes(), &rest[end..]].concat())
    }

    /// Saves the value of a setting for all servers.
    ///
    /// # Errors
    /// The file can't be read or written, or is no TOML.
    pub(super) fn save_setting(&self, setting: Setting, text: &str) -> Result<(), Failure> {
        let mut new = text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from);
        self.edit(|document| {
            // A comment after the old value is kept.
            if let Some(old) = document.get(setting.name()).and_then(Item::as_value) {
                *new.decor_mut() = old.decor().clone();
            }
            document[setting.name()] = Item::Value(new);
        })
    }

    /// Adds an alias, changes it, or removes it if there is no line. Saves that if wanted.
    ///
    /// # Errors
    /// As [`Configuration::save_setting`]; nothing has changed then.
    pub(super) fn set_alias(&mut self, name: &str, line: Option<&str>, save: bool) -> Result<(), Failure> {
        if save {
            self.edit(|document| set(document, ALIAS, name, line))?;
        }
        change(&mut self.aliases, name, line);
        Ok(())
    }

    /// Adds a bookmark, changes it, or removes it if there is no destination. Saves that.
    ///
    /// # Errors
    /// As [`Configuration::save_setting`]; nothing has changed then.
    pub(super) fn set_bookmark(&mut self, name: &str, destination: Option<&str>) -> Result<(), Failure> {
        self.edit(|document| set(document, BOOKMARK, name, destination))?;
        change(&mut self.bookmarks, name, destination);
        Ok(())
    }

    /// Changes the file and keeps the rest of it, comments too. The file is old or new, never half written.
    fn edit(&self, change: impl FnOnce(&mut DocumentMut)) -> Result<(), Failure> {
        let file = self.file.as_ref().ok_or_else(|| Failure::new("There is no directory for a configuration file"))?;
        // A link leads to the file, as where people keep such files in a repository.
        let file = fs::canonicalize(file).unwrap_or_else(|_| file.clone());
        let text = match sticky::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(refused("read", &file, &error)),
        };
        let mut document: DocumentMut =
            String::from_utf8_lossy(&text).parse().map_err(|error: toml_edit::TomlError| {
                let place = Printable(file.as_os_str().as_encoded_bytes()).to_string();
                Failure::new(format!("{place}: {}", one_line(error.message()))).with_hint("correct the file first")
            })?;
        change(&mut document);
        write(&file, &document.to_string()).map_err(|error| refused("write", &file, &error))
    }
}

impl Contents {
    /// Reads the text of a file for a session with this host.
    fn parse(text: &str, host: &str) -> Contents {
        let document = match Document::parse(text) {
            Ok(document) => document,
            Err(error) => {
                let line = error.span().map_or(1, |span| line_at(text, span.start));
                let fault = format!("{}; the file has no effect", one_line(error.message()));
                return Contents { faults: vec![(line, fault)], ..Contents::default() };
            }
        };
        let mut contents = Contents::default();
        let mut hosts = Vec::new();
        for (name, item) in document.as_table() {
            let line = line_of(text, document.as_table(), name);
            match (name, item.as_table_like()) {
                (ALIAS, Some(table)) => contents.aliases = contents.texts(text, table),
                (BOOKMARK, Some(table)) => {
                    contents.bookmarks = contents.texts(text, table);
                    contents.check_bookmarks(text, table);
                }
                (HOST, Some(table)) => hosts.extend(table.iter().map(|(pattern, item)| (line, pattern, item))),
                (_, None) => contents.take(text, document.as_table(), name, item),
                (_, Some(_)) => contents.faults.push((
                    line,
                    format!("there is no table [{name}], only [alias], [bookmark] and [host.\"pattern\"]"),
                )),
            }
        }
        // What is for some hosts counts more than what is for all.
        for (line, pattern, item) in hosts {
            let Some(table) = item.as_table_like() else {
                contents.faults.push((line, format!("host.{pattern} must be a table: [host.\"{pattern}\"]")));
                continue;
            };
            if NamePattern::parse(pattern.to_ascii_lowercase().as_bytes()).matches(host.to_ascii_lowercase().as_bytes())
            {
                table.iter().for_each(|(name, item)| contents.take(text, table, name, item));
            } else {
                contents.check(text, table);
            }
        }
        contents
    }

    /// Takes a setting.
    fn take(&mut self, text: &str, table: &dyn TableLike, name: &str, item: &Item) {
        let line = line_of(text, table, name);
        match (Setting::named(name), word(item)) {
            (None, _) => self.faults.push((line, unknown(name))),
            (Some(_), None) => self.faults.push((line, format!("{name}: a text, a number, true or false is expected"))),
            (Some(setting), Some(value)) => self.settings.push(Given { setting, value, line }),
        }
    }

    /// Checks the settings of a host that is not the session's.
    fn check(&mut self, text: &str, table: &dyn TableLike) {
        let before = self.settings.len();
        table.iter().for_each(|(name, item)| self.take(text, table, name, item));
        self.settings.truncate(before);
    }

    fn texts(&mut self, text: &str, table: &dyn TableLike) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        for (name, item) in table.iter() {
            match item.as_str() {
                Some(line) => drop(texts.insert(name.to_owned(), line.to_owned())),
                None => self.faults.push((line_of(text, table, name), format!("{name}: a text is expected"))),
            }
        }
        texts
    }

    fn check_bookmarks(&mut self, text: &str, table: &dyn TableLike) {
        let faults = self.bookmarks.iter().filter_map(|(name, destination)| {
            let fault = Destination::parse(destination.as_ref()).err()?;
            Some((line_of(text, table, name), format!("{name}: {fault}")))
        });
        self.faults.extend(faults.collect::<Vec<_>>());
    }
}

/// Returns the fault of a name that is no setting.
fn unknown(name: &str) -> String {
    let known = Setting::ALL.into_iter().map(Setting::name);
    let nearest = known.max_by(|one, other| strsim::jaro(one, name).total_cmp(&strsim::jaro(other, name)));
    match nearest.filter(|nearest| strsim::jaro(nearest, name) > 0.7) {
        Some(nearest) => format!("there is no setting \"{name}\"; did you mean {nearest}?"),
        None => format!("there is no setting \"{name}\""),
    }
}

/// Returns a value as it is typed after `set NAME`.
fn word(item: &Item) -> Option<String> {
    match item.as_value()? {
        Value::String(text) => Some(text.value().clone()),
        Value::Integer(number) => Some(number.value().to_string()),
        Value::Boolean(on) => Some(if *on.value() { "on" } else { "off" }.to_owned()),
        _ => None,
    }
}

fn line_of(text: &str, table: &dyn TableLike, name: &str) -> usize {
    table.key(name).and_then(toml_edit::Key::span).map_or(1, |span| line_at(text, span.start))
}

/// Returns the line, counted from 1, in which the byte at `at` is.
fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1
}

/// Returns a message of the parser without its line breaks.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Sets or removes a text in a table of the file, which is made if it is missing.
fn set(document: &mut DocumentMut, table: &str, name: &str, text: Option<&str>) {
    let table = document.entry(table).or_insert_with(|| Item::Table(Table::new()));
    let Some(table) = table.as_table_like_mut() else { return };
    match text {
        Some(text) => drop(table.insert(name, value(text))),
        None => drop(table.remove(name)),
    }
}

fn change(texts: &mut BTreeMap<String, String>, name: &str, text: Option<&str>) {
    match text {
        Some(text) => drop(texts.insert(name.to_owned(), text.to_owned())),
        None => drop(texts.remove(name)),
    }
}

fn refused(act: &str, file: &Path, error: &io::Error) -> Failure {
    let file = Printable(file.as_os_str().as_encoded_bytes());
    Failure::new(format!("Cannot {act} \"{file}\": {}", os_error::text(error)))
}

/// Replaces a file, or makes it, readable for its owner only.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let directory = file.parent().ok_or(io::ErrorKind::NotFound)?;
    fs::create_dir_all(directory)?;
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(text.as_bytes())?;
    if let Ok(old) = fs::metadata(file) {
        fs::set_permissions(new.path(), fs::Permissions::from_mode(old.permissions().mode() & 0o777))?;
    }
    new.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
limit = \"5M\"
jobs = 4
limt = 1
retry = [1]
[alias]
ll = \"ls -l\"
bad = 3
[host.\"*.example.com\"]
jobs = 2
[host.other]
jbos = 1
[bookmark]
logs = \"ada@host:/var/log\"
odd = \"-oProxyCommand=x\"
[colours]
";

    #[test]
    fn what_is_valid_counts_and_what_is_not_has_its_line() {
        let contents = Contents::parse(FILE, "www.Example.com");
        let settings: Vec<_> =
            contents.settings.iter().map(|given| (given.setting.name(), given.value.as_str(), given.line)).collect();
        assert_eq!(settings, [("limit", "5M", 1), ("jobs", "4", 2), ("jobs", "2", 9)]);
        assert_eq!(contents.aliases, BTreeMap::from([("ll".to_owned(), "ls -l".to_owned())]));
        let mut faults = contents.faults;
        faults.sort();
        let faults: Vec<(usize, &str)> = faults.iter().map(|(line, fault)| (*line, fault.as_str())).collect();
        assert_eq!(
            faults,
            [
                (3, "there is no setting \"limt\"; did you mean limit?"),
                (4, "retry: a text, a number, true or false is expected"),
                (7, "bad: a text is expected"),
                (11, "there is no setting \"jbos\"; did you mean jobs?"),
                (14, "odd: hostname contains invalid characters: \"-oProxyCommand=x\""),
                (15, "there is no table [colours], only [alias], [bookmark] and [host.\"pattern\"]"),
            ]
        );
    }

    #[test]
    fn a_file_that_is_no_toml_has_no_effect() {
        let contents = Contents::parse("jobs = 4\nlimit = = 3\n", "host");
        assert_eq!(contents.settings, []);
        assert!(
            matches!(&contents.faults[..], [(2, fault)] if fault.ends_with("; the file has no effect")),
            "{contents:?}"
        );
    }

    #[test]
    fn an_alias_is_replaced_once_at_the_beginning_of_a_line() {
        let aliases = [("ll", "ls -l"), ("ls", "ls -F"), ("up", "cd ..")];
        let aliases = aliases.map(|(name, line)| (name.to_owned(), line.to_owned())).into();
        let configuration = Configuration { aliases, ..Configuration::default() };
        for (line, expanded) in [
            ("ll x y", Some("ls -l x y")),
            ("  ls", Some("  ls -F")),
            ("up", Some("cd ..")),
            ("get ll", None),
            ("lll", None),
            ("", None),
        ] {
            assert_eq!(configuration.expand(line.as_bytes()).as_deref(), expanded.map(str::as_bytes), "{line}");
        }
    }

    #[test]
    fn saving_keeps_the_rest_of_the_file_and_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("new/config.toml");
        let mut configuration = Configuration::in_file(Some(file.clone()));
        configuration.set_alias("ll", Some("ls -l"), true).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "[alias]\nll = \"ls -l\"\n");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&file, "# mine\njobs = 4 # many\n\n[alias]\nll = \"ls -l\"\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        configuration.save_setting(Setting::Jobs, "2").unwrap();
        configuration.set_alias("ll", None, true).unwrap();
        configuration.set_bookmark("logs", Some("host:/var/log")).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text, "# mine\njobs = 2 # many\n\n[alias]\n\n[bookmark]\nlogs = \"host:/var/log\"\n");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!((configuration.aliases.len(), configuration.bookmarks.len()), (0, 1));
    }

    #[test]
    fn a_file_that_is_no_toml_is_not_changed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.toml");
        fs::write(&file, "jobs = = 4\n").unwrap();
        let mut configuration = Configuration::in_file(Some(file.clone()));
        assert!(configuration.set_alias("ll", Some("ls -l"), true).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "jobs = = 4\n");
        assert!(configuration.aliases.is_empty());
    }
}
