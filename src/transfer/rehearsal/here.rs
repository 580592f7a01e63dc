//! The rehearsal of a download: it opens existing targets, and remembers what it would have made.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::io::Errno;

use crate::sftp::Attributes;
use crate::transfer::conflict::{Conflict, Verdict, Version, reason_to_stay};
use crate::transfer::connections::io::Io;
use crate::transfer::event::Intent;
use crate::transfer::failure::{Act, Cause, Failure};
use crate::transfer::local::{Directory, Parents, Place, Replaceable, ResumePoint, Wanted, bytes, link_at};
use crate::transfer::pairs::{LocalPath, Trust};
use crate::transfer::plan::{GetDirectory, GetFile, GetLink, Step, Target};
use crate::transfer::removal::may_be_itself;
use crate::transfer::request::{Direction, OnConflict, Options, Verify};

/// The local side of a rehearsed download.
#[derive(Default)]
pub(crate) struct Here {
    /// The directories that were entered and not left; `None` for one that could not be made.
    stack: Vec<Option<Above>>,
    parents: Parents,
    /// The entries that earlier steps would have made, by the path as messages show it.
    simulated: HashMap<PathBuf, Simulated>,
    /// Targets of files whose sources would be removed.
    written: HashSet<PathBuf>,
}

/// A directory that was entered.
enum Above {
    There(Rc<Directory>),
    /// A directory that would have been made, as messages show it.
    Simulated(PathBuf),
}

/// An entry that would have been made.
enum Simulated {
    Directory,
    File(Version),
    /// A link with its target.
    Link(OsString),
}

/// Where an entry would go.
enum Spot {
    At(Place),
    /// A path in a directory that would have been made, as messages show it.
    InSimulated(PathBuf),
}

