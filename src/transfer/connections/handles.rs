//! A file's handles: one on each connection that it uses.

use crate::sftp::Handle;
use crate::transfer::connections::pool::ConnectionId;

/// A file's handles. Dropping them sends CLOSE for each.
#[derive(Default)]
pub(crate) struct Handles {
    list: Vec<(ConnectionId, Handle)>,
}

impl Handles {
    /// Returns the handle on a connection.
    pub(crate) fn on(&self, connection: ConnectionId) -> Option<&Handle> {
        self.list.iter().find(|(on, _)| *on == connection).map(|(_, handle)| handle)
    }

    /// Adds a handle that was opened on a connection.
    pub(crate) fn add(&mut self, connection: ConnectionId, handle: Handle) {
        self.list.push((connection, handle));
    }

    /// Drops the handle of a lost connection.
    pub(crate) fn lose(&mut self, connection: ConnectionId) {
        self.list.retain(|(on, _)| *on != connection);
    }

    /// Returns the connections on which the file is open.
    pub(crate) fn connections(&self) -> impl Iterator<Item = ConnectionId> + '_ {
        self.list.iter().map(|(connection, _)| *connection)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Closes all of them without waiting for the answers.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }

    /// Takes all of them, to be closed by requests whose answers matter.
    pub(crate) fn take(&mut self) -> Vec<(ConnectionId, Handle)> {
        std::mem::take(&mut self.list)
    }
}
