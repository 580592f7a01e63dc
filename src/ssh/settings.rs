//! Keywords and values of the ssh configuration, before they are interpreted: as `ssh -G` prints them, or as files
//! contain them. Values are bytes, because paths need not be UTF-8.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::ssh::config_file::Setting;
use crate::ssh::error::Error;

/// Keywords that `ssh -G` prints once for each value. If any other appears twice, some value contains a line break.
const REPEATED: [&str; 7] =
    ["certificatefile", "dynamicforward", "identityfile", "localforward", "remoteforward", "sendenv", "setenv"];

/// Keywords with several files on one line.
const LISTS_OF_FILES: [&str; 2] = ["globalknownhostsfile", "userknownhostsfile"];

/// Keywords for which `none` is no value, so ssh uses the next one (readconf.c, parse_time).
const LEFT_OPEN_BY_NONE: [&str; 2] = ["connecttimeout", "serveraliveinterval"];

/// The origin of settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Origin {
    /// `ssh -G`: all keywords, some values expanded, no quotes.
    #[default]
    Ssh,
    /// Files and options that we read ourselves: only keywords that are set, with unexpanded values.
    Files,
}

/// Keywords in lower case and their values. The first value of a keyword counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pairs: Vec<(String, Vec<u8>)>,
    origin: Origin,
}

impl Settings {
    /// Reads the output of `ssh -G`.
    ///
    /// # Errors
    /// A keyword appears twice that ssh prints once, so one of the lines is part of another value.
    pub(super) fn from_answer(answer: &[u8]) -> Result<Settings, Error> {
        let mut pairs: Vec<(String, Vec<u8>)> = Vec::new();
        let mut seen = HashSet::new();
        for line in answer.split(|&byte| byte == b'\n') {
            let Some(blank) = line.iter().position(|&byte| byte == b' ') else { continue };
            let keyword = String::from_utf8_lossy(&line[..blank]).to_ascii_lowercase();
            if !REPEATED.contains(&keyword.as_str()) && !seen.insert(keyword.clone()) {
                let text =
                    format!("ssh -G prints {keyword} twice: a line break in another value must have made one of them");
                return Err(Error::configuration(text));
            }
            pairs.push((keyword, line[blank + 1..].to_vec()));
        }
        Ok(Settings { pairs, origin: Origin::Ssh })
    }

    /// Takes the settings from files and options, in the order in which ssh reads them.
    pub(super) fn from_files(settings: impl IntoIterator<Item = Setting>) -> Settings {
        let mut pairs: Vec<(String, Vec<u8>)> = Vec::new();
        for (keyword, words) in settings {
            if LEFT_OPEN_BY_NONE.contains(&keyword.as_str()) && words == [b"none"] {
                continue;
            }
            if !LISTS_OF_FILES.contains(&keyword.as_str()) {
                let pair = (keyword, words.join(&b' '));
                // ssh counts a key only once, even if it is named twice.
                if !pairs.contains(&pair) {
                    pairs.push(pair);
                }
            } else if pairs.iter().all(|(other, _)| *other != keyword) {
                pairs.extend(words.into_iter().map(|word| (keyword.clone(), word)));
            }
        }
        Settings { pairs, origin: Origin::Files }
    }

    /// Returns the origin of the settings.
    pub(super) fn origin(&self) -> Origin {
        self.origin
    }

    /// Adds a value, which counts if there is no other.
    pub(super) fn default_to(&mut self, keyword: &str, value: impl Into<Vec<u8>>) {
        self.pairs.push((keyword.to_owned(), value.into()));
    }

    /// Returns the value of `keyword` as bytes.
    pub(super) fn raw(&self, keyword: &str) -> Option<&[u8]> {
        self.pairs.iter().find(|(name, _)| name == keyword).map(|(_, value)| value.as_slice())
    }

