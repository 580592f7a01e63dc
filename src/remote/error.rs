//! Errors of the remote side, in sftp(1)'s words if it has any.

use std::fmt;

use crate::name::{EntryName, InvalidName, LONGEST_NAME, RemotePath};
use crate::remote::glob::TooManyWords;
use crate::sftp::{self, StatusCode};
use crate::terminal::{Excerpt, Printable};

/// The kind of request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The canonical path, by REALPATH.
    Canonicalize,
    /// Attributes, by STAT or LSTAT.
    Stat,
    /// The entries, by OPENDIR.
    List,
    /// The entries, by READDIR.
    Read,
    /// Names of users and groups.
    OwnerNames,
}

/// Why an operation on the remote side failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The server refused. The session goes on.
    #[error("{}: {}{}", Request(*act, path), Cause(error), Behind(*act, path))]
    Refused {
        /// The kind of request.
        act: Act,
        /// The path that the request was about.
        path: RemotePath,
        /// The server's answer, with its status code and its text.
        error: sftp::Error,
    },
    /// The connection ended, or the server broke the protocol.
    #[error("{}", Cause(.0))]
    Connection(sftp::Error),
    /// The path is not a directory.
    #[error("\"{}\" is not a directory", Printable(.0.as_bytes()))]
    NotADirectory(RemotePath),
    /// The server doesn't report the type of the file.
    #[error("Can't check target: the server does not say what \"{}\" is", Printable(.0.as_bytes()))]
    UnknownType(RemotePath),
    /// The server listed a name that would lead out of its directory. The entry was left out.
    #[error("Server sent suspect path {} during readdir of \"{}\"", SuspectName(name), Printable(directory.as_bytes()))]
    Suspect {
        /// The directory that was listed.
        directory: RemotePath,
        /// The name, and the reason why it is not allowed.
        name: InvalidName,
    },
    /// The server listed an entry with a size that no file can have. The entry was left out.
    #[error(
        "Server sent suspect size {size} of \"{}\" during readdir of \"{}\"",
        Printable(name.as_bytes()),
        Printable(directory.as_bytes())
    )]
    SuspectSize {
        /// The directory that was listed.
        directory: RemotePath,
        /// The entry.
        name: EntryName,
        /// The size in bytes.
        size: u64,
    },
    /// The server listed more suspect entries than are reported one by one.
    #[error("Server sent {more} more suspect entries during readdir of \"{}\"", Printable(directory.as_bytes()))]
    MoreSuspects {
        /// The directory that was listed.
        directory: RemotePath,
        /// The number of entries that were not reported.
        more: u64,
    },
    /// A walk went deeper than it may.
    #[error("Maximum directory depth exceeded: {levels} levels at \"{}\"", Printable(path.as_bytes()))]
    TooDeep {
        /// The directory that was not entered.
        path: RemotePath,
        /// The limit.
        levels: usize,
    },
    /// A link leads back to a directory above it.
    #[error("\"{}\" leads back to a directory above it", Printable(.0.as_bytes()))]
    Loop(RemotePath),
    /// The entries of a directory exceed the memory budget.
    #[error("remote readdir(\"{}\"): more entries than memory should hold", Printable(.0.as_bytes()))]
    TooManyEntries(RemotePath),
    /// The matches of a pattern exceed the memory budget.
    #[error("the pattern matches more files than memory should hold")]
    TooManyMatches,
    /// The braces of a pattern expand to too many words.
    #[error(transparent)]
    TooManyWords(#[from] TooManyWords),
    /// The text is not a valid path.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),
    /// The server's answer to REALPATH is longer than any path that it could open.
    #[error("realpath {}: the server answers with a path of {bytes} bytes", Printable(.path.as_bytes()))]
    LongAnswer {
        /// The path in the request.
        path: RemotePath,
        /// The length of the answer.
        bytes: usize,
    },
    /// Ctrl-C was pressed.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// Turns the session's error for a request into an error of the remote side.
    #[must_use]
    pub fn new(act: Act, path: &RemotePath, error: sftp::Error) -> Error {
        match error {
            sftp::Error::Interrupted => Error::Interrupted,
            error if error.leaves_the_session_alive() => Error::Refused { act, path: path.clone(), error },
            error => Error::Connection(error),
        }
    }

    /// Returns whether the server refused to report a file's attributes.
    #[must_use]
    pub fn is_about_attributes(&self) -> bool {
        matches!(self, Error::Refused { act: Act::Stat, .. })
    }

    /// Returns the directory that could not be listed, if this is such an error.
    #[must_use]
    pub fn unlisted(&self) -> Option<&RemotePath> {
        match self {
            Error::Refused { act: Act::List | Act::Read, path, .. } => Some(path),
            _ => None,
        }
    }

    /// Returns the status code, if the error is the server's answer.
    #[must_use]
    pub fn status_code(&self) -> Option<StatusCode> {
        match self {
            Error::Refused { error, .. } | Error::Connection(error) => error.status_code(),
            _ => None,
        }
    }

    /// Returns whether the server reported that the file doesn't exist.
    #[must_use]
    pub fn is_no_such_file(&self) -> bool {
        self.status_code() == Some(StatusCode::NO_SUCH_FILE)
    }
}

