//! Proof of a copy by the server's hash of it, instead of reading it back over the connection.
//!
//! While the server hashes the remote file, the engine hashes the local one in steps, between answers. The server
//! chooses the algorithm. The engine starts with the one that the server chose last, and starts again if it chooses
//! another.

use std::io;

use openssl::hash::{Hasher, MessageDigest};

use crate::sftp::{self, Extension, FileHash, HashAlgorithm, Reply, StatusCode};
use crate::transfer::request::Verify;

/// Bytes to hash before the engine looks at answers again: about a millisecond's work.
const STEP_BYTES: usize = 1 << 20;

/// The state of asking for hashes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashes {
    /// The request that asks for a hash. `None` if the server has none, or if hashes are not wanted.
    pub(crate) request: Option<Extension>,
    /// The algorithm that the server will probably choose.
    likely: HashAlgorithm,
}

impl Hashes {
    /// Returns the state before the first hash, for a server with this request and a user with this option.
    pub(crate) fn new(request: Option<Extension>, verify: Verify) -> Hashes {
        Hashes {
            request: request.filter(|_| verify == Verify::Yes),
            likely: match request {
                Some(Extension::Md5Hash) => HashAlgorithm::Md5,
                _ => HashAlgorithm::Sha256,
            },
        }
    }

    /// Takes the answer of the server. Returns `None` if it is no usable hash.
    fn heard(&mut self, outcome: Result<Reply, sftp::Error>) -> Option<FileHash> {
        match outcome {
            Ok(Reply::FileHash(Some(hash))) => {
                self.likely = hash.algorithm;
                Some(hash)
            }
            Err(error) if error.status_code() == Some(StatusCode::OP_UNSUPPORTED) => {
                self.request = None;
                None
            }
            _ => None,
        }
    }
}

/// The hashes of one file.
pub(crate) struct Hashing {
    length: u64,
    /// True if the request was sent.
    pub(crate) is_asked: bool,
    algorithm: HashAlgorithm,
    hasher: Hasher,
    /// The offset up to which the local file is hashed.
    at: u64,
    here: Option<Vec<u8>>,
    there: Option<FileHash>,
}

/// The next activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Hash more of the local file.
    Step,
    /// Wait for the server's hash.
    Wait,
    /// Both hashes are known.
    Over {
        /// The algorithm of both.
        algorithm: HashAlgorithm,
        /// True if they are equal.
        is_equal: bool,
    },
}

impl Hashing {
    /// Begins with a file of this length. Returns `None` if hashes can't be used.
    pub(super) fn begin(hashes: &Hashes, length: u64) -> Option<Hashing> {
        hashes.request?;
        let hasher = hasher(hashes.likely)?;
        let algorithm = hashes.likely;
        Some(Hashing { length, is_asked: false, algorithm, hasher, at: 0, here: None, there: None })
    }

    /// Takes the answer of the server. Returns `false` if it holds no hash for a comparison.
    pub(super) fn answer(&mut self, hashes: &mut Hashes, outcome: Result<Reply, sftp::Error>) -> bool {
        hashes.heard(outcome).is_some_and(|hash| self.heard(hash))
    }

    /// Takes the server's hash. Returns whether the local file can be hashed in the same way: a strict OpenSSL has no
    /// MD5.
    fn heard(&mut self, hash: FileHash) -> bool {
        if hash.algorithm != self.algorithm {
            let Some(hasher) = hasher(hash.algorithm) else { return false };
            (self.algorithm, self.hasher) = (hash.algorithm, hasher);
            (self.at, self.here) = (0, None);
        }
        self.there = Some(hash);
        true
    }

    /// Hashes the next part. `read` fills a buffer from an offset in the local file, and returns how many bytes it
    /// has read.
    pub(super) fn step(
        &mut self,
        scratch: &mut Vec<u8>,
        read: impl FnOnce(u64, &mut [u8]) -> io::Result<usize>,
    ) -> io::Result<u64> {
        let wanted = usize::try_from(self.length - self.at).unwrap_or(STEP_BYTES).min(STEP_BYTES);
        scratch.resize(wanted, 0);
        let read = match read(self.at, scratch) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(self.at),
            read => read?,
        };
        self.hasher.update(&scratch[..read])?;
        self.at += read as u64;
        // A file that has shrunk has another hash.
        if self.at == self.length || read == 0 {
            self.here = Some(self.hasher.finish()?.to_vec());
        }
        Ok(self.at)
    }

    /// Returns the next activity.
    pub(super) fn next(&self) -> Next {
        match (&self.here, &self.there) {
            (Some(here), Some(there)) => {
                Next::Over { algorithm: self.algorithm, is_equal: here[..] == there.digest[..] }
            }
            (Some(_), None) => Next::Wait,
            (None, _) => Next::Step,
        }
    }
}

