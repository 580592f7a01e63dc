//! Keeps many requests about the remote tree in flight: listings of directories, and attributes of paths.
//!
//! A listing costs two round trips: OPENDIR, then several READDIRs at once, because the answers to those beyond the
//! end are cheap. The outcome of CLOSE is ignored, because nothing was written.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::budget::{self, Budget, Share};
use crate::name::RemotePath;
use crate::remote::error::{Act, Error};
use crate::remote::interrupt::{Interrupt, Watch};
use crate::remote::lifeline::{Lifeline, NumberedSession};
use crate::remote::listing::{Listing, Longnames};
use crate::sftp::{
    self, Attributes, Completions, Handle, NamePacket, Reply, Session, Status, StatusCode, Wakeup, calls,
};

/// READDIRs in flight on a newly opened directory: one fetches the entries of most directories, and one finds the
/// end.
const FIRST_READS: usize = 2;

/// READDIRs in flight on a large directory, if it is the only one. OpenSSH's server answers each with 100 entries, so
/// 20,000 entries take six round trips; with 32 in flight they would take nine.
const MOST_READS: usize = 128;

/// READDIRs in flight on each directory, if many are open: together they use the whole line.
const LEAST_READS: usize = 8;

/// Requests about paths in flight: enough for any round trip, and few enough to stop soon after Ctrl-C.
const MOST_PATHS: usize = 512;

/// Directories open at once, if the server doesn't report its limit of handles.
const DEFAULT_DIRECTORIES: usize = 32;

/// Most directories open at once.
const MOST_DIRECTORIES: usize = 128;

/// Divisor of the server's handles: a survey may take that part, because transfers may be running at the same time.
const SHARE_OF_HANDLES: u64 = 4;

/// Longest sleep while other files are open. Closing the last of them wakes the survey anyway.
const NAP: Duration = Duration::from_millis(500);

/// How many ways of saying "not a directory" are remembered. A server has one or two.
const MOST_WORDINGS: usize = 8;

/// The answer to a request, with the request's token.
pub(super) enum Answer<T> {
    /// A part of a listing. More parts may follow, and in any case [`Answer::Listing`] with the rest.
    Part(T, Listing),
    Listing(T, RemotePath, Result<Listing, Error>),
    Attributes(T, RemotePath, Result<Attributes, Error>),
}

/// Requests in flight. Dropping the survey abandons them and closes the open directories.
pub(super) struct Survey<T: Send + 'static> {
    lifeline: Lifeline,
    current: NumberedSession,
    /// Why the current session has ended. Its requests are put back, for the next session.
    lost: Option<sftp::Error>,
    queue: Completions<RequestTag<T>>,
    /// Ends a wait for the queue.
    wakeup: Wakeup,
    watch: Watch,
    ready: VecDeque<(RequestTag<T>, Result<Reply, sftp::Error>)>,
    unopened: VecDeque<(RemotePath, T)>,
    /// Refused while other files were open, perhaps for lack of handles. Each is tried again when nothing else is
    /// open.
    refused: VecDeque<Refused<T>>,
    /// The server's answers, as code and text, to probes of something other than a directory with nothing else open.
    no_directory: HashSet<(StatusCode, Bytes)>,
    unasked: VecDeque<(Links, RemotePath, T)>,
    directories: HashMap<u64, Directory<T>>,
    next_directory: u64,
    most_directories: usize,
    longnames: Longnames,
    /// Listings are handed out in parts of at least this many entries.
    part: usize,
    interrupt: Interrupt,
    /// The budget of all listings.
    budget: Arc<Budget>,
}

enum RequestTag<T> {
    Opendir(u64),
    Readdir {
        directory: u64,
        sequence: usize,
    },
    Attributes(Links, RemotePath, T),
    /// Opens a file with these attributes, which lack a type, to find out whether it is a directory.
    Probe(RemotePath, T, Attributes),
}

/// A directory to open when nothing else is open.
enum Refused<T> {
    /// To list it. This many other directories were open when the server refused.
    Directory(RemotePath, T, usize),
    Probe(RemotePath, T, Attributes),
}

/// How to ask for the attributes of a link.
#[derive(Clone, Copy)]
enum Links {
    Itself,
    Target,
}

