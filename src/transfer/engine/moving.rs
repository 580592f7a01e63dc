//! A file in flight with the facts that only the engine needs.

use std::path::PathBuf;

use crate::transfer::connections::pool::ConnectionId;
use crate::transfer::engine::crowd::Refusals;
use crate::transfer::get::Download;
use crate::transfer::mover::Mover;
use crate::transfer::progress::reporter::Sequence;
use crate::transfer::put::Upload;

/// The least that a file counts in the backlog, in bytes: an OPEN is in flight for it.
const LEAST_BACKLOG: u64 = 512;

/// A file in flight.
pub(super) struct Moving {
    pub(super) way: Way,
    pub(super) target: PathBuf,
    /// The connection that it was opened on first.
    pub(super) home: ConnectionId,
    /// Further connections on which it was opened, or on which an OPEN was tried.
    pub(super) spread: Vec<ConnectionId>,
    pub(super) refusals: Refusals,
    /// The most bytes that have ever arrived.
    reached: u64,
}

/// Which way a file goes.
pub(super) enum Way {
    Get(Box<Download>),
    Put { upload: Box<Upload>, directory: Option<InDirectory> },
}

/// The directory that an upload goes to, which may still be in the making.
pub(super) struct InDirectory {
    /// The step that makes the directory.
    pub(super) sequence: Sequence,
    /// True if the file was begun again once the state of the directory was known.
    pub(super) was_begun_again: bool,
}

impl Moving {
    pub(super) fn new(way: Way, target: PathBuf, home: ConnectionId) -> Moving {
        Moving { way, target, home, spread: Vec::new(), refusals: Refusals::default(), reached: 0 }
    }

    pub(super) fn mover(&self) -> &dyn Mover {
        match &self.way {
            Way::Get(download) => &**download,
            Way::Put { upload, .. } => &**upload,
        }
    }

    pub(super) fn mover_mut(&mut self) -> &mut dyn Mover {
        match &mut self.way {
            Way::Get(download) => &mut **download,
            Way::Put { upload, .. } => &mut **upload,
        }
    }

    /// Returns whether more bytes have arrived than ever before.
    pub(super) fn has_advanced(&mut self) -> bool {
        let arrived = self.mover().arrived();
        let has_advanced = arrived > self.reached;
        self.reached = self.reached.max(arrived);
        has_advanced
    }

    pub(super) fn is_open(&self) -> bool {
        !self.mover().handles().is_empty()
    }

    /// Returns the connections on which the file is open.
    pub(super) fn open_connections(&self) -> impl Iterator<Item = ConnectionId> + '_ {
        self.mover().handles().connections()
    }

    /// Returns a connection for requests about the file.
    pub(super) fn connection(&self) -> ConnectionId {
        self.open_connections().next().unwrap_or(self.home)
    }

    /// Returns the bytes that the file adds to the backlog.
    pub(super) fn backlog(&self) -> u64 {
        self.mover().backlog().max(LEAST_BACKLOG)
    }
}
