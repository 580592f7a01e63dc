//! The events of a running job as data, with the lines that people read.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::connect::Attempt;
use crate::sftp::{self, HashAlgorithm};
use crate::terminal::{ByteSize, Printable};
use crate::transfer::conflict::{Question, reason_to_stay};
use crate::transfer::failure::{Failure, WITHOUT_ATOMIC};
use crate::transfer::request::Direction;

/// News of a running job.
///
/// The events come as if the files were moved one by one in sorted order, however many are in flight: between
/// `Started` and its `Finished` or `Failed` no other file is mentioned. A job that is stopped, or that loses its
/// connection, ends without these two.
#[derive(Clone, Debug)]
pub enum Event {
    /// A source that the user named is next: sftp(1)'s line `Fetching R to L`, `Uploading L to R` or `Resuming
    /// …`. The target is the one that will be written, unless another file takes that name in the meantime.
    Announced(Arc<File>),
    /// A directory of a tree is next: sftp(1)'s line `Retrieving DIR` or `Entering DIR`.
    Entered {
        /// The direction of the tree.
        direction: Direction,
        /// The source directory as messages show it; bytes, not made printable.
        directory: Vec<u8>,
    },
    /// The next bytes belong to this file.
    Started(Arc<File>),
    /// The progress of the started file and of the whole job. Sent about 20 times a second at most.
    Advanced {
        /// The offset that the started file has reached, in bytes. `None` if only the total has changed.
        position: Option<u64>,
        /// The bytes of the started file that were compared with its source. `None` unless it is being verified.
        verified: Option<u64>,
        /// The totals of the whole job.
        total: Total,
    },
    /// The started file has arrived, complete and with its attributes.
    Finished {
        /// The file.
        file: Arc<File>,
        /// Its length in bytes.
        length: u64,
        /// The time in which its bytes were moved. Files share the connection, so the times of all files add up to
        /// that of the job.
        elapsed: Duration,
    },
    /// The started file has failed, or something else in the job. The job continues with the next file.
    Failed(Failure),
    /// A dry run would do this next.
    Intended(Intent),
    /// Something that the user should know and that is no failure.
    Noted(Note),
    /// The target exists already, and the job waits for the answer. This event may come between any others.
    Asked(Arc<Question>),
}

/// A file that is moved, as the user interface shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The direction.
    pub direction: Direction,
    /// The source as messages show it; bytes, not made printable.
    pub source: Vec<u8>,
    /// The target as messages show it; bytes, not made printable.
    pub target: Vec<u8>,
    /// The length of the source in bytes, if it is known.
    pub size: Option<u64>,
    /// The offset at which this transfer starts, in bytes: more than 0 if it resumes.
    pub offset: u64,
    /// True if the user asked to resume existing files (`-a`).
    pub resumes: bool,
}

impl File {
    /// Returns the last component of the source, which a progress meter shows.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        let end = self.source.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
        let start = self.source[..end].iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        &self.source[start..end]
    }
}

/// sftp(1)'s line about a source, such as `Fetching R to L`, made printable.
impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let act = match (self.direction, self.resumes) {
            (Direction::Get, false) => "Fetching",
            (Direction::Get, true) => "Resuming",
            (Direction::Put, false) => "Uploading",
            (Direction::Put, true) => "Resuming upload of",
        };
        write!(f, "{act} {} to {}", Printable(&self.source), Printable(&self.target))
    }
}

/// The totals of a job: everything that was moved and will be moved. They grow while a walk finds more, and shrink by
/// each file that is skipped or fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Files that were moved or will be moved, as far as is known.
    pub files: u64,
    /// Files that have arrived.
    pub files_done: u64,
    /// Bytes of all these files, as far as their sizes are known.
    pub bytes: u64,
    /// Bytes that have arrived, including those that a resume found.
    pub bytes_done: u64,
    /// Bytes that this job has moved.
    pub bytes_moved: u64,
    /// True if the plan is complete, so that the totals can't grow any more.
    pub complete: bool,
}

