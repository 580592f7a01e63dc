//! Reads ssh configuration files on machines without an `ssh` program: ssh_config(5) with `Host` and `Include`, but
//! without `Match`, which is refused except for `Match all`.
//!
//! The first value of a keyword counts. So the settings come in the order in which ssh reads them, and a lookup takes
//! the first one. A file that can't be understood completely is an error, because the skipped part might hold a
//! restriction.

use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::fstat;

use crate::os_error;
use crate::ssh::error::Error;
use crate::ssh::known_hosts::matches_pattern;
use crate::sticky;

/// How deep files may include one another, as in OpenSSH.
const DEPTH_LIMIT: usize = 16;

/// Largest file.
const FILE_LIMIT_BYTES: u64 = 1 << 20;

/// A keyword in lower case and its words. For a command, the rest of the line is one word.
pub(super) type Setting = (String, Vec<Vec<u8>>);

/// Every keyword of ssh_config(5) up to OpenSSH 10. Others are refused, because they could mean anything.
const KEYWORDS: &str = "addkeystoagent addressfamily batchmode bindaddress bindinterface canonicaldomains canonicalizefallbacklocal \
    canonicalizehostname canonicalizemaxdots canonicalizepermittedcnames casignaturealgorithms certificatefile \
    channeltimeout checkhostip ciphers clearallforwardings compression connectionattempts connecttimeout controlmaster \
    controlpath controlpersist dynamicforward enableescapecommandline enablesshkeysign escapechar exitonforwardfailure \
    fingerprinthash forkafterauthentication forwardagent forwardx11 forwardx11timeout forwardx11trusted gatewayports \
    globalknownhostsfile gssapiauthentication gssapidelegatecredentials hashknownhosts hostbasedacceptedalgorithms \
    hostbasedauthentication hostkeyalgorithms hostkeyalias hostname identitiesonly identityagent identityfile \
    ignoreunknown ipqos kbdinteractiveauthentication kbdinteractivedevices kexalgorithms knownhostscommand localcommand \
    localforward loglevel logverbose macs nohostauthenticationforlocalhost numberofpasswordprompts obscurekeystroketiming \
    passwordauthentication permitlocalcommand permitremoteopen pkcs11provider port preferredauthentications proxycommand \
    proxyjump proxyusefdpass pubkeyacceptedalgorithms pubkeyauthentication refuseconnection rekeylimit remotecommand \
    remoteforward requesttty requiredrsasize revokedhostkeys securitykeyprovider sendenv serveralivecountmax \
    serveraliveinterval sessiontype setenv stdinnull streamlocalbindmask streamlocalbindunlink stricthostkeychecking \
    syslogfacility tag tcpkeepalive tunnel tunneldevice updatehostkeys user userknownhostsfile verifyhostkeydns \
    versionaddendum visualhostkey warnweakcrypto xauthlocation";

/// Keywords with more than one word.
const OF_SEVERAL_WORDS: &str = "addkeystoagent canonicaldomains canonicalizepermittedcnames channeltimeout dynamicforward \
    globalknownhostsfile ipqos localforward logverbose permitremoteopen rekeylimit remoteforward sendenv setenv \
    userknownhostsfile";

/// Keywords whose value is the rest of the line, unchanged.
const COMMANDS: [&str; 4] = ["knownhostscommand", "localcommand", "proxycommand", "remotecommand"];

/// Old names of keywords, with the current ones.
const OLD_NAMES: [(&str, &str); 9] = [
    ("challengeresponseauthentication", "kbdinteractiveauthentication"),
    ("dsaauthentication", "pubkeyauthentication"),
    ("hostbasedkeytypes", "hostbasedacceptedalgorithms"),
    ("identityfile2", "identityfile"),
    ("keepalive", "tcpkeepalive"),
    ("pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms"),
    ("skeyauthentication", "kbdinteractiveauthentication"),
    ("smartcarddevice", "pkcs11provider"),
    ("tisauthentication", "kbdinteractiveauthentication"),
];

