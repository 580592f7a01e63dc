//! Names of users and groups on the server, asked for once and remembered.
#![forbid(unsafe_code)]

use std::collections::HashMap;

use bytes::Bytes;

use super::error::{Act, Error};
use crate::name::RemotePath;
use crate::sftp::{Extension, Session};

/// Ids in one request: its reply has to fit a packet, with names as long as anyone gives.
const IDS_PER_REQUEST: usize = 500;

/// What is known of the server's users and groups. An id without a name is known as such and not asked for again.
#[derive(Clone, Debug, Default)]
pub struct OwnerNames {
    users: HashMap<u32, Bytes>,
    groups: HashMap<u32, Bytes>,
}

impl OwnerNames {
    /// A user's name, as the server gave it, not made printable.
    #[must_use]
    pub fn user(&self, uid: u32) -> Option<&[u8]> {
        self.users.get(&uid).map(|name| &name[..]).filter(|name| !name.is_empty())
    }

    /// A group's name, as the server gave it, not made printable.
    #[must_use]
    pub fn group(&self, gid: u32) -> Option<&[u8]> {
        self.groups.get(&gid).map(|name| &name[..]).filter(|name| !name.is_empty())
    }

    /// Asks the server for the names of those ids that are not known yet. A server without the extension, or one that
    /// refuses, leaves them without names.
    ///
    /// # Errors
    /// Only the end of the connection.
    pub fn learn(
        &mut self,
        session: &Session,
        uids: impl IntoIterator<Item = u32>,
        gids: impl IntoIterator<Item = u32>,
    ) -> Result<(), Error> {
        if !session.offers(Extension::UsersGroupsById) {
            return Ok(());
        }
        let (users, groups) = (unknown(&self.users, uids), unknown(&self.groups, gids));
        let requests = users.len().max(groups.len()).div_ceil(IDS_PER_REQUEST);
        let part = |ids: &[u32], at: usize| ids.chunks(IDS_PER_REQUEST).nth(at).unwrap_or_default().to_vec();
        for at in 0..requests {
            let (users, groups) = (part(&users, at), part(&groups, at));
            let names = match session.users_groups_by_id(&users, &groups) {
                Ok(names) => names,
                Err(error) if error.leaves_the_session_alive() => return Ok(()),
                Err(error) => return Err(Error::new(Act::OwnerNames, &RemotePath::dot(), error)),
            };
            self.users.extend(users.into_iter().zip(names.users));
            self.groups.extend(groups.into_iter().zip(names.groups));
        }
        Ok(())
    }
}

fn unknown(known: &HashMap<u32, Bytes>, ids: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let mut unknown: Vec<u32> = ids.into_iter().filter(|id| !known.contains_key(id)).collect();
    unknown.sort_unstable();
    unknown.dedup();
    unknown
}
