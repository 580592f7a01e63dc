//! Expands `%h` and similar tokens, `~` and `${VARIABLE}` in values of the ssh configuration (ssh_config(5),
//! "TOKENS").
//!
//! `ssh -G` prints some values expanded and others unexpanded. Each value is expanded exactly once: a percent sign or
//! tilde that comes from an expansion stays as it is.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Display};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};
use sha1::{Digest, Sha1};

use crate::ssh::error::Error;
use crate::terminal::Printable;

/// The user who runs this program, from the user database. Like ssh, it ignores `$HOME` and `$LOGNAME`.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// The user's name; `None` if the user database doesn't know our uid.
    pub(super) name: Option<String>,
    /// The home directory.
    pub(super) home: PathBuf,
}

impl Account {
    /// Looks up the real uid of this process.
    pub(super) fn ours() -> Account {
        match User::from_uid(Uid::current()) {
            Ok(Some(user)) => Account { name: Some(user.name), home: user.dir },
            _ => Account { name: None, home: env::home_dir().unwrap_or_else(|| PathBuf::from("/")) },
        }
    }
}

/// Returns the name of the user who runs this program, if the user database knows it.
#[must_use]
pub fn our_name() -> Option<String> {
    Account::ours().name
}

/// The values of the tokens.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    pub(super) account: &'a Account,
    pub(super) typed_host: &'a str,
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) user: &'a str,
    pub(super) host_key_alias: Option<&'a str>,
    pub(super) jump: Option<&'a str>,
}

impl Tokens<'_> {
    /// Expands `~`, variables and all tokens in the name of a file, which is the value of `keyword`.
    pub(super) fn expand_path(&self, keyword: &str, text: &[u8]) -> Result<PathBuf, Error> {
        let (home, rest) = split_home(text, &self.account.home)?;
        let rest = expand(Value { keyword, text, has_variables: true }, rest, &|token| self.token(token))?;
        Ok(joined(home, rest))
    }

    /// Expands only `~`.
    pub(super) fn expand_home(&self, text: &[u8]) -> Result<PathBuf, Error> {
        let (home, rest) = split_home(text, &self.account.home)?;
        Ok(joined(home, rest.to_vec()))
    }

    /// Expands the few tokens that ProxyCommand and ProxyJump allow. `keyword` is one of the two.
    pub(super) fn expand_command(&self, keyword: &str, text: &str) -> Result<String, Error> {
        let few = |token| match token {
            '%' | 'h' | 'k' | 'n' | 'p' | 'r' => self.token(token),
            _ => None,
        };
        // Text and tokens are UTF-8.
        let text = text.as_bytes();
        let expanded = expand(Value { keyword, text, has_variables: false }, text, &few)?;
        Ok(String::from_utf8_lossy(&expanded).into_owned())
    }

    fn token(&self, token: char) -> Option<Vec<u8>> {
        let text = match token {
            '%' => "%".to_owned(),
            'h' => self.host.to_owned(),
            'n' => self.typed_host.to_owned(),
            'p' => self.port.to_string(),
            'r' => self.user.to_owned(),
            'k' => self.host_key_alias.unwrap_or(self.typed_host).to_owned(),
            'j' => self.jump.unwrap_or_default().to_owned(),
            'd' => return Some(self.account.home.as_os_str().as_bytes().to_vec()),
            'i' => rustix::process::getuid().as_raw().to_string(),
            'u' => self.account.name.clone()?,
            'l' => local_host(),
            'L' => local_host().split('.').next().unwrap_or_default().to_owned(),
            'C' => self.connection_hash(),
            _ => return None,
        };
        Some(text.into_bytes())
    }

    fn connection_hash(&self) -> String {
        let port = self.port.to_string();
        let text = [&local_host(), self.host, &port, self.user, self.jump.unwrap_or_default()].concat();
        Sha1::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Expands the tokens of a HostName: `%h`, which is the host as the user typed it, and `%%`.
pub(super) fn expand_host_name(text: &str, typed_host: &str) -> Result<String, Error> {
    let value = |token| match token {
        '%' => Some(b"%".to_vec()),
        'h' => Some(typed_host.as_bytes().to_vec()),
        _ => None,
    };
    let text = text.as_bytes();
    let expanded = expand(Value { keyword: "HostName", text, has_variables: false }, text, &value)?;
    Ok(String::from_utf8_lossy(&expanded).into_owned())
}

/// Splits `~` or `~user` off the front of a path. Returns the home directory and the rest.
fn split_home<'a>(text: &'a [u8], ours: &Path) -> Result<(Option<PathBuf>, &'a [u8]), Error> {
    let Some(after) = text.strip_prefix(b"~") else {
        return Ok((None, text));
    };
    let end = after.iter().position(|&byte| byte == b'/').unwrap_or(after.len());
    let (name, rest) = after.split_at(end);
    if name.is_empty() {
        return Ok((Some(ours.to_owned()), rest));
    }
    let name = String::from_utf8_lossy(name);
    match User::from_name(&name) {
        Ok(Some(user)) => Ok((Some(user.dir), rest)),
        // ssh(1)'s words.
        _ => Err(Error::configuration(format!("tilde_expand: No such user {name}"))),
    }
}

