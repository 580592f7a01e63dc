//! Our own reader of known_hosts files. libssh2's accepts revoked keys, has no wildcards, and gives up on a whole
//! file because of one bad line.
//!
//! Format: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". Lines are bytes, and only a line that can't be read is skipped.
//! The rules match OpenSSH's in every detail, such as which bytes separate words and which keys are invalid. If a
//! line meant more to us than to ssh, we might accept a host that ssh refuses; if it meant less, we might miss a
//! changed key.

use std::borrow::Cow;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use rustix::fs::{FlockOperation, OFlags, flock};
use sha1::Sha1;

use crate::ssh::error::{Error, HostKeyError};
use crate::ssh::place::Place;
use crate::ssh::public_key::PublicKey;
use crate::sticky;

/// Largest file in bytes. A longer one is no known_hosts file, and the rest of it might hold the line that revokes a
/// key.
const FILE_LIMIT_BYTES: u64 = 64 << 20;

/// Longest name or pattern in bytes. OpenSSH ignores a line with a longer one.
const PATTERN_LIMIT_BYTES: usize = 1022;

/// Bytes of the salt of a hashed name: the length of a SHA-1 hash.
const SALT_BYTES: usize = 20;

/// Characters that OpenSSH never writes into a host's name, because they would make a pattern, a marker or a hash.
const NOT_IN_NAMES: &str = "@?*#[]|'\"\\";

/// The name under which a host's keys are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName {
    bare: String,
    port: Option<u16>,
}

impl HostName {
    /// The name of a host as the user typed it, reached on `port`.
    #[must_use]
    pub fn new(host: &str, port: u16) -> HostName {
        HostName { bare: host.to_ascii_lowercase(), port: (port != 22).then_some(port) }
    }

    /// A HostKeyAlias, which is used as it is, whatever the port.
    #[must_use]
    pub fn alias(alias: &str) -> HostName {
        HostName { bare: alias.to_ascii_lowercase(), port: None }
    }

    /// Returns the form used in a file: `host`, or `[host]:port` for a port other than 22.
    #[must_use]
    pub fn written(&self) -> String {
        match self.port {
            Some(port) => format!("[{}]:{port}", self.bare),
            None => self.bare.clone(),
        }
    }
}

impl HostName {
    /// Returns whether the name may be written to a file, in which it must not match other hosts as well.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.bare.is_empty()
            && !self.bare.chars().any(|character| {
                NOT_IN_NAMES.contains(character)
                    || character == ','
                    || character.is_whitespace()
                    || character.is_control()
            })
            && !self.bare.starts_with('!')
    }
}

/// The status that the files give to a key that a host has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyStatus {
    /// The host is known by this key.
    Known,
    /// The key is marked as revoked.
    Revoked(Place),
    /// The host is known by other keys, of any type. This is one of them.
    Changed {
        /// The line.
        place: Place,
        /// The type of its key, as messages name it.
        label: String,
    },
    /// No key is known for the host.
    Unknown,
}

/// A line or file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line; line 0 means the whole file.
    pub place: Place,
    /// The reason.
    pub reason: String,
}

/// The lines of all known_hosts files.
#[derive(Debug, Default)]
pub struct KnownHosts {
    entries: Vec<Entry>,
    faults: Vec<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marker {
    None,
    Revoked,
    CertAuthority,
}

#[derive(Debug)]
struct Entry {
    marker: Marker,
    hosts: Vec<u8>,
    key: PublicKey,
    place: Place,
}

impl KnownHosts {
    /// Reads all of `files`. A missing one counts as empty.
    ///
    /// # Errors
    /// [`HostKeyError::KnownHostsTooLong`], because a line beyond the limit could revoke a key.
    pub fn load(files: &[PathBuf]) -> Result<KnownHosts, Error> {
        let mut known = KnownHosts::default();
        for file in files {
            match read(file) {
                Ok(text) => known.add(file, &text),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) if error.kind() == ErrorKind::FileTooLarge => {
                    let (file, limit) = (file.clone(), FILE_LIMIT_BYTES);
                    return Err(HostKeyError::KnownHostsTooLong { file, limit }.into());
                }
                Err(error) => known.faults.push(Fault {
                    place: Place { file: file.clone(), line: 0 },
                    reason: crate::os_error::text(&error),
                }),
            }
        }
        Ok(known)
    }

