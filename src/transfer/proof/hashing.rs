//! Proof of a copy by the server's own hash of it, in place of reading it back over the line.
//!
//! The server hashes what it has while we hash what is here, step by step between answers. The algorithm is the server's
//! choice: we begin with the one it chose last, and once more from the beginning if it names another.

use std::io;

use openssl::hash::{Hasher, MessageDigest};

use crate::sftp::{self, Extension, FileHash, HashAlgorithm, Reply, StatusCode};
use crate::transfer::request::Verify;

/// Bytes that are hashed before answers are looked at again: about a millisecond.
const STEP_BYTES: usize = 1 << 20;

/// What is known of the server's hashes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashes {
    /// How it may be asked for them; nothing once it said that it does not know the request.
    pub(crate) request: Option<Extension>,
    /// What it will probably choose.
    likely: HashAlgorithm,
}

impl Hashes {
    /// Those of a server that may be asked so, for who wants his copies verified in this way.
    pub(crate) fn new(request: Option<Extension>, verify: Verify) -> Hashes {
        Hashes {
            request: request.filter(|_| verify == Verify::Yes),
            likely: match request {
                Some(Extension::Md5Hash) => HashAlgorithm::Md5,
                _ => HashAlgorithm::Sha256,
            },
        }
    }

    /// Takes the answer; nothing where it is none that helps.
    pub(super) fn heard(&mut self, outcome: Result<Reply, sftp::Error>) -> Option<FileHash> {
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

/// The comparison of one file.
pub(crate) struct Hashing {
    length: u64,
    /// Whether the server was asked.
    pub(crate) is_asked: bool,
    algorithm: HashAlgorithm,
    hasher: Hasher,
    /// All before this is in the hasher.
    at: u64,
    here: Option<Vec<u8>>,
    there: Option<FileHash>,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Bytes here are to be hashed.
    Step,
    /// The server's answer is waited for.
    Wait,
    /// Both hashes are there.
    Over {
        /// How they were computed.
        algorithm: HashAlgorithm,
        /// Whether they are the same.
        is_equal: bool,
    },
}

impl Hashing {
    /// Begins with a file of so many bytes; nothing where the server can't be asked.
    pub(super) fn begin(hashes: &Hashes, length: u64) -> Option<Hashing> {
        hashes.request?;
        let hasher = hasher(hashes.likely)?;
        let algorithm = hashes.likely;
        Some(Hashing { length, is_asked: false, algorithm, hasher, at: 0, here: None, there: None })
    }

    /// The server's hash has come. Whether we can compute it as well: a strict OpenSSL has no MD5.
    pub(super) fn heard(&mut self, hash: FileHash) -> bool {
        if hash.algorithm != self.algorithm {
            let Some(hasher) = hasher(hash.algorithm) else { return false };
            (self.algorithm, self.hasher) = (hash.algorithm, hasher);
            (self.at, self.here) = (0, None);
        }
        self.there = Some(hash);
        true
    }

    /// Hashes the next bytes, which `read` gives: at an offset, as many as there are up to the buffer's length.
    pub(super) fn step(
        &mut self,
        scratch: &mut Vec<u8>,
        read: impl FnOnce(u64, &mut [u8]) -> io::Result<usize>,
    ) -> io::Result<()> {
        let wanted = usize::try_from(self.length - self.at).unwrap_or(STEP_BYTES).min(STEP_BYTES);
        scratch.resize(wanted, 0);
        let read = match read(self.at, scratch) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            read => read?,
        };
        self.hasher.update(&scratch[..read])?;
        self.at += read as u64;
        // A file that is shorter than it was has another hash.
        if self.at == self.length || read == 0 {
            self.here = Some(self.hasher.finish()?.to_vec());
        }
        Ok(())
    }

    /// Bytes that are hashed here.
    pub(super) fn hashed(&self) -> u64 {
        self.at
    }

    /// What comes next.
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

fn hasher(algorithm: HashAlgorithm) -> Option<Hasher> {
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

    /// More than two steps.
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
    fn a_file_is_hashed_step_by_step_and_once_more_by_another_algorithm() {
        let mut hashing = asked(Verify::Yes).unwrap();
        assert_eq!(step(&mut hashing, &CONTENTS), 3);
        assert_eq!(hashing.next(), Next::Wait);
        assert!(hashing.heard(hash(HashAlgorithm::Sha1, &CONTENTS)));
        assert_eq!(step(&mut hashing, &CONTENTS), 3);
        assert_eq!(hashing.next(), Next::Over { algorithm: HashAlgorithm::Sha1, is_equal: true });
    }

    #[test]
    fn a_file_that_shrank_or_changed_is_another_one() {
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