/// A step of a dry run. Display gives the line, made printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// A file would be moved.
    File {
        /// The direction.
        direction: Direction,
        /// The source as messages show it.
        source: Vec<u8>,
        /// The target as messages show it.
        target: Vec<u8>,
        /// The length of the source in bytes, if it is known.
        size: Option<u64>,
        /// The bytes that exist already and would be continued.
        offset: u64,
        /// True if the transfer would ask first, because the target exists.
        asks: bool,
        /// True if the source would be removed afterwards.
        removes: bool,
    },
    /// A target would stay as it is.
    Skip {
        /// The source as messages show it.
        source: Vec<u8>,
        /// The target as messages show it.
        target: Vec<u8>,
        /// The reason, which follows the target in the line: `is complete`.
        reason: &'static str,
    },
    /// A directory would be made.
    Directory {
        /// The directory as messages show it.
        target: Vec<u8>,
        /// True if the directory is known not to exist.
        is_missing: bool,
    },
    /// A symbolic link would be copied.
    Link {
        /// The link as messages show it.
        source: Vec<u8>,
        /// The copy as messages show it.
        target: Vec<u8>,
        /// True if the transfer would ask first, because the target exists.
        asks: bool,
        /// True if the link would be removed afterwards.
        removes: bool,
    },
    /// The totals at the end of a dry run.
    Total {
        /// Files that would be moved.
        files: u64,
        /// Directories that would be made.
        directories: u64,
        /// Bytes of these files, as far as their sizes are known.
        bytes: u64,
    },
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let removal = |removes: &bool| if *removes { ", and remove it" } else { "" };
        match self {
            Intent::Skip { source, target, reason } => {
                write!(f, "would skip {}: {} {reason}", Printable(source), Printable(target))
            }
            Intent::File { direction, source, target, size, offset, asks, removes } => {
                let act = if *direction == Direction::Get { "fetch" } else { "send" };
                let first = if *asks { "ask, and then " } else { "" };
                write!(f, "would {first}{act} {} to {}", Printable(source), Printable(target))?;
                if *offset > 0 {
                    write!(f, " from byte {offset}")?;
                }
                if let Some(size) = size {
                    write!(f, " ({})", ByteSize::bytes(*size))?;
                }
                f.write_str(removal(removes))
            }
            Intent::Directory { target, is_missing: true } => {
                write!(f, "would make the directory {}", Printable(target))
            }
            Intent::Directory { target, is_missing: false } => {
                write!(f, "would make the directory {} unless it exists", Printable(target))
            }
            Intent::Link { source, target, asks, removes } => {
                let first = if *asks { "ask, and then " } else { "" };
                let (source, target) = (Printable(source), Printable(target));
                write!(f, "would {first}copy the link {source} to {target}{}", removal(removes))
            }
            Intent::Total { files, directories, bytes } => {
                let plural = |count: &u64| if *count == 1 { "" } else { "s" };
                write!(f, "total: {files} file{}, {}", plural(files), ByteSize::bytes(*bytes))?;
                match directories {
                    0 => Ok(()),
                    _ => write!(f, "; {directories} director{}", if *directories == 1 { "y" } else { "ies" }),
                }
            }
        }
    }
}

