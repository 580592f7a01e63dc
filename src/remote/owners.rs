//! Names of users and groups on the server, looked up once and remembered.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;

use crate::name::RemotePath;
use crate::remote::Remote;
use crate::remote::error::{Act, Error};
use crate::remote::listing::{Listing, Longnames};
use crate::sftp::{Extension, Owner, Session, calls};

/// Ids in one request. The reply must fit into a packet even with long names.
const IDS_PER_REQUEST: usize = 500;

/// Ids to try when looking for a name: those of system users, those of the first thousand people, and 65,534, which
/// usually has no privileges. More would keep a server busy that looks each id up in a directory service.
const LIKELY_IDS: [std::ops::RangeInclusive<u32>; 2] = [0..=2000, 65_533..=65_534];

/// How many users, and how many groups, are remembered. An honest server has fewer; any others are shown as numbers.
const MOST_KNOWN: usize = 65_536;

/// How many directories are listed to learn who owns files in them.
const DIRECTORIES_SEARCHED: usize = 8;

/// The known users and groups of the server. An id without a name is remembered too, and not looked up again.
#[derive(Clone, Debug, Default)]
pub struct OwnerNames {
    users: HashMap<u32, Bytes>,
    groups: HashMap<u32, Bytes>,
}

impl OwnerNames {
    /// Returns a user's name as the server sent it, not made printable.
    #[must_use]
    pub fn user(&self, uid: u32) -> Option<&[u8]> {
        self.users.get(&uid).map(|name| &name[..]).filter(|name| !name.is_empty())
    }

    /// Returns a group's name as the server sent it, not made printable.
    #[must_use]
    pub fn group(&self, gid: u32) -> Option<&[u8]> {
        self.groups.get(&gid).map(|name| &name[..]).filter(|name| !name.is_empty())
    }

    /// Returns the user with this name, or the lowest id if the server gives the name to several users.
    #[must_use]
    pub fn user_named(&self, name: &[u8]) -> Option<u32> {
        named(&self.users, name)
    }

    /// Returns the group with this name, or the lowest id if the server gives the name to several groups.
    #[must_use]
    pub fn group_named(&self, name: &[u8]) -> Option<u32> {
        named(&self.groups, name)
    }

    /// Looks up the names of those ids that are not known yet, all at once. They stay without names if the server
    /// lacks the extension or refuses.
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
        let asked: Vec<_> = (0..requests)
            .map(|at| {
                let (users, groups) = (part(&users, at), part(&groups, at));
                let answer = session.submit(&calls::UsersGroupsById { users: &users, groups: &groups });
                (users, groups, answer)
            })
            .collect();
        for (users, groups, answer) in asked {
            let names = match answer.wait() {
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

fn named(known: &HashMap<u32, Bytes>, name: &[u8]) -> Option<u32> {
    known.iter().filter(|(_, known)| !name.is_empty() && known[..] == *name).map(|(&id, _)| id).min()
}

/// Names whose ids are wanted.
#[derive(Clone, Copy, Debug)]
pub struct SoughtOwner<'a> {
    /// The name of a user.
    pub user: Option<&'a [u8]>,
    /// The name of a group.
    pub group: Option<&'a [u8]>,
}

impl SoughtOwner<'_> {
    fn is_among(&self, known: &OwnerNames) -> bool {
        self.user.is_none_or(|name| known.user_named(name).is_some())
            && self.group.is_none_or(|name| known.group_named(name).is_some())
    }
}

impl Remote {
    /// Returns the known names of users and groups, after searching for these. A server can look up the name of an id
    /// but not the id of a name, so we try ids: first the owners of the files in `near`, then common ones, then the
    /// owners of other files in the same directories and of the other home directories.
    ///
    /// # Errors
    /// Only the end of the connection.
    pub fn seek_owner(&self, sought: SoughtOwner<'_>, near: &[(RemotePath, Owner)]) -> Result<Arc<OwnerNames>, Error> {
        let home = self.session().stat(self.home()).ok().and_then(|attributes| attributes.owner);
        let likely = LIKELY_IDS.into_iter().flatten().map(|id| Owner { uid: id, gid: id });
        let steps: [&dyn Fn() -> Vec<Owner>; 3] =
            [&|| near.iter().map(|(_, owner)| *owner).chain(home).collect(), &|| likely.clone().collect(), &|| {
                self.owners_beside(near.iter().map(|(path, _)| path).chain([self.home()]))
            }];
        let mut known = self.owner_names([], [])?;
        for candidates in steps {
            if sought.is_among(&known) {
                break;
            }
            let candidates = candidates();
            let users = candidates.iter().map(|owner| owner.uid).filter(|_| sought.user.is_some());
            let groups = candidates.iter().map(|owner| owner.gid).filter(|_| sought.group.is_some());
            known = self.owner_names(users, groups)?;
        }
        Ok(known)
    }

    fn owners_beside<'a>(&self, paths: impl Iterator<Item = &'a RemotePath>) -> Vec<Owner> {
        let mut directories: Vec<RemotePath> = paths.filter_map(RemotePath::parent).collect();
        // The directory that contains our home comes first, because the homes in it belong to many users.
        directories.reverse();
        let mut seen = HashSet::new();
        directories.retain(|directory| seen.insert(directory.as_bytes().to_vec()));
        directories.truncate(DIRECTORIES_SEARCHED);
        let listings = directories.iter().filter_map(|directory| self.list(directory, Longnames::Dropped).ok());
        let owners =
            |listing: Listing| listing.entries.iter().filter_map(|entry| entry.attributes.owner).collect::<Vec<_>>();
        listings.flat_map(owners).collect()
    }
}

fn unknown(known: &HashMap<u32, Bytes>, ids: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let mut unknown: Vec<u32> = ids.into_iter().filter(|id| !known.contains_key(id)).collect();
    unknown.sort_unstable();
    unknown.dedup();
    unknown.truncate(MOST_KNOWN.saturating_sub(known.len()));
    unknown
}
