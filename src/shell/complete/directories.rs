//! Lists remote directories for completion, within a deadline, and keeps the listings as long as they are likely to be
//! true.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::budget::{self, Budget};
use crate::name::RemotePath;
use crate::remote::{Listing, follow_links_until, list_until};
use crate::sftp::Session;
use crate::shell::complete::word::{Candidates, Fragment};

/// The time that a key may wait for a listing. A longer listing goes on in the background, and a later Tab has it. Until
/// then there is no candidate, because an incomplete listing would make a name look like the only one.
const PATIENCE: Duration = Duration::from_millis(300);

/// The round trips that a key may wait for, if they take longer than [`PATIENCE`].
const ROUND_TRIPS: u32 = 10;

/// The time that a listing may take in the background.
const LONGEST: Duration = Duration::from_secs(30);

/// How long a listing is kept. Others may change the directory meanwhile.
const FRESH: Duration = Duration::from_secs(60);

/// How many links are followed to see whether they lead to directories.
const MOST_LINKS: usize = 64;

/// Listings of remote directories.
pub(super) struct Directories {
    listed: HashMap<RemotePath, Listed>,
    /// Listings that are under way.
    awaited: HashMap<RemotePath, Receiver<Option<Listing>>>,
    /// The budget shared by all listings. A directory beyond it yields no candidates.
    budget: Arc<Budget>,
    patience: Duration,
    /// The session in which they were listed.
    session: Option<Session>,
    /// The number of commands before they were listed that may have changed files on the server.
    changes: u64,
}

struct Listed {
    listing: Listing,
    since: Instant,
}

impl Default for Directories {
    fn default() -> Directories {
        Directories {
            listed: HashMap::new(),
            awaited: HashMap::new(),
            budget: Arc::new(Budget::new(budget::COMPLETION)),
            patience: PATIENCE,
            session: None,
            changes: 0,
        }
    }
}

impl Directories {
    /// Forgets the listings that may not be true any more: those of another session, those that are old, and all after
    /// a command that may have changed files on the server.
    pub(super) fn begin_line(&mut self, session: &Session, changes: u64) {
        let is_same = self.session.as_ref().is_some_and(|known| known.is(session));
        if !is_same || self.changes != changes {
            self.listed.clear();
            self.awaited.clear();
        }
        self.listed.retain(|_, listed| listed.since.elapsed() < FRESH);
        (self.session, self.changes) = (Some(session.clone()), changes);
    }

    /// Returns the entries that match a word, sorted. Empty if the server refuses, or has not listed the directory yet.
    pub(super) fn matching(
        &mut self,
        session: &Session,
        directory: &RemotePath,
        word: &Fragment,
        only_directories: bool,
    ) -> Candidates {
        let patience = self.patience.max(session.round_trip().unwrap_or_default() * ROUND_TRIPS);
        let deadline = Instant::now() + patience;
        let Some(listing) = self.listing(session, directory, patience) else { return Candidates::default() };
        let entries = &mut listing.entries;
        let fitting = (0..entries.len()).filter(|&index| word.fits(entries.name(index).as_bytes()));
        let fitting: Vec<usize> = fitting.collect();
        follow_links_until(session, directory, entries, &fitting, MOST_LINKS, deadline);
        let mut candidates = Candidates::in_directory_of(word);
        for entry in fitting.into_iter().map(|index| entries.get(index)) {
            let is_directory = entry.attributes.is_dir();
            if is_directory || !only_directories {
                candidates.push(entry.name.as_bytes(), is_directory);
            }
        }
        candidates.sort();
        candidates
    }

    /// Returns the listing of a directory, if it is there within `patience`.
    fn listing(&mut self, session: &Session, directory: &RemotePath, patience: Duration) -> Option<&mut Listing> {
        if !self.listed.contains_key(directory) {
            // Make room: a listing that finds none is not shown at all.
            if self.budget.taken() > self.budget.limit() / 2 {
                self.listed.clear();
            }
            let awaited = match self.awaited.entry(directory.clone()) {
                Entry::Occupied(awaited) => awaited.into_mut(),
                Entry::Vacant(place) => place.insert(list(session, directory, &self.budget)?),
            };
            let answer = match awaited.recv_timeout(patience) {
                Err(RecvTimeoutError::Timeout) => return None,
                answer => answer.ok().flatten(),
            };
            self.awaited.remove(directory);
            self.listed.insert(directory.clone(), Listed { listing: answer?, since: Instant::now() });
        }
        self.listed.get_mut(directory).map(|listed| &mut listed.listing)
    }
}

