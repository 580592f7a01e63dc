//! Functions of libssh2 that ssh2 doesn't bind, or binds so that a hostile server could make it panic. This is the
//! only module of SSH that talks to C.
//!
//! All functions here can be resumed: they return EAGAIN until they are done, and the caller repeats the call with
//! the same arguments.
#![allow(unsafe_code, reason = "libssh2 is written in C, and the crate `ssh2` has no calls for this")]

mod answers;
mod callbacks;
mod chacha20_poly1305;
mod conversation;
mod memory;

use std::ffi::{CStr, CString, c_char, c_int, c_uchar, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::slice;

use libssh2_sys as raw;
use ssh2::{Error, ErrorCode, Session};
use zeroize::Zeroizing;

pub(super) use answers::{Answer, Refusal, next_answer, take_in};
pub(super) use callbacks::{count_intake, hear_disconnect, without_reading};
pub(super) use conversation::{Question, Respondent, converse};
pub(super) use memory::count_memory;

/// Signs with a private key that may be elsewhere, such as in an agent.
pub(super) trait Signer {
    /// Signs `data`, the authentication request that names the key and the algorithm. Called once the server has
    /// accepted the key.
    fn sign(&mut self, data: &[u8]) -> Signing;
}

/// The result of a [`Signer`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Signing {
    /// The signature in libssh2's form, without the name of the algorithm.
    Signed(Vec<u8>),
    /// The signer refused, which ends the request.
    Refused,
    /// The request waits until [`sign_with_file`] resumes it.
    Later,
}

type SignCallback = extern "C" fn(
    session: *mut raw::LIBSSH2_SESSION,
    signature: *mut *mut c_uchar,
    signature_length: *mut usize,
    data: *const c_uchar,
    data_length: usize,
    context: *mut *mut c_void,
) -> c_int;

unsafe extern "C" {
    fn libssh2_userauth_publickey(
        session: *mut raw::LIBSSH2_SESSION,
        user: *const c_char,
        key: *const c_uchar,
        key_length: usize,
        sign: SignCallback,
        context: *mut *mut c_void,
    ) -> c_int;
    fn libssh2_version(required: c_int) -> *const c_char;
    // libssh2 frees the signature with the session's allocator, which is the C library's in all sessions of ssh2.
    fn malloc(size: usize) -> *mut c_void;
}

/// Returns the version of the linked libssh2.
pub(super) fn libssh2_version_text() -> String {
    // SAFETY: 0 requires no particular version, so libssh2 returns a static string.
    let version = unsafe { libssh2_version(0) };
    if version.is_null() {
        return String::from("unknown");
    }
    // SAFETY: a static, terminated string, as above.
    unsafe { CStr::from_ptr(version) }.to_string_lossy().into_owned()
}

/// Sends a "none" request (RFC 4252, section 5.2). It fails unless the server needs no authentication. The failure
/// lists the methods that the server accepts.
pub(super) fn request_none(session: &Session, user: &str) -> Result<(), Error> {
    let length = checked_length(user)?;
    let mut guard = session.raw();
    let session: *mut raw::LIBSSH2_SESSION = &raw mut *guard;
    // SAFETY: the session is alive and locked, and the name has the given length.
    let methods = unsafe { raw::libssh2_userauth_list(session, user.as_ptr().cast(), length) };
    if !methods.is_null() {
        return outcome(session, raw::LIBSSH2_ERROR_AUTHENTICATION_FAILED);
    }
    // SAFETY: the session is alive and locked.
    if unsafe { raw::libssh2_userauth_authenticated(session) } != 0 {
        return Ok(());
    }
    // SAFETY: as above.
    outcome(session, unsafe { raw::libssh2_session_last_errno(session) })
}

/// Returns the length of a text as libssh2's type.
fn checked_length(text: &str) -> Result<c_uint, Error> {
    c_uint::try_from(text.len()).map_err(|_| Error::from_errno(ErrorCode::Session(raw::LIBSSH2_ERROR_INVAL)))
}

/// Turns a return code into a result, with libssh2's text for an error. The session must be alive and locked.
fn outcome(session: *mut raw::LIBSSH2_SESSION, code: c_int) -> Result<(), Error> {
    if code == 0 { Ok(()) } else { Err(Error::from_session_error_raw(session, code)) }
}

