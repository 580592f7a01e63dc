//! The remote side as a person sees it: working directory, patterns, walks, listings.
//!
//! This module vets names from the server, matches patterns, and keeps many requests in flight. It knows no commands,
//! doesn't print, and touches the local file system only to match local patterns.

mod copy;
mod deadline;
mod entries;
mod error;
mod expand;
pub mod glob;
mod interrupt;
mod lifeline;
mod listing;
mod matches;
mod owners;
mod reader;
mod reads;
mod survey;
mod walk;
mod writer;

use std::sync::{Arc, Mutex};

use bytes::Bytes;

pub use self::copy::{CopyError, OpenFile, copy};
pub use self::deadline::{follow_links_until, list_until};
pub use self::entries::{Entries, Entry, EntryRef};
pub use self::error::{Act, Cause, Error};
pub use self::expand::{Expansion, expand};
pub use self::glob::Pattern;
pub use self::interrupt::{Interrupt, Watch};
pub use self::lifeline::{Lifeline, NumberedSession};
pub use self::listing::{Dots, Listing, Longnames, Suspect};
pub use self::matches::{Match, MatchAttributes, Matches};
pub use self::owners::{OwnerNames, SoughtOwner};
pub use self::reader::{Ahead, Reader};
pub use self::survey::list;
pub use self::walk::{Directory, Found, Links, MAX_DEPTH, Walk, WholeDirectories, WholeDirectory};
pub use self::writer::Writer;

use crate::lock::lock;
use crate::name::RemotePath;
use crate::sftp::{self, Session, calls};

/// A session, with the user's place in the remote tree.
pub struct Remote {
    session: Session,
    home: RemotePath,
    working_directory: RemotePath,
    interrupt: Interrupt,
    owners: Mutex<Arc<OwnerNames>>,
}

impl Remote {
    /// Starts in the server's start directory.
    ///
    /// # Errors
    /// The server doesn't report the directory.
    pub fn open(session: Session) -> Result<Remote, Error> {
        let home = vetted(&RemotePath::dot(), session.start_directory())?;
        Ok(Remote {
            session,
            working_directory: home.clone(),
            home,
            interrupt: Interrupt::default(),
            owners: Mutex::default(),
        })
    }

    /// Returns the session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Continues with another session to the same server, in the same place. If that directory no longer exists, the
    /// next command finds out.
    pub fn go_on_with(&mut self, session: Session) {
        self.session = session;
    }

    /// Returns the interrupt that stops a listing, an expansion or a walk from another thread.
    #[must_use]
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Returns the directory in which the session started.
    #[must_use]
    pub fn home(&self) -> &RemotePath {
        &self.home
    }

    /// Returns the directory at which relative paths start, as a canonical path.
    #[must_use]
    pub fn working_directory(&self) -> &RemotePath {
        &self.working_directory
    }

    /// Resolves a path against the working directory.
    #[must_use]
    pub fn resolve(&self, path: &RemotePath) -> RemotePath {
        self.working_directory.resolve(path)
    }

    /// Returns the path without the working directory before it, which is how sftp(1) shows the matches of a relative
    /// argument.
    #[must_use]
    pub fn relative<'a>(&self, path: &'a [u8]) -> &'a [u8] {
        relative(&self.working_directory, path)
    }

    /// Returns whether a path leads to a directory.
    #[must_use]
    pub fn is_directory(&self, path: &RemotePath) -> bool {
        let session = &self.session;
        let is_one = |attributes: sftp::Attributes| {
            attributes.is_dir() || attributes.lacks_type() && session.opendir(path).is_ok()
        };
        session.stat(path).is_ok_and(is_one)
    }

    /// Makes a directory the working directory, by its canonical path.
    ///
    /// # Errors
    /// The path doesn't exist or is not a directory, or the server doesn't report its type.
    pub fn change_directory(&mut self, path: &RemotePath) -> Result<(), Error> {
        self.working_directory = canonical_directory(&self.session, &self.resolve(path))?;
        Ok(())
    }

    /// Expands one pattern; see [`expand()`].
    ///
    /// # Errors
    /// As [`expand()`].
    pub fn expand(&self, pattern: &Pattern) -> Result<Expansion, Error> {
        Ok(self.expand_all(std::slice::from_ref(pattern))?.pop().unwrap_or_default())
    }

    /// Expands several patterns at once; see [`expand()`].
    ///
    /// # Errors
    /// As [`expand()`].
    pub fn expand_all(&self, patterns: &[Pattern]) -> Result<Vec<Expansion>, Error> {
        expand(&self.session, &self.working_directory, patterns, &self.interrupt)
    }

    /// Lists one directory; see [`list`].
    ///
    /// # Errors
    /// As [`list`].
    pub fn list(&self, directory: &RemotePath, longnames: Longnames) -> Result<Listing, Error> {
        list(&self.session, &self.resolve(directory), longnames, &self.interrupt)
    }

    /// Returns a walk through a directory.
    #[must_use]
    pub fn walk(&self, top: &RemotePath, links: Links) -> Walk {
        self.walks(links)(&self.resolve(top))
    }

    /// Returns a function that starts walks through directories with absolute paths, when this value is out of reach.
    pub fn walks(&self, links: Links) -> impl Fn(&RemotePath) -> Walk + use<> {
        let (session, interrupt) = (self.session.clone(), self.interrupt.clone());
        move |top| Walk::new(Lifeline::single(&session), top, links, &interrupt)
    }

    /// Returns the known names of users and groups, after asking the server for those with these ids.
    ///
    /// # Errors
    /// Only the end of the connection.
    pub fn owner_names(
        &self,
        uids: impl IntoIterator<Item = u32>,
        gids: impl IntoIterator<Item = u32>,
    ) -> Result<Arc<OwnerNames>, Error> {
        let mut owners = lock(&self.owners);
        Arc::make_mut(&mut owners).learn(&self.session, uids, gids)?;
        Ok(Arc::clone(&owners))
    }
}

