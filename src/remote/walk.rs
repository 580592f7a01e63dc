//! A remote tree, entry by entry, read ahead with many READDIRs in flight.
//!
//! What a walk yields is in a fixed order, top down and sorted bytewise within each directory, as if it were read one
//! directory after the other; listings of directories that come later are under way meanwhile, within bounds.
#![forbid(unsafe_code)]

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::error::{Act, Error};
use super::interrupt::Interrupt;
use super::lifeline::Lifeline;
use super::listing::{Entry, Listing, Longnames};
use super::survey::{Answer, Survey};
use crate::budget::{self, Budget, Share};
use crate::name::{EntryName, RemotePath};
use crate::sftp::{self, Attributes, FileType, Pending, Session, calls};

/// Levels that a walk goes down, as sftp(1): a server can nest directories for ever.
pub const MAX_DEPTH: usize = 64;

/// Entries that were listed and not yet asked for. Beyond, no directory is read ahead.
const MOST_ENTRIES_AHEAD: usize = 100_000;

/// The part of the budget that listings may take before no directory is read ahead: the rest is for the directory whose turn
/// it is.
const SHARE_AHEAD: u64 = 2;

/// Questions about an entry's kind in flight, for servers whose listings do not tell it and for links that are followed.
const MOST_QUESTIONS: usize = 256;

/// Directories that are open at once to learn that they are such.
const MOST_PROBES: usize = 8;

/// What a walk does with symbolic links below its top; the top itself is followed in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// They are entries like any other.
    #[default]
    Kept,
    /// They stand for what they lead to; one that leads nowhere is an entry.
    Followed,
}

/// A directory of a walk.
#[derive(Debug)]
pub struct Directory {
    /// The path as it is asked for: the top's path, and the names below it.
    pub path: RemotePath,
    /// The directory above; none for the top.
    pub parent: Option<Arc<Directory>>,
    /// The name in the directory above; none for the top.
    pub name: Option<EntryName>,
    /// Attributes as the directory above listed them; empty for the top.
    pub attributes: Attributes,
    /// Levels below the top, which is 0.
    pub depth: usize,
    number: u64,
    /// Known where links are followed, to see when one leads back.
    canonical: Option<RemotePath>,
}

impl Directory {
    /// The names that lead from the top to here; none for the top.
    #[must_use]
    pub fn names(&self) -> Vec<&EntryName> {
        let mut names: Vec<_> = self.lineage().filter_map(|directory| directory.name.as_ref()).collect();
        names.reverse();
        names
    }

    /// Bytes that it takes in memory beside its name.
    fn bytes(&self) -> u64 {
        let canonical = self.canonical.as_ref().map_or(0, |canonical| canonical.as_bytes().len());
        (size_of::<Directory>() + self.path.as_bytes().len() + canonical) as u64
    }

    /// This directory and those above it, up to the top.
    fn lineage(&self) -> impl Iterator<Item = &Directory> {
        std::iter::successors(Some(self), |directory| directory.parent.as_deref())
    }
}

/// What a walk comes by.
#[derive(Debug)]
pub enum Found {
    /// A directory; what is in it follows, then [`Found::Left`].
    Directory(Arc<Directory>),
    /// Anything else.
    Entry {
        /// The directory that holds it.
        directory: Arc<Directory>,
        /// The entry.
        entry: Entry,
    },
    /// Everything in a directory was yielded, or it could not be read.
    Left(Arc<Directory>),
    /// Something was left out: a directory that can't be read or is too deep, a name that is no name.
    Failure(Error),
}

/// A walk through a remote tree. It ends early, behind a [`Found::Failure`], with the connection or by Ctrl-C.
pub struct Walk {
    lifeline: Lifeline,
    survey: Survey<Arc<Directory>>,
    links: Links,
    selects: Option<Selects>,
    /// Where it starts; taken when it does.
    top: Option<RemotePath>,
    /// A directory that was yielded and whose listing comes next.
    entered: Option<Arc<Directory>>,
    /// Directories that were entered and not left.
    stack: Vec<Open>,
    failures: VecDeque<Error>,
    ahead: Ahead,
    /// For all that was listed and not left.
    budget: Arc<Budget>,
    directories: u64,
    /// Directories from this depth on are yielded and not listed.
    most_depth: usize,
    ended: bool,
}

/// Whether an entry is yielded, by its path below the top.
type Selects = Box<dyn Fn(&[u8], &Attributes) -> bool + Send>;

