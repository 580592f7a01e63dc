//! Public keys in SSH's wire format, and how they are shown.
#![forbid(unsafe_code)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A public key of a host or a person, as it stands on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    kind: String,
    blob: Vec<u8>,
}

impl PublicKey {
    /// Takes the key in SSH's wire format, which begins with the name of its type.
    #[must_use]
    pub fn from_blob(blob: &[u8]) -> Option<PublicKey> {
        let kind = first_string(blob)?;
        let kind = str::from_utf8(kind).ok().filter(|kind| is_type_name(kind))?;
        Some(PublicKey { kind: kind.to_owned(), blob: blob.to_vec() })
    }

    /// The type as in files: `ssh-ed25519`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The key in SSH's wire format.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// The type as in messages: `ED25519`.
    #[must_use]
    pub fn label(&self) -> &str {
        label(&self.kind)
    }

    /// The fingerprint as OpenSSH shows it: `SHA256:…`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = STANDARD.encode(Sha256::digest(&self.blob));
        format!("SHA256:{}", digest.trim_end_matches('='))
    }

    /// Bits of an RSA key's modulus; `None` for other types.
    #[must_use]
    pub fn rsa_bits(&self) -> Option<usize> {
        if self.kind != "ssh-rsa" {
            return None;
        }
        let mut rest = &self.blob[..];
        let _kind = take_string(&mut rest)?;
        let _exponent = take_string(&mut rest)?;
        let modulus = take_string(&mut rest)?;
        let modulus: &[u8] = &modulus[modulus.iter().take_while(|&&byte| byte == 0).count()..];
        let first = modulus.first()?;
        Some(modulus.len() * 8 - first.leading_zeros() as usize)
    }
}

/// The type of a key as messages name it: `ED25519` for `ssh-ed25519`.
fn label(kind: &str) -> &str {
    match kind {
        "ssh-ed25519" => "ED25519",
        "ssh-rsa" => "RSA",
        "ssh-dss" => "DSA",
        kind if kind.starts_with("ecdsa-sha2-") => "ECDSA",
        "sk-ssh-ed25519@openssh.com" => "ED25519-SK",
        kind if kind.starts_with("sk-ecdsa-sha2-") => "ECDSA-SK",
        kind => kind,
    }
}

fn is_type_name(kind: &str) -> bool {
    !kind.is_empty() && kind.len() <= 64 && kind.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

fn first_string(blob: &[u8]) -> Option<&[u8]> {
    let mut rest = blob;
    take_string(&mut rest)
}

/// Takes a string of SSH's wire format (RFC 4251, section 5) off the front.
pub(super) fn take_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (string, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_and_size_are_what_ssh_keygen_says() {
        let blob = STANDARD.decode("AAAAC3NzaC1lZDI1NTE5AAAAIO/8aTCECqHYzWCrN/OnRbGt1XGfqsEgkcnWM7qHjFSO").unwrap();
        let key = PublicKey::from_blob(&blob).unwrap();
        assert_eq!(key.fingerprint(), "SHA256:uoBGuFMZiJcSYkqPF+B21SySDE5tI6dB0wtrBsKuru8");
        assert_eq!(key.rsa_bits(), None);
        assert!(PublicKey::from_blob(b"").is_none());
        assert!(PublicKey::from_blob(b"\xff\xff\xff\xffssh-rsa").is_none());
    }
}
