//! A failure as data: the thing, the act, the cause, and at most one hint.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::os_error;
use crate::remote;
use crate::sftp::{self, HashAlgorithm, StatusCode};
use crate::sticky;
use crate::terminal::{Excerpt, Printable};
use crate::transfer::request::Direction;

/// The hint for a remote target that can't be replaced.
pub(crate) const WITHOUT_ATOMIC: &str = "put without --atomic writes to the target itself";

/// One thing that failed. Display gives the line: sftp(1)'s words first, names made printable.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The path that failed; bytes, not made printable.
    pub thing: Vec<u8>,
    /// The act that failed.
    pub act: Act,
    /// The reason.
    pub cause: Cause,
    /// Advice for the user, shown as a line of its own.
    pub hint: Option<&'static str>,
    /// sftp(1)'s second line about a part of a tree that failed, if it has one.
    pub aftermath: Option<String>,
}

/// The act that failed on the thing of a [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// STAT of a remote path.
    StatRemote,
    /// REALPATH of a remote tree that is fetched.
    CanonicalizeSource,
    /// REALPATH of a remote directory that a tree is sent to.
    CanonicalizeTarget,
    /// OPEN of a remote file to read it.
    OpenRemote,
    /// OPEN of the remote file that an upload writes.
    OpenTarget,
    /// READLINK of a remote link.
    ReadLink,
    /// Reading a remote file.
    ReadRemote,
    /// Writing a remote file.
    WriteRemote,
    /// Flushing a remote file to its disk.
    SyncRemote,
    /// Setting mode and times of a remote file by its path.
    SetRemoteAttributes,
    /// Setting mode and times of a remote file through its handle.
    SetOpenAttributes,
    /// CLOSE of a remote file, whose answer says whether all bytes are stored.
    CloseRemote,
    /// Listing a remote directory.
    ListRemote,
    /// Making a remote directory.
    MakeRemoteDirectory,
    /// Making a symbolic link on the server.
    MakeRemoteLink,
    /// `stat(2)` of a local path.
    StatLocal,
    /// Opening a local file.
    OpenLocal,
    /// Reading a local file.
    ReadLocal,
    /// Writing a local file.
    WriteLocal,
    /// Flushing a local file to its disk.
    SyncLocal,
    /// Removing a source after its copy has arrived.
    RemoveSource,
    /// Replacing the target of a download by the complete file.
    ReplaceLocal,
    /// Listing a local directory.
    ListLocal,
    /// Making a local directory.
    MakeLocalDirectory,
    /// Making a local symbolic link.
    MakeLocalLink,
    /// Setting the mode of a local file or directory.
    SetLocalMode,
    /// Setting the times of a local file or directory.
    SetLocalTimes,
    /// Fetching a remote file or tree.
    Download,
    /// Sending a local file or tree.
    Upload,
    /// Resuming a download.
    ResumeDownload,
    /// Resuming an upload.
    ResumeUpload,
    /// Comparing a download with its source.
    VerifyLocal,
    /// Comparing an upload with its source.
    VerifyRemote,
    /// Replacing the target of an upload by the complete file.
    ReplaceRemote,
    /// Starting a thread of this process.
    StartThread,
    /// Continuing the job after its connection was lost.
    Continue,
}

/// Why something failed.
#[derive(Clone, Debug)]
pub enum Cause {
    /// The server refused, or the connection ended.
    Remote(sftp::Error),
    /// A walk through a remote tree could not continue. The error has its own wording.
    Walk(Box<remote::Error>),
    /// The local system refused.
    Local(Arc<io::Error>),
    /// The source is not a regular file.
    NotRegular,
    /// The source is a directory, and the user didn't ask for trees.
    Directory,
    /// The source has changed since it was moved.
    Changed,
    /// The copy can't be read back, so its source is kept.
    Unverifiable,
    /// The existing file at the target may be the source itself.
    Itself,
    /// This job has already moved another source to the same target, and removes that source.
    JustWritten,
    /// The link leads out of the tree that is fetched, to this path.
    LeadsOut(Vec<u8>),
    /// The link leads back to a directory above it.
    Loop,
    /// The path exists but is not a directory.
    NotDirectory,
    /// The file ended early.
    Truncated {
        /// Its length in bytes.
        got: u64,
        /// The expected length in bytes.
        expected: u64,
    },
    /// The copy differs from its source.
    Differs {
        /// The offset of the first byte that differs.
        at: u64,
    },
    /// The server's hash of the remote file is not that of the local one.
    DiffersByHash(HashAlgorithm),
    /// The server can't replace a file in one step.
    NoReplacing,
    /// The partial file on the server no longer exists.
    PartIsGone,
    /// The local file is longer than the remote one.
    LargerThanSource,
    /// The remote file is at least as long as the local one.
    NotSmallerThanSource,
}

