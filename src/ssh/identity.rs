//! Private key files: everything that can be read from them without the passphrase.

use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::pkey::PKey;
use zeroize::Zeroizing;

use crate::os_error;
use crate::ssh::error::framed;
use crate::ssh::public_key::{put_string, take_string};
use crate::sticky;
use crate::terminal::Printable;

/// Largest file that can be a private key.
const KEY_FILE_LIMIT_BYTES: u64 = 1 << 20;

/// Free space that `read_to_end` needs at the end of a file so that it doesn't move the buffer.
const GROWTH_BYTES: usize = 64;

/// First line of a private key in OpenSSH's own format.
const OPENSSH_HEADER: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";

/// The first bytes of OpenSSH's own format (PROTOCOL.key).
const OPENSSH_MAGIC: &[u8] = b"openssh-key-v1\0";

/// A key pair on disk.
pub(super) struct Identity {
    /// The path of the file.
    pub(super) file: PathBuf,
    /// The public key in wire format, if it is known without the passphrase.
    pub(super) public: Option<Vec<u8>>,
    /// The private key; `None` if only the public key is on disk, for an agent to sign with.
    pub(super) private: Option<PrivateKey>,
}

/// The text of a private key.
pub(super) struct PrivateKey {
    /// The contents of the file.
    pub(super) text: Zeroizing<String>,
    /// True if the key needs a passphrase.
    pub(super) encrypted: bool,
}

/// Why an identity file can't be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// The file doesn't exist.
    Missing,
    /// Other users may read the file, which has these permission bits.
    Open(u32),
    /// Another reason.
    Because(String),
}

impl Unusable {
    /// Returns the lines that ssh(1) prints about the file when it would use it.
    pub(super) fn lines(&self, file: &Path) -> Vec<String> {
        let name = Printable(file.as_os_str().as_bytes());
        match self {
            Unusable::Missing => vec![format!("no such identity: {name}: No such file or directory")],
            Unusable::Open(mode) => {
                let mut lines = framed("         WARNING: UNPROTECTED PRIVATE KEY FILE!          ").to_vec();
                lines.push(format!("Permissions 0{mode:o} for '{name}' are too open."));
                lines.push(String::from("It is required that your private key files are NOT accessible by others."));
                lines.push(String::from("This private key will be ignored."));
                lines.push(format!("Load key \"{name}\": bad permissions"));
                lines
            }
            Unusable::Because(reason) => vec![format!("Load key \"{name}\": {reason}")],
        }
    }
}

impl Identity {
    /// Reads the file and, if needed, the public key in the `.pub` file next to it.
    pub(super) fn load(file: &Path) -> Result<Identity, Unusable> {
        let beside = || public_key(&read(&with_suffix(file, ".pub")).ok()?).map(|(_, blob)| blob);
        let text = match read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let public = Some(beside().ok_or(Unusable::Missing)?);
                return Ok(Identity { file: file.to_owned(), public, private: None });
            }
            Err(error) => return Err(Unusable::Because(os_error::text(&error))),
        };
        if let Some((_, blob)) = public_key(&text) {
            return Ok(Identity { file: file.to_owned(), public: Some(blob), private: None });
        }
        if !text.contains("-----BEGIN ") {
            return Err(Unusable::Because(String::from("invalid format")));
        }
        if let Some(mode) = open_to_others(file) {
            return Err(Unusable::Open(mode));
        }
        let (public, encrypted) = match openssh_header(&text) {
            Some((public, encrypted)) => (Some(public), encrypted),
            None => (beside(), is_encrypted_pem(&text)),
        };
        let private = PrivateKey { text, encrypted };
        let public = public.or_else(|| private.rsa_public(None));
        let private = Some(private);
        Ok(Identity { file: file.to_owned(), public, private })
    }

    /// Returns the certificate in the `-cert.pub` file, in wire format, if it is a user certificate for this key.
    pub(super) fn certificate(&self) -> Option<Vec<u8>> {
        let certificate = certificate_in(&with_suffix(&self.file, "-cert.pub"))?;
        let fits = self.public.as_ref().is_none_or(|public| certifies(&certificate, public));
        fits.then_some(certificate)
    }
}

/// Returns the certificate in a file, in wire format, if it is a user certificate.
pub(super) fn certificate_in(file: &Path) -> Option<Vec<u8>> {
    let (_, blob) = public_key(&read(file).ok()?)?;
    is_for_users(&blob).then_some(blob)
}