/// The decision about a target.
enum Decision {
    Goes(Spot),
    Asks(Spot),
    Stays(&'static str),
}

impl Above {
    fn shown(&self) -> &Path {
        match self {
            Above::There(directory) => directory.shown(),
            Above::Simulated(shown) => shown,
        }
    }
}

impl Spot {
    fn shown(&self) -> &Path {
        match self {
            Spot::At(place) => place.shown(),
            Spot::InSimulated(shown) => shown,
        }
    }
}

impl Here {
    /// Returns what a step of a download would do.
    pub(super) fn rehearse(&mut self, step: &Step, io: &Io) -> Result<Vec<Intent>, Failure> {
        match step {
            Step::Get(file) => self.file(file, io),
            Step::EnterGet(directory) => self.enter(directory),
            Step::GetLink(link) => self.link(link, io),
            Step::Leave => {
                self.stack.pop();
                Ok(Vec::new())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Returns what a transfer would do with a file.
    fn file(&mut self, file: &GetFile, io: &Io) -> Result<Vec<Intent>, Failure> {
        let options = io.settings.options;
        let Some(spot) = self.spot(&file.target)? else { return Ok(Vec::new()) };
        let source = file.remote.as_bytes().to_vec();
        if options.remove_source {
            self.check_removal(&spot, file)?;
        }
        let asked = bytes(spot.shown()).to_vec();
        let (spot, asks) = match self.decide(spot, &file.attributes, io) {
            Decision::Goes(spot) => (spot, false),
            Decision::Asks(spot) => (spot, true),
            Decision::Stays(reason) => return Ok(vec![Intent::Skip { source, target: asked, reason }]),
        };
        let found = if asks { ResumePoint::Offset(0) } else { self.found(&spot, file, io)? };
        let target = bytes(spot.shown()).to_vec();
        let ResumePoint::Offset(offset) = found else {
            return Ok(vec![Intent::Skip { source, target, reason: "is complete" }]);
        };
        if !matches!(spot, Spot::At(Place::Stream { .. })) {
            let modified = file.attributes.times.filter(|_| options.preserve).map(|times| times.modified.into());
            let version = Version { size: file.attributes.size, modified };
            self.simulated.insert(spot.shown().to_owned(), Simulated::File(version));
        }
        let (direction, size, removes) = (Direction::Get, file.attributes.size, options.remove_source);
        Ok(vec![Intent::File { direction, source, target, size, offset, asks, removes }])
    }

    /// Returns the directories that a transfer would make: this one, and missing ones above it.
    fn enter(&mut self, step: &GetDirectory) -> Result<Vec<Intent>, Failure> {
        let above = self.stack.last().and_then(Option::as_ref);
        let Some(shown) = step.target.shown(above.map(Above::shown)) else {
            self.stack.push(None);
            return Ok(Vec::new());
        };
        let found = match (self.simulated.get(&shown), &step.target, above) {
            (Some(Simulated::Directory), ..) => Ok(None),
            (Some(_), ..) => Err(Failure::new(Act::MakeLocalDirectory, bytes(&shown), Errno::NOTDIR)),
            (None, Target::Named(local), _) => Directory::find_top(local),
            (None, Target::Beneath(name), Some(Above::There(directory))) => directory.find(name),
            (None, Target::Beneath(_), _) => Ok(None),
        };
        let found = found.inspect_err(|_| self.stack.push(None))?;
        if let Some(directory) = found {
            self.stack.push(Some(Above::There(Rc::new(directory))));
            return Ok(Vec::new());
        }
        let mut missing = vec![shown.clone()];
        if let Target::Named(local) = &step.target {
            missing.extend(missing_above(local));
        }
        missing.retain(|path| !self.simulated.contains_key(path));
        self.simulated.extend(missing.iter().map(|path| (path.clone(), Simulated::Directory)));
        self.stack.push(Some(Above::Simulated(shown)));
        let intent = |path: PathBuf| Intent::Directory { target: bytes(&path).to_vec(), is_missing: true };
        Ok(missing.into_iter().rev().map(intent).collect())
    }

    /// Returns what a transfer would do with a link.
    fn link(&mut self, link: &GetLink, io: &Io) -> Result<Vec<Intent>, Failure> {
        let Some(spot) = self.spot(&link.target)? else { return Ok(Vec::new()) };
        let source = link.remote.as_bytes().to_vec();
        let asked = bytes(spot.shown()).to_vec();
        let attributes = Attributes { times: link.times, ..Attributes::default() };
        // A link with the same target is kept.
        let decision = match self.leads_to(&spot).is_some_and(|there| there == link.points_to) {
            true => Decision::Goes(spot),
            false => self.decide(spot, &attributes, io),
        };
        let (spot, asks) = match decision {
            Decision::Goes(spot) => (spot, false),
            Decision::Asks(spot) => (spot, true),
            Decision::Stays(reason) => return Ok(vec![Intent::Skip { source, target: asked, reason }]),
        };
        let target = bytes(spot.shown()).to_vec();
        if !asks && self.holds_directory(&spot) {
            return Err(Failure::new(Act::MakeLocalLink, target, Errno::ISDIR));
        }
        self.simulated.insert(spot.shown().to_owned(), Simulated::Link(link.points_to.clone()));
        Ok(vec![Intent::Link { source, target, asks, removes: io.settings.options.remove_source }])
    }

    /// Returns where an entry would go, or `None` if its directory could not be made, which was reported.
    fn spot(&mut self, target: &Target) -> Result<Option<Spot>, Failure> {
        Ok(match (target, self.stack.last().and_then(Option::as_ref)) {
            (Target::Named(local), _) => Some(Spot::At(Place::named(local, &mut self.parents)?)),
            (Target::Beneath(name), Some(Above::There(directory))) => Some(Spot::At(Place::beneath(directory, name))),
            (Target::Beneath(name), Some(Above::Simulated(shown))) => Some(Spot::InSimulated(shown.join(name))),
            (Target::Beneath(_), None) => None,
        })
    }

    /// Checks that the source may be removed after the transfer.
    fn check_removal(&mut self, spot: &Spot, file: &GetFile) -> Result<(), Failure> {
        let kept = |cause: Cause| Err(Failure::new(Act::RemoveSource, file.remote.as_bytes(), cause));
        if !self.written.insert(spot.shown().to_owned()) {
            return kept(Cause::JustWritten);
        }
        match spot {
            Spot::At(place) if may_be_itself(place, &file.attributes) => kept(Cause::Itself),
            _ => Ok(()),
        }
    }

    fn decide(&self, spot: Spot, source: &Attributes, io: &Io) -> Decision {
        if io.replaceable_by_default() == Replaceable::Anything {
            return Decision::Goes(spot);
        }
        let Some(there) = self.version_at(&spot) else { return Decision::Goes(spot) };
        let new = Version { size: source.size, modified: source.times.map(|times| times.modified.into()) };
        let choice = io.settings.options.on_conflict;
        let target = bytes(spot.shown()).to_vec();
        match choice.decide(&Conflict { direction: Direction::Get, target, there, new }) {
            Some(Verdict::Overwrite) => Decision::Goes(spot),
            Some(Verdict::Skip) => Decision::Stays(reason_to_stay(choice == OnConflict::Newer)),
            Some(Verdict::Rename) => Decision::Goes(self.numbered(spot)),
            None => Decision::Asks(spot),
        }
    }

    fn version_at(&self, spot: &Spot) -> Option<Version> {
        match (self.simulated.get(spot.shown()), spot) {
            (Some(Simulated::File(version)), _) => Some(*version),
            (Some(Simulated::Directory | Simulated::Link(_)), _) => Some(Version::default()),
            (None, Spot::At(place)) => place.there().map(|(version, _)| version),
            (None, Spot::InSimulated(_)) => None,
        }
    }

    fn leads_to(&self, spot: &Spot) -> Option<OsString> {
        match (self.simulated.get(spot.shown()), spot) {
            (Some(Simulated::Link(points_to)), _) => Some(points_to.clone()),
            (None, Spot::At(place)) => link_at(place),
            _ => None,
        }
    }

    fn holds_directory(&self, spot: &Spot) -> bool {
        match (self.simulated.get(spot.shown()), spot) {
            (Some(simulated), _) => matches!(simulated, Simulated::Directory),
            (None, Spot::At(place)) => place.holds_directory(),
            (None, Spot::InSimulated(_)) => false,
        }
    }

    fn numbered(&self, spot: Spot) -> Spot {
        match spot {
            Spot::At(place) => Spot::At(place.numbered(|path| self.simulated.contains_key(path))),
            Spot::InSimulated(shown) => {
                let mut number = 0_u64;
                loop {
                    number += 1;
                    let mut name = shown.as_os_str().to_owned();
                    name.push(format!(".{number}"));
                    if !self.simulated.contains_key(Path::new(&name)) {
                        return Spot::InSimulated(name.into());
                    }
                }
            }
        }
    }

    /// Returns where the transfer of a file would start.
    fn found(&self, spot: &Spot, file: &GetFile, io: &Io) -> Result<ResumePoint, Failure> {
        let target = bytes(spot.shown());
        let found = match (self.simulated.get(spot.shown()), spot) {
            (Some(Simulated::Directory), _) => Err(Failure::new(Act::OpenLocal, target, Errno::ISDIR)),
            (Some(Simulated::File(there)), _) if io.settings.options.resume => {
                resumed(there, file, io).map_err(|cause| Failure::new(Act::ResumeDownload, target, cause))
            }
            (Some(_), _) | (None, Spot::InSimulated(_)) => Ok(ResumePoint::Offset(0)),
            (None, Spot::At(place)) => {
                // A download treats sizes in the same way.
                let is_estimate = io.settings.options.estimated_sizes;
                let size = file.attributes.size.filter(|&size| size > 0 && !is_estimate);
                let (remote, attributes) = (&file.remote, &Attributes { size, ..file.attributes });
                let (replaceable, settings, canceller) = (Replaceable::Anything, &io.settings, &io.canceller);
                Wanted { remote, attributes, place, replaceable, settings, canceller }.resume_point()
            }
        };
        found.map_err(|failure| match &file.announced {
            Some(_) => failure,
            None => failure.in_tree(Direction::Get, file.remote.as_bytes(), target),
        })
    }
}

/// Returns where a resume would start, if the existing file is one that would have been made.
fn resumed(there: &Version, file: &GetFile, io: &Io) -> Result<ResumePoint, Cause> {
    let Options { preserve, verify, .. } = io.settings.options;
    let modified = file.attributes.times.map(|times| i64::from(times.modified));
    let length = there.size.unwrap_or(0);
    match file.attributes.size {
        Some(size) if length > size => Err(Cause::LargerThanSource),
        Some(size) if length == size && verify == Verify::No && (!preserve || there.modified == modified) => {
            Ok(ResumePoint::Complete)
        }
        _ => Ok(ResumePoint::Offset(length)),
    }
}

/// Returns the missing directories above the top of a tree, the nearest first.
fn missing_above(local: &LocalPath) -> Vec<PathBuf> {
    if local.trust() == Trust::Server {
        return Vec::new();
    }
    let is_missing = |(path, shown): &(&Path, &Path)| !shown.as_os_str().is_empty() && path.symlink_metadata().is_err();
    let above = local.path().ancestors().zip(local.shown().ancestors()).skip(1);
    above.take_while(is_missing).map(|(_, shown)| shown.to_owned()).collect()
}
