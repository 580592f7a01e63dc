//! Errors of requests and of the session.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::sftp::extensions::Extension;
use crate::sftp::wire::Violation;

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The server refused the request. The session goes on.
    #[error("{0}")]
    Status(Status),
    /// The server doesn't offer the extension that this request needs. Nothing was sent.
    #[error("the server does not offer {0}")]
    Unsupported(Extension),
    /// The server broke the protocol, so the connection was ended.
    #[error("the server broke the SFTP protocol: {0}")]
    Protocol(String),
    /// The server's answer doesn't fit the request. The session goes on.
    #[error("the server's answer makes no sense: {0}")]
    Nonsense(String),
    /// The connection ended, for this reason.
    #[error("Connection closed: {0}")]
    ConnectionLost(String),
    /// The server opens no further channel on the connection. Its other channels go on.
    #[error("the server opens no further channel on this connection")]
    ChannelRefused,
    /// The server was silent for this long while an answer was due, so the connection was ended.
    #[error("Connection timed out: the server was silent for {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The caller stopped waiting: see [`Waits::end`](super::Waits::end). The server may have carried out the
    /// request.
    #[error("interrupted")]
    Interrupted,
    /// The server was silent for long enough that it must have dropped requests. The connection lives, but the
    /// outcome of each outstanding request is unknown. From now on fewer requests wait at once.
    #[error("the server sent no answer for {} s with {waiting} requests waiting", .silence.as_secs())]
    Unanswered {
        /// How long the server was silent.
        silence: Duration,
        /// How many requests were waiting for an answer.
        waiting: usize,
    },
}

impl Error {
    /// Returns whether the session can go on as if nothing had happened: the server answered, nothing was sent, or
    /// the caller stopped waiting.
    #[must_use]
    pub fn leaves_the_session_alive(&self) -> bool {
        matches!(
            self,
            Error::Status(_) | Error::Unsupported(_) | Error::Nonsense(_) | Error::Interrupted | Error::ChannelRefused
        )
    }

    /// Returns the status code, if the error is the server's answer.
    #[must_use]
    pub fn status_code(&self) -> Option<StatusCode> {
        match self {
            Error::Status(status) => Some(status.code),
            _ => None,
        }
    }

    /// Returns whether the server reported the end of the file or directory.
    #[must_use]
    pub fn is_eof(&self) -> bool {
        self.status_code() == Some(StatusCode::EOF)
    }

    /// Returns whether the server reported that the file doesn't exist.
    #[must_use]
    pub fn is_no_such_file(&self) -> bool {
        self.status_code() == Some(StatusCode::NO_SUCH_FILE)
    }

    /// Returns whether the server may have refused an OPEN or OPENDIR only because other files were open. No status
    /// code says so, and servers use various ones. A server that is `known` well answers `Failure`.
    #[must_use]
    pub fn may_lack_handles(&self, known: bool) -> bool {
        match self {
            Error::Status(status) => status.beside > 0 && (status.code == StatusCode::FAILURE || !known),
            _ => false,
        }
    }

    /// Returns whether the error may mean that the path doesn't exist. Not every server uses the right code for that.
    #[must_use]
    pub fn may_mean_missing(&self) -> bool {
        let codes = [StatusCode::NO_SUCH_FILE, StatusCode::FAILURE, StatusCode::NO_SUCH_PATH];
        self.status_code().is_some_and(|code| codes.contains(&code))
    }
}

/// A server's answer other than success (draft-ietf-secsh-filexfer-02, section 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The kind of answer.
    pub code: StatusCode,
    /// The server's own text, not made printable; empty if it sent none.
    pub text: Bytes,
    /// How many other files and directories were open, or being opened or closed, when the server refused to open
    /// one. 0 for all other requests.
    pub beside: u32,
}

impl fmt::Display for Status {
    /// Writes the code in sftp(1)'s words. The server's own text is left to the caller, who must make it printable
    /// first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)
    }
}

/// A status code as the server sent it. `Display` writes sftp(1)'s words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatusCode(pub u32);

