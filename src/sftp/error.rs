//! What can go wrong between us and the server.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::extensions::Extension;
use super::wire::Violation;

/// Why a request has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The server answered that it did not do it. The connection is fine.
    #[error("{0}")]
    Status(Status),
    /// The server does not offer the extension that this needs. Nothing was sent.
    #[error("the server does not offer {0}")]
    Unsupported(Extension),
    /// The server broke the protocol, and the connection was ended.
    #[error("the server broke the SFTP protocol: {0}")]
    Protocol(String),
    /// The server's answer is none to what was asked. The connection is fine.
    #[error("the server's answer makes no sense: {0}")]
    Nonsense(String),
    /// The connection ended, with the reason.
    #[error("Connection closed: {0}")]
    ConnectionLost(String),
    /// The server sent nothing for so long while an answer was due, and the connection was ended.
    #[error("Connection timed out: the server was silent for {} s", .0.as_secs())]
    TimedOut(Duration),
    /// Nobody waits for the answer any more: see [`Waits::end`](super::Waits::end). The request may have been carried out.
    #[error("interrupted")]
    Interrupted,
    /// The server sent nothing for so long that it must have dropped requests. The connection lives, but nobody knows what became
    /// of all that was waiting; fewer requests wait at once from now on.
    #[error("the server answered nothing for {} s with {waiting} requests waiting", .silence.as_secs())]
    Unanswered {
        /// How long it was silent.
        silence: Duration,
        /// How many requests it owed an answer.
        waiting: usize,
    },
}

impl Error {
    /// Returns whether the session can go on as if nothing had happened: the server answered, or nothing was sent, or nobody waits
    /// for the answer.
    #[must_use]
    pub fn leaves_the_session_alive(&self) -> bool {
        matches!(self, Error::Status(_) | Error::Unsupported(_) | Error::Nonsense(_) | Error::Interrupted)
    }

    /// The code of the status that the server answered.
    #[must_use]
    pub fn status_code(&self) -> Option<StatusCode> {
        match self {
            Error::Status(status) => Some(status.code),
            _ => None,
        }
    }

    /// Whether the server said that there is no more to read.
    #[must_use]
    pub fn is_eof(&self) -> bool {
        self.status_code() == Some(StatusCode::EOF)
    }

    /// Whether the server said that there is no such file.
    #[must_use]
    pub fn is_no_such_file(&self) -> bool {
        self.status_code() == Some(StatusCode::NO_SUCH_FILE)
    }

    /// Returns whether the server may have refused an OPEN or OPENDIR only because others were open. There is no code for that, and
    /// servers are known to use any; one that is `known` well says `Failure`.
    #[must_use]
    pub fn may_lack_handles(&self, known: bool) -> bool {
        match self {
            Error::Status(status) => status.beside > 0 && (status.code == StatusCode::FAILURE || !known),
            _ => false,
        }
    }

    /// Returns whether a path that was asked about may be missing. Not every server has the right code for that.
    #[must_use]
    pub fn may_mean_missing(&self) -> bool {
        let codes = [StatusCode::NO_SUCH_FILE, StatusCode::FAILURE, StatusCode::NO_SUCH_PATH];
        self.status_code().is_some_and(|code| codes.contains(&code))
    }
}

/// A server's answer that is no success (draft-ietf-secsh-filexfer-02, section 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What kind of answer it is.
    pub code: StatusCode,
    /// The server's own words, not made printable; empty where it gave none.
    pub text: Bytes,
    /// How many other files and directories of ours were open, or were being opened or closed, while the server refused to open
    /// one. 0 for all other requests.
    pub beside: u32,
}

impl fmt::Display for Status {
    /// The code in sftp(1)'s words; the server's own text must be made printable first and is left to the caller.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)
    }
}

/// A status code as it came over the wire; Display gives sftp(1)'s words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatusCode(pub u32);

impl StatusCode {
    /// Success.
    pub const OK: StatusCode = StatusCode(0);
    /// No more data or names.
    pub const EOF: StatusCode = StatusCode(1);
    /// The path does not exist.
    pub const NO_SUCH_FILE: StatusCode = StatusCode(2);
    /// The user may not do that.
    pub const PERMISSION_DENIED: StatusCode = StatusCode(3);
    /// Any other failure; OpenSSH's server says this of nearly everything.
    pub const FAILURE: StatusCode = StatusCode(4);
    /// The server can't read our packet.
    pub const BAD_MESSAGE: StatusCode = StatusCode(5);
    /// Clients make this one up; no server sends it.
    pub const NO_CONNECTION: StatusCode = StatusCode(6);
    /// Clients make this one up; no server sends it.
    pub const CONNECTION_LOST: StatusCode = StatusCode(7);
    /// The server does not know the operation.
    pub const OP_UNSUPPORTED: StatusCode = StatusCode(8);
    /// A directory of the path does not exist (draft-ietf-secsh-filexfer-13, section 9.1, as all that follow).
    pub const NO_SUCH_PATH: StatusCode = StatusCode(10);
    /// The disk is full.
    pub const NO_SPACE_ON_FILESYSTEM: StatusCode = StatusCode(14);
    /// The user may not have more on the disk.
    pub const QUOTA_EXCEEDED: StatusCode = StatusCode(15);
    /// Somebody else holds the file.
    pub const LOCK_CONFLICT: StatusCode = StatusCode(17);
}

/// Codes of later versions of the protocol, which servers send to clients of version 3 too, in words like sftp(1)'s own
/// (draft-ietf-secsh-filexfer-13, section 9.1).
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