struct Open {
    directory: Arc<Directory>,
    items: std::vec::IntoIter<Item>,
    _held: Vec<Share>,
}

/// A listing, ready to be yielded.
#[derive(Default)]
struct Contents {
    items: Vec<Item>,
    failures: Vec<Error>,
    /// What the items hold of the budget.
    held: Vec<Share>,
}

enum Item {
    Directory(Arc<Directory>),
    Entry(Entry),
}

/// What is known and asked of directories whose turn has not come.
#[derive(Default)]
struct Ahead {
    /// Not asked for; those that come first in front.
    unasked: VecDeque<Arc<Directory>>,
    /// Asked for before their place in `unasked` came up.
    asked_early: HashSet<u64>,
    /// Asked for and not answered.
    awaited: HashSet<u64>,
    arrived: HashMap<u64, Contents>,
    /// Entries listed and not yielded.
    entries: usize,
}

impl Walk {
    /// A walk through the directory `top`. Nothing is asked before the first item is.
    #[must_use]
    pub fn new(lifeline: Lifeline, top: &RemotePath, links: Links, interrupt: &Interrupt) -> Walk {
        Walk::within(Budget::new(budget::LISTING), lifeline, top, links, interrupt)
    }

    fn within(budget: Budget, lifeline: Lifeline, top: &RemotePath, links: Links, interrupt: &Interrupt) -> Walk {
        let budget = Arc::new(budget);
        Walk {
            survey: Survey::new(&lifeline, interrupt, Longnames::Dropped, &budget),
            budget,
            lifeline,
            links,
            selects: None,
            top: Some(top.clone()),
            entered: None,
            stack: Vec::new(),
            failures: VecDeque::new(),
            ahead: Ahead::default(),
            directories: 0,
            most_depth: usize::MAX,
            ended: false,
        }
    }

    /// Has it yield nothing of what lies deeper: the top is 0 deep, what is in it 1.
    pub fn go_no_deeper_than(&mut self, depth: usize) {
        self.most_depth = depth;
    }

    /// The same without the entries, by their path below the top, that are not selected. A directory that is not is neither
    /// yielded nor read.
    #[must_use]
    pub fn only(mut self, selects: impl Fn(&[u8], &Attributes) -> bool + Send + 'static) -> Walk {
        self.selects = Some(Box::new(selects));
        self
    }

    fn step(&mut self) -> Result<Option<Found>, Error> {
        if let Some(top) = self.top.take() {
            let top = self.top_directory(top)?;
            return Ok(Some(self.enter(top)));
        }
        if let Some(directory) = self.entered.take() {
            let contents = match directory.depth < self.most_depth {
                true => self.contents(&directory)?,
                false => Contents::default(),
            };
            self.failures.extend(contents.failures);
            self.stack.push(Open { directory, items: contents.items.into_iter(), _held: contents.held });
        }
        if let Some(failure) = self.failures.pop_front() {
            return Ok(Some(Found::Failure(failure)));
        }
        let Some(open) = self.stack.last_mut() else { return Ok(None) };
        let Some(item) = open.items.next() else {
            return Ok(self.stack.pop().map(|open| Found::Left(open.directory)));
        };
        self.ahead.entries -= 1;
        Ok(Some(match item {
            Item::Directory(directory) => self.enter(directory),
            Item::Entry(entry) => Found::Entry { directory: Arc::clone(&open.directory), entry },
        }))
    }

    fn enter(&mut self, directory: Arc<Directory>) -> Found {
        self.entered = Some(Arc::clone(&directory));
        Found::Directory(directory)
    }

    fn top_directory(&self, path: RemotePath) -> Result<Arc<Directory>, Error> {
        let canonical = match self.links {
            Links::Kept => None,
            Links::Followed => self.canonical(&path)?,
        };
        let attributes = Attributes::default();
        Ok(Arc::new(Directory { path, parent: None, name: None, attributes, depth: 0, number: 0, canonical }))
    }