impl StatusCode {
    /// Success.
    pub const OK: StatusCode = StatusCode(0);
    /// No more data or names.
    pub const EOF: StatusCode = StatusCode(1);
    /// The path does not exist.
    pub const NO_SUCH_FILE: StatusCode = StatusCode(2);
    /// The user lacks the permission.
    pub const PERMISSION_DENIED: StatusCode = StatusCode(3);
    /// Any other failure. OpenSSH's server uses it for nearly everything.
    pub const FAILURE: StatusCode = StatusCode(4);
    /// The server can't decode our packet.
    pub const BAD_MESSAGE: StatusCode = StatusCode(5);
    /// Made up by clients; no server sends it.
    pub const NO_CONNECTION: StatusCode = StatusCode(6);
    /// Made up by clients; no server sends it.
    pub const CONNECTION_LOST: StatusCode = StatusCode(7);
    /// The server doesn't know the operation.
    pub const OP_UNSUPPORTED: StatusCode = StatusCode(8);
    /// A directory in the path doesn't exist (draft-ietf-secsh-filexfer-13, section 9.1, like all codes below).
    pub const NO_SUCH_PATH: StatusCode = StatusCode(10);
    /// The disk is full.
    pub const NO_SPACE_ON_FILESYSTEM: StatusCode = StatusCode(14);
    /// The user's disk quota is used up.
    pub const QUOTA_EXCEEDED: StatusCode = StatusCode(15);
    /// Another process has locked the file.
    pub const LOCK_CONFLICT: StatusCode = StatusCode(17);
}

/// Codes of later protocol versions, from 9 on, in words that match sftp(1)'s style. Some servers send them to
/// clients of version 3 too (draft-ietf-secsh-filexfer-13, section 9.1).
const LATER: [&str; 23] = [
    "Invalid handle",
    "No such path",
    "File already exists",
    "Write protected",
    "No media",
    "No space left on file system",
    "Quota exceeded",
    "Unknown principal",
    "Lock conflict",
    "Directory not empty",
    "Not a directory",
    "Invalid file name",
    "Too many symbolic links",
    "Cannot delete",
    "Invalid parameter",
    "Is a directory",
    "Byte range lock conflict",
    "Byte range lock refused",
    "Delete pending",
    "File corrupt",
    "Owner invalid",
    "Group invalid",
    "No matching byte range lock",
];

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            StatusCode::OK => "No error",
            StatusCode::EOF => "End of file",
            StatusCode::NO_SUCH_FILE => "No such file or directory",
            StatusCode::PERMISSION_DENIED => "Permission denied",
            StatusCode::FAILURE => "Failure",
            StatusCode::BAD_MESSAGE => "Bad message",
            StatusCode::NO_CONNECTION => "No connection",
            StatusCode::CONNECTION_LOST => "Connection lost",
            StatusCode::OP_UNSUPPORTED => "Operation unsupported",
            StatusCode(code) => {
                let later = code.checked_sub(9).and_then(|place| LATER.get(usize::try_from(place).ok()?));
                return match later {
                    Some(words) => f.write_str(words),
                    None => write!(f, "Unknown status {code}"),
                };
            }
        })
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Error {
        match violation {
            Violation::Broken(text) => Error::Protocol(text),
            Violation::Nonsense(text) => Error::Nonsense(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: StatusCode) -> Error {
        Error::Status(Status { code, text: Bytes::new(), beside: 0 })
    }

    #[test]
    fn an_error_tells_what_it_means_for_its_caller() {
        for (error, alive, code, text) in [
            (status(StatusCode::EOF), true, Some(StatusCode::EOF), "End of file"),
            (status(StatusCode::NO_SUCH_FILE), true, Some(StatusCode::NO_SUCH_FILE), "No such file or directory"),
            (status(StatusCode(99)), true, Some(StatusCode(99)), "Unknown status 99"),
            (status(StatusCode(9)), true, Some(StatusCode(9)), "Invalid handle"),
            (status(StatusCode(14)), true, Some(StatusCode(14)), "No space left on file system"),
            (status(StatusCode(31)), true, Some(StatusCode(31)), "No matching byte range lock"),
            (status(StatusCode(32)), true, Some(StatusCode(32)), "Unknown status 32"),
            (status(StatusCode(u32::MAX)), true, Some(StatusCode(u32::MAX)), "Unknown status 4294967295"),
            (Error::Unsupported(Extension::CopyData), true, None, "the server does not offer copy-data"),
            (Error::Nonsense("x".into()), true, None, "the server's answer makes no sense: x"),
            (Error::Interrupted, true, None, "interrupted"),
            (Error::Protocol("x".into()), false, None, "the server broke the SFTP protocol: x"),
            (Error::ConnectionLost("x".into()), false, None, "Connection closed: x"),
        ] {
            assert_eq!(error.to_string(), text);
            assert_eq!((error.leaves_the_session_alive(), error.status_code()), (alive, code), "{text}");
            assert_eq!(error.is_eof(), code == Some(StatusCode::EOF), "{text}");
            assert_eq!(error.is_no_such_file(), code == Some(StatusCode::NO_SUCH_FILE), "{text}");
        }
    }
}
