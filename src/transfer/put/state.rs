//! The states of an upload, each with the facts that are true only in it.

use crate::sftp::{self, Reply};
use crate::transfer::connections::tag::PlaceTag;
use crate::transfer::proof::Proving;
use crate::transfer::proof::comparison::Comparison;

/// The state of an upload; the table in `mod.rs` has the answers that lead from one to the next.
pub(super) enum State {
    Looking(Link),
    LookingBeside,
    /// OPEN makes the file, or empties it.
    Opening(Access),
    /// OPEN keeps the existing bytes, whose end is compared before more are appended.
    OpeningToCompare {
        until: u64,
        access: Access,
    },
    /// OPEN keeps the existing bytes, and more are appended.
    OpeningToAppend(Access),
    Comparing(Comparison),
    /// The size of the file is asked for: OPEN, or the first WRITE, may have emptied it.
    Measuring,
    Sending,
    /// All handles are closed, to send the file again from its beginning.
    StartingOver,
    /// OPEN of a file that was sent and closed, to prove it.
    OpeningToProve,
    Proving {
        proving: Proving,
        /// True if the file was closed and is open again, only to be read.
        is_closed: bool,
    },
    /// All handles are being closed, and whether the file was closed once before.
    Closing {
        is_closed: bool,
    },
    Placing(Placing),
    /// The partial file is at its target.
    Placed,
    /// All of the file was on the server already.
    AlreadyThere,
    /// The existing file stays, and nothing is sent.
    Left,
    /// The job stops, and the partial file was removed.
    Withdrawn,
    /// The file was sent, and its end was reported.
    Arrived,
}

/// A link at the target.
pub(super) enum Link {
    /// READLINK was sent. The answer to STAT waits until all links are followed.
    Following { found: Option<Result<Reply, sftp::Error>> },
    /// All links were followed, or the link itself is opened.
    Followed,
}

/// The access that an OPEN asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Reading or writing.
    One,
    /// Reading and writing.
    Both,
}

/// The move of a partial file to its target.
///
/// | request | answer | next request |
/// |---|---|---|
/// | `Rename` | done | none: it is placed |
/// | `Link`, where no file may be replaced | done | `Unlink` |
/// | | refused | `LookAtTarget` |
/// | `Unlink` | any | none: it is placed |
/// | `LookAtTarget` | no such file | `Rename` |
/// | | attributes | `Rename`, `Link` under a numbered name, or none: the existing file stays |
/// | `LookForPart`, after a `Rename` that found no partial file | attributes | none: another transfer was faster, or the file fails |
#[derive(Clone, Copy, Debug)]
pub(super) struct Placing {
    /// The request in flight.
    pub(super) request: PlaceTag,
    /// True if an earlier request may have succeeded, whose answer was lost.
    pub(super) may_be_done: bool,
}

impl Placing {
    /// Returns whether the file may be at its target, now that the answer to this request was lost.
    pub(super) fn may_be_done_after_loss(self) -> bool {
        self.may_be_done || matches!(self.request, PlaceTag::Rename | PlaceTag::Link)
    }
}