    /// Reads the lines of one text.
    #[cfg(any(test, fuzzing))]
    pub(super) fn of_text(text: &[u8]) -> KnownHosts {
        let mut known = KnownHosts::default();
        known.add(Path::new("known_hosts"), text);
        known
    }

    /// Returns the lines that were skipped.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    fn add(&mut self, file: &Path, text: &[u8]) {
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let place = Place { file: file.to_owned(), line: index + 1 };
            match parse(line) {
                Ok(Some((marker, hosts, key))) => {
                    self.entries.push(Entry { marker, hosts: hosts.to_vec(), key, place });
                }
                Ok(None) => {}
                Err(reason) => self.faults.push(Fault { place, reason: reason.to_owned() }),
            }
        }
    }

    /// Returns the types of the known keys of `host`, as files name them. A connection requests these types first.
    ///
    /// As in ssh, only lines with this very name count, so for another port the bare name doesn't count. A type whose
    /// first key is revoked counts as unknown.
    #[must_use]
    pub fn types_of(&self, host: &HostName) -> Vec<&str> {
        let name = host.written();
        let mut first: Vec<&PublicKey> = Vec::new();
        for entry in self.plain(&name) {
            if first.iter().all(|key| key.kind() != entry.key.kind()) {
                first.push(&entry.key);
            }
        }
        first.retain(|key| self.revoked(&name, key).is_none());
        first.into_iter().map(PublicKey::kind).collect()
    }

    /// Returns the lines that list `key` for other names than `host`, each with its place and the names, or `[hashed
    /// name]`.
    pub fn other_names<'a>(
        &'a self,
        host: &HostName,
        key: &'a PublicKey,
    ) -> impl Iterator<Item = (&'a Place, Cow<'a, str>)> {
        let name = host.written();
        self.entries
            .iter()
            .filter(move |entry| {
                entry.marker == Marker::None && entry.key == *key && !matches_host(&entry.hosts, name.as_bytes())
            })
            .map(|entry| match entry.hosts.starts_with(b"|") {
                true => (&entry.place, Cow::Borrowed("[hashed name]")),
                false => (&entry.place, String::from_utf8_lossy(&entry.hosts)),
            })
    }

    /// Judges `key` as a key of `host`.
    ///
    /// If the host is known by any other key, the key has changed, even if the types differ: a man in the middle
    /// chooses the type to show.
    ///
    /// If nothing is known about a host on a port other than 22, the bare name is looked up. A known or revoked key
    /// counts then; another key doesn't, because it says nothing about the port.
    #[must_use]
    pub fn judge(&self, host: &HostName, key: &PublicKey) -> KeyStatus {
        match self.judge_as(&host.written(), key) {
            KeyStatus::Unknown => match self.judge_as(&host.bare, key) {
                status @ (KeyStatus::Known | KeyStatus::Revoked(_)) => status,
                _ => KeyStatus::Unknown,
            },
            status => status,
        }
    }

    fn judge_as(&self, host: &str, key: &PublicKey) -> KeyStatus {
        if let Some(entry) = self.revoked(host, key) {
            return KeyStatus::Revoked(entry.place.clone());
        }
        let mut other = None;
        for entry in self.plain(host) {
            if entry.key == *key {
                return KeyStatus::Known;
            }
            other = Some(entry);
        }
        match other {
            // ssh names the last one.
            Some(Entry { place, key, .. }) => {
                KeyStatus::Changed { place: place.clone(), label: key.label().to_owned() }
            }
            None => KeyStatus::Unknown,
        }
    }

    fn revoked(&self, host: &str, key: &PublicKey) -> Option<&Entry> {
        self.entries.iter().find(|entry| {
            entry.marker == Marker::Revoked && entry.key == *key && matches_host(&entry.hosts, host.as_bytes())
        })
    }

    fn plain(&self, host: &str) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.marker == Marker::None && matches_host(&entry.hosts, host.as_bytes()))
    }
}