/// Returns the canonical path of an existing file.
///
/// # Errors
/// The server refuses, or its answer is not a valid path.
pub fn canonical(session: &Session, path: &RemotePath) -> Result<RemotePath, Error> {
    vetted(path, session.realpath(path))
}

/// The longest path that a server may call canonical: PATH_MAX on most systems. It becomes a part of every later path
/// in requests and messages.
const LONGEST_CANONICAL_PATH: usize = 4096;

/// Turns the server's answer into the canonical path of `path`.
fn vetted(path: &RemotePath, answer: Result<Bytes, sftp::Error>) -> Result<RemotePath, Error> {
    canonical_answer(path, &answer.map_err(|error| Error::new(Act::Canonicalize, path, error))?)
}

/// Turns the server's answer into the canonical path of `path`.
///
/// # Errors
/// The answer is not a valid path, or longer than any path that the server could open.
pub fn canonical_answer(path: &RemotePath, answer: &[u8]) -> Result<RemotePath, Error> {
    if answer.len() > LONGEST_CANONICAL_PATH {
        return Err(Error::LongAnswer { path: path.clone(), bytes: answer.len() });
    }
    Ok(RemotePath::from_server(answer.to_vec())?)
}

/// Returns the canonical path of a directory, as `cd` needs it. Sends two requests at once, so it takes one round
/// trip.
///
/// # Errors
/// The path doesn't exist or is not a directory, or the server doesn't report its type.
pub fn canonical_directory(session: &Session, path: &RemotePath) -> Result<RemotePath, Error> {
    let realpath = session.submit(&calls::Realpath { path });
    let stat = session.submit(&calls::Stat { path });
    let canonical = vetted(path, realpath.wait())?;
    let mut attributes = stat.wait().map_err(|error| Error::new(Act::Stat, &canonical, error))?;
    if attributes.lacks_type() {
        attributes.settle_type(session.opendir(&canonical).is_ok());
    }
    match attributes.permissions {
        None => Err(Error::UnknownType(canonical)),
        Some(_) if !attributes.is_dir() => Err(Error::NotADirectory(canonical)),
        Some(_) => Ok(canonical),
    }
}

/// Returns a path without the directory before it, if it is inside that directory.
#[must_use]
pub fn relative<'a>(directory: &RemotePath, whole: &'a [u8]) -> &'a [u8] {
    match whole.strip_prefix(directory.as_bytes()) {
        Some(rest) if directory.as_bytes().ends_with(b"/") => rest,
        Some([b'/', rest @ ..]) => rest,
        _ => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_below_a_directory_is_shown_without_it() {
        for (directory, path, shown) in [
            ("/srv", "/srv/a/b", "a/b"),
            ("/srv", "/srv", "/srv"),
            ("/srv", "/srvx/a", "/srvx/a"),
            ("/", "/a", "a"),
            ("/srv", "/srv//a", "/a"),
        ] {
            let directory = RemotePath::new(directory).unwrap();
            assert_eq!(relative(&directory, path.as_bytes()), shown.as_bytes(), "{directory:?} {path:?}");
        }
    }
}
