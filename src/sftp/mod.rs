//! The SFTP protocol, version 3 (draft-ietf-secsh-filexfer-02, and the extensions of OpenSSH's PROTOCOL, section 4).
//!
//! This module knows nothing about SSH, terminals or file systems. A [`Session`] drives a
//! [`Transport`](crate::transport::Transport) from a thread of its own, with any number of requests and files in
//! flight. The decoder checks each field that the server sends, and a reply that breaks the protocol ends the
//! connection.
#![deny(clippy::indexing_slicing)]

mod attributes;
pub mod calls;
mod completions;
mod delivery;
mod desk;
mod driver;
mod early_requests;
mod error;
mod extensions;
mod file_hash;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod handle;
mod link;
mod manners;
mod openings;
mod packed_attributes;
mod pending;
mod reply;
mod seat;
mod session;
mod shared;
#[cfg(test)]
pub(crate) mod testing;
mod waker;
mod wakeup;
mod width;
mod wire;

pub use attributes::{Attributes, FileType, Owner, Times};
pub use calls::{Call, OpenFlags};
pub use completions::Completions;
pub use error::{Error, Status, StatusCode};
pub use extensions::{Extension, Extensions, Limits, Names, Statvfs};
pub use file_hash::{FileHash, HashAlgorithm};
pub use handle::Handle;
pub use manners::SymlinkOrder;
pub use openings::Openings;
pub use packed_attributes::PackedAttributes;
pub use pending::Pending;
pub use reply::{NameEntry, NamePacket, Reply};
pub use session::{Options, Session, Statistics, Waits, Wide};
pub use wakeup::Wakeup;
pub use width::Width;
