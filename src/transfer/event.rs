//! What a job tells while it runs.

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
/// They come as if the files were moved one by one, in sorted order, however many are in flight: between `Started` and its
/// `Finished` or `Failed` there is news of no other file. A job that is stopped, or whose connection is lost, ends without them.
#[derive(Clone, Debug)]
pub enum Event {
    /// A source that was named is next: sftp(1)'s line `Fetching R to L`, `Uploading L to R`, `Resuming …`. Its target is the one that
    /// will be written, unless something takes that name meanwhile.
    Announced(Arc<File>),
    /// A directory of a tree is next: sftp(1)'s line `Retrieving DIR` or `Entering DIR`.
    Entered {
        /// Which way the tree goes.
        direction: Direction,
        /// The source directory.
        directory: Vec<u8>,
    },
    /// Bytes of this file are next.
    Started(Arc<File>),
    /// How far the started file and the whole job are; a few times a second at most.
    Advanced {
        /// Offset up to which the started file is there. `None` if no file is started, and the total has changed nevertheless.
        position: Option<u64>,
        /// How much of the started file was compared with its source. `None` unless it is being verified.
        verified: Option<u64>,
        /// The whole job.
        total: Total,
    },
    /// The started file is there as it should be.
    Finished {
        /// The file.
        file: Arc<File>,
        /// Its length now.
        length: u64,
        /// The time that the bytes took that were moved. Files share the line, so the times of all files add up to that of the job.
        elapsed: Duration,
    },
    /// The started file, or something about the job that is no file, failed. The job goes on with the next.
    Failed(Failure),
    /// What would be done next, were this no dry run.
    Intended(Intent),
    /// Something that the user should know and that is no failure.
    Noted(Note),
    /// A target exists already, and the job waits to be told what to do. It may come between any others.
    Asked(Arc<Question>),
}

/// One file that is moved, for those who show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Which way it goes.
    pub direction: Direction,
    /// The source as messages show it; bytes, not made printable.
    pub source: Vec<u8>,
    /// The target as messages show it; bytes, not made printable.
    pub target: Vec<u8>,
    /// The source's length, when it is known.
    pub size: Option<u64>,
    /// The offset at which this transfer starts: more than 0 when it resumes.
    pub offset: u64,
    /// Whether the user asked to continue what is there.
    pub resumes: bool,
}

impl File {
    /// The last component of the source: what a progress bar shows.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        let end = self.source.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
        let start = self.source[..end].iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        &self.source[start..end]
    }
}

/// sftp(1)'s line about a source: `Fetching R to L` and its like, made printable.
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

/// A job as a whole. It grows while a walk finds more, and shrinks by each file that is skipped or fails: it is the sum of
/// what was moved and of what will be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Files that were moved or will be, as far as is known.
    pub files: u64,
    /// Files that are there as they should be.
    pub files_done: u64,
    /// Bytes of those files whose size is known.
    pub bytes: u64,
    /// Bytes that are there, what a resume found in place included.
    pub bytes_done: u64,
    /// Bytes that were moved by this job.
    pub bytes_moved: u64,
    /// Whether nothing more will be found.
    pub complete: bool,
}

