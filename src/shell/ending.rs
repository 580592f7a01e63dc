//! Why a run can't go on, and whether the user has been told.

use crate::shell::run_end::RunEnd;

/// A reason why a run can't go on.
pub(crate) struct Ending {
    /// How the run ends if nothing can be done about it.
    pub(crate) run_end: RunEnd,
    /// The line that tells the user, unless something else has told them.
    pub(crate) unreported: Option<String>,
}

impl Ending {
    /// Returns whether the connection is lost. Another one may take its place.
    pub(crate) fn is_lost_connection(&self) -> bool {
        self.run_end == RunEnd::ConnectionFailed
    }
}