impl PrivateKey {
    /// Returns the public key in wire format, if this is an RSA key in PEM and the passphrase, or none, opens it.
    /// Among the types in PEM, only RSA has a choice of signatures and sizes.
    pub(super) fn rsa_public(&self, passphrase: Option<&Zeroizing<String>>) -> Option<Vec<u8>> {
        let text = self.text.as_bytes();
        let key = match passphrase {
            Some(passphrase) => PKey::private_key_from_pem_passphrase(text, passphrase.as_bytes()),
            // OpenSSL would prompt on the terminal for a missing passphrase.
            None => PKey::private_key_from_pem_callback(text, |_| Ok(0)),
        };
        let key = key.ok()?.rsa().ok()?;
        let mut blob = Vec::new();
        put_string(&mut blob, b"ssh-rsa");
        for number in [key.e().to_vec(), key.n().to_vec()] {
            // A positive mpint never begins with a set bit (RFC 4251, section 5).
            let zero: &[u8] = if number.first().is_some_and(|&byte| byte >= 0x80) { &[0] } else { &[] };
            put_string(&mut blob, &[zero, &number].concat());
        }
        Some(blob)
    }
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    let file = sticky::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    // Reserve space for the whole file and the read at its end: growing the buffer would leave copies that are never
    // wiped.
    let length = usize::try_from(file.metadata()?.len().min(KEY_FILE_LIMIT_BYTES)).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + GROWTH_BYTES));
    file.take(bytes.capacity() as u64).read_to_end(&mut bytes)?;
    match str::from_utf8(&bytes) {
        Ok(text) if !text.contains('\0') => Ok(Zeroizing::new(text.to_owned())),
        _ => Err(io::Error::new(ErrorKind::InvalidData, "invalid format")),
    }
}

/// Returns the permission bits of a key file that other users could read. Like ssh, it checks only files of the
/// user's own.
fn open_to_others(file: &Path) -> Option<u32> {
    let found = file.metadata().ok()?;
    let is_open = found.uid() == rustix::process::getuid().as_raw() && found.mode() & 0o077 != 0;
    is_open.then_some(found.mode() & 0o777)
}

/// Reads the line of a public key. Returns its type and its wire format.
fn public_key(text: &str) -> Option<(String, Vec<u8>)> {
    let mut words = text.lines().next()?.split_ascii_whitespace();
    let kind = words.next().filter(|kind| !kind.starts_with('-'))?;
    let blob = STANDARD.decode(words.next()?).ok()?;
    let mut rest = &blob[..];
    (take_string(&mut rest)? == kind.as_bytes()).then(|| (kind.to_owned(), blob))
}

/// Reads the public key from OpenSSH's own format, and whether the private key is encrypted.
fn openssh_header(text: &str) -> Option<(Vec<u8>, bool)> {
    let (_, body) = text.split_once(OPENSSH_HEADER)?;
    let (body, _) = body.split_once("-----END ")?;
    let mut joined = Zeroizing::new(String::with_capacity(body.len()));
    body.split_ascii_whitespace().for_each(|line| joined.push_str(line));
    let decoded = Zeroizing::new(STANDARD.decode(joined.as_bytes()).ok()?);
    let mut rest = decoded.strip_prefix(OPENSSH_MAGIC)?;
    let cipher = take_string(&mut rest)?;
    let _derivation = take_string(&mut rest)?;
    let _options = take_string(&mut rest)?;
    let (_count, mut rest) = rest.split_first_chunk::<4>()?;
    Some((take_string(&mut rest)?.to_vec(), cipher != b"none"))
}

fn is_encrypted_pem(text: &str) -> bool {
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || text.lines().any(|line| line.starts_with("Proc-Type:") && line.contains("ENCRYPTED"))
}

/// Returns whether a certificate is for the key `public`, whose fields follow the certificate's nonce
/// (PROTOCOL.certkeys).
pub(super) fn certifies(certificate: &[u8], public: &[u8]) -> bool {
    let (mut certificate, mut public) = (certificate, public);
    let (Some(kind), Some(plain)) = (take_string(&mut certificate), take_string(&mut public)) else {
        return false;
    };
    let plain_kind = kind.strip_suffix(b"-cert-v01@openssh.com");
    let same = plain_kind.is_some_and(|kind| kind == plain || plain.strip_suffix(b"@openssh.com") == Some(kind));
    same && take_string(&mut certificate).is_some() && certificate.starts_with(public)
}

