//! Local files and directories, as the targets of a download. Nothing outside the paths that the user named is
//! touched.
//!
//! Every path is one component below an open directory, so that a link that somebody adds in the meantime leads
//! nowhere else.

mod attributes;
mod directory;
mod existing;
mod link;
mod partial;
mod place;
mod placing;
mod sink;

pub(crate) use directory::{Directory, Troubles, bytes};
pub(crate) use link::{link_at, make_link, stays_within};
pub(crate) use partial::{name as partial_name, random_name as random_partial_name};
pub(crate) use place::{Parents, Place, Replaceable};
pub(crate) use sink::{Opened, ResumePoint, Sink, Wanted};