impl Failure {
    pub(crate) fn new(act: Act, thing: impl Into<Vec<u8>>, cause: impl Into<Cause>) -> Failure {
        let (thing, cause) = (thing.into(), cause.into());
        let hint = cause.hint(act);
        let aftermath = match &cause {
            Cause::Walk(error) => error
                .unlisted()
                .map(|directory| format!("remote readdir \"{}\" failed", Printable(directory.as_bytes()))),
            _ => None,
        };
        Failure { thing, act, cause, hint, aftermath }
    }

    /// Adds sftp(1)'s second line about a file of a tree.
    pub(crate) fn in_tree(self, direction: Direction, source: &[u8], target: &[u8]) -> Failure {
        let (source, target) = (Printable(source), Printable(target));
        let aftermath = match direction {
            Direction::Get => format!("Download of file {source} to {target} failed"),
            Direction::Put => format!("upload \"{source}\" to \"{target}\" failed"),
        };
        Failure { aftermath: Some(aftermath), ..self }
    }

    /// Returns whether the target ends with a slash and no such directory exists: into an existing one the file would
    /// have gone under its own name. The system calls such a path a directory, and a server's answer doesn't tell.
    fn lacks_its_directory(&self) -> bool {
        let is_refused = match (self.act, &self.cause) {
            (Act::OpenLocal, Cause::Local(error)) => error.kind() == io::ErrorKind::IsADirectory,
            (Act::OpenTarget, Cause::Remote(error)) => error.leaves_the_session_alive(),
            _ => false,
        };
        is_refused && self.thing.ends_with(b"/")
    }

    /// Returns whether the connection has ended, so that every further request would fail too.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.connection_error().is_some()
    }

    /// Returns whether this process ran out of file descriptors.
    pub(crate) fn lacks_descriptors(&self) -> bool {
        use rustix::io::Errno;
        let wants = [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
        matches!(&self.cause, Cause::Local(error) if error.raw_os_error().is_some_and(|code| wants.contains(&code)))
    }

    /// Returns why the connection has ended, if it has.
    pub(crate) fn connection_error(&self) -> Option<sftp::Error> {
        match &self.cause {
            Cause::Remote(error) if !error.leaves_the_session_alive() => Some(error.clone()),
            _ => None,
        }
    }
}

impl Cause {
    fn hint(&self, act: Act) -> Option<&'static str> {
        match (act, self) {
            (Act::Download, Cause::Directory) => Some("use get -r to fetch a directory"),
            (Act::Upload, Cause::Directory) => Some("use put -r to send a directory"),
            (Act::ReadRemote, Cause::Truncated { .. }) => {
                Some("the file shrank: try again; or the server only estimates sizes: get --sizes=estimate")
            }
            (Act::ReplaceRemote, Cause::NoReplacing) => Some(WITHOUT_ATOMIC),
            (Act::VerifyLocal | Act::VerifyRemote, Cause::Differs { .. }) => Some("transfer it again"),
            (_, Cause::DiffersByHash(_)) => Some("transfer it again; --verify=read compares every byte"),
            (Act::ResumeDownload, Cause::LargerThanSource) => Some("get without -a replaces it"),
            (_, Cause::Local(error)) => local_hint(act, error.kind()),
            (_, Cause::Remote(sftp::Error::Status(status))) => remote_hint(act, status),
            _ => None,
        }
    }
}

/// The hint for a full disk on the server.
pub(crate) const NO_ROOM_THERE: &str = "the remote disk is full: df shows the free space";

/// Parts of the messages with which servers refuse a file that another program holds, in lower case.
const BUSY: [&str; 4] = ["used by another process", "sharing violation", "text file busy", "file is locked"];