    /// A directory's contents, waited for; other listings may come meanwhile.
    fn contents(&mut self, directory: &Arc<Directory>) -> Result<Contents, Error> {
        let mut is_alone = false;
        loop {
            if let Some(contents) = self.ahead.arrived.remove(&directory.number) {
                return Ok(contents);
            }
            if self.ahead.awaited.insert(directory.number) {
                self.ahead.asked_early.insert(directory.number);
                self.survey.list_next(directory.path.clone(), Arc::clone(directory));
            }
            match self.survey.next()? {
                Some(Answer::Listing(listed, _, Err(Error::TooManyEntries(_))))
                    if listed.number != directory.number || !is_alone =>
                {
                    // What does not fit beside the others is asked for again when its turn comes.
                    self.ahead.awaited.remove(&listed.number);
                    if listed.number == directory.number {
                        is_alone = true;
                        self.forget_what_is_ahead();
                    }
                }
                Some(Answer::Listing(directory, _, outcome)) => self.arrive(&directory, outcome)?,
                // The survey answers each question in its own kind, and the directory's is among them.
                _ => return Ok(Contents::default()),
            }
        }
    }

    /// Closes the directories that are open, for whoever lacks handles of the server. They are listed again when their turn comes.
    pub fn let_go(&mut self) {
        self.survey.abandon();
        self.ahead.awaited.clear();
    }

    /// Gives back what directories take whose turn has not come. They are asked for again then.
    fn forget_what_is_ahead(&mut self) {
        self.let_go();
        for contents in std::mem::take(&mut self.ahead.arrived).into_values() {
            self.ahead.entries -= contents.items.len();
        }
    }

    fn arrive(&mut self, directory: &Arc<Directory>, outcome: Result<Listing, Error>) -> Result<(), Error> {
        let contents = match outcome {
            Ok(listing) => self.prepare(directory, listing)?,
            Err(error) => Contents { failures: vec![error], ..Contents::default() },
        };
        for item in contents.items.iter().rev() {
            if let Item::Directory(directory) = item
                && directory.depth < self.most_depth
            {
                self.ahead.unasked.push_front(Arc::clone(directory));
            }
        }
        self.ahead.entries += contents.items.len();
        self.ahead.awaited.remove(&directory.number);
        self.ahead.arrived.insert(directory.number, contents);
        self.read_ahead();
        Ok(())
    }

    fn read_ahead(&mut self) {
        let has_room = |walk: &Walk| walk.survey.has_room() && walk.budget.taken() < walk.budget.limit() / SHARE_AHEAD;
        while has_room(self) && self.ahead.entries < MOST_ENTRIES_AHEAD {
            let Some(directory) = self.ahead.unasked.pop_front() else { break };
            if !self.ahead.asked_early.remove(&directory.number) {
                self.ahead.awaited.insert(directory.number);
                self.survey.list(directory.path.clone(), directory);
            }
        }
    }

    fn prepare(&mut self, directory: &Arc<Directory>, listing: Listing) -> Result<Contents, Error> {
        let mut failures: Vec<Error> = listing.complaints(&directory.path).collect();
        let mut held: Vec<Share> = listing.held.into_iter().collect();
        let mut entries = listing.entries;
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        // A name that comes again would be acted on twice, perhaps as another kind of file.
        entries.dedup_by(|one, other| one.name == other.name);
        self.complete(directory, &mut entries, None, lstat)?;
        // Not every server has LSTAT, or tells the kind in its answer.
        self.complete(directory, &mut entries, None, stat)?;
        self.probe(directory, &mut entries)?;
        let links: Vec<EntryName> = match self.links {
            Links::Kept => Vec::new(),
            Links::Followed => self.follow(directory, &mut entries)?,
        };
        if let Some(selects) = &self.selects {
            let mut path = Vec::new();
            for name in directory.names() {
                path.extend_from_slice(name.as_bytes());
                path.push(b'/');
            }
            let above = path.len();
            entries.retain(|entry| {
                path.truncate(above);
                path.extend_from_slice(entry.name.as_bytes());
                selects(&path, &entry.attributes)
            });
        }
        let mut items = Vec::with_capacity(entries.len());
        let mut paths = self.budget.share(0).ok();
        for entry in entries {
            if !entry.attributes.is_dir() {
                items.push(Item::Entry(entry));
                continue;
            }
            let is_link = links.binary_search(&entry.name).is_ok();
            match self.subdirectory(directory, entry, is_link)? {
                Ok(subdirectory) => {
                    if paths.as_mut().is_some_and(|paths| paths.grow(subdirectory.bytes()).is_err()) {
                        let failure = Error::TooManyEntries(directory.path.clone());
                        return Ok(Contents { failures: vec![failure], ..Contents::default() });
                    }
                    items.push(Item::Directory(Arc::new(subdirectory)));
                }
                Err(failure) => failures.push(failure),
            }
        }
        held.extend(paths);
        Ok(Contents { items, failures, held })
    }

