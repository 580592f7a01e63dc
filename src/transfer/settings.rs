//! What a job needs to know throughout: its options, the server's limits, the process's limits.

use std::sync::Mutex;
use std::time::Duration;

use rustix::fs::{Mode, RawMode};
use rustix::process::{Resource, getrlimit, umask};

use crate::lock::lock;
use crate::mode::Change;
use crate::sftp::Session;
use crate::transfer::connections::growth::{Bounds, LEAST_REQUEST_BYTES};
use crate::transfer::request::{Direction, Options};

/// Bytes of one READ or WRITE at most where the user did not say: as much as fits in whole multiples of the smallest.
const MOST_REQUEST_BYTES: u32 = 7 * LEAST_REQUEST_BYTES;

/// Longest READ or WRITE that fits into a packet of the protocol.
const LARGEST_REQUEST_BYTES: u32 = 255 * 1024;

/// Requests in flight where the user fixed their size or number, as OpenSSH's own client has it.
const REQUESTS: usize = 64;

/// Bytes in flight at the start of a transfer. OpenSSH's own client keeps 64 requests of 32 KiB; more than that on a LAN
/// only fills libssh2's queues, and where it pays the window grows.
const WINDOW_BYTES: u64 = 64 * 32 * 1024;

/// Bytes in flight at most, however long and wide the link is: they are our memory, and what a cancel waits for.
const MOST_WINDOW_BYTES: u64 = 16 << 20;

/// Bytes in flight where the server is near and gets what it is sent at once. What waits for OpenSSH's server program lies in
/// buffers that no cache holds when they are larger: a put over the loopback takes a third longer.
const NEAR_PUT_WINDOW_BYTES: u64 = 512 * 1024;

/// The round trip of a server that is near: in it no link carries more than a small window.
const NEAR: Duration = Duration::from_millis(1);

/// Bytes in flight on all connections of a get together, at most.
const MOST_BYTES_ON_ALL: u64 = 32 << 20;

/// Bytes in flight on all connections of a put together, at most: how far ahead of what the server has confirmed bytes of one
/// file are sent. If all connections break there may be holes in so much of the file's end, and a resume of a file that could have been
/// sent so compares all of that. With more in flight one connection's queue holds up all others.
pub(crate) const SPREAD_SPAN: u64 = 16 << 20;

/// Files in flight at once, at most. At 50 ms hundreds beat 16 by three times; beyond this nothing is gained.
const FILES: usize = 512;

/// Files in flight at once where the server does not tell how many handles it has.
const FILES_WITHOUT_LIMIT: usize = 64;

/// Handles of the server that are left to others: listings, and commands at the prompt.
const RESERVED_HANDLES: u64 = 16;

/// Descriptors of this process that are left to others.
const RESERVED_DESCRIPTORS: u64 = 64;

/// What a job needs to know throughout.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) options: Options,
    pub(crate) server: Vec<u8>,
    /// How the permissions of files that arrive are changed.
    pub(crate) mode: Option<Change>,
    /// The mode bits that a new file does not get.
    pub(crate) umask: u32,
    /// Bytes of a READ and of a WRITE, at most.
    pub(crate) read_bytes: u32,
    pub(crate) write_bytes: u32,
    pub(crate) window: Bounds,
    /// Bytes in flight on all connections together, at most.
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
            window: pinned_bytes.map_or_else(|| usual_window(session, direction), Bounds::fixed),
            window_requests: pinned.unwrap_or(usize::MAX),
            files: files_in_flight(limits.open_handles),
        }
    }

    /// A mode that the server gave, as a new file of ours gets it.
    pub(crate) fn masked(&self, mode: u32) -> u32 {
        mode & 0o777 & !self.umask
    }
}

/// How a window opens where the user did not say. How close together the answers to WRITEs come tells nothing of the link: it
/// is the server that does not take more.
fn usual_window(session: &Session, direction: Direction) -> Bounds {
    let is_near = session.round_trip().is_some_and(|round_trip| round_trip < NEAR);
    let far = Bounds { least: WINDOW_BYTES, most: MOST_WINDOW_BYTES, widest_step: 2 };
    match direction {
        Direction::Put if is_near => Bounds::fixed(NEAR_PUT_WINDOW_BYTES),
        Direction::Put => far,
        Direction::Get => Bounds { widest_step: 4, ..far },
    }
}

/// Two jobs may run side by side, and so one takes half of what there is.
fn files_in_flight(handles: Option<u64>) -> usize {
    let there = handles.map_or(FILES_WITHOUT_LIMIT as u64, |handles| handles.saturating_sub(RESERVED_HANDLES) / 2);
    let here =
        getrlimit(Resource::Nofile).current.map_or(u64::MAX, |limit| limit.saturating_sub(RESERVED_DESCRIPTORS) / 2);
    // At most FILES, so it fits.
    there.min(here).clamp(1, FILES as u64) as usize
}

/// The only portable way to ask is to set it. For the blink of an eye other threads' new files are too private; two that ask
/// at once would take what the other one sets for what there was.
fn current_umask() -> u32 {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = lock(&TURN);
    let mask = umask(Mode::RWXG | Mode::RWXO);
    umask(mask);
    bits(mask.as_raw_mode())
}

/// Mode bits in one width, whatever the system's is.
#[allow(clippy::useless_conversion, reason = "the raw type is wider on some systems than on others")]
pub(crate) fn bits(mode: RawMode) -> u32 {
    u32::from(mode)
}