/// Begins to list a directory on a thread of its own.
fn list(session: &Session, directory: &RemotePath, budget: &Arc<Budget>) -> Option<Receiver<Option<Listing>>> {
    let (sender, receiver) = channel();
    let (session, directory, budget) = (session.clone(), directory.clone(), Arc::clone(budget));
    let work = move || {
        let listing = list_until(&session, &directory, &budget, Instant::now() + LONGEST);
        // Nobody waits for a listing of a session that was replaced.
        let _ = sender.send(listing);
    };
    thread::Builder::new().name("completion".into()).spawn(work).ok()?;
    Some(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::ChildTransport;
    use crate::sftp::Options;
    use crate::shell::words::split_open;
    use std::process::Command;

    /// Returns a session with a server that sends VERSION and nothing after it.
    fn mute_server() -> Session {
        let mut command = Command::new("sh");
        command.args(["-c", r"printf '\000\000\000\005\002\000\000\000\003'; exec cat >/dev/null"]);
        Session::open(Box::new(ChildTransport::spawn(&command).unwrap()), Options::default()).unwrap()
    }

    /// Returns a session with OpenSSH's server.
    fn session() -> Session {
        let servers = ["/usr/lib/openssh", "/usr/libexec/openssh", "/usr/libexec", "/usr/lib/ssh"];
        let servers = servers.map(|place| format!("{place}/sftp-server"));
        let server = servers.iter().find(|server| std::path::Path::new(server).exists()).unwrap();
        let transport = ChildTransport::spawn(&Command::new(server)).unwrap();
        Session::open(Box::new(transport), Options::default()).unwrap()
    }

    #[test]
    fn a_server_that_does_not_answer_costs_a_key_no_more_than_the_deadline() {
        let session = mute_server();
        let word = Fragment::of(&split_open(b"get a").open.unwrap(), 0);
        let patience = Duration::from_millis(50);
        let mut directories = Directories { patience, ..Directories::default() };
        let started = Instant::now();
        assert!(directories.matching(&session, &RemotePath::root(), &word, false).is_empty());
        assert!((patience..LONGEST).contains(&started.elapsed()));
        session.killer().kill();
    }

    #[test]
    fn a_long_listing_goes_on_behind_the_prompt_and_is_kept_until_something_changes() {
        let (session, tree) = (session(), tempfile::tempdir().unwrap());
        (0..500).for_each(|file| std::fs::write(tree.path().join(format!("a{file}")), "").unwrap());
        let directory = RemotePath::new(tree.path().to_str().unwrap()).unwrap();
        let word = Fragment::of(&split_open(b"get a").open.unwrap(), 0);
        let mut directories = Directories { patience: Duration::ZERO, ..Directories::default() };
        directories.begin_line(&session, 0);
        while directories.matching(&session, &directory, &word, false).is_empty() {}
        let requests = session.statistics().requests;
        std::fs::write(tree.path().join("an"), "").unwrap();
        directories.begin_line(&session, 0);
        assert_eq!(directories.matching(&session, &directory, &word, false).len(), 500);
        assert_eq!(session.statistics().requests, requests, "a listing that is there costs no request");
        directories.begin_line(&session, 1);
        let mut candidates = directories.matching(&session, &directory, &word, false);
        while candidates.is_empty() {
            candidates = directories.matching(&session, &directory, &word, false);
        }
        assert_eq!(candidates.len(), 501);
    }

    #[test]
    fn what_does_not_fit_into_the_budget_is_not_offered_until_the_next_line() {
        let (session, tree) = (session(), tempfile::tempdir().unwrap());
        let paths = ["one", "two"].map(|name| tree.path().join(name));
        for path in &paths {
            std::fs::create_dir(path).unwrap();
            (0..50).for_each(|file| std::fs::write(path.join(format!("a{file}")), "").unwrap());
        }
        let [one, two] = paths.map(|path| RemotePath::new(path.to_str().unwrap()).unwrap());
        let word = Fragment::of(&split_open(b"get a").open.unwrap(), 0);
        // Enough for one of them: 52 entries, each with about 100 bytes while it is listed, and 50 then.
        let budget = Arc::new(Budget::new(7_000));
        let mut directories = Directories { budget, ..Directories::default() };
        let mut offered = |directory| directories.matching(&session, directory, &word, false).len();
        assert_eq!([offered(&one), offered(&two), offered(&one)], [50, 0, 50]);
        directories.begin_line(&session, 1);
        assert_eq!(directories.matching(&session, &two, &word, false).len(), 50);
    }
}
