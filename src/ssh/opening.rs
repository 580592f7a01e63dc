//! Reads the unencrypted beginning of an SSH connection: the server's identification and plain packets (RFC 4253,
//! sections 4.2, 6 and 7.1).
//!
//! libssh2 has one error code for most failures in this phase. So when a key exchange fails, this module reads the
//! received bytes again to find the cause. It decides only about the protocol version, which libssh2 doesn't check.

use std::fmt;

use crate::ssh::disconnect::{DISCONNECT, Reason};
use crate::ssh::public_key::take_string;

// Message numbers (RFC 4253, section 12).
const KEXINIT: u8 = 20;
const NEWKEYS: u8 = 21;

/// The first number that OpenSSH allows in no message on the wire (ssh2.h, SSH2_MSG_LOCAL_MIN).
const FIRST_LOCAL: u8 = 192;

/// Smallest value of a length field: a padding length and four bytes of padding.
const LEAST_PACKET: u32 = 5;

/// Longest packet that libssh2 accepts (LIBSSH2_PACKET_MAXPAYLOAD).
const LONGEST_PACKET: u32 = 40_000;

/// Shortest padding of a packet (RFC 4253, section 6).
const LEAST_PADDING: u8 = 4;

/// The length of an unencrypted packet is a multiple of this number (RFC 4253, section 6).
const BLOCK: u32 = 8;

/// How much of a server's identification a message shows, as in ssh.
const IDENTIFICATION_BYTES: usize = 100;

/// The lists in this side's KEXINIT: names of algorithms in order of preference.
#[derive(Clone, Debug, Default)]
pub(super) struct Offer {
    pub(super) kex: Vec<String>,
    pub(super) host_keys: Vec<String>,
    pub(super) ciphers: Vec<String>,
    pub(super) macs: Vec<String>,
    pub(super) compression: Vec<String>,
}

/// Why a key exchange failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The server ended the connection with a reason.
    Disconnect(Reason),
    /// The server broke the protocol.
    Flaw(Flaw),
    /// Two lists have no name in common.
    NothingInCommon {
        /// The kind of algorithm in the list, in ssh's words.
        what: &'static str,
        /// The server's list.
        offer: Vec<u8>,
    },
}

/// How a server broke the protocol. Display writes ssh's words if ssh reports the flaw.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// The server speaks another protocol version.
    Version { major: u32 },
    /// The identification doesn't have the form `SSH-protoversion-softwareversion`.
    Identification(Vec<u8>),
    /// A length field is out of range.
    PacketLength(u32),
    /// The length of a packet is no multiple of the block size.
    Alignment(u32),
    /// The padding is shorter than four bytes, or leaves no room for a message.
    PaddingLength(u8),
    /// The number belongs to no message.
    MessageNumber(u8),
    /// A message ends before its last field.
    Incomplete(&'static str),
}

/// Returns the first line that isn't empty, if the server sent no SSH identification.
pub(super) fn foreign_greeting(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.starts_with(b"SSH-") || bytes.windows(5).any(|window| window == b"\nSSH-") {
        return None;
    }
    bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end).find(|line| !line.is_empty())
}

/// Returns the flaw of the identification, if it has arrived and has one.
pub(super) fn identification_flaw(bytes: &[u8]) -> Option<Flaw> {
    let (line, _) = split_identification(bytes)?;
    let bad = || Some(Flaw::Identification(line[..line.len().min(IDENTIFICATION_BYTES)].to_vec()));
    let mut parts = line.splitn(3, |&byte| byte == b'-').skip(1);
    let (version, software) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut numbers = version.splitn(2, |&byte| byte == b'.').map(|digits| str::from_utf8(digits).ok()?.parse().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some::<u32>(_), Some::<u32>(_)) if software.is_empty() => bad(),
        // A server that speaks both versions (RFC 4253, section 5.1).
        (Some(2), Some(_)) | (Some(1), Some(99)) => None,
        (Some(major), Some(_)) => Some(Flaw::Version { major }),
        _ => bad(),
    }
}

