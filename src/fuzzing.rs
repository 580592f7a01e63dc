//! Entry points for fuzzing the input of servers, files and people. `fuzz/` runs them without end, and the tests
//! below for a moment.
//!
//! Each function accepts any bytes. It panics if a property that must hold for every input doesn't.

pub use crate::sftp::fuzzing::{attributes, packet};
pub use crate::shell::fuzzing::{name, words};
pub use crate::ssh::fuzzing::{known_hosts, ssh_g};

use crate::remote::glob::{Pattern, escape, expand_braces};

/// Matches a pattern against a path. The input is both, with a NUL byte between them.
pub fn pattern(bytes: &[u8]) {
    let (glob, path) = split_at_nul(bytes);
    for word in expand_braces(glob).unwrap_or_default().iter().take(20) {
        let pattern = Pattern::parse(word);
        let _ = (pattern.matches(path), pattern.text(), pattern.literal());
    }
    let literal = Pattern::parse(&escape(path));
    assert_eq!(literal.literal().as_deref(), Some(path), "an escaped path is no wildcard and means itself");
}

/// Returns the bytes before and after the first NUL byte.
fn split_at_nul(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|&byte| byte == 0) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, b""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Generates bytes mixed with pieces that get further into the code than random ones.
    fn bytes(pieces: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            3 => prop::sample::select(pieces).prop_map(<[u8]>::to_vec),
            1 => prop::collection::vec(any::<u8>(), 0..12),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    const PACKETS: &[&[u8]] = &[
        b"\x02\0\0\0\x03",
        b"\x65",
        b"\x66",
        b"\x67",
        b"\x68",
        b"\x69",
        b"\xc9",
        b"\0\0\0\x01",
        b"\0\0\0\x05limit",
        b"\0",
    ];
    const LINES: &[&[u8]] = &[
        b"host ",
        b"*.example",
        b"!",
        b",",
        b"[h]:22",
        b"|1|",
        b"=|",
        b"@revoked ",
        b"@cert-authority ",
        b" ssh-ed25519 ",
        b"\n",
        b"\r",
        b"AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
        b"#",
        b"\t",
    ];
    const SETTINGS: &[&[u8]] = &[
        b"user me\n",
        b"hostname h\n",
        b"port 22\n",
        b"port ",
        b"ciphers ",
        b"userknownhostsfile ",
        b"/a b",
        b"~/x",
        b"%h%%",
        b"\n",
        b" ",
        b"yes\n",
        b"proxycommand ",
        b"proxyjump a,b\n",
        b"stricthostkeychecking ",
        b"ask\n",
        b"rekeylimit 1 2\n",
        b"identityfile ",
    ];
    const WORDS: &[&[u8]] = &[
        b"get ",
        b"'",
        b"\"",
        b"\\",
        b"$'\\377'",
        b"$'",
        b"#",
        b";",
        b"*",
        b"[a-",
        b"]",
        b"{a,",
        b"}",
        b"!",
        b" ",
        b"\xff",
        "ä".as_bytes(),
        b"lls ",
        b"-r",
        b"**",
        b"/",
        b"\0",
        "\u{202e}".as_bytes(),
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn a_packet_is_read_or_refused(bytes in bytes(PACKETS)) {
            packet(&bytes);
            attributes(&bytes);
        }

        #[test]
        fn known_hosts_are_read_or_passed_over(bytes in bytes(LINES)) {
            known_hosts(&bytes);
        }

        #[test]
        fn the_answer_of_ssh_is_taken_or_refused(bytes in bytes(SETTINGS)) {
            ssh_g(&bytes);
        }

        #[test]
        fn lines_names_and_patterns_are_read_back(bytes in bytes(WORDS)) {
            words(&bytes);
            name(&bytes);
            pattern(&bytes);
        }
    }
}
