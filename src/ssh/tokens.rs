//! `%h` and its like, `~` and `${VARIABLE}` in values of the ssh configuration (ssh_config(5), "TOKENS").
//!
//! `ssh -G` prints some values expanded and others as they were written. Each is expanded exactly once: a percent sign or a
//! tilde that came out of an expansion stands for itself.
#![forbid(unsafe_code)]

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};
use sha1::{Digest, Sha1};

use crate::ssh::error::Error;

/// Who runs this program, by the user database, as ssh sees it: neither `$HOME` nor `$LOGNAME` counts.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// The name; `None` if the user database doesn't know our uid.
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

/// What the tokens stand for.
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
    /// Expands `~`, variables and all tokens in the name of a file.
    pub(super) fn expand_path(&self, text: &[u8]) -> Result<PathBuf, Error> {
        let (home, rest) = split_home(text, &self.account.home)?;
        let rest = expand(rest, &|token| self.token(token), true)?;
        Ok(joined(home, rest))
    }

    /// Expands `~` alone.
    pub(super) fn expand_home(&self, text: &[u8]) -> Result<PathBuf, Error> {
        let (home, rest) = split_home(text, &self.account.home)?;
        Ok(joined(home, rest.to_vec()))
    }

    /// Expands the few tokens of ProxyCommand and ProxyJump.
    pub(super) fn expand_command(&self, text: &str) -> Result<String, Error> {
        let few = |token| match token {
            '%' | 'h' | 'k' | 'n' | 'p' | 'r' => self.token(token),
            _ => None,
        };
        // Text and tokens are UTF-8.
        Ok(String::from_utf8_lossy(&expand(text.as_bytes(), &few, false)?).into_owned())
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

/// Expands what may stand in a HostName: `%h`, the host as it was typed, and `%%`.
pub(super) fn expand_host_name(text: &str, typed_host: &str) -> Result<String, Error> {
    let value = |token| match token {
        '%' => Some(b"%".to_vec()),
        'h' => Some(typed_host.as_bytes().to_vec()),
        _ => None,
    };
    Ok(String::from_utf8_lossy(&expand(text.as_bytes(), &value, false)?).into_owned())
}

/// Splits `~` or `~user` off the front of a path, as the home directory that it stands for.
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
        _ => Err(Error::Configuration(format!("No such user {name}"))),
    }
}

/// `rest` begins with a slash, or is empty, where it follows a home directory.
fn joined(home: Option<PathBuf>, rest: Vec<u8>) -> PathBuf {
    let mut path = home.map(|home| home.into_os_string().into_vec()).unwrap_or_default();
    if path.ends_with(b"/") && rest.starts_with(b"/") {
        path.pop();
    }
    path.extend(rest);
    PathBuf::from(OsString::from_vec(path))
}

/// Replaces tokens by their values and, if they may be there, `${NAME}` by the variable; an unset one is an error, as it is
/// for ssh.
fn expand(text: &[u8], value: &dyn Fn(char) -> Option<Vec<u8>>, variables: bool) -> Result<Vec<u8>, Error> {
    let shown = || String::from_utf8_lossy(text).into_owned();
    let mut expanded = Vec::new();
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let token = char::from(rest.first().copied().unwrap_or(b' '));
            rest = rest.get(1..).unwrap_or_default();
            let value =
                value(token).ok_or_else(|| Error::Configuration(format!("unknown token %{token} in {}", shown())))?;
            expanded.extend(value);
        } else if variables && byte == b'$' && rest.starts_with(b"{") {
            let end = rest.iter().position(|&byte| byte == b'}');
            let end = end.ok_or_else(|| Error::Configuration(format!("unterminated variable in {}", shown())))?;
            expanded.extend(variable(OsStr::from_bytes(&rest[1..end]), &shown())?.into_vec());
            rest = &rest[end + 1..];
        } else {
            expanded.push(byte);
        }
    }
    Ok(expanded)
}

fn variable(name: &OsStr, needed_for: &str) -> Result<OsString, Error> {
    let shown = name.display();
    let value = env::var_os(name)
        .ok_or_else(|| Error::Configuration(format!("{shown} is not set, needed for {needed_for}")))?;
    if holds_control(value.as_bytes()) {
        return Err(Error::Configuration(format!("{shown} holds a control character, needed for {needed_for}")));
    }
    Ok(value)
}

/// Returns whether a word holds what ends a line, or another control character but the tab, which parts words.
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
            let path = tokens.expand_path(text).unwrap();
            assert_eq!(path.as_os_str().as_bytes(), expanded, "{}", text.escape_ascii());
        }
        assert_eq!(tokens.expand_home(b"~/%h ${X}").unwrap(), PathBuf::from("/home/100% me/%h ${X}"));
        assert_eq!(tokens.expand_command("nc %h %p %% %r@%n %k").unwrap(), "nc host.example 2222 % remote@typed alias");
        assert_eq!(expand_host_name("%h.example%%", "h").unwrap(), "h.example%");
        assert_eq!(tokens.connection_hash().len(), 40);
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
    fn what_cannot_be_expanded_is_said() {
        let account = account();
        let tokens = tokens(&account);
        for (text, error) in [
            ("/x/%z", "unknown token %z in /x/%z"),
            ("trailing%", "unknown token %  in trailing%"),
            ("~no such user/x", "No such user no such user"),
            ("${SFTPSH_SURELY_NOT_SET}/x", "SFTPSH_SURELY_NOT_SET is not set, needed for ${SFTPSH_SURELY_NOT_SET}/x"),
            ("${HOME", "unterminated variable in ${HOME"),
        ] {
            assert_eq!(tokens.expand_path(text.as_bytes()).unwrap_err().to_string(), error);
        }
        assert!(tokens.expand_command("nc %d").is_err());
        assert!(tokens.expand_command("echo ${HOME}").is_ok_and(|command| command == "echo ${HOME}"));
    }
}
