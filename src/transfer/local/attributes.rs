//! Converts the protocol's attributes to the system's types.

use rustix::fs::{Mode, RawMode, Timespec, Timestamps};

use crate::sftp::Times;

/// Returns the system's form of the protocol's times, which are whole seconds.
pub(super) fn timestamps(times: Times) -> Timestamps {
    let at = |seconds: u32| Timespec { tv_sec: seconds.into(), tv_nsec: 0 };
    Timestamps { last_access: at(times.accessed), last_modification: at(times.modified) }
}

/// Returns the system's form of permission bits. Its width differs from system to system.
pub(crate) fn mode(bits: u32) -> Mode {
    Mode::from_raw_mode((bits & 0o7777) as RawMode)
}