struct Directory<T> {
    token: T,
    path: RemotePath,
    /// How many other directories were open when the server refused this one, if it did.
    refused_beside: Option<usize>,
    handle: Option<Handle>,
    /// The entries from the first READDIRs that were all answered. They are in the order of the requests, which is the
    /// server's order.
    listing: Listing,
    /// The number of READDIRs whose entries are in `listing`.
    joined: usize,
    /// The entries from READDIRs that were answered before an earlier one.
    early: BTreeMap<usize, Listing>,
    /// The number of READDIRs sent.
    asked: usize,
    in_flight: usize,
    /// The directory's share of the budget. Each answer counts with its length or with the bytes kept of it,
    /// whichever is more. `None` once the budget was exceeded.
    share: Option<Share>,
    /// The bytes of all answers, of those in earlier parts too.
    received: u64,
    /// True if an entry lacks a type.
    lacks_types: bool,
    ended: bool,
    failure: Option<Error>,
}

impl<T: Clone + Send + 'static> Survey<T> {
    /// Creates a survey without requests. Listings are taken from `budget`; a directory that exceeds it fails.
    pub(super) fn new(
        lifeline: &Lifeline,
        interrupt: &Interrupt,
        longnames: Longnames,
        budget: &Arc<Budget>,
    ) -> Survey<T> {
        let queue = Completions::new();
        let wakeup = queue.wakeup();
        let current = lifeline.current();
        let share = current.session.limits().open_handles.map(|handles| usize::try_from(handles / SHARE_OF_HANDLES));
        let most_directories = match share {
            None => DEFAULT_DIRECTORIES,
            Some(share) => share.unwrap_or(MOST_DIRECTORIES).clamp(1, MOST_DIRECTORIES),
        };
        Survey {
            lifeline: lifeline.clone(),
            current,
            lost: None,
            watch: interrupt.watch(wakeup.clone()),
            wakeup,
            queue,
            ready: VecDeque::new(),
            unopened: VecDeque::new(),
            refused: VecDeque::new(),
            no_directory: HashSet::new(),
            unasked: VecDeque::new(),
            directories: HashMap::new(),
            next_directory: 0,
            most_directories,
            longnames,
            part: usize::MAX,
            interrupt: interrupt.clone(),
            budget: Arc::clone(budget),
        }
    }

    /// Abandons all requests, and gives their bytes back to the budget.
    pub(super) fn abandon(&mut self) {
        self.queue = Completions::new();
        self.wakeup = self.queue.wakeup();
        self.watch = self.interrupt.watch(self.wakeup.clone());
        self.ready.clear();
        self.unopened.clear();
        self.refused.clear();
        self.unasked.clear();
        self.directories.clear();
    }

    /// Keeps the server's own lines about entries in all listings from now on.
    pub(super) fn keep_longnames(&mut self) {
        self.longnames = Longnames::Kept;
    }

    /// Hands out listings in parts of at least this many entries from now on, except those whose entries lack a type:
    /// to find it out, directories are opened, perhaps with no other one open.
    pub(super) fn hand_out_parts(&mut self, entries: usize) {
        self.part = entries;
    }

    /// Abandons the listings with such tokens, and gives their bytes back to the budget.
    pub(super) fn forget(&mut self, is_unwanted: impl Fn(&T) -> bool) {
        self.directories.retain(|_, directory| !is_unwanted(&directory.token));
    }

    /// Requests a directory's entries.
    pub(super) fn list(&mut self, path: RemotePath, token: T) {
        self.unopened.push_back((path, token));
    }

    /// Requests a directory's entries before all waiting requests.
    pub(super) fn list_next(&mut self, path: RemotePath, token: T) {
        self.unopened.push_front((path, token));
    }

    /// Requests attributes without following a link.
    pub(super) fn lstat(&mut self, path: RemotePath, token: T) {
        self.unasked.push_back((Links::Itself, path, token));
    }

    /// Requests attributes, following links.
    pub(super) fn stat(&mut self, path: RemotePath, token: T) {
        self.unasked.push_back((Links::Target, path, token));
    }

    /// Finds out whether a file with these attributes, which lack a type, is a directory. Opens it when nothing else
    /// is open.
    pub(super) fn probe_alone(&mut self, path: RemotePath, token: T, attributes: Attributes) {
        self.refused.push_back(Refused::Probe(path, token, attributes));
    }

    /// Returns whether another directory could be opened at once.
    pub(super) fn has_room(&self) -> bool {
        self.unopened.len() + self.directories.len() < self.most_directories
    }

    /// Waits for the next answer. Answers come in any order. Returns `None` after the last one.
    pub(super) fn next(&mut self) -> Result<Option<Answer<T>>, Error> {
        self.next_until(None)
    }

    /// Like [`Survey::next`], but returns `None` after the deadline, even if requests are unanswered.
    pub(super) fn next_until(&mut self, deadline: Option<Instant>) -> Result<Option<Answer<T>>, Error> {
        loop {
            self.submit();
            if self.watch.was_pressed() {
                return Err(Error::Interrupted);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            let Some((tag, outcome)) = self.ready.pop_front() else {
                if self.queue.outstanding() > 0 {
                    self.ready = self.queue.wait(left);
                } else if let Some(error) = self.lost.take() {
                    self.go_on_after(error)?;
                } else if self.refused.is_empty() {
                    return Ok(None);
                } else {
                    self.wait_for_handles(left);
                }
                continue;
            };
            if let Err(error) = &outcome
                && !error.leaves_the_session_alive()
            {
                self.lost.get_or_insert(error.clone());
                self.put_back(tag);
                continue;
            }
            if let Some(answer) = self.take(tag, outcome) {
                return Ok(Some(answer));
            }
        }
    }

    /// Waits until no handle is open, until Ctrl-C, or at most for the time `left`. Other users of handles, such as
    /// transfers, close theirs by themselves.
    fn wait_for_handles(&mut self, left: Option<Duration>) {
        self.current.session.openings().wake_when_none(self.wakeup.clone());
        self.ready = self.queue.wait(Some(left.map_or(NAP, |left| left.min(NAP))));
    }

    /// Continues with the session that follows the one that ended.
    fn go_on_after(&mut self, ended: sftp::Error) -> Result<(), Error> {
        self.current = self.lifeline.after(&self.current).ok_or(Error::Connection(ended))?;
        Ok(())
    }

    /// Puts a request back whose answer was lost. A directory is listed from its beginning again, because handles end
    /// with their session.
    fn put_back(&mut self, tag: RequestTag<T>) {
        match tag {
            RequestTag::Attributes(links, path, token) => self.unasked.push_front((links, path, token)),
            RequestTag::Probe(path, token, _) => self.unasked.push_front((Links::Itself, path, token)),
            RequestTag::Opendir(id) | RequestTag::Readdir { directory: id, .. } => {
                if let Some(Directory { path, token, .. }) = self.directories.remove(&id) {
                    self.unopened.push_front((path, token));
                }
            }
        }
    }

    fn submit(&mut self) {
        if self.lost.is_some() {
            return;
        }
        if self.current.session.openings().are_none() {
            match self.refused.pop_front() {
                Some(Refused::Directory(path, token, beside)) => self.open(path, token, Some(beside)),
                Some(Refused::Probe(path, token, attributes)) => self.open_probe(path, token, attributes),
                None => {}
            }
        }
        while self.refused.is_empty() && self.directories.len() < self.most_directories {
            let Some((path, token)) = self.unopened.pop_front() else { break };
            self.open(path, token, None);
        }
        while self.queue.outstanding() < MOST_PATHS {
            let Some((links, path, token)) = self.unasked.pop_front() else { break };
            let about = path.clone();
            let tag = RequestTag::Attributes(links, path, token);
            let session = &self.current.session;
            match links {
                Links::Itself => session.submit_to(&self.queue, tag, &calls::Lstat { path: &about }),
                Links::Target => session.submit_to(&self.queue, tag, &calls::Stat { path: &about }),
            }
        }
    }

    fn open_probe(&mut self, path: RemotePath, token: T, attributes: Attributes) {
        let tag = RequestTag::Probe(path.clone(), token, attributes);
        self.current.session.submit_to(&self.queue, tag, &calls::Opendir { path: &path });
    }

    fn open(&mut self, path: RemotePath, token: T, refused_beside: Option<usize>) {
        let id = self.next_directory;
        self.next_directory += 1;
        self.current.session.submit_to(&self.queue, RequestTag::Opendir(id), &calls::Opendir { path: &path });
        self.directories.insert(id, Directory::new(path, token, refused_beside, &self.budget));
    }

    /// Returns whether to try a refused OPENDIR again.
    fn may_lack_handles(&self, error: &sftp::Error) -> bool {
        error.may_lack_handles(self.current.session.width().is_trusted())
    }

    /// Returns whether the file may be a directory although a probe was refused, because handles were lacking.
    pub(super) fn tells_nothing(&self, error: &sftp::Error) -> bool {
        let is_known = match error {
            sftp::Error::Status(Status { code, text, .. }) => self.no_directory.contains(&(*code, text.clone())),
            _ => false,
        };
        !is_known && self.may_lack_handles(error)
    }

    /// Lets a refused directory wait until nothing else is open.
    fn retry(&mut self, id: u64) {
        let open = self.directories.values().filter(|directory| directory.handle.is_some()).count();
        if let Some(Directory { path, token, .. }) = self.directories.remove(&id) {
            self.refused.push_back(Refused::Directory(path, token, open));
        }
    }

    fn take(&mut self, tag: RequestTag<T>, outcome: Result<Reply, sftp::Error>) -> Option<Answer<T>> {
        let id = match tag {
            // Some servers lack LSTAT. Then links can't be told from their targets.
            RequestTag::Attributes(Links::Itself, path, token) if is_unsupported(&outcome) => {
                self.unasked.push_front((Links::Target, path, token));
                return None;
            }
            RequestTag::Attributes(_, path, token) if matches!(&outcome, Ok(Reply::Attributes(attributes)) if attributes.lacks_type()) =>
            {
                if let Ok(Reply::Attributes(attributes)) = outcome {
                    self.open_probe(path, token, attributes);
                }
                return None;
            }
            RequestTag::Probe(path, token, attributes)
                if outcome.as_ref().is_err_and(|error| self.tells_nothing(error)) =>
            {
                self.refused.push_back(Refused::Probe(path, token, attributes));
                return None;
            }
            RequestTag::Probe(path, token, mut attributes) => {
                if let Err(sftp::Error::Status(Status { code, text, beside: 0 })) = &outcome
                    && self.no_directory.len() < MOST_WORDINGS
                {
                    self.no_directory.insert((*code, text.clone()));
                }
                // Dropping the handle sends CLOSE.
                attributes.settle_type(matches!(outcome, Ok(Reply::Handle(_))));
                return Some(Answer::Attributes(token, path, Ok(attributes)));
            }
            RequestTag::Attributes(_, path, token) => {
                let attributes = match outcome {
                    Ok(Reply::Attributes(attributes)) => Ok(attributes),
                    Ok(_) => Ok(Attributes::default()),
                    Err(error) => Err(Error::new(Act::Stat, &path, error)),
                };
                return Some(Answer::Attributes(token, path, attributes));
            }
            RequestTag::Opendir(id) | RequestTag::Readdir { directory: id, .. } => id,
        };
        if let (RequestTag::Opendir(_), Err(error)) = (&tag, &outcome)
            && self.may_lack_handles(error)
        {
            self.retry(id);
            return None;
        }
        let most_reads = (MOST_READS / self.directories.len().max(1)).max(LEAST_READS);
        let directory = self.directories.get_mut(&id)?;
        match (tag, outcome) {
            (_, Ok(Reply::Handle(handle))) => {
                directory.handle = Some(handle);
                // The others were in its way, so from now on no more than those are opened at once.
                if let Some(beside) = directory.refused_beside.take() {
                    self.most_directories = beside.clamp(1, self.most_directories);
                }
            }
            (RequestTag::Readdir { sequence, .. }, Ok(Reply::Names(names))) => {
                directory.add(sequence, &names);
            }
            (RequestTag::Readdir { .. }, Err(error)) => directory.end(error),
            (_, Err(error)) => directory.refuse(Act::List, error),
            (_, Ok(_)) => directory.ended = true,
        }
        directory.in_flight -= 1;
        let longnames = self.longnames == Longnames::Kept;
        for sequence in directory.next_reads(most_reads) {
            if let Some(handle) = &directory.handle {
                let tag = RequestTag::Readdir { directory: id, sequence };
                self.current.session.submit_to(&self.queue, tag, &calls::Readdir { handle, longnames });
            }
        }
        if directory.in_flight > 0 {
            return directory.part(self.part).map(|part| Answer::Part(directory.token.clone(), part));
        }
        self.directories.remove(&id).map(Directory::into_answer)
    }
}