/// The request, as sftp(1)'s messages name it.
struct Request<'a>(Act, &'a RemotePath);

impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = Printable(self.1.as_bytes());
        match self.0 {
            Act::Canonicalize => write!(f, "realpath {path}"),
            Act::Stat => f.write_str("stat remote"),
            Act::List => write!(f, "remote readdir(\"{path}\")"),
            Act::Read => f.write_str("Couldn't read directory"),
            Act::OwnerNames => f.write_str("names of users and groups"),
        }
    }
}

/// The path, written after sftp(1)'s words if they leave it out.
struct Behind<'a>(Act, &'a RemotePath);

impl fmt::Display for Behind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Act::Stat | Act::Read => write!(f, ": \"{}\"", Printable(self.1.as_bytes())),
            Act::Canonicalize | Act::List | Act::OwnerNames => Ok(()),
        }
    }
}

/// A session's error for a person: the status in sftp(1)'s words, and the server's own text if it says more.
pub struct Cause<'a>(pub &'a sftp::Error);

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.0.to_string();
        write!(f, "{}", Excerpt(words.as_bytes()))?;
        match self.0 {
            sftp::Error::Status(status) if says_more(&status.text, &words) => {
                write!(f, " (server: {})", Excerpt(status.text.trim_ascii()))
            }
            _ => Ok(()),
        }
    }
}

/// Returns whether a server's text says more than the words of its code. OpenSSH's server shortens some of these
/// words.
fn says_more(text: &[u8], words: &str) -> bool {
    let text = text.trim_ascii();
    let repeated = words.as_bytes().get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text));
    !text.is_empty() && !repeated
}

struct SuspectName<'a>(&'a InvalidName);

impl fmt::Display for SuspectName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            InvalidName::Slash(name) | InvalidName::Dots(name) => write!(f, "\"{}\"", Excerpt(name)),
            InvalidName::TooLong(start) => write!(f, "\"{}…\" of more than {LONGEST_NAME} bytes", Printable(start)),
            InvalidName::Empty => f.write_str("\"\""),
            InvalidName::Nul => f.write_str("with a NUL byte"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sftp::Status;

    fn status(code: StatusCode, text: &'static str) -> sftp::Error {
        sftp::Error::Status(Status { code, text: text.into(), beside: 0 })
    }

    #[test]
    fn an_error_opens_with_the_words_of_sftp_and_keeps_those_of_the_server() {
        let path = RemotePath::new("/srv/\u{1b}x").unwrap();
        for (act, error, message) in [
            (
                Act::List,
                status(StatusCode::PERMISSION_DENIED, "Permission denied"),
                r#"remote readdir("/srv/\033x"): Permission denied"#,
            ),
            (
                Act::Canonicalize,
                status(StatusCode::NO_SUCH_FILE, "No such file"),
                r"realpath /srv/\033x: No such file or directory",
            ),
            (
                Act::Stat,
                status(StatusCode::FAILURE, "quota\n"),
                r#"stat remote: Failure (server: quota): "/srv/\033x""#,
            ),
            (Act::Stat, status(StatusCode::FAILURE, ""), r#"stat remote: Failure: "/srv/\033x""#),
        ] {
            assert_eq!(Error::new(act, &path, error).to_string(), message);
        }
        let lost = sftp::Error::ConnectionLost("reset".into());
        assert_eq!(Error::new(Act::Stat, &path, lost).to_string(), "Connection closed: reset");
        let suspect = Error::Suspect { directory: RemotePath::dot(), name: InvalidName::Slash(b"../evil".to_vec()) };
        assert_eq!(suspect.to_string(), r#"Server sent suspect path "../evil" during readdir of ".""#);
        let name = EntryName::vet("big\x1b").unwrap();
        let suspect = Error::SuspectSize { directory: RemotePath::dot(), name, size: u64::MAX };
        let message = r#"Server sent suspect size 18446744073709551615 of "big\033" during readdir of ".""#;
        assert_eq!(suspect.to_string(), message);
    }
}
