//! The protocol's attributes as the system's types.

use rustix::fs::{Mode, RawMode, Timespec, Timestamps};

use crate::sftp::Times;

/// Times as the protocol has them, whole seconds.
pub(super) fn timestamps(times: Times) -> Timestamps {
    let at = |seconds: u32| Timespec { tv_sec: seconds.into(), tv_nsec: 0 };
    Timestamps { last_access: at(times.accessed), last_modification: at(times.modified) }
}

/// Permission bits as the system's type, which is wider or narrower on some.
pub(crate) fn mode(bits: u32) -> Mode {
    Mode::from_raw_mode((bits & 0o7777) as RawMode)
}
