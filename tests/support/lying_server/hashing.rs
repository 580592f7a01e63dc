//! Hashes of files: `check-file-handle` and `md5-hash-handle`, in the forms of real servers, and in wrong ones.

use super::honest::Honest;
use super::wire::{self, Packet, Request};
use openssl::hash::{MessageDigest, hash};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

/// How the server hashes files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hashing {
    /// `hash`: with the client's preferred algorithm, in the form of the draft.
    Honest,
    /// `hash-echo`: like `hash`, but after the extension's name.
    Echo,
    /// `hash-length`: like `hash-echo`, but with a length before the hash.
    Length,
    /// `hash-sha1`: with SHA-1 only.
    Sha1,
    /// `hash-md5`: with `md5-hash-handle` only.
    Md5,
    /// `hash-unreadable`: it hashes files that clients can't read.
    Unreadable,
    /// `hash-wrong`: it hashes other bytes.
    Wrong,
    /// `hash-short`: half a hash.
    Short,
    /// `hash-crc32`: with an algorithm that was not requested.
    Unasked,
    /// `hash-empty`: an empty reply.
    Empty,
    /// `hash-status-ok`: success without a hash.
    StatusOk,
    /// `hash-refused`: it refuses this file.
    Refused,
    /// `hash-unknown`: it doesn't know the request in spite of its offer.
    Unknown,
    /// `hash-stalls`: no more answers.
    Stalls,
    /// `hash-dies-once`: the server ends at the first request for a hash.
    DiesOnce,
}

/// A file next to the served directory. It shows a later server that an earlier one has died.
const DEAD: &str = "../dead";

impl Hashing {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "hash" => Self::Honest,
            "hash-echo" => Self::Echo,
            "hash-length" => Self::Length,
            "hash-sha1" => Self::Sha1,
            "hash-md5" => Self::Md5,
            "hash-unreadable" => Self::Unreadable,
            "hash-wrong" => Self::Wrong,
            "hash-short" => Self::Short,
            "hash-crc32" => Self::Unasked,
            "hash-empty" => Self::Empty,
            "hash-status-ok" => Self::StatusOk,
            "hash-refused" => Self::Refused,
            "hash-unknown" => Self::Unknown,
            "hash-stalls" => Self::Stalls,
            "hash-dies-once" => Self::DiesOnce,
            _ => return None,
        })
    }

    /// Returns the extensions in the VERSION packet.
    pub(crate) fn offer(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Md5 => &[("posix-rename@openssh.com", "1"), ("md5-hash", "")],
            // Like ProFTPD.
            Self::Unknown => &[("posix-rename@openssh.com", "1"), ("versions", "3,4,5,6")],
            _ => &[("posix-rename@openssh.com", "1"), ("check-file", "")],
        }
    }

    /// Answers a request for a hash. Returns `None` if the server dies.
    pub(crate) fn answer(self, honest: &Honest, mut request: Request) -> io::Result<Option<Packet>> {
        let id = request.id;
        let name = request.string();
        if (name == b"md5-hash-handle") != (self == Self::Md5) {
            return Ok(Some(Packet::status(id, wire::UNSUPPORTED, "Operation unsupported")));
        }
        let file = honest.file(&mut request)?.try_clone()?;
        let algorithms = if self == Self::Md5 { b"md5".to_vec() } else { request.string() };
        let algorithms = String::from_utf8_lossy(&algorithms);
        let first = algorithms.split(',').find(|&name| self != Self::Sha1 || name == "sha1").unwrap_or_default();
        let digest = digest_of(&file, first, request.long(), request.long())?;
        let reply = Packet::new(wire::EXTENDED_REPLY, id);
        let first = first.as_bytes();
        Ok(Some(match self {
            Self::Honest | Self::Sha1 | Self::Unreadable | Self::Stalls => reply.string(first).raw(&digest),
            Self::Echo => reply.string(b"check-file").string(first).raw(&digest),
            Self::Length => reply.string(b"check-file").string(first).string(&digest),
            Self::Md5 => reply.string(b"md5-hash").string(&digest),
            Self::Wrong => reply.string(first).raw(&vec![7; digest.len()]),
            Self::Short => reply.string(first).raw(&digest[..digest.len() / 2]),
            Self::Unasked => reply.string(b"crc32").raw(&[1, 2, 3, 4]),
            Self::Empty => reply,
            Self::StatusOk => Packet::status(id, wire::OK, "Success"),
            Self::Refused => Packet::status(id, wire::FAILURE, "Too large to be hashed"),
            Self::Unknown => Packet::status(id, wire::UNSUPPORTED, "Operation unsupported"),
            Self::DiesOnce if fs::exists(DEAD)? => reply.string(first).raw(&digest),
            Self::DiesOnce => {
                fs::write(DEAD, "")?;
                return Ok(None);
            }
        }))
    }
}

fn digest_of(file: &File, algorithm: &str, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let algorithm = MessageDigest::from_name(algorithm).ok_or(io::ErrorKind::Unsupported)?;
    // The files of tests are small.
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(hash(algorithm, &bytes)?.to_vec())
}
