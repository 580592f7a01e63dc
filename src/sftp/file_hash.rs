//! Hashes of files that a server computes: the algorithms and the replies.

use std::fmt;

use bytes::Bytes;

use crate::sftp::wire::Reader;

/// A hash algorithm of `check-file` (draft-ietf-secsh-filexfer-extensions-00, section 3). We leave out `crc32`: it
/// would miss one damaged file in four billion, and servers disagree about how to compute it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum HashAlgorithm {
    Sha256,
    Sha512,
    Sha384,
    Sha224,
    Sha1,
    Md5,
}

impl HashAlgorithm {
    /// All algorithms, in our order of preference: strong ones first, and the fastest of those before the others.
    pub const ALL: [HashAlgorithm; 6] = [
        HashAlgorithm::Sha256,
        HashAlgorithm::Sha512,
        HashAlgorithm::Sha384,
        HashAlgorithm::Sha224,
        HashAlgorithm::Sha1,
        HashAlgorithm::Md5,
    ];

    /// Returns the name that goes over the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            HashAlgorithm::Sha256 => "sha256",
            HashAlgorithm::Sha512 => "sha512",
            HashAlgorithm::Sha384 => "sha384",
            HashAlgorithm::Sha224 => "sha224",
            HashAlgorithm::Sha1 => "sha1",
            HashAlgorithm::Md5 => "md5",
        }
    }

    /// Returns the length of one hash in bytes.
    #[must_use]
    pub fn length(self) -> usize {
        match self {
            HashAlgorithm::Sha256 => 32,
            HashAlgorithm::Sha512 => 64,
            HashAlgorithm::Sha384 => 48,
            HashAlgorithm::Sha224 => 28,
            HashAlgorithm::Sha1 => 20,
            HashAlgorithm::Md5 => 16,
        }
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One hash over the whole requested range, as computed by the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHash {
    /// The algorithm that the server chose.
    pub algorithm: HashAlgorithm,
    /// The hash, with the length that the algorithm gives.
    pub digest: Bytes,
}

impl FileHash {
    /// Reads the reply to `check-file-handle`. Returns `None` unless it holds exactly one hash by one of our
    /// algorithms.
    ///
    /// draft-ietf-secsh-filexfer-extensions-00, section 3, and ProFTPD send the algorithm and then the bare hash.
    /// Draft 09, Apache MINA and Paramiko put the extension's name before the algorithm, and MINA also puts a length
    /// before the hash. All these forms can be told apart. Any other form is no violation, because servers disagree
    /// about this reply only.
    pub(super) fn decode(packet: &mut Reader) -> Option<FileHash> {
        let first = packet.string().ok()?;
        let name = if first == "check-file" { packet.string().ok()? } else { first };
        let algorithm = HashAlgorithm::ALL.into_iter().find(|algorithm| algorithm.name().as_bytes() == name)?;
        if packet.remaining() == algorithm.length() {
            return Some(FileHash { algorithm, digest: Bytes::copy_from_slice(&packet.rest()) });
        }
        FileHash::bounded(algorithm, packet.string().ok()?, packet)
    }

    /// Reads the reply to `md5-hash-handle`: the request's name, then the hash (draft-ietf-secsh-filexfer-09, section
    /// 9.1.1).
    pub(super) fn decode_md5(packet: &mut Reader) -> Option<FileHash> {
        let name = packet.string().ok()?;
        if name != "md5-hash" && name != "md5-hash-handle" {
            return None;
        }
        FileHash::bounded(HashAlgorithm::Md5, packet.string().ok()?, packet)
    }

    fn bounded(algorithm: HashAlgorithm, digest: Bytes, packet: &Reader) -> Option<FileHash> {
        let is_whole = digest.len() == algorithm.length() && packet.remaining() == 0;
        is_whole.then(|| FileHash { algorithm, digest: Bytes::copy_from_slice(&digest) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sftp::wire::Writer;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_hash_comes_back_as_it_went_and_a_byte_more_or_less_makes_it_none(
            index in 0..HashAlgorithm::ALL.len(), bytes: [u8; 32], echoes: bool, is_bounded: bool,
        ) {
            let algorithm = HashAlgorithm::ALL[index];
            let digest = &bytes.repeat(2)[..algorithm.length()];
            let mut whole = Vec::new();
            Writer::packet(&mut whole, |packet| {
                if echoes {
                    packet.string(b"check-file");
                }
                packet.string(algorithm.name().as_bytes());
                match is_bounded {
                    true => packet.string(digest),
                    false => digest.iter().for_each(|&byte| packet.byte(byte)),
                }
            });
            let whole = whole.split_off(4);
            let decode = |bytes: &[u8]| FileHash::decode(&mut Reader::new(Bytes::copy_from_slice(bytes)));
            let expected = FileHash { algorithm, digest: Bytes::copy_from_slice(digest) };
            prop_assert_eq!(decode(&whole), Some(expected));
            prop_assert_eq!(decode(&whole[..whole.len() - 1]), None);
            prop_assert_eq!(decode(&[&whole[..], &[0]].concat()), None);
        }
    }

    #[test]
    fn a_hash_is_read_in_the_forms_that_servers_send_and_in_no_other() {
        type Field<'a> = (bool, &'a [u8]);
        let decode = |parts: &[Field<'_>], md5: bool| {
            let mut out = Vec::new();
            Writer::packet(&mut out, |packet| {
                for &(is_string, bytes) in parts {
                    match is_string {
                        true => packet.string(bytes),
                        false => bytes.iter().for_each(|&byte| packet.byte(byte)),
                    }
                }
            });
            let mut reader = Reader::new(Bytes::from(out.split_off(4)));
            let hash = if md5 { FileHash::decode_md5(&mut reader) } else { FileHash::decode(&mut reader) };
            hash.map(|hash| (hash.algorithm, hash.digest.len()))
        };
        let (echo, long) = ((true, &b"check-file"[..]), [7; 64]);
        for algorithm in HashAlgorithm::ALL {
            let (name, hash) = ((true, algorithm.name().as_bytes()), &long[..algorithm.length()]);
            let expected = Some((algorithm, hash.len()));
            for parts in [&[name, (false, hash)][..], &[echo, name, (false, hash)], &[echo, name, (true, hash)]] {
                assert_eq!(decode(parts, false), expected, "{algorithm}");
            }
            // No hash, half a hash, a hash and an extra byte, two hashes; then unknown algorithms.
            for wrong in [&hash[..0], &hash[..8], &[hash, &[1]].concat(), &[hash, hash].concat()] {
                assert_eq!(decode(&[name, (false, wrong)], false), None, "{algorithm} {}", wrong.len());
                assert_eq!(decode(&[name, (true, wrong)], false), None, "{algorithm} {}", wrong.len());
            }
            assert_eq!(decode(&[(true, b"crc32"), (false, hash)], false), None);
            assert_eq!(decode(&[name, (true, hash), (false, b"x")], false), None);
        }
        let md5 = (true, &long[..16]);
        for name in [&b"md5-hash"[..], b"md5-hash-handle"] {
            assert_eq!(decode(&[(true, name), md5], true), Some((HashAlgorithm::Md5, 16)));
            assert_eq!(decode(&[(true, name), (true, b"")], true), None);
            assert_eq!(decode(&[(true, name), md5, (false, b"x")], true), None);
        }
        assert_eq!(decode(&[md5], true), None);
        assert_eq!(decode(&[], false), None);
    }
}
