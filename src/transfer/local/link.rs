//! Local symbolic links, as copies of those in a tree that is fetched.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;

use rustix::fs::{AtFlags, readlinkat, symlinkat, unlinkat, utimensat};
use rustix::io::Errno;

use crate::sftp::Times;
use crate::transfer::failure::{Act, Failure};
use crate::transfer::local::attributes::timestamps;
use crate::transfer::local::directory::{Directory, bytes};
use crate::transfer::local::place::{Place, Replaceable};
use crate::transfer::local::placing::place;

/// Temporary names to try for a link that will replace an existing entry.
const MOST_TRIES: u32 = 100;

/// Returns whether a link stays within its tree: its target is relative, and climbs no further than the top of the
/// tree, which is `depth` levels above the link's directory.
///
/// The target may climb only at its beginning: `..` after a name means the directory above whatever the name leads
/// to, which may be a link. So each link of a tree leads to a path below the top, however many links are on the way.
pub(crate) fn stays_within(target: &[u8], depth: usize) -> bool {
    let mut climbed = 0;
    let mut has_descended = false;
    for component in target.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." if has_descended => return false,
            b".." => climbed += 1,
            _ => has_descended = true,
        }
    }
    !target.starts_with(b"/") && climbed <= depth
}

/// Returns the target of the link at a place, or `None` if there is no link.
pub(crate) fn link_at(at: &Place) -> Option<OsString> {
    let Place::Entry { directory, name, .. } = at else { return None };
    let target = readlinkat(directory.descriptor(), name, Vec::new()).ok()?;
    Some(OsString::from_vec(target.into_bytes()))
}

/// Makes a link, and replaces an existing file or link if it may. An existing link with the same target is kept.
/// Returns `false` if there is an entry that may not be replaced.
pub(crate) fn make_link(
    at: &Place,
    target: &OsStr,
    times: Option<Times>,
    replaceable: Replaceable,
) -> Result<bool, Failure> {
    let Place::Entry { directory, name, shown } = at else { return Ok(false) };
    let at = directory.descriptor();
    let failed = |act, error: Errno| Failure::new(act, bytes(shown), error);
    let made = match symlinkat(target, at, name) {
        Err(Errno::EXIST) => replace(directory, name, target, replaceable),
        made => made.map(|()| true),
    };
    if !made.map_err(|error| failed(Act::MakeLocalLink, error))? {
        return Ok(false);
    }
    match times {
        Some(times) => utimensat(at, name, &timestamps(times), AtFlags::SYMLINK_NOFOLLOW)
            .map(|()| true)
            .map_err(|error| failed(Act::SetLocalTimes, error)),
        None => Ok(true),
    }
}

fn replace(directory: &Directory, name: &OsStr, target: &OsStr, replaceable: Replaceable) -> Result<bool, Errno> {
    let at = directory.descriptor();
    if readlinkat(at, name, Vec::new()).is_ok_and(|there| there.as_bytes() == target.as_encoded_bytes()) {
        return Ok(true);
    }
    if replaceable == Replaceable::Nothing {
        return Ok(false);
    }
    for number in 0..MOST_TRIES {
        let beside = format!(".{}-{number}.sftpsh-link", std::process::id());
        let beside = OsStr::new(&beside);
        match symlinkat(target, at, beside) {
            Err(Errno::EXIST) => continue,
            made => made?,
        }
        // The rename fails if the entry is a directory.
        let replaced = place(at, beside, name, replaceable);
        if replaced != Ok(true) {
            // If the link can't be removed either, the first error is the one to report.
            let _ = unlinkat(at, beside, AtFlags::empty());
        }
        return replaced;
    }
    Err(Errno::EXIST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_within_its_tree_or_is_refused() {
        for (target, depth, stays) in [
            ("f", 0, true),
            ("a/b", 0, true),
            ("./a", 0, true),
            ("..", 0, false),
            ("..", 1, true),
            ("../a/b", 1, true),
            ("../../a", 1, false),
            ("../../a", 2, true),
            ("/etc/passwd", 9, false),
            ("a/../b", 9, false),
            ("../a/..", 9, false),
            (".//../x", 1, true),
            ("...", 0, true),
        ] {
            assert_eq!(stays_within(target.as_bytes(), depth), stays, "{target} at {depth}");
        }
    }
}