/// Returns why the key exchange failed, if the server's bytes show it.
pub(super) fn cause(bytes: &[u8], offer: &Offer) -> Option<Cause> {
    if let Some(flaw) = identification_flaw(bytes) {
        return Some(Cause::Flaw(flaw));
    }
    let (_, mut rest) = split_identification(bytes)?;
    loop {
        let payload = match take_packet(&mut rest) {
            Ok(payload) => payload?,
            Err(flaw) => return Some(Cause::Flaw(flaw)),
        };
        let incomplete = |message| Some(Cause::Flaw(Flaw::Incomplete(message)));
        match *payload.first()? {
            DISCONNECT => return Reason::parse(payload).map(Cause::Disconnect).or_else(|| incomplete("DISCONNECT")),
            KEXINIT => match Lists::parse(payload).map(|lists| lists.nothing_in_common(offer)) {
                None => return incomplete("KEXINIT"),
                Some(None) => {}
                Some(cause) => return cause,
            },
            // The rest is encrypted.
            NEWKEYS => return None,
            number if number == 0 || number >= FIRST_LOCAL => return Some(Cause::Flaw(Flaw::MessageNumber(number))),
            _ => {}
        }
    }
}

/// Returns the identification without its line ending, and the bytes after it. Skips other lines before it.
fn split_identification(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = bytes;
    loop {
        let end = rest.iter().position(|&byte| byte == b'\n')?;
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        if line.starts_with(b"SSH-") {
            return Some((line.trim_ascii_end(), after));
        }
        rest = after;
    }
}

/// Takes a packet off the front and returns its payload, or `None` if it has not arrived completely.
fn take_packet<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Flaw> {
    let Some((&[a, b, c, d, padding], after)) = rest.split_first_chunk() else { return Ok(None) };
    let length = u32::from_be_bytes([a, b, c, d]);
    if !(LEAST_PACKET..=LONGEST_PACKET).contains(&length) {
        return Err(Flaw::PacketLength(length));
    }
    if !(length + 4).is_multiple_of(BLOCK) {
        return Err(Flaw::Alignment(length));
    }
    let payload_length = (length - 1).checked_sub(u32::from(padding)).filter(|&payload| payload > 0);
    let Some(payload_length) = payload_length.filter(|_| padding >= LEAST_PADDING) else {
        return Err(Flaw::PaddingLength(padding));
    };
    // Both numbers are at most 40,000.
    let Some((body, after)) = after.split_at_checked(length as usize - 1) else { return Ok(None) };
    *rest = after;
    Ok(body.get(..payload_length as usize))
}

/// The lists of a KEXINIT that must each have a name in common with ours.
struct Lists<'a>([&'a [u8]; 8]);

impl<'a> Lists<'a> {
    /// Returns `None` if a field is missing or longer than the packet.
    fn parse(payload: &'a [u8]) -> Option<Lists<'a>> {
        // Skip the message number and the cookie.
        let mut rest = payload.get(17..)?;
        let mut lists = [&[][..]; 8];
        for list in &mut lists {
            *list = take_string(&mut rest)?;
        }
        // The languages, then first_kex_packet_follows and a reserved number.
        take_string(&mut rest)?;
        take_string(&mut rest)?;
        (rest.len() >= 5).then_some(Lists(lists))
    }

    /// Returns the first list without a name of ours, in ssh's order and words (RFC 4253, section 7.1).
    fn nothing_in_common(&self, ours: &Offer) -> Option<Cause> {
        let Lists([kex, host_keys, cipher_out, cipher_in, mac_out, mac_in, compression_out, compression_in]) = *self;
        let chosen = |ours: &'_ [String], theirs: &[u8]| {
            let has = |name: &&String| theirs.split(|&byte| byte == b',').any(|other| other == name.as_bytes());
            ours.iter().find(has).cloned()
        };
        let lacks = |what, ours: &[String], theirs: &[u8]| {
            chosen(ours, theirs).is_none().then(|| Cause::NothingInCommon { what, offer: theirs.to_vec() })
        };
        let direction = |ciphers: &[u8], macs: &[u8], compression: &[u8]| {
            let has_mac = chosen(&ours.ciphers, ciphers).is_some_and(|name| brings_mac(&name));
            lacks("cipher", &ours.ciphers, ciphers)
                .or_else(|| lacks("MAC", &ours.macs, macs).filter(|_| !has_mac))
                .or_else(|| lacks("compression method", &ours.compression, compression))
        };
        lacks("key exchange method", &ours.kex, kex)
            .or_else(|| lacks("host key type", &ours.host_keys, host_keys))
            .or_else(|| direction(cipher_out, mac_out, compression_out))
            .or_else(|| direction(cipher_in, mac_in, compression_in))
    }
}