/// Returns a hasher for an algorithm, or `None` if this machine's OpenSSL has none: a strict one has no MD5.
#[must_use]
pub fn hasher(algorithm: HashAlgorithm) -> Option<Hasher> {
    Hasher::new(match algorithm {
        HashAlgorithm::Sha256 => MessageDigest::sha256(),
        HashAlgorithm::Sha512 => MessageDigest::sha512(),
        HashAlgorithm::Sha384 => MessageDigest::sha384(),
        HashAlgorithm::Sha224 => MessageDigest::sha224(),
        HashAlgorithm::Sha1 => MessageDigest::sha1(),
        HashAlgorithm::Md5 => MessageDigest::md5(),
    })
    .ok()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn asked(verify: Verify) -> Option<Hashing> {
        Hashing::begin(&Hashes::new(Some(Extension::CheckFile), verify), CONTENTS.len() as u64)
    }

    /// More than two parts.
    static CONTENTS: [u8; 2 * STEP_BYTES + 7] = [b'x'; 2 * STEP_BYTES + 7];

    fn step(hashing: &mut Hashing, contents: &[u8]) -> usize {
        let mut steps = 0;
        while hashing.next() == Next::Step {
            let read = |offset: u64, buffer: &mut [u8]| {
                let rest = &contents[contents.len().min(usize::try_from(offset).unwrap())..];
                let length = rest.len().min(buffer.len());
                buffer[..length].copy_from_slice(&rest[..length]);
                Ok(length)
            };
            hashing.step(&mut Vec::new(), read).unwrap();
            steps += 1;
        }
        steps
    }

    fn hash(algorithm: HashAlgorithm, contents: &[u8]) -> FileHash {
        let mut hasher = hasher(algorithm).unwrap();
        hasher.update(contents).unwrap();
        FileHash { algorithm, digest: Bytes::from(hasher.finish().unwrap().to_vec()) }
    }

    #[test]
    fn each_algorithm_gives_as_many_bytes_as_its_replies_hold() {
        for algorithm in HashAlgorithm::ALL {
            assert_eq!(hash(algorithm, b"").digest.len(), algorithm.length(), "{algorithm}");
        }
        let empty = hash(HashAlgorithm::Sha256, b"").digest;
        assert_eq!(empty[..4], [0xe3, 0xb0, 0xc4, 0x42]);
    }

    #[test]
    fn a_file_is_hashed_in_steps_and_again_by_another_algorithm() {
        let mut hashing = asked(Verify::Yes).unwrap();
        assert_eq!(step(&mut hashing, &CONTENTS), 3);
        assert_eq!(hashing.next(), Next::Wait);
        assert!(hashing.heard(hash(HashAlgorithm::Sha1, &CONTENTS)));
        assert_eq!(step(&mut hashing, &CONTENTS), 3);
        assert_eq!(hashing.next(), Next::Over { algorithm: HashAlgorithm::Sha1, is_equal: true });
    }

    #[test]
    fn a_file_that_shrank_or_changed_differs() {
        for contents in [&CONTENTS[1..], b"", &[&CONTENTS[1..], b"y"].concat()] {
            let mut hashing = asked(Verify::Yes).unwrap();
            assert!(hashing.heard(hash(HashAlgorithm::Sha256, &CONTENTS)));
            step(&mut hashing, contents);
            assert_eq!(hashing.next(), Next::Over { algorithm: HashAlgorithm::Sha256, is_equal: false });
        }
    }

    #[test]
    fn a_server_that_does_not_know_the_request_is_not_asked_again() {
        assert!(asked(Verify::ByReading).is_none());
        let mut hashes = Hashes::new(Some(Extension::CheckFile), Verify::Yes);
        let refused = |code| Err(sftp::Error::Status(sftp::Status { code, text: Bytes::new(), beside: 0 }));
        assert!(hashes.heard(refused(StatusCode::FAILURE)).is_none());
        assert!(hashes.heard(Ok(Reply::FileHash(None))).is_none());
        assert!(Hashing::begin(&hashes, 1).is_some());
        let _ = hashes.heard(Ok(Reply::FileHash(Some(hash(HashAlgorithm::Md5, b"")))));
        assert_eq!(Hashing::begin(&hashes, 1).map(|hashing| hashing.algorithm), Some(HashAlgorithm::Md5));
        assert!(hashes.heard(refused(StatusCode::OP_UNSUPPORTED)).is_none());
        assert!(Hashing::begin(&hashes, 1).is_none());
    }
}
