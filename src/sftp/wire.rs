//! The primitive fields of a packet (RFC 4251, section 5): numbers in network byte order, and strings that start with
//! their length.

use bytes::{Buf, Bytes};

/// Longest packet that we accept, without its length field: 256 KiB, as in OpenSSH's server and client.
pub(super) const MAX_PACKET_BYTES: u32 = 256 << 10;

/// Longest NAME that we accept, because some servers answer READDIR with a whole directory.
pub(super) const MAX_NAME_PACKET_BYTES: u32 = 4 << 20;

/// How a server broke the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// Its further answers can't be matched to requests any more: an [`Error::Protocol`](super::Error::Protocol).
    Broken(String),
    /// One answer doesn't fit its request, but the next may: an [`Error::Nonsense`](super::Error::Nonsense).
    Nonsense(String),
}

impl Violation {
    pub(super) fn new(text: impl Into<String>) -> Violation {
        Violation::Broken(text.into())
    }

    pub(super) fn nonsense(text: impl Into<String>) -> Violation {
        Violation::Nonsense(text.into())
    }
}

/// Appends fields to a packet.
pub struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    /// Appends one packet to `out`: its length, then the output of `fields`.
    pub(super) fn packet(out: &mut Vec<u8>, fields: impl FnOnce(&mut Writer<'_>)) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        fields(&mut Writer(out));
        let length = length_field(out.len() - start - 4);
        if let Some(field) = out.get_mut(start..start + 4) {
            field.copy_from_slice(&length);
        }
    }

    pub fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    pub fn uint32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub fn uint64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub fn string(&mut self, value: &[u8]) {
        self.0.extend_from_slice(&length_field(value.len()));
        self.0.extend_from_slice(value);
    }

    /// Appends a string whose content is itself a sequence of fields.
    pub fn nested(&mut self, fields: impl FnOnce(&mut Writer<'_>)) {
        Writer::packet(self.0, fields);
    }
}

/// Encodes a length field. Memory and the size of the engines' requests (256 KiB) bound what we send. A length that
/// doesn't fit is sent as the greatest one, which every server refuses.
fn length_field(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

/// Takes fields off a packet. Bytes after the last known field are ignored; the packet's own length bounds them.
pub(super) struct Reader(Bytes);

impl Reader {
    pub(super) fn new(packet: Bytes) -> Reader {
        Reader(packet)
    }

    pub(super) fn remaining(&self) -> usize {
        self.0.len()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Violation> {
        self.0.try_get_u8().map_err(|_| cut_short("a byte"))
    }

    pub(super) fn uint32(&mut self) -> Result<u32, Violation> {
        self.0.try_get_u32().map_err(|_| cut_short("a number"))
    }

    pub(super) fn uint64(&mut self) -> Result<u64, Violation> {
        self.0.try_get_u64().map_err(|_| cut_short("a number"))
    }

    /// Takes a string as a slice of the packet. Keeping the slice keeps the whole packet in memory, and packets that
    /// arrived with it.
    pub(super) fn string(&mut self) -> Result<Bytes, Violation> {
        let length = self.uint32()?;
        match usize::try_from(length) {
            Ok(length) if length <= self.0.len() => Ok(self.0.split_to(length)),
            _ => Err(Violation::new(format!("a string of {length} bytes in a packet with {} left", self.0.len()))),
        }
    }

    /// Takes a string and returns a copy of its first `most` bytes.
    pub(super) fn copied_string(&mut self, most: usize) -> Result<Vec<u8>, Violation> {
        let mut string = self.string()?;
        string.truncate(most);
        Ok(string.to_vec())
    }

    /// Takes all remaining bytes.
    pub(super) fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.0)
    }

    /// Takes a count of elements that follow, each at least `least_bytes` long. The check keeps a wrong count from
    /// reserving memory.
    pub(super) fn count(&mut self, least_bytes: usize) -> Result<usize, Violation> {
        let count = self.uint32()?;
        match usize::try_from(count) {
            Ok(elements) if elements <= self.0.len() / least_bytes => Ok(elements),
            _ => Err(Violation::nonsense(format!("{count} elements in a packet with {} bytes left", self.0.len()))),
        }
    }
}

fn cut_short(field: &str) -> Violation {
    Violation::new(format!("a packet ends where {field} should be"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fields_come_back_as_they_went(a: u8, b: u32, c: u64, text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut out = Vec::new();
            Writer::packet(&mut out, |packet| {
                packet.byte(a);
                packet.uint32(b);
                packet.uint64(c);
                packet.string(&text);
                packet.nested(|inner| inner.uint32(7));
            });
            let mut reader = Reader::new(Bytes::from(out.clone()));
            prop_assert_eq!(reader.uint32(), Ok(u32::try_from(out.len() - 4).unwrap()));
            prop_assert_eq!(reader.byte(), Ok(a));
            prop_assert_eq!(reader.uint32(), Ok(b));
            prop_assert_eq!(reader.uint64(), Ok(c));
            prop_assert_eq!(reader.string().unwrap(), text);
            prop_assert_eq!(reader.string().unwrap(), &[0, 0, 0, 7][..]);
            prop_assert_eq!(reader.remaining(), 0);
        }

        #[test]
        fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut reader = Reader::new(Bytes::from(bytes));
            let _ = (reader.byte(), reader.string(), reader.count(4), reader.uint64(), reader.uint32());
        }
    }

    #[test]
    fn lengths_that_lie_are_violations() {
        assert!(Reader::new(Bytes::from_static(&[0, 0, 0, 5, 1, 2, 3, 4])).string().is_err());
        assert!(Reader::new(Bytes::from_static(&[0xff; 4])).string().is_err());
        assert!(Reader::new(Bytes::from_static(&[0, 0, 0, 2, 1, 2, 3])).count(2).is_err());
        assert_eq!(Reader::new(Bytes::from_static(&[0, 0, 0, 2, 1, 2, 3, 4])).count(2), Ok(2));
        assert!(Reader::new(Bytes::from_static(&[0, 0, 0])).uint32().is_err());
    }
}
