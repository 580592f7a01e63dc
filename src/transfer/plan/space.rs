//! Checks whether there is room for the files.
//!
//! The check happens once, as soon as enough bytes are known: for named files before the first one unless there are
//! many, for trees while they are walked. A shortage is only a note, because files that are replaced make room, and
//! other programs may remove some too.

use std::fs;
use std::path::Path;

use crate::name::RemotePath;
use crate::remote::Lifeline;
use crate::sftp::Extension;
use crate::transfer::event::Note;
use crate::transfer::local::bytes;
use crate::transfer::pairs::Pairs;

/// The least bytes that are worth a check: fewer are moved quickly, and a full disk then causes a failure.
const LEAST_BYTES: u64 = 16 << 20;

/// Local files whose sizes are read before the first is moved. Further ones count when their turn comes.
const MOST_NAMED: usize = 100;

/// Compares the bytes to move with those that are free.
pub(crate) struct Space {
    target: Option<Target>,
    needed: u64,
    /// The free bytes, once they were looked up.
    free: Option<u64>,
    lifeline: Lifeline,
}

/// The place whose free bytes count.
enum Target {
    Here(std::path::PathBuf),
    There(RemotePath),
}

impl Space {
    /// Returns the check for a list of pairs. A resume isn't checked, because it needs an unknown part of the bytes.
    pub(super) fn new(pairs: &Pairs, resume: bool, lifeline: Lifeline) -> Space {
        let target = match pairs {
            _ if resume => None,
            Pairs::Get(pairs) => pairs.first().and_then(|pair| here(pair.local.path())),
            Pairs::Put(pairs) => pairs
                .iter()
                .next()
                .map(|pair| Target::There(pair.remote.parent().unwrap_or_else(|| pair.remote.clone()))),
        };
        Space { target, needed: 0, free: None, lifeline }
    }

    /// Counts the files that the user named, before the first step. Returns the note about a shortage.
    pub(super) fn named(&mut self, pairs: &Pairs) -> Option<Note> {
        let size = |path: &Path| fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len());
        let bytes = match pairs {
            _ if self.target.is_none() => return None,
            Pairs::Get(pairs) => {
                let files = pairs.attributes().filter(|attributes| !attributes.is_dir());
                files.filter_map(|attributes| attributes.size).fold(0, u64::saturating_add)
            }
            Pairs::Put(pairs) => {
                let sizes = pairs.iter().take(MOST_NAMED).filter_map(|pair| size(pair.local.path()));
                sizes.fold(0, u64::saturating_add)
            }
        };
        let note = self.add(bytes);
        // The files count again when their turn comes.
        self.needed = 0;
        note
    }

    /// Counts more bytes. Returns the note about a shortage, once.
    pub(super) fn add(&mut self, bytes: u64) -> Option<Note> {
        let target = self.target.as_ref()?;
        self.needed = self.needed.saturating_add(bytes);
        if self.needed < LEAST_BYTES {
            return None;
        }
        if self.free.is_none() {
            self.free = target.free(&self.lifeline);
        }
        let (place, needed) = (target.shown(), self.needed);
        let Some(free) = self.free else {
            self.target = None;
            return None;
        };
        if needed <= free {
            return None;
        }
        self.target = None;
        Some(Note::Shortage { place, needed, free })
    }
}

/// Returns the path whose file system a download goes to, or `None` if it goes to a device or the like.
fn here(path: &Path) -> Option<Target> {
    let there = path.ancestors().find_map(|path| Some((path, fs::metadata(path).ok()?)));
    let (path, metadata) = there?;
    (metadata.is_file() || metadata.is_dir()).then(|| Target::Here(path.to_owned()))
}

impl Target {
    #[allow(clippy::useless_conversion, reason = "the counts are wider on some systems than on others")]
    fn free(&self, lifeline: &Lifeline) -> Option<u64> {
        match self {
            Target::Here(path) => {
                let system = rustix::fs::statvfs(path).ok()?;
                Some(u64::from(system.f_bavail).saturating_mul(u64::from(system.f_frsize)))
            }
            Target::There(path) => {
                if !lifeline.current().session.offers(Extension::Statvfs) {
                    return None;
                }
                let system = lifeline.with_session(|session| session.statvfs(path)).ok()?;
                let is_known = system.blocks > 0 && system.fragment_size > 0;
                is_known.then(|| system.available_blocks.saturating_mul(system.fragment_size))
            }
        }
    }

    fn shown(&self) -> Vec<u8> {
        match self {
            Target::Here(path) => bytes(path).to_vec(),
            Target::There(path) => path.as_bytes().to_vec(),
        }
    }
}
