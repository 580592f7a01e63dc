//! Proof that a copy equals its source.

pub(crate) mod hashing;
