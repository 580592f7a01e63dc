//! The answers to authentication requests, seen before libssh2 makes of them what it does.
//!
//! libssh2 reduces USERAUTH_FAILURE to an error code: whether the request was a partial success, and which methods can
//! continue, is lost. Its public interface offers another request, "none", to get the methods again, and servers count
//! that as one more failed attempt. So while an answer is due we read the packets with libssh2's own functions, look at
//! each, and put it back into libssh2's queue, where libssh2 finds it.
//!
//! These functions are internal. They are linked statically from the one version of libssh2-sys that Cargo.toml pins;
//! another version means comparing `src/packet.h` and `src/transport.h` first.

use std::ffi::{c_int, c_uchar};
use std::ptr;
use std::slice;

use libssh2_sys as raw;
use ssh2::{Error, Session};

use crate::ssh::public_key::take_string;

// Numbers of messages: RFC 4252, section 6; 60 is whatever the method under way makes of it.
const USERAUTH_FAILURE: u8 = 51;
const USERAUTH_SUCCESS: u8 = 52;
const USERAUTH_BANNER: u8 = 53;
const METHOD_SPECIFIC: u8 = 60;

/// libssh2's word for a packet whose MAC was right.
const MAC_CONFIRMED: c_int = 0;

unsafe extern "C" {
    fn ssh2_transport_read(session: *mut raw::LIBSSH2_SESSION) -> c_int;
    fn ssh2_packet_ask(
        session: *mut raw::LIBSSH2_SESSION,
        packet_type: c_uchar,
        data: *mut *mut c_uchar,
        data_length: *mut usize,
        match_offset: c_int,
        match_buffer: *const c_uchar,
        match_length: usize,
    ) -> c_int;
    fn ssh2_packet_add(
        session: *mut raw::LIBSSH2_SESSION,
        data: *mut c_uchar,
        data_length: usize,
        mac_state: c_int,
        sequence: u32,
    ) -> c_int;
}

/// A packet of the server's while an authentication request is under way.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Answer {
    /// The request failed (RFC 4252, section 5.1).
    Failure(Refusal),
    /// It succeeded, or the method goes on: libssh2 knows what to do.
    Progress,
    /// A text that the server wants shown (RFC 4252, section 5.4), as it sent it.
    Banner(Vec<u8>),
    /// Anything else.
    Other,
}

/// A request was refused, or was only part of what the server wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::ssh) struct Refusal {
    /// The methods that can continue, comma-separated, as the server sent them.
    pub(in crate::ssh) methods: Vec<u8>,
    /// Whether the request was good, and the server wants another one too.
    pub(in crate::ssh) partial: bool,
}

/// Reads the next packet. It stays in libssh2's queue, except for banners, of which libssh2 would keep one.
///
/// # Errors
/// EAGAIN if none has come whole; whatever is wrong with the connection.
pub(in crate::ssh) fn next_answer(session: &Session) -> Result<Answer, Error> {
    let mut guard = session.raw();
    let session: *mut raw::LIBSSH2_SESSION = &raw mut *guard;
    // SAFETY: the session is alive and locked.
    let code = unsafe { ssh2_transport_read(session) };
    if code < 0 {
        return Err(Error::from_session_error_raw(session, code));
    }
    match u8::try_from(code) {
        Ok(USERAUTH_FAILURE) => {
            let packet = take(session, USERAUTH_FAILURE);
            let refusal = packet.as_ref().map(|packet| parse_failure(packet.bytes())).unwrap_or_default();
            packet.map_or(Ok(()), Packet::put_back)?;
            // A packet that makes no sense says nothing of methods, so none of them goes on.
            Ok(Answer::Failure(refusal.unwrap_or_default()))
        }
        Ok(USERAUTH_BANNER) => {
            let packet = take(session, USERAUTH_BANNER);
            let text = packet.as_ref().and_then(|packet| parse_banner(packet.bytes()));
            Ok(text.map_or(Answer::Other, Answer::Banner))
        }
        Ok(USERAUTH_SUCCESS | METHOD_SPECIFIC) => Ok(Answer::Progress),
        _ => Ok(Answer::Other),
    }
}

