//! The plan of a download: the kind of each source, and the trees below.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;

use bytes::Bytes;

use crate::name::RemotePath;
use crate::remote::{Directory, Entry, Found, Lifeline, Links as Walked, Walk, canonical_answer};
use crate::sftp::{self, Attributes, FileType, Pending, Times, calls};
use crate::transfer::canceller::Canceller;
use crate::transfer::event::{File, Note};
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::local::{bytes, stays_within};
use crate::transfer::pairs::{GetPair, GetPairs, LocalPath};
use crate::transfer::plan::step::{GetDirectory, GetFile, GetLink, PlanOptions, Planned, Step, Steps, Target};
use crate::transfer::request::{Direction, Links, Options};
use crate::transfer::selection::Selection;

/// Pairs for which STAT is sent before their turn.
const STATS_AHEAD: usize = 256;

/// Entries of a tree that are found while READLINK is in flight for earlier ones.
const LINKS_AHEAD: usize = 256;

/// Returns the steps of a download.
pub(crate) fn steps(
    lifeline: Lifeline,
    pairs: GetPairs,
    PlanOptions { options, selection }: PlanOptions,
    canceller: Canceller,
) -> impl Steps {
    GetPlan {
        lifeline,
        options,
        selection: Arc::new(selection),
        canceller,
        pairs: pairs.into_iter(),
        asked: VecDeque::new(),
        ready: VecDeque::new(),
        tree: None,
    }
}

struct GetPlan {
    lifeline: Lifeline,
    options: Options,
    selection: Arc<Selection>,
    canceller: Canceller,
    pairs: <GetPairs as IntoIterator>::IntoIter,
    /// The next pairs in order, with their kinds.
    asked: VecDeque<(GetPair, Kind)>,
    ready: VecDeque<Planned>,
    tree: Option<Tree>,
}

/// The kind of a source.
enum Kind {
    Known(Attributes),
    Asked(Pending<Attributes>),
}

impl Kind {
    fn wait(self, path: &RemotePath, lifeline: &Lifeline) -> Result<Attributes, sftp::Error> {
        match self {
            Kind::Known(attributes) => Ok(attributes),
            Kind::Asked(pending) => match pending.wait() {
                // Its connection was lost.
                Err(error) if !error.leaves_the_session_alive() => lifeline.with_session(|session| session.stat(path)),
                answer => answer,
            },
        }
    }
}

/// A tree that is being walked.
struct Tree {
    walk: Walk,
    /// The attributes and the target of the top, until it is entered.
    top: Option<(Attributes, LocalPath)>,
    links: Links,
    lifeline: Lifeline,
    /// Entries that were found, up to the first link that waits for its READLINK.
    ahead: VecDeque<Ahead>,
}

/// An entry that a walk found.
enum Ahead {
    Ready(Planned),
    Link(Link, Pending<Bytes>),
}

/// A link, and the depth of its directory below the top.
struct Link {
    remote: RemotePath,
    name: OsString,
    depth: usize,
    times: Option<Times>,
}

impl Iterator for GetPlan {
    type Item = Planned;

    fn next(&mut self) -> Option<Planned> {
        loop {
            if let Some(planned) = self.ready.pop_front() {
                return Some(planned);
            }
            if let Some(tree) = &mut self.tree {
                match tree.next() {
                    Some(planned) => return Some(planned),
                    None => self.tree = None,
                }
                continue;
            }
            self.ask_ahead();
            let (pair, kind) = self.asked.pop_front()?;
            self.plan(pair, kind);
        }
    }
}

impl Steps for GetPlan {
    fn let_go(&mut self) {
        if let Some(tree) = &mut self.tree {
            tree.walk.let_go();
        }
    }
}

impl GetPlan {
    fn ask_ahead(&mut self) {
        while self.asked.len() < STATS_AHEAD
            && let Some(pair) = self.pairs.next()
        {
            let kind = match pair.attributes {
                // A link that the user named is followed, and a listing may lack the type.
                Some(attributes) if !matches!(attributes.file_type(), None | Some(FileType::Symlink)) => {
                    Kind::Known(attributes)
                }
                _ => Kind::Asked(self.lifeline.current().session.submit(&calls::Stat { path: &pair.remote })),
            };
            self.asked.push_back((pair, kind));
        }
    }

    fn plan(&mut self, pair: GetPair, kind: Kind) {
        let announced = Arc::new(File {
            direction: Direction::Get,
            source: pair.remote.as_bytes().to_vec(),
            target: bytes(pair.local.shown()).to_vec(),
            size: None,
            offset: 0,
            resumes: self.options.resume,
        });
        let kind = kind.wait(&pair.remote, &self.lifeline);
        let thing = pair.remote.as_bytes();
        if let Ok(attributes) = &kind
            && !attributes.is_dir()
            && let Some(reason) = self.selection.objection_to(attributes)
        {
            return self.leave_out(thing, reason);
        }
        // A server may tell no types. Such a source is treated as a file, and its OPEN shows whether it can be read.
        let is_file = |attributes: &Attributes| matches!(attributes.file_type(), Some(FileType::Regular) | None);
        if !kind.as_ref().is_ok_and(is_file) {
            self.ready.push_back(Step::Announce(Arc::clone(&announced)).into());
        }
        match kind {
            Err(error) => self.fail(Failure::new(Act::StatRemote, thing, error)),
            Ok(attributes) => match attributes.file_type() {
                Some(FileType::Directory) if self.options.recursive => self.enter(&pair, attributes),
                Some(FileType::Directory) => self.fail(Failure::new(Act::Download, thing, Cause::Directory)),
                Some(FileType::Regular) | None => {
                    let (size, target) = (attributes.size, Target::Named(pair.local));
                    let file = GetFile { remote: pair.remote, attributes, target, announced: Some(announced) };
                    self.ready.push_back(Planned { step: Step::Get(file), size });
                }
                Some(FileType::Symlink | FileType::Special) => {
                    self.fail(Failure::new(Act::Download, thing, Cause::NotRegular));
                }
            },
        }
    }

