//! A prepared password, from a file or from a command that prints it. It is used only once, so that a wrong one
//! doesn't lock the user out. It is never on a command line, where every user of the machine could read it.

use std::env;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use zeroize::Zeroizing;

use crate::connect::askpass::{answer_of, first_line};
use crate::program;
use crate::sticky;

/// A command that prints the password on its first line. It is split into words as a shell would, but runs without a
/// shell.
const COMMAND_VARIABLE: &str = "SFTPSH_PASSWORD_COMMAND";

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a password file can't be used. Its hint gives advice, if there is any.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPasswordFile {
    /// The file can't be opened or read.
    #[error("{}", crate::os_error::text(.0))]
    Unreadable(#[from] io::Error),
    /// Users other than its owner may read or change the file.
    #[error("its permissions 0{0:o} are too open")]
    Open(u32),
    /// The first line is empty.
    #[error("its first line is empty")]
    Empty,
}

impl InvalidPasswordFile {
    pub(super) fn hint(&self, file: &Path) -> Option<String> {
        match self {
            InvalidPasswordFile::Open(_) => {
                let name = shlex::bytes::try_quote(file.as_os_str().as_bytes()).ok()?.into_owned();
                Some(format!("only the owner may read a password file: chmod 600 {}", String::from_utf8_lossy(&name)))
            }
            _ => None,
        }
    }
}

/// A prepared password, if there is one.
pub(super) enum Ready {
    /// The password itself.
    Password(Zeroizing<String>),
    /// A command that prints the password. It runs only when the password is needed.
    Command(OsString),
    /// There is none, or it was used.
    Nothing,
}

impl Ready {
    /// Reads the password file, if one is named, or looks for the command.
    ///
    /// # Errors
    /// The file can't be used.
    pub(super) fn find(file: Option<&Path>) -> Result<Ready, InvalidPasswordFile> {
        Ok(match file {
            Some(file) => Ready::Password(read(file)?),
            None => match env::var_os(COMMAND_VARIABLE).filter(|command| !command.is_empty()) {
                Some(command) => Ready::Command(command),
                None => Ready::Nothing,
            },
        })
    }

    /// Returns whether there is a password left to use.
    pub(super) fn is_there(&self) -> bool {
        !matches!(self, Ready::Nothing)
    }

    /// Takes the password. Returns `None` if there is none left.
    ///
    /// # Errors
    /// Why the command printed none, in one line.
    pub(super) fn take(&mut self) -> Result<Option<Zeroizing<String>>, String> {
        match std::mem::replace(self, Ready::Nothing) {
            Ready::Nothing => Ok(None),
            Ready::Password(password) => Ok(Some(password)),
            Ready::Command(line) => match printed_by(&line) {
                Ok(Some(password)) => Ok(Some(password)),
                Ok(None) => Err(format!("{COMMAND_VARIABLE}: the command failed")),
                Err(error) => Err(format!("{COMMAND_VARIABLE}: {}", crate::os_error::text(&error))),
            },
        }
    }
}

fn read(file: &Path) -> Result<Zeroizing<String>, InvalidPasswordFile> {
    let opened = sticky::open(file)?;
    // Checked on the open file, because its name could refer to another one by now.
    let mode = opened.metadata()?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(InvalidPasswordFile::Open(mode));
    }
    let password = first_line(without_mark(opened)?)?;
    if password.is_empty() { Err(InvalidPasswordFile::Empty) } else { Ok(password) }
}

/// Skips the byte-order mark that some editors on Windows put at the beginning.
fn without_mark(mut file: impl Read) -> io::Result<impl Read> {
    let mut first = Zeroizing::new(Vec::with_capacity(BYTE_ORDER_MARK.len()));
    file.by_ref().take(BYTE_ORDER_MARK.len() as u64).read_to_end(&mut first)?;
    let kept = if first.as_slice() == BYTE_ORDER_MARK { 0 } else { first.len() };
    let first = io::Cursor::new(first).take(kept as u64);
    Ok(first.chain(file))
}

fn printed_by(line: &OsString) -> io::Result<Option<Zeroizing<String>>> {
    let words = shlex::bytes::split(line.as_bytes())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a quote is not closed"))?;
    let mut words = words.into_iter().map(OsString::from_vec);
    let mut command = program::command(words.next().unwrap_or_default())?;
    // Standard input may hold the commands of a script.
    command.args(words).stdin(Stdio::null());
    answer_of(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_password() {
        let line = |text: &[u8]| first_line(without_mark(text).unwrap()).map(|line| line.to_string()).unwrap();
        for (text, password) in [
            (&b"\xef\xbb\xbfpass\r\n"[..], "pass"),
            (b"\xef\xbb\xbf", ""),
            (b"pass\r\n", "pass"),
            (b"p", "p"),
            (b"pa", "pa"),
            (b"", ""),
            (b"pass\xef\xbb\xbf", "pass\u{feff}"),
            (b"\xef\xbb\xbf\xef\xbb\xbfx", "\u{feff}x"),
        ] {
            assert_eq!(line(text), password, "{text:?}");
        }
    }

    #[test]
    fn a_password_is_given_once() {
        let mut ready = Ready::Command("printf '%s\\n' 'a b'".into());
        assert!(ready.is_there());
        assert_eq!(ready.take().unwrap().unwrap().as_str(), "a b");
        assert!(!ready.is_there() && ready.take().unwrap().is_none());
        assert_eq!(Ready::Command("false".into()).take().unwrap_err(), "SFTPSH_PASSWORD_COMMAND: the command failed");
        let missing = Ready::Command("/no/such".into()).take().unwrap_err();
        assert_eq!(missing, "SFTPSH_PASSWORD_COMMAND: No such file or directory");
        let unclosed = Ready::Command("'x".into()).take().unwrap_err();
        assert_eq!(unclosed, "SFTPSH_PASSWORD_COMMAND: a quote is not closed");
    }
}