/// Keywords of old versions, which ssh ignores.
const OBSOLETE: &str = "afstokenpassing cipher compressionlevel fallbacktorsh globalknownhostsfile2 kerberosauthentication \
    kerberostgtpassing protocol rhostsauthentication rhostsrsaauthentication rsaauthentication useprivilegedport userknownhostsfile2 \
    useroaming usersh";

/// The owner of a file, which decides where its includes are looked up and who else may write to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The user's own, `~/.ssh/config`: no other user may write to it.
    User,
    /// The file that `-F` names.
    Named,
    /// The system's, `/etc/ssh/ssh_config`.
    System,
}

/// Reads the configuration for one host.
pub(super) struct Reader<'a> {
    /// The host as the user typed it, which `Host` lines are compared with.
    pub(super) host: &'a str,
    /// The user's home directory.
    pub(super) home: &'a Path,
}

/// The position of a line, for errors.
struct At<'a> {
    file: &'a Path,
    line: usize,
}

impl At<'_> {
    fn error(&self, what: impl std::fmt::Display) -> Error {
        Error::configuration(format!("{} line {}: {what}", self.file.display(), self.line))
    }
}

impl Reader<'_> {
    /// Reads the settings in `file` that apply to the host. Returns `None` if the file doesn't exist.
    ///
    /// # Errors
    /// The file can't be read or understood, or it is the user's own and others may write to it.
    pub(super) fn read(&self, file: &Path, owner: Owner) -> Result<Option<Vec<Setting>>, Error> {
        self.read_nested(file, owner, 0)
    }

    fn read_nested(&self, file: &Path, owner: Owner, depth: usize) -> Result<Option<Vec<Setting>>, Error> {
        // ssh checks who may write to the user's own file and to all included files, whichever file includes them.
        let text = match text_of(file, owner == Owner::User || depth > 0) {
            Err(Fault::Io(error)) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(fault) => return Err(fault.error(file)),
            Ok(text) => text,
        };
        let mut settings: Vec<Setting> = Vec::new();
        // True while the lines apply to the host.
        let mut holds = true;
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let at = At { file, line: index + 1 };
            // ssh would end the line there, whatever the rest means.
            if line.contains(&0) {
                return Err(at.error("NUL byte"));
            }
            let Some((keyword, words)) = setting(line).map_err(|what| at.error(what))? else {
                continue;
            };
            match keyword.as_str() {
                "host" => holds = matches_host(&words, self.host),
                "match" if is_word(&words, b"all") => holds = true,
                "match" if is_word(&words, b"!all") => holds = false,
                "match" => return Err(at.error("Match takes an ssh program, and there is none in PATH")),
                "include" if holds => settings.extend(self.include(&words, owner, depth, &at)?),
                "include" => {}
                _ if is_keyword(&keyword) => settings.extend(holds.then_some((keyword, words))),
                _ if is_ignored(&settings, &keyword) || is_one_of(OBSOLETE, &keyword) => {}
                _ => return Err(at.error(format_args!("Bad configuration option: {keyword}"))),
            }
        }
        Ok(Some(settings))
    }

    fn include(&self, words: &[Vec<u8>], owner: Owner, depth: usize, at: &At) -> Result<Vec<Setting>, Error> {
        if depth == DEPTH_LIMIT {
            return Err(at.error("Too many recursive configuration includes"));
        }
        let mut settings = Vec::new();
        for word in words {
            let pattern = self.included(word, owner).ok_or_else(|| {
                at.error(format_args!("Include of another user's home: {}", String::from_utf8_lossy(word)))
            })?;
            let files = matching_files(&pattern).ok_or_else(|| {
                at.error(format_args!("Include with a pattern that takes an ssh program: {}", pattern.display()))
            })?;
            for file in files {
                settings.extend(self.read_nested(&file, owner, depth + 1)?.unwrap_or_default());
            }
        }
        Ok(settings)
    }

    /// Returns the path that an `Include` names. A relative path begins at the directory of the configuration.
    fn included(&self, word: &[u8], owner: Owner) -> Option<PathBuf> {
        let path = |bytes: &[u8]| PathBuf::from(std::ffi::OsStr::from_bytes(bytes));
        match word {
            [b'~', b'/', rest @ ..] => Some(self.home.join(path(rest))),
            [b'~', ..] => None,
            word if owner == Owner::System => Some(Path::new("/etc/ssh").join(path(word))),
            word => Some(self.home.join(".ssh").join(path(word))),
        }
    }
}

