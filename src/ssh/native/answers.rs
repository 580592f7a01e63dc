//! Reads the answers to authentication requests before libssh2 processes them.
//!
//! libssh2 reduces USERAUTH_FAILURE to an error code and so loses whether the request was a partial success and which
//! methods can continue. Its public interface can send a "none" request to get the methods again, but servers count
//! that as another failed attempt. So while an answer is due, we read the packets with libssh2's own functions, look
//! at each, and put it back into libssh2's queue.
//!
//! These functions are internal. They are linked statically from the one version of libssh2-sys that Cargo.toml pins.
//! Before changing the version, compare `src/packet.h` and `src/transport.h`.

use std::ffi::{c_int, c_uchar};
use std::ptr;
use std::slice;

use libssh2_sys as raw;
use ssh2::{Error, Session};

use crate::ssh::public_key::take_string;

// Message numbers (RFC 4252, section 6). The meaning of 60 depends on the method.
const USERAUTH_FAILURE: u8 = 51;
const USERAUTH_SUCCESS: u8 = 52;
const USERAUTH_BANNER: u8 = 53;
const METHOD_SPECIFIC: u8 = 60;

/// libssh2's value for a packet with a correct MAC.
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

/// A packet from the server during an authentication request.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Answer {
    /// The request failed (RFC 4252, section 5.1).
    Failure(Refusal),
    /// The request succeeded, or its method goes on. libssh2 handles both.
    Progress,
    /// A text to show (RFC 4252, section 5.4), not made printable.
    Banner(Vec<u8>),
    /// Any other packet.
    Other,
}

/// A refused request, or a partial success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::ssh) struct Refusal {
    /// The methods that can continue, separated by commas, not made printable.
    pub(in crate::ssh) methods: Vec<u8>,
    /// True if the request succeeded and the server wants another method in addition.
    pub(in crate::ssh) partial: bool,
}

/// Reads the next packet. It stays in libssh2's queue, except for banners, of which libssh2 would keep only one.
///
/// # Errors
/// EAGAIN if no packet has arrived completely, or any error of the connection.
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
            // A malformed packet lists no methods, so none of them can continue.
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

/// Lets libssh2 read all packets that have arrived, or until the connection turns out to have ended. libssh2 reports
/// a DISCONNECT by its callback.
pub(in crate::ssh) fn take_in(session: &Session) {
    let mut guard = session.raw();
    let session: *mut raw::LIBSSH2_SESSION = &raw mut *guard;
    // SAFETY: the session is alive and locked.
    while unsafe { ssh2_transport_read(session) } > 0 {}
}

/// A packet taken from libssh2's queue. It is freed when it is dropped.
struct Packet {
    session: *mut raw::LIBSSH2_SESSION,
    data: *mut c_uchar,
    length: usize,
}

/// Takes the first packet of a type from the queue of a session, which must be alive and locked.
fn take(session: *mut raw::LIBSSH2_SESSION, kind: u8) -> Option<Packet> {
    let (mut data, mut length) = (ptr::null_mut(), 0);
    // SAFETY: the session is alive and locked, and the match length of 0 means that only the type must match.
    let code = unsafe { ssh2_packet_ask(session, kind, &raw mut data, &raw mut length, 0, ptr::null(), 0) };
    (code == 0 && !data.is_null()).then_some(Packet { session, data, length })
}

impl Packet {
    fn bytes(&self) -> &[u8] {
        // SAFETY: libssh2 returned `length` bytes at `data`, which are ours until we free them or put them back.
        unsafe { slice::from_raw_parts(self.data, self.length) }
    }

    fn put_back(self) -> Result<(), Error> {
        let Packet { session, data, length } = *std::mem::ManuallyDrop::new(self);
        // SAFETY: the session is alive and locked, and takes ownership of the packet. libssh2 only queues a packet of
        // this type; its sequence number matters only in a key exchange and for unknown packets.
        let code = unsafe { ssh2_packet_add(session, data, length, MAC_CONFIRMED, 1) };
        if code < 0 { Err(Error::from_session_error_raw(session, code)) } else { Ok(()) }
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        // SAFETY: the session allocated the packet, and there is no other reference to it.
        unsafe { raw::libssh2_free(self.session, self.data.cast()) };
    }
}

/// Decodes USERAUTH_FAILURE.
fn parse_failure(packet: &[u8]) -> Option<Refusal> {
    let mut rest = packet.strip_prefix(&[USERAUTH_FAILURE])?;
    let methods = take_string(&mut rest)?.to_vec();
    let partial = *rest.first()? != 0;
    Some(Refusal { methods, partial })
}

/// Decodes the text of USERAUTH_BANNER; the language tag is ignored.
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
