//! How servers differ in ways that no extension tells.

use crate::sftp::openings::Openings;
use crate::sftp::width::Width;

/// How to treat the server to which all of a session's requests go.
#[derive(Clone, Debug, Default)]
pub(super) struct Manners {
    /// The order in which the server reads the paths of SYMLINK.
    pub(super) symlink_order: SymlinkOrder,
    /// True if the server may be silent without limit while it works on a
    /// [`Call::MAY_TAKE_LONG`](super::Call::MAY_TAKE_LONG).
    pub(super) may_take_long: bool,
    /// True if the server is known to carry out the requests on one file in order.
    pub(super) keeps_order: bool,
    /// True if the server empties a file that is opened for writing only.
    pub(super) empties_files: bool,
    /// True if a file that is being transferred must not be opened a second time.
    pub(super) wants_one_handle: bool,
    /// How many requests may wait for an answer at once.
    pub(super) width: Width,
    /// The count of open handles on the server.
    pub(super) openings: Openings,
}

/// The order in which a server reads the two paths of SYMLINK.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SymlinkOrder {
    /// The order of OpenSSH (PROTOCOL, 4.1), which most other servers follow.
    #[default]
    TargetFirst,
    /// The order of the draft (6.10).
    LinkFirst,
}
