//! A file's handles: one on each connection that it uses.

use super::lines::LineId;
use crate::sftp::Handle;

/// A file's handles. Dropping it sends CLOSE for each.
#[derive(Default)]
pub(super) struct Handles {
    list: Vec<(LineId, Handle)>,
}

impl Handles {
    /// The handle on a connection.
    pub(super) fn on(&self, line: LineId) -> Option<&Handle> {
        self.list.iter().find(|(on, _)| *on == line).map(|(_, handle)| handle)
    }

    /// A handle that was opened on a connection.
    pub(super) fn add(&mut self, line: LineId, handle: Handle) {
        self.list.push((line, handle));
    }

    /// A connection was lost, and its handle with it.
    pub(super) fn lose(&mut self, line: LineId) {
        self.list.retain(|(on, _)| *on != line);
    }

    /// The connections on which it is open.
    pub(super) fn lines(&self) -> impl Iterator<Item = LineId> + '_ {
        self.list.iter().map(|(line, _)| *line)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Closes all of them, and does not ask how that went.
    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    /// All of them, to be closed with care.
    pub(super) fn take(&mut self) -> Vec<(LineId, Handle)> {
        std::mem::take(&mut self.list)
    }
}