    fn leave_out(&mut self, source: &[u8], reason: &'static str) {
        self.ready.push_back(Step::Note(Note::LeftOut { source: source.to_vec(), reason }).into());
    }

    fn fail(&mut self, failure: Failure) {
        self.ready.push_back(Step::Fail(failure).into());
    }

    /// Enters a tree by its canonical path, as sftp(1) does, so that messages about its entries don't depend on how
    /// the user named it.
    fn enter(&mut self, pair: &GetPair, attributes: Attributes) {
        let answer = self.lifeline.with_session(|session| session.realpath(&pair.remote));
        let canonical = answer.map(|answer| canonical_answer(&pair.remote, &answer));
        match canonical {
            Ok(Ok(top)) => {
                let links = if self.options.links == Links::Followed { Walked::Followed } else { Walked::Kept };
                let mut walk = Walk::new(self.lifeline.clone(), &top, links, &self.canceller.interrupt());
                if !self.selection.is_everything() {
                    let selection = Arc::clone(&self.selection);
                    walk = walk.only(move |path, attributes| selection.takes(path, attributes));
                }
                self.tree = Some(Tree {
                    walk,
                    top: Some((attributes, pair.local.clone())),
                    links: self.options.links,
                    lifeline: self.lifeline.clone(),
                    ahead: VecDeque::new(),
                });
            }
            Ok(Err(cause)) => {
                self.fail(Failure::new(Act::CanonicalizeSource, pair.remote.as_bytes(), cause));
            }
            Err(error) => self.fail(Failure::new(Act::CanonicalizeSource, pair.remote.as_bytes(), error)),
        }
    }
}

impl Tree {
    fn next(&mut self) -> Option<Planned> {
        while self.ahead.len() < LINKS_AHEAD && !matches!(self.ahead.front(), Some(Ahead::Ready(_))) {
            match self.find() {
                Some(found) => self.ahead.push_back(found),
                None => break,
            }
        }
        match self.ahead.pop_front()? {
            Ahead::Ready(planned) => Some(planned),
            Ahead::Link(link, pending) => Some(self.link(link, pending).unwrap_or_else(Step::Fail).into()),
        }
    }

    fn find(&mut self) -> Option<Ahead> {
        let planned = match self.walk.next()? {
            Found::Directory(directory) => {
                let (attributes, target) = match (self.top.take(), &directory.name) {
                    (Some((attributes, local)), _) => (attributes, Target::Named(local)),
                    (None, Some(name)) => (directory.attributes, Target::Beneath(name.as_os_str().to_owned())),
                    // Only the top has no name, and it comes first.
                    (None, None) => return None,
                };
                Step::EnterGet(GetDirectory { remote: directory.path.clone(), attributes, target }).into()
            }
            Found::Left(_) => Step::Leave.into(),
            Found::Failure(error) => Step::Fail(error.into()).into(),
            Found::Entry { directory, entry } => return Some(self.entry(&directory, entry)),
        };
        Some(Ahead::Ready(planned))
    }

    fn entry(&self, directory: &Directory, entry: Entry) -> Ahead {
        let remote = directory.path.join(&entry.name);
        let name = entry.name.as_os_str().to_owned();
        Ahead::Ready(match entry.attributes.file_type() {
            Some(FileType::Regular) => {
                let size = entry.attributes.size;
                let target = Target::Beneath(name);
                let file = GetFile { remote, attributes: entry.attributes, target, announced: None };
                Planned { step: Step::Get(file), size }
            }
            Some(FileType::Symlink) if self.links == Links::Copied => {
                let pending = self.lifeline.current().session.submit(&calls::Readlink { path: &remote });
                let times = entry.attributes.times;
                return Ahead::Link(Link { remote, name, depth: directory.depth, times }, pending);
            }
            _ => {
                let entry = remote.as_bytes().to_vec();
                Step::Note(Note::Skipped { direction: Direction::Get, entry }).into()
            }
        })
    }

    fn link(&self, Link { remote, name, depth, times }: Link, pending: Pending<Bytes>) -> Result<Step, Failure> {
        let answer = match pending.wait() {
            // Its connection was lost.
            Err(error) if !error.leaves_the_session_alive() => {
                self.lifeline.with_session(|session| session.readlink(&remote))
            }
            answer => answer,
        };
        let points_to = answer.map_err(|error| Failure::new(Act::ReadLink, remote.as_bytes(), error))?;
        if !stays_within(&points_to, depth) {
            return Err(Failure::new(Act::Download, remote.as_bytes(), Cause::LeadsOut(points_to.to_vec())));
        }
        let points_to = OsString::from_vec(points_to.to_vec());
        Ok(Step::GetLink(GetLink { remote, points_to, times, target: Target::Beneath(name) }))
    }
}
