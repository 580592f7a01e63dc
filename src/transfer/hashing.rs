//! Proof of a copy by the server's own hash of it, in place of reading it back over the line.
//!
//! The server hashes what it has while we hash what is here, step by step between answers. The algorithm is the server's
//! choice: we begin with the one it chose last, and once more from the beginning if it names another.

use std::io;

use openssl::hash::{Hasher, MessageDigest};

use super::io::{Asked, Io};
use super::reporter::Sequence;
use super::request::Verify;
use crate::sftp::{self, Extension, FileHash, Handle, HashAlgorithm, Reply, StatusCode, calls};

/// Bytes that are hashed before answers are looked at again: about a millisecond.
const STEP_BYTES: usize = 1 << 20;

/// What is known of the server's hashes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hashes {
    /// How it may be asked for them; nothing once it said that it does not know the request.
    request: Option<Extension>,
    /// What it will probably choose.
    likely: HashAlgorithm,
}

impl Hashes {
    /// Those of a server that may be asked so, for who wants his copies verified in this way.
    pub(super) fn new(request: Option<Extension>, verify: Verify) -> Hashes {
        Hashes {
            request: request.filter(|_| verify == Verify::Yes),
            likely: match request {
                Some(Extension::Md5Hash) => HashAlgorithm::Md5,
                _ => HashAlgorithm::Sha256,
            },
        }
    }

    /// Sends the request for the hash of a whole file.
    pub(super) fn ask(io: &mut Io, sequence: Sequence, handle: &Handle, length: u64) {
        match io.hashes.request {
            Some(Extension::Md5Hash) => io.ask(sequence, Asked::Hash, &calls::Md5Hash { handle, offset: 0, length }),
            _ => io.ask(sequence, Asked::Hash, &calls::CheckFile { handle, offset: 0, length }),
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
pub(super) struct Hashing {
    length: u64,
    /// Whether the server was asked.
    pub(super) is_asked: bool,
    algorithm: HashAlgorithm,
    hasher: Hasher,
    /// All before this is in the hasher.
    at: u64,
    here: Option<Vec<u8>>,
    there: Option<FileHash>,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
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