    /// Returns the keyword that comes first in the settings, out of `keywords`.
    pub(super) fn first_of<'a>(&self, keywords: &[&'a str]) -> Option<&'a str> {
        self.pairs.iter().find_map(|(name, _)| keywords.iter().find(|keyword| *keyword == name).copied())
    }

    /// Returns the value of `keyword` as text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub(super) fn text(&self, keyword: &str) -> Result<Option<&str>, Error> {
        let Some(value) = self.raw(keyword) else { return Ok(None) };
        let text = str::from_utf8(value).map_err(|_| Error::NotHonoured {
            keyword: format!("a value for {keyword} that is not UTF-8"),
            value: value.escape_ascii().to_string(),
        })?;
        Ok(Some(text.trim()))
    }

    /// Returns all values of a keyword that may have several.
    pub(super) fn all<'a>(&'a self, keyword: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.pairs.iter().filter(move |(name, _)| name == keyword).map(|(_, value)| value.as_slice())
    }

    /// Returns the first keyword whose value contains `part`, which must not be empty.
    pub(super) fn keyword_that_holds(&self, part: &[u8]) -> Option<&str> {
        let holds = |value: &[u8]| value.windows(part.len()).any(|window| window == part);
        self.pairs.iter().find(|(_, value)| holds(value)).map(|(keyword, _)| keyword.as_str())
    }

    /// Returns whether `keyword` has other values than in `defaults`.
    pub(super) fn sets(&self, keyword: &str, defaults: &Settings) -> bool {
        !self.all(keyword).eq(defaults.all(keyword))
    }
}

/// Splits the files on a line of `ssh -G`, which quotes nothing: a word that begins with neither `/` nor `~` belongs
/// to the word before it, together with the blank between them.
///
/// Returns `None` if the line is ambiguous because `is_file` finds a file that only another reading would name.
pub(super) fn files_on_line(line: &[u8], is_file: &dyn Fn(&[u8]) -> bool) -> Option<Vec<Vec<u8>>> {
    let mut files: Vec<Vec<u8>> = Vec::new();
    for word in line.split(|&byte| byte == b' ') {
        match files.last_mut() {
            Some(file) if !matches!(word.first(), Some(b'/' | b'~')) => {
                if is_file(file) || (!word.is_empty() && is_file(word)) {
                    return None;
                }
                file.push(b' ');
                file.extend(word);
            }
            _ => files.push(word.to_vec()),
        }
    }
    let longer = (0..files.len()).flat_map(|from| (from + 2..=files.len()).map(move |to| from..to));
    let is_clear = longer.into_iter().all(|range| !is_file(&files[range].join(&b' ')));
    is_clear.then_some(files)
}