/// Appends one line to `file` without rewriting it. A missing file is created with mode 0600, its directory with mode
/// 0700.
///
/// # Errors
/// The file can't be opened, locked or written, or the name of the host would be a pattern in it.
pub fn add(file: &Path, host: &HostName, key: &PublicKey, hashed: bool) -> io::Result<()> {
    if !host.is_plain() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "the name of the host would be a pattern"));
    }
    if let Some(directory) = file.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let mut file = open_to_append(file)?;
    flock(&file, FlockOperation::LockExclusive)?;
    let mut name = host.written();
    if hashed {
        name = hash(name.as_bytes(), &salt()?).ok_or_else(|| io::Error::other("the name can't be hashed"))?;
    }
    let mut line = String::new();
    if lacks_last_newline(&mut file)? {
        line.push('\n');
    }
    line.push_str(&format!("{name} {} {}\n", key.kind(), STANDARD.encode(key.blob())));
    file.write_all(line.as_bytes())
}

fn open_to_append(file: &Path) -> io::Result<File> {
    let file = sticky::follow(file)?;
    match OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(&file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Ok(sticky::open_with(&file, OFlags::RDWR | OFlags::APPEND)?.into())
        }
        made => made,
    }
}

fn lacks_last_newline(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let file = sticky::open(file)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::from_raw_os_error(rustix::io::Errno::ISDIR.raw_os_error()));
    }
    let mut text = Vec::new();
    file.take(FILE_LIMIT_BYTES + 1).read_to_end(&mut text)?;
    if text.len() as u64 > FILE_LIMIT_BYTES {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

type Line<'a> = (Marker, &'a [u8], PublicKey);

fn parse(line: &[u8]) -> Result<Option<Line<'_>>, &'static str> {
    // In C, a line ends at its first NUL.
    let line = line.split(|&byte| byte == 0).next().unwrap_or_default();
    // Only blanks and tabs separate words. Any other white space is part of a name.
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let Some(mut hosts) = words.next().filter(|word| !word.starts_with(b"#")) else {
        return Ok(None);
    };
    let marker = match hosts {
        b"@revoked" => Marker::Revoked,
        b"@cert-authority" => Marker::CertAuthority,
        [b'@', ..] => return Err("unknown marker"),
        _ => Marker::None,
    };
    if marker != Marker::None {
        hosts = words.next().ok_or("no host names")?;
    }
    let kind = words.next().ok_or("no key type")?;
    let blob: Vec<u8> = words.next().ok_or("no key")?.iter().copied().filter(|&byte| !is_c_space(byte)).collect();
    let blob = STANDARD.decode(blob).map_err(|_| "the key is not base64")?;
    let key = PublicKey::of_host(&blob).ok_or("not a key")?;
    let kind = match kind {
        // Names of signature algorithms that use ssh-rsa keys.
        b"rsa-sha2-256" | b"rsa-sha2-512" => b"ssh-rsa",
        kind => kind,
    };
    if key.kind().as_bytes() != kind {
        return Err("the key is not of the type that is named");
    }
    Ok(Some((marker, hosts, key)))
}

/// Returns whether C's `isspace` accepts a byte. White space may break up base64, and includes the CR of a line that
/// ends with CRLF.
fn is_c_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// Returns whether the first field of a line matches `host`, which must be in lower case.
fn matches_host(field: &[u8], host: &[u8]) -> bool {
    if field.starts_with(b"|") {
        return matches_hashed(field, host).unwrap_or(false);
    }
    let mut matched = false;
    for pattern in field.split(|&byte| byte == b',') {
        let (negated, pattern) = match pattern {
            [b'!', pattern @ ..] => (true, pattern),
            pattern => (false, pattern),
        };
        if pattern.len() > PATTERN_LIMIT_BYTES {
            return false;
        }
        if matches_pattern(&pattern.to_ascii_lowercase(), host) {
            if negated {
                return false;
            }
            matched = true;
        }
    }
    matched
}

