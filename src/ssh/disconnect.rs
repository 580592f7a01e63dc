//! SSH_MSG_DISCONNECT (RFC 4253, section 11.1), with which the server ends the connection and gives a reason.

use std::fmt;

use crate::ssh::public_key::take_string;
use crate::terminal::Excerpt;

/// The number of the message.
pub(super) const DISCONNECT: u8 = 1;

/// The server's reason for ending the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The reason code; RFC 4253, section 11.1, names some.
    pub code: u32,
    /// The description, not made printable.
    pub description: Vec<u8>,
}

/// A connection that the server ended with a reason. Display writes one line; [`Disconnected::lines`] returns the
/// lines of ssh(1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnected {
    /// The server's numeric address, or its name if a program makes the connection.
    pub address: String,
    /// The server's port.
    pub port: u16,
    /// The server's reason.
    pub reason: Reason,
}

/// Codes of RFC 4253, section 11.1, with which another attempt would fail too: host not allowed, key exchange failed,
/// protocol version not supported, no more authentication methods, illegal user name.
const LASTING: [u32; 5] = [1, 3, 8, 14, 15];

impl Reason {
    /// Reads the payload of a packet. Returns `None` if it ends before the reason code. A description that can't be
    /// read counts as empty.
    pub(super) fn parse(payload: &[u8]) -> Option<Reason> {
        let (code, mut rest) = payload.strip_prefix(&[DISCONNECT])?.split_first_chunk()?;
        let description = take_string(&mut rest).unwrap_or_default().to_vec();
        Some(Reason { code: u32::from_be_bytes(*code), description })
    }
}

impl Disconnected {
    /// Returns the two lines that ssh(1) prints.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        vec![self.to_string(), format!("Disconnected from {} port {}", self.address, self.port)]
    }

    /// Returns whether another attempt could succeed.
    pub(super) fn may_pass(&self) -> bool {
        !LASTING.contains(&self.reason.code)
    }
}

impl fmt::Display for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Disconnected { address, port, reason: Reason { code, description } } = self;
        write!(f, "Received disconnect from {address} port {port}:{code}: {}", Excerpt(description))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_read_as_far_as_it_goes() {
        let reason = |code, description: &[u8]| Some(Reason { code, description: description.to_vec() });
        for (payload, expected) in [
            (&b"\x01\0\0\0\x0c\0\0\0\x04full\0\0\0\0"[..], reason(12, b"full")),
            (b"\x01\0\0\0\x0b\0\0\0\x04full", reason(11, b"full")),
            (b"\x01\0\0\0\x0b\0\0\0\0", reason(11, b"")),
            (b"\x01\0\0\0\x0b\0\0\0\x05full", reason(11, b"")),
            (b"\x01\xff\xff\xff\xff\xff\xff\xff\xfffull", reason(u32::MAX, b"")),
            (b"\x01\0\0\0\x0b", reason(11, b"")),
            (b"\x01\0\0\0", None),
            (b"\x01", None),
            (b"\x02\0\0\0\x0b\0\0\0\0", None),
            (b"", None),
        ] {
            assert_eq!(Reason::parse(payload), expected, "{}", payload.escape_ascii());
        }
    }

    #[test]
    fn the_servers_words_are_one_line_printable_and_short() {
        let line = |description: &[u8]| {
            let reason = Reason { code: 11, description: description.to_vec() };
            Disconnected { address: "::1".into(), port: 22, reason }.lines().remove(0)
        };
        let start = "Received disconnect from ::1 port 22:11: ";
        assert_eq!(line(b"a\x1b[2J\nb\xff"), format!("{start}a\\033[2J\\012b\\377"));
        assert_eq!(line(&[b'x'; 5000]), format!("{start}{}…", "x".repeat(1000)));
        assert_eq!(line(b""), start);
    }
}
