//! Walks a remote tree entry by entry, and reads ahead with many READDIRs in flight.
//!
//! A walk has a fixed order: top down, sorted bytewise within each directory, as if it read one directory after
//! another. Within limits, later directories are being listed meanwhile.

mod contents;
mod directory;
mod parts;
mod whole;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::budget::{self, Budget, Share};
use crate::name::RemotePath;
use crate::remote::entries::{Entries, Entry};
use crate::remote::error::{Act, Error};
use crate::remote::interrupt::Interrupt;
use crate::remote::lifeline::Lifeline;
use crate::remote::listing::{Listing, Longnames};
use crate::remote::survey::{Answer, Survey};
use crate::remote::walk::contents::{Contents, Item, Items, Parts};
use crate::sftp::{self, Attributes, FileType, Pending, Session, calls};

pub use self::directory::Directory;
pub use self::whole::{WholeDirectories, WholeDirectory};

/// How many levels a walk descends, as in sftp(1): a server could nest directories forever.
pub const MAX_DEPTH: usize = 64;

/// Entries that were listed but not yielded yet. Above this number, no directory is read ahead.
const MOST_ENTRIES_AHEAD: usize = 100_000;

/// Divisor of the budget. Once listings have taken that part of it, reading ahead stops: the rest is for the directory
/// whose turn it is.
const SHARE_AHEAD: u64 = 2;

/// Requests about the types of entries in flight, for servers whose listings lack types and for links to be followed.
const MOST_QUESTIONS: usize = 256;

/// How many entries are opened at once to find out whether they are directories.
const MOST_PROBES: usize = 8;

/// How a walk treats symbolic links below its top. It always follows the top itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// Links are entries like any other.
    #[default]
    Kept,
    /// Links count as their targets. A link without a target is an entry.
    Followed,
}

/// An item of a walk.
#[derive(Debug)]
pub enum Found {
    /// A directory. Its contents follow, then [`Found::Left`].
    Directory(Arc<Directory>),
    /// An entry that is not a directory.
    Entry {
        /// The directory that holds it.
        directory: Arc<Directory>,
        /// The entry.
        entry: Entry,
    },
    /// The end of a directory: all of it was yielded, or it could not be read.
    Left(Arc<Directory>),
    /// An entry was left out: a directory that can't be read or is too deep, or a name that is not allowed.
    Failure(Error),
}

/// A walk through a remote tree. If the connection is lost or Ctrl-C is pressed, it ends after a [`Found::Failure`].
pub struct Walk {
    lifeline: Lifeline,
    survey: Survey<Arc<Directory>>,
    links: Links,
    selects: Option<Selects>,
    /// The start of the walk, until it has begun.
    top: Option<RemotePath>,
    /// A directory that was yielded and must be listed next.
    entered: Option<Arc<Directory>>,
    /// Directories that were entered and not left yet.
    stack: Vec<Open>,
    failures: VecDeque<Error>,
    ahead: Ahead,
    /// The budget of all listings, until their directories are left.
    budget: Arc<Budget>,
    directories: u64,
    /// Directories from this depth on are yielded but not listed.
    most_depth: usize,
    ended: bool,
}

/// Decides whether to yield an entry, by its path below the top.
type Selects = Box<dyn Fn(&[u8], &Attributes) -> bool + Send>;

struct Open {
    directory: Arc<Directory>,
    items: Items,
    /// The earlier parts of the directory, until its last part has come.
    parts: Option<Parts>,
}

/// The state of directories whose turn has not come.
#[derive(Default)]
struct Ahead {
    /// Not requested yet, in the order of their turn.
    unasked: VecDeque<Arc<Directory>>,
    /// Requested before their place in `unasked` was reached.
    asked_early: HashSet<u64>,
    /// Requested and not answered.
    awaited: HashSet<u64>,
    arrived: HashMap<u64, Contents>,
    /// Entries listed and not yielded.
    entries: usize,
}

impl Walk {
    /// Creates a walk through the directory `top`. It sends no request before the first item is wanted.
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

    /// Returns whether the last item was the last one of its directory, unless the directory is left: a failure or the
    /// end of a directory belongs to no place in it.
    #[must_use]
    pub fn is_at_last(&self) -> bool {
        self.stack.last().is_none_or(|open| open.items.len() == 0)
    }

    /// Limits the depth of the items: the top has depth 0, its entries depth 1.
    pub fn go_no_deeper_than(&mut self, depth: usize) {
        self.most_depth = depth;
    }

    /// Keeps the server's own lines about entries, for `ls -l`.
    pub fn keep_longnames(&mut self) {
        self.survey.keep_longnames();
    }