/// Returns the hint for a refusal of the server.
fn remote_hint(act: Act, status: &sftp::Status) -> Option<&'static str> {
    let text = String::from_utf8_lossy(&status.text).to_lowercase();
    match (status.code, act) {
        (StatusCode::NO_SPACE_ON_FILESYSTEM, _) => Some(NO_ROOM_THERE),
        (StatusCode::QUOTA_EXCEEDED, _) => Some("your disk quota is used up: remove files first"),
        (StatusCode::LOCK_CONFLICT, _) => Some(HELD),
        _ if BUSY.iter().any(|words| text.contains(words)) => Some(HELD),
        (_, Act::ReplaceRemote) => Some(WITHOUT_ATOMIC),
        _ => None,
    }
}

const HELD: &str = "another program holds the file; try again when it is done";

/// Returns the hint for a refusal of the local system.
fn local_hint(act: Act, kind: io::ErrorKind) -> Option<&'static str> {
    use io::ErrorKind::{FileTooLarge, IsADirectory, NotFound, PermissionDenied, QuotaExceeded, StorageFull};
    match (act, kind) {
        (Act::WriteLocal, StorageFull | QuotaExceeded | FileTooLarge) => {
            Some("free some space, or give another local path")
        }
        (Act::StatLocal, NotFound) => Some("lls lists local files, and lcd changes the local directory"),
        (Act::OpenLocal, NotFound | IsADirectory) => Some("lmkdir makes a local directory"),
        (Act::OpenLocal, PermissionDenied) => Some("lls -l shows the permissions, lcd changes the local directory"),
        _ => None,
    }
}

impl From<sftp::Error> for Cause {
    fn from(error: sftp::Error) -> Cause {
        Cause::Remote(error)
    }
}

impl From<remote::Error> for Cause {
    fn from(error: remote::Error) -> Cause {
        Cause::Walk(Box::new(error))
    }
}

