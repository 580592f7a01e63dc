//! Remote directories as the completer sees them: listed within a deadline, and kept while a line is typed.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::word::{Candidate, Fragment};
use crate::budget::{self, Budget, Share};
use crate::name::{EntryName, RemotePath};
use crate::sftp::{Completions, Error, FileType, Handle, NameEntry, NamePacket, Reply, Session, calls};

/// The longest that a key may wait for the server. After that there is nothing to offer, for a listing that is not whole
/// would make a name look like the only one.
const DEADLINE: Duration = Duration::from_secs(2);

/// READDIRs in flight: a directory of some thousand entries then takes one round trip more than one of ten.
const READDIRS: usize = 8;

/// More entries than this are not offered to anyone.
const MOST_ENTRIES: usize = 100_000;

/// Bytes that an entry takes in memory beside its name, its share of the allocator's own included.
const ENTRY_BYTES: usize = size_of::<Entry>() + 16;

/// Links of which the completer asks where they lead.
const MOST_LINKS: usize = 64;

/// Listings that are kept while a line is typed.
pub(super) struct Directories {
    listed: HashMap<RemotePath, Vec<Entry>>,
    /// For all of them. What does not fit is not offered.
    budget: Arc<Budget>,
    held: Vec<Share>,
}

impl Default for Directories {
    fn default() -> Directories {
        let budget = Arc::new(Budget::new(budget::COMPLETION));
        Directories { listed: HashMap::new(), budget, held: Vec::new() }
    }
}

struct Entry {
    name: EntryName,
    kind: Option<FileType>,
}

impl Directories {
    /// Forgets what was listed.
    pub(super) fn forget(&mut self) {
        self.listed.clear();
        self.held.clear();
    }

    /// The entries that fit a word, sorted. Nothing when the server does not answer in time, or refuses.
    pub(super) fn matching(
        &mut self,
        session: &Session,
        directory: &RemotePath,
        word: &Fragment,
        only_directories: bool,
    ) -> Vec<Candidate> {
        let until = Instant::now() + DEADLINE;
        if !self.listed.contains_key(directory) {
            let listing = Listing { entries: Vec::new(), share: self.budget.share(0).ok(), kept: 0 };
            let Some(listing) = list(session, directory, listing, until) else { return Vec::new() };
            self.listed.insert(directory.clone(), listing.entries);
            self.held.extend(listing.share);
        }
        let entries = self.listed.get_mut(directory).into_iter().flatten();
        let mut fitting: Vec<&mut Entry> = entries.filter(|entry| word.fits(entry.name.as_bytes())).collect();
        follow_links(session, directory, &mut fitting, until);
        let mut candidates = word.dots();
        for entry in fitting {
            let is_directory = entry.kind == Some(FileType::Directory);
            if is_directory || !only_directories {
                candidates.push(Candidate::entry(word, entry.name.as_bytes(), is_directory));
            }
        }
        candidates.sort_unstable();
        candidates
    }
}

/// A listing under way.
struct Listing {
    entries: Vec<Entry>,
    /// What it holds of the budget: each answer counts with what is kept of it or with its length, whichever is more.
    share: Option<Share>,
    kept: u64,
}

impl Listing {
    /// Adds what a READDIR brought. False when it is too much.
    fn add(&mut self, names: NamePacket) -> bool {
        let (before, packet) = (self.entries.len(), names.bytes);
        self.entries.extend(names.entries.into_iter().filter_map(vetted));
        let kept: usize = self.entries.iter().skip(before).map(|entry| ENTRY_BYTES + entry.name.as_bytes().len()).sum();
        self.kept += kept as u64;
        let fits = self.share.as_mut().is_some_and(|share| share.grow(packet.max(kept as u64)).is_ok());
        fits && self.entries.len() <= MOST_ENTRIES
    }
}

/// All entries of a directory added to an empty listing, or nothing.
fn list(session: &Session, directory: &RemotePath, listing: Listing, until: Instant) -> Option<Listing> {
    let queue: Completions<()> = Completions::new();
    session.submit_to(&queue, (), &calls::Opendir { path: directory });
    // The handle's end sends CLOSE, and nobody waits for what the server says to that.
    match wait(&queue, until).pop_front()? {
        Ok(Reply::Handle(handle)) => read(session, &queue, &handle, listing, until),
        _ => None,
    }
}