/// Matches `*` and `?` as in ssh_config(5); any other byte matches itself. The time is at most proportional to the
/// text, the pattern and the number of stars.
pub(super) fn matches_pattern(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at_pattern, mut at_text) = (0, 0);
    let mut star = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                star = Some((at_pattern, at_text));
                at_pattern += 1;
                continue;
            }
            Some(&byte) if byte == b'?' || byte == text[at_text] => {
                at_pattern += 1;
                at_text += 1;
                continue;
            }
            _ => {}
        }
        let Some((star_pattern, star_text)) = star else {
            return false;
        };
        // Let the last star match one more byte, and try the rest again from there.
        (at_pattern, at_text) = (star_pattern, star_text + 1);
    }
    pattern[at_pattern..].iter().all(|&byte| byte == b'*')
}

/// Compares the texts, as ssh does: a hash or salt in another notation or of another length doesn't match.
fn matches_hashed(field: &[u8], host: &[u8]) -> Option<bool> {
    let rest = field.strip_prefix(b"|1|")?;
    let bar = rest.iter().position(|&byte| byte == b'|')?;
    let salt: [u8; SALT_BYTES] = STANDARD.decode(&rest[..bar]).ok()?.try_into().ok()?;
    Some(hash(host, &salt)?.as_bytes() == field)
}

/// Returns a hashed name in the form used in files. Returns `None` if HMAC rejects the salt, which can't happen with
/// this length.
fn hash(host: &[u8], salt: &[u8; SALT_BYTES]) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(salt).ok()?;
    mac.update(host);
    Some(format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(mac.finalize().into_bytes())))
}