impl<T> Directory<T> {
    /// Creates the state of a directory whose OPENDIR was sent.
    fn new(path: RemotePath, token: T, refused_beside: Option<usize>, budget: &Arc<Budget>) -> Directory<T> {
        Directory {
            token,
            path,
            refused_beside,
            handle: None,
            listing: Listing::default(),
            joined: 0,
            early: BTreeMap::new(),
            asked: 0,
            in_flight: 1,
            share: budget.share(0).ok(),
            received: 0,
            lacks_types: false,
            ended: false,
            failure: None,
        }
    }

    /// Adds the answer to a READDIR. Like sftp(1), it takes an answer without entries as the end; otherwise the
    /// server could repeat it forever.
    fn add(&mut self, sequence: usize, names: &NamePacket) {
        self.ended |= names.entries().len() == 0;
        let Some(share) = &mut self.share else { return };
        let mut chunk = Listing::default();
        names.entries().for_each(|entry| chunk.add(entry));
        self.lacks_types |= chunk.entries.iter().any(|entry| entry.attributes.file_type().is_none());
        self.received += names.bytes;
        if self.received > budget::IN_PARTS || share.grow(chunk.bytes().max(names.bytes)).is_err() {
            self.ended = true;
            self.failure = Some(Error::TooManyEntries(self.path.clone()));
            self.share = None;
            self.listing = Listing::default();
            self.early.clear();
            return;
        }
        self.early.insert(sequence, chunk);
        while let Some(chunk) = self.early.remove(&self.joined) {
            self.listing.append(chunk);
            self.joined += 1;
        }
    }

