//! Symbolic links that are made on the server, as copies of those in a tree that is sent.
//!
//! Like a file, a link is sent right after the MKDIR of its directory, without waiting for the answer. SYMLINK never
//! replaces anything. So if it fails, READLINK looks at the existing entry: a link with the same target is kept, and
//! anything else is removed if it may be replaced.

use std::collections::{BTreeMap, HashSet};

use crate::name::RemotePath;
use crate::sftp::{self, Reply, calls};
use crate::transfer::conflict::{Conflict, Numbering, Verdict, Version};
use crate::transfer::connections::io::Wire;
use crate::transfer::connections::tag::LinkTag;
use crate::transfer::event::Event;
use crate::transfer::failure::{Act, Failure};
use crate::transfer::plan::PutLink;
use crate::transfer::progress::reporter::Sequence;
use crate::transfer::put::directories::DirectoryState;
use crate::transfer::request::Direction;

/// The links that are being made, by their steps.
#[derive(Default)]
pub(crate) struct RemoteLinks {
    links: BTreeMap<Sequence, Link>,
    /// The paths where they were to be made.
    targets: HashSet<RemotePath>,
}

struct Link {
    source: PutLink,
    directory: Option<Sequence>,
    /// The server's first refusal.
    refusal: Option<sftp::Error>,
    numbering: Numbering,
}

/// The state of a link after an answer.
pub(crate) enum LinkStatus {
    /// More answers will come.
    Waits,
    /// It may have failed only because this directory didn't exist yet.
    NeedsDirectory(Sequence),
    /// It has ended, and its result was reported.
    Ended(EndedLink),
}

/// A link that has ended.
pub(crate) struct EndedLink {
    /// The step of the directory that contains it.
    pub(crate) directory: Option<Sequence>,
    /// The link, if it was made.
    pub(crate) made: Option<PutLink>,
}

impl RemoteLinks {
    /// Returns whether no link is being made.
    pub(crate) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Begins to make a link.
    pub(crate) fn begin(
        &mut self,
        sequence: Sequence,
        source: PutLink,
        directory: Option<Sequence>,
        wire: &mut Wire<'_>,
    ) {
        self.targets.insert(source.remote.clone());
        let link = Link { source, directory, refusal: None, numbering: Numbering::default() };
        link.ask(sequence, LinkTag::Make, wire);
        self.links.insert(sequence, link);
    }

    /// Returns whether a link is being made at this path, so that its state is unknown.
    pub(crate) fn is_making(&self, path: &RemotePath) -> bool {
        self.targets.contains(path)
    }

    /// Returns the directory of a link that is being made.
    pub(crate) fn directory(&self, sequence: Sequence) -> Option<Sequence> {
        self.links.get(&sequence)?.directory
    }

    /// Takes an answer. `state` is the state of the link's directory.
    pub(crate) fn answer(
        &mut self,
        sequence: Sequence,
        tag: LinkTag,
        outcome: Result<Reply, sftp::Error>,
        state: Option<DirectoryState>,
        wire: &mut Wire<'_>,
    ) -> LinkStatus {
        let Some(link) = self.links.get_mut(&sequence) else { return LinkStatus::Waits };
        if let (LinkTag::Make, Err(_), Some(DirectoryState::Pending), Some(directory)) =
            (tag, &outcome, state, link.directory)
        {
            return LinkStatus::NeedsDirectory(directory);
        }
        let next = match (tag, outcome) {
            (LinkTag::Make, Ok(_)) => {
                if let Some(asked) = link.numbering.asked() {
                    wire.io.reporter.renamed(sequence, asked.as_bytes(), link.source.remote.as_bytes());
                }
                return self.conclude(sequence, true);
            }
            (LinkTag::Make, Err(error)) if link.refusal.is_none() => {
                link.refusal = Some(error);
                LinkTag::Read
            }
            (LinkTag::Read, Ok(Reply::Path(there))) if there[..] == *link.source.points_to.as_bytes() => {
                return self.conclude(sequence, true);
            }
            // Its directory didn't exist yet, or another program removed the entry in the meantime.
            (LinkTag::Read, Err(error)) if error.is_no_such_file() => LinkTag::Make,
            // REMOVE fails for a directory.
            (LinkTag::Read, _) => match link.decide(wire) {
                Verdict::Overwrite => LinkTag::Remove,
                Verdict::Rename => link.goes_elsewhere(),
                Verdict::Skip => {
                    wire.io.leave_there(sequence, link.source.remote.as_bytes().to_vec());
                    return self.conclude(sequence, false);
                }
            },
            (LinkTag::Remove, Ok(_)) => LinkTag::Make,
            (_, outcome) => {
                if let Some(refusal) = link.refusal.take().or(outcome.err()) {
                    let failure = Failure::new(Act::MakeRemoteLink, link.source.remote.as_bytes(), refusal);
                    wire.io.reporter.tell(sequence, Event::Failed(failure));
                }
                return self.conclude(sequence, false);
            }
        };
        link.ask(sequence, next, wire);
        LinkStatus::Waits
    }

    /// Sends a request again after its answer was lost.
    pub(crate) fn ask_again(&self, sequence: Sequence, tag: LinkTag, wire: &mut Wire<'_>) {
        if let Some(link) = self.links.get(&sequence) {
            link.ask(sequence, tag, wire);
        }
    }

    /// Continues a link that waited for its directory, whose state is known now. Returns `None` if there is no such
    /// link.
    pub(crate) fn go_on(
        &mut self,
        sequence: Sequence,
        state: Option<DirectoryState>,
        wire: &mut Wire<'_>,
    ) -> Option<LinkStatus> {
        let link = self.links.get(&sequence)?;
        if state == Some(DirectoryState::Refused) {
            return Some(self.conclude(sequence, false));
        }
        link.ask(sequence, LinkTag::Make, wire);
        Some(LinkStatus::Waits)
    }

    fn conclude(&mut self, sequence: Sequence, is_made: bool) -> LinkStatus {
        let Some(Link { source, directory, numbering, .. }) = self.links.remove(&sequence) else {
            return LinkStatus::Waits;
        };
        self.targets.remove(numbering.asked().unwrap_or(&source.remote));
        LinkStatus::Ended(EndedLink { directory, made: is_made.then_some(source) })
    }
}

impl Link {
    /// Decides about the existing entry. It isn't known which of the two is newer.
    fn decide(&self, wire: &mut Wire<'_>) -> Verdict {
        let (there, new) = (Version::default(), Version::default());
        let target = self.source.remote.as_bytes().to_vec();
        wire.io.decide(Conflict { direction: Direction::Put, target, there, new })
    }

    /// Leaves the existing entry, and tries another name.
    fn goes_elsewhere(&mut self) -> LinkTag {
        self.source.remote = self.numbering.next(&self.source.remote);
        self.refusal = None;
        LinkTag::Make
    }

    fn ask(&self, sequence: Sequence, tag: LinkTag, wire: &mut Wire<'_>) {
        let PutLink { remote, points_to, .. } = &self.source;
        match tag {
            LinkTag::Read => wire.ask(sequence, tag, &calls::Readlink { path: remote }),
            LinkTag::Remove => wire.ask(sequence, tag, &calls::Remove { path: remote }),
            LinkTag::Make => wire.ask(sequence, tag, &calls::Symlink { target: points_to, link: remote }),
        }
    }
}
