//! The callbacks through which libssh2 sends, receives and reports a DISCONNECT, and functions that replace them for
//! a while.

use std::ffi::{c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::slice;

use libssh2_sys as raw;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use ssh2::Session;

use crate::ssh::disconnect::Reason;
use crate::ssh::intake;

unsafe extern "C" {
    fn libssh2_session_callback_set2(
        session: *mut raw::LIBSSH2_SESSION,
        kind: c_int,
        callback: Option<Callback>,
    ) -> Option<Callback>;
}

/// `libssh2_cb_generic`: any callback, which libssh2 casts to the type of its kind.
type Callback = unsafe extern "C" fn();

/// `LIBSSH2_SEND_FUNC` and, except for a `const`, `LIBSSH2_RECV_FUNC`. Arguments: socket, buffer, length, flags,
/// address of the user pointer. Returns the number of bytes or a negated errno.
type Transfer = extern "C" fn(c_int, *mut c_void, usize, c_int, *mut *mut c_void) -> isize;

/// `LIBSSH2_DISCONNECT_FUNC`. Arguments: session, reason code, description and its length, language and its length,
/// address of the user pointer.
type Disconnect =
    extern "C" fn(*mut raw::LIBSSH2_SESSION, c_int, *const c_char, c_int, *const c_char, c_int, *mut *mut c_void);

// `LIBSSH2_CALLBACK_DISCONNECT`, `LIBSSH2_CALLBACK_SEND` and `LIBSSH2_CALLBACK_RECV`.
const DISCONNECT: c_int = 2;
const SEND: c_int = 5;
const RECEIVE: c_int = 6;

/// Counts all bytes that the session receives in [`intake`]. Its socket must have an [`Intake`](intake::Intake)
/// already.
pub(in crate::ssh) fn count_intake(session: &Session) {
    set(session, RECEIVE, Some(generic(receive)));
}

/// Stores the server's reason for ending the connection in [`intake`], under the session's address.
pub(in crate::ssh) fn hear_disconnect(session: &Session) {
    // SAFETY: only the type changes, and libssh2 casts it back before the call.
    let callback = unsafe { std::mem::transmute::<Disconnect, Callback>(disconnect) };
    set(session, DISCONNECT, Some(callback));
}

/// Makes one call to libssh2 that may send and process queued packets, but reads nothing from the socket.
pub(in crate::ssh) fn without_reading<T>(session: &Session, call: impl FnOnce() -> T) -> T {
    struct Restore<'a>(&'a Session, Option<Callback>);
    impl Drop for Restore<'_> {
        fn drop(&mut self) {
            set(self.0, RECEIVE, self.1);
        }
    }
    let _restore = Restore(session, set(session, RECEIVE, Some(generic(nothing_yet))));
    call()
}

/// Makes each attempt to send on a session fail.
pub(super) fn forbid_sending(session: &Session) {
    set(session, SEND, Some(generic(broken_pipe)));
}

/// Sets a callback, and returns the previous one.
fn set(session: &Session, kind: c_int, callback: Option<Callback>) -> Option<Callback> {
    let mut guard = session.raw();
    let session: *mut raw::LIBSSH2_SESSION = &raw mut *guard;
    // SAFETY: the session is alive and locked. The callback has the type of its kind, because it was made for it here
    // or set before.
    unsafe { libssh2_session_callback_set2(session, kind, callback) }
}

fn generic(callback: Transfer) -> Callback {
    // SAFETY: only the type changes, and libssh2 casts it back before the call.
    unsafe { std::mem::transmute::<Transfer, Callback>(callback) }
}

/// Receives like libssh2's own function, `ssh2_recv` in its misc.c, and counts the bytes.
extern "C" fn receive(socket: c_int, buffer: *mut c_void, length: usize, flags: c_int, _: *mut *mut c_void) -> isize {
    let error = |errno: Errno| -(errno.raw_os_error() as isize);
    // SAFETY: this is the session's socket, which is open as long as the session.
    let descriptor = unsafe { BorrowedFd::borrow_raw(socket) };
    // SAFETY: libssh2 owns `length` bytes at `buffer` during this call; they need not be initialised.
    let buffer = unsafe { slice::from_raw_parts_mut(buffer.cast::<MaybeUninit<u8>>(), length) };
    match rustix::net::recv(descriptor, buffer, RecvFlags::from_bits_retain(flags.cast_unsigned())) {
        Ok(((received, _), _)) if intake::may_take(socket, received) => received.len().cast_signed(),
        Ok(_) => error(Errno::CONNABORTED),
        Err(Errno::INTR) => error(Errno::AGAIN),
        Err(errno) => error(errno),
    }
}

extern "C" fn disconnect(
    session: *mut raw::LIBSSH2_SESSION,
    code: c_int,
    description: *const c_char,
    length: c_int,
    _language: *const c_char,
    _language_length: c_int,
    _: *mut *mut c_void,
) {
    let description = match usize::try_from(length) {
        // SAFETY: libssh2 owns `length` bytes of the packet at `description` during this call.
        Ok(length) if !description.is_null() => unsafe { slice::from_raw_parts(description.cast::<u8>(), length) },
        _ => &[],
    };
    // libssh2 passes the code as a signed number.
    let reason = Reason { code: code.cast_unsigned(), description: description.to_vec() };
    intake::note_disconnect(session.addr(), reason);
}

extern "C" fn nothing_yet(_: c_int, _: *mut c_void, _: usize, _: c_int, _: *mut *mut c_void) -> isize {
    -(Errno::AGAIN.raw_os_error() as isize)
}

extern "C" fn broken_pipe(_: c_int, _: *mut c_void, _: usize, _: c_int, _: *mut *mut c_void) -> isize {
    -(Errno::PIPE.raw_os_error() as isize)
}
