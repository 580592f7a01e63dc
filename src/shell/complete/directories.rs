//! Lists remote directories for completion, within a deadline, and keeps the listings while a line is typed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::budget::{self, Budget};
use crate::name::RemotePath;
use crate::remote::{Listing, follow_links_until, list_until};
use crate::sftp::Session;
use crate::shell::complete::word::{Candidates, Fragment};

/// The maximum time that a key waits for the server. After that there is no candidate, because an incomplete listing
/// would make a name look like the only one.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many links are followed to see whether they lead to directories.
const MOST_LINKS: usize = 64;

/// Listings that are kept while a line is typed.
pub(super) struct Directories {
    listed: HashMap<RemotePath, Listing>,
    /// The budget shared by all listings. A directory beyond it yields no candidates.
    budget: Arc<Budget>,
    patience: Duration,
}

impl Default for Directories {
    fn default() -> Directories {
        let budget = Arc::new(Budget::new(budget::COMPLETION));
        Directories { listed: HashMap::new(), budget, patience: PATIENCE }
    }
}

impl Directories {
    /// Forgets the listings.
    pub(super) fn forget(&mut self) {
        self.listed.clear();
    }

    /// Returns the entries that match a word, sorted. Empty if the server does not answer in time, or refuses.
    pub(super) fn matching(
        &mut self,
        session: &Session,
        directory: &RemotePath,
        word: &Fragment,
        only_directories: bool,
    ) -> Candidates {
        let deadline = Instant::now() + self.patience;
        if !self.listed.contains_key(directory) {
            let Some(listing) = list_until(session, directory, &self.budget, deadline) else {
                return Candidates::default();
            };
            self.listed.insert(directory.clone(), listing);
        }
        let Some(listing) = self.listed.get_mut(directory) else { return Candidates::default() };
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

    #[test]
    fn a_server_that_does_not_answer_costs_a_key_no_more_than_the_deadline() {
        let session = mute_server();
        let word = Fragment::of(&split_open(b"get a").open.unwrap(), 0);
        let patience = Duration::from_millis(50);
        let mut directories = Directories { patience, ..Directories::default() };
        let started = Instant::now();
        assert!(directories.matching(&session, &RemotePath::root(), &word, false).is_empty());
        assert!((patience..PATIENCE).contains(&started.elapsed()));
        session.killer().kill();
    }

    #[test]
    fn what_does_not_fit_into_the_budget_is_not_offered_until_the_next_line() {
        let servers = ["/usr/lib/openssh", "/usr/libexec/openssh", "/usr/libexec", "/usr/lib/ssh"];
        let servers = servers.map(|place| format!("{place}/sftp-server"));
        let server = servers.iter().find(|server| std::path::Path::new(server).exists()).unwrap();
        let transport = ChildTransport::spawn(&Command::new(server)).unwrap();
        let session = Session::open(Box::new(transport), Options::default()).unwrap();
        let tree = tempfile::tempdir().unwrap();
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
        directories.forget();
        assert_eq!(directories.matching(&session, &two, &word, false).len(), 50);
    }
}
