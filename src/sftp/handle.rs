//! Handles of open files and directories on the server.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use crate::sftp::calls::Close;
use crate::sftp::shared::Shared;

/// An open file or directory. Dropping it sends CLOSE; submit [`Close`] to learn whether closing succeeded.
///
/// So the server's handle is closed even if its request or queue was abandoned.
pub struct Handle {
    bytes: Bytes,
    shared: Arc<Shared>,
    closed: AtomicBool,
}

impl Handle {
    pub(super) fn new(bytes: Bytes, shared: &Arc<Shared>) -> Handle {
        Handle { bytes, shared: Arc::clone(shared), closed: AtomicBool::new(false) }
    }

    /// Returns whether this session opened the handle.
    pub(super) fn is_of(&self, session: &Shared) -> bool {
        std::ptr::eq(Arc::as_ptr(&self.shared), session)
    }

    pub(super) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Notes that a CLOSE for this handle is on its way, so that dropping it sends none.
    pub(super) fn mark_closed(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !*self.closed.get_mut() {
            let bytes = std::mem::take(&mut self.bytes);
            let twin = Handle { bytes, shared: Arc::clone(&self.shared), closed: AtomicBool::new(true) };
            self.shared.submit_for_nobody(&Close { handle: twin });
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.bytes.escape_ascii())
    }
}