/// Has libssh2 take in the packets that have come, until none is left or the connection is found to be over. What it makes of
/// them, such as of a DISCONNECT, it tells by its callbacks.
pub(in crate::ssh) fn take_in(session: &Session) {
    let mut guard = session.raw();
    let session: *mut raw::LIBSSH2_SESSION = &raw mut *guard;
    // SAFETY: the session is alive and locked.
    while unsafe { ssh2_transport_read(session) } > 0 {}
}

/// A packet that was taken from libssh2's queue; freed when it is dropped.
struct Packet {
    session: *mut raw::LIBSSH2_SESSION,
    data: *mut c_uchar,
    length: usize,
}

/// Takes the first packet of a type from the queue of a session that is alive and locked.
fn take(session: *mut raw::LIBSSH2_SESSION, kind: u8) -> Option<Packet> {
    let (mut data, mut length) = (ptr::null_mut(), 0);
    // SAFETY: the session is alive and locked; nothing is to be matched but the type.
    let code = unsafe { ssh2_packet_ask(session, kind, &raw mut data, &raw mut length, 0, ptr::null(), 0) };
    (code == 0 && !data.is_null()).then_some(Packet { session, data, length })
}

impl Packet {
    fn bytes(&self) -> &[u8] {
        // SAFETY: libssh2 gave `length` bytes there, which are ours until they are freed or put back.
        unsafe { slice::from_raw_parts(self.data, self.length) }
    }

    fn put_back(self) -> Result<(), Error> {
        let Packet { session, data, length } = *std::mem::ManuallyDrop::new(self);
        // SAFETY: the session is alive and locked, and takes the packet over. A packet of this type is only queued; its
        // number in sequence matters to packets of the key exchange and to unknown ones.
        let code = unsafe { ssh2_packet_add(session, data, length, MAC_CONFIRMED, 1) };
        if code < 0 { Err(Error::from_session_error_raw(session, code)) } else { Ok(()) }
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        // SAFETY: the packet was allocated by the session, and nobody else has it.
        unsafe { raw::libssh2_free(self.session, self.data.cast()) };
    }
}

/// The fields of USERAUTH_FAILURE.
fn parse_failure(packet: &[u8]) -> Option<Refusal> {
    let mut rest = packet.strip_prefix(&[USERAUTH_FAILURE])?;
    let methods = take_string(&mut rest)?.to_vec();
    let partial = *rest.first()? != 0;
    Some(Refusal { methods, partial })
}

/// The text of USERAUTH_BANNER; the language tag is of no use.
fn parse_banner(packet: &[u8]) -> Option<Vec<u8>> {
    let mut rest = packet.strip_prefix(&[USERAUTH_BANNER])?;
    take_string(&mut rest).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(methods: &[u8], rest: &[u8]) -> Vec<u8> {
        let length = u32::try_from(methods.len()).unwrap().to_be_bytes();
        [&[USERAUTH_FAILURE][..], &length, methods, rest].concat()
    }

    #[test]
    fn a_failure_tells_the_methods_and_whether_it_was_a_partial_success() {
        let refusal = |methods: &[u8], partial| Some(Refusal { methods: methods.to_vec(), partial });
        for (packet, expected) in [
            (failure(b"publickey,password", &[0]), refusal(b"publickey,password", false)),
            (failure(b"password", &[1]), refusal(b"password", true)),
            (failure(b"\xff\0", &[7, 1, 2]), refusal(b"\xff\0", true)),
            (failure(b"", &[0]), refusal(b"", false)),
            (failure(b"password", &[]), None),
            (vec![USERAUTH_FAILURE, 0xff, 0xff, 0xff, 0xff, 1], None),
            (vec![USERAUTH_FAILURE], None),
            (vec![USERAUTH_SUCCESS], None),
            (vec![], None),
        ] {
            assert_eq!(parse_failure(&packet), expected, "{packet:?}");
        }
    }

    #[test]
    fn a_banner_is_its_first_string() {
        assert_eq!(parse_banner(&[USERAUTH_BANNER, 0, 0, 0, 2, b'h', b'i', 0, 0, 0, 0]), Some(b"hi".to_vec()));
        assert_eq!(parse_banner(&[USERAUTH_BANNER, 0, 0, 0, 3, b'h', b'i']), None);
    }
}