/// Joins a home directory and `rest`, which begins with a slash or is empty.
fn joined(home: Option<PathBuf>, rest: Vec<u8>) -> PathBuf {
    let mut path = home.map(|home| home.into_os_string().into_vec()).unwrap_or_default();
    if path.ends_with(b"/") && rest.starts_with(b"/") {
        path.pop();
    }
    path.extend(rest);
    PathBuf::from(OsString::from_vec(path))
}

/// A value of the configuration, for messages.
#[derive(Clone, Copy)]
struct Value<'a> {
    /// Its keyword in the spelling of ssh_config(5).
    keyword: &'a str,
    /// The whole value, unexpanded.
    text: &'a [u8],
    /// True if `${NAME}` in it means a variable.
    has_variables: bool,
}

impl Value<'_> {
    /// Returns ssh(1)'s two lines about a value that it can't expand. Unlike ssh's, the second line also names the
    /// value.
    fn fault(self, why: impl Display) -> Error {
        let function = if self.has_variables { "percent_dollar_expand" } else { "percent_expand" };
        Error::Configuration(vec![format!("vdollar_percent_expand: {why}"), format!("{function}: failed: {self}")])
    }

    /// Returns ssh(1)'s two lines about a variable that isn't set.
    fn unset(self, name: &OsStr) -> Error {
        Error::Configuration(vec![
            format!("vdollar_percent_expand: env var ${{{}}} has no value", Printable(name.as_bytes())),
            format!("invalid environment variable expansion: {self}"),
        ])
    }
}

impl Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.keyword, Printable(self.text))
    }
}

/// Replaces the tokens in `rest`, the end of a value, and `${NAME}` if the value may hold variables. As in ssh, an
/// unset variable is an error.
fn expand(whole: Value<'_>, mut rest: &[u8], value: &dyn Fn(char) -> Option<Vec<u8>>) -> Result<Vec<u8>, Error> {
    let mut expanded = Vec::new();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let (&token, after) = rest.split_first().ok_or_else(|| whole.fault("invalid format"))?;
            rest = after;
            let token = char::from(token);
            expanded.extend(value(token).ok_or_else(|| whole.fault(format_args!("unknown key %{token}")))?);
        } else if whole.has_variables && byte == b'$' && rest.starts_with(b"{") {
            let Some(end) = rest.iter().position(|&byte| byte == b'}') else {
                let name = Printable(&rest[1..]);
                return Err(whole.fault(format_args!("environment variable '{name}' missing closing '}}'")));
            };
            let name = OsStr::from_bytes(&rest[1..end]);
            let variable = env::var_os(name).ok_or_else(|| whole.unset(name))?;
            if holds_control(variable.as_bytes()) {
                return Err(control_in_variable(whole.keyword, name));
            }
            expanded.extend(variable.into_vec());
            rest = &rest[end + 1..];
        } else {
            expanded.push(byte);
        }
    }
    Ok(expanded)
}

/// Returns the error for a value of `keyword` that uses a variable with a control character.
pub(super) fn control_in_variable(keyword: &str, name: &OsStr) -> Error {
    let name = Printable(name.as_bytes());
    Error::configuration(format!(
        "{keyword} in the ssh configuration uses ${{{name}}}, but the variable {name} holds a line break or another control \
         character: set it to a value without one"
    ))
}

/// Returns whether a word holds a line break or another control character, except a tab, which separates words.
pub(super) fn holds_control(word: &[u8]) -> bool {
    word.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t')
}

