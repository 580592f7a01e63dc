//! libssh2's side of keyboard-interactive (RFC 4256). Questions arrive as bytes, and our copies of the answers are
//! wiped once libssh2 has its own.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::slice;

use libssh2_sys as raw;
use ssh2::{Error, Session};
use zeroize::Zeroizing;

use crate::ssh::native::{checked_length, malloc, outcome};

/// One question of a round.
pub(in crate::ssh) struct Question {
    /// The server's text.
    pub(in crate::ssh) text: String,
    /// True if the answer may be shown while the user types it.
    pub(in crate::ssh) echo: bool,
}

/// Answers a server's questions.
pub(in crate::ssh) trait Respondent {
    /// Answers the questions of one round, in order. A question without an answer gets an empty one. Called with the
    /// session locked.
    fn respond(&mut self, instructions: &str, questions: &[Question]) -> Vec<Zeroizing<String>>;
}

/// Logs in by answering the server's questions. The caller repeats the call with the same arguments while it returns
/// EAGAIN.
pub(in crate::ssh) fn converse(
    session: &Session,
    user: &str,
    mut respondent: &mut dyn Respondent,
) -> Result<(), Error> {
    let length = checked_length(user)?;
    let mut guard = session.raw();
    let session: *mut raw::LIBSSH2_SESSION = &raw mut *guard;
    // SAFETY: the session is alive and locked. Its user pointer refers to the respondent during this call only.
    // libssh2 passes it to `respond` and, as nothing may be received meanwhile, to no other callback that uses it.
    let code = unsafe {
        let place = raw::libssh2_session_abstract(session);
        let before = ptr::replace(place, (&raw mut respondent).cast::<c_void>());
        let code = raw::libssh2_userauth_keyboard_interactive_ex(session, user.as_ptr().cast(), length, Some(respond));
        *place = before;
        code
    };
    outcome(session, code)
}

extern "C" fn respond(
    _name: *const c_char,
    _name_length: c_int,
    instructions: *const c_char,
    instructions_length: c_int,
    count: c_int,
    prompts: *const raw::LIBSSH2_USERAUTH_KBDINT_PROMPT,
    responses: *mut raw::LIBSSH2_USERAUTH_KBDINT_RESPONSE,
    context: *mut *mut c_void,
) {
    let count = if prompts.is_null() || responses.is_null() { 0 } else { usize::try_from(count).unwrap_or(0) };
    // SAFETY: libssh2 passes back the user pointer from `converse`, which borrows the respondent for the whole call.
    let respondent = unsafe { &mut *(*context).cast::<&mut dyn Respondent>() };
    // SAFETY: libssh2 owns a text of this length, or has none.
    let instructions = unsafe { text(instructions.cast(), usize::try_from(instructions_length).unwrap_or(0)) };
    let questions: Vec<Question> = (0..count)
        .map(|at| {
            // SAFETY: libssh2 passed `count` prompts, each with a text of its length.
            let prompt = unsafe { &*prompts.add(at) };
            // SAFETY: as above.
            Question { text: unsafe { text(prompt.text, prompt.length) }, echo: prompt.echo != 0 }
        })
        .collect();
    // A panic must not unwind into C.
    let answered = catch_unwind(AssertUnwindSafe(|| respondent.respond(&instructions, &questions)));
    for (at, answer) in answered.unwrap_or_default().iter().take(count).enumerate() {
        let Ok(length) = c_uint::try_from(answer.len()) else { continue };
        // SAFETY: plain allocation, checked for failure below. libssh2 frees it.
        let copy = unsafe { malloc(answer.len().max(1)) }.cast::<c_char>();
        if copy.is_null() {
            continue;
        }
        // SAFETY: `copy` has room for the answer, and libssh2 passed `count` responses, all of them empty so far.
        unsafe {
            ptr::copy_nonoverlapping(answer.as_ptr().cast(), copy, answer.len());
            *responses.add(at) = raw::LIBSSH2_USERAUTH_KBDINT_RESPONSE { text: copy, length };
        }
    }
}

/// Converts one of libssh2's texts, replacing invalid UTF-8.
///
/// # Safety
/// `data` must be null or point to `length` bytes.
unsafe fn text(data: *const u8, length: usize) -> String {
    if data.is_null() {
        return String::new();
    }
    // SAFETY: as the caller promises.
    String::from_utf8_lossy(unsafe { slice::from_raw_parts(data, length) }).into_owned()
}