/// Returns whether a certificate is for a user, not for a host (PROTOCOL.certkeys).
fn is_for_users(certificate: &[u8]) -> bool {
    const FOR_USERS: [u8; 4] = [0, 0, 0, 1];
    let mut rest = certificate;
    let fields = match take_string(&mut rest) {
        Some(b"ssh-ed25519-cert-v01@openssh.com") => 1,
        Some(b"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com") => 3,
        Some(kind) if kind.ends_with(b"-cert-v01@openssh.com") => 2,
        _ => return false,
    };
    // A nonce, the key's own fields, and a serial number of eight bytes.
    (0..1 + fields).all(|_| take_string(&mut rest).is_some())
        && rest.get(8..).is_some_and(|rest| rest.starts_with(&FOR_USERS))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    /// Returns the type of an identity's key.
    fn kind(identity: &Identity) -> Option<&str> {
        let mut rest = &identity.public.as_ref()?[..];
        str::from_utf8(take_string(&mut rest)?).ok()
    }

    /// Creates a key pair with ssh-keygen and returns its path. `words` are further arguments.
    fn keygen(directory: &Path, words: &[&str]) -> PathBuf {
        let file = directory.join("key");
        let status = Command::new("ssh-keygen").args(["-q", "-C", "", "-f"]).arg(&file).args(words).status().unwrap();
        assert!(status.success());
        file
    }

    #[test]
    fn every_format_tells_its_public_key_and_whether_it_is_encrypted() {
        for (words, name, encrypted) in [
            (&["-t", "ed25519", "-N", ""][..], "ssh-ed25519", false),
            (&["-t", "ed25519", "-N", "secret"], "ssh-ed25519", true),
            (&["-t", "ecdsa", "-N", "secret", "-m", "PEM"], "ecdsa-sha2-nistp256", true),
            (&["-t", "rsa", "-b", "1024", "-N", "", "-m", "PEM"], "ssh-rsa", false),
            (&["-t", "rsa", "-b", "1024", "-N", "secret", "-m", "PKCS8"], "ssh-rsa", true),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let identity = Identity::load(&keygen(directory.path(), words)).ok().unwrap();
            assert_eq!(kind(&identity), Some(name), "{words:?}");
            assert_eq!(identity.private.unwrap().encrypted, encrypted, "{words:?}");
        }
    }

    #[test]
    fn what_is_no_private_key_says_why() {
        let directory = tempfile::tempdir().unwrap();
        let because = |text: &str| Some(Unusable::Because(String::from(text)));
        let file = directory.path().join("key");
        assert_eq!(Identity::load(&file).err(), Some(Unusable::Missing));
        assert_eq!(Identity::load(directory.path()).err(), because("not a regular file"));
        for text in [&b""[..], b"not a key\n", b"\xff\xfe", b"-----BEGIN\0"] {
            fs::write(&file, text).unwrap();
            assert_eq!(Identity::load(&file).err(), because("invalid format"), "{text:?}");
        }
        fs::remove_file(&file).unwrap();
        let file = keygen(directory.path(), &["-t", "ed25519", "-N", ""]);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(Identity::load(&file).err(), Some(Unusable::Open(0o644)));
    }

    #[test]
    fn a_public_key_alone_is_for_the_agent() {
        let directory = tempfile::tempdir().unwrap();
        let file = keygen(directory.path(), &["-t", "ed25519", "-N", ""]);
        fs::remove_file(&file).unwrap();
        for file in [file.clone(), with_suffix(&file, ".pub")] {
            let identity = Identity::load(&file).ok().unwrap();
            assert_eq!(kind(&identity), Some("ssh-ed25519"));
            assert!(identity.private.is_none());
        }
    }

    #[test]
    fn a_certificate_is_found_beside_its_key_and_fits_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        for kind in ["ed25519", "ecdsa", "rsa"] {
            let authority = keygen(other.path(), &["-t", "ed25519", "-N", ""]);
            let key = keygen(directory.path(), &["-t", kind, "-N", ""]);
            let sign = ["-q", "-I", "me", "-n", "root", "-s"];
            let signed = Command::new("ssh-keygen").args(sign).args([&authority, &with_suffix(&key, ".pub")]).status();
            assert!(signed.unwrap().success());
            let identity = Identity::load(&key).ok().unwrap();
            let certificate = identity.certificate().expect(kind);
            let stranger = Identity::load(&authority).ok().unwrap();
            assert!(!certifies(&certificate, &stranger.public.unwrap()), "{kind}");
            let sign = ["-q", "-h", "-I", "me", "-n", "root", "-s"];
            let signed = Command::new("ssh-keygen").args(sign).args([&authority, &with_suffix(&key, ".pub")]).status();
            assert!(signed.unwrap().success());
            assert_eq!(identity.certificate(), None, "{kind}: it is a host's");
            for directory in [&directory, &other] {
                fs::read_dir(directory.path()).unwrap().for_each(|file| fs::remove_file(file.unwrap().path()).unwrap());
            }
        }
    }
}
