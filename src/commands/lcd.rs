//! `lcd`, `lpwd` and `lmkdir`: the local working directory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::commands::{Context, Failure, LocalDir, LocalPathArg, Outcome, Purpose, Run, each, home};
use crate::os_error;
use crate::terminal::Printable;

/// Change local directory
///
/// Without a path, go to your home directory. A leading ~ means your home directory, ~NAME that of another user.
#[derive(Clone, Debug, clap::Args)]
pub struct Lcd {
    /// The new local working directory
    #[arg(value_name = "path")]
    path: Option<LocalDir>,
}

impl Run for Lcd {
    const NEEDS_SERVER: bool = false;

    fn purpose(&self) -> Purpose {
        Purpose::LocalEffect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        // An empty word is not a path, as in sftp(1) and in cd.
        let typed = self.path.map(|LocalDir(path)| path).filter(|path| !path.as_os_str().is_empty());
        let path = typed.unwrap_or_else(|| PathBuf::from("~"));
        let path = expand_tilde(&path)?;
        cx.local.change(&path).map_err(|error| {
            let shown = Printable(path.as_os_str().as_bytes());
            Failure::new(format!("Couldn't change local directory to \"{shown}\": {}", os_error::text(&error)))
        })?;
        Ok(Outcome::Done)
    }
}

/// Replaces a leading `~` or `~user` by that home directory, quoted or not, as sftp(1) does for this command.
fn expand_tilde(path: &Path) -> Result<PathBuf, Failure> {
    let bytes = path.as_os_str().as_bytes();
    if !bytes.starts_with(b"~") {
        return Ok(path.to_owned());
    }
    let user = home::user(bytes);
    let home = home::of(user).ok_or_else(|| match user {
        b"" => Failure::new("The home directory is unknown"),
        _ => Failure::new(format!("No such user {}", Printable(user))),
    })?;
    let below =
        bytes[1 + user.len()..].iter().position(|&byte| byte != b'/').map(|start| &bytes[1 + user.len() + start..]);
    Ok(below.map_or_else(|| home.clone(), |below| home.join(OsStr::from_bytes(below))))
}

/// Print local working directory
#[derive(Clone, Debug, clap::Args)]
pub struct Lpwd {}

impl Run for Lpwd {
    const NEEDS_SERVER: bool = false;

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
    /// The directories to create
    #[arg(required = true, value_name = "path")]
    paths: Vec<LocalPathArg>,
}

impl Run for Lmkdir {
    const NEEDS_SERVER: bool = false;

    fn purpose(&self) -> Purpose {
        Purpose::LocalEffect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        each(cx, self.paths, |cx, LocalPathArg(path)| {
            std::fs::create_dir(cx.local.resolve(&path)).map_err(|error| {
                let shown = Printable(path.as_os_str().as_bytes());
                Failure::new(format!("Couldn't create local directory \"{shown}\": {}", os_error::text(&error)))
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
