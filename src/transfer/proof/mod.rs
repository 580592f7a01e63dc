//! Proof that a copy equals its source, in both directions: by the server's hash, or by reading the remote file
//! again.
//!
//! Downloads and uploads own a [`Proving`] while they are in that state, and act on its result.

pub(crate) mod comparison;
pub(crate) mod hashing;

use std::io;

use crate::sftp::{self, Extension, Handle, HashAlgorithm, Reply, calls};
use crate::transfer::connections::io::{Io, Turn, Wire};
use crate::transfer::connections::tag::{ProofTag, Tag};
use crate::transfer::event::Proof;
use crate::transfer::failure::Cause;
use crate::transfer::progress::reporter::Sequence;
use crate::transfer::proof::comparison::{Compared, Comparison};
use crate::transfer::proof::hashing::{Hashing, Next};

/// The number of existing bytes that are compared with the source before a resume appends to them.
pub(crate) const TAIL_BYTES: u64 = 64 * 1024;

/// The proof of one whole file.
pub(crate) struct Proving {
    sequence: Sequence,
    /// Bytes of the copy.
    length: u64,
    method: Method,
}

enum Method {
    Hash(Hashing),
    Reading(Comparison),
}

/// The state of a proof.
pub(crate) enum Verdict {
    /// The proof is not complete.
    Open(Turn),
    /// The copy equals its source.
    Proved(Proof),
    /// The copy differs from its source.
    Differs(Cause),
    /// The server reports that the remote file ends here, too early.
    Ends { at: u64 },
    /// The server refuses to read the remote file.
    Unreadable(sftp::Error),
    /// The local file can't be read.
    LocalError(io::Error),
}

impl Proving {
    /// Begins the proof of a copy of `length` bytes.
    pub(crate) fn begin(io: &mut Io, sequence: Sequence, length: u64) -> Proving {
        io.reporter.compared(sequence, length, 0);
        io.reporter.say_how_far();
        let method = match Hashing::begin(&io.hashes, length) {
            Some(hashing) => Method::Hash(hashing),
            None => Method::Reading(Comparison::of(0..length)),
        };
        Proving { sequence, length, method }
    }

    /// Sends one more request, if there is one to send. Returns the next activity in that case.
    pub(crate) fn ask<T>(&mut self, wire: &mut Wire<'_>, handle: &Handle) -> Option<Turn>
    where
        T: From<ProofTag> + Into<Tag>,
    {
        match &mut self.method {
            Method::Reading(comparison) => comparison.ask::<T>(wire, self.sequence, handle).then_some(Turn::MayAsk),
            Method::Hash(hashing) if hashing.is_asked => None,
            Method::Hash(hashing) => {
                hashing.is_asked = true;
                let (tag, length) = (T::from(ProofTag::Hash), self.length);
                match wire.io.hashes.request {
                    Some(Extension::Md5Hash) => {
                        wire.ask(self.sequence, tag, &calls::Md5Hash { handle, offset: 0, length });
                    }
                    _ => {
                        let algorithms = &HashAlgorithm::ALL;
                        wire.ask(self.sequence, tag, &calls::CheckFile { handle, offset: 0, length, algorithms });
                    }
                }
                Some(Turn::Hashes)
            }
        }
    }

    /// Takes an answer. `read` reads the local file at an offset.
    pub(crate) fn answer(
        &mut self,
        io: &mut Io,
        tag: ProofTag,
        outcome: Result<Reply, sftp::Error>,
        read: &dyn Fn(&mut [u8], u64) -> io::Result<usize>,
    ) -> Verdict {
        match (tag, &mut self.method) {
            (ProofTag::Read { offset, length }, Method::Reading(comparison)) => {
                let compared = comparison.answer(offset, length, outcome, read);
                if matches!(compared, Compared::SoFar | Compared::Equal) {
                    io.reporter.compared(self.sequence, self.length, comparison.compared());
                }
                match compared {
                    Compared::SoFar => Verdict::Open(Turn::MayAsk),
                    Compared::Equal => Verdict::Proved(Proof::ReadBack),
                    Compared::Differs { at } => Verdict::Differs(Cause::Differs { at }),
                    Compared::Ends { at } => Verdict::Ends { at },
                    Compared::Unreadable(error) => Verdict::Unreadable(error),
                }
            }
            (ProofTag::Hash, Method::Hash(hashing)) => match hashing.answer(&mut io.hashes, outcome) {
                true => self.weigh(),
                false => {
                    self.method = Method::Reading(Comparison::of(0..self.length));
                    Verdict::Open(Turn::MayAsk)
                }
            },
            _ => Verdict::Open(Turn::Waits),
        }
    }

    /// Hashes a part of the local file, if that is due.
    pub(crate) fn hash_part(&mut self, io: &mut Io, read: &dyn Fn(&mut [u8], u64) -> io::Result<usize>) -> Verdict {
        if let Method::Hash(hashing) = &mut self.method
            && hashing.next() == Next::Step
        {
            match hashing.step(&mut io.scratch, |offset, buffer| read(buffer, offset)) {
                Ok(hashed) => io.reporter.compared(self.sequence, self.length, hashed),
                Err(error) => return Verdict::LocalError(error),
            }
            if hashing.next() == Next::Wait {
                io.reporter.say_how_far();
            }
        }
        self.weigh()
    }

    /// Notes that the answer to a request was lost with its connection.
    pub(crate) fn give_back(&mut self, tag: ProofTag) {
        match (tag, &mut self.method) {
            (ProofTag::Hash, Method::Hash(hashing)) => hashing.is_asked = false,
            (ProofTag::Read { offset, length }, Method::Reading(comparison)) => comparison.give_back(offset, length),
            _ => {}
        }
    }

    /// Returns whether the local file is to be hashed while the server's hash is awaited.
    pub(crate) fn has_to_hash(&self) -> bool {
        matches!(&self.method, Method::Hash(hashing) if hashing.is_asked && hashing.next() == Next::Step)
    }

    fn weigh(&self) -> Verdict {
        let Method::Hash(hashing) = &self.method else { return Verdict::Open(Turn::Waits) };
        match hashing.next() {
            Next::Step => Verdict::Open(Turn::Hashes),
            Next::Wait => Verdict::Open(Turn::Waits),
            Next::Over { algorithm, is_equal: true } => Verdict::Proved(Proof::Hash(algorithm)),
            Next::Over { algorithm, is_equal: false } => Verdict::Differs(Cause::DiffersByHash(algorithm)),
        }
    }
}
