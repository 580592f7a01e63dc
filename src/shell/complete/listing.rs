//! Remote directories as the completer sees them: listed within a deadline, and kept while a line is typed.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::word::{Candidate, Fragment};
use crate::name::{EntryName, RemotePath};
use crate::sftp::{Completions, Error, FileType, Handle, NameEntry, Reply, Session, calls};

/// The longest that a key may wait for the server. After that there is nothing to offer, for a listing that is not whole
/// would make a name look like the only one.
const DEADLINE: Duration = Duration::from_secs(2);

/// READDIRs in flight: a directory of some thousand entries then takes one round trip more than one of ten.
const READDIRS: usize = 8;

/// More entries than this are not offered to anyone.
const MOST_ENTRIES: usize = 100_000;

/// Links of which the completer asks where they lead.
const MOST_LINKS: usize = 64;

/// Listings that are kept while a line is typed.
#[derive(Default)]
pub(super) struct Directories {
    listed: HashMap<RemotePath, Vec<Entry>>,
}

struct Entry {
    name: EntryName,
    kind: Option<FileType>,
}

impl Directories {
    /// Forgets what was listed.
    pub(super) fn forget(&mut self) {
        self.listed.clear();
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
            let Some(entries) = list(session, directory, until) else { return Vec::new() };
            self.listed.insert(directory.clone(), entries);
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

/// All entries of a directory, or nothing.
fn list(session: &Session, directory: &RemotePath, until: Instant) -> Option<Vec<Entry>> {
    let queue: Completions<()> = Completions::new();
    session.submit_to(&queue, (), &calls::Opendir { path: directory });
    // The handle's end sends CLOSE, and nobody waits for what the server says to that.
    match wait(&queue, until).pop_front()? {
        Ok(Reply::Handle(handle)) => read(session, &queue, &handle, until),
        _ => None,
    }
}

fn read(session: &Session, queue: &Completions<()>, handle: &Handle, until: Instant) -> Option<Vec<Entry>> {
    let ask = || session.submit_to(queue, (), &calls::Readdir { handle });
    (0..READDIRS).for_each(|_| ask());
    let mut entries = Vec::new();
    let mut is_whole = false;
    while queue.outstanding() > 0 {
        let replies = wait(queue, until);
        if replies.is_empty() || entries.len() > MOST_ENTRIES {
            return None;
        }
        for reply in replies {
            match reply {
                Ok(Reply::Names(names)) => {
                    entries.extend(names.into_iter().filter_map(vetted));
                    if !is_whole {
                        ask();
                    }
                }
                Err(error) if error.is_eof() => is_whole = true,
                _ => return None,
            }
        }
    }
    Some(entries)
}

/// A name that leads elsewhere is not offered; a listing says so.
fn vetted(entry: NameEntry) -> Option<Entry> {
    let kind = entry.attributes.file_type();
    EntryName::vet(entry.name.to_vec()).ok().map(|name| Entry { name, kind })
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
}
