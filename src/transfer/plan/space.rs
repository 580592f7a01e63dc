//! Whether there is room for what is to be moved.
//!
//! It is asked once, when it is known that much is to be moved: of named files before the first of them unless they are many, of
//! trees while they are walked. A shortage is said, and the transfer goes on: what is replaced makes room, and who knows what else does.

use std::fs;
use std::path::Path;

use crate::name::RemotePath;
use crate::remote::Lifeline;
use crate::sftp::Extension;
use crate::transfer::event::Note;
use crate::transfer::local::bytes;
use crate::transfer::request::Pairs;

/// What is to be moved at least before it is asked: less is moved in no time, and a full disk is then told by the failure.
const LEAST_BYTES: u64 = 16 << 20;

/// Named files here that are looked at before the first of them is moved; beyond these they are counted as they come.
const MOST_NAMED: usize = 100;

/// Counts what is to be moved against what is free.
pub(crate) struct Space {
    target: Option<Target>,
    needed: u64,
    /// What is free, once it was asked.
    free: Option<u64>,
    lifeline: Lifeline,
}

/// Where to.
enum Target {
    Here(std::path::PathBuf),
    There(RemotePath),
}

impl Space {
    /// What is needed and free for pairs. Where what is there is continued, less is needed than is known here.
    pub(super) fn new(pairs: &Pairs, resume: bool, lifeline: Lifeline) -> Space {
        let target = match pairs {
            _ if resume => None,
            Pairs::Get(pairs) => pairs.first().and_then(|pair| here(pair.local.path())),
            Pairs::Put(pairs) => {
                pairs.first().map(|pair| Target::There(pair.remote.parent().unwrap_or_else(|| pair.remote.clone())))
            }
        };
        Space { target, needed: 0, free: None, lifeline }
    }

    /// What is known before the first step: the files that were named.
    pub(super) fn named(&mut self, pairs: &Pairs) -> Option<Note> {
        let size = |path: &Path| fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len());
        let sizes: Vec<u64> = match pairs {
            _ if self.target.is_none() => return None,
            Pairs::Get(pairs) => {
                let files = pairs.iter().filter_map(|pair| pair.attributes.filter(|attributes| !attributes.is_dir()));
                files.filter_map(|attributes| attributes.size).collect()
            }
            Pairs::Put(pairs) => pairs.iter().take(MOST_NAMED).filter_map(|pair| size(pair.local.path())).collect(),
        };
        let note = self.add(sizes.into_iter().fold(0, u64::saturating_add));
        // The files themselves are counted as they come.
        self.needed = 0;
        note
    }

    /// More is to be moved. What is to be said, the first time that there is no room for it.
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

/// The path whose file system a download goes to; nothing where it goes to no file.
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
