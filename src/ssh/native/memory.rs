//! Counts the memory that libssh2 holds for a session, in the functions with which it allocates.
//!
//! ssh2 starts each session with libssh2's default functions, which are the C library's, and libssh2 can't change
//! them later. So we replace them in the session itself, which begins with its user pointer and these three functions
//! (`struct _LIBSSH2_SESSION` in `src/libssh2_priv.h`). As with `answers.rs`, compare that struct before changing the
//! version of libssh2-sys. Blocks that were allocated earlier can still be freed, because all memory comes from the C
//! library.
//!
//! An allocation is never refused, because not every caller in libssh2 handles that. Instead, [`intake`] ends the
//! connection.

use std::ffi::c_void;

use libssh2_sys as raw;
use ssh2::Session;

use crate::ssh::intake;

/// `LIBSSH2_ALLOC_FUNC`, `LIBSSH2_REALLOC_FUNC` and `LIBSSH2_FREE_FUNC`. The last argument is the address of the user
/// pointer.
type Allocate = extern "C" fn(usize, *mut *mut c_void) -> *mut c_void;
type Reallocate = extern "C" fn(*mut c_void, usize, *mut *mut c_void) -> *mut c_void;
type Free = extern "C" fn(*mut c_void, *mut *mut c_void);

/// The beginning of libssh2's session.
#[repr(C)]
struct Head {
    user_pointer: *mut c_void,
    allocate: Allocate,
    reallocate: Reallocate,
    free: Free,
}

unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn realloc(block: *mut c_void, size: usize) -> *mut c_void;
    fn free(block: *mut c_void);
    #[cfg_attr(target_vendor = "apple", link_name = "malloc_size")]
    fn malloc_usable_size(block: *mut c_void) -> usize;
}

/// Counts all memory that the session allocates from now on in [`intake`], under the returned address.
pub(in crate::ssh) fn count_memory(session: &Session) -> usize {
    let mut guard = session.raw();
    let session: *mut raw::LIBSSH2_SESSION = &raw mut *guard;
    // SAFETY: the session is alive and locked, and in the linked version of libssh2 it begins with a `Head`.
    unsafe {
        debug_assert_eq!(raw::libssh2_session_abstract(session).addr(), session.addr(), "the user pointer comes first");
        let head = session.cast::<Head>();
        (*head).allocate = allocate;
        (*head).reallocate = reallocate;
        (*head).free = release;
    }
    session.addr()
}

/// Returns the C library's length of a block, which may exceed the requested one. It is 0 for NULL.
fn length_of(block: *mut c_void) -> usize {
    // SAFETY: the block is NULL or a live block of the C library.
    if block.is_null() { 0 } else { unsafe { malloc_usable_size(block) } }
}

extern "C" fn allocate(size: usize, session: *mut *mut c_void) -> *mut c_void {
    // SAFETY: plain allocation; libssh2 checks for failure.
    let block = unsafe { malloc(size) };
    intake::note_memory(session.addr(), length_of(block), 0);
    block
}

extern "C" fn reallocate(block: *mut c_void, size: usize, session: *mut *mut c_void) -> *mut c_void {
    let before = length_of(block);
    // SAFETY: libssh2 passes one of its own blocks, or NULL. It checks for failure, which leaves the block unchanged.
    let block = unsafe { realloc(block, size) };
    if !block.is_null() {
        intake::note_memory(session.addr(), length_of(block), before);
    }
    block
}

extern "C" fn release(block: *mut c_void, session: *mut *mut c_void) {
    intake::note_memory(session.addr(), 0, length_of(block));
    // SAFETY: libssh2 passes one of its own blocks for the last time, or NULL.
    unsafe { free(block) };
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::ssh::intake::Intake;

    #[test]
    fn what_libssh2_holds_is_counted_until_it_is_freed() {
        let socket = UnixStream::pair().unwrap().0;
        let mut intake = Intake::on(&socket);
        let session = Session::new().unwrap();
        intake.count_memory(count_memory(&session));
        let before = intake.held();
        session.set_banner(&"x".repeat(100_000)).unwrap();
        assert!(intake.held() >= before + 100_000, "{before}, then {}", intake.held());
        session.set_banner("x").unwrap();
        assert!(intake.held() < before + 1000, "{before}, then {}", intake.held());
    }
}
