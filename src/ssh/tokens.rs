//! `%h` and its like, `~` and `${VARIABLE}` in values of the ssh configuration (ssh_config(5), "TOKENS").
#![forbid(unsafe_code)]

use std::env;
use std::path::PathBuf;

use sha1::{Digest, Sha1};

use crate::ssh::config::Settings;
use crate::ssh::error::Error;

/// What the tokens stand for.
#[derive(Debug)]
pub(super) struct Tokens {
    typed_host: String,
    host: String,
    port: String,
    user: String,
    key_alias: String,
    jump: String,
    home: PathBuf,
}

impl Tokens {
    pub(super) fn new(
        typed_host: &str,
        host: &str,
        port: u16,
        user: &str,
        settings: &Settings,
        defaults: &Settings,
    ) -> Tokens {
        let jump = settings.get("proxyjump").filter(|jump| *jump != "none").unwrap_or_default();
        Tokens {
            typed_host: typed_host.to_owned(),
            host: host.to_owned(),
            port: port.to_string(),
            user: user.to_owned(),
            key_alias: settings.get("hostkeyalias").unwrap_or(typed_host).to_owned(),
            jump: jump.to_owned(),
            home: home(defaults),
        }
    }

    /// Expands `~`, variables and all tokens in the name of a file.
    pub(super) fn expand_path(&self, text: &str) -> Result<PathBuf, Error> {
        let text = self.expand(&variables(text)?, &|token| self.token(token))?;
        match text.strip_prefix('~') {
            None => Ok(PathBuf::from(text)),
            Some("") => Ok(self.home.clone()),
            Some(rest) => match rest.strip_prefix('/') {
                Some(rest) => Ok(self.home.join(rest)),
                None => Err(Error::NotHonoured { keyword: String::from("another user's home (~user)"), value: text }),
            },
        }
    }

    /// Expands the few tokens of ProxyCommand and ProxyJump.
    pub(super) fn expand_command(&self, text: &str) -> Result<String, Error> {
        self.expand(text, &|token| match token {
            '%' | 'h' | 'n' | 'p' | 'r' => self.token(token),
            _ => None,
        })
    }

    fn expand(&self, text: &str, value: &dyn Fn(char) -> Option<String>) -> Result<String, Error> {
        let mut expanded = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character != '%' {
                expanded.push(character);
                continue;
            }
            let token = characters.next().unwrap_or(' ');
            match value(token) {
                Some(value) => expanded.push_str(&value),
                None => return Err(Error::Configuration(format!("unknown token %{token} in {text}"))),
            }
        }
        Ok(expanded)
    }

    fn token(&self, token: char) -> Option<String> {
        Some(match token {
            '%' => String::from("%"),
            'h' => self.host.clone(),
            'n' => self.typed_host.clone(),
            'p' => self.port.clone(),
            'r' => self.user.clone(),
            'k' => self.key_alias.clone(),
            'j' => self.jump.clone(),
            'd' => self.home.to_string_lossy().into_owned(),
            'i' => rustix::process::getuid().as_raw().to_string(),
            'u' => local_user(),
            'l' => local_host(),
            'L' => local_host().split('.').next().unwrap_or_default().to_owned(),
            'C' => self.connection_hash(),
            _ => return None,
        })
    }

    fn connection_hash(&self) -> String {
        let text = [local_host().as_str(), &self.host, &self.port, &self.user, &self.jump].concat();
        Sha1::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Our user's name.
pub(super) fn local_user() -> String {
    ["LOGNAME", "USER"].iter().find_map(|name| env::var(name).ok().filter(|user| !user.is_empty())).unwrap_or_default()
}

fn local_host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The home directory as ssh sees it: the user database's, not `$HOME`. `ssh -G` without a configuration shows it in the name of a
/// default file.
fn home(defaults: &Settings) -> PathBuf {
    defaults
        .get("userknownhostsfile")
        .and_then(|files| files.split(' ').next()?.strip_suffix("/.ssh/known_hosts"))
        .filter(|home| home.starts_with('/'))
        .map(PathBuf::from)
        .or_else(env::home_dir)
        .unwrap_or_else(|| PathBuf::from("/"))
}

/// Replaces `${NAME}` by the variable; an unset one is an error, as it is for ssh.
fn variables(text: &str) -> Result<String, Error> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else {
            return Err(Error::Configuration(format!("unterminated variable in {text}")));
        };
        let value =
            env::var(name).map_err(|_| Error::Configuration(format!("{name} is not set, needed for {text}")))?;
        expanded.push_str(before);
        // A value is no pattern: its own percent signs stand for themselves.
        expanded.push_str(&value.replace('%', "%%"));
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        let settings = Settings::from_lines("hostkeyalias alias\nproxyjump j1,j2\n");
        let defaults =
            Settings::from_lines("userknownhostsfile /home/me/.ssh/known_hosts /home/me/.ssh/known_hosts2\n");
        Tokens::new("typed", "host.example", 2222, "remote", &settings, &defaults)
    }

    #[test]
    fn tokens_and_home_are_put_in() {
        let tokens = tokens();
        for (text, expanded) in [
            ("~/.ssh/id", "/home/me/.ssh/id"),
            ("~", "/home/me"),
            ("/k/%h-%n-%p-%r-%k-%j-%%", "/k/host.example-typed-2222-remote-alias-j1,j2-%"),
            ("%d/x", "/home/me/x"),
            ("/plain ü", "/plain ü"),
        ] {
            assert_eq!(tokens.expand_path(text).unwrap(), PathBuf::from(expanded), "{text}");
        }
        assert_eq!(tokens.expand_command("nc %h %p %% %r@%n").unwrap(), "nc host.example 2222 % remote@typed");
        assert_eq!(tokens.connection_hash().len(), 40);
    }

    #[test]
    fn what_cannot_be_expanded_is_said() {
        let tokens = tokens();
        assert_eq!(tokens.expand_path("/x/%z").unwrap_err().to_string(), "unknown token %z in /x/%z");
        assert!(tokens.expand_path("trailing%").is_err());
        assert!(tokens.expand_path("~other/x").is_err());
        assert!(tokens.expand_path("${SFTPSH_SURELY_NOT_SET}/x").is_err());
        assert!(tokens.expand_command("nc %d").is_err());
    }
}