fn salt() -> io::Result<[u8; SALT_BYTES]> {
    let mut salt = [0; SALT_BYTES];
    openssl::rand::rand_bytes(&mut salt).map_err(io::Error::other)?;
    Ok(salt)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn blob(parts: &[&[u8]]) -> Vec<u8> {
        let field = |part: &&[u8]| [&u32::try_from(part.len()).unwrap().to_be_bytes()[..], part].concat();
        parts.iter().flat_map(field).collect()
    }

    fn ed25519(seed: u8) -> PublicKey {
        PublicKey::of_host(&blob(&[b"ssh-ed25519", &[seed; 32]])).unwrap()
    }

    fn rsa(seed: u8) -> PublicKey {
        PublicKey::of_host(&blob(&[b"ssh-rsa", b"\x01\0\x01", &[&[0, 0xc0][..], &[seed; 255]].concat()])).unwrap()
    }

    fn hashed(host: &str) -> String {
        hash(host.as_bytes(), &[7; SALT_BYTES]).unwrap()
    }

    /// Returns a line for `hosts` with `key`.
    fn line(hosts: &str, key: &PublicKey) -> String {
        format!("{hosts} {} {}", key.kind(), STANDARD.encode(key.blob()))
    }

    fn known(text: impl AsRef<[u8]>) -> KnownHosts {
        let mut known = KnownHosts::default();
        known.add(Path::new("kh"), text.as_ref());
        known
    }

    fn at(line: usize) -> Place {
        Place { file: PathBuf::from("kh"), line }
    }

    #[test]
    fn a_host_is_known_by_every_form_of_its_name() {
        let ours = ed25519(1);
        for (hosts, host, port) in [
            ("h.example", "h.example", 22),
            ("other,h.example", "h.example", 22),
            ("h.example", "H.Example", 22),
            ("H.EXAMPLE", "h.example", 22),
            ("[h.example]:2222", "h.example", 2222),
            ("*.example", "h.example", 22),
            ("h.exampl?", "h.example", 22),
            ("*", "h.example", 22),
            ("127.0.0.*", "127.0.0.1", 22),
            ("[127.0.0.*]:*", "127.0.0.1", 2222),
            ("!x.example,*.example", "h.example", 22),
            ("::1", "::1", 22),
            ("[::1]:2222", "::1", 2222),
            (&hashed("h.example"), "h.example", 22),
            (&hashed("[h.example]:2222"), "h.example", 2222),
            (&format!("h.example,{}", "x".repeat(PATTERN_LIMIT_BYTES)), "h.example", 22),
            ("h.example", "h.example", 2222),
        ] {
            let status = known(line(hosts, &ours)).judge(&HostName::new(host, port), &ours);
            assert_eq!(status, KeyStatus::Known, "{hosts} for {host} port {port}");
        }
    }

    #[test]
    fn a_host_is_not_known_by_what_merely_looks_like_its_name() {
        let ours = ed25519(1);
        for (hosts, host, port) in [
            ("h", "h.example", 22),
            ("h.example.org", "h.example", 22),
            ("!h.example,*.example", "h.example", 22),
            ("*.example,!h.example", "h.example", 22),
            ("[h.example]:2222", "h.example", 22),
            ("[h.example]:2222", "h.example", 2223),
            ("h?example", "hexample", 22),
            ("[a-z].example", "h.example", 22),
            (&hashed("g.example"), "h.example", 22),
            (&hashed("h.example").replace("|1|", "|2|"), "h.example", 22),
            (hashed("h.example").trim_end_matches('='), "h.example", 22),
            (&format!("{},h.example", hashed("g.example")), "h.example", 22),
            (&format!("h.example,{}", "x".repeat(PATTERN_LIMIT_BYTES + 1)), "h.example", 22),
            (&format!("{},h.example", "*".repeat(PATTERN_LIMIT_BYTES + 1)), "h.example", 22),
            ("|1|notbase64|x", "h.example", 22),
            ("|2|AAAA|AAAA", "h.example", 22),
            ("", "h.example", 22),
        ] {
            let status = known(line(hosts, &ours)).judge(&HostName::new(host, port), &ours);
            assert_eq!(status, KeyStatus::Unknown, "{hosts} for {host} port {port}");
        }
    }

    #[test]
    fn an_alias_is_a_name_of_its_own_on_every_port() {
        let known = known(line("myalias", &ed25519(1)));
        assert_eq!(known.judge(&HostName::alias("MyAlias"), &ed25519(1)), KeyStatus::Known);
        assert_eq!(known.judge(&HostName::alias("MyAlias"), &ed25519(2)), changed(1));
    }

    fn changed(line: usize) -> KeyStatus {
        KeyStatus::Changed { place: at(line), label: String::from("ED25519") }
    }

    #[test]
    fn any_other_key_of_the_host_is_a_change_whatever_its_type() {
        let text = [line("a", &ed25519(2)), line("h", &rsa(1)), line("h", &ed25519(1))].join("\n");
        let known = known(text);
        let host = HostName::new("h", 22);
        assert_eq!(known.judge(&host, &ed25519(2)), changed(3));
        assert_eq!(known.judge(&host, &rsa(2)), changed(3));
        assert_eq!(known.types_of(&host), ["ssh-rsa", "ssh-ed25519"]);
    }

    #[test]
    fn one_of_several_keys_of_a_type_is_enough() {
        let known = known([line("h", &ed25519(1)), line("h", &ed25519(2))].join("\n"));
        assert_eq!(known.judge(&HostName::new("h", 22), &ed25519(2)), KeyStatus::Known);
    }

    #[test]
    fn a_revoked_key_is_refused_wherever_else_it_stands() {
        let host = HostName::new("h", 22);
        let revoked = format!("@revoked * {}", line("", &ed25519(1)).trim());
        for text in [[line("h", &ed25519(1)), revoked.clone()], [revoked.clone(), line("h", &ed25519(1))]] {
            let place = text.iter().position(|line| line.starts_with('@')).unwrap() + 1;
            assert_eq!(known(text.join("\n")).judge(&host, &ed25519(1)), KeyStatus::Revoked(at(place)));
            assert_eq!(
                known(text.join("\n")).judge(&HostName::new("h", 2222), &ed25519(1)),
                KeyStatus::Revoked(at(place))
            );
        }
        assert_eq!(known(&revoked).judge(&host, &ed25519(2)), KeyStatus::Unknown);
        assert_eq!(known(&revoked).types_of(&host), Vec::<&str>::new());
        let text = [line("h", &ed25519(1)), line("h", &ed25519(2)), line("h", &rsa(1)), revoked].join("\n");
        assert_eq!(known(text).types_of(&host), ["ssh-rsa"], "the first ed25519 key is revoked");
    }

    #[test]
    fn a_revoked_key_in_another_notation_is_revoked() {
        let key = rsa(1);
        let mut rest = key.blob();
        let mut field = || crate::ssh::public_key::take_string(&mut rest).unwrap();
        let (kind, exponent, modulus) = (field(), field(), field());
        let padded = blob(&[kind, &[&[0, 0][..], exponent].concat(), &[&[0, 0, 0][..], modulus].concat()]);
        let shown = PublicKey::of_host(&padded).unwrap();
        let known = known(format!("@revoked * {}", line("", &key).trim()));
        assert_eq!(known.judge(&HostName::new("h", 22), &shown), KeyStatus::Revoked(at(1)));
    }

    #[test]
    fn a_certificate_authority_is_no_host_key() {
        let authority = format!("@cert-authority * {}", line("", &ed25519(1)).trim());
        let known = known(authority);
        assert_eq!(known.judge(&HostName::new("h", 22), &ed25519(1)), KeyStatus::Unknown);
        assert_eq!(known.faults(), []);
    }

    #[test]
    fn a_key_on_a_port_outweighs_the_bare_name() {
        let text = [line("[h]:2222", &ed25519(2)), line("h", &ed25519(1))].join("\n");
        assert_eq!(known(&text).judge(&HostName::new("h", 2222), &ed25519(1)), changed(1));
        assert_eq!(known(&text).judge(&HostName::new("h", 2222), &ed25519(2)), KeyStatus::Known);
        assert_eq!(known(&text).judge(&HostName::new("h", 2223), &ed25519(2)), KeyStatus::Unknown, "no word of 2223");
        let text = [line("[h]:2222", &ed25519(2)), line("h", &rsa(1))].join("\n");
        assert_eq!(known(&text).types_of(&HostName::new("h", 2222)), ["ssh-ed25519"]);
        assert_eq!(known(&text).types_of(&HostName::new("h", 2223)), Vec::<&str>::new(), "no word of 2223");
    }

    #[test]
    fn bad_lines_are_faults_of_their_own_and_hide_nothing() {
        let mut text =
            b"\xff\xfe garbage\n# a comment\n\n   \nh\nh ssh-ed25519\nh ssh-ed25519 ???\nh ssh-rsa ".to_vec();
        text.extend_from_slice(STANDARD.encode(ed25519(1).blob()).as_bytes());
        text.extend_from_slice(format!("\n@strange h ssh-ed25519 AAAA\n#{}\n", "x".repeat(5000)).as_bytes());
        text.extend_from_slice(format!("{}\r\n", line("crlf", &ed25519(1))).as_bytes());
        text.extend_from_slice(line("tab", &ed25519(1)).replace(' ', "\t").as_bytes());
        text.extend_from_slice(format!("\n  {} a comment of words", line("indented", &ed25519(1))).as_bytes());
        let known = known(&text);
        let reasons: Vec<_> = known.faults().iter().map(|fault| (fault.place.line, fault.reason.as_str())).collect();
        assert_eq!(
            reasons,
            [
                (1, "no key"),
                (5, "no key type"),
                (6, "no key"),
                (7, "the key is not base64"),
                (8, "the key is not of the type that is named"),
                (9, "unknown marker"),
            ]
        );
        for host in ["crlf", "tab", "indented"] {
            assert_eq!(known.judge(&HostName::new(host, 22), &ed25519(1)), KeyStatus::Known, "{host}");
        }
    }

    #[test]
    fn only_blanks_and_tabs_part_words_and_a_nul_ends_the_line() {
        let text = line("h", &ed25519(1));
        for space in ["\r", "\x0b", "\x0c", "\u{a0}"] {
            let known = known(text.replacen(' ', space, 1));
            assert_eq!(known.judge(&HostName::new("h", 22), &ed25519(1)), KeyStatus::Unknown, "{space:?}");
        }
        let ends = known(text.replacen(' ', " \0", 2));
        assert_eq!((ends.judge(&HostName::new("h", 22), &ed25519(1)), ends.faults().len()), (KeyStatus::Unknown, 1));
        let goes_on = known(format!("{text}\0@revoked"));
        assert_eq!(goes_on.judge(&HostName::new("h", 22), &ed25519(1)), KeyStatus::Known);
    }

    #[test]
    fn an_rsa_key_may_be_named_by_what_it_signs_with() {
        let text = line("h", &rsa(1)).replace(" ssh-rsa ", " rsa-sha2-512 ");
        assert_eq!(known(&text).judge(&HostName::new("h", 22), &rsa(1)), KeyStatus::Known);
        assert_eq!(known(&text).types_of(&HostName::new("h", 22)), ["ssh-rsa"]);
    }

    #[test]
    fn the_other_names_of_a_key_are_told() {
        let text = [line("h", &ed25519(1)), line("g,*.g", &ed25519(1)), line(&hashed("k"), &ed25519(1))].join("\n");
        let text = [text, line("x", &ed25519(2)), format!("@revoked {}", line("r", &ed25519(1)))].join("\n");
        let (known, key) = (known(text), ed25519(1));
        let names: Vec<_> = known.other_names(&HostName::new("h", 22), &key).collect();
        assert_eq!(names, [(&at(2), Cow::Borrowed("g,*.g")), (&at(3), Cow::Borrowed("[hashed name]"))]);
    }

    #[test]
    fn a_name_that_would_mean_other_hosts_is_never_written() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("known_hosts");
        for name in ["*", "h?", "[h]", "@revoked", "#h", "|1|x", "a,b", "a b", "!h", "a\nb", ""] {
            assert!(add(&file, &HostName::alias(name), &ed25519(1), false).is_err(), "{name:?}");
        }
        assert!(!file.exists());
        assert!(HostName::new("fe80::1%eth0", 2222).is_plain());
    }

    // difference: known-hosts-newline
    #[test]
    fn a_line_is_appended_and_nothing_else_is_touched() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("new/known_hosts");
        let host = HostName::new("H.example", 2222);
        add(&file, &host, &ed25519(1), false).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), line("[h.example]:2222", &ed25519(1)) + "\n");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(file.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);

        fs::write(&file, "# no newline at the end").unwrap();
        add(&file, &host, &ed25519(1), true).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# no newline at the end\n|1|"), "{text}");
        assert!(!text.contains("example"), "{text}");
        assert_eq!(KnownHosts::load(&[file]).unwrap().judge(&host, &ed25519(1)), KeyStatus::Known);
    }

    #[test]
    fn a_missing_file_is_empty_and_a_directory_is_a_fault() {
        let directory = tempfile::tempdir().unwrap();
        let known = KnownHosts::load(&[directory.path().join("none"), directory.path().to_owned()]).unwrap();
        assert_eq!(known.faults().len(), 1);
        assert_eq!(known.faults()[0].reason, "Is a directory");
        add(directory.path(), &HostName::new("h", 22), &ed25519(1), false).unwrap_err();
    }

    // difference: long-known-hosts
    #[test]
    fn no_key_is_judged_by_half_of_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let long = directory.path().join("long");
        fs::File::create(&long).unwrap().set_len(FILE_LIMIT_BYTES + 1).unwrap();
        let error = KnownHosts::load(std::slice::from_ref(&long)).unwrap_err();
        let said =
            format!("{}: the file is longer than 67108864 bytes, so the host key can't be checked", long.display());
        assert!(error.to_string().ends_with(&said), "{error}");
    }

    #[test]
    fn a_line_goes_where_a_link_leads_also_if_nothing_is_there_yet() {
        let directory = tempfile::tempdir().unwrap();
        let [link, target] = ["link", "target"].map(|name| directory.path().join(name));
        symlink(&target, &link).unwrap();
        for lines in 1..3 {
            add(&link, &HostName::new("h", 22), &ed25519(1), false).unwrap();
            assert_eq!(fs::read_to_string(&target).unwrap().lines().count(), lines);
        }
    }

    #[test]
    fn a_pattern_of_many_stars_takes_no_time() {
        assert!(!matches_pattern("*a".repeat(2000).as_bytes(), "a".repeat(1999).as_bytes()));
        assert!(matches_pattern("*a".repeat(2000).as_bytes(), "a".repeat(2000).as_bytes()));
    }

    #[test]
    fn a_place_is_shown_as_file_and_line() {
        assert_eq!(at(3).to_string(), "kh:3");
    }

    #[test]
    fn no_two_hashed_names_share_a_salt() {
        assert_ne!(salt().unwrap(), salt().unwrap());
    }
}
