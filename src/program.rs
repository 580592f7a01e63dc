//! Finds programs by name, the way a careful `execvp` would.
//!
//! `PATH` may hold empty and relative elements, which mean the current directory or one below it. sftpsh runs in
//! directories that others fill with files, and some of those come from a server. So only absolute elements count:
//! nothing in the current directory is ever run because of its name.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::Access;
use rustix::io::Errno;

/// Directories to search if `PATH` is not set.
const USUAL_PATH: &str = "/usr/bin:/bin";

/// Returns a command that runs `program`, once [`find`] has found it.
///
/// # Errors
/// As [`find`].
pub fn command(program: impl AsRef<OsStr>) -> io::Result<Command> {
    find(program.as_ref()).map(Command::new)
}

/// Finds a program. A name with a slash is the program's path; any other name is looked up in the absolute elements
/// of `PATH`.
///
/// # Errors
/// `NotFound` if there is no such program, `PermissionDenied` if there is one but it can't be run.
pub fn find(program: &OsStr) -> io::Result<PathBuf> {
    find_in(env::var_os("PATH"), program)
}

/// Like [`find`], but with a given value of `PATH`.
///
/// # Errors
/// As [`find`].
pub fn find_in(path: Option<OsString>, program: &OsStr) -> io::Result<PathBuf> {
    if program.as_encoded_bytes().contains(&b'/') {
        return runnable(Path::new(program)).map(|()| PathBuf::from(program));
    }
    let mut failure = io::Error::from(Errno::NOENT);
    if program.is_empty() {
        return Err(failure);
    }
    let path = path.unwrap_or_else(|| OsString::from(USUAL_PATH));
    for directory in env::split_paths(&path).filter(|directory| directory.is_absolute()) {
        let candidate = directory.join(program);
        match runnable(&candidate) {
            Ok(()) => return Ok(candidate),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => failure = error,
            Err(_) => {}
        }
    }
    Err(failure)
}

fn runnable(program: &Path) -> io::Result<()> {
    if program.metadata()?.is_dir() {
        return Err(Errno::ACCESS.into());
    }
    Ok(rustix::fs::access(program, Access::EXEC_OK)?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Creates a directory with a program for each name.
    fn directory(programs: &[(&str, u32)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, mode) in programs {
            let file = directory.path().join(name);
            fs::write(&file, "#!/bin/sh\n").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(*mode)).unwrap();
        }
        directory
    }

    fn found(path: &str, program: &str) -> Result<PathBuf, ErrorKind> {
        find_in(Some(path.into()), program.as_ref()).map_err(|error| error.kind())
    }

    #[test]
    fn only_absolute_elements_of_the_path_are_searched() {
        // Tests run in the package's directory, in which these relative elements lead to an existing program.
        let trap = tempfile::tempdir_in(".").unwrap();
        let file = trap.path().join("trap");
        fs::write(&file, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let relative = trap.path().file_name().unwrap().to_str().unwrap();
        assert!(runnable(&Path::new(relative).join("trap")).is_ok());
        let honest = directory(&[("trap", 0o755)]);
        let absolute = honest.path().to_str().unwrap();
        for element in [relative, &format!("./{relative}"), &format!("../{relative}"), "", "."] {
            for path in [element.to_owned(), format!("{element}:/nowhere"), format!("/nowhere:{element}")] {
                assert_eq!(found(&path, "trap"), Err(ErrorKind::NotFound), "{path}");
            }
            let path = format!("{element}:{absolute}");
            assert_eq!(found(&path, "trap"), Ok(honest.path().join("trap")), "{path}");
        }
        assert_eq!(found("", "trap"), Err(ErrorKind::NotFound));
    }

    #[test]
    fn the_first_program_that_can_be_run_counts() {
        let (first, second) = (directory(&[("a", 0o755), ("b", 0o644)]), directory(&[("a", 0o755), ("b", 0o755)]));
        fs::create_dir(first.path().join("c")).unwrap();
        let path = format!("{}:{}", first.path().display(), second.path().display());
        assert_eq!(found(&path, "a"), Ok(first.path().join("a")));
        assert_eq!(found(&path, "b"), Ok(second.path().join("b")));
        assert_eq!(found(&path, "c"), Err(ErrorKind::PermissionDenied));
        assert_eq!(found(&path, ""), Err(ErrorKind::NotFound));
        assert_eq!(found(&path, "/bin/sh"), Ok(PathBuf::from("/bin/sh")));
        assert_eq!(found(&path, "./no-such-program"), Err(ErrorKind::NotFound));
        assert!(find_in(None, "sh".as_ref()).is_ok());
    }
}