/// Returns whether a cipher authenticates packets itself, so that the sides negotiate no MAC.
fn brings_mac(cipher: &str) -> bool {
    cipher.contains("gcm@") || cipher.starts_with("chacha20-poly1305@")
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::Version { major } => write!(f, "Protocol major versions differ: 2 vs. {major}"),
            Flaw::Identification(line) => {
                write!(f, "Bad remote protocol version identification: '{}'", crate::terminal::Printable(line))
            }
            Flaw::PacketLength(length) => write!(f, "Bad packet length {length}."),
            Flaw::Alignment(length) => {
                let need = length + 4 - BLOCK;
                write!(f, "padding error: need {need} block {BLOCK} mod {}", need % BLOCK)
            }
            Flaw::PaddingLength(length) => write!(f, "Bad padding length {length}."),
            Flaw::MessageNumber(number) => write!(f, "Bad message number {number}."),
            Flaw::Incomplete(message) => write!(f, "Bad {message}: incomplete message"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IGNORE: u8 = 2;
    const GREETING: &[u8] = b"SSH-2.0-x\r\n";
    const LISTS: [&str; 8] = ["k1,k2", "h1", "c1", "c1", "m1", "m1", "none", "none"];

    fn string(bytes: &[u8]) -> Vec<u8> {
        [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
    }

    fn packet(payload: &[u8]) -> Vec<u8> {
        let padding = 4 + (8 - (5 + payload.len() + 4) % 8) % 8;
        let length = u32::try_from(1 + payload.len() + padding).unwrap().to_be_bytes();
        [&length[..], &[u8::try_from(padding).unwrap()], payload, &vec![0; padding]].concat()
    }

    fn kexinit(lists: [&str; 8]) -> Vec<u8> {
        let lists = lists.iter().chain(&["", ""]).flat_map(|list| string(list.as_bytes()));
        [KEXINIT].into_iter().chain([7; 16]).chain(lists).chain([0; 5]).collect()
    }

    /// Returns the usual lists, with one of them replaced.
    fn with(index: usize, list: &'static str) -> [&'static str; 8] {
        let mut lists = LISTS;
        lists[index] = list;
        lists
    }

    fn cause_of(bytes: &[u8]) -> Option<Cause> {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let offer = Offer {
            kex: names(&["k3", "k2"]),
            host_keys: names(&["h1"]),
            ciphers: names(&["c1", "aes256-gcm@openssh.com"]),
            macs: names(&["m1"]),
            compression: names(&["none"]),
        };
        cause(bytes, &offer)
    }

    #[test]
    fn an_identification_is_judged_as_ssh_judges_it() {
        for (line, flaw) in [
            ("SSH-2.0-x", None),
            ("SSH-2.9-x y-z", None),
            ("SSH-1.99-x", None),
            ("SSH-1.5-x", Some("Protocol major versions differ: 2 vs. 1")),
            ("SSH-3.0-x", Some("Protocol major versions differ: 2 vs. 3")),
            ("SSH-2.0", Some("Bad remote protocol version identification: 'SSH-2.0'")),
            ("SSH-2.0-", Some("Bad remote protocol version identification: 'SSH-2.0-'")),
            ("SSH-2-x", Some("Bad remote protocol version identification: 'SSH-2-x'")),
            ("SSH-99999999999.0-x", Some("Bad remote protocol version identification: 'SSH-99999999999.0-x'")),
            ("SSH-\x1b", Some("Bad remote protocol version identification: 'SSH-\\033'")),
        ] {
            let bytes = format!("Welcome\r\n\r\n{line}\r\n");
            assert_eq!(identification_flaw(bytes.as_bytes()).map(|flaw| flaw.to_string()).as_deref(), flaw, "{line}");
            assert_eq!(identification_flaw(bytes.trim_ascii_end().as_bytes()), None, "{line} without its end");
        }
    }

    #[test]
    fn what_no_ssh_server_says_is_told_by_its_first_line() {
        for (bytes, greeting) in [
            (&b"SSH-2.0-x\r\n"[..], None),
            (b"Welcome\r\nSSH-2.0-x\r\n", None),
            (b"", None),
            (b"\r\n\r\n", None),
            (b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n", Some(&b"HTTP/1.1 400 Bad Request"[..])),
            (b"\r\n220 mail ESMTP SSH-2.0\r\n", Some(b"220 mail ESMTP SSH-2.0")),
            (b"SS", Some(b"SS")),
        ] {
            assert_eq!(foreign_greeting(bytes), greeting, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_packet_that_breaks_the_rules_is_told_by_its_rule() {
        let head = |length: u32, padding: u8| [&length.to_be_bytes()[..], &[padding], &[20; 60]].concat();
        let message = |payload: &[u8]| packet(payload);
        for (bytes, words) in [
            (head(0, 0), "Bad packet length 0."),
            (head(1, 0), "Bad packet length 1."),
            (head(4, 3), "Bad packet length 4."),
            (head(40_001, 4), "Bad packet length 40001."),
            (head(u32::MAX, 4), "Bad packet length 4294967295."),
            (head(13, 4), "padding error: need 9 block 8 mod 1"),
            (head(12, 200), "Bad padding length 200."),
            (head(12, 11), "Bad padding length 11."),
            (head(12, 3), "Bad padding length 3."),
            (message(&[0, 1, 2]), "Bad message number 0."),
            (message(&[192]), "Bad message number 192."),
            (message(&[KEXINIT, 1, 2, 3]), "Bad KEXINIT: incomplete message"),
            (
                message(&[&[KEXINIT; 17][..], &5000_u32.to_be_bytes(), b"abc"].concat()),
                "Bad KEXINIT: incomplete message",
            ),
            (message(&kexinit(LISTS)[..kexinit(LISTS).len() - 1]), "Bad KEXINIT: incomplete message"),
            (message(&[DISCONNECT, 0, 0]), "Bad DISCONNECT: incomplete message"),
        ] {
            // Packets that come before it in the allowed order make no difference.
            for before in [vec![], packet(&[IGNORE, 0, 0, 0, 0]), packet(&kexinit(LISTS))] {
                let cause = cause_of(&[GREETING, &before, &bytes].concat());
                let Some(Cause::Flaw(flaw)) = cause else { panic!("{words}: {cause:?}") };
                assert_eq!(flaw.to_string(), words);
            }
        }
    }

    #[test]
    fn nothing_is_in_common_only_if_both_lists_were_read() {
        for (lists, expected) in [
            (LISTS, None),
            (with(0, "k9,k22"), Some(("key exchange method", "k9,k22"))),
            (with(1, ""), Some(("host key type", ""))),
            (with(2, "c2"), Some(("cipher", "c2"))),
            (with(3, "c2,c3"), Some(("cipher", "c2,c3"))),
            (with(4, "m2"), Some(("MAC", "m2"))),
            (with(5, "m2"), Some(("MAC", "m2"))),
            (with(7, "zlib"), Some(("compression method", "zlib"))),
            (["k2", "h1", "aes256-gcm@openssh.com", "c1", "m2", "m1", "none", "none"], None),
        ] {
            let expected =
                expected.map(|(what, offer)| Cause::NothingInCommon { what, offer: offer.as_bytes().to_vec() });
            let bytes = [GREETING, &packet(&kexinit(lists))].concat();
            assert_eq!(cause_of(&bytes), expected, "{lists:?}");
            for end in 0..bytes.len() {
                assert_eq!(cause_of(&bytes[..end]), None, "{lists:?}, of which {end} bytes came");
            }
        }
    }

    #[test]
    fn a_reason_is_found_wherever_it_stands_before_the_keys() {
        let reason = packet(&[&[DISCONNECT, 0, 0, 0, 12][..], &string(b"full"), &string(b"")].concat());
        let expected = || Some(Cause::Disconnect(Reason { code: 12, description: b"full".to_vec() }));
        let (ignored, init, new_keys) = (packet(&[IGNORE, 0, 0, 0, 0]), packet(&kexinit(LISTS)), packet(&[NEWKEYS]));
        for before in [&[][..], &ignored, &init, &[&init[..], &ignored].concat(), &packet(&[31, 9, 9])] {
            assert_eq!(cause_of(&[GREETING, before, &reason].concat()), expected(), "{}", before.escape_ascii());
        }
        assert_eq!(cause_of(&[GREETING, &new_keys, &reason].concat()), None, "what looks so when it is encrypted");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_to_some_end(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            let _ = (cause_of(&bytes), cause_of(&[GREETING, &bytes].concat()), foreign_greeting(&bytes));
        }
    }
}