    /// Replaces the attributes of links by those of what they lead to, and tells which entries were links.
    fn follow(&self, directory: &Directory, entries: &mut [Entry]) -> Result<Vec<EntryName>, Error> {
        let is_link = |entry: &&Entry| entry.attributes.file_type() == Some(FileType::Symlink);
        let links = entries.iter().filter(is_link).map(|entry| entry.name.clone()).collect();
        self.complete(directory, entries, Some(FileType::Symlink), stat)?;
        Ok(links)
    }

    /// A directory in a directory, or why it is not entered.
    fn subdirectory(
        &mut self,
        parent: &Arc<Directory>,
        entry: Entry,
        is_link: bool,
    ) -> Result<Result<Directory, Error>, Error> {
        let path = parent.path.join(&entry.name);
        let depth = parent.depth + 1;
        if depth > MAX_DEPTH {
            return Ok(Err(Error::TooDeep { path, levels: MAX_DEPTH }));
        }
        let canonical = match &parent.canonical {
            Some(_) if is_link => self.canonical(&path)?,
            canonical => canonical.as_ref().map(|canonical| canonical.join(&entry.name)),
        };
        if is_link && canonical.is_some() && parent.lineage().any(|directory| directory.canonical == canonical) {
            return Ok(Err(Error::Loop(path)));
        }
        self.directories += 1;
        Ok(Ok(Directory {
            path,
            parent: Some(Arc::clone(parent)),
            name: Some(entry.name),
            attributes: entry.attributes,
            depth,
            number: self.directories,
            canonical,
        }))
    }

    /// The canonical path, where the server tells it. Without it a loop of links is ended by its depth.
    fn canonical(&self, path: &RemotePath) -> Result<Option<RemotePath>, Error> {
        match self.lifeline.ask(|session| session.realpath(path)) {
            Ok(canonical) => Ok(RemotePath::from_server(canonical.to_vec()).ok()),
            Err(error) if error.leaves_the_session_alive() => Ok(None),
            Err(error) => Err(Error::Connection(error)),
        }
    }

    /// Asks for the attributes of the entries of one type, or of none that the listing told, many at a time. What the
    /// server refuses stays as it is.
    fn complete(
        &self,
        directory: &Directory,
        entries: &mut [Entry],
        file_type: Option<FileType>,
        ask: fn(&Session, &RemotePath) -> Pending<Attributes>,
    ) -> Result<(), Error> {
        let mut incomplete: Vec<&mut Entry> =
            entries.iter_mut().filter(|entry| entry.attributes.file_type() == file_type).collect();
        for some in incomplete.chunks_mut(MOST_QUESTIONS) {
            let paths: Vec<_> = some.iter().map(|entry| directory.path.join(&entry.name)).collect();
            let answers = self.lifeline.ask(|session| outcomes(paths.iter().map(|path| ask(session, path))));
            let answers = answers.map_err(|error| Error::new(Act::Stat, &directory.path, error))?;
            for (entry, attributes) in some.iter_mut().zip(answers) {
                if let Ok(attributes) = attributes {
                    entry.attributes = attributes;
                }
            }
        }
        Ok(())
    }

    /// Tries to open as a directory what has permissions and yet no kind, in the listing or otherwise.
    fn probe(&mut self, directory: &Arc<Directory>, entries: &mut [Entry]) -> Result<(), Error> {
        let mut unknown: Vec<&mut Entry> = entries.iter_mut().filter(|entry| entry.attributes.lacks_type()).collect();
        for some in unknown.chunks_mut(MOST_PROBES) {
            let paths: Vec<_> = some.iter().map(|entry| directory.path.join(&entry.name)).collect();
            let open = |session: &Session, path: &RemotePath| session.submit(&calls::Opendir { path });
            let opened = self.lifeline.ask(|session| outcomes(paths.iter().map(|path| open(session, path))));
            let opened = opened.map_err(|error| Error::new(Act::List, &directory.path, error))?;
            // What was opened is closed before anything is tried alone.
            let opened: Vec<Result<(), sftp::Error>> = opened.into_iter().map(|outcome| outcome.map(drop)).collect();
            for ((entry, path), outcome) in some.iter_mut().zip(paths).zip(opened) {
                match outcome {
                    Err(error) if self.survey.tells_nothing(&error) => {
                        entry.attributes = self.probe_alone(directory, path, entry.attributes)?;
                    }
                    outcome => entry.attributes.settle_type(outcome.is_ok()),
                }
            }
        }
        Ok(())
    }

