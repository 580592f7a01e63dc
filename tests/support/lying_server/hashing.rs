//! Hashes of files: `check-file-handle` and `md5-hash-handle`, in the forms that real servers send, and in wrong ones.

use super::honest::Honest;
use super::wire::{self, Packet, Request};
use openssl::hash::{MessageDigest, hash};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// How the server hashes files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hashing {
    /// `hash`: by the algorithm that the client likes best, as the draft has it.
    Honest,
    /// `hash-echo`: the same behind the extension's name.
    Echo,
    /// `hash-length`: the same, and the hash has its length before it.
    Length,
    /// `hash-sha1`: SHA-1 is all it has.
    Sha1,
    /// `hash-md5`: `md5-hash-handle` is all it has.
    Md5,
    /// `hash-unreadable`: it hashes what it does not let anybody read.
    Unreadable,
    /// `hash-wrong`: of other bytes.
    Wrong,
    /// `hash-short`: half a hash.
    Short,
    /// `hash-crc32`: by an algorithm that nobody asked for.
    Unasked,
    /// `hash-empty`: nothing at all.
    Empty,
    /// `hash-status-ok`: success, and no hash. That is against the protocol.
    StatusOk,
    /// `hash-refused`: not for this file.
    Refused,
    /// `hash-unknown`: the request is not known after all.
    Unknown,
    /// `hash-dies-once`: the server is gone when it is asked for the first time.
    DiesOnce,
}

/// What tells a later server that an earlier one has died: beside the served directory.
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
            "hash-dies-once" => Self::DiesOnce,
            _ => return None,
        })
    }

    /// What its VERSION lists.
    pub(crate) fn offer(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Md5 => &[("posix-rename@openssh.com", "1"), ("md5-hash", "")],
            // As ProFTPD.
            Self::Unknown => &[("posix-rename@openssh.com", "1"), ("versions", "3,4,5,6")],
            _ => &[("posix-rename@openssh.com", "1"), ("check-file", "")],
        }
    }

    /// The answer to a request for a hash; none if the server dies of it.
    pub(crate) fn answer(self, honest: &Honest, mut request: Request) -> Option<Packet> {
        let id = request.id;
        let name = request.string();
        if (name == b"md5-hash-handle") != (self == Self::Md5) {
            return Some(Packet::status(id, wire::UNSUPPORTED, "Operation unsupported"));
        }
        let Ok(file) = honest.file(&mut request).and_then(File::try_clone) else {
            return Some(Packet::status(id, wire::FAILURE, "Bad handle"));
        };
        let first = match self {
            Self::Md5 => "md5".to_owned(),
            Self::Sha1 => "sha1".to_owned(),
            _ => String::from_utf8_lossy(&request.string()).split(',').next().unwrap_or_default().to_owned(),
        };
        if self == Self::Sha1 {
            request.string();
        }
        let (offset, length) = (request.long(), request.long());
        let algorithm = MessageDigest::from_name(&first).expect("the client asks for what there is");
        let mut bytes = vec![0; usize::try_from(length).expect("files of tests are small")];
        file.read_exact_at(&mut bytes, offset).expect("the client asks for what is there");
        let digest = hash(algorithm, &bytes).expect("it is computed everywhere").to_vec();
        let reply = Packet::new(wire::EXTENDED_REPLY, id);
        Some(match self {
            Self::Honest | Self::Sha1 | Self::Unreadable => reply.string(first.as_bytes()).raw(&digest),
            Self::Echo => reply.string(b"check-file").string(first.as_bytes()).raw(&digest),
            Self::Length => reply.string(b"check-file").string(first.as_bytes()).string(&digest),
            Self::Md5 => reply.string(b"md5-hash").string(&digest),
            Self::Wrong => reply.string(first.as_bytes()).raw(&vec![7; digest.len()]),
            Self::Short => reply.string(first.as_bytes()).raw(&digest[..digest.len() / 2]),
            Self::Unasked => reply.string(b"crc32").raw(&[1, 2, 3, 4]),
            Self::Empty => reply,
            Self::StatusOk => Packet::status(id, wire::OK, "Success"),
            Self::Refused => Packet::status(id, wire::FAILURE, "Too large to be hashed"),
            Self::Unknown => Packet::status(id, wire::UNSUPPORTED, "Operation unsupported"),
            Self::DiesOnce if std::fs::exists(DEAD).unwrap_or(true) => reply.string(first.as_bytes()).raw(&digest),
            Self::DiesOnce => {
                std::fs::write(DEAD, "").expect("its world is writable");
                return None;
            }
        })
    }
}