    /// Takes out the entries that came in order so far, if they are at least this many and all have a type.
    fn part(&mut self, entries: usize) -> Option<Listing> {
        let share = self.share.as_mut()?;
        if self.listing.entries.len() < entries || self.lacks_types {
            return None;
        }
        let mut part = std::mem::take(&mut self.listing);
        let early: u64 = self.early.values().map(Listing::bytes).sum();
        share.shrink_to(part.bytes() + early);
        part.held = Some(share.split(part.bytes()));
        Some(part)
    }

    fn end(&mut self, error: sftp::Error) {
        if error.is_eof() {
            self.ended = true;
        } else {
            self.refuse(Act::Read, error);
        }
    }

    fn refuse(&mut self, act: Act, error: sftp::Error) {
        self.ended = true;
        // The first error is the cause; later ones may be its consequences.
        self.failure.get_or_insert(Error::new(act, &self.path, error));
    }

    /// Returns the sequence numbers of the READDIRs to send now. The longer a directory is, the more are in flight,
    /// up to `most`.
    fn next_reads(&mut self, most: usize) -> std::ops::Range<usize> {
        let first = self.asked;
        if !self.ended {
            let answered = self.asked - self.in_flight;
            // Most directories end with the second answer, so more requests wait until then.
            let wanted = if answered < FIRST_READS { FIRST_READS - answered } else { (2 * answered).min(most) };
            let more = wanted.saturating_sub(self.in_flight);
            self.asked += more;
            self.in_flight += more;
        }
        first..self.asked
    }

