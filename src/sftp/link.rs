//! A transport with its two buffers, and the packets in them.

use bytes::Bytes;

use crate::sftp::error::Error;
use crate::sftp::extensions::Extensions;
use crate::sftp::reply::kind;
use crate::sftp::wire::{MAX_NAME_PACKET_BYTES, MAX_PACKET_BYTES, Reader, Violation, Writer};
use crate::transport::{Inbox, Outbox, Transport};

/// The protocol version that we speak (draft-ietf-secsh-filexfer-02, section 4).
const SPOKEN_VERSION: u32 = 3;

const INIT: u8 = 1;
const VERSION: u8 = 2;

/// A transport with its two buffers.
pub(super) struct Link {
    pub(super) transport: Box<dyn Transport>,
    pub(super) outbox: Outbox,
    pub(super) inbox: Inbox,
}

/// The contents of the VERSION packet.
pub(super) struct Greeting {
    pub(super) version: u32,
    pub(super) extensions: Extensions,
}

impl Link {
    /// Returns a link that sends INIT first.
    pub(super) fn new(transport: Box<dyn Transport>) -> Link {
        let (mut init, mut outbox) = (Vec::new(), Outbox::default());
        Writer::packet(&mut init, |packet| {
            packet.byte(INIT);
            packet.uint32(SPOKEN_VERSION);
        });
        outbox.push(&init);
        Link { transport, outbox, inbox: Inbox::default() }
    }

    /// Returns the number of bytes waiting to be sent, and of received bytes not yet processed.
    pub(super) fn standing(&self) -> (usize, usize) {
        (self.outbox.front().len(), self.inbox.unread().len())
    }

    /// Returns the server's VERSION, if it has arrived completely.
    pub(super) fn greeting(&mut self) -> Result<Option<Greeting>, Violation> {
        self.first_packet()?.map(greeting).transpose()
    }

    /// Returns the next packet without its length field, or `None` if it has not arrived completely.
    pub(super) fn packet(&mut self) -> Result<Option<Bytes>, Violation> {
        let Some((&length, rest)) = self.inbox.unread().split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(length);
        let most = match rest.first() {
            Some(&kind::NAME) | None => MAX_NAME_PACKET_BYTES,
            Some(_) => MAX_PACKET_BYTES,
        };
        if length == 0 || length > most {
            return Err(Violation::new(format!("a packet of {length} bytes")));
        }
        // A packet has at most 4 MiB, so this fits into any usize.
        let whole = length as usize + 4;
        if self.inbox.unread().len() < whole {
            return Ok(None);
        }
        Ok(Some(self.inbox.take(whole).slice(4..)))
    }

    /// Like [`Link::packet`], but reports an impossible length as text, because that is usually the output of a login
    /// script.
    fn first_packet(&mut self) -> Result<Option<Bytes>, Violation> {
        self.packet().map_err(|_| {
            let start: Vec<u8> = self.inbox.unread().iter().copied().take(80).collect();
            Violation::new(format!(
                "it sent text where SFTP should begin (a login script that prints?): \"{}\"",
                start.escape_ascii()
            ))
        })
    }
}

fn greeting(packet: Bytes) -> Result<Greeting, Violation> {
    let mut packet = Reader::new(packet);
    match (packet.byte()?, packet.uint32()?) {
        (VERSION, version) if version <= SPOKEN_VERSION => {
            Ok(Greeting { version, extensions: Extensions::decode(&mut packet)? })
        }
        (VERSION, version) => Err(Violation::new(format!("it speaks version {version} instead of {SPOKEN_VERSION}"))),
        (other, _) => Err(Violation::new(format!("a packet of type {other} where VERSION should be"))),
    }
}

/// Turns a violation of either kind into an error that ends the connection.
pub(super) fn protocol(violation: Violation) -> Error {
    let (Violation::Broken(text) | Violation::Nonsense(text)) = violation;
    Error::Protocol(text)
}