/// Something that the user should know and that is no failure. Display gives the line, made printable.
#[derive(Clone, Debug)]
pub enum Note {
    /// An entry of a tree was skipped: it is neither a file nor a directory, or it is a link.
    Skipped {
        /// The direction of the tree.
        direction: Direction,
        /// The entry as sftp(1) names it: its whole path for a get, its name for a put.
        entry: Vec<u8>,
    },
    /// The files need more room than there is.
    Shortage {
        /// The directory or file system, as messages show it.
        place: Vec<u8>,
        /// Bytes that are to be moved, as far as is known.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// A file that the user named, or that a wildcard matches, is not moved because it is too large or too old.
    LeftOut {
        /// The source as messages show it.
        source: Vec<u8>,
        /// The reason.
        reason: &'static str,
    },
    /// A resumed file was complete already: a line of sftp(1)'s stdout.
    NotModified(Vec<u8>),
    /// A file that was to be resumed doesn't exist on the server yet.
    NothingToContinue(Vec<u8>),
    /// The existing file is not the beginning of the source, so it is moved from its beginning.
    StartedOver(Vec<u8>),
    /// The server emptied a file that was opened to be resumed, so it is sent from its beginning.
    Emptied(Vec<u8>),
    /// A target that could not be replaced in one step was written in place.
    WrittenInPlace {
        /// The target.
        target: PathBuf,
        /// The reason.
        reason: &'static str,
    },
    /// The mode or the times could not be set. The bytes have arrived.
    NotPreserved(Failure),
    /// The file that replaces one on the server could not be given the mode of that file.
    ModeNotKept(Failure),
    /// A time that should be preserved is outside the range of the protocol, and the nearest time was set.
    TimeClamped(Vec<u8>),
    /// A target that exists was left alone, as the user asked.
    LeftThere {
        /// The target.
        target: Vec<u8>,
        /// True if a newer source would have replaced it.
        unless_newer: bool,
    },
    /// A target that exists was left alone, and the file or link was written under another name.
    Renamed {
        /// The original target.
        asked: Vec<u8>,
        /// The target that was written.
        target: Vec<u8>,
    },
    /// The target can't be read back, so it was not compared with its source.
    NotVerified(Vec<u8>),
    /// Files were compared with their sources after they had been moved, and are equal.
    Verified {
        /// The number of files.
        files: u64,
        /// The way in which they were compared.
        proof: Proof,
    },
    /// The connection was lost, and this attempt to reconnect comes next.
    Reconnecting(Attempt),
    /// The connection is back, and the files continue where they were.
    Reconnected,
    /// The server has not answered for a while and has probably dropped requests. Fewer wait at once from now on.
    Narrowed {
        /// The reason.
        reason: sftp::Error,
        /// The number of requests that may wait at once now.
        most: usize,
    },
    /// The server refused parts of a file that came over several connections, so the file is sent again in order.
    SentInOrder(Vec<u8>),
    /// Further channels are opened on the connection, because one channel limits the transfer.
    MoreChannels {
        /// Their number.
        count: usize,
        /// The time that an answer takes.
        round_trip: Duration,
    },
    /// A further channel could not be opened.
    NoMoreChannels(String),
    /// One of several channels was lost. The others do its work.
    FewerChannels(String),
    /// One of several connections could not be made, or was lost. The others do its work.
    FewerConnections(String),
    /// Another transfer of the same file wrote the same partial file, and moved it to its target before this one
    /// could.
    PutThereByAnother(Vec<u8>),
    /// An upload was stopped, and its partial file is left on the server.
    KeptThere {
        /// The partial file.
        part: Vec<u8>,
        /// The target, which is unchanged.
        target: Vec<u8>,
    },
    /// A download was stopped, and a resume can continue its partial file.
    Kept {
        /// The partial file.
        partial: PathBuf,
        /// The target.
        target: PathBuf,
    },
}

/// How a copy was found to equal its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// By reading the remote file again.
    ReadBack,
    /// By this hash, which the server and sftpsh computed.
    Hash(HashAlgorithm),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use std::os::unix::ffi::OsStrExt;
        match self {
            Note::Skipped { direction: Direction::Get, entry } => {
                write!(f, "download \"{}\": not a regular file", Printable(entry))
            }
            Note::Skipped { direction: Direction::Put, entry } => {
                write!(f, "{}: not a regular file", Printable(entry))
            }
            Note::Shortage { place, needed, free } => {
                let (needed, free) = (ByteSize::bytes(*needed), ByteSize::bytes(*free));
                write!(f, "{}: the transfer needs {needed} or more, and {free} are free", Printable(place))
            }
            Note::LeftOut { source, reason } => write!(f, "{}: left out, {reason}", Printable(source)),
            Note::NotModified(target) => {
                write!(f, "File \"{}\" was not modified", Printable(target))
            }
            Note::NothingToContinue(target) => {
                write!(f, "{}: the remote file doesn't exist yet; sending the whole file", Printable(target))
            }
            Note::StartedOver(target) => {
                write!(f, "{}: the existing file differs from the source; starting over", Printable(target))
            }
            Note::Emptied(target) => {
                write!(f, "{}: the server empties a file that is opened for writing; starting over", Printable(target))
            }
            Note::WrittenInPlace { target, reason } => {
                write!(f, "{}: written in place {reason}", Printable(target.as_os_str().as_bytes()))
            }
            Note::NotPreserved(failure) => failure.fmt(f),
            Note::ModeNotKept(failure) => write!(f, "{failure}; {WITHOUT_ATOMIC}, and keeps the mode"),
            Note::TimeClamped(source) => write!(
                f,
                "{}: its time is outside 1970 to 2106, the range of the protocol; the nearest time is set",
                Printable(source)
            ),
            Note::LeftThere { target, unless_newer } => {
                write!(f, "{} {}: skipped", Printable(target), reason_to_stay(*unless_newer))
            }
            Note::Renamed { asked, target } => {
                write!(f, "{} exists already: written to {}", Printable(asked), Printable(target))
            }
            Note::NotVerified(target) => {
                write!(f, "{}: the copy can't be read back, so it is not verified", Printable(target))
            }
            Note::Verified { files, proof } => write_proof(f, *files, *proof),
            Note::Reconnecting(attempt) => write!(f, "The connection was lost; connecting again ({attempt})"),
            Note::Reconnected => f.write_str("Reconnected, going on"),
            Note::Narrowed { reason, most } => {
                let reason = reason.to_string();
                let reason = Printable(reason.as_bytes());
                write!(f, "{reason}; going on with {most} at once, as -R {most} does from the start")
            }
            Note::SentInOrder(target) => {
                let target = Printable(target);
                write!(f, "{target}: the server wants its bytes in order; sending it again over one connection")
            }
            Note::MoreChannels { count, round_trip } => write!(
                f,
                "debug1: opening {count} more channel{}: a round trip takes {} ms, and one channel carries about 2 MiB in it",
                if *count == 1 { "" } else { "s" },
                round_trip.as_millis()
            ),
            Note::NoMoreChannels(reason) => {
                write!(f, "debug1: going on with the channels so far: {}", Printable(reason.as_bytes()))
            }
            Note::FewerChannels(reason) => {
                write!(f, "Going on with one channel fewer: {}", Printable(reason.as_bytes()))
            }
            Note::FewerConnections(reason) => {
                write!(f, "Going on with one connection fewer: {}", Printable(reason.as_bytes()))
            }
            Note::PutThereByAnother(target) => {
                write!(f, "{}: another transfer of the same file has put it there", Printable(target))
            }
            Note::KeptThere { part, target } => {
                write!(f, "{}: the data sent so far is kept in {}", Printable(target), Printable(part))
            }
            Note::Kept { partial, target } => write!(
                f,
                "{}: the data fetched so far is kept in {}",
                Printable(target.as_os_str().as_bytes()),
                Printable(partial.as_os_str().as_bytes())
            ),
        }
    }
}

/// Writes how many files are known to equal their sources.
fn write_proof(f: &mut fmt::Formatter<'_>, files: u64, proof: Proof) -> fmt::Result {
    match (files, proof) {
        (1, Proof::ReadBack) => f.write_str("1 file was read back and is equal to its source"),
        (_, Proof::ReadBack) => write!(f, "{files} files were read back and are equal to their sources"),
        (1, Proof::Hash(algorithm)) => write!(f, "1 file is equal to its source by the server's {algorithm}"),
        (_, Proof::Hash(algorithm)) => {
            write!(f, "{files} files are equal to their sources by the server's {algorithm}")
        }
    }
}