/// Returns the files that match a pattern, sorted by name. Returns `None` for a pattern that only ssh understands,
/// for example one with wildcards in the name of a directory.
fn matching_files(pattern: &Path) -> Option<Vec<PathBuf>> {
    let is_pattern = |bytes: &[u8]| bytes.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['));
    let whole = pattern.as_os_str().as_bytes();
    // ssh expands tokens and variables here since OpenSSH 10.
    if whole.contains(&b'%') || whole.windows(2).any(|two| two == b"${") {
        return None;
    }
    let (directory, name) = (pattern.parent()?, pattern.file_name()?.as_bytes());
    if is_pattern(directory.as_os_str().as_bytes()) || name.contains(&b'[') {
        return None;
    }
    if !is_pattern(name) {
        return Some(vec![pattern.to_owned()]);
    }
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mut names: Vec<_> = entries
        .filter(|entry| !entry.as_bytes().starts_with(b".") && matches_pattern(name, entry.as_bytes()))
        .collect();
    names.sort();
    Some(names.into_iter().map(|name| directory.join(name)).collect())
}

enum Fault {
    Io(io::Error),
    OthersMayWrite,
}

impl Fault {
    fn error(&self, file: &Path) -> Error {
        Error::configuration(match self {
            Fault::Io(error) => format!("cannot read {}: {}", file.display(), os_error::text(error)),
            // ssh's words.
            Fault::OthersMayWrite => format!("Bad owner or permissions on {}", file.display()),
        })
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Io(error)
    }
}

fn text_of(file: &Path, is_guarded: bool) -> Result<Vec<u8>, Fault> {
    let mut file = sticky::open(file)?;
    if is_guarded {
        let stat = fstat(&file).map_err(io::Error::from)?;
        let is_ours = stat.st_uid == 0 || stat.st_uid == rustix::process::getuid().as_raw();
        if !is_ours || stat.st_mode & 0o022 != 0 {
            return Err(Fault::OthersMayWrite);
        }
    }
    let mut text = Vec::new();
    file.by_ref().take(FILE_LIMIT_BYTES + 1).read_to_end(&mut text)?;
    if text.len() as u64 > FILE_LIMIT_BYTES {
        return Err(Fault::Io(ErrorKind::FileTooLarge.into()));
    }
    Ok(text)
}

/// Returns whether `words` is just this word, in any case.
fn is_word(words: &[Vec<u8>], word: &[u8]) -> bool {
    matches!(words, [only] if only.eq_ignore_ascii_case(word))
}

/// Returns whether the patterns of a `Host` line match `host`: at least one does, and no negated one.
fn matches_host(patterns: &[Vec<u8>], host: &str) -> bool {
    let mut matched = false;
    for pattern in patterns {
        match pattern.strip_prefix(b"!") {
            Some(pattern) if matches_pattern(pattern, host.as_bytes()) => return false,
            Some(_) => {}
            None => matched |= matches_pattern(pattern, host.as_bytes()),
        }
    }
    matched
}

/// Returns whether the settings so far tell ssh to ignore this unknown keyword.
fn is_ignored(settings: &[Setting], keyword: &str) -> bool {
    let first = settings.iter().find(|(name, _)| name == "ignoreunknown");
    let mut patterns = first.into_iter().flat_map(|(_, words)| words).flat_map(|word| word.split(|&byte| byte == b','));
    patterns.any(|pattern| matches_pattern(&pattern.to_ascii_lowercase(), keyword.as_bytes()))
}

/// Returns whether ssh knows a keyword, which must be in lower case.
pub(super) fn is_keyword(name: &str) -> bool {
    is_one_of(KEYWORDS, name)
}

fn is_one_of(names: &str, name: &str) -> bool {
    names.split_ascii_whitespace().any(|one| one == name)
}

/// Reads one line, or the value of `-o`: `Keyword value`, `Keyword=value` and mixtures of the two. Returns `None` for
/// an empty line and a comment.
///
/// # Errors
/// The fault of the line, in ssh's words.
pub(super) fn setting(line: &[u8]) -> Result<Option<Setting>, String> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'=')).unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    let mut keyword = String::from_utf8_lossy(keyword).to_ascii_lowercase();
    if let Some((_, today)) = OLD_NAMES.iter().find(|(old, _)| *old == keyword) {
        keyword = (*today).to_owned();
    }
    let rest = rest.trim_ascii_start();
    let rest = rest.strip_prefix(b"=").unwrap_or(rest).trim_ascii_start();
    let words = match COMMANDS.contains(&keyword.as_str()) {
        true if rest.is_empty() => Vec::new(),
        true => vec![rest.to_vec()],
        false => words(rest).ok_or_else(|| String::from("invalid quotes"))?,
    };
    if words.first().is_none_or(Vec::is_empty) {
        return Err(format!("no argument after keyword \"{keyword}\""));
    }
    let may_be_several =
        matches!(keyword.as_str(), "host" | "match" | "include") || is_one_of(OF_SEVERAL_WORDS, &keyword);
    if words.len() > 1 && !may_be_several {
        return Err(format!("keyword {keyword} extra arguments at end of line"));
    }
    Ok(Some((keyword, words)))
}

