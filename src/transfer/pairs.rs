//! The sources of a transfer with their targets. They are held in little memory, because a pattern may match millions.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::name::{ByteStrings, RemotePath};
use crate::sftp::{Attributes, PackedAttributes};

/// Sources with their targets, all in one direction. Patterns are already expanded.
#[derive(Clone, Debug)]
pub enum Pairs {
    /// From the server to here.
    Get(GetPairs),
    /// From here to the server.
    Put(PutPairs),
}

impl Pairs {
    /// Returns these pairs of a download.
    pub fn get(pairs: impl IntoIterator<Item = GetPair>) -> Pairs {
        Pairs::Get(pairs.into_iter().collect())
    }

    /// Returns these pairs of an upload.
    pub fn put(pairs: impl IntoIterator<Item = PutPair>) -> Pairs {
        Pairs::Put(pairs.into_iter().collect())
    }
}

/// One file or tree to fetch.
#[derive(Clone, Debug)]
pub struct GetPair {
    /// The source: an absolute path, and the one that messages show.
    pub remote: RemotePath,
    /// The attributes of the source, from a listing or an LSTAT. If they are missing or those of a link, the engine
    /// sends STAT.
    pub attributes: Option<Attributes>,
    /// The target itself, never the directory that will contain it.
    pub local: LocalPath,
}

/// One file or tree to send.
#[derive(Clone, Debug)]
pub struct PutPair {
    /// The source.
    pub local: LocalPath,
    /// The target itself, never the directory that will contain it: an absolute path, and the one that messages show.
    pub remote: RemotePath,
}

/// A local path, and the form in which messages show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPath {
    path: PathBuf,
    shown: PathBuf,
    trust: Trust,
}

/// Who chose the last component of a local path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The user. A symbolic link there is the user's own and is followed.
    User,
    /// The server, by the name of an entry. A symbolic link there is never followed.
    Server,
}

impl LocalPath {
    /// Returns a path that the user chose down to its last component. A symbolic link there is followed.
    ///
    /// `path` is absolute; `shown` is the path as the user typed it, for messages.
    #[must_use]
    pub fn named(path: impl Into<PathBuf>, shown: impl Into<PathBuf>) -> LocalPath {
        LocalPath { path: path.into(), shown: shown.into(), trust: Trust::User }
    }

    /// Returns a path whose last component is the name of an entry that the server listed. A symbolic link there is
    /// replaced, never followed.
    #[must_use]
    pub fn listed(path: impl Into<PathBuf>, shown: impl Into<PathBuf>) -> LocalPath {
        LocalPath { path: path.into(), shown: shown.into(), trust: Trust::Server }
    }

    /// Returns the absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path as messages show it.
    #[must_use]
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    pub(crate) fn trust(&self) -> Trust {
        self.trust
    }
}

/// Many [`GetPair`]s. One takes about 50 bytes and its name.
#[derive(Clone, Debug, Default)]
pub struct GetPairs {
    paths: PathPairs,
    attributes: Vec<Option<PackedAttributes>>,
}

/// Many [`PutPair`]s. One takes 16 bytes and its name.
#[derive(Clone, Debug, Default)]
pub struct PutPairs {
    paths: PathPairs,
}

impl GetPairs {
    /// Returns the first pair.
    #[must_use]
    pub fn first(&self) -> Option<GetPair> {
        (!self.attributes.is_empty()).then(|| self.get(0))
    }

    /// Returns the known attributes of the sources.
    pub fn attributes(&self) -> impl Iterator<Item = Attributes> {
        self.attributes.iter().flatten().map(|attributes| attributes.unpack())
    }

    fn get(&self, index: usize) -> GetPair {
        let (remote, local) = self.paths.get(index);
        GetPair { remote, attributes: self.attributes[index].map(PackedAttributes::unpack), local }
    }
}

impl FromIterator<GetPair> for GetPairs {
    fn from_iter<I: IntoIterator<Item = GetPair>>(pairs: I) -> GetPairs {
        let pairs = pairs.into_iter();
        let most = pairs.size_hint().1.unwrap_or(0);
        let mut all = GetPairs { paths: PathPairs::with_capacity(most), attributes: Vec::with_capacity(most) };
        for GetPair { remote, attributes, local } in pairs {
            all.paths.push(&remote, &local);
            all.attributes.push(attributes.map(PackedAttributes::from));
        }
        all
    }
}

impl IntoIterator for GetPairs {
    type Item = GetPair;
    type IntoIter = Box<dyn Iterator<Item = GetPair>>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new((0..self.attributes.len()).map(move |index| self.get(index)))
    }
}

impl PutPairs {
    /// Returns the pairs in their order.
    pub fn iter(&self) -> impl Iterator<Item = PutPair> {
        (0..self.paths.len()).map(|index| self.get(index))
    }

    fn get(&self, index: usize) -> PutPair {
        let (remote, local) = self.paths.get(index);
        PutPair { local, remote }
    }
}

impl FromIterator<PutPair> for PutPairs {
    fn from_iter<I: IntoIterator<Item = PutPair>>(pairs: I) -> PutPairs {
        let pairs = pairs.into_iter();
        let mut all = PutPairs { paths: PathPairs::with_capacity(pairs.size_hint().1.unwrap_or(0)) };
        pairs.for_each(|PutPair { local, remote }| all.paths.push(&remote, &local));
        all
    }
}

impl IntoIterator for PutPairs {
    type Item = PutPair;
    type IntoIter = Box<dyn Iterator<Item = PutPair>>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new((0..self.paths.len()).map(move |index| self.get(index)))
    }
}

