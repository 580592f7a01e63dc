//! `lcd`, `lpwd` and `lmkdir`: the local working directory.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Context, Failure, LocalDir, LocalPath, Outcome, Purpose, Run, each, local_cause};
use crate::terminal::Printable;

/// Change local directory
///
/// Without a path it goes home. A ~ in front stands for your home, ~NAME for another user's.
#[derive(Clone, Debug, clap::Args)]
pub struct Lcd {
    /// Directory to go to
    #[arg(value_name = "path")]
    path: Option<LocalDir>,
}

impl Run for Lcd {
    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        // An empty word is no path, as in sftp(1) and in cd.
        let typed = self.path.map(|LocalDir(path)| path).filter(|path| !path.as_os_str().is_empty());
        let path = typed.unwrap_or_else(|| PathBuf::from("~"));
        let path = expand_tilde(&path)?;
        cx.local.change(&path).map_err(|error| {
            let shown = Printable(path.as_os_str().as_bytes());
            Failure::new(format!("Couldn't change local directory to \"{shown}\": {}", local_cause(&error)))
        })?;
        Ok(Outcome::Done)
    }
}

/// The path with `~` or `~user` in front replaced by that home.
fn expand_tilde(path: &Path) -> Result<PathBuf, Failure> {
    let Some(rest) = path.as_os_str().as_bytes().strip_prefix(b"~") else { return Ok(path.to_owned()) };
    let user_end = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
    let (user, below) = rest.split_at(user_end);
    let home = if user.is_empty() {
        dirs::home_dir().ok_or_else(|| Failure::new("No home directory is known"))
    } else {
        home_of(user).ok_or_else(|| Failure::new(format!("No such user {}", Printable(user))))
    }?;
    let below = below.iter().position(|&byte| byte != b'/').map_or(&[][..], |start| &below[start..]);
    Ok(if below.is_empty() { home } else { home.join(OsStr::from_bytes(below)) })
}

/// Another user's home. The system's user database is only to be had through C, so the shell is asked, which reads it.
fn home_of(user: &[u8]) -> Option<PathBuf> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if !user.iter().all(plain) {
        return None;
    }
    let script = format!("printf %s ~{}", str::from_utf8(user).ok()?);
    let answer =
        Command::new("/bin/sh").arg("-c").arg(script).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let home = answer.stdout;
    // A name that no user has stays as it is.
    (home.first() == Some(&b'/')).then(|| PathBuf::from(std::ffi::OsString::from_vec(home)))
}

/// Print local working directory
#[derive(Clone, Debug, clap::Args)]
pub struct Lpwd {}

impl Run for Lpwd {
    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let path = cx.local.path();
        path.metadata().map_err(|error| Failure::new(super::context::cwd_is_gone(&error)))?;
        cx.output.answer(format_args!("Local working directory: {}", Printable(path.as_os_str().as_bytes())));
        Ok(Outcome::Done)
    }
}

/// Create local directory
#[derive(Clone, Debug, clap::Args)]
pub struct Lmkdir {
    /// Directories to create
    #[arg(required = true, value_name = "path")]
    paths: Vec<LocalPath>,
}

impl Run for Lmkdir {
    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        each(cx, self.paths, |cx, LocalPath(path)| {
            std::fs::create_dir(cx.local.resolve(&path)).map_err(|error| {
                let shown = Printable(path.as_os_str().as_bytes());
                Failure::new(format!("Couldn't create local directory \"{shown}\": {}", local_cause(&error)))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilde_stands_for_homes_only_in_front() {
        let home = dirs::home_dir().unwrap();
        for (typed, meant) in [
            ("~", Some(home.clone())),
            ("~/a//b", Some(home.join("a//b"))),
            ("~/", Some(home.clone())),
            ("a~", Some(PathBuf::from("a~"))),
            ("/~", Some(PathBuf::from("/~"))),
            ("~no-such-user-here", None),
            ("~$(id)", None),
        ] {
            assert_eq!(expand_tilde(Path::new(typed)).ok(), meant, "{typed}");
        }
        assert!(expand_tilde(Path::new("~root/x")).unwrap().ends_with("x"));
    }
}
