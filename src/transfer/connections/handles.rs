//! A file's handles: one on each connection that it uses.

use crate::sftp::Handle;
use crate::transfer::connections::pool::LineId;

/// A file's handles. Dropping it sends CLOSE for each.
#[derive(Default)]
pub(crate) struct Handles {
    list: Vec<(LineId, Handle)>,
}

impl Handles {
    /// The handle on a connection.
    pub(crate) fn on(&self, line: LineId) -> Option<&Handle> {
        self.list.iter().find(|(on, _)| *on == line).map(|(_, handle)| handle)
    }

    /// A handle that was opened on a connection.
    pub(crate) fn add(&mut self, line: LineId, handle: Handle) {
        self.list.push((line, handle));
    }

    /// A connection was lost, and its handle with it.
    pub(crate) fn lose(&mut self, line: LineId) {
        self.list.retain(|(on, _)| *on != line);
    }

    /// The connections on which it is open.
    pub(crate) fn lines(&self) -> impl Iterator<Item = LineId> + '_ {
        self.list.iter().map(|(line, _)| *line)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Closes all of them, and does not ask how that went.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }

    /// All of them, to be closed with care.
    pub(crate) fn take(&mut self) -> Vec<(LineId, Handle)> {
        std::mem::take(&mut self.list)
    }
}