impl From<remote::Error> for Failure {
    /// The failure of a walk.
    fn from(error: remote::Error) -> Failure {
        match error {
            remote::Error::Connection(error) => Failure::new(Act::ListRemote, *b"", error),
            error => Failure::new(Act::ListRemote, *b"", error),
        }
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Cause {
        Cause::Local(Arc::new(error))
    }
}

impl From<rustix::io::Errno> for Cause {
    fn from(error: rustix::io::Errno) -> Cause {
        Cause::from(io::Error::from(error))
    }
}

impl From<sticky::Error> for Cause {
    fn from(error: sticky::Error) -> Cause {
        Cause::from(io::Error::from(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_fatal() || matches!(self.cause, Cause::Walk(_)) {
            return self.cause.fmt(f);
        }
        let thing = Printable(&self.thing);
        match self.act {
            // sftp(1) doesn't name the path; its words come first.
            Act::StatRemote => return write!(f, "stat remote: {}: \"{thing}\"", self.cause),
            Act::CanonicalizeSource => write!(f, "download \"{thing}\": path canonicalization failed"),
            Act::CanonicalizeTarget => write!(f, "upload \"{thing}\": path canonicalization failed"),
            Act::OpenRemote => write!(f, "remote open \"{thing}\""),
            Act::OpenTarget => write!(f, "dest open \"{thing}\""),
            // The space before the colon is sftp(1)'s.
            Act::ReadRemote => write!(f, "read remote \"{thing}\" "),
            Act::ReadLink => write!(f, "remote readlink \"{thing}\""),
            Act::WriteRemote => write!(f, "write remote \"{thing}\""),
            Act::SyncRemote => write!(f, "remote fsync \"{thing}\""),
            Act::SetRemoteAttributes => write!(f, "remote setstat \"{thing}\""),
            Act::SetOpenAttributes => return write!(f, "remote fsetstat: {}: \"{thing}\"", self.cause),
            Act::CloseRemote => return write!(f, "close remote: {}: \"{thing}\"", self.cause),
            Act::MakeRemoteDirectory if matches!(self.cause, Cause::NotDirectory) => {
                return write!(f, "\"{thing}\" exists but is not a directory");
            }
            Act::ListRemote => write!(f, "remote readdir \"{thing}\" failed"),
            Act::MakeRemoteDirectory => write!(f, "remote mkdir \"{thing}\""),
            Act::MakeRemoteLink => write!(f, "remote symlink \"{thing}\""),
            Act::StatLocal => write!(f, "stat {thing}"),
            Act::OpenLocal => write!(f, "open local \"{thing}\""),
            Act::ReadLocal => write!(f, "read local \"{thing}\""),
            Act::WriteLocal => write!(f, "write local \"{thing}\""),
            Act::SyncLocal => write!(f, "local sync \"{thing}\""),
            Act::RemoveSource => write!(f, "source \"{thing}\" is kept"),
            Act::ReplaceLocal => write!(f, "replace local \"{thing}\""),
            Act::ListLocal => write!(f, "local opendir \"{thing}\""),
            Act::MakeLocalDirectory => write!(f, "mkdir {thing}"),
            Act::MakeLocalLink => write!(f, "local symlink \"{thing}\""),
            Act::SetLocalMode => write!(f, "local chmod \"{thing}\""),
            Act::SetLocalTimes => write!(f, "local set times \"{thing}\""),
            Act::Download => write!(f, "download {thing}"),
            Act::Upload if matches!(self.cause, Cause::NotRegular | Cause::Directory) => {
                return write!(f, "local \"{thing}\" is {}", self.cause);
            }
            Act::Upload => write!(f, "local \"{thing}\""),
            Act::ResumeDownload => write!(f, "Unable to resume download of \"{thing}\""),
            Act::ResumeUpload => write!(f, "resume \"{thing}\""),
            Act::VerifyLocal => write!(f, "verify local \"{thing}\""),
            Act::VerifyRemote => write!(f, "verify remote \"{thing}\""),
            Act::ReplaceRemote => write!(f, "replace remote \"{thing}\""),
            Act::StartThread => f.write_str("can't start the transfer"),
            Act::Continue => f.write_str("can't go on"),
        }?;
        write!(f, ": {}", self.cause)?;
        if self.lacks_its_directory() { f.write_str(" (there is no such directory)") } else { Ok(()) }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Remote(error) => remote::Cause(error).fmt(f),
            Cause::Walk(error) => error.fmt(f),
            Cause::Local(error) => f.write_str(&os_error::text(error)),
            Cause::NotRegular => f.write_str("not a regular file"),
            Cause::Directory => f.write_str("not a regular file (it is a directory)"),
            Cause::Changed => f.write_str("it changed while it was moved"),
            Cause::Unverifiable => f.write_str("the copy can't be verified"),
            Cause::Itself => f.write_str("its target may be the source itself"),
            Cause::JustWritten => f.write_str("another source was moved to the same target and would be lost"),
            Cause::LeadsOut(target) => write!(f, "a link that leads out of the tree (to \"{}\")", Excerpt(target)),
            Cause::Loop => f.write_str("a link that leads back to a directory above it"),
            Cause::NotDirectory => f.write_str("it is not a directory"),
            Cause::Truncated { got, expected } => write!(f, "it ended at byte {got} of {expected}"),
            Cause::Differs { at } => write!(f, "it differs from its source at byte {at}"),
            Cause::DiffersByHash(algorithm) => write!(f, "it differs from its source by the server's {algorithm}"),
            Cause::NoReplacing => f.write_str("the server has no posix-rename@openssh.com"),
            Cause::PartIsGone => f.write_str("its temporary file is gone: it was removed or renamed meanwhile"),
            Cause::LargerThanSource => f.write_str("local file is larger than remote"),
            Cause::NotSmallerThanSource => f.write_str("destination file same size or larger"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sftp::Status;

    fn status(code: StatusCode, text: &'static str) -> Cause {
        Cause::Remote(sftp::Error::Status(Status { code, text: text.into(), beside: 0 }))
    }

    #[test]
    fn a_target_that_ends_with_a_slash_names_a_directory_that_does_not_exist() {
        let is_directory = || Cause::from(rustix::io::Errno::ISDIR);
        let failure = || status(StatusCode::FAILURE, "Failure");
        for (act, thing, cause, line) in [
            (Act::OpenLocal, "d/", is_directory(), "open local \"d/\": Is a directory (there is no such directory)"),
            (Act::OpenLocal, "d", is_directory(), "open local \"d\": Is a directory"),
            (Act::OpenTarget, "d/", failure(), "dest open \"d/\": Failure (there is no such directory)"),
            (Act::OpenTarget, "d", failure(), "dest open \"d\": Failure"),
        ] {
            assert_eq!(Failure::new(act, thing, cause).to_string(), line);
        }
    }

    #[test]
    fn a_line_begins_with_the_words_of_sftp() {
        let refused = || status(StatusCode::PERMISSION_DENIED, "Permission denied");
        let full = || Cause::from(io::Error::from(io::ErrorKind::StorageFull));
        let denied = || Cause::from(rustix::io::Errno::ACCESS);
        for (act, cause, line) in [
            (Act::StatRemote, refused(), "stat remote: Permission denied: \"p\""),
            (Act::CanonicalizeSource, refused(), "download \"p\": path canonicalization failed: Permission denied"),
            (Act::CanonicalizeTarget, refused(), "upload \"p\": path canonicalization failed: Permission denied"),
            (Act::OpenRemote, refused(), "remote open \"p\": Permission denied"),
            (Act::OpenTarget, refused(), "dest open \"p\": Permission denied"),
            (Act::RemoveSource, refused(), "source \"p\" is kept: Permission denied"),
            (Act::RemoveSource, Cause::Changed, "source \"p\" is kept: it changed while it was moved"),
            (Act::ReadLink, refused(), "remote readlink \"p\": Permission denied"),
            (Act::MakeRemoteLink, refused(), "remote symlink \"p\": Permission denied"),
            (Act::MakeLocalLink, denied(), "local symlink \"p\": Permission denied"),
            (
                Act::Download,
                Cause::LeadsOut(b"/\x1b".to_vec()),
                "download p: a link that leads out of the tree (to \"/\\033\")",
            ),
            (Act::Upload, Cause::Loop, "local \"p\": a link that leads back to a directory above it"),
            (Act::ReadRemote, refused(), "read remote \"p\" : Permission denied"),
            (Act::ReadRemote, Cause::Truncated { got: 4, expected: 9 }, "read remote \"p\" : it ended at byte 4 of 9"),
            (
                Act::WriteRemote,
                status(StatusCode::FAILURE, "quota\u{1b}"),
                "write remote \"p\": Failure (server: quota\\033)",
            ),
            (Act::SyncRemote, refused(), "remote fsync \"p\": Permission denied"),
            (Act::SetRemoteAttributes, refused(), "remote setstat \"p\": Permission denied"),
            (Act::CloseRemote, refused(), "close remote: Permission denied: \"p\""),
            (Act::SetOpenAttributes, refused(), "remote fsetstat: Permission denied: \"p\""),
            (Act::MakeRemoteDirectory, Cause::NotDirectory, "\"p\" exists but is not a directory"),
            (Act::ListRemote, refused(), "remote readdir \"p\" failed: Permission denied"),
            (Act::MakeRemoteDirectory, refused(), "remote mkdir \"p\": Permission denied"),
            (Act::StatLocal, denied(), "stat p: Permission denied"),
            (Act::OpenLocal, denied(), "open local \"p\": Permission denied"),
            (Act::ReadLocal, denied(), "read local \"p\": Permission denied"),
            (Act::WriteLocal, full(), "write local \"p\": no storage space"),
            (Act::SyncLocal, denied(), "local sync \"p\": Permission denied"),
            (Act::ReplaceLocal, denied(), "replace local \"p\": Permission denied"),
            (Act::ListLocal, denied(), "local opendir \"p\": Permission denied"),
            (Act::MakeLocalDirectory, denied(), "mkdir p: Permission denied"),
            (Act::SetLocalMode, denied(), "local chmod \"p\": Permission denied"),
            (Act::SetLocalTimes, denied(), "local set times \"p\": Permission denied"),
            (Act::Download, Cause::NotRegular, "download p: not a regular file"),
            (Act::Upload, Cause::Directory, "local \"p\" is not a regular file (it is a directory)"),
            (
                Act::ResumeDownload,
                Cause::LargerThanSource,
                "Unable to resume download of \"p\": local file is larger than remote",
            ),
            (Act::ResumeUpload, Cause::NotSmallerThanSource, "resume \"p\": destination file same size or larger"),
        ] {
            assert_eq!(Failure::new(act, *b"p", cause).to_string(), line);
        }
    }

    #[test]
    fn a_lost_connection_is_reported_without_a_path() {
        let lost = Failure::new(Act::WriteRemote, *b"p", sftp::Error::ConnectionLost("reset".into()));
        assert!(lost.is_fatal());
        assert_eq!(lost.to_string(), "Connection closed: reset");
    }

    #[test]
    fn names_are_made_printable() {
        let failure = Failure::new(Act::OpenRemote, *b"a\n\x1b[2K\xff", Cause::NotRegular);
        assert_eq!(failure.to_string(), "remote open \"a\\012\\033[2K\\377\": not a regular file");
    }
}
