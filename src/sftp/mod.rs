//! The SFTP protocol, version 3 (draft-ietf-secsh-filexfer-02, and the extensions of OpenSSH's PROTOCOL, section 4).
//!
//! Bytes in, bytes out: nothing here knows SSH, a terminal or a file system. A [`Session`] drives a
//! [`Transport`](crate::transport::Transport) from a thread of its own; any number of requests and files are in
//! flight on it. What the server sends is checked field by field, and a reply that breaks the protocol ends the connection.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing)]

mod ahead;
mod attributes;
pub mod calls;
mod completions;
mod driver;
mod error;
mod extensions;
mod file_hash;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod handle;
mod nudge;
mod openings;
mod pending;
mod reply;
mod session;
mod shared;
#[cfg(test)]
mod testing;
mod width;
mod wire;

pub use attributes::{Attributes, FileType, Owner, Times};
pub use calls::{Call, OpenFlags, SymlinkOrder};
pub use completions::Completions;
pub use error::{Error, Status, StatusCode};
pub use extensions::{Extension, Extensions, Limits, Names, Statvfs};
pub use file_hash::{FileHash, HashAlgorithm};
pub use handle::Handle;
pub use nudge::Nudge;
pub use openings::Openings;
pub use pending::Pending;
pub use reply::{NameEntry, NamePacket, Reply};
pub use session::{Options, Session, Statistics, Waits, Wide};
pub use width::Width;
