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

    fn blob(parts: &[&[u8]]) -> Vec<u8> {
        let field = |part: &&[u8]| [&u32::try_from(part.len()).unwrap().to_be_bytes()[..], part].concat();
        parts.iter().flat_map(field).collect()
    }

    #[test]
    fn an_rsa_key_has_the_bits_of_its_modulus() {
        for (modulus, bits) in
            [(&[0, 0x80, 1, 2][..], Some(24)), (&[0x7f, 1], Some(15)), (&[1], Some(1)), (&[0], None), (&[], None)]
        {
            let key = PublicKey::from_blob(&blob(&[b"ssh-rsa", b"\x01\0\x01", modulus])).unwrap();
            assert_eq!(key.rsa_bits(), bits, "{modulus:?}");
        }
        assert_eq!(PublicKey::from_blob(&blob(&[b"ssh-rsa"])).unwrap().rsa_bits(), None);
        assert_eq!(PublicKey::from_blob(&blob(&[b"ssh-dss", b"\x01", b"\x01"])).unwrap().rsa_bits(), None);
    }

    #[test]
    fn messages_name_the_types_as_openssh_does() {
        for (kind, label) in [
            ("ssh-ed25519", "ED25519"),
            ("ssh-rsa", "RSA"),
            ("ssh-dss", "DSA"),
            ("ecdsa-sha2-nistp521", "ECDSA"),
            ("sk-ssh-ed25519@openssh.com", "ED25519-SK"),
            ("sk-ecdsa-sha2-nistp256@openssh.com", "ECDSA-SK"),
            ("something-else", "something-else"),
        ] {
            assert_eq!(PublicKey::from_blob(&blob(&[kind.as_bytes()])).unwrap().label(), label);
        }
    }

    #[test]
    fn a_type_is_a_word_of_64_printable_characters_at_most() {
        for (kind, fits) in [
            ("x".repeat(64), true),
            ("x".repeat(65), false),
            (String::new(), false),
            ("a b".to_owned(), false),
            ("a,b".to_owned(), false),
            ("\u{e9}".to_owned(), false),
        ] {
            assert_eq!(PublicKey::from_blob(&blob(&[kind.as_bytes()])).is_some(), fits, "{kind:?}");
        }
    }
}
