//! Files and directories here, as the target of a download: nothing outside of what the user named is ever touched.
//!
//! Every path is one component beneath an open directory, so that no link that is planted in the meantime leads astray.

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