fn local_host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account { name: Some(String::from("me")), home: PathBuf::from("/home/100% me") }
    }

    fn tokens(account: &Account) -> Tokens<'_> {
        let (host_key_alias, jump) = (Some("alias"), Some("j1,j2"));
        Tokens { account, typed_host: "typed", host: "host.example", port: 2222, user: "remote", host_key_alias, jump }
    }

    #[test]
    fn tokens_and_home_are_put_in_once() {
        let account = account();
        let tokens = tokens(&account);
        for (text, expanded) in [
            (&b"~/.ssh/id"[..], &b"/home/100% me/.ssh/id"[..]),
            (b"~", b"/home/100% me"),
            (b"~//x", b"/home/100% me//x"),
            (b"/k/%h-%n-%p-%r-%k-%j-%u-%%h", b"/k/host.example-typed-2222-remote-alias-j1,j2-me-%h"),
            (b"%d/x", b"/home/100% me/x"),
            (b"/plain \xff", b"/plain \xff"),
            (b"x~", b"x~"),
        ] {
            let path = tokens.expand_path("IdentityFile", text).unwrap();
            assert_eq!(path.as_os_str().as_bytes(), expanded, "{}", text.escape_ascii());
        }
        assert_eq!(tokens.expand_home(b"~/%h ${X}").unwrap(), PathBuf::from("/home/100% me/%h ${X}"));
        assert_eq!(
            tokens.expand_command("ProxyCommand", "nc %h %p %% %r@%n %k").unwrap(),
            "nc host.example 2222 % remote@typed alias"
        );
        assert_eq!(expand_host_name("%h.example%%", "h").unwrap(), "h.example%");
        assert_eq!(tokens.connection_hash().len(), 40);
        let (uid, host) = (rustix::process::getuid().as_raw(), local_host());
        let short = host.split('.').next().unwrap();
        assert_eq!(
            tokens.expand_path("IdentityFile", b"%i/%l/%L").unwrap(),
            PathBuf::from(format!("{uid}/{host}/{short}"))
        );
        assert_eq!(tokens.expand_path("IdentityFile", b"%C").unwrap(), PathBuf::from(tokens.connection_hash()));
    }

    #[test]
    fn the_account_is_that_of_the_uid() {
        let ours = Account::ours();
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
        let uid = rustix::process::getuid().as_raw().to_string();
        let line = passwd.lines().find(|line| line.split(':').nth(2) == Some(&uid)).unwrap();
        let fields: Vec<_> = line.split(':').collect();
        assert_eq!((ours.name.as_deref(), ours.home.to_str()), (Some(fields[0]), Some(fields[5])));
        let (root, rest) = split_home(b"~root/x", Path::new("/")).unwrap();
        assert_eq!((root, rest), (Some(PathBuf::from("/root")), &b"/x"[..]));
    }

    #[test]
    fn what_cannot_be_expanded_is_said_in_the_words_of_ssh() {
        let account = account();
        let tokens = tokens(&account);
        let failed = |why: &str, text: &str| {
            vec![
                format!("vdollar_percent_expand: {why}"),
                format!("percent_dollar_expand: failed: IdentityFile {text}"),
            ]
        };
        for (text, lines) in [
            ("/x/%z", failed("unknown key %z", "/x/%z")),
            ("trailing%", failed("invalid format", "trailing%")),
            ("${HOME", failed("environment variable 'HOME' missing closing '}'", "${HOME")),
            ("~no such user/x", vec!["tilde_expand: No such user no such user".to_owned()]),
            (
                "${SFTPSH_SURELY_NOT_SET}/x",
                vec![
                    "vdollar_percent_expand: env var ${SFTPSH_SURELY_NOT_SET} has no value".to_owned(),
                    "invalid environment variable expansion: IdentityFile ${SFTPSH_SURELY_NOT_SET}/x".to_owned(),
                ],
            ),
        ] {
            assert_eq!(tokens.expand_path("IdentityFile", text.as_bytes()).unwrap_err().lines(), lines);
        }
        let few = tokens.expand_command("ProxyCommand", "nc %d").unwrap_err().lines();
        assert_eq!(few, ["vdollar_percent_expand: unknown key %d", "percent_expand: failed: ProxyCommand nc %d"]);
        let command = tokens.expand_command("ProxyCommand", "echo ${HOME}");
        assert!(command.is_ok_and(|command| command == "echo ${HOME}"));
    }
}