    fn into_answer(self) -> Answer<T> {
        let outcome = match self.failure {
            Some(error) => Err(error),
            None => {
                let mut listing = self.listing;
                // A server may answer with more entries after it has reported the end to an earlier request.
                self.early.into_values().for_each(|chunk| listing.append(chunk));
                listing.entries.shrink_to_fit();
                // The other bytes that were counted are freed.
                let kept = listing.bytes();
                listing.held = self.share;
                listing.held.iter_mut().for_each(|share| share.shrink_to(kept));
                Ok(listing)
            }
        };
        Answer::Listing(self.token, self.path, outcome)
    }
}

/// Lists one directory, with many READDIRs in flight.
///
/// # Errors
/// The server refuses the first or any later request. A listing is never returned in part.
pub fn list(
    session: &Session,
    directory: &RemotePath,
    longnames: Longnames,
    interrupt: &Interrupt,
) -> Result<Listing, Error> {
    let budget = Arc::new(Budget::new(budget::LISTING));
    let mut survey = Survey::new(&Lifeline::single(session), interrupt, longnames, &budget);
    survey.list(directory.clone(), ());
    match survey.next()? {
        Some(Answer::Listing(_, _, outcome)) => outcome,
        // This can't be reached, because one request has one answer. If it were, it would be no success.
        _ => Err(Error::new(Act::List, directory, sftp::Error::ConnectionLost("no answer".into()))),
    }
}

fn is_unsupported(outcome: &Result<Reply, sftp::Error>) -> bool {
    outcome.as_ref().is_err_and(|error| error.status_code() == Some(StatusCode::OP_UNSUPPORTED))
}