fn read(
    session: &Session,
    queue: &Completions<()>,
    handle: &Handle,
    mut listing: Listing,
    until: Instant,
) -> Option<Listing> {
    let ask = || session.submit_to(queue, (), &calls::Readdir { handle, longnames: false });
    (0..READDIRS).for_each(|_| ask());
    let mut is_whole = false;
    while queue.outstanding() > 0 {
        let replies = wait(queue, until);
        if replies.is_empty() {
            return None;
        }
        for reply in replies {
            match reply {
                Ok(Reply::Names(names)) => {
                    if !listing.add(names) {
                        return None;
                    }
                    if !is_whole {
                        ask();
                    }
                }
                Err(error) if error.is_eof() => is_whole = true,
                _ => return None,
            }
        }
    }
    let kept = listing.kept;
    listing.share.iter_mut().for_each(|share| share.shrink_to(kept));
    Some(listing)
}

/// A name that leads elsewhere is not offered; a listing says so.
fn vetted(entry: NameEntry) -> Option<Entry> {
    let kind = entry.attributes.file_type();
    EntryName::vet(entry.name).ok().map(|name| Entry { name, kind })
}

/// Learns which links lead to directories, as far as there is time.
fn follow_links(session: &Session, directory: &RemotePath, entries: &mut [&mut Entry], until: Instant) {
    let queue: Completions<usize> = Completions::new();
    let links = entries.iter().enumerate().filter(|(_, entry)| entry.kind == Some(FileType::Symlink));
    for (at, entry) in links.take(MOST_LINKS) {
        session.submit_to(&queue, at, &calls::Stat { path: &directory.join(&entry.name) });
    }
    while queue.outstanding() > 0 {
        let replies = wait_for(&queue, until);
        if replies.is_empty() {
            return;
        }
        for (at, reply) in replies {
            if let (Ok(Reply::Attributes(attributes)), Some(entry)) = (reply, entries.get_mut(at)) {
                entry.kind = attributes.file_type();
            }
        }
    }
}

fn wait(queue: &Completions<()>, until: Instant) -> VecDeque<Result<Reply, Error>> {
    wait_for(queue, until).into_iter().map(|((), reply)| reply).collect()
}

/// The replies that are there before the deadline.
fn wait_for<T: Send + 'static>(queue: &Completions<T>, until: Instant) -> VecDeque<(T, Result<Reply, Error>)> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { VecDeque::new() } else { queue.wait(Some(left)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::ChildTransport;
    use crate::sftp::Options;
    use crate::shell::words::split_open;
    use std::process::Command;

    /// A server that says which version it speaks and nothing ever after.
    fn mute_server() -> Session {
        let mut command = Command::new("sh");
        command.args(["-c", r"printf '\000\000\000\005\002\000\000\000\003'; exec cat >/dev/null"]);
        Session::open(Box::new(ChildTransport::spawn(&command).unwrap()), Options::default()).unwrap()
    }

    #[test]
    fn a_server_that_does_not_answer_costs_a_key_no_more_than_the_deadline() {
        let session = mute_server();
        let word = Fragment::of(&split_open(b"get a").open.unwrap(), 0);
        let mut directories = Directories::default();
        let started = Instant::now();
        assert_eq!(directories.matching(&session, &RemotePath::root(), &word, false), []);
        assert!(started.elapsed() < DEADLINE * 2);
        assert!(started.elapsed() >= DEADLINE);
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
        // Enough for one of them: 52 entries with a line about each.
        let budget = Arc::new(Budget::new(7_000));
        let mut directories = Directories { budget, ..Directories::default() };
        let mut offered = |directory| directories.matching(&session, directory, &word, false).len();
        assert_eq!([offered(&one), offered(&two), offered(&one)], [50, 0, 50]);
        directories.forget();
        assert_eq!(directories.matching(&session, &two, &word, false).len(), 50);
    }
}
