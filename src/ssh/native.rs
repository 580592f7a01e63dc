//! What ssh2 does not bind, or binds so that a hostile server can make it panic: the only place where C is spoken.
//!
//! Every call here is resumable: it answers EAGAIN until it is done, and is then called again with the same arguments.

use std::ffi::{CStr, CString, c_char, c_int, c_uchar, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::slice;

use libssh2_sys as raw;
use ssh2::{Error, ErrorCode, Session};

/// Makes a signature with a private key that may live elsewhere (an agent).
pub(super) trait Signer {
    /// Signs `data`, the authentication request that names the key and the algorithm, and gives the signature as libssh2
    /// wants it: without the algorithm's name. `None` gives up.
    fn sign(&mut self, data: &[u8]) -> Option<Vec<u8>>;
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
    // libssh2 frees the signature with the session's allocator, which is the C library's for every session of ssh2.
    fn malloc(size: usize) -> *mut c_void;
}

/// The version of the libssh2 that is linked in.
pub(super) fn libssh2_version_text() -> String {
    // SAFETY: asked for no version in particular, libssh2 answers with a static string.
    let version = unsafe { libssh2_version(0) };
    if version.is_null() {
        return String::from("unknown");
    }
    // SAFETY: a static, terminated string, as above.
    unsafe { CStr::from_ptr(version) }.to_string_lossy().into_owned()
}

/// Sends a "none" request and gives the methods that the server would take, comma-separated, as it sent them.
/// `None` when that request was enough to log in.
pub(super) fn authentication_methods(session: &Session, user: &str) -> Result<Option<Vec<u8>>, Error> {
    let name = CString::new(user)?;
    let length =
        c_uint::try_from(user.len()).map_err(|_| Error::from_errno(ErrorCode::Session(raw::LIBSSH2_ERROR_INVAL)))?;
    let mut guard = session.raw();
    let session: *mut raw::LIBSSH2_SESSION = &raw mut *guard;
    // SAFETY: the session is alive and locked, the name is as long as said.
    let methods = unsafe { raw::libssh2_userauth_list(session, name.as_ptr(), length) };
    if !methods.is_null() {
        // SAFETY: libssh2 terminates the list; it is copied before the next call can free it.
        return Ok(Some(unsafe { CStr::from_ptr(methods) }.to_bytes().to_vec()));
    }
    // SAFETY: the session is alive and locked.
    if unsafe { raw::libssh2_userauth_authenticated(session) } != 0 {
        return Ok(None);
    }
    // SAFETY: as above.
    let code = unsafe { raw::libssh2_session_last_errno(session) };
    Err(Error::from_session_error_raw(session, code))
}

/// The text that the server wants shown before the log-in, as it sent it.
pub(super) fn authentication_banner(session: &Session) -> Option<Vec<u8>> {
    let mut guard = session.raw();
    let session: *mut raw::LIBSSH2_SESSION = &raw mut *guard;
    let mut banner: *mut c_char = ptr::null_mut();
    // SAFETY: the session is alive and locked; on success the banner is a terminated string of the session's.
    let code = unsafe { raw::libssh2_userauth_banner(session, &raw mut banner) };
    if code != 0 || banner.is_null() {
        return None;
    }
    // SAFETY: as above; copied before the lock is released.
    Some(unsafe { CStr::from_ptr(banner) }.to_bytes().to_vec())
}

/// Offers a public key, and signs with `signer` once the server has said that the key would do.
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
    // SAFETY: the session is alive and locked; key and name outlive the call, and so does the signer, which `sign`
    // reaches only during the call.
    let code =
        unsafe { libssh2_userauth_publickey(session, user.as_ptr(), key.as_ptr(), key.len(), sign, &raw mut context) };
    if code == 0 { Ok(()) } else { Err(Error::from_session_error_raw(session, code)) }
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
    // SAFETY: libssh2 owns `data_length` bytes there for the length of this call.
    let data = unsafe { slice::from_raw_parts(data, data_length) };
    // A panic must not unwind into C.
    let Ok(Some(made)) = catch_unwind(AssertUnwindSafe(|| signer.sign(data))) else {
        return raw::LIBSSH2_ERROR_AUTHENTICATION_FAILED;
    };
    // SAFETY: plain allocation; a failure is looked for.
    let copy = unsafe { malloc(made.len().max(1)) }.cast::<c_uchar>();
    if copy.is_null() {
        return raw::LIBSSH2_ERROR_ALLOC;
    }
    // SAFETY: `copy` has room for all of `made`; libssh2 gave valid places for both answers and frees the signature.
    unsafe {
        ptr::copy_nonoverlapping(made.as_ptr(), copy, made.len());
        *signature = copy;
        *signature_length = made.len();
    }
    0
}
