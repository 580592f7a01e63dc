//! The facts that a whole job needs: its options, the server's limits and those of the process.

use std::sync::Mutex;
use std::time::Duration;

use rustix::fs::{Mode, RawMode};
use rustix::process::{Resource, getrlimit, umask};

use crate::lock::lock;
use crate::mode::Change;
use crate::sftp::Session;
use crate::transfer::connections::window::{Bounds, LEAST_REQUEST_BYTES};
use crate::transfer::request::{Direction, Options};

/// The most bytes of one READ or WRITE, unless the user fixed them: the largest multiple of the smallest request that
/// fits into a packet of the protocol.
const MOST_REQUEST_BYTES: u32 = 7 * LEAST_REQUEST_BYTES;

/// The longest READ or WRITE that fits into a packet of the protocol, in bytes.
const LARGEST_REQUEST_BYTES: u32 = 255 * 1024;

/// Requests in flight if the user fixed their size but not their number, as in OpenSSH's client.
const REQUESTS: usize = 64;

/// Bytes in flight at the start of a transfer. OpenSSH's client keeps 64 requests of 32 KiB. On a local network more
/// would only fill libssh2's queues; where more pays, the window grows.
const WINDOW_BYTES: u64 = 64 * 32 * 1024;

/// The most bytes in flight, however long and fast the link is: they take memory, and a cancel waits for them.
const MOST_WINDOW_BYTES: u64 = 16 << 20;

/// Bytes in flight of a put to a near server. OpenSSH's server program buffers what waits for it, and larger buffers
/// don't fit into the processor's cache: a put over the loopback would take a third longer.
const NEAR_PUT_WINDOW_BYTES: u64 = 512 * 1024;

/// A server with a shorter round trip is near: no link carries more than a small window in that time.
const NEAR: Duration = Duration::from_millis(1);

/// The most bytes in flight on all connections of a get together.
const MOST_BYTES_ON_ALL: u64 = 32 << 20;

/// The most bytes in flight on all connections of a put together, which is how far a file is sent ahead of what the
/// server has confirmed. If all connections break, this much of the file's end may have holes, so a resume compares
/// as much. With more in flight, one connection's queue would hold up the others.
pub(crate) const SPREAD_SPAN: u64 = 16 << 20;

/// The most files in flight. With a round trip of 50 ms, hundreds are three times as fast as 16; more than this gains
/// nothing.
const FILES: usize = 512;

/// The most files in flight if the server doesn't tell how many handles it has.
const FILES_WITHOUT_LIMIT: usize = 64;

/// Handles of the server that are left to listings and to commands at the prompt.
const RESERVED_HANDLES: u64 = 16;

/// File descriptors of this process that are left to others.
const RESERVED_DESCRIPTORS: u64 = 64;

/// The facts that a whole job needs.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) options: Options,
    pub(crate) server: Vec<u8>,
    /// How to change the permissions of files that arrive.
    pub(crate) mode: Option<Change>,
    /// The mode bits that a new file doesn't get.
    pub(crate) umask: u32,
    /// The most bytes of a READ, and below of a WRITE.
    pub(crate) read_bytes: u32,
    pub(crate) write_bytes: u32,
    pub(crate) window: Bounds,
    /// True if further channels may help: to an upload whose window the user has not fixed. A download is limited by our
    /// own window, which grows.
    pub(crate) may_use_channels: bool,
    /// The most bytes in flight on all connections together.
    pub(crate) bytes_on_all: u64,
    pub(crate) window_requests: usize,
    pub(crate) files: usize,
}

impl Settings {
    pub(crate) fn new(session: &Session, direction: Direction, options: Options, server: Vec<u8>) -> Settings {
        let limits = session.limits();
        let size = |limit: u32| match (options.request_bytes, options.requests) {
            (Some(bytes), _) => bytes.clamp(1, LARGEST_REQUEST_BYTES),
            (None, Some(_)) => limit.min(LEAST_REQUEST_BYTES),
            (None, None) => limit.min(MOST_REQUEST_BYTES),
        };
        let (read_bytes, write_bytes) = (size(limits.read_bytes), size(limits.write_bytes));
        let pinned = options.requests.or(options.request_bytes.map(|_| REQUESTS)).map(|requests| requests.max(1));
        let pinned_bytes =
            pinned.map(|requests| u64::from(read_bytes.max(write_bytes)).saturating_mul(requests as u64));
        Settings {
            options,
            server,
            mode: None,
            umask: current_umask(),
            read_bytes,
            write_bytes,
            bytes_on_all: match direction {
                Direction::Get => MOST_BYTES_ON_ALL,
                Direction::Put => SPREAD_SPAN,
            },
            may_use_channels: direction == Direction::Put && pinned.is_none(),
            window: pinned_bytes.map_or_else(|| usual_window(session, direction), Bounds::fixed),
            window_requests: pinned.unwrap_or(usize::MAX),
            files: files_in_flight(limits.open_handles),
        }
    }

    /// Returns the mode that a new local file gets if the server gave this one.
    pub(crate) fn masked(&self, mode: u32) -> u32 {
        mode & 0o777 & !self.umask
    }
}

/// Returns how the window grows, unless the user fixed it. Only the answers to READs show how much the link holds:
/// those to WRITEs come as fast as the server takes the data.
fn usual_window(session: &Session, direction: Direction) -> Bounds {
    let is_near = session.round_trip().is_some_and(|round_trip| round_trip < NEAR);
    let far = Bounds { least: WINDOW_BYTES, most: MOST_WINDOW_BYTES, widest_step: 2 };
    match direction {
        Direction::Put if is_near => Bounds::fixed(NEAR_PUT_WINDOW_BYTES),
        Direction::Put => far,
        Direction::Get => Bounds { widest_step: 4, ..far },
    }
}

/// Returns how many files may be in flight: half of what the server and this process allow, because two jobs may run
/// side by side.
fn files_in_flight(handles: Option<u64>) -> usize {
    let there = handles.map_or(FILES_WITHOUT_LIMIT as u64, |handles| handles.saturating_sub(RESERVED_HANDLES) / 2);
    let here =
        getrlimit(Resource::Nofile).current.map_or(u64::MAX, |limit| limit.saturating_sub(RESERVED_DESCRIPTORS) / 2);
    // The value is at most FILES, so it fits.
    there.min(here).clamp(1, FILES as u64) as usize
}

/// Returns the process's umask. The only portable way to read it is to set it. For that moment, files that other
/// threads make are too private, and without the lock two readers could take each other's value for the original.
fn current_umask() -> u32 {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = lock(&TURN);
    let mask = umask(Mode::RWXG | Mode::RWXO);
    umask(mask);
    bits(mask.as_raw_mode())
}

/// Returns mode bits as an `u32`, whatever the width of the system's type is.
#[allow(clippy::useless_conversion, reason = "the raw type is wider on some systems than on others")]
pub(crate) fn bits(mode: RawMode) -> u32 {
    u32::from(mode)
}