/// How many frames a new pair is compared with. The matches of a pattern have two: one for files and one for
/// directories, which are shown with a slash.
const FRAMES_TRIED: usize = 4;

/// Remote and local paths. The paths of a pair usually end with the same name, which is held once.
#[derive(Clone, Debug, Default)]
struct PathPairs {
    frames: Vec<Frame>,
    /// The index of each pair's frame.
    places: Vec<usize>,
    /// The name in each pair.
    names: ByteStrings,
}

/// The paths of a pair without their name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    remote: Around,
    remote_is_whole: bool,
    path: Around,
    shown: Around,
    trust: Trust,
}

/// A path without a name at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Around {
    before: Vec<u8>,
    /// True if the name is a part of the path.
    has_name: bool,
    /// The slashes after the name.
    after: Vec<u8>,
}

impl Around {
    fn of(path: &[u8], name: &[u8]) -> Around {
        let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
        let (rest, after) = path.split_at(end);
        let (before, has_name) = rest.strip_suffix(name).map_or((rest, false), |before| (before, true));
        Around { before: before.to_vec(), has_name, after: after.to_vec() }
    }

    fn path(&self, name: &[u8]) -> Vec<u8> {
        [&self.before[..], if self.has_name { name } else { b"" }, &self.after].concat()
    }

    fn local_path(&self, name: &[u8]) -> PathBuf {
        PathBuf::from(OsString::from_vec(self.path(name)))
    }
}

impl PathPairs {
    /// Creates an empty list with room for `count` pairs: growing lists of millions leave holes in memory.
    fn with_capacity(count: usize) -> PathPairs {
        PathPairs { frames: Vec::new(), places: Vec::with_capacity(count), names: ByteStrings::with_capacity(count) }
    }

    fn push(&mut self, remote: &RemotePath, local: &LocalPath) {
        let name = remote.base_name().unwrap_or_default();
        let frame = Frame {
            remote: Around::of(remote.as_bytes(), name),
            remote_is_whole: remote.is_absolute(),
            path: Around::of(local.path.as_os_str().as_bytes(), name),
            shown: Around::of(local.shown.as_os_str().as_bytes(), name),
            trust: local.trust,
        };
        let tried = self.frames.len().saturating_sub(FRAMES_TRIED);
        let known = self.frames[tried..].iter().position(|known| *known == frame).map(|place| tried + place);
        self.places.push(known.unwrap_or(self.frames.len()));
        self.names.push(name);
        if known.is_none() {
            self.frames.push(frame);
        }
    }

    #[expect(clippy::expect_used, reason = "the bytes are those of a path that was pushed")]
    fn get(&self, index: usize) -> (RemotePath, LocalPath) {
        let (Frame { remote, remote_is_whole, path, shown, trust }, name) =
            (&self.frames[self.places[index]], self.names.get(index));
        let make = if *remote_is_whole { RemotePath::from_server } else { RemotePath::new };
        let remote = make(remote.path(name)).expect("a valid path");
        (remote, LocalPath { path: path.local_path(name), shown: shown.local_path(name), trust: *trust })
    }

    fn len(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn pair(remote: &str, path: &str, shown: &str, is_listed: bool, size: Option<u64>) -> GetPair {
        let local = if is_listed { LocalPath::listed(path, shown) } else { LocalPath::named(path, shown) };
        let attributes = size.map(|size| Attributes { size: Some(size), ..Attributes::default() });
        GetPair { remote: RemotePath::from_server(remote).unwrap(), attributes, local }
    }

    fn fields(pair: GetPair) -> (RemotePath, LocalPath, Option<Attributes>) {
        (pair.remote, pair.local, pair.attributes)
    }

    proptest! {
        #[test]
        fn pairs_come_back_as_they_went(
            all in vec(("/?[ab/]{0,4}", "[ab/]{0,4}", "[ab/]{0,4}", any::<bool>(), any::<Option<u64>>()), 0..20),
        ) {
            let pairs: Vec<GetPair> =
                all.iter().map(|(remote, path, shown, listed, size)| pair(remote, path, shown, *listed, *size)).collect();
            let packed: GetPairs = pairs.iter().cloned().collect();
            let sent: PutPairs =
                pairs.iter().cloned().map(|GetPair { remote, local, .. }| PutPair { local, remote }).collect();
            prop_assert!(sent.iter().map(|pair| (pair.remote, pair.local)).eq(pairs.iter().cloned().map(|pair| (pair.remote, pair.local))));
            prop_assert_eq!(packed.first().map(fields), pairs.first().cloned().map(fields));
            prop_assert!(packed.into_iter().map(fields).eq(pairs.into_iter().map(fields)));
        }
    }

    #[test]
    fn a_pair_takes_48_bytes_and_its_name() {
        let name = |number: u64| format!("name-{number:06}");
        let path = |number: u64| match number % 10 {
            0 => (format!("/srv/many/{}/", name(number)), format!("/home/ada/{}", name(number)), name(number)),
            _ => (format!("/srv/many/{}", name(number)), format!("/home/ada/{}", name(number)), name(number)),
        };
        let all = (0..100_000).map(|number| {
            let (remote, path, shown) = path(number);
            pair(&remote, &path, &shown, true, Some(number))
        });
        let GetPairs { paths, attributes } = all.collect();
        assert_eq!(paths.frames.len(), 2);
        let bytes = paths.names.bytes() + size_of_val(&paths.places[..]) + size_of_val(&attributes[..]);
        assert_eq!(bytes, 100_000 * (48 + 11));
    }
}