    fn probe_alone(
        &mut self,
        directory: &Arc<Directory>,
        path: RemotePath,
        attributes: Attributes,
    ) -> Result<Attributes, Error> {
        // Directories that are read ahead would stay open for as long as nobody looks at them.
        self.let_go();
        self.survey.probe_alone(path, Arc::clone(directory), attributes);
        match self.survey.next()? {
            Some(Answer::Attributes(_, _, Ok(attributes))) => Ok(attributes),
            // The one question has an answer of its own kind.
            _ => Ok(attributes),
        }
    }
}

/// The outcomes of questions, all of which are asked before the first is waited for.
type Outcomes<T> = Vec<Result<T, sftp::Error>>;

/// Waits for answers, all of which are asked for first. Fails only with the connection.
fn outcomes<T>(questions: impl Iterator<Item = Pending<T>>) -> Result<Outcomes<T>, sftp::Error> {
    let questions: Vec<_> = questions.collect();
    let answer = |question: Pending<T>| match question.wait() {
        Err(error) if !error.leaves_the_session_alive() => Err(error),
        outcome => Ok(outcome),
    };
    questions.into_iter().map(answer).collect()
}

fn lstat(session: &Session, path: &RemotePath) -> Pending<Attributes> {
    session.submit(&calls::Lstat { path })
}

fn stat(session: &Session, path: &RemotePath) -> Pending<Attributes> {
    session.submit(&calls::Stat { path })
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if self.ended {
            return None;
        }
        let found = self.step().unwrap_or_else(|error| {
            self.ended = true;
            Some(Found::Failure(error))
        });
        self.ended |= found.is_none();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::ChildTransport;
    use crate::sftp::Options;
    use std::process::Command;

    /// A session with OpenSSH's server, wherever the system has it.
    fn session() -> Session {
        let places = ["/usr/lib/openssh", "/usr/libexec/openssh", "/usr/libexec", "/usr/lib/ssh"];
        let servers = places.map(|place| format!("{place}/sftp-server"));
        let server = servers.iter().find(|server| std::path::Path::new(server).exists()).unwrap();
        let transport = ChildTransport::spawn(&Command::new(server)).unwrap();
        Session::open(Box::new(transport), Options::default()).unwrap()
    }

    /// 30 directories with 40 files each, their paths below the top in order, and a walk with so much memory.
    fn walked(bytes: u64) -> (Vec<String>, Vec<String>, Vec<Error>) {
        let tree = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for directory in 10..40 {
            std::fs::create_dir(tree.path().join(format!("d{directory}"))).unwrap();
            files.extend((10..50).map(|file| format!("d{directory}/f{file}")));
        }
        files.iter().for_each(|file| std::fs::write(tree.path().join(file), "").unwrap());
        let top = RemotePath::new(tree.path().to_str().unwrap()).unwrap();
        let lifeline = Lifeline::single(&session());
        let walk = Walk::within(Budget::new(bytes), lifeline, &top, Links::Kept, &Interrupt::default());
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for one in walk {
            match one {
                Found::Entry { directory, entry } => {
                    let path = directory.path.join(&entry.name);
                    let below = &path.as_bytes()[top.as_bytes().len() + 1..];
                    found.push(String::from_utf8_lossy(below).into_owned());
                }
                Found::Failure(error) => failures.push(error),
                Found::Directory(_) | Found::Left(_) => {}
            }
        }
        (files, found, failures)
    }

    #[test]
    fn a_walk_finds_all_even_if_its_budget_holds_few_directories_at_once() {
        for bytes in [1 << 20, 60_000, 40_000, 25_000] {
            let (files, found, failures) = walked(bytes);
            assert!(failures.is_empty(), "{bytes}: {failures:?}");
            assert!(found == files, "{bytes}: {} of {}", found.len(), files.len());
        }
    }

    #[test]
    fn a_directory_that_does_not_fit_fails_and_the_walk_goes_on() {
        let (_, found, failures) = walked(12_000);
        assert_eq!(found.len(), 0);
        assert_eq!(failures.len(), 30);
        assert!(failures.iter().all(|error| matches!(error, Error::TooManyEntries(_))), "{failures:?}");
    }
}