    /// Yields only selected entries, judged by their path below the top. A directory that is not selected is neither
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
            self.open(directory)?;
        }
        let (open, item) = loop {
            if let Some(failure) = self.failures.pop_front() {
                return Ok(Some(Found::Failure(failure)));
            }
            let Some(open) = self.stack.last_mut() else { return Ok(None) };
            match (open.items.next(), open.parts.take()) {
                (Some(item), parts) => {
                    open.parts = parts;
                    break (open, item);
                }
                (None, Some(parts)) => self.go_on(parts)?,
                (None, None) => return Ok(self.stack.pop().map(|open| Found::Left(open.directory))),
            }
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

    fn open(&mut self, directory: Arc<Directory>) -> Result<(), Error> {
        let mut contents = match directory.depth < self.most_depth {
            true => self.contents(&directory)?,
            false => Contents::default(),
        };
        self.failures.extend(std::mem::take(&mut contents.failures));
        let parts = contents.goes_on.then(|| Parts::begin(&mut contents.items));
        self.stack.push(Open { directory, items: contents.items, parts });
        Ok(())
    }

    /// Waits for a directory's contents, or for their first part. Other listings may arrive meanwhile.
    fn contents(&mut self, directory: &Arc<Directory>) -> Result<Contents, Error> {
        self.contents_or_part(directory, false)
    }

    /// Like [`Walk::contents`], but the first parts may have been yielded. Then the directory is not listed again,
    /// because its entries would come twice.
    fn contents_or_part(&mut self, directory: &Arc<Directory>, has_begun: bool) -> Result<Contents, Error> {
        let mut is_alone = has_begun;
        loop {
            if let Some(contents) = self.ahead.arrived.remove(&directory.number) {
                return Ok(contents);
            }
            if !has_begun && self.ahead.awaited.insert(directory.number) {
                self.ahead.asked_early.insert(directory.number);
                self.survey.list_next(directory.path.clone(), Arc::clone(directory));
            }
            match self.survey.next()? {
                Some(Answer::Part(listed, listing)) if listed.number == directory.number => {
                    return self.part(directory, listing);
                }
                Some(Answer::Part(listed, _)) => self.postpone(&listed),
                Some(Answer::Listing(listed, _, Err(Error::TooManyEntries(_))))
                    if listed.number != directory.number || !is_alone =>
                {
                    // A directory that exceeds the budget because of the others is listed again when its turn comes.
                    self.ahead.awaited.remove(&listed.number);
                    if listed.number == directory.number {
                        is_alone = true;
                        self.forget_what_is_ahead();
                    }
                }
                Some(Answer::Listing(directory, _, outcome)) => self.arrive(&directory, outcome)?,
                // The survey answers each request with the matching kind, and the directory's answer is among them, unless
                // its listing was abandoned for a probe.
                _ => {
                    let error = sftp::Error::ConnectionLost("the listing was abandoned".into());
                    return Err(Error::new(Act::List, &directory.path, error));
                }
            }
        }
    }

    /// Closes the open directories, for callers that need the server's handles. They are listed again when their turn
    /// comes.
    pub fn let_go(&mut self) {
        self.survey.abandon();
        self.ahead.awaited.clear();
    }

    /// Gives back the bytes of all directories whose turn has not come. They are listed again then.
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
        self.look_forward(contents.items.directories.iter());
        self.ahead.entries += contents.items.len();
        self.ahead.awaited.remove(&directory.number);
        self.ahead.arrived.insert(directory.number, contents);
        self.read_ahead();
        Ok(())
    }

    /// Notes directories to be read ahead, before all others.
    fn look_forward<'a>(&mut self, directories: impl DoubleEndedIterator<Item = &'a Arc<Directory>>) {
        for directory in directories.rev().filter(|directory| directory.depth < self.most_depth) {
            self.ahead.unasked.push_front(Arc::clone(directory));
        }
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
        // Callers would act twice on a name that comes twice, perhaps as different types of files.
        let mut order = entries.sorted();
        self.complete(directory, &mut entries, None, lstat)?;
        // Some servers lack LSTAT, or give no type in its answer.
        self.complete(directory, &mut entries, None, stat)?;
        self.probe(directory, &mut entries)?;
        let links = match self.links {
            Links::Kept => HashSet::new(),
            Links::Followed => self.follow(directory, &mut entries)?,
        };
        if let Some(selects) = &self.selects {
            let mut path = Vec::new();
            for name in directory.names() {
                path.extend_from_slice(name.as_bytes());
                path.push(b'/');
            }
            let above = path.len();
            order.retain(|&index| {
                path.truncate(above);
                path.extend_from_slice(entries.name(index).as_bytes());
                selects(&path, &entries.attributes(index))
            });
        }
        let mut directories = VecDeque::new();
        let mut not_entered = HashSet::new();
        let mut paths = self.budget.share(0).ok();
        for index in order.iter().copied().filter(|&index| entries.attributes(index).is_dir()) {
            match self.subdirectory(directory, entries.get(index).into(), links.contains(&index))? {
                Ok(subdirectory) => {
                    if paths.as_mut().is_some_and(|paths| paths.grow(subdirectory.bytes()).is_err()) {
                        let failure = Error::TooManyEntries(directory.path.clone());
                        return Ok(Contents { failures: vec![failure], ..Contents::default() });
                    }
                    directories.push_back(Arc::new(subdirectory));
                }
                Err(failure) => {
                    failures.push(failure);
                    not_entered.insert(index);
                }
            }
        }
        order.retain(|index| !not_entered.contains(index));
        held.extend(paths);
        Ok(Contents {
            items: Items { entries, order: order.into_iter(), directories, held, late: VecDeque::new() },
            failures,
            goes_on: false,
        })
    }

    /// Replaces the attributes of links by those of their targets, and returns the indices of the links.
    fn follow(&self, directory: &Directory, entries: &mut Entries) -> Result<HashSet<usize>, Error> {
        let links = of_type(entries, Some(FileType::Symlink)).into_iter().collect();
        self.complete(directory, entries, Some(FileType::Symlink), stat)?;
        Ok(links)
    }

    /// Creates a subdirectory, or returns why it is not entered.
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

    /// Returns the canonical path, if the server reports it. Without it, the limit of depth ends a loop of links.
    fn canonical(&self, path: &RemotePath) -> Result<Option<RemotePath>, Error> {
        match self.lifeline.with_session(|session| session.realpath(path)) {
            Ok(canonical) => Ok(RemotePath::from_server(canonical.to_vec()).ok()),
            Err(error) if error.leaves_the_session_alive() => Ok(None),
            Err(error) => Err(Error::Connection(error)),
        }
    }

    /// Requests the attributes of all entries of one type, or of those without a type, many at a time. If the server
    /// refuses, an entry's attributes stay unchanged.
    fn complete(
        &self,
        directory: &Directory,
        entries: &mut Entries,
        file_type: Option<FileType>,
        ask: fn(&Session, &RemotePath) -> Pending<Attributes>,
    ) -> Result<(), Error> {
        for some in of_type(entries, file_type).chunks(MOST_QUESTIONS) {
            let paths: Vec<_> = some.iter().map(|&index| directory.path.join(entries.name(index))).collect();
            let answers = self.lifeline.with_session(|session| outcomes(paths.iter().map(|path| ask(session, path))));
            let answers = answers.map_err(|error| Error::new(Act::Stat, &directory.path, error))?;
            for (&index, attributes) in some.iter().zip(answers) {
                if let Ok(attributes) = attributes {
                    entries.set_attributes(index, attributes);
                }
            }
        }
        Ok(())
    }

    /// Opens each entry with permissions but no type, to find out whether it is a directory.
    fn probe(&mut self, directory: &Arc<Directory>, entries: &mut Entries) -> Result<(), Error> {
        let unknown = (0..entries.len()).filter(|&index| entries.attributes(index).lacks_type());
        for some in unknown.collect::<Vec<_>>().chunks(MOST_PROBES) {
            let paths: Vec<_> = some.iter().map(|&index| directory.path.join(entries.name(index))).collect();
            let open = |session: &Session, path: &RemotePath| session.submit(&calls::Opendir { path });
            let opened = self.lifeline.with_session(|session| outcomes(paths.iter().map(|path| open(session, path))));
            let opened = opened.map_err(|error| Error::new(Act::List, &directory.path, error))?;
            // All of them are closed before any is opened alone.
            let opened: Vec<Result<(), sftp::Error>> = opened.into_iter().map(|outcome| outcome.map(drop)).collect();
            for ((&index, path), outcome) in some.iter().zip(paths).zip(opened) {
                let mut attributes = entries.attributes(index);
                match outcome {
                    Err(error) if self.survey.tells_nothing(&error) => {
                        attributes = self.probe_alone(directory, path, attributes)?;
                    }
                    outcome => attributes.settle_type(outcome.is_ok()),
                }
                entries.set_attributes(index, attributes);
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
        // Directories that are read ahead would stay open until their turn comes.
        self.let_go();
        self.survey.probe_alone(path, Arc::clone(directory), attributes);
        match self.survey.next()? {
            Some(Answer::Attributes(_, _, Ok(attributes))) => Ok(attributes),
            // This can't be reached, because the one request has an answer of its kind.
            _ => Ok(attributes),
        }
    }
}

/// Returns the indices of the entries of one type, or of those without a type.
fn of_type(entries: &Entries, file_type: Option<FileType>) -> Vec<usize> {
    (0..entries.len()).filter(|&index| entries.attributes(index).file_type() == file_type).collect()
}

/// The outcomes of several requests.
type Outcomes<T> = Vec<Result<T, sftp::Error>>;

/// Sends all requests, then waits for their answers. Fails only if the connection ends.
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

    /// Returns a session with OpenSSH's server, if the system has it.
    pub(super) fn session() -> Session {
        let places = ["/usr/lib/openssh", "/usr/libexec/openssh", "/usr/libexec", "/usr/lib/ssh"];
        let servers = places.map(|place| format!("{place}/sftp-server"));
        let server = servers.iter().find(|server| std::path::Path::new(server).exists()).unwrap();
        let transport = ChildTransport::spawn(&Command::new(server)).unwrap();
        Session::open(Box::new(transport), Options::default()).unwrap()
    }

    /// Returns the paths of 30 directories with 40 files each, in order, and of a walk with this much memory; and its
    /// errors.
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
        let (_, found, failures) = walked(10_500);
        assert_eq!(found.len(), 0);
        assert_eq!(failures.len(), 30);
        assert!(failures.iter().all(|error| matches!(error, Error::TooManyEntries(_))), "{failures:?}");
    }
}