/// Splits words as OpenSSH's `argv_split` does. It knows single and double quotes, a backslash before a quote, a
/// blank or another backslash, and a comment at the beginning of a word. Returns `None` if a quote is not closed.
fn words(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, quote) {
            (b' ' | b'\t', None) => words.extend(word.take()),
            (b'#', None) if word.is_none() => break,
            (b'\\', _) => {
                let escaped = bytes.next_if(|next| match next {
                    b'\'' | b'"' | b'\\' => true,
                    b' ' => quote.is_none(),
                    _ => false,
                });
                word.get_or_insert_default().push(escaped.unwrap_or(b'\\'));
            }
            (b'\'' | b'"', None) => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (byte, Some(closing)) if byte == closing => quote = None,
            (byte, _) => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Returns the settings in `text` for the host `h`, one on each line.
    fn read(text: impl AsRef<[u8]>, owner: Owner) -> Result<String, String> {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join(".ssh/more.d")).unwrap();
        fs::write(home.path().join(".ssh/more.d/b.conf"), "User b\n").unwrap();
        fs::write(home.path().join(".ssh/more.d/a.conf"), "Host other\nUser a\nHost h\nPort 1\n").unwrap();
        fs::write(home.path().join(".ssh/more.d/.hidden.conf"), "nonsense\n").unwrap();
        fs::write(home.path().join(".ssh/itself"), "Include itself\n").unwrap();
        let file = home.path().join(".ssh/config");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let settings = Reader { host: "h", home: home.path() }.read(&file, owner).map_err(|error| error.to_string())?;
        let line = |(keyword, words): &Setting| format!("{keyword} {}", String::from_utf8_lossy(&words.join(&b'|')));
        Ok(settings.unwrap().iter().map(line).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn a_file_that_is_too_long_is_refused() {
        let comment = |bytes: u64| "#".repeat(usize::try_from(bytes).unwrap());
        assert_eq!(read(comment(FILE_LIMIT_BYTES), Owner::User), Ok(String::new()));
        let error = read(comment(FILE_LIMIT_BYTES + 1), Owner::User).unwrap_err();
        assert!(error.starts_with("cannot read ") && error.ends_with("file too large"), "{error}");
    }

    #[test]
    fn what_holds_for_the_host_is_read_in_its_order() {
        for (text, settings) in [
            ("", ""),
            ("# comment\n\n  \t\nPort 22 # why\n", "port 22"),
            ("Port=22\nport = 23\nPORT\t24\r\n", "port 22\nport 23\nport 24"),
            ("Host other\nPort 1\nHost *\nPort 2\nHost ! h\nPort 3", "port 2\nport 3"),
            ("Host !h *\nPort 1\nHost x h\nPort 2\nHost ?\nPort 3\nMatch all\nPort 4", "port 2\nport 3\nport 4"),
            ("Host other\nMatch ALL\nPort 1\nMatch !All\nPort 2\nMatch \"all\" # why\nPort 3", "port 1\nport 3"),
            ("User \"a b\"\nUser a\\ b\nUser 'c'd\"e\"\nUser \"x\\\"y\"", "user a b\nuser a b\nuser cde\nuser x\"y"),
            ("UserKnownHostsFile ~/a \"/b c\"  d", "userknownhostsfile ~/a|/b c|d"),
            ("ProxyCommand = nc \"%h\" # %p", "proxycommand nc \"%h\" # %p"),
            ("ChallengeResponseAuthentication no", "kbdinteractiveauthentication no"),
            ("IgnoreUnknown Foo*,bar\nFooBar x\nBar y\nPort 1", "ignoreunknown Foo*,bar\nport 1"),
            ("Protocol 2\nUseRoaming no\nPort 1", "port 1"),
            ("Include more.d/*.conf\nPort 2", "port 1\nuser b\nport 2"),
            ("Include ~/.ssh/more.d/b.conf /nowhere/x", "user b"),
            ("Host other\nInclude more.d/*.conf\nHost h\nUser c", "user c"),
        ] {
            assert_eq!(read(text, Owner::User).as_deref(), Ok(settings), "{text}");
        }
    }

    #[test]
    fn a_file_that_is_not_understood_is_refused_with_its_line() {
        for (text, what) in [
            ("Port 1\nMatch user me", "line 2: Match takes an ssh program, and there is none in PATH"),
            ("Match all all", "line 1: Match takes an ssh program, and there is none in PATH"),
            ("Foo bar", "line 1: Bad configuration option: foo"),
            ("Port", "line 1: no argument after keyword \"port\""),
            ("Port \"\"", "line 1: no argument after keyword \"port\""),
            ("ProxyCommand", "line 1: no argument after keyword \"proxycommand\""),
            ("Port 1 2", "line 1: keyword port extra arguments at end of line"),
            ("User \"a", "line 1: invalid quotes"),
            ("Include itself", "line 1: Too many recursive configuration includes"),
            ("Include %d/x", "line 1: Include with a pattern that takes an ssh program: "),
            ("Include ${X}/x", "line 1: Include with a pattern that takes an ssh program: "),
            ("Port 1\nHost *\0\nUser a", "line 2: NUL byte"),
            ("Include */x", "line 1: Include with a pattern that takes an ssh program: "),
        ] {
            let error = read(text, Owner::Named).unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
    }

    #[test]
    fn the_user_s_own_file_and_included_ones_are_refused_if_others_may_write_to_them() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config");
        fs::write(&file, "Port 1\n").unwrap();
        let including = home.path().join("including");
        fs::write(&including, format!("Include {}\n", file.display())).unwrap();
        let reader = Reader { host: "h", home: home.path() };
        for (mode, good) in [(0o600, true), (0o644, true), (0o664, false), (0o646, false)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let read = reader.read(&file, Owner::User).map_err(|error| error.to_string());
            let refused = format!("Bad owner or permissions on {}", file.display());
            assert_eq!(read.as_ref().err(), Some(&refused).filter(|_| !good), "{mode:o}");
            assert!(reader.read(&file, Owner::Named).is_ok(), "{mode:o}");
            for owner in [Owner::Named, Owner::System] {
                let read = reader.read(&including, owner).map_err(|error| error.to_string());
                assert_eq!(read.as_ref().err(), Some(&refused).filter(|_| !good), "{mode:o}: included");
            }
        }
        assert!(reader.read(&home.path().join("none"), Owner::User).unwrap().is_none());
    }
}