/// Returns the two default files of a user with this home, if the line names exactly these. Then a blank in them
/// can't mislead.
pub(super) fn default_files(line: &[u8], home: &Path) -> Option<Vec<PathBuf>> {
    use std::os::unix::ffi::OsStrExt;
    let files = ["known_hosts", "known_hosts2"].map(|name| home.join(".ssh").join(name));
    let expected = files.each_ref().map(|file| file.as_os_str().as_bytes()).join(&b' ');
    (line == expected).then(|| files.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: impl AsRef<[u8]>) -> Result<Settings, String> {
        Settings::from_answer(text.as_ref()).map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_taken_byte_by_byte() {
        let settings =
            answer(b"Host h\nidentityfile ~/a \nidentityfile \xff\nuser me \r\nuserknownhostsfile  /x\n").unwrap();
        assert_eq!(settings.text("host").unwrap(), Some("h"));
        assert_eq!(settings.text("user").unwrap(), Some("me"));
        assert_eq!(settings.text("port").unwrap(), None);
        assert_eq!(settings.all("identityfile").collect::<Vec<_>>(), [&b"~/a "[..], b"\xff"]);
        assert_eq!(settings.raw("userknownhostsfile"), Some(&b" /x"[..]));
        let error = answer(b"user \xffme\n").unwrap().text("user").unwrap_err().to_string();
        assert_eq!(error, "a value for user that is not UTF-8 is not supported here: \\xffme");
    }

    #[test]
    fn a_keyword_that_stands_twice_is_a_line_break() {
        for (text, keyword) in [
            ("port 22\nport 23\n", "port"),
            ("stricthostkeychecking ask\nuser me\nStrictHostKeyChecking no\n", "stricthostkeychecking"),
            ("neverheardof 1\nneverheardof 1\n", "neverheardof"),
        ] {
            let error = answer(text).unwrap_err();
            assert!(error.starts_with(&format!("ssh -G prints {keyword} twice: ")), "{error}");
        }
        for keyword in REPEATED {
            assert!(answer(format!("{keyword} a\n{keyword} b\n")).is_ok(), "{keyword}");
        }
    }

    #[test]
    fn of_files_the_first_value_counts_and_the_words_of_a_list_stay_apart() {
        let setting = |keyword: &str, words: &[&str]| {
            (keyword.to_owned(), words.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>())
        };
        let mut settings = Settings::from_files([
            setting("user", &["first"]),
            setting("user", &["second"]),
            setting("userknownhostsfile", &["/a b", "/c"]),
            setting("userknownhostsfile", &["/d"]),
            setting("identityfile", &["/k1"]),
            setting("identityfile", &["/k2"]),
            setting("identityfile", &["/k1"]),
        ]);
        assert_eq!(settings.first_of(&["identityfile", "user", "port"]), Some("user"));
        assert_eq!(settings.text("user").unwrap(), Some("first"));
        assert_eq!(settings.all("userknownhostsfile").collect::<Vec<_>>(), [&b"/a b"[..], b"/c"]);
        assert_eq!(settings.all("identityfile").collect::<Vec<_>>(), [&b"/k1"[..], b"/k2"]);
        settings.default_to("user", "default");
        settings.default_to("port", "22");
        assert_eq!((settings.raw("user"), settings.raw("port")), (Some(&b"first"[..]), Some(&b"22"[..])));
        assert_eq!((settings.origin(), answer("user me").unwrap().origin()), (Origin::Files, Origin::Ssh));
    }

    #[test]
    fn a_blank_belongs_to_a_name_unless_something_speaks_against_it() {
        let read = |line: &str, exists: &[&str]| {
            let is_file = |file: &[u8]| exists.iter().any(|name| name.as_bytes() == file);
            let files = files_on_line(line.as_bytes(), &is_file)?;
            Some(files.iter().map(|file| String::from_utf8_lossy(file).into_owned()).collect::<Vec<_>>().join("|"))
        };
        for (line, exists, files) in [
            ("/a /b", &["/a", "/b"][..], Some("/a|/b")),
            ("/a b/kh /a b/kh2", &["/a b/kh"], Some("/a b/kh|/a b/kh2")),
            ("/a  b ", &[], Some("/a  b ")),
            ("~/a b ~/c", &[], Some("~/a b|~/c")),
            ("kh", &["kh"], Some("kh")),
            ("none", &[], Some("none")),
            // Two files, the second one relative?
            ("/a b", &["/a"], None),
            ("/a b", &["b"], None),
            // One file, in a directory whose name ends with a blank?
            ("/a /b", &["/a /b"], None),
            ("/a /b /c", &["/a /b /c"], None),
        ] {
            assert_eq!(read(line, exists).as_deref(), files, "{line:?} where {exists:?} exist");
        }
    }

    #[test]
    fn the_default_files_are_known_whatever_the_home_is_called() {
        let home = Path::new("/home/a /b c");
        let line = b"/home/a /b c/.ssh/known_hosts /home/a /b c/.ssh/known_hosts2";
        assert_eq!(default_files(line, home).unwrap()[1], home.join(".ssh/known_hosts2"));
        assert_eq!(default_files(&line[..line.len() - 1], home), None);
    }
}