/// What a transfer would do. Display gives the line, made printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// To move a file.
    File {
        /// Which way it would go.
        direction: Direction,
        /// The source as messages show it.
        source: Vec<u8>,
        /// The target as messages show it.
        target: Vec<u8>,
        /// The source's length, when it is known.
        size: Option<u64>,
        /// How much of it exists already and would be continued.
        offset: u64,
        /// Whether somebody would be asked first, because something is there.
        asks: bool,
        /// Whether the source would be removed then.
        removes: bool,
    },
    /// To leave a target as it is.
    Skip {
        /// The source as messages show it.
        source: Vec<u8>,
        /// The target as messages show it.
        target: Vec<u8>,
        /// What is said of the target: `is complete`.
        reason: &'static str,
    },
    /// To make a directory.
    Directory {
        /// The directory as messages show it.
        target: Vec<u8>,
        /// Whether it is known that nothing is there.
        is_missing: bool,
    },
    /// To copy a symbolic link.
    Link {
        /// The link as messages show it.
        source: Vec<u8>,
        /// Its copy as messages show it.
        target: Vec<u8>,
        /// Whether somebody would be asked first, because something is there.
        asks: bool,
        /// Whether the link would be removed then.
        removes: bool,
    },
    /// All of it together.
    Total {
        /// Files that would be moved.
        files: u64,
        /// Directories that would be made.
        directories: u64,
        /// Bytes of those files whose size is known.
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
                write!(f, "would make the directory {}, unless it is there", Printable(target))
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
    /// An entry of a tree that is neither file nor directory, or a link: skipped.
    Skipped {
        /// Which way the tree goes.
        direction: Direction,
        /// The entry, as sftp(1) names it: the whole path for a get, its name for a put.
        entry: Vec<u8>,
    },
    /// More is to be moved than there is room for.
    Shortage {
        /// Where to.
        place: Vec<u8>,
        /// Bytes that are to be moved, as far as is known.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// A file that was named, or that a wildcard matches, and that is not moved because it is too large or too old.
    LeftOut {
        /// The source, as messages show it.
        source: Vec<u8>,
        /// Why.
        reason: &'static str,
    },
    /// A resumed file that was complete already; a line of sftp(1)'s stdout.
    NotModified(Vec<u8>),
    /// A file that was named to be continued on the server is not there yet.
    NothingToContinue(Vec<u8>),
    /// What is there differs from the source, so that it can't be continued.
    StartedOver(Vec<u8>),
    /// The server emptied a target as it was opened to be continued, so it is sent from its beginning.
    Emptied(Vec<u8>),
    /// A target that could not be replaced in one step was written in place.
    WrittenInPlace {
        /// The target.
        target: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// Mode or times could not be set; the bytes are there.
    NotPreserved(Failure),
    /// What takes the place of a file on the server could not be given its mode.
    ModeNotKept(Failure),
    /// A time to be kept lies outside what the protocol knows; the nearest that it knows is set.
    TimeClamped(Vec<u8>),
    /// A target that exists already stays, as was asked for.
    LeftThere {
        /// The target.
        target: Vec<u8>,
        /// Whether only a newer source would have replaced it.
        unless_newer: bool,
    },
    /// A target that exists already stays, and the file or link is beside it under another name.
    Renamed {
        /// The target that was asked for.
        asked: Vec<u8>,
        /// The target that was written.
        target: Vec<u8>,
    },
    /// What was written to this target can't be read back, so nobody has compared it with its source.
    NotVerified(Vec<u8>),
    /// So many files are equal to their sources, as was found out after they had been moved.
    Verified {
        /// How many.
        files: u64,
        /// How it was found out.
        proof: Proof,
    },
    /// The connection was lost, and this attempt to make it again comes next.
    Reconnecting(Attempt),
    /// The connection is there again, and files go on where they were.
    Reconnected,
    /// The server answered nothing for a while and has probably dropped requests; fewer wait at once from now on.
    Narrowed {
        /// What happened.
        reason: sftp::Error,
        /// Requests that wait at once now.
        most: usize,
    },
    /// The server refused parts of a file that came over several connections.
    SentInOrder(Vec<u8>),
    /// One connection of several could not be made, or was lost; the others do its work.
    FewerConnections(String),
    /// Another transfer of the same file wrote the same partial file, and has put it in its place before this one could.
    PutThereByAnother(Vec<u8>),
    /// An upload was stopped, and what was written beside its target is left.
    KeptThere {
        /// The partial file.
        part: Vec<u8>,
        /// The target, as it was.
        target: Vec<u8>,
    },
    /// A download was stopped, and what came of it can be continued by a resume.
    Kept {
        /// The partial file.
        partial: PathBuf,
        /// The target that it is a part of.
        target: PathBuf,
    },
}

/// How a copy was found to be equal to its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// Its bytes, or those of the source, were read from the server once more.
    ReadBack,
    /// The server computed this hash, and so did we.
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
                write!(f, "{}: {needed} or more are to go there, and {free} are free", Printable(place))
            }
            Note::LeftOut { source, reason } => write!(f, "{}: left out, {reason}", Printable(source)),
            Note::NotModified(target) => {
                write!(f, "File \"{}\" was not modified", Printable(target))
            }
            Note::NothingToContinue(target) => {
                write!(f, "{}: nothing of it is there yet; sending all of it", Printable(target))
            }
            Note::StartedOver(target) => {
                write!(f, "{}: the existing file differs from the source; starting over", Printable(target))
            }
            Note::Emptied(target) => {
                write!(f, "{}: the server empties a file that is opened for writing; starting over", Printable(target))
            }
            Note::WrittenInPlace { target, reason } => {
                write!(f, "{}: written in place, {reason}", Printable(target.as_os_str().as_bytes()))
            }
            Note::NotPreserved(failure) => failure.fmt(f),
            Note::ModeNotKept(failure) => write!(f, "{failure}; {WITHOUT_ATOMIC}, and keeps the mode"),
            Note::TimeClamped(source) => write!(
                f,
                "{}: its time lies outside 1970 to 2106, all that the protocol knows; the nearest is set",
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
            Note::Reconnected => f.write_str("Connected again, going on"),
            Note::Narrowed { reason, most } => {
                let reason = reason.to_string();
                let reason = Printable(reason.as_bytes());
                write!(f, "{reason}; going on with {most} at once, as -R {most} does from the start")
            }
            Note::SentInOrder(target) => {
                let target = Printable(target);
                write!(f, "{target}: the server wants its bytes in order; sending it again over one connection")
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