/// Offers a public key, and signs with `signer` once the server has accepted the key.
pub(super) fn authenticate_with_key(
    session: &Session,
    user: &str,
    key: &[u8],
    mut signer: &mut dyn Signer,
) -> Result<(), Error> {
    let user = CString::new(user)?;
    let mut guard = session.raw();
    let session: *mut raw::LIBSSH2_SESSION = &raw mut *guard;
    let mut context: *mut c_void = (&raw mut signer).cast();
    // SAFETY: the session is alive and locked. Key, name and signer outlive the call, and `sign` uses the signer only
    // during the call.
    let code =
        unsafe { libssh2_userauth_publickey(session, user.as_ptr(), key.as_ptr(), key.len(), sign, &raw mut context) };
    outcome(session, code)
}

/// Signs with the text of a private key. Either resumes a request that a [`Signer`] postponed, or makes one for the
/// matching public key. `passphrase` opens an encrypted key.
pub(super) fn sign_with_file(
    session: &Session,
    user: &str,
    private: &str,
    passphrase: Option<&Zeroizing<String>>,
) -> Result<(), Error> {
    let passphrase = passphrase.map(terminated);
    let passphrase = passphrase.as_ref().map_or(ptr::null(), |passphrase| passphrase.as_ptr());
    let mut guard = session.raw();
    let session: *mut raw::LIBSSH2_SESSION = &raw mut *guard;
    // SAFETY: the session is alive and locked, and all texts outlive the call. We pass no public key: if one was
    // offered, the request holds it already.
    let code = unsafe {
        raw::libssh2_userauth_publickey_frommemory(
            session,
            user.as_ptr().cast(),
            user.len(),
            ptr::null(),
            0,
            private.as_ptr().cast(),
            private.len(),
            passphrase.cast(),
        )
    };
    outcome(session, code)
}

/// Returns whether libssh2 can open a private key with this passphrase. It has no function for that, so a session
/// without a socket tries to log in. If the key opens, that fails only when it tries to send.
pub(super) fn opens(private: &str, passphrase: &Zeroizing<String>) -> bool {
    let Ok(session) = Session::new() else { return false };
    // Without a send function of its own, the session would send to descriptor 0.
    callbacks::forbid_sending(&session);
    let failure = sign_with_file(&session, "nobody", private, Some(passphrase)).map_err(|error| error.code());
    matches!(failure, Err(ErrorCode::Session(raw::LIBSSH2_ERROR_SOCKET_SEND | raw::LIBSSH2_ERROR_SOCKET_DISCONNECT)))
}

/// Returns a C string that is wiped when it is dropped. It ends at the first NUL, which no valid passphrase contains.
fn terminated(text: &Zeroizing<String>) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() + 1));
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(0);
    bytes
}

extern "C" fn sign(
    _session: *mut raw::LIBSSH2_SESSION,
    signature: *mut *mut c_uchar,
    signature_length: *mut usize,
    data: *const c_uchar,
    data_length: usize,
    context: *mut *mut c_void,
) -> c_int {
    // SAFETY: libssh2 hands back the context of `authenticate_with_key`, whose signer is borrowed for the call.
    let signer = unsafe { &mut *(*context).cast::<&mut dyn Signer>() };
    // SAFETY: libssh2 owns `data_length` bytes at `data` during this call.
    let data = unsafe { slice::from_raw_parts(data, data_length) };
    // A panic must not unwind into C.
    let made = match catch_unwind(AssertUnwindSafe(|| signer.sign(data))) {
        Ok(Signing::Signed(made)) => made,
        Ok(Signing::Later) => return raw::LIBSSH2_ERROR_EAGAIN,
        Ok(Signing::Refused) | Err(_) => return raw::LIBSSH2_ERROR_AUTHENTICATION_FAILED,
    };
    // SAFETY: plain allocation, checked for failure below.
    let copy = unsafe { malloc(made.len().max(1)) }.cast::<c_uchar>();
    if copy.is_null() {
        return raw::LIBSSH2_ERROR_ALLOC;
    }
    // SAFETY: `copy` has room for all of `made`. libssh2 passed valid places for both results, and frees the
    // signature.
    unsafe {
        ptr::copy_nonoverlapping(made.as_ptr(), copy, made.len());
        *signature = copy;
        *signature_length = made.len();
    }
    0
}
